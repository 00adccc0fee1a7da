"""Sheets of a FaceSet: each face with its surroundings and points, what a model answered, and its attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fldbench.errors import DataError, must_be
from fldbench.faces import FaceSet
from fldbench.faces.attributes import UNKNOWN
from fldbench.geometry import box_size, tight_box
from fldbench.media.bars import ANSWER, DIM, GROUND, TICK, WRONG, bar_panel
from fldbench.media.draw import contact_sheet, draw_landmarks
from fldbench.media.lettering import text_width, write_text

MARGIN = 0.3  # of the face's longer side, shown around it
CELL = 160  # px per face
TRUE_POINT, POINT = (255, 255, 255), (0, 255, 0)
_LETTERS = 11  # px, of the legend


def face_picture(
    faces: FaceSet, row: int, cell: int = CELL, numbers: bool = False, answer: np.ndarray | None = None
) -> np.ndarray:
    """Return the part of the image around a face, with its points, about as large as a cell, RGB uint8.

    A face whose image cannot be read is drawn on grey. With an answer, (L, 2) px, the answer has the lines of the
    scheme, and the true points are white dots.
    """
    import cv2

    landmarks, box = faces.landmarks[row], faces.boxes[row]
    shown = np.isfinite(landmarks).all(axis=1)
    area = tight_box(landmarks) if shown.any() else np.nan_to_num(box, posinf=0.0, neginf=0.0)
    side = max(float(box_size(area).max()), 8.0)
    moved = np.zeros(2)
    try:
        image = faces.images[row]
    except DataError:
        moved = np.floor(area[:2] - MARGIN * side)
        image = np.full((*[min(int(side * (1 + 2 * MARGIN)) + 1, 2000)] * 2, 3), 96, np.uint8)
        area = area - np.tile(moved, 2)
    height, width = image.shape[:2]
    low = np.floor(area[:2] - MARGIN * side).clip(0, [width - 1, height - 1]).astype(int)
    high = np.ceil(area[2:] + MARGIN * side).clip(low + 1, [width, height]).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    factor = cell / max(part.shape[:2])
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    new = [max(1, round(length * factor)) for length in part.shape[1::-1]]
    scale = np.array(new) / part.shape[1::-1]
    part = cv2.resize(part, new, interpolation=kind)

    def placed(points: np.ndarray) -> np.ndarray:
        return (points - moved - low + 0.5) * scale - 0.5  # pixel centres, as cv2.resize has them

    seen = faces.visible[row]
    if answer is None:
        return draw_landmarks(part, placed(landmarks), faces.scheme, seen, numbers=numbers)
    part = draw_landmarks(part, placed(landmarks), visible=seen, colour=TRUE_POINT)
    return draw_landmarks(part, placed(answer), faces.scheme, colour=POINT, numbers=numbers)


def answer_sheet(
    faces: FaceSet,
    landmarks: np.ndarray,
    probabilities: Mapping[str, np.ndarray] | None = None,
    classes: Mapping[str, Sequence[str]] | None = None,
    errors: np.ndarray | None = None,
    columns: int = 8,
    cell: int = CELL,
) -> np.ndarray:
    """Return a sheet of faces with a model's points and attributes beside the truth, and a legend, RGB.

    Below each face stand its id, its error and the bars of `attribute_bars`. Truth and answer are compared by the names
    of the classes, so a model may know them in another order than the faces; a true class that the model does not know
    has no mark.

    Parameters
    ----------
    faces : FaceSet
        The n faces to draw, in this order.
    landmarks : ndarray
        (n, L, 2) px, as `predict` returns them; NaN rows for missed faces.
    probabilities : mapping of str to ndarray, optional
        Attribute -> (n, k), as `predict_attributes` returns them.
    classes : mapping of str to sequence of str, optional
        Attribute -> names of its k classes; those that are absent are the faces' own (`attribute_types`).
    errors : ndarray, optional
        (n,) as fractions of the normaliser, such as `Score.errors`; NaN for missed faces.
    columns : int
        Faces in a row.
    cell : int
        px for each face, 140 or more.

    Returns
    -------
    ndarray
        uint8 (height, columns cell, 3).

    Raises
    ------
    DataError
        When there is no face, and for answers that do not fit the faces.
    """
    answers = dict(probabilities or {})
    points = np.asarray(landmarks, float)
    for what, given, shape in [
        ("landmarks", points, faces.landmarks.shape),
        *((f"probabilities of {name}", np.asarray(one), (len(faces),)) for name, one in answers.items()),
        *([] if errors is None else [("errors", np.asarray(errors), (len(faces),))]),
    ]:
        if given.shape[: len(shape)] != shape:
            raise DataError(must_be(f"sheet of {faces.label}", f"the shape of the {what}", given.shape, str(shape)))
    known = {name: tuple(one.classes) for name, one in faces.attribute_types.items()}
    names = known | {name: tuple(one) for name, one in (classes or {}).items()}
    pictures, panels = [], []
    for row in range(len(faces)):
        missed = not np.isfinite(points[row]).all()
        error = "missed" if missed else "" if errors is None else f"{100 * errors[row]:.1f} %"
        pictures.append(face_picture(faces, row, cell, answer=points[row]))
        truth = {name: _code(faces, name, row, names[name]) for name in answers if name in known}
        own = {name: one[row] for name, one in answers.items()}
        panels.append(bar_panel(own, names, truth, cell, str(faces.ids[row]), error))
    sheet = contact_sheet(pictures, columns, cell, panels)
    return np.concatenate([sheet, _legend(sheet.shape[1], bool(answers))])


def _code(faces: FaceSet, name: str, row: int, classes: tuple[str, ...]) -> int:
    """Return the code of a face's true class among the classes that a model knows."""
    code = int(faces.attributes[name][row])
    own = "" if code == UNKNOWN else faces.attribute_types[name].classes[code]
    return classes.index(own) if own in classes else UNKNOWN


def _legend(width: int, bars: bool) -> np.ndarray:
    """Return what the marks of an answer sheet mean, in lines that fit the width."""
    size = _LETTERS
    dot, bar, tick = (size // 2, size // 2), (round(1.5 * size), size - 3), (2, size)
    parts = [(POINT, dot, "answer"), (TRUE_POINT, dot, "true points")]
    if bars:
        parts += [(ANSWER, bar, "answered class"), (WRONG, bar, "wrong class"), (TICK, tick, "end of the true bar")]
    places: list[tuple] = []
    x, y = size // 2, 0
    for colour, mark, text in parts:
        wide = mark[0] + text_width(text, size) + 2 * size
        if places and x + wide > width:
            x, y = size // 2, y + 1
        places.append((x, y * 2 * size + size // 2, colour, mark, text))
        x += wide
    canvas = np.full(((y + 1) * 2 * size, width, 3), GROUND, np.uint8)
    for x, top, colour, (w, h), text in places:
        low = top + (size - h) // 2
        canvas[low : low + h, x : x + w] = colour
        write_text(canvas, text, x + w + size // 2, top + round(0.85 * size) - 1, size, DIM)
    return canvas
