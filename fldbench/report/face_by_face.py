"""Methods compared face by face: what each has, and what every two of them differ by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from fldbench.errors import StoreError
from fldbench.report.face_errors import FaceErrors
from fldbench.stats import (
    ROPE,
    Interval,
    chance_better,
    difference_of,
    holm,
    mcnemar_test,
    paired_difference,
    pairwise_p,
    summary_interval,
    verdict,
    wilcoxon_test,
    worst_face,
)

DECIDING = 10  # faces


@dataclass(frozen=True)
class MethodFound:
    """What one method has, in percent.

    Attributes
    ----------
    label, train : str
    nme, median, iqm, fr, auc : Interval
        fr and auc at the protocol's first threshold; the AUC is exact, whatever rule the protocol has.
    without_worst : float
        The NME without the face of the largest mean error.
    missed : float
        The faces missed, as the mean over the trainings.
    seeds : int
    """

    label: str
    train: str
    nme: Interval
    median: Interval
    iqm: Interval
    fr: Interval
    auc: Interval
    without_worst: float
    missed: float
    seeds: int


@dataclass(frozen=True)
class DecidingFace:
    """A face on which two methods differ much; errors and difference in percent."""

    id: str
    first: float
    second: float


@dataclass(frozen=True)
class PairFound:
    """What two methods differ by; differences are second minus first, in percentage points of NME.

    Attributes
    ----------
    first, second : str
    n, n_groups : int
        Faces that both answered in all their trainings, or that the protocol charges; their groups.
    difference : Interval
    test : str
        permutation, about these trained models; or behrens-fisher, over faces and trainings.
    p, p_wilcoxon, p_mcnemar : float
    p_holm, p_wilcoxon_holm, p_mcnemar_holm : float
        Adjusted by Holm for all pairs of this comparison, each test for itself.
    only_first_fails, only_second_fails : float
        Faces, as the mean over the trainings.
    first_better : Interval
        Chance in percent that the first errs less on a face; a missed face is worse than any other.
    verdict : str
        See `fldbench.stats.verdict`.
    smallest : float
        The smallest difference that these faces and trainings show with a chance of 80 %.
    faces_needed : float
        Such faces that show the measured difference with a chance of 80 %; infinite if none do.
    deciding : tuple of DecidingFace
        The largest differences of single faces, the largest first.
    without_deciding : float
        The difference without them; NaN where no other face is left.
    """

    first: str
    second: str
    n: int
    n_groups: int
    difference: Interval
    test: str
    p: float
    p_wilcoxon: float
    p_mcnemar: float
    p_holm: float
    p_wilcoxon_holm: float
    p_mcnemar_holm: float
    only_first_fails: float
    only_second_fails: float
    first_better: Interval
    verdict: str
    smallest: float
    faces_needed: float
    deciding: tuple[DecidingFace, ...]
    without_deciding: float


def method_found(one: FaceErrors) -> MethodFound:
    """Return what one method has; missed faces count as they do in its protocol."""
    rules, groups = one.protocol, one.groups
    threshold = rules.thresholds[0]
    charged = one.charged
    fails, score = failures(one), np.maximum(0.0, 1.0 - charged / threshold)
    counted, weights = np.ones(len(one.ids), bool), None
    if rules.missed == "skipped":
        counted = np.isfinite(charged).all(axis=0)
    if rules.reduction == "micro":
        weights = one.counts
    if not counted.any() or not np.isfinite(charged).any():
        raise StoreError(f"compare: {one.label} answered no face; there is nothing to compare")
    kept = None if groups is None else groups[counted]
    usual = np.where(np.isfinite(charged).all(axis=0), charged.mean(axis=0), np.nan)
    return MethodFound(
        label=one.label,
        train=one.train,
        nme=summary_interval(charged, groups, weights=weights).times(100),
        median=summary_interval(charged[:, counted], kept, of="median").times(100),
        iqm=summary_interval(charged[:, counted], kept, of="iqm").times(100),
        fr=summary_interval(fails[:, counted], kept, of="rate").times(100),
        auc=summary_interval(np.nan_to_num(score[:, counted]), kept).times(100),
        without_worst=100 * worst_face(usual).without if np.isfinite(usual).sum() > 1 else float("nan"),
        missed=float(one.missed.sum(axis=1).mean()),
        seeds=one.seeds,
    )


def failures(one: FaceErrors) -> np.ndarray:
    """Return which faces fail in each training, (a, n), at the protocol's first threshold; missed ones do."""
    threshold = one.protocol.thresholds[0]
    return ~(one.charged < threshold if one.protocol.strict else one.charged <= threshold)


def pairs_found(methods: Sequence[FaceErrors], rope: float = ROPE) -> list[PairFound]:
    """Return what every two methods differ by.

    Parameters
    ----------
    methods : sequence of FaceErrors
        On the same faces, as `fldbench.report.face_errors.together` returns them.
    rope : float
        The region of practical equivalence, percentage points of NME.

    Raises
    ------
    StoreError
        For two methods that answered no face together.
    """
    pairs = list(combinations(methods, 2))
    tests = np.array([_p_values(*pair) for pair in pairs])
    adjusted = np.stack([holm(one) for one in tests.T], axis=1)
    return [_pair(*pair, rope, *told) for pair, *told in zip(pairs, tests.tolist(), adjusted.tolist(), strict=True)]


def _shared(first: FaceErrors, second: FaceErrors) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the errors (a, k) and (b, k) in percent of the faces that count in both, and which those are, (n,).

    A method without chance in its training has two equal trainings beside one that has several: so it is said that its
    trainings do not differ.
    """
    there = np.isfinite(first.charged).all(axis=0) & np.isfinite(second.charged).all(axis=0)
    if not there.any():
        raise StoreError(
            f"compare: {first.label} and {second.label} answered no face together; nothing can be compared"
        )
    both = []
    for own, other in ((first, second), (second, first)):
        values = 100 * own.charged[:, there]
        both.append(np.repeat(values, 2, axis=0) if not own.draws and own.seeds == 1 < other.seeds else values)
    return both[0], both[1], there


def _p_values(first: FaceErrors, second: FaceErrors) -> tuple[float, float, float]:
    """Return the p values of permutation or Behrens-Fisher, of Wilcoxon and of McNemar."""
    one, two, there = _shared(first, second)
    groups = None if first.groups is None else first.groups[there]
    scale = 1.0
    if first.protocol.reduction == "micro":
        scale = first.counts[there] / first.counts[there].mean()
    main = pairwise_p([scale * one, scale * two], groups)[0, 1]
    fails, of_all = [failures(method) for method in (first, second)], first.groups
    if first.protocol.missed == "skipped":
        fails, of_all = [one[:, there] for one in fails], groups
    # As many trainings of both: each of one against each of the other.
    times = [fails[i].sum(axis=0) * len(fails[1 - i]) for i in range(2)]
    by_ranks = wilcoxon_test(one.mean(axis=0), two.mean(axis=0), groups)
    return main, by_ranks, mcnemar_test(times[0], times[1], of_all)


def _pair(
    first: FaceErrors, second: FaceErrors, rope: float, p: Sequence[float], adjusted: Sequence[float]
) -> PairFound:
    one, two, there = _shared(first, second)
    groups = None if first.groups is None else first.groups[there]
    weights = first.counts[there].astype(float) if first.protocol.reduction == "micro" else None
    difference = paired_difference(one, two, groups, weights=weights)
    reach = difference_of(one, two, groups, weights)
    errors = one.mean(axis=0), two.mean(axis=0)
    apart = errors[1] - errors[0]
    most = np.argsort(-np.abs(apart), kind="stable")[:DECIDING]
    most = most[apart[most] != 0]
    left = np.setdiff1d(np.arange(len(apart)), most)
    ids = first.ids[there]
    fails = [failures(method) for method in (first, second)]
    if first.protocol.missed == "skipped":
        fails = [one[:, there] for one in fails]
    only = [float((fails[i].mean(axis=0) * (1 - fails[1 - i].mean(axis=0))).sum()) for i in range(2)]
    return PairFound(
        first=first.label,
        second=second.label,
        n=int(there.sum()),
        n_groups=len(ids) if groups is None else len(np.unique(groups)),
        difference=difference,
        test="behrens-fisher" if difference.over_seeds else "permutation",
        p=p[0],
        p_wilcoxon=p[1],
        p_mcnemar=p[2],
        p_holm=adjusted[0],
        p_wilcoxon_holm=adjusted[1],
        p_mcnemar_holm=adjusted[2],
        only_first_fails=only[0],
        only_second_fails=only[1],
        first_better=summary_interval(chance_better(first.charged, second.charged)[None], first.groups).times(100),
        verdict=verdict(difference, rope),
        smallest=reach.smallest(),
        faces_needed=reach.faces_needed(),
        deciding=tuple(DecidingFace(str(ids[i]), float(errors[0][i]), float(errors[1][i])) for i in most),
        without_deciding=float(np.average(apart[left], weights=None if weights is None else weights[left]))
        if len(left)
        else float("nan"),
    )
