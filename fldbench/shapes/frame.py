"""Shapes in the frame of their boxes: there and back, their mean, mirror images, and points that are missing.

Pure functions on arrays: shapes are (n, L, 2) px, x right and y down; a point that is not annotated is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fldbench.errors import DataError
from fldbench.geometry import box_size, fit_similarity, transform


def to_box_frame(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return points in units of their boxes: (0, 0) is the top-left and (1, 1) the bottom-right corner.

    Parameters
    ----------
    points : ndarray of shape (n, L, 2)
        Pixels.
    boxes : ndarray of shape (n, 4)
        x0, y0, x1, y1 in pixels.

    Returns
    -------
    ndarray of shape (n, L, 2)

    >>> to_box_frame(np.array([[[3.0, 4.0]]]), np.array([[1.0, 2.0, 5.0, 10.0]])).tolist()
    [[[0.5, 0.25]]]
    """
    return (points - boxes[:, None, :2]) / box_size(boxes)[:, None]


def from_box_frame(unit: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return points in pixels: the inverse of `to_box_frame`.

    Parameters
    ----------
    unit : ndarray of shape (n, L, 2) or (L, 2)
        Points in units of the boxes; one shape is put into all boxes.
    boxes : ndarray of shape (n, 4)
        x0, y0, x1, y1 in pixels.

    Returns
    -------
    ndarray of shape (n, L, 2)

    >>> from_box_frame(np.array([[0.5, 0.25]]), np.array([[1.0, 2.0, 5.0, 10.0]])).tolist()
    [[[3.0, 4.0]]]
    """
    return unit * box_size(boxes)[:, None] + boxes[:, None, :2]


def mean_in_box(
    landmarks: np.ndarray, boxes: np.ndarray, weight: np.ndarray | None = None, label: str = "the faces"
) -> np.ndarray:
    """Return the mean of each point in the box frame, over the faces where it is annotated.

    Parameters
    ----------
    landmarks : ndarray of shape (n, L, 2)
        Pixels.
    boxes : ndarray of shape (n, 4)
        Pixels.
    weight : ndarray of shape (n,), optional
        How much each face counts, above 0; equally by default.
    label : str
        What an error calls the faces.

    Returns
    -------
    ndarray of shape (L, 2)

    Raises
    ------
    DataError
        For a point that no face has.

    >>> landmarks = np.array([[[1.0, 2.0]], [[3.0, 4.0]], [[np.nan, np.nan]]])
    >>> mean_in_box(landmarks, np.array([[0.0, 0.0, 4.0, 4.0]] * 3)).tolist()
    [[0.5, 0.75]]
    """
    present = np.isfinite(landmarks).all(axis=-1)
    never = np.flatnonzero(~present.any(axis=0))
    if never.size:
        raise DataError(
            f"{label}: no face has point {never[0]} ({never.size} such point(s)); choose a scheme without it, "
            "or more faces"
        )
    unit = np.where(present[..., None], to_box_frame(landmarks, boxes), 0.0)
    share = present if weight is None else present * weight[:, None]
    return (unit * share[..., None]).sum(axis=0) / share.sum(axis=0)[:, None]


def mirrored(shapes: np.ndarray, mirror: Sequence[int], width: float = 0.0) -> np.ndarray:
    """Return the mirror images x -> width - x, with left and right points exchanged, in the type of the shapes.

    Parameters
    ----------
    shapes : ndarray of shape (..., L, 2), float
    mirror : sequence of L int
        Point l of the mirror image is point mirror[l] of the shape.
    width : float
        1 in the box frame, 0 about the origin, and side - 1 in a crop of `side` pixels.

    >>> mirrored(np.array([[1.0, 2.0], [4.0, 3.0]]), [1, 0], width=9.0).tolist()
    [[5.0, 3.0], [8.0, 2.0]]
    """
    sign, shift = np.array((-1, 1), shapes.dtype), np.array((width, 0), shapes.dtype)
    return shapes[..., np.asarray(mirror), :] * sign + shift


def symmetric(shape: np.ndarray, mirror: Sequence[int], width: float = 1.0) -> np.ndarray:
    """Return the mean of a shape (L, 2) and its mirror image; `mirror` and `width` as in `mirrored`.

    >>> symmetric(np.array([[0.25, 0.0], [1.0, 0.5]]), [1, 0]).tolist()
    [[0.125, 0.25], [0.875, 0.25]]
    """
    return (shape + mirrored(shape, mirror) + (width, 0)) / 2


def fill_missing(landmarks: np.ndarray, boxes: np.ndarray, unit: np.ndarray, ids: Sequence[str]) -> np.ndarray:
    """Return a copy whose NaN points are those of the mean shape, laid on the other points of the face.

    The mean shape is put into the box and moved by the similarity that fits the annotated points best. Where fewer than
    three are annotated it is only shifted, since two near points say nothing about scale.

    Parameters
    ----------
    landmarks : ndarray of shape (n, L, 2)
        Pixels.
    boxes : ndarray of shape (n, 4)
        Pixels.
    unit : ndarray of shape (L, 2)
        The mean shape in the box frame.
    ids : sequence of n str
        Names of the faces, for errors.

    Raises
    ------
    DataError
        For a face without any annotated point.

    >>> face = np.array([[[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [np.nan, np.nan]]])
    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> fill_missing(face, np.array([[0.0, 0.0, 1.0, 1.0]]), square, ["a"])[0, 3].round(6).tolist()
    [2.0, 2.0]
    """
    filled = landmarks.copy()
    present = np.isfinite(landmarks).all(axis=-1)
    for i in np.flatnonzero(~present.all(axis=1)):
        there = present[i]
        if not there.any():
            raise DataError(f"face {str(ids[int(i)])!r} has no annotated point; leave it out of the training set")
        mean = from_box_frame(unit, boxes[i : i + 1])[0]
        moved = mean + (landmarks[i, there] - mean[there]).mean(axis=0)
        if there.sum() >= 3 and np.ptp(mean[there], axis=0).any():
            moved = transform(mean, fit_similarity(mean[there], landmarks[i, there]))
        filled[i, ~there] = moved[~there]
    return filled
