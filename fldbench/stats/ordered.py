"""The median and the interquartile mean of faces that are there several times: exact, and of many draws at once.

A missed face, NaN, counts as larger than all others, as it counts as a failure in FR: giving up wins nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

NEAR = 4.0  # standard deviations around a quantile that are looked at first; more where that is not enough


class Near(NamedTuple):
    """What is near a quantile of one row of values, in r draws.

    Attributes
    ----------
    values : ndarray, (w,)
        Sorted.
    times, up_to : ndarray, (w, r)
        How often each value is there, and how many faces there are up to it, itself included.
    sums : ndarray, (r,)
        Of the values before them.
    """

    values: np.ndarray
    times: np.ndarray
    up_to: np.ndarray
    sums: np.ndarray

    def place(self, target: np.ndarray) -> np.ndarray:
        """Return the places (r,) of the first values with so many faces up to them."""
        return (self.up_to < target).sum(axis=0)

    def sum_to(self, target: np.ndarray) -> np.ndarray:
        """Return the sums (r,) of so many faces, the smallest ones; the last may count in part."""
        place = self.place(target)
        last = place, np.arange(len(place))
        whole = np.where(np.arange(len(self.values))[:, None] < place, self.times, 0.0)
        rest = target - (self.up_to[last] - self.times[last])
        # An infinite value would make 0 x inf of the faces that do not count.
        finite = np.where(np.isfinite(self.values), self.values, 0.0)
        return self.sums + finite @ whole + rest * self.values[place]


def medians(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the medians (a, r) of values (a, n) if each face is there (n, r) times, a whole number.

    Of an even number of faces it is the mean of the two in the middle.

    >>> medians(np.array([[0.1, 0.4, 0.2]]), np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 2.0]])).round(9).tolist()
    [[0.2, 0.3]]
    """
    half = times.sum(axis=0) / 2
    near = _near(values, times, 0.5)
    return np.array([(one.values[one.place(half)] + one.values[one.place(half + 0.5)]) / 2 for one in near])


def interquartile_means(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the means (a, r) of the middle half of values (a, n) if each face is there (n, r) times.

    The half is exact: where a quarter of the faces is no whole number, a part of a face counts.

    >>> interquartile_means(np.array([[5.0, 1.0, 2.0, 9.0, 3.0]]), np.ones((5, 1))).round(9).tolist()
    [[3.3]]
    """
    n = times.sum(axis=0)
    both = zip(_near(values, times, 0.25), _near(values, times, 0.75), strict=True)
    sums = [(low.sum_to(0.25 * n), high.sum_to(0.75 * n)) for low, high in both]
    return np.array([(high - np.where(np.isfinite(high), low, 0.0)) / (n / 2) for low, high in sums])


def _near(values: np.ndarray, times: np.ndarray, share: float) -> Iterator[Near]:
    """Yield what is near a quantile of each row of values (a, n).

    Only the faces near it have to be looked at one by one; those before them are counted and summed by a product of
    matrices for all rows, which is ten times as fast.
    """
    order = np.argsort(values, axis=1)  # NaN last
    ordered = np.take_along_axis(values, order, axis=1)
    ordered = np.where(np.isnan(ordered), np.inf, ordered)
    n = values.shape[1]
    target = share * times.sum(axis=0)
    reach = int(NEAR * np.sqrt(n * share * (1 - share))) + 2
    start = max(0, int(share * n) - reach)
    all_before = _before(ordered, order, times, start)
    for i in range(len(values)):
        begin, wide = start, reach
        count, total = (one[i] for one in all_before)
        while True:
            chosen = slice(begin, min(n, int(share * n) + wide))
            own = times[order[i, chosen]]
            up_to = count + own.cumsum(axis=0)
            if (begin == 0 or (count < target).all()) and (chosen.stop == n or (up_to[-1] > target).all()):
                break
            wide *= 2
            begin = max(0, int(share * n) - wide)
            count, total = (one[0] for one in _before(ordered[[i]], order[[i]], times, begin))
        yield Near(ordered[i, chosen], own, up_to, total)


def _before(ordered: np.ndarray, order: np.ndarray, times: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how many faces (a, r) are before a place, and the sums of their values."""
    a, n = order.shape
    both = np.zeros((2, a, n))
    rows = np.arange(a)[:, None]
    first = ordered[:, :start]
    both[0, rows, order[:, :start]] = 1.0
    both[1, rows, order[:, :start]] = np.where(np.isfinite(first), first, 0.0)
    found = both.reshape(2 * a, n) @ times
    return found[:a], found[a:]
