"""Which methods of a table can be told apart, and what that leaves of their ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fldbench.errors import ProtocolError, must_be
from fldbench.stats.detect import difference_of
from fldbench.stats.interval import LEVEL
from fldbench.stats.paired_tests import FLIPS, flipped_p, group_sums, holm

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def pairwise_p(
    values: Sequence[np.ndarray],
    groups: np.ndarray | None = None,
    deterministic: Sequence[bool] | None = None,
    flips: int = FLIPS,
    random_state: int = 0,
) -> np.ndarray:
    """Return the p values of all pairs of methods on the same faces, adjusted by Holm for all pairs at once.

    Pairs whose trainings can be counted, several of both methods, or one method that has no chance in it, are compared
    with the variances of `difference_of`, over faces and trainings. All others are compared by
    permutation, and then it is about these trained models alone. Decided at 0.05, a table of equal methods has one
    false alarm or more in at most 5 % of the cases.

    Parameters
    ----------
    values : sequence of ndarray, (a_i, n)
        Of each method: what n faces have in its trainings, such as errors. A face that is NaN in one of two methods
        does not count between these two; where giving up must not win, give values that charge it, such as
        max(0, 1 - e / t) with 0.
    groups : ndarray, (n,), optional
        Faces of one group are one observation.
    deterministic : sequence of bool, optional
        Whether a method has no chance in its training, so that one training says all; default none.
    flips, random_state : int
        Of the permutations.

    Returns
    -------
    ndarray, (m, m)
        Symmetric, 1 on the diagonal and where two methods share no face.

    Raises
    ------
    ProtocolError
        For shapes that do not fit.

    >>> errors = np.linspace(0.02, 0.06, 20)
    >>> pairwise_p([errors[None], errors[None] + 0.01, errors[None]]).round(6).tolist()
    [[1.0, 6e-06, 1.0], [6e-06, 1.0, 6e-06], [1.0, 6e-06, 1.0]]
    """
    values = [np.asarray(one, float) for one in values]
    if len({one.shape[-1] for one in values}) > 1 or any(one.ndim != 2 or not one.size for one in values):
        shapes = ", ".join(str(one.shape) for one in values)
        raise ProtocolError(f"pairwise tests: the shapes are {shapes}; must be (a, n), with the same n")
    fixed = [False] * len(values) if deterministic is None else list(deterministic)
    pairs = [(i, j) for i in range(len(values)) for j in range(i)]
    p = np.ones(len(pairs))
    with_trainings = {
        k for k, pair in enumerate(pairs) if _counts_trainings(*((len(values[i]), fixed[i]) for i in pair))
    }
    usual = [one.mean(axis=0) for one in values]
    flipped = [k for k in range(len(pairs)) if k not in with_trainings]
    if flipped:
        p[flipped] = _flipped([pairs[k] for k in flipped], usual, groups, flips, random_state)
    for k in with_trainings:
        i, j = pairs[k]
        if np.isfinite(usual[i] + usual[j]).any():
            # Two equal trainings of a method without chance say that its trainings do not differ.
            one, other = (np.repeat(values[at], 2, axis=0) if fixed[at] else values[at] for at in (i, j))
            p[k] = np.nan_to_num(difference_of(one, other, groups).p, nan=1.0)
    found = np.ones((len(values), len(values)))
    for (i, j), one in zip(pairs, holm(p), strict=True):
        found[i, j] = found[j, i] = one
    return found


def _flipped(
    pairs: Sequence[tuple[int, int]],
    usual: Sequence[np.ndarray],
    groups: np.ndarray | None,
    flips: int,
    random_state: int,
) -> np.ndarray:
    """Return the p values of pairs of methods by permutation; those that missed faces have sums for each pair."""
    nothing = np.zeros(len(usual[0]))
    whole = [np.isfinite(one).all() for one in usual]
    sums = [group_sums(np.where(np.isfinite(one), one, 0.0), nothing, groups)[0] for one in usual]
    sums.append(np.zeros(len(sums[0])))
    between = []
    for i, j in pairs:
        if whole[i] and whole[j]:
            between.append((i, j))
        else:
            between.append((len(sums), len(usual)))
            sums.append(group_sums(usual[i], usual[j], groups)[0])
    return flipped_p(np.stack(sums, axis=1), np.array(between), flips, random_state)


def _counts_trainings(*pair: tuple[int, bool]) -> bool:
    """Return whether the chance of the trainings of two methods, each (trainings, deterministic), can be counted."""
    return any(number > 1 and not fixed for number, fixed in pair) and all(
        number > 1 or fixed for number, fixed in pair
    )


def tie_groups(decided: np.ndarray) -> list[str]:
    """Return the letters of each method: two methods share a letter exactly if they cannot be told apart.

    A compact letter display, found by growing a clique from each pair that has no letter yet (Gramm et al., Algorithms
    for compact letter displays, Computational Statistics and Data Analysis 52, 2007). Letters go from the first method
    on, so the methods should stand in the order of the table.

    Parameters
    ----------
    decided : ndarray of bool, (m, m)
        Whether two methods differ, such as `pairwise_p(...) < 0.05`; symmetric.

    Returns
    -------
    list of str
        Such as a, ab, b.

    Raises
    ------
    ProtocolError
        For a matrix that is not square and symmetric.

    >>> decided = np.zeros((3, 3), bool)
    >>> decided[0, 2] = decided[2, 0] = True
    >>> tie_groups(decided)
    ['a', 'ab', 'b']
    """
    decided = _square(decided, symmetric=True)
    m = len(decided)
    pairs = [(i, j) for i in range(m) for j in range(i, m) if not decided[i, j]]
    alike: list[frozenset[int]] = []
    for i, j in pairs:
        if any({i, j} <= one for one in alike):
            continue
        grown = [i, j]
        for other in range(m):
            if not decided[other, grown].any():
                grown.append(other)
        alike.append(frozenset(grown))
    for one in sorted(alike, key=len):  # a letter whose pairs all have another one too says nothing
        others = [other for other in alike if other != one]
        own = [pair for pair in pairs if one.issuperset(pair)]
        if all(any(other.issuperset(pair) for other in others) for pair in own):
            alike = others
    alike.sort(key=sorted)
    names = [LETTERS[k] if k < len(LETTERS) else f"({k + 1})" for k in range(len(alike))]
    return ["".join(name for name, one in zip(names, alike, strict=True) if i in one) for i in range(m)]


def rank_intervals(better: np.ndarray) -> list[tuple[int, int]]:
    """Return the first and the last rank that each method can have.

    A method stands behind all that are decidedly better, and before all that are decidedly worse. Where `better` comes
    from tests adjusted by Holm, all these intervals cover the true ranks at once, in at least 95 % of the tables
    (Mohamad, van Zwet, Goeman and Solari, Simultaneous confidence intervals for ranks, 2021).

    Parameters
    ----------
    better : ndarray of bool, (m, m)
        Whether the method of the row is decidedly better than that of the column.

    Raises
    ------
    ProtocolError
        For a matrix that is not square.

    >>> better = np.zeros((3, 3), bool)
    >>> better[0, 2] = True
    >>> rank_intervals(better)
    [(1, 2), (1, 3), (2, 3)]
    """
    better = _square(better)
    m = len(better)
    first, last = 1 + better.sum(axis=0), m - better.sum(axis=1)
    return [(int(low), int(high)) for low, high in zip(first, last, strict=True)]


def _square(matrix: np.ndarray, symmetric: bool = False) -> np.ndarray:
    matrix = np.asarray(matrix, bool)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ProtocolError(must_be("ranks", "the shape of the pairs", matrix.shape, "(m, m)"))
    if symmetric and (matrix != matrix.T).any():
        raise ProtocolError("ranks: who differs from whom depends on the direction; the matrix must be symmetric")
    return matrix


@dataclass(frozen=True)
class CriticalDifference:
    """Mean ranks of methods over several benchmarks.

    Attributes
    ----------
    ranks : ndarray, (m,)
        1 is the best; equal scores share the mean of their ranks.
    p : float
        Of Friedman's test that all methods are equal.
    difference : float
        Two mean ranks differ if they are so far apart, or farther.
    decided : ndarray of bool, (m, m)
        Which methods differ; none where Friedman's test finds nothing.
    """

    ranks: np.ndarray
    p: float
    difference: float
    decided: np.ndarray


def critical_difference(scores: np.ndarray, level: float = LEVEL, higher_is_better: bool = False) -> CriticalDifference:
    """Return mean ranks over several benchmarks, and how far apart two of them must be.

    The test of Friedman and that of Nemenyi, as in Demšar, Statistical Comparisons of Classifiers over Multiple Data
    Sets, JMLR 7, 2006: CD = q sqrt(m (m + 1) / (6 N)), q the quantile of the studentised range over sqrt(2). The
    benchmarks are the observations: with three or four of them hardly anything can be decided, and benchmarks that
    share faces are not independent.

    Parameters
    ----------
    scores : ndarray, (m, N)
        Of m methods on N benchmarks, such as NME; each benchmark in a unit of its own.
    level : float
    higher_is_better : bool

    Raises
    ------
    ProtocolError
        For fewer than two methods or benchmarks, and where a method has no score.

    >>> found = critical_difference(np.array([[3.0, 5.0, 4.0], [3.5, 5.5, 4.1], [9.0, 8.0, 7.0]]))
    >>> found.ranks.tolist(), round(found.p, 4), round(found.difference, 3)
    ([1.0, 2.0, 3.0], 0.0498, 1.914)
    """
    from scipy import stats

    scores = np.asarray(scores, float)
    if scores.ndim != 2 or min(scores.shape) < 2:
        allowed = "(methods, benchmarks), two or more of both"
        raise ProtocolError(must_be("critical difference", "the shape of the scores", scores.shape, allowed))
    if not np.isfinite(scores).all():
        raise ProtocolError(
            f"critical difference: {int((~np.isfinite(scores)).sum())} score(s) are missing; must be finite; leave out "
            "the method or the benchmark"
        )
    m, n = scores.shape
    of_each = stats.rankdata(-scores if higher_is_better else scores, axis=0)
    ranks = of_each.mean(axis=1)
    # Friedman's chi-square, with the variance of ranks that ties leave.
    spread = n * of_each.var(axis=0, ddof=1).sum()
    chi = n * n * ((ranks - (m + 1) / 2) ** 2).sum() * n / spread if spread > 0 else 0.0
    p = float(stats.chi2.sf(chi, m - 1))
    q = float(stats.studentized_range.ppf(level, m, np.inf)) / np.sqrt(2)
    difference = q * np.sqrt(m * (m + 1) / (6 * n))
    apart = np.abs(ranks[:, None] - ranks) >= difference
    return CriticalDifference(ranks, p, float(difference), apart & (p < 1 - level))
