"""What one face costs in time: alone, with the spread of the times; in batches of several sizes; and its decoding."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from fldbench.method import Method, predict_checked

WARM_UP = 8  # faces predicted before the clock starts
ALONE, FEWEST, SECONDS = 100, 20, 5.0  # faces predicted one by one: at most, at least, and when to stop between them
BATCHES = (4, 16, 64)  # sizes of batches, each tried on 64 faces
LEVEL = 0.95


class Spread(NamedTuple):
    """A quantile of times and the interval that covers the true one in at least 95 % of the cases; None if too few."""

    value: float
    interval: tuple[float, float] | None


def quantile_of(times: Sequence[float], share: float) -> Spread:
    """Return a quantile of independent times and its exact interval from order statistics.

    The number of times below the true quantile is binomial, whatever their distribution (Conover, Practical
    Nonparametric Statistics, 1999, section 3.2), so two of the sorted times enclose it.

    >>> quantile_of(range(1, 101), 0.5)
    Spread(value=50.5, interval=(40.0, 61.0))
    >>> quantile_of([1.0, 2.0, 3.0], 0.95).interval is None
    True
    """
    from scipy.stats import binom

    ordered, n = np.sort(np.asarray(times, float)), len(times)
    tail = (1 - LEVEL) / 2
    low, high = int(binom.ppf(tail, n, share)), int(binom.ppf(1 - tail, n, share)) + 1
    inside = low >= 1 and high <= n
    interval = (float(ordered[low - 1]), float(ordered[high - 1])) if inside else None
    return Spread(float(np.quantile(ordered, share)), interval)


def times_alone(method: Method, images: Sequence[np.ndarray], boxes: np.ndarray, points: int) -> list[float]:
    """Return the seconds of faces predicted one by one: of 100, or of as many as 5 seconds allow, at least 20."""
    predict_checked(method, images[:WARM_UP], boxes[:WARM_UP], points)
    spent: list[float] = []
    for i in range(min(ALONE, len(images))):
        if len(spent) >= FEWEST and sum(spent) > SECONDS:
            break
        spent.append(_seconds(partial(predict_checked, method, images[i : i + 1], boxes[i : i + 1], points)))
    return spent


def best_batch(
    method: Method, images: Sequence[np.ndarray], boxes: np.ndarray, points: int, alone: float
) -> tuple[int, float]:
    """Return the size of the batch in which a face takes the least time, and that time in seconds.

    `alone` are the seconds of a face in a batch of one. Sizes larger than the number of faces are not tried.
    """
    found = [(1, alone)]
    for size in BATCHES:
        n = max(BATCHES) // size * size
        if n > len(images):
            break

        def answer(size: int = size, n: int = n) -> None:
            for start in range(0, n, size):
                predict_checked(method, images[start : start + size], boxes[start : start + size], points)

        found.append((size, _seconds(answer) / n))
    return min(found, key=lambda one: one[1])


def threads() -> int | None:
    """Return how many threads the libraries of this process may use at once: the largest of their pools."""
    from threadpoolctl import threadpool_info

    return max((int(pool["num_threads"]) for pool in threadpool_info()), default=None)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
