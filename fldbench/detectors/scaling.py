"""Images at another scale for a detector, and its boxes back in the image's own pixels."""

from __future__ import annotations

import numpy as np


def zoomed(image: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Return an image scaled by about `factor`, and the exact factors (x, y), which whole pixels decide.

    >>> picture, factors = zoomed(np.zeros((10, 15, 3), np.uint8), 0.5)
    >>> picture.shape, factors.round(3).tolist()
    ((5, 8, 3), [0.533, 0.5])
    """
    import cv2

    height, width = image.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    if size == (width, height):
        return np.ascontiguousarray(image), np.ones(2)
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=kind), np.array(size) / (width, height)


def back(corners: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return boxes (n, 4) of a scaled image in px of the image: pixel centres are at whole numbers in both.

    >>> back(np.array([[1.5, 1.5, 5.5, 3.5]]), np.array([2.0, 2.0])).tolist()
    [[0.5, 0.5, 2.5, 1.5]]
    """
    points = np.asarray(corners, float).reshape(-1, 2, 2)
    return ((points + 0.5) / factors - 0.5).reshape(-1, 4)
