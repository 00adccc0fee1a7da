"""`fldbench cost`, `slices` and `confidence`: what else records say of the methods of a leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fldbench.cli.boards import Format, Kind, Sources
from fldbench.cli.common import Plugins, Schemes, complain, format_for

if TYPE_CHECKING:
    from fldbench.report.side import SideReport

Output = Annotated[Path | None, typer.Option("-o", "--output", help="File to write to.")]
Figures = Annotated[Path | None, typer.Option("--figures", help="Folder for the figures, as PNG, SVG and PDF.")]


def cost(
    sources: Sources,
    format: Kind = None,
    output: Output = None,
    figures: Figures = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Print what the methods cost in time, memory, bytes and multiply-adds, and which of them no other beats."""
    from fldbench.report.cost import costs

    _show(costs(sources), format, output, figures)


def slices(
    sources: Sources,
    format: Kind = None,
    output: Output = None,
    figures: Figures = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Print errors by subsets and attributes of the test faces, with intervals, and which differ from the rest."""
    from fldbench.report.slices import slices as slices_of

    _show(slices_of(sources), format, output, figures)


def confidence(
    sources: Sources,
    format: Kind = None,
    output: Output = None,
    figures: Figures = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Print whether methods that say how sure they are know when they err: risk-coverage and rank correlation."""
    from fldbench.report.confidence import confidences

    _show(confidences(sources), format, output, figures)


def _show(report: SideReport, given: Format | None, output: Path | None, figures: Path | None) -> None:
    from fldbench.files import write_text

    format = format_for(given, output, Format)
    writers = {Format.csv: report.to_csv, Format.latex: report.to_latex, Format.markdown: report.to_markdown}
    text = writers.get(format, report.to_text)()
    if output is not None:
        write_text(output, text)
    else:
        typer.echo(text, nl=False)
    if figures is not None:
        drawn = report.write_figures(figures)
        complain(f"written: {', '.join(map(str, drawn))}" if drawn else "nothing to draw")
    for line in report.notes if format is Format.csv else ():
        complain(line)
