"""Drawing groups of faces and trainings with replacement; an interval from what was drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fldbench.stats.interval import Interval

DRAWS = 4000
MOST_GROUPS = 5000  # that are drawn one by one
BLOCK = 500  # draws at a time, which bounds the memory


class Totals(NamedTuple):
    """Sums over the faces of each stratum and group, each (m, a, strata, groups): of the values, and of what counts."""

    sums: np.ndarray
    counts: np.ndarray


class Part(NamedTuple):
    """One of the numbers that a measure adds up: a summary of one method, added with sign 1 or -1.

    Attributes
    ----------
    whole : ndarray, (a,)
        The measure of each training.
    faces : ndarray, (a, draws)
        The same on drawn faces.
    trained : ndarray, (draws,)
        By how much the means of drawn trainings differ from that of all.
    """

    sign: int
    whole: np.ndarray
    faces: np.ndarray
    trained: np.ndarray


def numbered(groups: np.ndarray | None, n: int) -> np.ndarray:
    """Return the number of each face's group, (n,), from 0; each face alone if there are no groups.

    >>> numbered(np.array(["b", "a", "b"]), 3).tolist(), numbered(None, 2).tolist()
    ([1, 0, 1], [0, 1])
    """
    return np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]


def joined(each: np.ndarray, most: int = MOST_GROUPS, random_state: int = 0) -> np.ndarray:
    """Return the numbers of at most `most` bundles of groups (n,), from those of the groups; the same up to `most`.

    Of many groups, drawing bundles of them at random says the same as drawing each: sums over bundles of independent
    groups are as independent, and have the same variance and skewness in all. The estimated standard error varies by
    1 / sqrt(2 * 5000) = 1 % with how they are bundled, as it does with 4000 draws; the work is that of 5000 groups.

    >>> joined(np.arange(3)).tolist(), np.bincount(joined(np.arange(12), most=4)).tolist()
    ([0, 1, 2], [3, 3, 3, 3])
    """
    n_groups = int(each.max()) + 1
    if n_groups <= most:
        return each
    return (np.random.default_rng(random_state).permutation(n_groups) % most)[each]


def totals_of(values: np.ndarray, each: np.ndarray, layer: np.ndarray, size: np.ndarray) -> Totals:
    """Return the totals of values (m, a, n); NaN, and faces of a negative stratum, do not count.

    each, layer, size (n,): the number of the group and of the stratum, and the weight.
    """
    n_groups, n_strata = int(each.max()) + 1, max(int(layer.max()) + 1, 1)
    counted = np.isfinite(values) & (layer >= 0)
    place = np.maximum(layer, 0) * n_groups + each

    def summed(parts: np.ndarray) -> np.ndarray:
        rows = [np.bincount(place, row, n_strata * n_groups) for row in parts.reshape(-1, parts.shape[-1])]
        return np.reshape(rows, (*parts.shape[:2], n_strata, n_groups))

    return Totals(summed(np.where(counted, values * size, 0.0)), summed(np.where(counted, size, 0.0)))


def means(totals: Totals, times: np.ndarray) -> np.ndarray:
    """Return the measures (m, a, r) if each group is there (r, groups) times; NaN where no face counts."""
    counts = totals.counts
    if (counts == counts[:1, :1]).all():  # no value is missing: what counts is the same in all trainings
        counts = counts[:1, :1]
    return _over_strata(_drawn(totals.sums, times), _drawn(counts, times))


def _drawn(parts: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the sums (m, a, strata, r) of parts (m, a, strata, groups) if each group is there (r, groups) times."""
    # One product of two matrices is ten times as fast as a stack of narrow ones.
    return (parts.reshape(-1, parts.shape[-1]) @ times.T).reshape(*parts.shape[:-1], len(times))


def means_without_each(totals: Totals) -> np.ndarray:
    """Return the measures (m, a, groups) without each group in turn."""
    return _over_strata(*(one.sum(axis=-1, keepdims=True) - one for one in totals))


def _over_strata(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the plain means over the strata, axis 2, of sums / counts."""
    there = counts > 0
    found = np.where(there, sums / np.where(there, counts, 1.0), 0.0).sum(axis=2)
    strata = there.sum(axis=2)
    return np.where(strata > 0, found / np.maximum(strata, 1), np.nan)


def tail_weight(without: np.ndarray) -> np.ndarray:
    """Return how much heavy tails add to the squared relative error of each variance, (m,): for `degrees_of_groups`.

    It is the excess kurtosis of the jackknife's influences, by their moments, over their number; 0 for light tails.

    Parameters
    ----------
    without : ndarray, (m, blocks)
        Measures without each group, or each block of groups, in turn. Sums over blocks of k groups have a k-th of the
        excess kurtosis, and are a k-th as many, so nothing has to be rescaled.

    >>> tail_weight(np.array([[0.0, 0, 0, 0, 0, 0, 0, 8], [0, 1, 0, 1, 0, 1, 0, 1]])).round(4).tolist()
    [0.3929, 0.0]
    """
    with np.errstate(invalid="ignore"):
        squares = (without - without.mean(axis=1, keepdims=True)) ** 2
        variance = squares.mean(axis=1, keepdims=True)
        excess = ((squares / np.where(variance > 0, variance, 1.0)) ** 2).mean(axis=1) - 3
    return np.where(excess > 0, excess, 0.0) / without.shape[1]


def degrees_of_groups(n_groups: int, heavy: float = 0.0) -> float:
    """Return the degrees of freedom of a variance over groups: G - 1, and fewer if a few groups make much of it.

    A sample variance of G values with the excess kurtosis k varies by

        var(s^2) = sigma^4 (2 / (G - 1) + k / G)

    (Mood, Graybill and Boes, Introduction to the Theory of Statistics, 1974, section VI.2), and that of nu degrees of
    freedom by 2 sigma^4 / nu. So nu = 2 / (2 / (G - 1) + k / G), as Box (Biometrika 40, 1953) and Shoemaker (The
    American Statistician 57, 2003) take it in tests of variances. With k from the moments of G values it is above 2,
    however large one of them is.

    Parameters
    ----------
    heavy : float
        k / G, from `tail_weight`; 0 for normal values.

    >>> degrees_of_groups(101), round(degrees_of_groups(101, 6 / 101), 3)
    (100.0, 25.187)
    """
    return 2 / (2 / (n_groups - 1) + heavy)


def drawn_groups(n_groups: int, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield blocks (r, groups) of how often each group was drawn."""
    for start in range(0, draws, BLOCK):
        r = min(BLOCK, draws - start)
        chosen = rng.integers(n_groups, size=(r, n_groups)) + n_groups * np.arange(r)[:, None]
        yield np.bincount(chosen.ravel(), minlength=r * n_groups).reshape(r, n_groups).astype(float)


def drawn_trainings(whole: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return by how much the means (m, draws) of drawn trainings differ from that of all, whole (m, a).

    Half of the differences are mirrored: a few trainings say nothing about the skewness of their distribution.
    """
    a = whole.shape[-1]
    whole = np.where(np.isfinite(whole), whole, np.nan)
    times = rng.multinomial(a, np.full(a, 1 / a), size=draws)
    sides = rng.choice((-1.0, 1.0), size=draws)
    return sides * ((whole - whole.mean(axis=1, keepdims=True)) @ times.T / a)


def interval_of(
    parts: Sequence[Part], n_groups: int, level: float, heavy: float = 0.0, acceleration: float | None = None
) -> Interval:
    """Return the interval of the sum of the parts, as the notes of `paired_differences` say.

    Parameters
    ----------
    heavy : float
        How heavy the tails of the groups are, as `degrees_of_groups` takes it.
    acceleration : float, optional
        Of the draws of faces (Efron 1987); if given, the interval is bias-corrected and accelerated.
    """
    from scipy import stats

    value = float(sum(part.sign * part.whole.mean() for part in parts))
    moved = sum(part.sign * part.faces.mean(axis=0) for part in parts) - (value if np.isfinite(value) else np.nan)
    over_seeds = min(len(part.whole) for part in parts) > 1
    if n_groups < 2 or not np.isfinite(moved).all():
        return Interval(value, np.nan, np.nan, 0.0, over_seeds)
    larger = n_groups / (n_groups - 1)  # a variance over drawn groups is too small by this factor
    of_faces = larger * float(moved.var())
    degrees_of_faces = degrees_of_groups(n_groups, heavy)
    shares = [(of_faces, degrees_of_faces)]
    if over_seeds:
        of_both = larger * sum(
            float((one - one.mean(axis=0)).var(axis=1).mean()) / (len(one) - 1) for one in (p.faces for p in parts)
        )
        shares = [(max(0.0, of_faces - of_both), degrees_of_faces)]
        shares += [(float(p.whole.var(ddof=1)) / len(p.whole), float(len(p.whole) - 1)) for p in parts]
    total = sum(share for share, _ in shares)
    if total == 0.0:
        return Interval(value, value, value, np.inf, over_seeds, 0.0)
    deviations = moved * np.sqrt(shares[0][0] / moved.var()) if moved.var() > 0 else moved
    if over_seeds:
        for part in reversed(parts):
            deviations = deviations + part.sign * (np.sqrt(len(part.whole) / (len(part.whole) - 1)) * part.trained)
    degrees = total**2 / sum(share**2 / of for share, of in shares)
    tail = (1 - level) / 2
    wider = float(stats.t.ppf(1 - tail, degrees) / stats.norm.ppf(1 - tail))
    tails = (tail, 1 - tail)
    if acceleration is not None:
        # Mirrored trainings have no skewness, so that of the sum is that of the faces times (V_faces / V)^(3/2).
        tails = _accelerated(deviations, tails, acceleration * (shares[0][0] / total) ** 1.5)
    low, high = value + wider * np.quantile(deviations, tails)
    return Interval(value, float(low), float(high), float(degrees), over_seeds, float(np.sqrt(total)))


def _accelerated(deviations: np.ndarray, tails: tuple[float, float], acceleration: float) -> tuple[float, float]:
    """Return which quantiles of the draws are the ends of a BCa interval (Efron, JASA 82, 1987, equation 4.9)."""
    from scipy import stats

    below = (np.mean(deviations < 0) + np.mean(deviations <= 0)) / 2
    z0 = stats.norm.ppf(np.clip(below, 1 / len(deviations), 1 - 1 / len(deviations)))
    shifted = z0 + stats.norm.ppf(tails)
    low, high = stats.norm.cdf(z0 + shifted / np.maximum(1 - acceleration * shifted, 0.1))
    return float(low), float(high)
