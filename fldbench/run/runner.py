"""Running a suite: hand out its cells, collect their records, continue where an earlier call stopped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from fldbench.dataset import Roots, check_roots, roots_together
from fldbench.errors import StoreError
from fldbench.files import listed
from fldbench.progress import printed, say_progress
from fldbench.records.record import Record
from fldbench.records.shared import Shared
from fldbench.records.store import Store
from fldbench.run.cell import Cell, Part, Run, run_cell
from fldbench.run.cluster import on_cluster
from fldbench.run.dry_run import plan_in_words
from fldbench.run.isolate import POSSIBLE
from fldbench.run.jobs import in_processes
from fldbench.run.limits import Limits
from fldbench.run.plan import Plan, from_other_code, make_plan, with_problems
from fldbench.run.suite import Suite, load_suite

OnEvent = Callable[[str, int, int], None]  # what was done; steps done, steps in all
OnNote = Callable[[str], None]


class Elsewhere(NamedTuple):
    """Cells run in processes of their own: so many at the same time, with these limits for each, or on a cluster."""

    jobs: int
    limits: Limits
    scheduler: str | None = None


def run_suite(
    suite: str | Path | dict[str, Any] | Suite,
    out: str | Path,
    data: Roots = None,
    jobs: int = 1,
    fresh: bool = False,
    on_event: OnEvent | None = None,
    only: str | None = None,
    reuse_other_code: bool = False,
    on_note: OnNote | None = None,
    methods: Collection[str] = (),
    progress: bool = False,
    isolate: bool = False,
    limits: Limits | None = None,
    shard: tuple[int, int] | None = None,
    scheduler: str | None = None,
    share: str | None = None,
) -> list[Record]:
    """Do the runs that are not done yet and return the records of the whole suite, in its order.

    A model that fails becomes a record with status failed and its reason; the others continue.

    Parameters
    ----------
    suite : str, Path, dict or Suite
        A YAML file, a dict of its shape, or a Suite.
    out : str or Path
        Folder of records and models; a second call with the same one reuses them.
    data : str, Path or dict, optional
        The data root, or roots by the names of datasets: see `load_dataset`. Those that the suite names count too.
    jobs : int
        Models fitted at the same time, in processes of their own.
    fresh : bool
        Forget earlier records and models of this suite first.
    on_event : callable, optional
        Called with what was done, steps done, and steps in all.
    only : str, optional
        Run only the cells with this label: that of a method, or of a cell as progress shows it.
    reuse_other_code : bool
        Reuse records of other code or libraries if there are none of this code; they are marked in tables.
    on_note : callable, optional
        Called with a line for everything that the user should know, such as results of other code.
    methods : collection of str
        Run only the cells of these methods, by their registered names or labels; the label of one with `vary` means all
        its variants.
    progress : bool
        Print lines on stderr: each model when it is done, and what a method reports from inside its training.
    isolate : bool
        Run each cell in a process of its own, also with one job, so that a method that crashes ends nothing but its
        row. What it prints is kept beside its records. A system that cannot fork runs all in this process.
    limits : Limits, optional
        Of each cell; one that passes them fails. They ask for processes of their own.
    shard : tuple of int, optional
        (i, n): run only the i-th of n equal parts of the cells, i from 1. Several machines, such as the tasks of a
        SLURM array, share out a suite so, in one shared folder or in folders that `leaderboard` reads together.
    scheduler : str, optional
        Address of a Dask scheduler, such as tcp://host:8786, whose workers run the cells; see `fldbench.run.cluster`.
        Their number decides how many run at the same time.
    share : str, optional
        URL, such as s3://bucket/name, of records that other machines share: finished ones of this plan are taken from
        there first, unless it starts afresh, and each is brought there when it is done; see `fldbench.records.shared`.

    Returns
    -------
    list of Record
        Under the labels that this suite gives its methods and training sets.

    Raises
    ------
    SuiteError, StoreError
        For a suite that cannot be understood, and a folder or URL that cannot be written.
    DatasetNotFoundError
        When no training set of the suite is there.
    """
    suite, data = _suite_and_roots(suite, data)  # before anything is created
    limits = limits and limits.checked()
    store = Store(out)
    plan = _planned(suite, data, only, methods, shard)
    note = on_note or (lambda line: None)
    shared = None if share is None else Shared(share)
    keys = [run.key for cell in plan.cells for run in cell.runs]
    if fresh:
        plan = _forgotten(plan, store)
    elif shared:
        shared.pull(store, keys, note)
    others = from_other_code(plan, store)
    for line in plan.data.notes():
        note(line)
    _say_what_changed(others, reuse_other_code, note)
    taken = {key: record for key, (record, _) in others.items()} if reuse_other_code else {}
    todo = [
        replace(cell, runs=tuple(run for run in cell.runs if run.key not in taken))
        for cell in plan.cells
        if not all(run.key in taken or store.has_record(run.key) for run in cell.runs)
    ]
    if todo:
        with printed() if progress else nullcontext() as show:
            elsewhere = None
            if isolate or limits or jobs > 1 or scheduler:
                elsewhere = Elsewhere(jobs, limits or Limits(), scheduler)
            told = on_event or show
            if shared:
                told = _bringing(shared, store, keys, told, note)
            _run_cells(with_problems(todo, plan.data, jobs), plan, store, elsewhere, told, note)
    if shared:
        shared.push(store, keys)
    return [
        _as_planned(replace(taken[run.key], other_code=True) if run.key in taken else store.read(run.key), cell, run)
        for cell in plan.cells
        for run in cell.runs
    ]


def plan_suite(
    suite: str | Path | dict[str, Any] | Suite,
    out: str | Path,
    data: Roots = None,
    only: str | None = None,
    methods: Collection[str] = (),
    fresh: bool = False,
    reuse_other_code: bool = False,
    shard: tuple[int, int] | None = None,
) -> list[str]:
    """Return in lines what `run_suite` would do with the same arguments; nothing is created, fitted or decoded.

    Raises
    ------
    SuiteError, DatasetNotFoundError
        As `run_suite`.
    """
    store = Store(out, create=False)
    plan = _planned(*_suite_and_roots(suite, data), only, methods, shard)
    return plan_in_words(plan, store, fresh, from_other_code(plan, store) if reuse_other_code else ())


def _suite_and_roots(suite: str | Path | dict[str, Any] | Suite, data: Roots) -> tuple[Suite, Roots]:
    suite = suite if isinstance(suite, Suite) else load_suite(suite)
    data = roots_together(suite.data, data)
    check_roots(data)
    return suite, data


def _planned(
    suite: Suite, data: Roots, only: str | None, methods: Collection[str], shard: tuple[int, int] | None
) -> Plan:
    plan = make_plan(suite, data)
    plan = plan.of_methods(suite.labels_of(methods)) if methods else plan
    plan = plan if only is None else plan.only(only)
    return plan if shard is None else plan.shard(*shard)


def _forgotten(plan: Plan, store: Store) -> Plan:
    """Return the plan after its results were removed; members that another suite fitted are earlier results too."""
    own = {part.key for cell in plan.cells for part in cell.parts}
    store.forget([*own, *(run.key for cell in plan.cells for run in cell.runs)])
    cells = [
        replace(
            cell,
            parts=tuple(part if own.issuperset(part.members) else Part(part.key, (), part.fold) for part in cell.parts),
        )
        for cell in plan.cells
    ]
    return replace(plan, cells=cells)


def _say_what_changed(others: dict[str, tuple[Record, list[str]]], reused: bool, say: OnNote) -> None:
    """Say in one line which results are of other code, and what changed since."""
    if not others:
        return
    changed = sorted({name for _, names in others.values() for name in names})
    what = listed([name.removeprefix("fldbench.") for name in changed]) or "their record"
    then = "they are reused, and marked" if reused else "they are kept and not reused; --reuse-other-code reuses them"
    say(f"{len(others)} result(s) here came from other code ({what} changed): {then}")


def _run_cells(
    todo: list[Cell], plan: Plan, store: Store, elsewhere: Elsewhere | None, on_event: OnEvent | None, note: OnNote
) -> None:
    """Run the cells, those first that are known to fail, so that their rows say so at once."""
    on_event = on_event or (lambda what, done, total: None)
    on_event("", 0, len(todo))
    refused, rest = [cell for cell in todo if cell.refused], [cell for cell in todo if not cell.refused]
    if elsewhere is not None and elsewhere.scheduler is None and not POSSIBLE:
        note("this system cannot fork, so all models are fitted in this process, one after another and without limits")
        elsewhere = None
    # In this process the faces are loaded already; another process loads its own.
    here = (run_cell(cell, store, plan.data) for cell in [*refused, *([] if elsewhere else rest)])
    there: Iterable[str] = ()
    if rest and elsewhere is not None and elsewhere.scheduler is not None:
        there = on_cluster(rest, store, elsewhere.scheduler, elsewhere.limits, plan.data, note)
    elif rest and elsewhere is not None:
        there = in_processes(rest, store, elsewhere.jobs, elsewhere.limits, plan.data, say_progress, note)
    for done, what in enumerate(chain(here, there), start=1):
        on_event(what, done, len(todo))


def _bringing(shared: Shared, store: Store, keys: list[str], on_event: OnEvent | None, note: OnNote) -> OnEvent:
    """Return an `on_event` that brings finished records to their URL; where that fails, the run goes on."""
    lost = False

    def event(what: str, done: int, total: int) -> None:
        nonlocal lost
        if on_event:
            on_event(what, done, total)
        try:
            shared.push(store, keys)
        except StoreError as error:
            if not lost:
                note(f"{error}. The run goes on, and tries again after each model")
            lost = True

    return event


def _as_planned(record: Record, cell: Cell, run: Run) -> Record:
    """Return the record with the labels of this suite and what is shared; keys do not depend on them."""
    return replace(
        record,
        method=replace(record.method, label=cell.method.label),
        train=replace(record.train, label=cell.train.label, overlap=run.overlap),
    )
