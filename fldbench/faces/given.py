"""What `predict` was given: images and boxes, checked once for all methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fldbench.errors import DataError, must_be
from fldbench.faces.face_set import FaceSet
from fldbench.faces.images import ImageArrays, Images
from fldbench.faces.pixels import CHANNELS, is_image, read_only, refuse_image, rgb
from fldbench.geometry import check_boxes

FOR_ONE = "for one face write predict([image], [box])"


def given_faces(images: Any, boxes: Any) -> tuple[Sequence[np.ndarray], np.ndarray]:
    """Return images and boxes as every method takes them, read-only: n images RGB uint8 (h, w, 3), boxes (n, 4) float.

    Grey images and those with an alpha channel become RGB. Images that are decoded on access stay so; they are checked
    on access.

    Raises
    ------
    DataError
        For a box or an image that cannot be used, which it names, and for numbers of images and boxes that differ.

    >>> grey = np.zeros((9, 9), np.uint8)
    >>> given_faces([grey], [[1, 1, 5, 5]])[0][0].shape
    (9, 9, 3)
    >>> given_faces([grey], [[1, 1, 5, 5], [2, 2, 7, 7]])
    Traceback (most recent call last):
        ...
    fldbench.errors.DataError: predict: the number of images is 1; must be 2, one for each box; for several faces of \
one photo write predict([photo] * len(boxes), boxes)
    """
    boxes = _boxes(boxes)
    images = _sequence(images, len(boxes))
    if len(images) != len(boxes):
        allowed = f"{len(boxes)}, one for each box"
        then = "for several faces of one photo write predict([photo] * len(boxes), boxes)" if len(images) == 1 else ""
        raise DataError(must_be("predict", "the number of images", len(images), allowed, then))
    if isinstance(images, Images):
        return images, boxes
    coloured = True
    for i, image in enumerate(images):
        if not is_image(image):
            raise refuse_image(image, f"image {i}")
        coloured = coloured and image.ndim == 3 and image.shape[2] == 3
    # Only the ones in use become RGB, so that a list of grey photos does not take three times its memory.
    return ([rgb(image) for image in images] if coloured else ImageArrays(images)), boxes


def _boxes(boxes: Any) -> np.ndarray:
    try:
        boxes = np.array(boxes, float)
    except (TypeError, ValueError) as error:
        raise DataError(must_be("predict", "boxes", boxes, "(n, 4): x0, y0, x1, y1 in px")) from error
    if boxes.shape == (0,):
        boxes = boxes.reshape(0, 4)
    if boxes.shape == (4,):
        raise DataError(must_be("boxes", "the shape", boxes.shape, "(n, 4): x0, y0, x1, y1 in px", FOR_ONE))
    boxes = check_boxes(boxes)
    boxes.flags.writeable = False  # a copy: the caller's own array stays as it is
    return boxes


def _sequence(images: Any, n: int) -> Sequence[np.ndarray]:
    """Return the images as a list or as Images; raise DataError for anything else, such as one image alone."""
    if isinstance(images, (Images, list)):
        return images
    if isinstance(images, FaceSet):
        raise DataError(must_be("predict", "images", "a FaceSet", "its images: predict(faces.images, faces.boxes)"))
    if isinstance(images, tuple) or (isinstance(images, np.ndarray) and images.dtype == object):
        return list(images)
    if isinstance(images, np.ndarray):
        stack = images.ndim == 4 or (images.ndim == 3 and len(images) == n and images.shape[2] not in CHANNELS)
        if not stack and images.size:
            raise DataError(must_be("predict", "images", images.shape, "a sequence of images", FOR_ONE))
        return list(images)
    sequence = all(hasattr(images, name) for name in ("__len__", "__getitem__")) and not hasattr(images, "__array__")
    if not sequence or isinstance(images, (Mapping, str, bytes)):
        then = FOR_ONE if hasattr(images, "__array__") else "write list(images)"
        raise DataError(must_be("predict", "images", type(images).__name__, "a sequence of images", then))
    return ImageArrays(images)


def given_shapes(shapes: Any, n: int) -> np.ndarray | None:
    """Return start shapes (n, L, 2) as float, read-only; raise DataError for others."""
    if shapes is None:
        return None
    try:
        found = np.array(shapes, float)
    except (TypeError, ValueError) as error:
        raise DataError(must_be("predict", "start_shapes", shapes, f"({n}, L, 2) px")) from error
    if found.ndim != 3 or found.shape[0] != n or found.shape[2] != 2:
        raise DataError(must_be("predict", "the shape of start_shapes", found.shape, f"({n}, L, 2), one for each face"))
    return read_only(found)
