"""Confidence from several answers for the same face: the nearer they lie together, the surer the method."""

from __future__ import annotations

import numpy as np

from fldbench.geometry import box_size

HALF = 0.02  # of the box's side: answers that lie so far from their mean, on average, have the confidence one half


def agreement(answers: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + d / HALF) for each face, (n,) in (0, 1].

    d is the mean distance of a point from its mean over the answers, in sides sqrt(w h) of the box. A single answer has
    the confidence 1: it says nothing.

    Parameters
    ----------
    answers : ndarray, (n, k, L, 2)
        Px; an answer with NaN does not count, and a face without any has NaN.
    boxes : ndarray, (n, 4)
        Px.

    >>> both = np.array([[[[0.0, 0.0]], [[4.0, 0.0]]]])
    >>> agreement(both, np.array([[0.0, 0.0, 100.0, 100.0]])).tolist()
    [0.5]
    """
    there = np.isfinite(answers).all(axis=(2, 3), keepdims=True)
    count = there.sum(axis=1)
    known = np.where(there, answers, 0.0)
    mean = known.sum(axis=1) / np.maximum(count, 1)
    far = np.where(there[..., 0], np.linalg.norm(known - mean[:, None], axis=-1), 0.0)
    spread = far.sum(axis=1).mean(axis=1) / np.maximum(count[:, 0, 0], 1)
    side = np.sqrt(box_size(np.asarray(boxes, float)).prod(axis=1))
    return np.where(count[:, 0, 0] > 0, 1 / (1 + spread / side / HALF), np.nan)
