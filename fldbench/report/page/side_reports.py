"""The screens of cost and of slices: the printed tables of these reports, with a figure of the board's rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from fldbench.escape import plain
from fldbench.report.cost import costs
from fldbench.report.page.curves import cost_figure, forest_figure
from fldbench.report.page.measured import Measured
from fldbench.report.page.sides import Panel, Side
from fldbench.report.side import SideReport
from fldbench.report.slices import slices

SLICES_HOW = "Slices: the records keep no subset or attribute in which faces differ; `fldbench run` keeps them now."
Rows = Sequence[Mapping[str, Any]]


def cost_side(folders: Sequence[str | Path], tables: Sequence[Measured]) -> Side | None:
    """Return the screen of costs, with the time of one face beside the NME."""
    return _side("cost", "Cost", costs(list(folders)), tables, _cost)


def slices_side(folders: Sequence[str | Path], tables: Sequence[Measured]) -> Side | None:
    """Return the screen of slices, with the intervals of the first row; None where no record keeps any."""
    return _side("slices", "Slices", slices(list(folders)), tables, _slices)


def _side(
    name: str,
    heading: str,
    report: SideReport,
    tables: Sequence[Measured],
    figures: Callable[[Rows], tuple[tuple[str, Markup], ...]],
) -> Side | None:
    panels = []
    for table in tables:
        rows = [row for row in report.rows if (row["train"], row["protocol"]) == table.place]
        printed = [one for one in report.tables if one.place == (table.place[0], f"{table.place[1]} {name}")]
        panels += [Panel((table.slug,), one, figures(rows)) for one in printed]
    return Side(name, heading, tuple(panels), report.notes) if panels else None


def _cost(rows: Rows) -> tuple[tuple[str, Markup], ...]:
    known = [row for row in rows if row["ms_one_face"] is not None and row["nme"] is not None]
    points = [
        (plain(row["method"]), row["ms_one_face"], row["nme"], "ms" in row["pareto"].split(", ")) for row in known
    ]
    drawn = cost_figure(points, "ms, one face")
    return (("Error and time; no other method beats those that are named in both", drawn),) if drawn else ()


def _slices(rows: Rows) -> tuple[tuple[str, Markup], ...]:
    best = [row for row in rows if row["method"] == rows[0]["method"] and row["nme"] is not None]
    lines = [(f"{row['attribute']}: {row['slice']} ({row['n']})", row["nme"], row["low"], row["high"]) for row in best]
    drawn = forest_figure(lines)
    return ((f"{plain(rows[0]['method'])}: NME of each slice with its 95 % interval", drawn),) if drawn else ()
