"""The size and the roll of shapes."""

from __future__ import annotations

import numpy as np

from fldbench.geometry import fit_similarity


def sizes(shapes: np.ndarray) -> np.ndarray:
    """Return the size of shapes (..., L, 2): the root of the mean squared distance of their points from the centre.

    >>> float(sizes(np.array([[0.0, 1.0], [6.0, 1.0]])))
    3.0
    """
    return np.sqrt(((shapes - shapes.mean(axis=-2, keepdims=True)) ** 2).sum(axis=-1).mean(axis=-1))


def roll_of(shapes: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the roll of shapes: the turn of the similarity that takes a reference nearest to them.

    Parameters
    ----------
    shapes : ndarray of shape (..., L, 2)
        Pixels.
    reference : ndarray of shape (L, 2)
        An upright shape; its place and scale do not matter.

    Returns
    -------
    ndarray of shape (...)
        Degrees from -180 to 180, clockwise as seen; NaN for a shape with a NaN, 0 for one without a size.

    Raises
    ------
    DataError
        When all points of the reference coincide.

    >>> eyes = np.array([[0.0, 0.0], [1.0, 0.0]])
    >>> roll_of(np.array([[[5.0, 5.0], [9.0, 5.0]], [[5.0, 5.0], [5.0, 9.0]]]), eyes).tolist()
    [0.0, 90.0]
    """
    a, b = np.moveaxis(fit_similarity(reference, shapes)[..., 0], -1, 0)
    return np.degrees(np.arctan2(b, a))
