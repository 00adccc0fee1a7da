"""`fldbench run`: suites."""

from __future__ import annotations

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
from fldbench.escape import without_login

DEFAULT_OUT = Path("runs")
INTERRUPTED = 130


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
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="Address of a Dask scheduler, whose workers run the models."),
    ] = None,
    share: Annotated[
        str | None,
        typer.Option("--share", help="URL of finished records that machines share, such as s3://bucket/name."),
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
        if share is not None:
            complain(
                f"--dry-run does not ask {without_login(share, share)}: what only that place holds is shown as to do"
            )
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
                scheduler=scheduler,
                share=share,
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
