"""The interval of one summary of one method: NME, failure rate, AUC, median, or any function of what faces have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fldbench.errors import ProtocolError, must_be
from fldbench.stats.interval import BINOMIAL, EXACT, LEVEL, Interval
from fldbench.stats.ordered import interquartile_means, medians
from fldbench.stats.resample import (
    Part,
    drawn_groups,
    drawn_trainings,
    interval_of,
    joined,
    means,
    means_without_each,
    numbered,
    tail_weight,
    totals_of,
)

MEAN, RATE, MEDIAN, IQM = "mean", "rate", "median", "iqm"
DRAWS = 2000
BY_ORDER = {MEDIAN: medians, IQM: interquartile_means}
LEFT_OUT = 100  # blocks of groups that are left out in turn, where no formula says what one group changes
Summary = str | Callable[[np.ndarray], np.ndarray]


def summary_interval(
    values: np.ndarray,
    groups: np.ndarray | None = None,
    of: Summary = MEAN,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    level: float = LEVEL,
    draws: int = DRAWS,
    random_state: int = 0,
) -> Interval:
    """Return a summary of one method with its interval, as `summary_intervals` does of several.

    Parameters
    ----------
    values : ndarray, (a, n) or (a, n, ...)
        What n faces have in each of the a trainings.
    groups, of, strata, weights, level, draws, random_state
        As for `summary_intervals`.

    >>> errors = np.array([[0.03, 0.04, 0.05, 0.04, 0.03, 0.05, 0.04, 0.04]])
    >>> found = summary_interval(errors)
    >>> round(found.value, 6), found.low < 0.037, found.high > 0.043, found.over_seeds
    (0.04, True, True, False)
    >>> failing = summary_interval(errors > 0.08, of="rate")
    >>> failing.value, failing.low, round(failing.high, 4), failing.rule
    (0.0, 0.0, 0.3694, 'exact')
    """
    return summary_intervals(np.asarray(values)[None], groups, of, strata, weights, level, draws, random_state)[0]


def summary_intervals(
    values: np.ndarray,
    groups: np.ndarray | None = None,
    of: Summary = MEAN,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    level: float = LEVEL,
    draws: int = DRAWS,
    random_state: int = 0,
) -> list[Interval]:
    """Return a summary of each of m methods with its interval, over faces and trainings.

    The value of a method is the mean of the summary over its trainings. Groups of faces are drawn with replacement, the
    same for all methods and trainings, and trainings are drawn independently, with the variances and the widening that
    `paired_differences` explains. The interval is bias-corrected and accelerated (BCa: Efron, Better Bootstrap
    Confidence Intervals, JASA 82, 1987), since errors are skewed. The acceleration is that of the jackknife over
    groups; that of a median is zero, where the jackknife is known to fail.

    Where a few hard faces make most of a variance, it is as uncertain as one of few faces. So the degrees of freedom of
    that over G groups are not G - 1 but, with the excess kurtosis k of what each group changes by the jackknife,

        nu = 2 / (2 / (G - 1) + max(0, k) / G)

    (Box, Biometrika 40, 1953; see `fldbench.stats.resample.degrees_of_groups`). Without this, BCa intervals are too
    narrow where tails are heavy. It is left out for medians, which have no such jackknife; for rates, whose interval
    knows the tails of a binomial distribution; and for differences, which are not accelerated, and whose tails are
    alike on both sides where nothing tells two methods apart: Student's t is then not too narrow (Benjamini, JASA 78,
    1983).

    A rate has no such interval: a bootstrap of few failures is too narrow, and one of none has no width. Its interval
    is that of Jeffreys for the number of independent faces that would give the same standard error, n = p (1 - p) / V,
    as Franco et al. compare them (Journal of Survey Statistics and Methodology 7, 2019). A rate of 0 or 1 has the
    interval of Clopper and Pearson (Biometrika 26, 1934) for the number of groups. That is exact, covers the truth in
    95 % of the cases or more, where each face is a group of its own; where groups have several faces it is wider than
    it needs to be. All other intervals are approximate, and better the more groups there are. `benchmarks/README.md`
    says how often they covered the truth in simulations.

    Parameters
    ----------
    values : ndarray, (m, a, n) or (m, a, n, ...)
        What n faces have in the a trainings of each of m methods, in the same order of the faces; more axes only where
        `of` is a function.
    groups : ndarray, (n,), optional
        Faces of one group, such as those of a person, are drawn together. By default each face is drawn alone. More
        than 5000 groups are drawn in 5000 bundles, put together at random.
    of : {"mean", "rate", "median", "iqm"} or callable
        - mean: NaN does not count. With max(0, 1 - e / t) as values it is an AUC.
        - rate: the mean of values that are 0, 1 or NaN, such as whether a face failed; a fraction.
        - median, iqm (mean of the middle half): NaN, a missed face, counts as larger than all other values.
        - a function of values (a, faces, ...) of some of the faces, some of them several times, to the summary of each
          training (a,). It is called draws + 100 times for each method.
    strata : ndarray of int, (n,), optional
        If given, a mean is the plain mean of its means in the strata, as balanced accuracy is over the classes;
        faces with a negative number do not count. Of mean alone.
    weights : ndarray of float, (n,), optional
        How much each face counts. Of mean alone.
    level : float
        The share of such intervals that cover the true value.
    draws : int
        Number of draws.
    random_state : int
        The same numbers give the same intervals.

    Returns
    -------
    list of Interval
        One for each method; low and high are NaN where there are fewer than two groups, and where the value is not
        finite in some draw, as a median is where too many faces were missed.

    Raises
    ------
    ProtocolError
        For values of other shapes, an unknown summary, a rate of other values than 0 and 1, and strata or weights of
        anything but a mean.

    >>> errors = np.array([[[0.03, 0.04, 0.05, 0.04, 0.09]], [[0.04, 0.04, 0.04, 0.04, 0.04]]])
    >>> [round(one.value, 6) for one in summary_intervals(errors, of="median")]
    [0.04, 0.04]
    """
    values = _checked(values, groups, of, strata, weights)
    n = values.shape[2]
    each = numbered(groups, n)
    of_all = int(each.max()) + 1
    each = joined(each)
    n_groups = int(each.max()) + 1
    rng = np.random.default_rng(random_state)
    if callable(of):
        whole, faces, without = _of_function(values, each, n_groups, of, draws, rng)
    elif of in BY_ORDER:
        whole, faces, without = _of_order(values, each, n_groups, of, draws, rng)
    else:
        layer = np.zeros(n, int) if strata is None else np.asarray(strata, int)
        size = np.ones(n) if weights is None else np.asarray(weights, float)
        totals = totals_of(values, each, layer, size)
        whole = means(totals, np.ones((1, n_groups)))[..., 0]
        faces = np.concatenate([means(totals, times) for times in drawn_groups(n_groups, draws, rng)], axis=-1)
        without = means_without_each(totals).mean(axis=1)
    trained = drawn_trainings(whole, draws, rng)
    # The interval of a rate knows the tails of a binomial distribution itself.
    heavy = np.zeros(len(values)) if of == RATE else tail_weight(without)
    found = [
        interval_of([Part(1, *part)], n_groups, level, *shape)
        for *part, shape in zip(whole, faces, trained, zip(heavy, _acceleration(without), strict=True), strict=True)
    ]
    return [_of_rate(one, of_all, level) for one in found] if of == RATE else found


def _checked(
    values: np.ndarray, groups: np.ndarray | None, of: Summary, strata: np.ndarray | None, weights: np.ndarray | None
) -> np.ndarray:
    where = "summary intervals"
    known = (MEAN, RATE, *BY_ORDER)
    if not callable(of) and of not in known:
        raise ProtocolError(must_be(where, "of", of, f"a function or one of {', '.join(known)}"))
    values = np.asarray(values) if callable(of) else np.asarray(values, float)
    beside = [one for one in (groups, strata, weights) if one is not None]
    fits = values.size and (values.ndim >= 3 if callable(of) else values.ndim == 3)
    if not fits or any(np.shape(one) != (values.shape[2],) for one in beside):
        shapes = ", ".join(str(np.shape(one)) for one in (values, *beside))
        raise ProtocolError(f"{where}: the shapes are {shapes}; must be (m, a, n), and (n,) for all others")
    if of != MEAN and not (strata is None and weights is None):
        raise ProtocolError(must_be(where, "of", of, "mean, where there are strata or weights"))
    if of == RATE and not np.isin(values[np.isfinite(values)], (0, 1)).all():
        raise ProtocolError(f"{where}: a rate has other values than 0, 1 and NaN; take the mean of them instead")
    return values


def _of_order(
    values: np.ndarray, each: np.ndarray, n_groups: int, of: str, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the summary of each training (m, a), on drawn faces (m, a, draws), and without each block (m, blocks).

    The last are all alike where a jackknife would say nothing.
    """
    summary = BY_ORDER[of]

    def on(times: np.ndarray) -> np.ndarray:
        of_faces = np.ascontiguousarray(times.T)[each]
        return np.stack([summary(one, of_faces) for one in values])

    whole = on(np.ones((1, n_groups)))[..., 0]
    faces = np.concatenate([on(times) for times in drawn_groups(n_groups, draws, rng)], axis=-1)
    if of == MEDIAN or n_groups < 2:
        return whole, faces, np.zeros((len(values), 1))
    return whole, faces, on(_without_blocks(n_groups)).mean(axis=1)


def _of_function(
    values: np.ndarray,
    each: np.ndarray,
    n_groups: int,
    of: Callable[[np.ndarray], np.ndarray],
    draws: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what `_of_order` does, of a function of the values of some faces."""

    def on(times: np.ndarray) -> np.ndarray:
        rows = np.repeat(np.arange(len(each)), times[each].astype(int))
        found = np.array([of(one[:, rows]) for one in values], float)
        if found.shape != values.shape[:2]:
            allowed = f"{values.shape[1:2]}, one number for each training"
            raise ProtocolError(
                must_be("summary intervals", "the shape of a function's result", found.shape[1:], allowed)
            )
        return found

    whole = on(np.ones(n_groups))
    faces = np.stack([on(row) for times in drawn_groups(n_groups, draws, rng) for row in times], axis=-1)
    if n_groups < 2:
        return whole, faces, np.zeros((len(values), 1))
    return whole, faces, np.stack([on(row) for row in _without_blocks(n_groups)], axis=-1).mean(axis=1)


def _without_blocks(n_groups: int) -> np.ndarray:
    """Return how often groups are there, (blocks, groups): once, but for one block of them in each row."""
    blocks = min(n_groups, LEFT_OUT)
    return 1.0 - (np.arange(n_groups) % blocks == np.arange(blocks)[:, None])


def _acceleration(without: np.ndarray) -> np.ndarray:
    """Return the accelerations (m,) from the summaries (m, blocks) without each block in turn (Efron 1987, eq. 6.6).

    Blocks of k groups have k times the jackknife's influence with 1 / k of its number, so nothing has to be rescaled.
    """
    with np.errstate(invalid="ignore"):
        influence = without.mean(axis=1, keepdims=True) - without
        spread = (influence**2).sum(axis=1) ** 1.5
        return np.where(spread > 0, (influence**3).sum(axis=1) / (6 * np.where(spread > 0, spread, 1.0)), 0.0)


def _of_rate(found: Interval, n_groups: int, level: float) -> Interval:
    """Return the interval of a rate whose standard error and degrees of freedom were found."""
    from scipy import stats

    p, tail = found.value, (1 - level) / 2
    if p in (0.0, 1.0):
        far = 1 - tail ** (1 / n_groups)  # Clopper and Pearson of 0 among n
        low, high = (0.0, far) if p == 0.0 else (1 - far, 1.0)
        return Interval(p, low, high, found.degrees, found.over_seeds, found.error, EXACT)
    if not found.error > 0:  # one group, no face, or all groups alike
        return found
    wider = float(stats.t.ppf(1 - tail, found.degrees) / stats.norm.ppf(1 - tail))
    n = p * (1 - p) / (wider * found.error) ** 2
    low, high = stats.beta.ppf((tail, 1 - tail), n * p + 0.5, n * (1 - p) + 0.5)
    return Interval(p, float(low), float(high), found.degrees, found.over_seeds, found.error, BINOMIAL)
