"""The plan of a suite in words: what is there, what will be fitted and measured, and what cannot be done and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from fldbench.records.record import Record
from fldbench.records.store import Store
from fldbench.run.cell import Cell, Run
from fldbench.run.plan import Plan


def plan_in_words(plan: Plan, store: Store, fresh: bool = False, reused: Collection[str] = ()) -> list[str]:
    """Return the lines that `fldbench run --dry-run` prints: each cell, its runs below it, and the sum.

    Parameters
    ----------
    plan : Plan
    store : Store
        Where earlier results are; nothing is written. The times of its records are the estimates.
    fresh : bool
        Whether the results of this suite are forgotten first.
    reused : collection of str
        Keys of the runs for which results of other code are taken.
    """
    earlier = [record for records in store.alike().values() for record in records]
    own = {part.key for cell in plan.cells for part in cell.parts}
    lines, counts, seconds, known, unknown = [], Counter[str](), 0.0, 0, 0
    for cell in plan.cells:
        states = [_state(run, cell, not fresh and store.has_record(run.key), run.key in reused) for run in cell.runs]
        have = {key for key in _keys(cell) if store.models.find(key)} - (own if fresh else set())
        fits = _fits(cell, have, own) if "to do" in {state for state, _ in states} else 0
        what = "fits nothing"
        if cell.problem is not None:
            what = f"{cell.problem.status}: {cell.problem.reason}"
        elif fits:
            each, like = _seconds(cell, earlier)
            seconds += fits * (each or 0.0)
            known, unknown = known + (each is not None), unknown + (each is None)
            models = "1 model" if fits == 1 else f"{fits} models"
            what = f"fits {models}, {'time unknown' if each is None else f'about {duration(fits * each)} ({like})'}"
        elif "to do" in {state for state, _ in states} and any(part.key not in have for part in cell.parts):
            what = "takes its members as they are fitted"
        lines.append(f"{cell.label}: {what}")
        for run, (state, why) in zip(cell.runs, states, strict=True):
            counts[state] += 1
            if cell.problem is None:
                lines.append(f"  {run.protocol.name}: {state}{f': {why}' if why else ''}")
    total = ", ".join(f"{number} {state}" for state, number in counts.items())
    times = [f"fits of about {duration(seconds)}"] * (known > 0)
    times += [f"{unknown} cell{'s' * (unknown > 1)} of unknown time"] * (unknown > 0)
    fails = ["`fldbench run` will end with status 1"] * (counts["failed"] > 0 or set(counts) == {"skipped"})
    return [*lines, "; ".join([f"{counts.total()} runs: {total}", *times, *fails])]


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(0.2), duration(42), duration(600), duration(9000)
    ('0 s', '42 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _state(run: Run, cell: Cell, done: bool, reused: bool) -> tuple[str, str]:
    """Return what becomes of a run, and why if nothing does."""
    if done:
        return "done", ""
    if reused:
        return "done by other code", ""
    why = cell.problem or run.problem
    return ("to do", "") if why is None else (why.status, why.reason)


def _keys(cell: Cell) -> set[str]:
    return {key for part in cell.parts for key in (part.key, *part.members)}


def _fits(cell: Cell, have: set[str], own: set[str]) -> int:
    """Return the number of models to fit; one whose members this suite fits, or the store has, is not fitted."""
    absent = [part for part in cell.parts if part.key not in have]
    return sum(not part.members or not (have | own).issuperset(part.members) for part in absent)


def _seconds(cell: Cell, earlier: Iterable[Record]) -> tuple[float | None, str]:
    """Return the time of one fit as the most similar earlier record has it, and in words which one that was."""
    known = [
        record
        for record in earlier
        if record.method.name == cell.method.name
        and record.timings.fit_seconds is not None
        and not record.timings.resumed
    ]
    if not known:
        return None, ""

    def likeness(record: Record) -> tuple[bool, bool, str]:
        return record.method.params == cell.about.params, record.train.label == cell.train.label, record.ended

    best = max(known, key=likeness)
    same = likeness(best)[:2] == (True, True)
    like = "as before" if same else f"as {best.method.label} on {best.train.label}"
    return (best.timings.fit_seconds or 0.0) / best.timings.fits, like
