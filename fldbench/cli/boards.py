"""`fldbench leaderboard` and `fldbench publish`: the tables of records, and records to pass on."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fldbench.cli.common import Plugins, Schemes, complain, format_for, say
from fldbench.errors import FldbenchError

Sources = Annotated[
    list[Path],
    typer.Argument(help="Folders of `fldbench run` or `fldbench evaluate`, and files of `fldbench publish`."),
]


class Format(StrEnum):
    """What `leaderboard` writes."""

    table = "table"
    csv = "csv"
    latex = "latex"
    markdown = "markdown"


Kind = Annotated[
    Format | None, typer.Option("--format", help="What to write; by default by the ending of the output, else a table.")
]


def show_leaderboard(
    sources: Sources,
    format: Kind = None,
    columns: Annotated[
        str | None, typer.Option("--columns", help="Columns by their names in CSV, such as nme,fr08,auc08.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compute the numbers again from the kept errors; status 1 if one differs.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File to write to: .csv, .tex, .md or .txt; a folder gets leaderboard.csv, .tex, .md.",
        ),
    ] = None,
    wide: Annotated[
        bool, typer.Option("--wide", help="Of LaTeX: one table with protocols as columns, for each training set.")
    ] = False,
    across: Annotated[
        bool, typer.Option("--across", help="Of LaTeX: across both columns of a page, as table*.")
    ] = False,
    published: Annotated[
        bool, typer.Option("--published", help="Also show numbers that others publish under the same rules, unranked.")
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures", help="Folder for the CED of each table (also as pgfplots), and figures of attributes."
        ),
    ] = None,
    bibtex: Annotated[
        bool, typer.Option("--bibtex", help="Write what to cite instead: methods, datasets, detectors and fldbench.")
    ] = False,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Print the leaderboard of one or several folders or published files, merged."""
    from fldbench.cli.terminal import print_board
    from fldbench.files import write_text
    from fldbench.report import leaderboard

    kind = format_for(format, output, Format)
    into_folder = output is not None and (output.is_dir() or (format is None and not output.suffix))
    if (wide or across) and kind is not Format.latex:
        raise FldbenchError(f"--wide and --across are of LaTeX tables; add --format {Format.latex.value}")
    if check:
        raise typer.Exit(_check(sources))
    board = leaderboard(sources, published)
    if bibtex:
        from fldbench.kit.bibliography import bibtex as cited

        text = cited(record for row in board.records for record in row.records)
        if output is None:
            typer.echo(text, nl=False)
        else:
            write_text(output, text)
        return
    if figures is not None:
        drawn = board.write_figures(figures)
        nothing = "no errors of faces are kept, and no method answers attributes: nothing to draw"
        complain(f"written: {', '.join(map(str, drawn))}" if drawn else nothing)
    if output is not None and into_folder:
        say(f"written: {', '.join(str(path) for path in board.write(output))}")
        return
    names = None if columns is None else [name.strip() for name in columns.split(",") if name.strip()]
    if kind is Format.table and output is None:
        print_board(board, columns=names)
        return
    if kind is Format.latex:
        text = board.to_latex(names, wide, across)
    elif kind is Format.csv:
        text = board.to_csv(names)
    else:
        text = board.to_markdown(names) if kind is Format.markdown else board.to_text(names)
    if output is not None:
        write_text(output, text)
    else:
        typer.echo(text, nl=False)
    for line in board.left_out if kind is Format.csv else ():
        complain(line)


def _check(sources: list[Path]) -> int:
    """Print whether the numbers of each record follow from its errors, and return the exit status."""
    from fldbench.report import check_evidence

    findings = [finding for source in sources for finding in check_evidence(source)]
    for finding in findings:
        say(finding.text)
    wrong, unknown = sum(one.wrong for one in findings), sum(not one.checked for one in findings)
    say(f"{len(findings)} records: {wrong} wrong, {unknown} cannot be checked")
    return 1 if wrong else 0


def publish(
    sources: Sources,
    output: Annotated[Path, typer.Option("-o", "--output", help="NAME.zip, or a folder.")],
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Write records to pass on: their errors face by face, without images, landmarks, paths and names of machines."""
    from fldbench.report.publish import publish as write

    done = write(sources, output)
    for line in done.left_out:
        complain(f"left out: {line}")
    size = sum(one.stat().st_size for one in ([done.path] if done.path.is_file() else done.path.rglob("*.*")))
    say(f"written: {done.path}, {done.records} records, {size / 1000:.0f} kB; `fldbench leaderboard {done.path}`")
