"""What the errors of single faces say about the numbers of a row: intervals, robust summaries, ties."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

from fldbench.metrics import Metric
from fldbench.protocols import Protocol
from fldbench.stats import (
    LEVEL,
    Interval,
    clipped_error,
    interquartile_mean,
    median_error,
    pairwise_p,
    rank_intervals,
    summary_intervals,
    tie_groups,
    worst_face,
)


@dataclass(frozen=True)
class Faces:
    """What a row kept of each face.

    Attributes
    ----------
    ids : ndarray of str, (n,)
        Sorted.
    charged : ndarray of float, (a, n)
        What each face counts in each of a trainings: fractions, NaN for a missed face that is not charged.
    counts : ndarray of int, (n,)
        The counted points of each face.
    groups : ndarray of int, (n,), or None
        Which faces are of one person, clip or photo; None where each face is alone.
    """

    ids: np.ndarray
    charged: np.ndarray
    counts: np.ndarray
    groups: np.ndarray | None


@dataclass(frozen=True)
class Certainty:
    """How certain the numbers of a row are; in percent, None where it cannot be told.

    Attributes
    ----------
    intervals : mapping of str to Interval
        Key of a metric -> its interval.
    median, iqm, clipped : float or None
        Of the errors: the median, the mean of the middle half, the mean if no error counts more than the first
        threshold. Means over the trainings.
    without_worst, worst_share : float or None
        The NME without the worst face, and the share of that face in the variance of the errors.
    ties : str
        Letters; two ranked rows share one exactly if they cannot be told apart. Empty for rows that are not ranked.
    ranks : tuple of int or None
        The first and the last rank that the row can have.
    tied : bool
        Whether the row cannot be told apart from the first one.
    """

    intervals: Mapping[str, Interval] = field(default_factory=dict)
    median: float | None = None
    iqm: float | None = None
    clipped: float | None = None
    without_worst: float | None = None
    worst_share: float | None = None
    ties: str = ""
    ranks: tuple[int, int] | None = None
    tied: bool = False


@dataclass(frozen=True)
class Ties:
    """What paired tests say of the ranked rows, in their order; see `Certainty`."""

    letters: list[str]
    ranks: list[tuple[int, int]]
    tied: list[bool]


def certainties(rows: Sequence[Faces], protocol: Protocol) -> list[Certainty]:
    """Return how certain the numbers of each row are, under rules that all of them share.

    Rows with the same faces are drawn together, which takes a fraction of the time.
    """
    together: dict[tuple[bytes, int], list[int]] = {}
    for i, row in enumerate(rows):
        together.setdefault(
            ("\n".join(row.ids.tolist()).encode("utf-8", "surrogatepass"), len(row.charged)), []
        ).append(i)
    found: dict[int, Certainty] = {}
    for members in together.values():
        some = [rows[i] for i in members]
        for i, row, intervals in zip(members, some, _intervals(some, protocol), strict=True):
            found[i] = _certainty(row, protocol, intervals)
    return [found[i] for i in range(len(rows))]


def ties_of(rows: Sequence[Faces], protocol: Protocol, by_auc: bool, deterministic: Sequence[bool]) -> Ties:
    """Return which of some rows with the same faces can be told apart, by what they are ordered by: NME or AUC."""
    of = "auc" if by_auc else "nme"
    values = [_values(row, protocol)[of] for row in rows]  # an AUC is lost where it is small
    values = [-one if by_auc else one * _relative_counts(row, protocol) for one, row in zip(values, rows, strict=True)]
    decided = pairwise_p(values, rows[0].groups, deterministic) < 1 - LEVEL
    means = np.array([one.mean(axis=0) for one in values])
    better = np.zeros_like(decided)
    for i, j in zip(*np.nonzero(decided), strict=True):
        better[i, j] = np.nanmean(means[i] - means[j]) < 0
    tied = [not decided[0, i] for i in range(len(rows))]
    return Ties(tie_groups(decided), rank_intervals(better), tied)


def _values(row: Faces, protocol: Protocol) -> dict[str, np.ndarray]:
    """Return what each face counts (a, n) in the NME, in the area up to the first threshold, and in each rate."""
    errors, t = row.charged, protocol.thresholds[0]
    lost = np.isnan(errors) & (protocol.missed == "skipped")
    area = np.nan_to_num(np.maximum(0.0, 1.0 - errors / t), nan=0.0)
    found = {"nme": errors, "auc": np.where(lost, np.nan, area)}
    for level in protocol.thresholds:
        failed = ~(errors < level if protocol.strict else errors <= level)
        found[f"fr {level!r}"] = np.where(lost, np.nan, failed)
    return found


def _relative_counts(row: Faces, protocol: Protocol) -> np.ndarray:
    """Return the weight of each face in the NME, one in the mean."""
    return row.counts / row.counts.mean() if protocol.reduction == "micro" else np.ones(len(row.counts))


def _intervals(rows: Sequence[Faces], protocol: Protocol) -> list[dict[str, Interval]]:
    """Return key of a metric -> its interval, in fractions, of rows with the same faces and as many trainings."""
    t, groups, m = protocol.thresholds[0], rows[0].groups, len(rows)
    values = [_values(row, protocol) for row in rows]
    micro = protocol.reduction == "micro"
    nme = np.stack([one["nme"] for one in values])
    area = np.stack([one["auc"] for one in values])
    rates = {level: np.stack([one[f"fr {level!r}"] for one in values]) for level in protocol.thresholds}
    found: dict[str, list[Interval]] = {}
    if micro:
        found["nme"] = summary_intervals(nme, groups, weights=rows[0].counts)
        areas = summary_intervals(area, groups)
    else:
        both = summary_intervals(np.concatenate([nme, area]), groups)
        found["nme"], areas = both[:m], both[m:]
    together = summary_intervals(np.concatenate(list(rates.values())), groups, of="rate")
    for k, level in enumerate(rates):
        found[Metric("fr", 0.0, level).key] = together[k * m : (k + 1) * m]
    if protocol.auc_rule == "exact":  # other rules integrate bins
        found[Metric("auc", 0.0, t).key] = areas
    return [{key: some[i] for key, some in found.items()} for i in range(m)]


def _certainty(row: Faces, protocol: Protocol, intervals: Mapping[str, Interval]) -> Certainty:
    usual = row.charged.mean(axis=0)  # NaN where one of the trainings missed the face
    worst = worst_face(usual) if np.isfinite(usual).sum() > 1 and protocol.reduction == "macro" else None
    return Certainty(
        intervals,
        median=_percent(fmean(map(median_error, row.charged))),
        iqm=_percent(fmean(map(interquartile_mean, row.charged))),
        clipped=_percent(fmean(clipped_error(one, protocol.thresholds[0]) for one in row.charged)),
        without_worst=None if worst is None else _percent(worst.without),
        worst_share=None if worst is None else _percent(worst.of_variance),
    )


def _percent(value: float) -> float | None:
    return 100 * value if math.isfinite(value) else None
