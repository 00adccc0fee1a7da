"""Doubtful truth: faces on which methods of different families agree with each other against the label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fldbench.errors import ProtocolError
from fldbench.geometry import box_size, tight_box
from fldbench.schemes import Scheme

FENCE = 3.0  # times the distance of the quartiles above the upper one, in logarithms: Tukey's far out
EXPECTED = 1.2e-6  # the share of faces above it if logarithms of scores are normal and all labels are right
NEAR = 0.5  # a cause explains a label if without it the label is less than half as far from the consensus
NAMED = 5  # landmarks that are named
FAMILIES = 2  # families without which nobody agrees with anybody


@dataclass(frozen=True)
class Doubt:
    """What methods say against the label of a face.

    Attributes
    ----------
    row : int
    score : float
        How often farther the label lies from the consensus than is usual, in root mean square over the landmarks.
    doubtful : bool
        Whether the score is far out among those of all faces.
    distance, spread : float
        Of the label from the consensus, and of the families from it: means over the landmarks, in sides of the face.
    landmarks : tuple of int
        The landmarks that are the most doubtful, the first ones most.
    cause : str
        What would explain it: mirrored, moved, or some landmarks; empty for none.
    """

    row: int
    score: float
    doubtful: bool
    distance: float
    spread: float
    landmarks: tuple[int, ...]
    cause: str


def consensus_of(predictions: Mapping[str, Sequence[np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the consensus of families (n, L, 2) px, and how far they lie from it on average (n, L) px.

    A family answers with the median of its methods, so that many methods of one kind are one voice; the consensus is
    the median of the families. NaN where fewer than two families answer.

    Parameters
    ----------
    predictions : mapping of str to sequence of ndarray, (n, L, 2)
        Family -> the answers of its methods, NaN rows for missed faces.

    >>> one, other = np.zeros((1, 1, 2)), np.array([[[6.0, 8.0]]])
    >>> middle, far = consensus_of({"trees": [one], "networks": [other]})
    >>> middle.tolist(), far.tolist()
    ([[[3.0, 4.0]]], [[5.0]])
    """
    voices = np.stack([_median(np.stack(list(some))) for some in predictions.values()])
    enough = np.isfinite(voices).all(axis=-1).sum(axis=0) >= FAMILIES
    middle = np.where(enough[..., None], _median(voices), np.nan)
    far = np.linalg.norm(voices - middle, axis=-1)
    return middle, _mean(far)


def doubts(truth: np.ndarray, predictions: Mapping[str, Sequence[np.ndarray]], scheme: Scheme) -> list[Doubt]:
    """Return all faces with a label and a consensus, the most doubtful first.

    The doubt about a landmark is its distance from the consensus over the spread of the families there plus what is
    usual for this landmark (its median distance over all faces): so neither a hard face, on which methods differ, nor a
    landmark that is always vague is doubtful. The score of a face is their root mean square; logarithms of scores are
    nearly normal, and a face is doubtful if its own is far out (Tukey, Exploratory Data Analysis, 1977). Distances are
    in sides of the consensus' box, which a wrong label does not change.

    Parameters
    ----------
    truth : ndarray of float, (n, L, 2)
        Px; NaN for a point without a label.
    predictions
        As for `consensus_of`; the methods must not have been trained on these faces.
    scheme : Scheme
        Tells which landmarks are mirror images.

    Raises
    ------
    ProtocolError
        For fewer than two families.
    """
    if len(predictions) < FAMILIES:
        raise ProtocolError(
            f"doubtful truth: the families of methods that see enough are {', '.join(predictions) or 'none'}; must be "
            "two or more, such as trees and networks, that could agree with each other against the label"
        )
    middle, spread = consensus_of(predictions)
    known = np.isfinite(middle).all(axis=-1) & np.isfinite(truth).all(axis=-1)
    rows = np.flatnonzero(np.isfinite(middle).all(axis=(1, 2)) & known.any(axis=1))
    if not len(rows):
        return []
    side = box_size(tight_box(middle[rows])).max(axis=1)
    distance, spread = _distances(truth[rows], middle[rows], side), spread[rows] / side[:, None]
    usual = np.nanmedian(np.where(known[rows], distance, np.nan), axis=0)
    ratios = distance / (spread + np.where(usual > 0, usual, 1e-9))
    scores = np.sqrt(np.nanmean(ratios**2, axis=1))
    fence = fence_of(scores)
    found = []
    for i in np.argsort(-scores, kind="stable").tolist():
        worst = np.argsort(-np.nan_to_num(ratios[i]), kind="stable")[:NAMED]
        doubtful = bool(scores[i] > fence)
        cause = likely_cause(truth[rows[i]], middle[rows[i]], side[i], ratios[i], scheme) if doubtful else ""
        found.append(
            Doubt(
                int(rows[i]),
                float(scores[i]),
                doubtful,
                float(np.nanmean(distance[i])),
                float(np.nanmean(spread[i])),
                tuple(worst.tolist()),
                cause,
            )
        )
    return found


def fence_of(scores: np.ndarray) -> float:
    """Return the score (n,) above which a face is far out among the others (Tukey), by logarithms.

    >>> round(fence_of(np.array([1.0, 2.0, 4.0, 8.0, 16.0])))  # quartiles 2 and 8: 8 * (8 / 2)^3
    512
    """
    lower, upper = np.quantile(np.log(np.maximum(scores, 1e-9)), (0.25, 0.75))
    return float(np.exp(upper + FENCE * (upper - lower)))


def likely_cause(truth: np.ndarray, middle: np.ndarray, side: float, ratios: np.ndarray, scheme: Scheme) -> str:
    """Return what would bring a label near what methods say: a few words, or nothing.

    Parameters
    ----------
    truth, middle : ndarray, (L, 2)
        The label and the answer, px.
    side : float
        Of the face, px.
    ratios : ndarray, (L,)
        How often farther than is usual each landmark lies from the answer.
    scheme : Scheme

    >>> from fldbench.schemes import get_scheme
    >>> here = np.array([[10.0, 10], [30, 10], [20, 20], [12, 30], [28, 30]])
    >>> likely_cause(here + 5, here, 20.0, np.ones(5), get_scheme("mtfl-5"))
    'moved by +5, +5 px'
    """

    def far(points: np.ndarray) -> float:
        return float(np.nanmean(np.linalg.norm(points - middle, axis=-1)) / side)

    now = far(truth)
    if scheme.mirror is not None and far(truth[np.asarray(scheme.mirror)]) < NEAR * now:
        return "left and right exchanged"
    shift = np.nanmedian(truth - middle, axis=0)
    if far(truth - shift) < NEAR * now:
        return f"moved by {shift[0]:+.0f}, {shift[1]:+.0f} px"
    wrong = ratios > 3 * np.nanmedian(ratios)
    n = int(wrong.sum())
    return f"{n} landmark{'s' * (n != 1)}" if 0 < n <= len(ratios) // 2 else ""


def _distances(truth: np.ndarray, middle: np.ndarray, side: np.ndarray) -> np.ndarray:
    distances: np.ndarray = np.linalg.norm(truth - middle, axis=-1) / side[:, None]
    return distances


def _median(stack: np.ndarray) -> np.ndarray:
    """Return the median over the first axis without NaN; NaN where there is nothing, without a warning."""
    there = np.isfinite(stack).all(axis=-1, keepdims=True)
    nothing = ~there.any(axis=0)
    filled = np.where(there, stack, np.nan)
    filled[:, nothing[..., 0]] = 0.0
    return np.where(nothing, np.nan, np.nanmedian(filled, axis=0))


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis without NaN; NaN where there is nothing, without a warning."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
