"""Photos turned until a face stands upright, as most training faces do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fldbench.baselines.parts.handed import handed_boxes
from fldbench.geometry import box_centre, box_size, tight_box, usable_boxes, warp

AROUND = 2.5  # the side of a turned photo, in longer sides of the face's box: room for what methods see around it
DIGITS = 2  # of px and degrees: methods answer alike to 1e-5 px in batches and alone, and no pixel may depend on that
FINEST = 256  # px, the longer side of a face in a turned photo; larger crops of a face gain nothing


def upright(image: np.ndarray, shape: np.ndarray, roll: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn a photo about a shape.

    Parameters
    ----------
    image : ndarray of uint8, (h, w) or (h, w, 3)
    shape : ndarray of shape (L, 2)
        Pixels of the image, finite.
    roll : float
        Degrees, clockwise as seen; the photo is turned back by them.

    Returns
    -------
    photo : ndarray of uint8, (s, s) or (s, s, 3)
        The surroundings of the shape. Beyond the image, its border pixels are repeated.
    box : ndarray of shape (4,)
        Tight box of the turned shape, pixels of `photo`.
    matrix : ndarray of shape (2, 3)
        Pixels of the image -> pixels of `photo`.

    Raises
    ------
    DataError
        For a shape whose tight box has no size.

    >>> tilted = np.array([[50.0, 40.0], [50.0, 60.0], [40.0, 50.0]])
    >>> photo, box, matrix = upright(np.zeros((90, 90), np.uint8), tilted, 90.0)
    >>> from fldbench.geometry import transform
    >>> photo.shape, box.tolist(), transform(tilted, matrix).round(6).tolist()
    ((50, 50), [14.5, 19.5, 34.5, 29.5], [[14.5, 19.5], [34.5, 19.5], [24.5, 29.5]])
    """
    shape, roll = np.round(shape, DIGITS), round(roll, DIGITS)
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    back = np.array([[cos, sin], [-sin, cos]])
    box = tight_box((shape @ back.T)[None])[0]
    longer = box_size(box).max()
    scale = min(1.0, FINEST / longer)
    side = max(int(np.ceil(AROUND * longer * scale)), 1)
    shift = (side - 1) / 2 - box_centre(box) * scale
    matrix = np.column_stack([scale * back, shift])
    return warp(image, matrix, side), box * scale + np.tile(shift, 2), matrix


def turned(
    images: Sequence[np.ndarray], boxes: np.ndarray, shapes: np.ndarray, rolls: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Turn photos about the shapes in them; one stays as it is if its roll is 0, its shape NaN or its box not usable.

    Parameters
    ----------
    images : sequence of ndarray
        n images.
    boxes : ndarray of shape (n, 4)
        The faces' own boxes, pixels of the images.
    shapes : ndarray of shape (n, L, 2)
        Pixels of the images.
    rolls : ndarray of shape (n,)
        Degrees.

    Returns
    -------
    photos : list of ndarray
    places : ndarray of shape (n, 4)
        Tight boxes of the turned shapes, pixels of `photos`; the face's own box where a shape has none.
    matrices : ndarray of shape (n, 2, 3)
        Pixels of the images -> pixels of `photos`.
    """
    places, matrices = handed_boxes(np.round(shapes, DIGITS), boxes), np.tile(np.eye(2, 3), (len(boxes), 1, 1))
    photos = list(images)
    found = np.flatnonzero(np.isfinite(shapes).all(axis=(1, 2)) & (rolls != 0))
    for i in found[usable_boxes(tight_box(shapes[found]))]:
        photos[i], places[i], matrices[i] = upright(images[i], shapes[i], float(rolls[i]))
    return photos, places, matrices


def tilted(boxes: np.ndarray, degrees: float) -> np.ndarray:
    """Return the corners of boxes (n, 4), each turned about its centre, clockwise as seen: (n, 4, 2).

    >>> tilted(np.array([[0.0, 0.0, 4.0, 2.0]]), 90.0).round(6).tolist()
    [[[3.0, -1.0], [3.0, 3.0], [1.0, 3.0], [1.0, -1.0]]]
    """
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * box_size(boxes)[:, None]
    return box_centre(boxes)[:, None] + corners @ np.array([[cos, sin], [-sin, cos]])
