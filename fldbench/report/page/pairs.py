"""What a test set tells of each pair of methods, for the screen that compares two."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from fldbench.report.page.measured import Measured
from fldbench.stats import (
    LEVEL,
    Difference,
    Interval,
    chance_better,
    difference_of,
    holm,
    mcnemar_test,
    paired_differences,
    pairwise_p,
)

MOST_DRAWN = 2_000_000  # faces times pairs for which differences are drawn; beyond, formulas of large samples serve
MOST_PAIRS = 1500  # of one table
PERCENT = 100.0


def pair_values(table: Measured) -> list[dict[str, Any]] | None:
    """Return what is known of each pair (i, j), i < j, of the methods with errors, as JSON values, the first i first.

    d, low, high : difference of the NME, j minus i, in percentage points, with its interval of 95 %.
    p : of the permutation test, or over trainings where there are several, adjusted by Holm for all pairs of the table.
    better : chance that i errs less than j on a face, percent.
    fail : p of McNemar's test of the failures, over faces; None where methods have several trainings, and where there
        are so many faces and pairs that formulas of large samples serve for p and the interval.
    shows : the smallest difference that such faces would show with a chance of 80 %, points.
    needs : how many such faces would show the measured difference; None for more than can be told.
    n : the faces that both found in all their trainings.

    None for a table of one method, and of more pairs than a page should hold.
    """
    groups = table.groups
    pairs = list(combinations(range(len(table.with_errors)), 2))
    if not pairs or len(pairs) > MOST_PAIRS:
        return None
    each = [_difference(table, i, j, groups) for i, j in pairs]
    drawn = len(pairs) * len(table.ids) <= MOST_DRAWN
    adjusted = _adjusted(table, pairs, each, groups, drawn)
    intervals = _intervals(table, pairs, each, groups, drawn)
    return [
        _values(table, pair, one, interval, p, groups, drawn)
        for pair, one, interval, p in zip(pairs, each, intervals, adjusted, strict=True)
    ]


def _difference(table: Measured, i: int, j: int, groups: np.ndarray | None) -> Difference | None:
    first, second = table.trainings[i], table.trainings[j]
    both = np.isfinite(first).all(axis=0) & np.isfinite(second).all(axis=0)
    return difference_of(first, second, groups) if both.any() else None


def _adjusted(
    table: Measured,
    pairs: Sequence[tuple[int, int]],
    each: Sequence[Difference | None],
    groups: np.ndarray | None,
    drawn: bool,
) -> list[float]:
    if drawn:
        p = pairwise_p(table.trainings, groups)
        return [float(p[i, j]) for i, j in pairs]
    return holm(np.array([1.0 if one is None or np.isnan(one.p) else one.p for one in each])).tolist()


def _intervals(
    table: Measured,
    pairs: Sequence[tuple[int, int]],
    each: Sequence[Difference | None],
    groups: np.ndarray | None,
    drawn: bool,
) -> list[Interval | None]:
    found: list[Interval | None] = [_by_formula(one) for one in each]
    alike: dict[tuple[int, int], list[int]] = {}
    for k, (i, j) in enumerate(pairs):
        if each[k] is not None and drawn:
            alike.setdefault((len(table.trainings[i]), len(table.trainings[j])), []).append(k)
    for places in alike.values():
        sides = [np.stack([table.trainings[pairs[k][side]] for k in places]) for side in (0, 1)]
        both = np.isfinite(sides[0]).all(axis=1) & np.isfinite(sides[1]).all(axis=1)
        first, second = (np.where(both[:, None], side, np.nan) for side in sides)
        for k, interval in zip(places, paired_differences(first, second, groups), strict=True):
            found[k] = interval
    return found


def _by_formula(one: Difference | None) -> Interval | None:
    """Return the interval of Student's t."""
    from scipy import stats

    if one is None:
        return None
    reach = float(stats.t.ppf((1 + LEVEL) / 2, one.degrees)) * one.error
    return Interval(one.value, one.value - reach, one.value + reach, one.degrees, one.of_first + one.of_second > 0)


def _values(
    table: Measured,
    pair: tuple[int, int],
    one: Difference | None,
    interval: Interval | None,
    p: float,
    groups: np.ndarray | None,
    tested: bool,
) -> dict[str, Any]:
    if one is None or interval is None:
        return {"n": 0}
    first, second = (table.trainings[k] for k in pair)
    there = table.there[pair[0]] & table.there[pair[1]]
    threshold = table.records[0].one.protocol.thresholds[0]
    failed = None
    if tested and len(first) == len(second) == 1:
        fails, other = (~(side[0, there] <= threshold) for side in (first, second))
        failed = mcnemar_test(fails, other, None if groups is None else groups[there])
    return {
        "n": one.n,
        "d": _number(PERCENT * interval.value),
        "low": _number(PERCENT * interval.low),
        "high": _number(PERCENT * interval.high),
        "p": _number(p),
        "better": _number(PERCENT * float(chance_better(first[:, there], second[:, there]).mean())),
        "fail": None if failed is None else _number(failed),
        "shows": _number(PERCENT * one.smallest()),
        "needs": _number(one.faces_needed()),
        "seeds": list(one.seeds),
    }


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None
