"""What the rows of an ablation say, in sentences: which task helps, or which value of a parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.records.variant_runs import Comparison
from fldbench.report.comparisons import HELPS, HURTS, LANDMARKS, ONE_TRAINING, VariantRow
from fldbench.stats import Interval


class Wording(NamedTuple):
    """How the answer to a question begins: what helps, what hurts, and where nothing is certain."""

    helps: str
    hurts: str
    none: str


OF_TASKS = Wording("Helps landmarks", "Hurts landmarks (negative transfer)", "No task alone")


def baseline_of(comparison: Comparison) -> str:
    """Return in words what variants are compared with.

    >>> baseline_of(Comparison("landmarks")), baseline_of(Comparison("equal", "weighting"))
    ('landmarks alone', 'weighting equal')
    """
    if not comparison.parameter:
        return f"{comparison.baseline} alone"
    return short(f"{comparison.parameter} {comparison.baseline}")


def short(name: str) -> str:
    """Return the name of a variant as it is printed."""
    return cut(plain(name), LONGEST_NAME)


def answer(rows: Sequence[VariantRow]) -> str:
    """Return in one or two sentences which tasks help, or which values of a parameter."""
    comparison = rows[0].comparison
    told = [
        (row, (nme.effect, nme.difference))
        for row in rows
        if (nme := row.measures["nme"]).difference is not None and nme.effect
    ]
    if not told:
        return f"Nothing can be compared: {baseline_of(comparison)}, or all other variants, have no numbers."
    if all(effect == ONE_TRAINING for _, (effect, _) in told):
        return "One training each: how much of the differences is chance cannot be told."
    if comparison.parameter:
        against = f"compared with {baseline_of(comparison)}"
        wording = Wording(
            f"Lowers the NME {against}", f"Raises the NME {against}", f"No other {short(comparison.parameter)}"
        )
        return " ".join(_sentences({short(row.variant): one for row, one in told}, wording))
    with_tasks = {tuple(task for task in row.tasks if task != LANDMARKS): one for row, one in told}
    sentences = _sentences({tasks[0]: one for tasks, one in with_tasks.items() if len(tasks) == 1}, OF_TASKS)
    everything = max(with_tasks, key=len)
    if len(everything) > 1 and set(everything) == {task for row in rows for task in row.tasks} - {LANDMARKS}:
        effect, one = with_tasks[everything]
        words = {HELPS: " help", HURTS: " hurt"}.get(effect, f", {effect}")
        sentences.append(f"All tasks together{words}: {interval_text(one)} points.")
    return " ".join(sentences)


def _sentences(found: Mapping[str, tuple[str, Interval]], wording: Wording) -> list[str]:
    """Return what is certain of each effect on the NME, and the bound of those that are not."""
    sentences = []
    for kind, words in ((HELPS, wording.helps), (HURTS, wording.hurts)):
        named = [f"{name} ({interval_text(one)} points)" for name, (effect, one) in found.items() if effect == kind]
        sentences += [f"{words}: {', '.join(named)}."] if named else []
    rest = {name: one for name, (effect, one) in found.items() if effect not in (HELPS, HURTS)}
    if rest:
        most = max(max(abs(one.low), abs(one.high)) for one in rest.values())
        bound = f"by more than {math.ceil(100 * most - 1e-9) / 100:.2f} points"
        if len(rest) < len(found):
            sentences.append(f"Undecided, but not {bound}: {', '.join(rest)}.")
        else:
            sentences.append(
                f"{wording.none} changes the NME {bound}, and that it changes it at all is certain for none."
            )
    return sentences


def interval_text(one: Interval) -> str:
    """Return a difference with its interval.

    >>> interval_text(Interval(-0.123, -0.2, -0.046, 8.0, True))
    '-0.12 [-0.20, -0.05]'
    """
    return f"{one.value:+.2f} [{one.low:+.2f}, {one.high:+.2f}]"
