"""A sheet of one face under every kind and strength of harm, with its points and the box that a method would get."""

from __future__ import annotations

import numpy as np

from fldbench.faces import FaceSet
from fldbench.faces.harm import HARMS, STRENGTHS, amount, harmed, harmed_boxes
from fldbench.geometry import crop_matrix, tight_box, transform, warp
from fldbench.media.bars import word_panel
from fldbench.media.draw import contact_sheet, draw_landmarks

CELL = 140  # px per face
MARGIN = 0.35  # of the face's longer side, shown around it
BOX, POINT = (255, 210, 0), (0, 255, 0)


def harm_sheet(faces: FaceSet, row: int, cell: int = CELL) -> np.ndarray:
    """Return a sheet with a line for each kind of harm, from none to the greatest strength, RGB uint8.

    The box is the tight one, as the harm leaves it. Raises DataError for a face without landmarks, and for an image
    that cannot be read.

    Parameters
    ----------
    faces : FaceSet
    row : int
        The face to draw.
    cell : int
        px of a face, 140 or more.
    """
    pictures, panels = [], []
    for kind in HARMS:
        for strength in (0, *STRENGTHS):
            harms = [(kind, strength)] if strength else []
            pictures.append(_picture(harmed(faces[[row]], harms), harms, cell))
            about = f"{amount(kind, strength):g}" if strength else "none"
            panels.append(word_panel({}, cell, f"{kind} {strength or ''}", about))
    return contact_sheet(pictures, 1 + len(STRENGTHS), cell, panels)


def _picture(face: FaceSet, harms: list[tuple[str, int]], cell: int) -> np.ndarray:
    import cv2

    tight = tight_box(face.landmarks).reshape(-1, 4)
    matrix = crop_matrix(tight, cell, MARGIN)[0]
    seen = face.visible[0]
    found = draw_landmarks(
        warp(face.images[0], matrix, cell), transform(face.landmarks[0], matrix), visible=seen, colour=POINT, radius=1
    )
    box = harmed_boxes(face.with_boxes(tight), harms).boxes.reshape(2, 2)
    low, high = transform(box, matrix).round().astype(int).tolist()
    return cv2.rectangle(found, low, high, BOX, 1)
