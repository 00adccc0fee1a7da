"""Normalised crops of faces: cut once, kept in a cache, read by memory map.

A crop is square, upright and centred on the face's box. The longer side of the box, grown by `padding` of itself on
each end, fills the crop (`geometry.crop_matrix`). It is sampled from the photo in one step (`geometry.warp`); a grey
one is the luminance of the coloured one. Crop pixels follow the pixel convention: the centre of the top-left one is (0,
0).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fldbench.errors import DataError, StoreError, must_be
from fldbench.faces.face_set import FaceSet
from fldbench.faces.given import given_faces
from fldbench.faces.images import Images
from fldbench.faces.pixels import read_only
from fldbench.files import open_regular, written_whole
from fldbench.geometry import check_boxes, crop_matrix, invert, to_grey, transform, warp
from fldbench.user_cache import make_room, mark_used, user_cache

VERSION = 1  # raise it when the same face gives other pixels
FACES_PER_TASK = 16  # about a megabyte of crops
TASKS_AHEAD = 4  # tasks of each thread between two writes; a bound, so that a slow disk does not fill the memory


@dataclass(frozen=True, eq=False)
class Crops:
    """n crops and where they come from.

    Attributes
    ----------
    images : ndarray
        (n, size, size) grey or (n, size, size, 3) RGB uint8, read-only; memory-mapped if they come from the cache.
    matrices : ndarray
        (n, 2, 3) float: px of the photo -> px of the crop.
    """

    images: np.ndarray
    matrices: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def to_crop(self, landmarks: np.ndarray) -> np.ndarray:
        """Move landmarks (n, L, 2) from px of the photos to px of the crops."""
        return transform(landmarks, self.matrices)

    def to_photo(self, landmarks: np.ndarray) -> np.ndarray:
        """Move landmarks (n, L, 2) from px of the crops to px of the photos."""
        return transform(landmarks, invert(self.matrices))


def crop_faces(
    images: Sequence[np.ndarray], boxes: np.ndarray, size: int, padding: float = 0.25, grey: bool = False
) -> Crops:
    """Return the crops of some faces, as `predict` gets them; they are all in memory.

    Parameters
    ----------
    images : sequence of ndarray
        n images, uint8, RGB, with alpha or grey.
    boxes : ndarray
        (n, 4) px.
    size, padding, grey
        As in `cached_crops`.

    Raises
    ------
    DataError
        For images and boxes that cannot be used.

    >>> crops = crop_faces([np.zeros((40, 40), np.uint8)], [[10, 10, 30, 30]], size=20, padding=0.0)
    >>> crops.images.shape, crops.to_photo(np.array([[[-0.5, -0.5], [19.5, 19.5]]])).round(6).tolist()
    ((1, 20, 20, 3), [[[10.0, 10.0], [30.0, 30.0]]])
    """
    _check_size(size, padding)
    images, boxes = given_faces(images, boxes)
    matrices = crop_matrix(boxes, size, padding)
    cut = [crop_image(image, matrix, size, grey) for image, matrix in zip(images, matrices, strict=True)]
    shape = (len(boxes), size, size) if grey else (len(boxes), size, size, 3)
    return Crops(read_only(np.array(cut, np.uint8).reshape(shape)), matrices)


def cached_crops(
    faces: FaceSet,
    size: int,
    padding: float = 0.25,
    grey: bool = True,
    cache: str | Path | None = None,
    jobs: int = 1,
) -> Crops:
    """Return the crops of all faces, cut now or read from the cache; they are never all in memory.

    Parameters
    ----------
    faces : FaceSet
    size : int
        Px, both sides.
    padding : float
        Growth of the box on each end, as a share of its longer side; more than -0.5.
    grey : bool
        Grey crops instead of coloured ones.
    cache : str or Path, optional
        The folder for them; by default `crops` in the user's cache folder of fldbench. It gets one .npy file for each
        fingerprint, size, padding and colour, which appears when it is whole and may be deleted at any time. The
        user's cache is bounded (`fldbench.user_cache`).
    jobs : int
        Threads that decode and cut; -1 means one for each core.

    Raises
    ------
    DataError
        For a box without a size, and for an image that cannot be read; nothing is kept then.
    StoreError
        When the cache cannot be written.
    """
    _check_size(size, padding)
    matrices = crop_matrix(check_boxes(faces.boxes, faces.ids), size, padding)
    shape = (len(faces), size, size) if grey else (len(faces), size, size, 3)
    if not len(faces):
        return Crops(np.zeros(shape, np.uint8), matrices)
    path = (user_cache("crops") if cache is None else Path(cache)) / f"{_key(faces, size, padding, grey)}.npy"
    images = _read(path, shape)
    if images is None:
        if cache is None:
            make_room("crops", math.prod(shape))
        _write(path, shape, _cut(faces.images, matrices, size, grey, jobs))
        images = _read(path, shape)
    if images is None:
        raise StoreError(f"{path}: the crops were written but cannot be read; give another folder by `cache`")
    if cache is None:
        mark_used(path)
    return Crops(images, matrices)


def crop_image(image: np.ndarray, matrix: np.ndarray, size: int, grey: bool) -> np.ndarray:
    """Cut one crop: RGB uint8 (h, w, 3) and its map (2, 3) -> uint8 (size, size[, 3])."""
    crop = warp(image, matrix, size)
    return to_grey(crop) if grey else crop


def _check_size(size: int, padding: float) -> None:
    if size < 1:
        raise DataError(must_be("crops", "size", size, "1 px or more"))
    if not padding > -0.5:
        raise DataError(must_be("crops", "padding", padding, "more than -0.5 of the box"))


def _key(faces: FaceSet, size: int, padding: float, grey: bool) -> str:
    """Return a name with everything that decides the pixels; OpenCV's version too, because it decodes and samples."""
    import cv2

    parts = [VERSION, cv2.__version__, faces.fingerprint, int(size), float(padding), bool(grey)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _cut(images: Images, matrices: np.ndarray, size: int, grey: bool, jobs: int) -> Iterator[np.ndarray]:
    """Yield the crops in order, those of one task at a time."""
    from joblib import Parallel, delayed, effective_n_jobs

    tasks = [slice(start, start + FACES_PER_TASK) for start in range(0, len(matrices), FACES_PER_TASK)]
    ahead = TASKS_AHEAD * effective_n_jobs(jobs)
    with Parallel(n_jobs=jobs, backend="threading") as parallel:
        for first in range(0, len(tasks), ahead):
            some = tasks[first : first + ahead]
            yield from parallel(delayed(_cut_some)(images[rows], matrices[rows], size, grey) for rows in some)


def _cut_some(images: Images, matrices: np.ndarray, size: int, grey: bool) -> np.ndarray:
    return np.stack([crop_image(image, matrix, size, grey) for image, matrix in zip(images, matrices, strict=True)])


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the cached crops as a read-only memory map; None if there are none or the file is not whole."""
    try:
        open_regular(path).close()  # a pipe would block
        images = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return images if images.shape == shape and images.dtype == np.uint8 else None


def _write(path: Path, shape: tuple[int, ...], parts: Iterator[np.ndarray]) -> None:
    """Write a .npy file part by part; it appears when it is whole."""
    with written_whole(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for part in parts:
            file.write(part)
