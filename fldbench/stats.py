"""Intervals of differences between two methods that were trained several times and measured on the same faces.

A difference has two sources of chance: which faces there are, and how the trainings went. Faces are paired: both
methods answer the same ones, so that hard faces cancel. Trainings are not: those of two methods are taken as
independent, also where they have the same seed, since other tasks draw other numbers. A covariance is not visible in a
handful of seeds, and leaving out a positive one only makes intervals wider.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fldbench.errors import ProtocolError

LEVEL = 0.95
DRAWS = 4000
BLOCK = 500  # draws at a time, which bounds the memory


@dataclass(frozen=True)
class Interval:
    """A difference and its interval.

    Attributes
    ----------
    value, low, high : float
        In the unit of the measure; NaN where it cannot be told.
    degrees : float
        Degrees of freedom of the widening; few where few trainings decide.
    over_seeds : bool
        Whether it counts the chance of the trainings too; False where a method has one training, and then the interval
        is about these two trained models alone.
    """

    value: float
    low: float
    high: float
    degrees: float
    over_seeds: bool

    @property
    def sign(self) -> int:
        """-1 if the whole interval is below zero, 1 if above, else 0: undecided.

        >>> Interval(-2.0, -3.0, -1.0, 8.0, True).sign, Interval(1.0, -1.0, 3.0, 8.0, True).sign
        (-1, 0)
        """
        return -1 if self.high < 0 else int(self.low > 0)


def paired_difference(
    first: np.ndarray,
    second: np.ndarray,
    groups: np.ndarray | None = None,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    level: float = LEVEL,
    draws: int = DRAWS,
    random_state: int = 0,
) -> Interval:
    """Return the difference of one measure, second minus first, as `paired_differences` does of several.

    Parameters
    ----------
    first, second : ndarray of float, (a, n) and (b, n)
        Values of n faces in the a and b trainings.
    groups, strata, weights, level, draws, random_state
        As for `paired_differences`.

    >>> errors = np.array([[0.04, 0.06, 0.05, 0.09]])
    >>> found = paired_difference(errors, errors + 0.01)
    >>> round(found.value, 6), round(found.low, 6), round(found.high, 6), found.over_seeds
    (0.01, 0.01, 0.01, False)
    """
    both = np.asarray(first, float)[None], np.asarray(second, float)[None]
    return paired_differences(*both, groups, strata, weights, level, draws, random_state)[0]


def paired_differences(
    first: np.ndarray,
    second: np.ndarray,
    groups: np.ndarray | None = None,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    level: float = LEVEL,
    draws: int = DRAWS,
    random_state: int = 0,
) -> list[Interval]:
    """Return the differences of m measures between two methods, second minus first, with intervals.

    A measure of one training is its mean over the faces; that of a method is the mean over its trainings. The interval
    is a two-way bootstrap: groups of faces are drawn with replacement, the same for both methods, and the trainings of
    each method are drawn with replacement, independently (Owen, The pigeonhole bootstrap, Annals of Applied Statistics
    1, 2007); half of these are mirrored, since a few trainings say nothing about skewness. No bootstrap of crossed
    samples is exact (McCullagh, Bernoulli 6, 2000): the part of the errors that belongs to one face in one training
    would be counted twice, once with the faces and once with the trainings. So the deviations are rescaled to their
    unbiased variances (as Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8, do for
    hierarchical data):

        V = max(0, V_faces - V_both) + V_first + V_second

    V_faces is the variance of the difference when faces are drawn, V_both what of it differs between the trainings of
    one method, and V_first = s^2 / a, V_second = s^2 / b are those of the trainings' means. Since a and b are small,
    the percentiles are widened by the quotient of the quantiles of Student's t and of the normal distribution
    (Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 69, 2015), with the degrees of
    freedom of V by Satterthwaite (1946). In simulations with five trainings of each method, 95 % intervals covered the
    true difference in 94 to 96 % of the cases, whichever source of chance was the largest.

    Parameters
    ----------
    first, second : ndarray of float, (m, a, n) and (m, b, n)
        Values of n faces in the a and b trainings of two methods, in the same order of the faces. NaN does not count.
    groups : ndarray, (n,), optional
        Faces of one group, such as those of a person, are drawn together. By default each face is drawn alone.
    strata : ndarray of int, (n,), optional
        If given, a measure is the plain mean of its means in the strata, as balanced accuracy is over the classes;
        faces with a negative number do not count.
    weights : ndarray of float, (n,), optional
        How much each face counts in a mean.
    level : float
        The share of such intervals that cover the true difference.
    draws : int
        Number of draws.
    random_state : int
        The same numbers give the same intervals.

    Returns
    -------
    list of Interval
        One for each measure.

    Raises
    ------
    ProtocolError
        For values of other shapes, and other numbers of groups, strata or weights.

    >>> errors = np.array([[[0.04, 0.06, 0.05, 0.09]]])
    >>> [round(one.value, 6) for one in paired_differences(np.concatenate([errors, 2 * errors]), np.zeros((2, 1, 4)))]
    [-0.06, -0.12]
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    m, n = first.shape[0], first.shape[-1]
    beside = [one for one in (groups, strata, weights) if one is not None]
    fits = first.ndim == second.ndim == 3 and first.shape[::2] == second.shape[::2] and first.size and second.size
    if not fits or any(np.shape(one) != (n,) for one in beside):
        shapes = ", ".join(str(np.shape(one)) for one in (first, second, *beside))
        raise ProtocolError(
            f"paired differences: the shapes are {shapes}; must be (m, a, n), (m, b, n), and (n,) for all others"
        )
    each = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    layer = np.zeros(n, int) if strata is None else np.asarray(strata, int)
    size = np.ones(n) if weights is None else np.asarray(weights, float)
    totals = [_totals(values, each, layer, size) for values in (first, second)]
    whole = [_means(one, np.ones((1, one.shape[-1])))[..., 0] for one in totals]
    rng = np.random.default_rng(random_state)
    faces = _with_drawn_faces(totals, draws, rng)
    trained = [_with_drawn_trainings(one, draws, rng) for one in whole]
    n_groups = totals[0].shape[-1]
    of_one = [([one[i] for one in whole], [one[i] for one in faces], [one[i] for one in trained]) for i in range(m)]
    return [_interval(*parts, n_groups, level) for parts in of_one]


def _totals(values: np.ndarray, each: np.ndarray, layer: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the sums of the values (m, a, n) and of what counts in each stratum and group: (2, m, a, k, groups)."""
    n_groups, n_strata = int(each.max()) + 1, max(int(layer.max()) + 1, 1)
    counted = np.isfinite(values) & (layer >= 0)
    place = np.maximum(layer, 0) * n_groups + each

    def summed(parts: np.ndarray) -> np.ndarray:
        rows = [np.bincount(place, row, n_strata * n_groups) for row in parts.reshape(-1, parts.shape[-1])]
        return np.reshape(rows, (*parts.shape[:2], n_strata, n_groups))

    return np.stack([summed(np.where(counted, values * size, 0.0)), summed(np.where(counted, size, 0.0))])


def _means(totals: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the measures (m, a, r) if each group is there (r, groups) times; NaN where no face counts."""
    # One product of two matrices is ten times as fast as a stack of narrow ones.
    sums, counts = (totals.reshape(-1, totals.shape[-1]) @ times.T).reshape(*totals.shape[:-1], len(times))
    there = counts > 0
    means = np.where(there, sums / np.where(there, counts, 1.0), 0.0).sum(axis=2)
    strata = there.sum(axis=2)
    return np.where(strata > 0, means / np.maximum(strata, 1), np.nan)


def _with_drawn_faces(totals: list[np.ndarray], draws: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the measures (m, a, draws) of each method on groups drawn with replacement, the same for both."""
    n_groups = totals[0].shape[-1]
    blocks = []
    for start in range(0, draws, BLOCK):
        r = min(BLOCK, draws - start)
        chosen = rng.integers(n_groups, size=(r, n_groups)) + n_groups * np.arange(r)[:, None]
        times = np.bincount(chosen.ravel(), minlength=r * n_groups).reshape(r, n_groups).astype(float)
        blocks.append([_means(one, times) for one in totals])
    return [np.concatenate(parts, axis=-1) for parts in zip(*blocks, strict=True)]


def _with_drawn_trainings(whole: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return by how much the means (m, draws) of drawn trainings differ from that of all, whole (m, a).

    Half of the differences are mirrored: a few trainings say nothing about the skewness of their distribution.
    """
    a = whole.shape[-1]
    times = rng.multinomial(a, np.full(a, 1 / a), size=draws)
    sides = rng.choice((-1.0, 1.0), size=draws)
    return sides * ((whole - whole.mean(axis=1, keepdims=True)) @ times.T / a)


def _interval(
    whole: list[np.ndarray], faces: list[np.ndarray], trained: list[np.ndarray], n_groups: int, level: float
) -> Interval:
    """Return the interval of one measure.

    Parameters
    ----------
    whole, faces, trained
        Of each of the two methods: the measure of its trainings (a,), the same on drawn faces (a, draws), and the
        deviations of the means of drawn trainings (draws,).
    """
    from scipy import stats

    value = float(whole[1].mean() - whole[0].mean())
    moved = faces[1].mean(axis=0) - faces[0].mean(axis=0) - value
    over_seeds = min(map(len, whole)) > 1
    if n_groups < 2 or not np.isfinite(moved).all():
        return Interval(value, np.nan, np.nan, 0.0, over_seeds)
    larger = n_groups / (n_groups - 1)  # a variance over drawn groups is too small by this factor
    of_faces = larger * float(moved.var())
    parts = [(of_faces, n_groups - 1)]
    if over_seeds:
        of_both = larger * sum(float((one - one.mean(axis=0)).var(axis=1).mean()) / (len(one) - 1) for one in faces)
        parts = [(max(0.0, of_faces - of_both), n_groups - 1)]
        parts += [(float(one.var(ddof=1)) / len(one), len(one) - 1) for one in whole]
    total = sum(part for part, _ in parts)
    if total == 0.0:
        return Interval(value, value, value, np.inf, over_seeds)
    deviations = moved * np.sqrt(parts[0][0] / moved.var()) if moved.var() > 0 else moved
    if over_seeds:
        scales = [np.sqrt(len(one) / (len(one) - 1)) for one in whole]
        deviations = deviations + scales[1] * trained[1] - scales[0] * trained[0]
    degrees = total**2 / sum(part**2 / of for part, of in parts)
    tail = (1 - level) / 2
    wider = float(stats.t.ppf(1 - tail, degrees) / stats.norm.ppf(1 - tail))
    low, high = value + wider * np.quantile(deviations, (tail, 1 - tail))
    return Interval(value, float(low), float(high), float(degrees), over_seeds)
