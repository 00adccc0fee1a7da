"""Normalised crops of faces: cut once, kept in a cache, read by memory map.

A crop is square, upright and centred on the face's box, whose longer side, grown by `padding` of itself on each end,
fills it (`geometry.crop_matrix`). It is sampled from the photo in one step (`geometry.warp`); a grey one is the
luminance of the coloured one. Crop pixels follow the pixel convention: the centre of the top-left one is (0, 0).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fldbench.errors import DataError, StoreError
from fldbench.faces.face_set import FaceSet, Images
from fldbench.geometry import check_boxes, crop_matrix, invert, to_grey, transform, warp

VERSION = 1  # raised when other pixels come out of the same face
BLOCK = 16  # faces cut by one task; about a megabyte
BLOCKS_AHEAD = 4  # tasks of each thread between two writes; a bound, so that a slow disk does not fill the memory


@dataclass(frozen=True, eq=False)
class Crops:
    """n crops and where they come from.

    images    (n, size, size) grey or (n, size, size, 3) RGB uint8, read-only, memory-mapped
    matrices  (n, 2, 3) float: px of the photo -> px of the crop
    """

    images: np.ndarray
    matrices: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def to_crop(self, landmarks: np.ndarray) -> np.ndarray:
        """(n, L, 2) px of the photos -> (n, L, 2) px of the crops."""
        return transform(landmarks, self.matrices)

    def to_photo(self, landmarks: np.ndarray) -> np.ndarray:
        """(n, L, 2) px of the crops -> (n, L, 2) px of the photos."""
        return transform(landmarks, invert(self.matrices))


def crop_faces(
    faces: FaceSet,
    size: int,
    padding: float = 0.25,
    grey: bool = True,
    cache: str | Path | None = None,
    jobs: int = 1,
) -> Crops:
    """The crops of all faces, cut now or read from the cache; never all of them in memory.

    size     px, both sides
    padding  what the longer side of the box is grown by on each end, as a share of it; more than -0.5
    cache    the folder for them; by default `crops` in the user's cache folder of fldbench. One .npy file for a
             fingerprint, size, padding and colour; it appears when it is whole, and may be deleted at any time
    jobs     threads that decode and cut; -1 is one a core

    Raises DataError for a box without a size and for an image that cannot be read (nothing is kept then), StoreError
    when the cache cannot be written.
    """
    if size < 1 or not padding > -0.5:
        raise DataError(f"crops of {size} px with padding {padding}: a size is 1 or more, a padding more than -0.5")
    matrices = crop_matrix(check_boxes(faces.boxes, faces.ids), size, padding)
    shape = (len(faces), size, size) if grey else (len(faces), size, size, 3)
    if not len(faces):
        return Crops(np.zeros(shape, np.uint8), matrices)
    path = _folder(cache) / f"{_key(faces, size, padding, grey)}.npy"
    images = _read(path, shape)
    if images is None:
        _write(path, shape, _cut(faces.images, matrices, size, grey, jobs))
        images = _read(path, shape)
    if images is None:
        raise StoreError(f"crops were written to {path} but cannot be read from there; choose another cache folder")
    return Crops(images, matrices)


def crop_image(image: np.ndarray, matrix: np.ndarray, size: int, grey: bool) -> np.ndarray:
    """One crop: RGB uint8 (h, w, 3), (2, 3) -> uint8 (size, size[, 3])."""
    crop = warp(image, matrix, size)
    return to_grey(crop) if grey else crop


def _folder(cache: str | Path | None) -> Path:
    if cache is not None:
        return Path(cache)
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("fldbench", appauthor=False)) / "crops"


def _key(faces: FaceSet, size: int, padding: float, grey: bool) -> str:
    """Name of all that decides the pixels; OpenCV's version too, as it decodes and samples."""
    import cv2

    parts = [VERSION, cv2.__version__, faces.fingerprint, int(size), float(padding), bool(grey)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _cut(images: Images, matrices: np.ndarray, size: int, grey: bool, jobs: int) -> Iterator[np.ndarray]:
    """The crops in order, a block of faces at a time."""
    from joblib import Parallel, delayed, effective_n_jobs

    blocks = [slice(start, start + BLOCK) for start in range(0, len(matrices), BLOCK)]
    ahead = BLOCKS_AHEAD * effective_n_jobs(jobs)
    with Parallel(n_jobs=jobs, backend="threading") as parallel:
        for first in range(0, len(blocks), ahead):
            some = blocks[first : first + ahead]
            yield from parallel(delayed(_cut_block)(images[rows], matrices[rows], size, grey) for rows in some)


def _cut_block(images: Images, matrices: np.ndarray, size: int, grey: bool) -> np.ndarray:
    return np.stack([crop_image(image, matrix, size, grey) for image, matrix in zip(images, matrices, strict=True)])


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The cached crops as a read-only memory map; None when there are none, or when the file is not whole."""
    try:
        images = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return images if images.shape == shape and images.dtype == np.uint8 else None


def _write(path: Path, shape: tuple[int, ...], blocks: Iterator[np.ndarray]) -> None:
    """Write a .npy file block by block under another name, and rename it when it is on the disk."""
    part = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for block in blocks:
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise StoreError(
            f"crops cannot be written to {path.parent} ({error.strerror}); give another folder by `cache`"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()
