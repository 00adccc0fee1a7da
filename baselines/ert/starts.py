"""Where the shapes of a face begin, in training and in prediction."""

from __future__ import annotations

import numpy as np


def start_shapes(mean: np.ndarray, starts: int, spread: float) -> np.ndarray:
    """Return the first `starts` of the mean shape; moved right, left, down, up; larger, smaller; turned right, left.

    It is moved by `spread` sides of the box, and about its centre of mass scaled by 1 + and 1 - spread and turned by
    `spread` radians.

    Parameters
    ----------
    mean : ndarray of shape (L, 2)
        In the box frame.
    starts : int
        From 1 to 9.
    spread : float

    Returns
    -------
    ndarray of shape (starts, L, 2)

    >>> start_shapes(np.array([[0.25, 0.5], [0.75, 0.5]]), 3, 0.125)[1:].tolist()
    [[[0.375, 0.5], [0.875, 0.5]], [[0.125, 0.5], [0.625, 0.5]]]
    """
    move = spread * np.array([0, 1, -1, 1j, -1j, 0, 0, 0, 0])[:starts]
    factor = np.array([1, 1, 1, 1, 1, 1 + spread, 1 - spread, np.exp(1j * spread), np.exp(-1j * spread)])[:starts]
    points = mean[:, 0] + 1j * mean[:, 1]
    moved = (points - points.mean()) * factor[:, None] + points.mean() + move[:, None]
    return np.stack([moved.real, moved.imag], axis=-1)


def mixed_shapes(shapes: np.ndarray, rows: int, copies: int, rng: np.random.Generator) -> np.ndarray:
    """Return random means of two shapes each, (rows, copies, L, 2), as dlib's trainer begins.

    Parameters
    ----------
    shapes : ndarray of shape (n, L, 2)
        Any frame that they share.
    rows, copies : int
    rng : numpy.random.Generator
        Draws the two shapes, which may be the same, and how much each counts: at least a twelfth.

    >>> mixed_shapes(np.ones((3, 5, 2)), 4, 2, np.random.default_rng(0)).shape
    (4, 2, 5, 2)
    """
    weights = rng.uniform(0.1, 1.1, (2, rows, copies, 1, 1))
    one, other = shapes[rng.integers(0, len(shapes), (2, rows, copies))]
    return (weights[0] * one + weights[1] * other) / weights.sum(axis=0)
