"""Cumulative error distributions of a table, as figures and as pgfplots: letters and lines are those of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fldbench.errors import StoreError
from fldbench.escape import latex, plain
from fldbench.files import write_text
from fldbench.metrics import ced
from fldbench.report.columns import RowRecords
from fldbench.report.face_errors import face_errors_of
from fldbench.report.figures import COLOURS, COLUMN, label_ends, look, name_in_figure, new_figure, tidy, write_figures
from fldbench.report.side import stem_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 200  # of each line
HEIGHT = 2.6  # inches
PGF_DASHES = ("solid", "dashed", "dotted", "dashdotted")


class Ced(NamedTuple):
    """The curve of one method: share of faces, (STEPS + 1,) percent, at errors from 0 to `end`, percent."""

    name: str
    end: float
    shares: np.ndarray


def ced_of(row: RowRecords) -> Ced | None:
    """Return the curve of a row, up to the largest threshold of its protocol; None if no errors of faces are kept.

    The faces of all trainings are pooled. A missed face never gets there, unless the protocol leaves it out.
    """
    if not row.good:
        return None
    try:
        charged = face_errors_of(row).charged.ravel()
    except StoreError:
        return None
    protocol = row.one.protocol
    charged = charged[~np.isnan(charged)] if protocol.missed == "skipped" else charged
    end = max(protocol.thresholds)
    at = np.linspace(0.0, end, STEPS + 1)
    return Ced(row.method, 100 * end, 100 * ced(charged, at, protocol.strict)) if len(charged) else None


def ced_figure(about: str, curves: Sequence[Ced]) -> Figure:
    """Return the figure of one table."""
    figure = new_figure(COLUMN, HEIGHT)
    axis = figure.subplots()
    end = curves[0].end
    for i, one in enumerate(curves):
        axis.plot(np.linspace(0.0, end, STEPS + 1), one.shares, **look(i), linewidth=1.2)
    axis.set(xlim=(0, end), ylim=(0, 100), xlabel="error %", ylabel="faces %", title=name_in_figure(about, 60))
    tidy(axis)
    figure.draw_without_rendering()  # so that the names know how tall the panel is
    label_ends(axis, [(end, float(one.shares[-1]), one.name, look(i)["color"]) for i, one in enumerate(curves)])
    return figure


def ced_pgfplots(about: str, curves: Sequence[Ced]) -> str:
    r"""Return the figure of one table as LaTeX for `\input`: it takes fonts and width from where it stands."""
    end = curves[0].end
    lines = [
        f"% CED, {plain(about)}. Written by fldbench for \\input into a document that loads pgfplots.",
        r"\begin{tikzpicture}",
        rf"\begin{{axis}}[width=\linewidth, height=0.75\linewidth, xmin=0, xmax={end:g}, ymin=0, ymax=100,",
        r"  xlabel={error (\%)}, ylabel={faces (\%)}, grid=major, legend pos=south east, legend cell align=left,",
        r"  legend style={font=\footnotesize}, no markers]",
    ]
    for i, one in enumerate(curves):
        number = i % len(COLOURS)
        dashes = PGF_DASHES[i // len(COLOURS) % len(PGF_DASHES)]
        at = np.linspace(0.0, end, STEPS + 1)
        # Points on a straight line between their neighbours are left out.
        bend = np.r_[True, np.abs(np.diff(one.shares, 2)) > 1e-9, True]
        points = " ".join(f"({x:.4g},{y:.4g})" for x, y in zip(at[bend], one.shares[bend], strict=True))
        lines += [
            rf"\definecolor{{fldbench{number}}}{{HTML}}{{{COLOURS[number][1:].upper()}}}",
            rf"\addplot[fldbench{number}, {dashes}, thick] coordinates {{{points}}};",
            rf"\addlegendentry{{{latex(one.name)}}}",
        ]
    return "\n".join([*lines, r"\end{axis}", r"\end{tikzpicture}", ""])


def write_ced_figures(rows: Sequence[RowRecords], folder: str | Path) -> list[Path]:
    """Write the CED of each table as PNG, SVG, PDF and pgfplots (.tex); a table without errors of faces has none.

    Raises
    ------
    StoreError
        When a file cannot be written.
    """
    tables: dict[tuple[str, str], list[Ced]] = {}
    for row in rows:
        if (curve := ced_of(row)) is not None:
            tables.setdefault((row.train, row.protocol), []).append(curve)
    written: list[Path] = []
    stems: list[str] = []
    for place, curves in tables.items():
        stems.append(stem_of("ced", place, stems))
        about = f"{place[1]}, trained on {place[0]}"
        written += write_figures(ced_figure(about, curves), Path(folder) / stems[-1])
        written.append(write_text(Path(folder) / f"{stems[-1]}.tex", ced_pgfplots(about, curves)))
    return written
