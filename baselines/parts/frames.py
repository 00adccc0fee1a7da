"""The frame of a shape: rotation and scale of the similarity from a reference, in which a cascade sees and moves it."""

from __future__ import annotations

import numpy as np

from fldbench.geometry import fit_similarity

SCALES = (0.5, 2.0)  # of a frame, so that even a wrong shape has patches


def frames_of(reference: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Return a, b of the similarities [[a, -b], [b, a]] from the reference (L, 2) to shapes (..., L, 2) px: (..., 2).

    >>> frames_of(np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 3.0]])).tolist()
    [0.0, 1.5]
    """
    frames = np.zeros((*shapes.shape[:-2], 2))
    frames[..., 0] = 1.0
    if np.ptp(reference, axis=0).any():
        frames = fit_similarity(reference, shapes)[..., :, 0]
    size = np.hypot(frames[..., 0], frames[..., 1])[..., None]
    return np.where(size > 0, frames / np.maximum(size, 1e-12), (1.0, 0.0)) * np.clip(size, *SCALES)


def turned(steps: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Return steps (..., L, 2) mapped by [[a, -b], [b, a]] of frames (..., 2).

    >>> turned(np.array([[1.0, 2.0]]), np.array([0.0, 1.0])).tolist()
    [[-2.0, 1.0]]
    """
    a, b = frames[..., None, 0], frames[..., None, 1]
    x, y = steps[..., 0], steps[..., 1]
    return np.stack([a * x - b * y, b * x + a * y], axis=-1)
