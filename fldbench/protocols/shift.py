"""The shift between answers and annotation that all faces have in common."""

from __future__ import annotations

import numpy as np


def common_shift(predictions: np.ndarray, truth: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return by what the answers of all faces lie off the truth in common, (2,) px.

    For each face the mean over its counted points of prediction minus truth; of these the median over the found faces,
    in x and in y. Zero if no face was found.

    Parameters
    ----------
    predictions, truth : ndarray of float, (n, L, 2)
        In px; NaN for a missed face.
    counted : ndarray of bool, (n, L)

    Examples
    --------
    >>> truth = np.zeros((3, 2, 2))
    >>> answers = truth + [1.5, -0.5]
    >>> answers[2] = [40.0, 0.0]
    >>> common_shift(answers, truth, np.ones((3, 2), bool)).tolist()
    [1.5, -0.5]
    """
    return middle(face_shifts(predictions, truth, counted))


def face_shifts(predictions: np.ndarray, truth: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return by what the answers of each face lie off the truth, (n, 2) px; the arguments are those of `common_shift`.

    >>> face_shifts(np.ones((1, 2, 2)), np.zeros((1, 2, 2)), np.array([[True, False]])).tolist()
    [[1.0, 1.0]]
    """
    share = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.einsum("nl,nlc->nc", share, np.where(counted[..., None], predictions - truth, 0.0))


def middle(off: np.ndarray) -> np.ndarray:
    """Return the median of shifts (n, 2), of those that are finite, in x and in y; zero if none is.

    >>> middle(np.array([[1.0, 5.0], [2.0, 6.0], [3.0, np.nan]])).tolist()
    [1.5, 5.5]
    """
    found = off[np.isfinite(off).all(axis=1)]
    return np.median(found, axis=0) if len(found) else np.zeros(2)
