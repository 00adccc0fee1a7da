"""`fldbench ablate`: which task of a method, or which value of a parameter, helps its landmarks."""

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
)
from fldbench.cli.runs import DEFAULT_OUT, INTERRUPTED


def ablate(
    suite: Annotated[Path, typer.Argument(help="Suite file with a method that has attributes as tasks, or `vary`.")],
    data: Data = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of records and models, the same as of `run`.")] = (
        DEFAULT_OUT
    ),
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Models fitted at the same time.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the variants' earlier results first.")] = False,
    only: Annotated[str | None, typer.Option("--only", help="Run only the variant or cell with this label.")] = None,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="Ablate only this method; may be given several times.")
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
    """Fit a method with landmarks alone, with each attribute, with all, and all but one; tell which task helps.

    A method with `vary: {weighting: [equal, dwa]}` is fitted with each value of that parameter instead, and all others
    are compared with the first.

    Give the suite three seeds or more, better five. The variants are ordinary runs, shared with `fldbench run` in the
    same folder; it continues where an earlier call stopped. OUT/ablation.csv, .md, .tex and .png hold the differences
    to landmarks alone or to the first value, with intervals over faces and trainings.
    """
    from fldbench.cli.terminal import print_tables, progress
    from fldbench.report import ablation
    from fldbench.run.ablate import ablate_suite, plan_ablation

    define_protocols(protocols)
    where = roots(data)
    limits = limits_of(cell_seconds, cell_memory)
    if dry_run:
        say("\n".join(plan_ablation(suite, out, where, only, method or (), fresh, reuse)))
        return
    try:
        with progress("fitting and measuring") as show:
            runs = ablate_suite(
                suite, out, where, jobs, fresh, show, only, reuse, complain, method or (), isolate=True, limits=limits
            )
    except KeyboardInterrupt:
        complain(f"interrupted; finished work is kept in {out}, and the same command continues from there")
        raise typer.Exit(INTERRUPTED) from None
    found = ablation(runs)
    print_tables(found)
    if only is None and not method:
        say(f"written: {', '.join(str(path) for path in found.write(out))}")
    else:
        complain("ablation files hold whole suites and were not written")
    failed = [run for run in runs if run.record.status == "failed"]
    if failed or not any(run.faces is not None for run in runs):
        complain(f"{len(failed)} of {len(runs)} runs failed; their records are in {out / 'records'}")
        raise typer.Exit(1)
