"""The screen of robustness: how the NME rises as images or boxes get worse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from fldbench.errors import StoreError
from fldbench.escape import plain
from fldbench.report.curves import BOXES, Section
from fldbench.report.page.curves import curves_figure, legend
from fldbench.report.page.measured import Measured
from fldbench.report.page.sides import Panel, Side
from fldbench.report.robustness import robustness
from fldbench.report.robustness_tables import tables_of

HOW = (
    "Robustness needs protocols with harm beside the same ones without: "
    "`300w-helen@harm=*` among the protocols of a suite stands for all kinds and strengths."
)


def robustness_side(folders: Sequence[str | Path], tables: Sequence[Measured]) -> Side | None:
    """Return the screen; None where no record is about a protocol with harm."""
    try:
        found = robustness(list(folders))
    except StoreError:
        return None
    panels: list[Panel] = []
    for place, rules in found.captions.items():
        sections = [one for one in found.sections if (one.train, one.base) == place]
        methods = list(dict.fromkeys(curve.method for section in sections for curve in section.curves))
        shown = {(curve.train, step.row.protocol) for one in sections for curve in one.curves for step in curve.steps}
        slugs = tuple(table.slug for table in tables if table.place in {place, *shown})
        figures = tuple((plain(section.kind), _figure(section, methods)) for section in sections)
        for k, printed in enumerate(tables_of(sections, rules, found.reversals.get(place, ()))):
            drawn = (figures, tuple(legend(methods))) if k == 0 else ((), ())
            panels.append(Panel(slugs, printed, *drawn))
    return Side("robustness", "Robustness", tuple(panels), found.left_out)


def _figure(section: Section, methods: Sequence[str]) -> Markup:
    curves = [
        (curve.method, methods.index(curve.method), [(float(s.strength), s.nme) for s in curve.steps if s.nme])
        for curve in section.curves
    ]
    across = "jitter of the boxes, %" if section.kind == BOXES else "dose" if section.doses else "strength of the harm"
    about = f"NME of {len(curves)} methods over {across}: {plain(section.kind)}; the numbers are in the table"
    return curves_figure(curves, across, about)
