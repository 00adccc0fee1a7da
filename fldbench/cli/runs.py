"""`fldbench run` and `fldbench leaderboard`: suites, and the tables of their records."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fldbench.cli.common import (
    CellMemory,
    CellSeconds,
    Data,
    Plugins,
    Protocols,
    Schemes,
    complain,
    define_protocols,
    limits_of,
    roots,
    say,
    shard_of,
)

DEFAULT_OUT = Path("runs")
INTERRUPTED = 130


class Format(StrEnum):
    """What `leaderboard` writes."""

    table = "table"
    csv = "csv"
    latex = "latex"
    markdown = "markdown"


def run(
    suite: Annotated[Path | None, typer.Argument(help="Suite file; without it, the demo on synthetic faces.")] = None,
    data: Data = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of records, models and leaderboards.")] = DEFAULT_OUT,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Models fitted at the same time.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget this suite's earlier results first.")] = False,
    only: Annotated[str | None, typer.Option("--only", help="Run only the method or cell with this label.")] = None,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="Run only this method; may be given several times.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option("--shard", help="I/N: run only the I-th of N equal parts of the suite, such as 2/8.")
    ] = None,
    cell_seconds: CellSeconds = None,
    cell_memory: CellMemory = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
    reuse: Annotated[
        bool, typer.Option("--reuse-other-code", help="Reuse results of other code if there are none of this code.")
    ] = False,
    protocols: Protocols = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Run a suite: fit, predict, score, and write the leaderboard. Continues where an earlier call stopped."""
    from fldbench.cli.terminal import print_board, progress
    from fldbench.report import leaderboard
    from fldbench.run.runner import plan_suite, run_suite
    from fldbench.run.suite import DEMO

    define_protocols(protocols)
    where = roots(data)
    limits, part = limits_of(cell_seconds, cell_memory), shard_of(shard)
    if dry_run:
        say("\n".join(plan_suite(suite or DEMO, out, where, only, method or (), fresh, reuse, part)))
        return
    try:
        with progress("fitting and measuring") as show:
            records = run_suite(
                suite or DEMO,
                out,
                where,
                jobs,
                fresh,
                show,
                only,
                reuse,
                complain,
                method or (),
                isolate=True,
                limits=limits,
                shard=part,
            )
    except KeyboardInterrupt:
        complain(f"interrupted; finished work is kept in {out}, and the same command continues from there")
        raise typer.Exit(INTERRUPTED) from None
    board = leaderboard(records)
    print_board(board)
    if only is None and not method and part is None:
        say(f"written: {', '.join(str(path) for path in board.write(out))}")
    else:
        complain(f"leaderboard files hold whole suites and were not written; see `fldbench leaderboard {out}`")
    failed = [record for record in records if record.status == "failed"]
    if failed or not any(record.status == "ok" for record in records):
        complain(f"{len(failed)} of {len(records)} runs failed; their records are in {out / 'records'}")
        raise typer.Exit(1)


def show_leaderboard(
    folders: Annotated[list[Path], typer.Argument(help="Output folders of `fldbench run` or `fldbench evaluate`.")],
    format: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.table,
    columns: Annotated[
        str | None, typer.Option("--columns", help="Columns by their names in CSV, such as nme,fr08,auc08.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compute the numbers again from the kept errors; status 1 if one differs.")
    ] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write to.")] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Also show numbers that others publish under the same rules, unranked.")
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", help="Folder for figures of attributes: confusion matrices, reliability diagrams."),
    ] = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Print the leaderboard of one or several folders."""
    from fldbench.cli.terminal import print_board
    from fldbench.files import write_text
    from fldbench.report import leaderboard

    if check:
        raise typer.Exit(_check(folders))
    board = leaderboard(folders, published)
    if figures is not None:
        drawn = board.write_figures(figures)
        complain(f"written: {', '.join(map(str, drawn))}" if drawn else "no method answers attributes: nothing to draw")
    names = None if columns is None else [name.strip() for name in columns.split(",") if name.strip()]
    if format is Format.table and output is None:
        print_board(board, columns=names)
        return
    writers = {Format.csv: board.to_csv, Format.latex: board.to_latex, Format.markdown: board.to_markdown}
    text = writers.get(format, board.to_text)(names)
    if output is not None:
        write_text(output, text)
    else:
        typer.echo(text, nl=False)
    for line in board.left_out if format is Format.csv else ():
        complain(line)


def _check(folders: list[Path]) -> int:
    """Print whether the numbers of each record follow from its errors, and return the exit status."""
    from fldbench.report import check_evidence

    findings = [finding for folder in folders for finding in check_evidence(folder)]
    for finding in findings:
        say(finding.text)
    wrong, unknown = sum(one.wrong for one in findings), sum(not one.checked for one in findings)
    say(f"{len(findings)} records: {wrong} wrong, {unknown} cannot be checked")
    return 1 if wrong else 0
