"""Tests of two methods on the same faces: permutation, Wilcoxon, McNemar; and Holm's correction for many of them.

All are two-sided, and all take whole groups of faces, such as those of one person, as one observation: faces of a
person err together, and a test that takes each for itself finds differences that are not there.
"""

from __future__ import annotations

import numpy as np

from fldbench.errors import ProtocolError
from fldbench.stats.resample import BLOCK, MOST_GROUPS, joined, numbered

FLIPS = 20000
ALL_FLIPS = 16  # up to so many groups that differ, all 2^k exchanges are looked at
FEW = 10  # with fewer draws beyond the difference, their share is no estimate of the tail


def permutation_test(
    first: np.ndarray,
    second: np.ndarray,
    groups: np.ndarray | None = None,
    flips: int = FLIPS,
    random_state: int = 0,
) -> float:
    """Return the p value of the difference of two means on the same faces, by exchanging the methods.

    If the methods are equal, the difference of each group could as well have had the other sign. p is the share of all
    exchanges with an absolute mean difference as large as the measured one, or larger: of all of them for up to 16
    groups that differ, else of random ones, where the measured one counts too, so that p is never 0 (Phipson and Smyth,
    Statistical Applications in Genetics and Molecular Biology 9, 2010).

    Parameters
    ----------
    first, second : ndarray, (n,)
        What n faces have, such as errors, failures or max(0, 1 - e / t). A face that is NaN in one does not count.
    groups : ndarray, (n,), optional
        Faces of one group are exchanged together.
    flips : int
        Number of random exchanges.
    random_state : int

    Returns
    -------
    float
        1.0 where no face differs.

    Raises
    ------
    ProtocolError
        For shapes that do not fit.

    >>> permutation_test(np.array([0.03, 0.04, 0.05, 0.06]), np.array([0.02, 0.02, 0.03, 0.03]))
    0.125
    """
    sums = group_sums(first, second, groups)[0]
    return float(flipped_p(sums[:, None], flips=flips, random_state=random_state)[0])


def flipped_p(
    sums: np.ndarray, between: np.ndarray | None = None, flips: int = FLIPS, random_state: int = 0
) -> np.ndarray:
    """Return the p values (k,) of k sums of differences if the sign of each group's difference is drawn anew.

    Where fewer than 10 random exchanges reach a sum, its p is that of the saddlepoint approximation of the same
    distribution (Robinson, JRSS B 44, 1982; Lugannani and Rice, Advances in Applied Probability 12, 1980): draws cannot
    tell 1e-5 from 1e-9, which many comparisons at once need.

    Parameters
    ----------
    sums : ndarray, (groups, m)
        Sums over each group. More than 5000 groups that differ change signs in 5000 bundles, put together at random:
        that is as exact, and a test that is in doubt loses no power by it.
    between : ndarray of int, (k, 2), optional
        Columns whose differences are meant; default is that each column is one. Many pairs of few methods are faster
        so: signs are multiplied with methods, not with pairs.
    """
    if between is None:
        sums = np.column_stack([sums, np.zeros(len(sums))])
        between = np.array([(i, sums.shape[1] - 1) for i in range(sums.shape[1] - 1)])
    first, second = between.T
    sums = _bundled(sums, np.unique(between))
    apart = sums[:, first] - sums[:, second]
    # What differs by rounding alone reaches it too.
    rounding = np.maximum(1e-12 * np.abs(apart).sum(axis=0), 1e-15 * np.abs(sums).sum(axis=0).max(initial=0.0))
    reached = np.abs(apart.sum(axis=0)) - rounding
    different = (apart != 0).any(axis=1)
    sums, apart = sums[different], apart[different]
    k = len(sums)
    rng = np.random.default_rng(random_state)
    complete = k <= ALL_FLIPS
    number = 2**k if complete else flips
    beyond = np.zeros(len(between))
    for start in range(0, number, BLOCK):
        rows = np.arange(start, min(start + BLOCK, number))
        bits = rows[:, None] >> np.arange(k) & 1 if complete else rng.integers(0, 2, size=(len(rows), k), dtype=np.int8)
        flipped = (1.0 - 2.0 * bits) @ sums
        beyond += (np.abs(flipped[:, first] - flipped[:, second]) >= reached).sum(axis=0)
    if complete:
        return beyond / number
    p = (1 + beyond) / (1 + flips)
    for i in np.flatnonzero(beyond < FEW):
        p[i] = _saddlepoint(apart[:, i])
    return p


def _bundled(sums: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return the sums of bundles of the groups in which the used columns are not all the same, if they are many."""
    if len(sums) > MOST_GROUPS:
        sums = sums[(sums[:, used] != sums[:, used[:1]]).any(axis=1)]
    if len(sums) <= MOST_GROUPS:
        return sums
    bundle = joined(np.arange(len(sums)))
    return np.stack([np.bincount(bundle, column) for column in sums.T], axis=1)


def _saddlepoint(sums: np.ndarray) -> float:
    """Return the share of all signs whose sum is, absolutely, as large as that of the sums (groups,) or larger."""
    from scipy import optimize, stats

    sizes = np.abs(sums[sums != 0])
    sizes = sizes / sizes.max()
    reached = abs(float((sums / np.abs(sums).max()).sum()))
    measured = 2.0 ** (1 - len(sizes))  # the share of the measured signs and their opposite
    if sizes.sum() - reached < sizes.min():  # nothing else reaches it
        return float(measured)
    # K(t) = sum of log cosh(t d), whose derivative is the measured sum at the saddlepoint.
    t = optimize.brentq(lambda t: float((sizes * np.tanh(t * sizes)).sum()) - reached, 0.0, 60.0 / sizes.min())
    cumulant = float((np.logaddexp(t * sizes, -t * sizes) - np.log(2)).sum())
    w = np.sqrt(2 * (t * reached - cumulant))
    u = t * np.sqrt(float((sizes**2 / np.cosh(np.minimum(t * sizes, 300.0)) ** 2).sum()))
    return float(min(1.0, measured + 2 * (stats.norm.sf(w) + stats.norm.pdf(w) * (1 / u - 1 / w))))


def wilcoxon_test(first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None) -> float:
    """Return the p value of Wilcoxon's signed-rank test of the differences of two methods on the same faces.

    It asks whether differences are as often and as far above zero as below, by their ranks: a few bad faces decide a
    mean, and no ranks. So it can find a difference where the means have none, and the other way round. A group is one
    observation, the mean of its differences. Zeros are left out (Wilcoxon, Biometrics Bulletin 1, 1945).

    Parameters
    ----------
    first, second : ndarray, (n,)
        A face that is NaN in one does not count.
    groups : ndarray, (n,), optional

    Returns
    -------
    float
        Exact up to 50 groups without ties, else by the normal approximation; 1.0 where no face differs.

    Raises
    ------
    ProtocolError
        For shapes that do not fit.

    >>> wilcoxon_test(np.array([0.03, 0.04, 0.05, 0.06]), np.array([0.02, 0.02, 0.02, 0.02]))
    0.125
    """
    from scipy import stats

    sums, counts = group_sums(first, second, groups)
    there = counts > 0
    differences = sums[there] / counts[there]
    # Errors are stored with all their digits: what differs by rounding alone is equal.
    differences = np.round(differences, 12)
    differences = differences[differences != 0]
    return float(stats.wilcoxon(differences).pvalue) if len(differences) else 1.0


def mcnemar_test(first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None) -> float:
    """Return the exact p value of McNemar's test: do two methods fail on different numbers of the same faces?

    Faces where both fail, or none, say nothing; among the others either method fails with the chance 1/2 if they are
    equal. With groups, all the failures of a group change sides together; that is exact too, and equal to the binomial
    test of McNemar (Psychometrika 12, 1947) where each face is a group of its own.

    Parameters
    ----------
    first, second : ndarray of bool, (n,), or of int
        Whether a method failed on a face, or in how many of its trainings, of as many in both methods.
    groups : ndarray, (n,), optional

    Returns
    -------
    float
        1.0 where no face differs.

    Raises
    ------
    ProtocolError
        For shapes that do not fit, and numbers that are not whole.

    >>> mcnemar_test(np.array([True, True, True, True, False]), np.array([False, False, False, False, False]))
    0.125
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if not all((one == np.round(one)).all() for one in (first, second)):
        raise ProtocolError("McNemar's test: the failures are not whole numbers; must be bool, or numbers of trainings")
    sums = group_sums(first, second, groups)[0].astype(int)
    sizes = np.abs(sums[sums != 0])
    reach = int(sizes.sum())
    chances = np.zeros(2 * reach + 1)  # of each sum from -reach to reach
    chances[reach] = 1.0
    for size in sizes:
        # The ends stay empty for as long as not all groups have been added, so nothing wraps around.
        chances = (np.roll(chances, size) + np.roll(chances, -size)) / 2
    far = np.abs(np.arange(-reach, reach + 1)) >= abs(int(sums.sum()))
    return float(min(1.0, chances[far].sum()))


def holm(p: np.ndarray) -> np.ndarray:
    """Return p values adjusted for a family of tests (Holm, Scandinavian Journal of Statistics 6, 1979).

    Rejecting those below 0.05 gives one false alarm or more in at most 5 % of all families, whatever depends on what.

    p (k,) -> (k,), in the same order.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, float)
    order = np.argsort(p)
    adjusted = np.minimum(1.0, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    found = np.empty(len(p))
    found[order] = adjusted
    return found


def chance_better(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return for each face the chance that the first method errs less there than the second; equal errors count half.

    Its mean is P(A better on a face). A method that missed a face (NaN) is worse there than one that answered it; two
    that missed it are equal.

    Parameters
    ----------
    first, second : ndarray, (a, n) and (b, n)
        Errors in the trainings of two methods. A chance is over all pairs of their trainings.

    Returns
    -------
    ndarray, (n,)

    >>> chance_better(np.array([[0.02, 0.04, 0.05, np.nan]]), np.array([[0.03, 0.04, 0.01, np.nan]])).tolist()
    [1.0, 0.5, 0.0, 0.5]
    """
    first, second = (np.where(np.isnan(one), np.inf, one) for one in (np.asarray(first), np.asarray(second)))
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        shapes = f"{first.shape} and {second.shape}"
        raise ProtocolError(f"chance better: the shapes are {shapes}; must be (a, n) and (b, n)")
    of_pairs = [(one < second).mean(axis=0) + (one == second).mean(axis=0) / 2 for one in first]
    return np.mean(of_pairs, axis=0)


def group_sums(first: np.ndarray, second: np.ndarray, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of first - second (n,) over each group, and of how many faces; NaN in one does not count."""
    first, second = np.asarray(first, float), np.asarray(second, float)
    n = first.shape[0] if first.ndim else 0
    if not n or first.shape != (n,) or second.shape != (n,) or (groups is not None and np.shape(groups) != (n,)):
        shapes = ", ".join(str(np.shape(one)) for one in (first, second, groups) if one is not None)
        raise ProtocolError(f"paired test: the shapes are {shapes}; must be (n,) for all, n above 0")
    each = numbered(groups, n)
    differences = first - second
    there = np.isfinite(differences)
    return (
        np.bincount(each, np.where(there, differences, 0.0)),
        np.bincount(each, there.astype(float)),
    )
