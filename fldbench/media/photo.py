"""Photos with faces drawn on them: points, the lines of their scheme, boxes, and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fldbench.found import FoundFace
from fldbench.media.draw import BOX, as_rgb, draw_box, draw_landmarks
from fldbench.media.lettering import text_width, write_text

LEAST, MOST = 9, 40  # px of letters
PER_FACE = 9  # of the height of a face: the height of its letters
GROUND = (32, 32, 32)


def draw(image, faces: Sequence[FoundFace], boxes: bool = True, words: bool = True) -> np.ndarray:
    """Return a new RGB image with the faces that `Method.detect_and_predict` found.

    Parameters
    ----------
    image : array_like
        uint8, RGB (h, w, 3) or grey (h, w): the photo in which the faces were found.
    faces : sequence of FoundFace
    boxes : bool
        Draw the box that the method was given.
    words : bool
        Write the detector's score above each box, and the likeliest class of each attribute below it.

    >>> face = FoundFace(np.array([5.0, 5, 25, 25]), 0.5, np.full((5, 2), 15.0), "mtfl-5")
    >>> drawn = draw(np.zeros((40, 40, 3), np.uint8), [face])
    >>> drawn.shape, bool(drawn.any())
    ((40, 40, 3), True)
    """
    canvas = as_rgb(image)
    for face in faces:
        if boxes:
            draw_box(canvas, face.box)
    for face in faces:
        canvas = draw_landmarks(canvas, face.landmarks, face.scheme)
    for face in faces if words else ():
        first, *others = labels(face)
        write_beside(canvas, face.box, others, first)
    return canvas


def labels(face: FoundFace) -> list[str]:
    """Return the score of a face, then the likeliest class of each attribute, in words.

    >>> moods = {"smile": {"no": 0.2, "yes": 0.8}, "pose": {"left": float("nan"), "right": float("nan")}}
    >>> labels(FoundFace(np.zeros(4), 1.234, np.zeros((5, 2)), "mtfl-5", moods))
    ['1.23', 'smile yes 0.80']
    """
    return [f"{face.score:.2f}" + (", missed" if face.missed else ""), *likeliest(face.attributes)]


def likeliest(attributes: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the likeliest class of each attribute and its probability, in words; none where it is not known.

    >>> likeliest({"pose": {"left": 0.25, "right": 0.75}, "smile": {"yes": float("nan")}})
    ['pose right 0.75']
    """
    found = []
    for name, classes in attributes.items():
        best = max(classes, key=lambda one: classes[one])
        if not np.isnan(classes[best]):
            found.append(f"{name} {best} {classes[best]:.2f}")
    return found


def write_beside(canvas: np.ndarray, box: np.ndarray, below: Sequence[str], above: str = "") -> None:
    """Write words above and lines below the box of a face, (4,) px, inside of the photo, which is changed."""
    x0, y0, _, y1 = (round(float(side)) for side in box)
    size = int(np.clip((y1 - y0) / PER_FACE, LEAST, MOST))
    line = round(1.4 * size)
    tops = ([(y0 - line, above)] if above else []) + [(y1 + 2 + row * line, text) for row, text in enumerate(below)]
    for place, text in tops:
        top = min(max(place, 0), max(canvas.shape[0] - line, 0))
        left = min(max(x0, 0), max(canvas.shape[1] - text_width(text, size) - size, 0))
        part = canvas[top : top + line, left : left + text_width(text, size) + size]
        part[:] = part // 3 + np.array(GROUND, np.uint8) // 2  # so that words can be read on any photo
        write_text(canvas, text, left + size // 2, top + round(1.05 * size), size, BOX)
