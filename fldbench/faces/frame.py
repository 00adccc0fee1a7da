"""The frames of images, and whether points lie in them: resizing after the annotation moves points out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fldbench.errors import DataError
from fldbench.faces.face_set import FaceSet
from fldbench.faces.image_files import header_size

SAMPLE = 40  # faces that are looked at, evenly spread
OUTSIDE = 0.25  # of a face's points; none of 300-W, MTFL, YouTube Faces, WFLW, IMM-Frontal and London has so many


def image_frames(images: Iterable[np.ndarray]) -> np.ndarray:
    """Return the boxes that hold the whole of each of n images, (n, 4) px.

    >>> image_frames([np.zeros((30, 40), np.uint8)]).tolist()
    [[-0.5, -0.5, 39.5, 29.5]]
    """
    return np.array([(-0.5, -0.5, image.shape[1] - 0.5, image.shape[0] - 0.5) for image in images]).reshape(-1, 4)


def outside(faces: FaceSet, sample: int = SAMPLE) -> tuple[int, int]:
    """Return how many faces have more than a quarter of their points outside of their image, of how many looked at.

    Only the headers of image files are read; images that are no files, or not there, are not looked at.
    """
    out = looked = 0
    for row in np.unique(np.linspace(0, len(faces) - 1, min(sample, len(faces))).astype(int)).tolist():
        points = faces.landmarks[row][np.isfinite(faces.landmarks[row]).all(axis=1)]
        size = _size(faces, row)
        if size is not None and len(points):
            away = ((points < -0.5) | (points > np.array(size) - 0.5)).any(axis=1)
            out, looked = out + int(away.mean() > OUTSIDE), looked + 1
    return out, looked


def check_in_images(faces: FaceSet) -> None:
    """Raise DataError if the points of most faces lie outside of their images."""
    out, looked = outside(faces)
    if 2 * out > looked:
        raise DataError(
            f"{faces.label}: {out} of {looked} faces that were looked at have points outside of their images, as if "
            "these had been resized, cut or turned after the annotation; restore the images that were annotated "
            "(`fldbench data verify` names the faces), or give orientation=upright if they are shown turned"
        )


def _size(faces: FaceSet, row: int) -> tuple[int, int] | None:
    """Return width and height of an image as it is decoded; None if that is not known without decoding it."""
    try:
        encoded = faces.images.encoded(row)
        if encoded is not None:
            return header_size(encoded)
        if faces.images.turned_by(row) != 1:
            height, width = faces.images[row].shape[:2]
            return width, height
    except DataError:
        pass
    return None
