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
    share = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1)
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.einsum("nl,nlc->nc", share, np.where(counted[..., None], predictions - truth, 0.0))
    found = off[np.isfinite(off).all(axis=1)]
    return np.median(found, axis=0) if len(found) else np.zeros(2)
