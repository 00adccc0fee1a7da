"""What a test set can tell of two methods: the smallest difference that it shows, and how many faces decide one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fldbench.errors import ProtocolError, must_be
from fldbench.stats.interval import LEVEL, Interval
from fldbench.stats.resample import numbered

POWER = 0.8  # chance of finding a difference that is there
POSSIBLE = 4096  # variances that could be true, of each source of chance
ROPE = 0.05  # % of NME that nobody would notice
FIRST, EQUIVALENT, SECOND, UNDECIDED = "first better", "equivalent", "second better", "undecided"


@dataclass(frozen=True)
class Difference:
    """A difference of means, second minus first, and where its chance comes from.

    Attributes
    ----------
    value : float
    of_faces, of_first, of_second : float
        Variances from the faces drawn, and from the trainings of the two methods; 0 where a method has one training.
    n, n_groups : int
        Faces that both answered, and their groups.
    seeds : tuple of int
        Trainings of the two methods.
    """

    value: float
    of_faces: float
    of_first: float
    of_second: float
    n: int
    n_groups: int
    seeds: tuple[int, int]

    @property
    def error(self) -> float:
        """The standard error."""
        return float(np.sqrt(self.of_faces + self.of_first + self.of_second))

    @property
    def degrees(self) -> float:
        """Degrees of freedom by Satterthwaite (Biometrics Bulletin 2, 1946)."""
        parts = zip((self.of_faces, self.of_first, self.of_second), (self.n_groups, *self.seeds), strict=True)
        shares = sum(part**2 / (number - 1) for part, number in parts if part > 0)
        return self.error**4 / shares if shares > 0 else float("inf")

    @property
    def p(self) -> float:
        """The two-sided p value; 1 where the difference is 0, NaN where it has no standard error.

        Of one source of chance it is that of Student's t. Of several it is the mean of the normal p over the variances
        that could be true, of each source part x degrees / chi-square: the solution of Behrens and Fisher (generalised
        p values: Tsui and Weerahandi, JASA 84, 1989). The trainings of two methods are one source where they are as
        many, with the degrees of both, as in a t test of two samples. Student's t with Satterthwaite's degrees is too
        sure where a few trainings happen to be alike; see `benchmarks/README.md`.
        """
        from scipy import stats

        if self.value == 0 or not self.error > 0:
            return 1.0 if self.value == 0 else 0.0 if self.error == 0 else float("nan")
        first, second = self.seeds
        parts = [(self.of_faces, self.n_groups - 1), (self.of_first, first - 1), (self.of_second, second - 1)]
        if first == second and self.of_first > 0 and self.of_second > 0:
            parts[1:] = [(self.of_first + self.of_second, first + second - 2)]
        there = [(part, degrees) for part, degrees in parts if part > 0]
        if len(there) == 1:
            return float(2 * stats.t.sf(abs(self.value) / self.error, there[0][1]))
        variances = sum(part * _possible(degrees, i) for i, (part, degrees) in enumerate(there))
        return float((2 * stats.norm.sf(abs(self.value) / np.sqrt(variances))).mean())

    def smallest(self, power: float = POWER, level: float = LEVEL) -> float:
        """Return the smallest true difference that such faces and trainings would show with this chance.

        (t_{1-alpha/2} + t_power) x the standard error (Bloom, Evaluation Review 19, 1995). It depends on the pair:
        methods that err on the same faces are told apart by fewer of them.
        """
        return self._reach(power, level) * self.error

    def faces_needed(self, power: float = POWER, level: float = LEVEL) -> float:
        """Return how many such faces would show a difference as large as the measured one with this chance.

        Faces are taken to come in groups as here. Infinite where the trainings alone vary too much, or the difference
        is 0: more faces do not help then. It takes the measured difference for the true one, which it may not be.
        """
        left = (self.value / self._reach(power, level)) ** 2 - self.of_first - self.of_second
        if np.isnan(left) or left > 0:
            return self.n * self.of_faces / left
        return float("inf")

    def _reach(self, power: float, level: float) -> float:
        from scipy import stats

        return float(stats.t.ppf((1 + level) / 2, self.degrees) + stats.t.ppf(power, self.degrees))


@lru_cache(maxsize=64)
def _possible(degrees: int, place: int) -> np.ndarray:
    """Return degrees / chi-square at evenly spread quantiles, (POSSIBLE,), in an order of its own for each place."""
    from scipy import stats

    even = (np.random.default_rng(place).permutation(POSSIBLE) + 0.5) / POSSIBLE
    found = degrees / stats.chi2.ppf(even, degrees)
    found.flags.writeable = False
    return found


def difference_of(
    first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None, weights: np.ndarray | None = None
) -> Difference:
    """Return the difference of two means and its variances, by the formulas that `paired_differences` draws.

    Parameters
    ----------
    first, second : ndarray, (a, n) and (b, n)
        Values of n faces in the trainings of two methods. A face that is NaN in any of them does not count.
    groups : ndarray, (n,), optional
    weights : ndarray, (n,), optional
        How much each face counts in a mean.

    Raises
    ------
    ProtocolError
        For shapes that do not fit, and where no face counts.

    >>> found = difference_of(np.array([[3.0, 4.0, 5.0, 4.0]]), np.array([[4.0, 4.0, 6.0, 6.0]]))
    >>> found.value, round(found.error, 4), round(found.p, 4), round(found.smallest(), 2), round(found.faces_needed())
    (1.0, 0.4082, 0.0917, 1.7, 12)
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    n = first.shape[-1]
    beside = [one for one in (groups, weights) if one is not None]
    if not first.ndim == second.ndim == 2 or second.shape[1] != n or any(np.shape(one) != (n,) for one in beside):
        shapes = ", ".join(str(np.shape(one)) for one in (first, second, *beside))
        raise ProtocolError(f"difference: the shapes are {shapes}; must be (a, n), (b, n), and (n,) for all others")
    there = np.isfinite(first).all(axis=0) & np.isfinite(second).all(axis=0)
    if not there.any():
        raise ProtocolError(must_be("difference", "the number of faces that both methods answered", 0, "1 or more"))
    first, second = first[:, there], second[:, there]
    each = numbered(None if groups is None else np.asarray(groups)[there], first.shape[1])
    size = np.ones(first.shape[1]) if weights is None else np.asarray(weights, float)[there]
    value = float(np.average(second.mean(axis=0) - first.mean(axis=0), weights=size))
    of_faces = _variance((second.mean(axis=0) - first.mean(axis=0))[None], each, size)[0]
    of_both, trained = 0.0, []
    for own in (first, second):
        a = len(own)
        if min(len(first), len(second)) < 2 or a < 2:
            trained.append(0.0)
            continue
        of_both += float(_variance(own - own.mean(axis=0), each, size).mean()) / (a - 1)
        trained.append(float(np.average(own, axis=1, weights=size).var(ddof=1)) / a)
    return Difference(
        value,
        float(np.maximum(0.0, of_faces - of_both)),  # keeps NaN
        trained[0],
        trained[1],
        n=first.shape[1],
        n_groups=int(each.max()) + 1,
        seeds=(len(first), len(second)),
    )


def _variance(values: np.ndarray, each: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the variances (r,) of the means of values (r, n) over drawn groups, linear in what one group changes."""
    n_groups = int(each.max()) + 1
    if n_groups < 2:
        return np.full(len(values), np.nan)
    centred = (values - np.average(values, axis=1, weights=size)[:, None]) * size
    sums = np.array([np.bincount(each, row, n_groups) for row in centred])
    return n_groups / (n_groups - 1) * (sums**2).sum(axis=1) / size.sum() ** 2


def verdict(difference: Interval, rope: float = ROPE) -> str:
    """Return what an interval of second minus first, where less is better, says of two methods.

    Differences up to `rope`, the region of practical equivalence, matter to nobody (Kruschke, Advances in Methods and
    Practices in Psychological Science 1, 2018). One method is better if the whole interval is beyond it, both are
    equivalent if the whole interval is within it; else it is undecided.

    >>> decided = [verdict(Interval(v, v - 0.04, v + 0.04, 9.0, False), 0.05) for v in (0.2, 0.0, -0.2, 0.05)]
    >>> decided
    ['first better', 'equivalent', 'second better', 'undecided']
    """
    if not rope >= 0:
        raise ProtocolError(must_be("verdict", "rope", rope, "0 or more"))
    if difference.low > rope:
        return FIRST
    if difference.high < -rope:
        return SECOND
    return EQUIVALENT if -rope <= difference.low and difference.high <= rope else UNDECIDED
