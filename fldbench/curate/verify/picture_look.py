"""One look at every image of a FaceSet: what the checks of `verify` need, with each image decoded once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fldbench.curate.verify import duplicates, picture_fit
from fldbench.errors import DataError
from fldbench.faces import FaceSet
from fldbench.faces.image_files import is_cut_off
from fldbench.geometry import crop_matrix, to_grey, warp


@dataclass(frozen=True)
class Look:
    """What the images of n faces show.

    sizes          (n, 2) int, width and height px; 0 where the image cannot be decoded
    problems       row -> what is wrong with the image
    absent         why the whole set has no images; "" where it has
    digests        n SHA-256 of the image's content; b"" where it cannot be decoded
    face_crops     (n, 64, 64) grey uint8 around the box; zeros where there is none
    upright_crops  (n, 80, 80) grey uint8, turned and scaled by the points; zeros where there are none, or none asked
    """

    sizes: np.ndarray
    problems: dict[int, str]
    absent: str
    digests: list[bytes]
    face_crops: np.ndarray
    upright_crops: np.ndarray


def look_at(
    faces: FaceSet,
    landmarks: np.ndarray | None,
    mean: np.ndarray | None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Look:
    """Decodes every image once. landmarks (n, L, 2) px and an upright mean shape (L, 2), or None: no upright crops.

    A set is absent when no image can be decoded and none is a file: it came without images.
    """
    n = len(faces)
    boxes = np.isfinite(faces.boxes).all(axis=1) & (faces.boxes[:, 2:] > faces.boxes[:, :2]).all(axis=1)
    maps = np.full((n, 2, 3), np.nan) if landmarks is None else picture_fit.frames(landmarks, mean)
    size = picture_fit.FRAME if landmarks is not None else 0
    look = Look(
        np.zeros((n, 2), int),
        {},
        "",
        [b""] * n,
        np.zeros((n, duplicates.CROP, duplicates.CROP), np.uint8),
        np.zeros((n, size, size), np.uint8),
    )
    files = 0
    for row in range(n):
        if progress:
            progress(f"images of {faces.label}", row + 1, n)
        try:
            encoded = faces.images.encoded(row)
            files += encoded is not None
            if encoded is not None and is_cut_off(encoded):
                look.problems[row] = "the image file is cut off: its end is missing"
            image = faces.images[row]
        except DataError as error:
            files += bool(error.file)
            look.problems.setdefault(row, str(error))
            continue
        look.sizes[row] = image.shape[1::-1]
        look.digests[row] = hashlib.sha256(encoded).digest() if encoded is not None else faces.images.digest(row)
        if boxes[row]:
            matrix = crop_matrix(faces.boxes[row : row + 1], duplicates.CROP, duplicates.PADDING)[0]
            look.face_crops[row] = to_grey(warp(image, matrix, duplicates.CROP))
        if np.isfinite(maps[row]).all():
            look.upright_crops[row] = to_grey(warp(image, maps[row], size))
    if len(look.problems) == n and n and not files:
        return Look(look.sizes, {}, look.problems[0], look.digests, look.face_crops, look.upright_crops)
    return look
