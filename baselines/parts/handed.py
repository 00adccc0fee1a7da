"""The boxes that one method hands on to another; its points say where the face is more exactly than a detector."""

from __future__ import annotations

import numpy as np

from fldbench.geometry import tight_box, usable_boxes


def handed_boxes(shapes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the tight boxes of shapes, or the face's own box if a shape is NaN or its box is not usable.

    Parameters
    ----------
    shapes : ndarray of shape (n, L, 2)
        Pixels.
    boxes : ndarray of shape (n, 4)
        Pixels.

    Returns
    -------
    ndarray of shape (n, 4)
        Pixels; a new array.

    >>> shapes = np.array([[[1.0, 2.0], [5.0, 9.0]], [[3.0, 3.0], [3.0, 8.0]]])
    >>> handed_boxes(shapes, np.array([[0, 0, 9, 9]] * 2)).tolist()
    [[1.0, 2.0, 5.0, 9.0], [0.0, 0.0, 9.0, 9.0]]
    """
    out = np.array(boxes, float)
    found = np.isfinite(shapes).all(axis=(1, 2))
    if found.any():
        tight = tight_box(shapes[found])
        wide = usable_boxes(tight)
        out[np.flatnonzero(found)[wide]] = tight[wide]
    return out
