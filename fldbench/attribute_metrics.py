"""Pure functions of the measurements of attributes: confusion, accuracy, average precision, calibration, distance.

Codes are the true classes, (n,) int from 0 to k - 1, and -1 where the class is not known: such a face does not count.
Probabilities are (n, k); the answer is the most probable class, the first of equal ones. A row of NaN is a face without
an answer. It counts as the worst answer there is, so that no method gains by giving up: it is wrong in the accuracies,
lowers the average precision most, has the largest gap in the calibration, 1, and the largest distance that its class
allows. Where nothing is known, numbers are NaN. Shares are fractions, as in `fldbench.metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fldbench.errors import ProtocolError, must_be
from fldbench.metrics import Metric

BINS = 15  # of the calibration, as in Guo et al. 2017
UNKNOWN = -1
SUM = 1e-3  # that probabilities may be off 1


class Bin(NamedTuple):
    """One bin of a reliability diagram: its faces, their mean top probability, and the share of right answers.

    Both are None in an empty bin.
    """

    faces: int
    confidence: float | None
    accuracy: float | None


class Answered(NamedTuple):
    """The answers for one attribute of n faces: the names of its k classes, and probabilities (n, k).

    They are kept as float32, so what is measured is also float32.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray


@dataclass(frozen=True)
class AttributeCounts:
    """What was counted of one attribute.

    Attributes
    ----------
    classes : tuple of str
        The k classes in the order of their codes.
    ordered : bool
        Whether the distance between two classes says how wrong an answer is.
    known : int
        Number of faces with a known class: the sum of `confusion` and `missed`.
    confusion : tuple of tuple of int
        Faces of each true class by the class answered, (k, k).
    missed : tuple of int
        Faces of each true class without an answer, (k,).
    reliability : tuple of Bin
        By the top probability, in `BINS` equal bins from 0 to 1.
    """

    classes: tuple[str, ...]
    ordered: bool
    known: int
    confusion: tuple[tuple[int, ...], ...]
    missed: tuple[int, ...]
    reliability: tuple[Bin, ...]

    @property
    def occurring(self) -> int:
        """Number of classes that at least one face has: the balanced accuracy is the mean over these."""
        return sum(sum(row) + lost > 0 for row, lost in zip(self.confusion, self.missed, strict=True))


@dataclass(frozen=True)
class AttributeFacts:
    """The attributes that a method answered: what was counted of each, or why nothing was.

    Attributes
    ----------
    measured : dict of str to AttributeCounts
        Attribute -> classes, known faces, confusion, missed faces, reliability.
    left_out : dict of str to str
        Attribute -> why it was not measured, such as classes other than those of the test faces.
    """

    measured: dict[str, AttributeCounts] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def improper(probabilities: np.ndarray) -> np.ndarray:
    """Return which rows are neither probabilities nor all NaN, (n, k) -> (n,) bool: negative, or of another sum than 1.

    >>> improper(np.array([[0.2, 0.8], [0.5, 0.6], [1.5, -0.5], [np.nan, np.nan], [np.nan, 1.0]])).tolist()
    [False, True, True, False, True]
    """
    probabilities = np.asarray(probabilities, float)
    with np.errstate(invalid="ignore"):
        good = (probabilities >= 0).all(axis=1) & (np.abs(probabilities.sum(axis=1) - 1) <= SUM)
    return ~(good | np.isnan(probabilities).all(axis=1))


def answered_classes(probabilities: np.ndarray) -> np.ndarray:
    """Return the most probable class of each face, (n, k) -> (n,) int; -1 for a row of NaN.

    >>> answered_classes(np.array([[0.2, 0.8], [0.5, 0.5], [np.nan, np.nan]])).tolist()
    [1, 0, -1]
    """
    probabilities = np.asarray(probabilities, float)
    there = np.isfinite(probabilities).all(axis=1)
    return np.where(there, np.where(there[:, None], probabilities, 0.0).argmax(axis=1), UNKNOWN)


def confusion(codes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the faces of each true class by the class answered, (k, k) int; faces without an answer are left out.

    >>> confusion(np.array([0, 0, 1, -1]), np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [1.0, 0.0]])).tolist()
    [[1, 1], [0, 1]]
    """
    codes, probabilities = _known(codes, probabilities)
    k, answers = probabilities.shape[1], answered_classes(probabilities)
    there = answers != UNKNOWN
    return np.bincount(codes[there] * k + answers[there], minlength=k * k).reshape(k, k)


def missed_of_class(codes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the number of faces of each true class without an answer, (k,) int.

    >>> missed_of_class(np.array([0, 1, 1, -1]), np.array([[0.9, 0.1]] + 3 * [[np.nan, np.nan]])).tolist()
    [0, 2]
    """
    codes, probabilities = _known(codes, probabilities)
    return np.bincount(codes[answered_classes(probabilities) == UNKNOWN], minlength=probabilities.shape[1])


def accuracy(codes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the share of the known faces whose class was answered.

    >>> accuracy(np.array([0, 1, 1, -1]), np.array([[0.9, 0.1], [0.3, 0.7], [np.nan, np.nan], [0.1, 0.9]]))
    0.6666666666666666
    """
    codes, probabilities = _known(codes, probabilities)
    return float(np.mean(answered_classes(probabilities) == codes)) if len(codes) else float("nan")


def balanced_accuracy(codes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean, over the classes that occur, of the share of their faces that was answered right.

    A rare class weighs as much as a common one; whoever always answers the same has 1 / the number of these classes.

    >>> balanced_accuracy(np.array([0, 0, 0, 1]), np.array(4 * [[0.9, 0.1]]))
    0.5
    """
    codes, probabilities = _known(codes, probabilities)
    right = answered_classes(probabilities) == codes
    recalls = [float(np.mean(right[codes == one])) for one in np.unique(codes)]
    return float(np.mean(recalls)) if recalls else float("nan")


def average_precision(codes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the area under the steps of the precision-recall curve: sum over thresholds of (R_i - R_(i-1)) P_i.

    Of two classes it is that of class 1, ranked by its probability. Of more it is the mean over the classes that occur,
    each against the rest. Equal probabilities are one threshold. A face without an answer is never found where it is of
    the class, and stands before all others where it is not. NaN where fewer than two classes occur.

    >>> average_precision(np.array([1, 0, 1]), np.array([[0.1, 0.9], [0.4, 0.6], [0.7, 0.3]]))
    0.8333333333333333
    """
    codes, probabilities = _known(codes, probabilities)
    there = np.unique(codes)
    if len(there) < 2:
        return float("nan")
    chosen = [1] if probabilities.shape[1] == 2 else there.tolist()
    return float(np.mean([_area(codes == one, probabilities[:, one]) for one in chosen]))


def _area(positive: np.ndarray, scores: np.ndarray) -> float:
    lost = np.isnan(scores)
    ranked = ~(lost & positive)
    scores, hit = np.where(lost, np.inf, scores)[ranked], positive[ranked]
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(hit[order])
    last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]  # of equal scores
    precision, recall = (hits / np.arange(1, len(scores) + 1))[last], hits[last] / positive.sum()
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def reliability(codes: np.ndarray, probabilities: np.ndarray) -> tuple[Bin, ...]:
    """Return the bins of the reliability diagram: bin m of M holds the top probabilities in ((m - 1) / M, m / M].

    >>> reliability(np.array([0, 1]), np.array([[0.9, 0.1], [0.88, 0.12]]))[13]
    Bin(faces=2, confidence=0.89, accuracy=0.5)
    """
    codes, probabilities = _known(codes, probabilities)
    answers = answered_classes(probabilities)
    there = answers != UNKNOWN
    top, right = probabilities[there].max(axis=1, initial=0.0), (answers == codes)[there]
    place = np.minimum(np.searchsorted(np.arange(1, BINS + 1) / BINS, top), BINS - 1)
    found = []
    for one in range(BINS):
        own = place == one
        means = (float(top[own].mean()), float(right[own].mean())) if own.any() else (None, None)
        found.append(Bin(int(own.sum()), *means))
    return tuple(found)


def calibration_error(codes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the expected calibration error (ECE): sum over the bins of |B_m| / n * |accuracy(B_m) - confidence(B_m)|.

    The bins are those of `reliability`; n counts all known faces. A face without an answer adds the largest gap, 1 / n.
    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.

    >>> round(calibration_error(np.array([0, 1]), np.array([[0.9, 0.1], [0.88, 0.12]])), 4)
    0.39
    """
    bins = reliability(codes, probabilities)
    lost = int(missed_of_class(codes, probabilities).sum())
    n = lost + sum(one.faces for one in bins)
    gaps = [one.faces * abs((one.accuracy or 0.0) - (one.confidence or 0.0)) for one in bins]
    return (sum(gaps) + lost) / n if n else float("nan")


def class_distance(codes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean of |answered class - true class|, in classes; for attributes whose classes have an order.

    >>> class_distance(np.array([0, 2, 1]), np.array([[0.1, 0.2, 0.7], [0.1, 0.2, 0.7], 3 * [np.nan]]))
    1.0
    """
    codes, probabilities = _known(codes, probabilities)
    answers, farthest = answered_classes(probabilities), np.maximum(codes, probabilities.shape[1] - 1 - codes)
    distances = np.where(answers == UNKNOWN, farthest, np.abs(answers - codes))
    return float(distances.mean()) if len(codes) else float("nan")


def count_answers(
    codes: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...], ordered: bool = False
) -> AttributeCounts:
    """Return everything that is counted of one attribute, whose k classes are named.

    >>> count_answers(np.array([0, 1, -1]), np.array(3 * [[0.9, 0.1]]), ("no", "yes")).confusion
    ((1, 0), (1, 0))
    """
    lost = missed_of_class(codes, probabilities).tolist()
    table = confusion(codes, probabilities).tolist()
    return AttributeCounts(
        classes=tuple(classes),
        ordered=ordered,
        known=sum(lost) + sum(map(sum, table)),
        confusion=tuple(map(tuple, table)),
        missed=tuple(lost),
        reliability=reliability(codes, probabilities),
    )


def counted_together(parts: Sequence[AttributeCounts]) -> AttributeCounts:
    """Return the sums of counts of the same classes, such as those of several seeds; of bins the weighted means.

    >>> one = count_answers(np.array([0, 1]), np.array([[0.9, 0.1], [0.88, 0.12]]), ("no", "yes"))
    >>> two = counted_together([one, one])
    >>> two.known, two.confusion, two.reliability[13]
    (4, ((2, 0), (2, 0)), Bin(faces=4, confidence=0.89, accuracy=0.5))
    """
    first = parts[0]
    tables, lost = np.array([one.confusion for one in parts]), np.array([one.missed for one in parts])
    return AttributeCounts(
        classes=first.classes,
        ordered=first.ordered,
        known=sum(one.known for one in parts),
        confusion=tuple(map(tuple, tables.sum(axis=0).tolist())),
        missed=tuple(lost.sum(axis=0).tolist()),
        reliability=tuple(_bins_together(bins) for bins in zip(*(one.reliability for one in parts), strict=True)),
    )


def _bins_together(bins: Sequence[Bin]) -> Bin:
    faces = sum(one.faces for one in bins)
    if not faces:
        return Bin(0, None, None)
    weights = [one.faces / faces for one in bins]
    return Bin(
        faces,
        sum(weight * (one.confidence or 0.0) for weight, one in zip(weights, bins, strict=True)),
        sum(weight * (one.accuracy or 0.0) for weight, one in zip(weights, bins, strict=True)),
    )


def measure_attribute(name: str, codes: np.ndarray, probabilities: np.ndarray, ordered: bool) -> tuple[Metric, ...]:
    """Return every metric of one attribute: shares in percent, the distance of ordered classes in classes.

    >>> [one.key for one in measure_attribute("smile", np.array([0]), np.array([[0.9, 0.1]]), ordered=False)]
    ['accuracy:smile', 'balanced_accuracy:smile', 'average_precision:smile', 'ece:smile']
    """
    shares = {
        "accuracy": accuracy,
        "balanced_accuracy": balanced_accuracy,
        "average_precision": average_precision,
        "ece": calibration_error,
    }
    found = [Metric(key, 100 * share(codes, probabilities), of=name) for key, share in shares.items()]
    if ordered:
        found.append(Metric("class_distance", class_distance(codes, probabilities), of=name))
    return tuple(found)


def _known(codes: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return codes and probabilities, float, of the faces whose class is known."""
    codes, probabilities = np.asarray(codes, int), np.asarray(probabilities, float)
    if codes.ndim != 1 or probabilities.ndim != 2 or len(codes) != len(probabilities) or probabilities.shape[1] < 2:
        allowed = f"({len(codes) if codes.ndim else 'n'}, k), k at least 2, for codes of shape {codes.shape}"
        raise ProtocolError(must_be("attribute", "probabilities.shape", probabilities.shape, allowed))
    k = probabilities.shape[1]
    if ((codes < UNKNOWN) | (codes >= k)).any():
        wrong = int(codes[(codes < UNKNOWN) | (codes >= k)][0])
        raise ProtocolError(must_be("attribute", "a code", wrong, f"0 to {k - 1}, or -1 for unknown"))
    known = codes != UNKNOWN
    return codes[known], probabilities[known]
