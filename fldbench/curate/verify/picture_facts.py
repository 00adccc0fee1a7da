"""Facts about the images of a FaceSet for the checks of `verify`, with each image decoded once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fldbench.curate.verify.near_duplicates import CROP, PADDING
from fldbench.curate.verify.picture_fit import FRAME, frames
from fldbench.errors import DataError
from fldbench.faces import FaceSet
from fldbench.faces.image_files import exif_orientation, is_cut_off
from fldbench.geometry import crop_matrix, to_grey, usable_boxes, warp
from fldbench.progress import Listener


@dataclass(frozen=True)
class PictureFacts:
    """Facts about the images of n faces.

    Attributes
    ----------
    sizes : ndarray
        (n, 2) int, width and height px; 0 if the image cannot be decoded.
    problems : dict of int to str
        Row -> what is wrong with the image.
    oriented : int
        Number of images with an EXIF orientation that are read as they are stored.
    absent : str
        Why the whole set has no images; "" if it has images.
    digests : list of bytes
        The digest of each image's content; b"" if it cannot be decoded.
    face_crops : ndarray
        (n, 64, 64) grey uint8 around the box; zeros without a box or an image.
    upright_crops : ndarray
        (n, 80, 80) grey uint8, turned and scaled by the points; zeros without points. (n, 0, 0) if not asked for.
    """

    sizes: np.ndarray
    problems: dict[int, str]
    oriented: int
    absent: str
    digests: list[bytes]
    face_crops: np.ndarray
    upright_crops: np.ndarray


def picture_facts(
    faces: FaceSet, landmarks: np.ndarray | None, mean: np.ndarray | None, progress: Listener | None = None
) -> PictureFacts:
    """Decode every image once and keep what the checks need.

    If no image can be decoded and none is a file, the set came without images and counts as absent.

    Parameters
    ----------
    faces : FaceSet
    landmarks : ndarray, optional
        (n, L, 2) px, for the upright crops; without them there are none.
    mean : ndarray, optional
        (L, 2), an upright mean shape, for the upright crops.
    progress : callable, optional
        Called with (what, done, in all).
    """
    n = len(faces)
    boxes = usable_boxes(faces.boxes)
    if landmarks is None or mean is None:
        maps, size = np.full((n, 2, 3), np.nan), 0
    else:
        maps, size = frames(landmarks, mean), FRAME
    facts = PictureFacts(
        np.zeros((n, 2), int),
        {},
        0,
        "",
        [b""] * n,
        np.zeros((n, CROP, CROP), np.uint8),
        np.zeros((n, size, size), np.uint8),
    )
    files = oriented = 0
    for row in range(n):
        if progress:
            progress(f"images of {faces.label}", row + 1, n)
        try:
            encoded = faces.images.encoded(row)
            files += encoded is not None
            if encoded is not None and is_cut_off(encoded):
                facts.problems[row] = "the image file is cut off: its end is missing"
            oriented += encoded is not None and exif_orientation(encoded) != 1
            image = faces.images[row]
        except DataError as error:
            files += bool(error.file)
            facts.problems.setdefault(row, str(error))
            continue
        facts.sizes[row] = image.shape[1::-1]
        facts.digests[row] = faces.images.digest_once(row)
        if boxes[row]:
            matrix = crop_matrix(faces.boxes[row : row + 1], CROP, PADDING)[0]
            facts.face_crops[row] = to_grey(warp(image, matrix, CROP))
        if np.isfinite(maps[row]).all():
            facts.upright_crops[row] = to_grey(warp(image, maps[row], size))
    if len(facts.problems) == n and n and not files:
        return replace(facts, problems={}, absent=facts.problems[0])
    return replace(facts, oriented=oriented)
