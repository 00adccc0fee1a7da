"""The pixel convention of the whole library, and the functions that move points, boxes and pixels.

Zero-based; x right, y down; the centre of the top-left pixel is (0, 0), so an image of w x h pixels covers
[-0.5, w - 0.5] x [-0.5, h - 0.5]. Points are (..., 2) float as (x, y) in pixels. Boxes are (..., 4) float as
x0, y0, x1, y1 with width x1 - x0 and height y1 - y0. Affine maps are (..., 2, 3) float, [A | t]: p -> A p + t.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fldbench.errors import DataError, must_be

SMALLEST, FAR = 0.1, 1e6  # px: the least side of a box, and how far boxes and points may lie from (0, 0)


def tight_box(landmarks: np.ndarray) -> np.ndarray:
    """Return the smallest box around the points; points that are NaN do not count.

    Parameters
    ----------
    landmarks : ndarray
        (..., L, 2) px.

    Returns
    -------
    ndarray
        (..., 4) float px.

    Raises
    ------
    DataError
        When a face has no annotated point at all.

    >>> tight_box(np.array([[1.0, 5.0], [4.0, 2.0], [np.nan, np.nan]])).tolist()
    [1.0, 2.0, 4.0, 5.0]
    """
    points = np.asarray(landmarks, float)
    if not np.all(np.isfinite(points).all(axis=-1).any(axis=-1)):
        raise DataError("a face without any annotated landmark has no tight box")
    return np.concatenate([np.nanmin(points, axis=-2), np.nanmax(points, axis=-2)], axis=-1)


def box_size(boxes: np.ndarray) -> np.ndarray:
    """Return width and height: boxes (..., 4) px -> (..., 2) px.

    >>> box_size(np.array([1.0, 2.0, 4.0, 7.0])).tolist()
    [3.0, 5.0]
    """
    boxes = np.asarray(boxes, float)
    return boxes[..., 2:] - boxes[..., :2]


def box_centre(boxes: np.ndarray) -> np.ndarray:
    """Return the centres: boxes (..., 4) px -> (..., 2) px.

    >>> box_centre(np.array([1.0, 2.0, 4.0, 7.0])).tolist()
    [2.5, 4.5]
    """
    boxes = np.asarray(boxes, float)
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def box_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the intersection over union (IoU) of two boxes: (..., 4) px each -> (...); NaN if neither has an area.

    >>> box_iou(np.array([0.0, 0.0, 2.0, 2.0]), np.array([[1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]])).tolist()
    [0.3333333333333333, 0.0]
    """
    boxes, others = np.asarray(boxes, float), np.asarray(others, float)
    low, high = np.maximum(boxes[..., :2], others[..., :2]), np.minimum(boxes[..., 2:], others[..., 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=-1)
    whole = box_size(boxes).prod(axis=-1) + box_size(others).prod(axis=-1) - shared
    return np.divide(shared, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def usable_boxes(boxes: np.ndarray) -> np.ndarray:
    """Return which boxes are usable, (n, 4) px -> (n,) bool: finite, not absurdly far away or small, x0 < x1, y0 < y1.

    >>> usable_boxes(np.array([[0.0, 0.0, 5.0, 5.0], [0.0, 0.0, 1e-320, 5.0], [0.0, 0.0, 1e30, 5.0]])).tolist()
    [True, False, False]
    """
    boxes = _rows_of_four(boxes)
    near = (np.abs(boxes) <= FAR).all(axis=1)  # False for NaN
    return near & (box_size(np.where(near[:, None], boxes, 0.0)) >= SMALLEST).all(axis=1)


def check_boxes(boxes: np.ndarray, ids: Sequence[str] | np.ndarray | None = None) -> np.ndarray:
    """Return the boxes as float; refuse wrong shapes, numbers and sizes.

    Parameters
    ----------
    boxes : ndarray
        (n, 4) px.
    ids : sequence of str, optional
        Names of the faces, for the message.

    Raises
    ------
    DataError
        Names the first face whose box is wrong.

    >>> check_boxes(np.array([[0.0, 0.0, 5.0, 0.0]]), ["a"])
    Traceback (most recent call last):
        ...
    fldbench.errors.DataError: face 'a': the box is [0.0, 0.0, 5.0, 0.0]; must be x0, y0, x1, y1 in px, finite, with \
x1 > x0 and y1 > y0, sides from 0.1 px and no number beyond 1e6
    """
    boxes = _rows_of_four(boxes)
    bad = np.flatnonzero(~usable_boxes(boxes))
    if bad.size:
        face = f"face {str(ids[bad[0]])!r}" if ids is not None else f"face number {bad[0]}"
        allowed = (
            f"x0, y0, x1, y1 in px, finite, with x1 > x0 and y1 > y0, sides from {SMALLEST} px and no number beyond 1e6"
        )
        others = f"{bad.size} faces have such boxes" if bad.size > 1 else ""
        shown = [float(f"{number:.6g}") for number in boxes[bad[0]].tolist()]
        raise DataError(must_be(face, "the box", shown, allowed, others))
    return boxes


def _rows_of_four(boxes: np.ndarray) -> np.ndarray:
    boxes = np.asarray(boxes, float)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(must_be("boxes", "the shape", boxes.shape, "(n, 4): x0, y0, x1, y1 in px"))
    return boxes


def jitter_box(box: np.ndarray, rng: np.random.Generator, shift: float = 0.05, scale: float = 0.05) -> np.ndarray:
    """Return a box shifted by N(0, shift) of its width and height and scaled about its centre by N(1, scale).

    Parameters
    ----------
    box : ndarray
        (4,) px.
    rng : Generator
        Two draws for the shift, then one for the scale of both sides.
    shift : float
        Standard deviation, as a share of width and height.
    scale : float
        Standard deviation. A drawn scale below 0.1 becomes 0.1, so that a box stays a box.

    Returns
    -------
    ndarray
        (4,) px.

    >>> jitter_box(np.array([0.0, 0.0, 10.0, 20.0]), np.random.default_rng(0), shift=0.0, scale=0.0).tolist()
    [0.0, 0.0, 10.0, 20.0]
    """
    centre = box_centre(box) + rng.normal(0.0, shift, 2) * box_size(box)
    half = box_size(box) / 2 * max(rng.normal(1.0, scale), 0.1)
    return np.concatenate([centre - half, centre + half])


def transform(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply affine maps: points (..., L, 2), matrix (..., 2, 3) -> (..., L, 2).

    >>> transform(np.array([[1.0, 2.0]]), np.array([[2.0, 0.0, 1.0], [0.0, 2.0, -1.0]])).tolist()
    [[3.0, 3.0]]
    """
    matrix = np.asarray(matrix, float)
    return np.asarray(points, float) @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]


def invert(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse affine maps: (..., 2, 3) -> (..., 2, 3).

    >>> invert(np.array([[2.0, 0.0, 1.0], [0.0, 4.0, 2.0]])).tolist()
    [[0.5, 0.0, -0.5], [0.0, 0.25, -0.5]]
    """
    matrix = np.asarray(matrix, float)
    linear = np.linalg.inv(matrix[..., :2])
    return np.concatenate([linear, -(linear @ matrix[..., 2:])], axis=-1)


def fit_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the similarity (rotation, scale, shift; no mirroring) that takes source nearest to target.

    Least squares. Over complex numbers z -> a z + b with centred points s and t: a = sum(conj(s) t) / sum(|s|^2)
    (Umeyama 1991, eq. 40-42, in two dimensions without reflection).

    Parameters
    ----------
    source, target : ndarray
        (..., L, 2), finite.

    Returns
    -------
    ndarray
        (..., 2, 3), maps from source to target.

    Raises
    ------
    DataError
        When all points of a source are the same.

    >>> fit_similarity(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 1.0], [1.0, 3.0]])).round(6).tolist()
    [[0.0, -2.0, 1.0], [2.0, 0.0, 1.0]]
    """
    source, target = np.asarray(source, float), np.asarray(target, float)
    s_mean, t_mean = source.mean(axis=-2), target.mean(axis=-2)
    s, t = source - s_mean[..., None, :], target - t_mean[..., None, :]
    power = (s**2).sum(axis=(-2, -1))
    if np.any(power == 0):
        raise DataError("a similarity cannot be fitted to points that all coincide")
    real = (s * t).sum(axis=(-2, -1)) / power
    imag = (s[..., 0] * t[..., 1] - s[..., 1] * t[..., 0]).sum(axis=-1) / power
    linear = np.stack([np.stack([real, -imag], -1), np.stack([imag, real], -1)], -2)
    return np.concatenate([linear, (t_mean - (linear @ s_mean[..., None])[..., 0])[..., None]], axis=-1)


def crop_matrix(boxes: np.ndarray, size: int, padding: float = 0.0) -> np.ndarray:
    """Return the affine maps from image pixels to square crops that keep the aspect.

    The crop is centred on the box; its side s is the longer side of the box grown by `padding` of that side on each
    end. With the centre c it goes to [-0.5, size - 0.5]: p -> (p - c) size / s + (size - 1) / 2.

    Parameters
    ----------
    boxes : ndarray
        (n, 4) px of the image.
    size : int
        Side of the crop, px.
    padding : float
        As a share of the longer side of the box.

    Returns
    -------
    ndarray
        (n, 2, 3), px of the image -> px of the crop.

    Raises
    ------
    DataError
        For boxes without a size.

    >>> crop_matrix(np.array([[0.0, 0.0, 10.0, 10.0]]), 20)[0].tolist()
    [[2.0, 0.0, -0.5], [0.0, 2.0, -0.5]]
    """
    boxes = check_boxes(boxes)
    scale = size / (box_size(boxes).max(axis=1) * (1 + 2 * padding))
    shift = (size - 1) / 2 - box_centre(boxes) * scale[:, None]
    out = np.zeros((len(boxes), 2, 3))
    out[:, 0, 0] = out[:, 1, 1] = scale
    out[:, :, 2] = shift
    return out


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Return the image seen through an affine map; outside of it the pixels of its border are repeated.

    Bilinear. A map that shrinks by a factor of two or more is sampled on a grid finer by that whole factor and
    averaged, so that small details do not alias.

    Parameters
    ----------
    image : ndarray
        uint8 (h, w) or (h, w, 3).
    matrix : ndarray
        (2, 3), px of the image -> px of the result.
    size : int
        Side of the result, px.

    Returns
    -------
    ndarray
        uint8 (size, size) or (size, size, 3).
    """
    import cv2

    shrink = 1 / max(np.sqrt(abs(np.linalg.det(matrix[:, :2]))), 1e-6)
    factor = int(np.clip(shrink, 1, 16))
    fine = np.asarray(matrix, float) * factor
    fine[:, 2] += (factor - 1) / 2  # pixel centres: x' = (x + 0.5) factor - 0.5
    side = size * factor
    out = cv2.warpAffine(image, fine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return out if factor == 1 else cv2.resize(out, (size, size), interpolation=cv2.INTER_AREA)


def to_grey(image: np.ndarray) -> np.ndarray:
    """Return the luminance by ITU-R BT.601: RGB uint8 (h, w, 3) -> uint8 (h, w); a grey image as it is."""
    import cv2

    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
