"""Arrays that are handed out or taken in: read-only views, and what an image may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import DataError, must_be

IMAGE = "uint8, (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey"
CHANNELS = (1, 3, 4)
LONGEST = 2**15 - 2  # px of a side: OpenCV's warps take no more


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a view of an array through which nobody can write; the array itself stays as it is.

    >>> own = np.zeros(2)
    >>> read_only(own).flags.writeable, own.flags.writeable
    (False, True)
    """
    view = array.view()
    view.flags.writeable = False
    return view


def is_image(image: Any) -> bool:
    """Return whether something is an array that methods take as an image."""
    return (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in CHANNELS))
        and image.size > 0
        and max(image.shape[:2]) <= LONGEST
    )


def refuse_image(image: Any, where: str) -> DataError:
    """Return the error for something that is no image; it says what came and what to do.

    >>> print(refuse_image(np.zeros((3, 40, 30), np.uint8), "image 2"))
    image 2: the shape is (3, 40, 30); must be (h, w, 3), (h, w, 4), (h, w, 1) or (h, w), at least 1 x 1; move the \
channels to the end: np.moveaxis(image, 0, -1)
    >>> print(refuse_image(np.zeros((40, 30, 3)), "image 0"))
    image 0: the dtype is 'float64'; must be uint8, (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey; scale it from 0..1 \
to 0..255 and convert it: (255 * image).round().astype(np.uint8)
    """
    if not isinstance(image, np.ndarray):
        kind = type(image)
        return DataError(must_be(where, "the type", f"{kind.__module__}.{kind.__name__}", IMAGE, _array_from(image)))
    if image.dtype != np.uint8:
        return DataError(must_be(where, "the dtype", str(image.dtype), IMAGE, _bytes_from(image)))
    allowed, then = "(h, w, 3), (h, w, 4), (h, w, 1) or (h, w), at least 1 x 1", ""
    if image.ndim == 3 and image.shape[0] in CHANNELS and image.size:
        then = "move the channels to the end: np.moveaxis(image, 0, -1)"
    elif image.ndim == 3 and image.shape[2] == 2:
        then = "leave the alpha channel out: image[..., 0]"
    elif image.ndim == 4 and image.shape[0] == 1:
        then = "leave out the first axis: image[0]"
    elif image.ndim in (2, 3) and max(image.shape[:2]) > LONGEST:
        allowed, then = f"at most {LONGEST} px high and wide", "cut the face's surroundings out, or scale it down"
    return DataError(must_be(where, "the shape", image.shape, allowed, then))


def rgb(image: np.ndarray) -> np.ndarray:
    """Return an image as RGB, (h, w, 3), read-only; an alpha channel is left out. One that is RGB is not copied.

    >>> rgb(np.full((1, 1), 7, np.uint8)).tolist()
    [[[7, 7, 7]]]
    """
    if image.ndim == 3 and image.shape[2] == 3:
        return read_only(image)
    import cv2

    if image.ndim == 3 and image.shape[2] == 4:
        return read_only(cv2.cvtColor(image, cv2.COLOR_RGBA2RGB))
    return read_only(cv2.cvtColor(image.reshape(image.shape[:2]), cv2.COLOR_GRAY2RGB))


def _array_from(thing: Any) -> str:
    """Return what to do with something that is no array."""
    home = type(thing).__module__.partition(".")[0]
    if home == "PIL":
        return 'give np.asarray(image.convert("RGB"))'
    if home == "torch":
        return "give an array: image.permute(1, 2, 0).cpu().numpy(), scaled to 0..255 and converted to uint8"
    if isinstance(thing, (str, Path)):
        return "read the files: fldbench.ImageFiles([path, ...])"
    if isinstance(thing, (bytes, bytearray, memoryview)):
        return "decode it first"
    if thing is None:
        return "an image file that cannot be read gives None in OpenCV"
    if isinstance(thing, Sequence):
        return "give np.array(image, np.uint8)"
    return "give an array" if not isinstance(thing, Mapping) else "give the images alone"


def _bytes_from(image: np.ndarray) -> str:
    """Return what to do with an array of another type."""
    if image.dtype == bool:
        return "convert it: 255 * image.astype(np.uint8)"
    if image.dtype.kind == "f":
        if image.size and np.nanmax(image) <= 1:
            return "scale it from 0..1 to 0..255 and convert it: (255 * image).round().astype(np.uint8)"
        return "scale it to 0..255 and convert it: image.round().astype(np.uint8)"
    if image.dtype == np.uint16:
        return "scale it to 0..255 and convert it: (image // 257).astype(np.uint8) if it holds 16 bits"
    if image.dtype.kind in "iu":
        return "if its values are 0..255, convert it: image.astype(np.uint8)"
    return "scale it to 0..255 and convert it to uint8"
