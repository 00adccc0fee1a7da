"""Summaries of errors that one bad face does not decide, and what the worst face decides of a mean.

Errors are fractions of the normaliser, (n,). A face that a method missed has the error NaN and counts as larger than
all others, as it does in a failure rate: giving up wins nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fldbench.errors import ProtocolError, must_be
from fldbench.metrics import auc, nme
from fldbench.stats.ordered import interquartile_means, medians


class WorstFace(NamedTuple):
    """What the worst answered face does to an NME.

    Attributes
    ----------
    place : int
        Its index.
    error : float
        Of the face.
    without : float
        The NME without it.
    of_variance : float
        Its share of the sum of the squared deviations from the NME, which the interval of the NME follows.
    """

    place: int
    error: float
    without: float
    of_variance: float


def median_error(errors: np.ndarray) -> float:
    """Return the median of the errors (n,); infinite where half of the faces were missed.

    >>> median_error(np.array([0.02, 0.9, 0.04, np.nan, 0.03]))
    0.04
    """
    return float(medians(_faces(errors)[None], np.ones((len(errors), 1)))[0, 0])


def interquartile_mean(errors: np.ndarray) -> float:
    """Return the mean of the middle half of the errors (n,); infinite where over a quarter of the faces was missed.

    A face at the border of the half counts in part, so that the half is exact.

    >>> interquartile_mean(np.array([0.5, 0.02, 0.04, np.nan]))
    0.27
    """
    return float(interquartile_means(_faces(errors)[None], np.ones((len(errors), 1)))[0, 0])


def clipped_error(errors: np.ndarray, threshold: float) -> float:
    """Return the mean of min(e_i, t) over all faces (n,), where a missed face has t; it is t (1 - AUC@t).

    No face counts more than the threshold, and 8 (1 - AUC@8) says an AUC in the unit of the error.

    >>> round(clipped_error(np.array([0.02, 0.04, 0.5, np.nan]), 0.08), 6)
    0.055
    """
    return threshold * (1.0 - auc(errors, threshold))


def performance_profile(errors: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """Return on which share of the faces each method is within a ratio of the best one.

    Dolan and Moré, Benchmarking optimization software with performance profiles, Mathematical Programming 91, 2002.
    At ratio 1 it is the share of faces that the method answers best; equal methods are both the best. A face that all
    methods missed is within no ratio.

    Parameters
    ----------
    errors : ndarray, (m, n)
        Of m methods on the same faces.
    ratios : ndarray, (k,)
        From 1 on.

    Returns
    -------
    ndarray, (m, k)

    >>> errors = np.array([[0.02, 0.06, 0.03], [0.03, 0.02, np.nan]])
    >>> performance_profile(errors, np.array([1.0, 2.0, 4.0])).round(2).tolist()
    [[0.67, 0.67, 1.0], [0.33, 0.67, 0.67]]
    """
    errors = np.asarray(errors, float)
    if errors.ndim != 2 or not errors.size:
        raise ProtocolError(must_be("performance profile", "the shape of the errors", errors.shape, "(m, n)"))
    filled = np.where(np.isnan(errors), np.inf, errors)
    best = filled.min(axis=0)
    bounds = np.asarray(ratios, float)[:, None] * best
    return ((filled[:, None] <= bounds) & np.isfinite(best)).mean(axis=2)


def worst_face(errors: np.ndarray) -> WorstFace:
    """Return what the worst answered face does to the NME of errors (n,).

    Raises
    ------
    ProtocolError
        Where fewer than two faces were answered.

    >>> worst = worst_face(np.array([0.02, 0.04, np.nan, 0.45]))
    >>> worst.place, worst.error, round(worst.without, 6), round(worst.of_variance, 3)
    (3, 0.45, 0.03, 0.666)
    """
    errors = _faces(errors)
    found = np.isfinite(errors)
    if found.sum() < 2:
        raise ProtocolError(must_be("worst face", "the number of answered faces", int(found.sum()), "2 or more"))
    place = int(np.argmax(np.where(found, errors, -np.inf)))
    squares = (errors - nme(errors)) ** 2
    total = float(squares[found].sum())
    return WorstFace(
        place,
        float(errors[place]),
        nme(np.delete(errors, place)),
        float(squares[place] / total) if total > 0 else 0.0,
    )


def _faces(errors: np.ndarray) -> np.ndarray:
    errors = np.asarray(errors, float)
    if errors.ndim != 1 or not errors.size:
        raise ProtocolError(must_be("robust summary", "the shape of the errors", errors.shape, "(n,), n above 0"))
    return errors
