"""Pure functions of the measurements: point errors, normalisers, NME, failure rate, CED, AUC.

Errors and thresholds are fractions of the normaliser (0.08 is 8 %). A face that a method missed has the error NaN: it
is left out of the NME, counts as a failure in FR and as zero in AUC. The AUC rules of other people's code are in
`fldbench.protocols.legacy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from fldbench.errors import ProtocolError


def point_errors(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return |p - g| for each point. Both (n, L, 2) px; returns (n, L) px, NaN where either is NaN.

    >>> float(point_errors(np.array([[[3.0, 4.0]]]), np.zeros((1, 1, 2)))[0, 0])
    5.0
    """
    off = np.asarray(predictions, float) - np.asarray(truth, float)
    off *= off
    squares = off[..., 0] + off[..., 1]
    return np.sqrt(squares, out=squares)


def centre_distance(landmarks: np.ndarray, first: Sequence[int], second: Sequence[int]) -> np.ndarray:
    """Return the distance between the means of two groups of points: (n, L, 2) px -> (n,) px.

    One outer eye corner in each group gives the inter-ocular distance, all points of an eye the inter-pupil distance.

    >>> centre_distance(np.array([[[0.0, 0.0], [2.0, 0.0], [4.0, 4.0]]]), [0, 1], [2]).tolist()
    [5.0]
    """
    landmarks = np.asarray(landmarks, float)
    return np.linalg.norm(landmarks[:, list(first)].mean(axis=1) - landmarks[:, list(second)].mean(axis=1), axis=-1)


def can_divide(normaliser: np.ndarray) -> np.ndarray:
    """Return which lengths are finite and above zero, (n,) bool.

    >>> can_divide(np.array([2.0, 0.0, np.nan])).tolist()
    [True, False, False]
    """
    return np.isfinite(normaliser) & (np.asarray(normaliser) > 0)


def check_normaliser(normaliser: np.ndarray, ids: Sequence[str] | np.ndarray, name: str = "normaliser") -> np.ndarray:
    """Return the normaliser (n,) px as it is; raise ProtocolError that names the faces where it is not finite and > 0.

    A bad denominator is never repaired: that would turn a bad face into a perfect one.
    """
    bad = np.flatnonzero(~can_divide(normaliser))
    if len(bad):
        raise ProtocolError(
            f"the {name} distance must be finite and > 0 px; not so for {len(bad)} face(s): "
            f"{', '.join(str(ids[row]) for row in bad[:5])}; "
            "mend the annotation or leave the face out"
        )
    return normaliser


def counted_points(
    truth: np.ndarray, points: Sequence[int] | None = None, visible: np.ndarray | None = None
) -> np.ndarray:
    """Return which points of each face count, (n, L) bool: annotated, chosen and, on request, visible.

    Parameters
    ----------
    truth : ndarray of float, (n, L, 2)
        True points in px; NaN where a point is not annotated.
    points : sequence of int, optional
        Indices of the chosen points; default all.
    visible : ndarray of bool, (n, L), optional
        If given, only these points count.

    >>> counted_points(np.array([[[0.0, 0.0], [np.nan, 0.0], [1.0, 1.0]]]), points=[0, 1]).tolist()
    [[True, False, False]]
    """
    finite = np.isfinite(np.asarray(truth, float))
    counted = np.ones(finite.shape[:-1], bool) if finite.all() else finite[..., 0] & finite[..., 1]
    if points is not None:
        chosen = np.zeros(counted.shape[1], bool)
        chosen[list(points)] = True
        counted = counted & chosen
    return counted if visible is None else counted & np.asarray(visible, bool)


def numbers_of_points(counted: np.ndarray) -> np.ndarray:
    """Return how many points of each face count: (n, L) bool -> (n,) int.

    >>> numbers_of_points(np.array([[True, False, True], [False, False, False]])).tolist()
    [2, 0]
    """
    n, points = counted.shape
    return np.full(n, points) if counted.all() else counted.sum(axis=1)


def face_errors(
    predictions: np.ndarray,
    truth: np.ndarray,
    normaliser: np.ndarray,
    points: Sequence[int] | None = None,
    visible: np.ndarray | None = None,
) -> np.ndarray:
    """Return e_i, the mean of |p - g| over the counted points of face i, divided by d_i.

    Parameters
    ----------
    predictions, truth : ndarray of float, (n, L, 2)
        Points in px. A point that is NaN in the truth is not annotated and does not count.
    normaliser : ndarray of float, (n,)
        d_i in px.
    points, visible
        Which points count, as for `counted_points`.

    Returns
    -------
    ndarray of float, (n,)
        Fractions of d_i; NaN for a missed face, which is one whose prediction is not finite at some counted point, or
        so large that its error is not.

    Raises
    ------
    ProtocolError
        For a face without any counted point.

    >>> face_errors(np.array([[[3.0, 4.0], [0.0, 1.0]]]), np.zeros((1, 2, 2)), np.array([10.0])).tolist()
    [0.3]
    """
    predictions, truth = np.asarray(predictions, float), np.asarray(truth, float)
    return errors_of_counted(predictions, truth, normaliser, counted_points(truth, points, visible), points)


def errors_of_counted(
    predictions: np.ndarray,
    truth: np.ndarray,
    normaliser: np.ndarray,
    counted: np.ndarray,
    points: Sequence[int] | None = None,
) -> np.ndarray:
    """Return what `face_errors` does, for callers that know the counted points: (n, L) bool, false but for `points`."""
    # The chosen columns are cut out first, so that numpy's sum rounds as it does over these columns alone.
    chosen = slice(None) if points is None else list(points)
    counted = counted[:, chosen]
    numbers = numbers_of_points(counted)
    if not numbers.all():
        raise ProtocolError(f"{int((numbers == 0).sum())} face(s) have no annotated point that counts")
    with np.errstate(over="ignore", invalid="ignore"):
        distances = point_errors(predictions[:, chosen], truth[:, chosen])
        if not counted.all():
            distances = np.where(counted, distances, 0.0)
        errors = distances.sum(axis=1) / numbers / normaliser
    return np.where(np.isfinite(errors), errors, np.nan)


def nme(errors: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the mean of e_i over the found faces; NaN when none was found.

    Parameters
    ----------
    errors : ndarray of float, (n,)
        e_i; NaN where the face was missed.
    weights : ndarray of float, (n,), optional
        Default one for each face, the macro mean. With the numbers of counted points it is the micro mean, in which
        every point weighs the same: sum(k_i e_i) / sum(k_i).

    >>> nme(np.array([0.02, 0.04, np.nan])), nme(np.array([0.02, 0.04, np.nan]), np.array([3, 1, 5]))
    (0.03, 0.025)
    """
    found = np.isfinite(_errors(errors))
    if not found.any():
        return float("nan")
    if weights is None:
        return float(errors[found].mean())
    return float(np.average(errors[found], weights=np.asarray(weights, float)[found]))


def median(errors: np.ndarray) -> float:
    """Return the median of e_i over the found faces; NaN when none was found.

    >>> median(np.array([0.02, 0.03, 0.4, np.nan]))
    0.03
    """
    found = np.isfinite(_errors(errors))
    return float(np.median(errors[found])) if found.any() else float("nan")


def failure_rate(errors: np.ndarray, threshold: float, strict: bool = False) -> float:
    """Return the share of the faces with e_i > threshold; a missed face is a failure.

    Parameters
    ----------
    errors : ndarray of float, (n,)
        e_i; NaN where the face was missed.
    threshold : float
        A fraction, as the errors are.
    strict : bool
        Count a face with e_i = threshold as a failure too: a success is e_i < threshold.

    >>> failure_rate(np.array([0.02, 0.08, 0.09, np.nan]), 0.08)
    0.5
    >>> failure_rate(np.array([0.02, 0.08, 0.09, np.nan]), 0.08, strict=True)
    0.75
    """
    errors = _errors(errors)
    return float(np.mean(~(errors < threshold if strict else errors <= threshold)))


def ced(errors: np.ndarray, thresholds: np.ndarray, strict: bool = False) -> np.ndarray:
    """Return the cumulative error distribution: the share of all faces with e_i <= t (strict: < t) for each t.

    errors (n,), thresholds (k,) -> (k,).

    >>> ced(np.array([0.02, 0.08, 0.09, np.nan]), np.array([0.0, 0.08, 1.0])).tolist()
    [0.0, 0.5, 0.75]
    """
    found = np.sort(_errors(errors)[np.isfinite(errors)])
    return np.searchsorted(found, np.asarray(thresholds, float), side="left" if strict else "right") / len(errors)


def auc(errors: np.ndarray, threshold: float) -> float:
    """Return the area under the CED from 0 to the threshold t, divided by t.

    It is exact, without bins: the mean of max(0, 1 - e_i / t), where a missed face has 0.

    >>> auc(np.array([0.02, 0.06, 0.2, np.nan]), 0.08)
    0.25
    """
    return float(np.mean(np.nan_to_num(np.maximum(0.0, 1.0 - _errors(errors) / threshold), nan=0.0)))


@dataclass(frozen=True)
class Metric:
    """One measured number, with everything that distinguishes it from others.

    Attributes
    ----------
    name : str
        nme, fr or auc; of an attribute accuracy, balanced_accuracy, average_precision, ece or class_distance.
    value : float
        In percent, a class distance in classes; NaN where no face was found.
    threshold : float, optional
        Of fr and auc, as a fraction: 0.08 is 8 %.
    rule : str, optional
        How an AUC was integrated: exact, or a rule of `fldbench.protocols.legacy`.
    of : str, optional
        The attribute that it measures; None for landmarks.
    """

    name: str
    value: float
    threshold: float | None = None
    rule: str | None = None
    of: str | None = None

    @property
    def key(self) -> str:
        """The name of its column; no two thresholds or rules share one.

        >>> [Metric("fr", 0.0, t).key for t in (0.08, 0.1, 0.075)]
        ['fr08', 'fr10', 'fr07.5']
        >>> Metric("auc", 0.0, 0.08, "exact").key, Metric("auc", 0.0, 0.08, "menpo").key, Metric("nme", 0.0).key
        ('auc08', 'auc08:menpo', 'nme')
        >>> Metric("balanced_accuracy", 0.0, of="pose").key
        'balanced_accuracy:pose'
        """
        rule = "" if self.rule in (None, "exact") else f":{self.rule}"
        of = "" if self.of is None else f":{self.of}"
        return self.name + ("" if self.threshold is None else percent_digits(self.threshold)) + rule + of


def percent_digits(threshold: float) -> str:
    """Return a threshold in percent with all its digits, two or more before the point: 0.08 -> 08, 0.075 -> 07.5.

    >>> percent_digits(0.07), percent_digits(0.0725), percent_digits(1.0)
    ('07', '07.25', '100')
    """
    whole, _, rest = format((Decimal(repr(float(threshold))) * 100).normalize(), "f").partition(".")
    return whole.zfill(2) + (f".{rest}" if rest else "")


def _errors(errors: np.ndarray) -> np.ndarray:
    errors = np.asarray(errors, float)
    if errors.size == 0:
        raise ProtocolError(
            "no face to measure on; check the subset, what is absent from the data root, and, where missed faces are "
            "skipped, whether every face was missed"
        )
    return errors
