"""The points of faces as packed numbers, each shape once, however many tables show it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.escape import plain
from fldbench.records.known_faces import KnownFaces, Square
from fldbench.report.page.measured import Measured, arrays_of
from fldbench.report.page.packed import MOST, packed, packed_errors

MOST_POINTS = 120_000  # in one page
MOST_FACES = 120  # drawn in one table
AROUND = 0.35  # of the face's longer side, shown around it


class Shapes:
    """A pool of shapes and pictures: each is stored once, a shape in steps of its square.

    Attributes
    ----------
    pictures : dict of str to int
        Data URL -> its number.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, dict[bytes, int]] = {}
        self.pictures: dict[str, int] = {}

    def add(self, points: np.ndarray, square: Square) -> int:
        """Return the number of a shape, (L, 2) px, among those of L points.

        What lies outside its square by more than its side is moved to there. A point that is not finite is none.
        """
        unit = (np.asarray(points, float) - [square.x, square.y]) / square.side
        there = np.isfinite(unit).all(axis=-1, keepdims=True)
        steps = np.where(there, np.rint((np.where(there, unit, 0.0).clip(-1, 2) + 1) / 3 * MOST), np.nan)
        numbers = self._numbers.setdefault(len(steps), {})
        return numbers.setdefault(steps.tobytes(), len(numbers))

    def packed(self) -> dict[int, str]:
        """Return L -> all shapes of L points, packed in the order of their numbers."""
        return {
            n_points: packed(np.concatenate([np.frombuffer(one) for one in numbers]))
            for n_points, numbers in self._numbers.items()
        }


def square_around(points: np.ndarray) -> Square:
    """Return the part of the image that is shown of a face: its points and their surroundings.

    >>> square_around(np.array([[0.0, 0.0], [10.0, 4.0]]))
    Square(x=-3.5, y=-6.5, side=17.0)
    """
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    side = max(float((high - low).max()), 1.0) * (1 + 2 * AROUND)
    x, y = (low + high) / 2 - side / 2
    return Square(float(x), float(y), side)


def shown_faces(errors: np.ndarray, most: int) -> list[int]:
    """Return the faces to draw, at most `most`: turn by turn those that tell the most.

    They are the worst face of each method, the one over which the methods disagree the most, the hardest and the
    easiest of all, the best of each method; then the second of each, and so on.

    >>> shown_faces(np.array([[0.1, 0.2, 0.3], [0.9, 0.2, 0.1]]), 2)
    [2, 0]
    """
    known = np.where(np.isnan(errors), np.inf, errors)
    found = np.where(np.isnan(errors), 0.0, errors)
    span = found.max(axis=0) - found.min(axis=0)
    hardness = np.sort(known, axis=0)[len(known) // 2]
    orders = [*(np.argsort(-one, kind="stable") for one in known), np.argsort(-span, kind="stable")]
    orders += [np.argsort(-hardness, kind="stable"), np.argsort(hardness, kind="stable")]
    orders += [np.argsort(one, kind="stable") for one in known]
    turns = [int(face) for faces in zip(*orders, strict=True) for face in faces]
    return list(dict.fromkeys(turns))[:most]


def drawings(
    table: Measured, known: KnownFaces, places: Mapping[str, Path], pool: Shapes, most: int
) -> dict[str, Any] | None:
    """Return the faces of one table that a page draws, as JSON values; None without predictions.

    `faces` are rows of the table's faces, and `errors` the errors of these; `truth` and each list of `answers` are
    numbers of shapes; `pictures` are numbers of pictures, None for one that cannot be read, or there are none.
    """
    row_of = {face: row for row, face in enumerate(known.ids.tolist())}
    usable = [i for i, face in enumerate(table.ids.tolist()) if face in row_of]
    answers = [_answers(table, row, places) for row in table.with_errors]
    if not usable or not any(answers):
        return None
    per_face = known.landmarks.shape[1] * (1 + sum(map(bool, answers)))
    limit = min(MOST_FACES, max(1, most // per_face))
    faces = [usable[i] for i in shown_faces(table.errors[:, usable], limit)]
    ids = table.ids[faces].tolist()
    squares = [square_around(known.landmarks[row_of[face]]) for face in ids]
    return {
        "faces": faces,
        "ids": [plain(face) for face in ids],
        "errors": packed_errors(table.errors[:, faces]),
        "edges": [list(edge) for edge in known.edges],
        "points": known.landmarks.shape[1],
        "truth": [pool.add(known.landmarks[row_of[f]], s) for f, s in zip(ids, squares, strict=True)],
        "answers": [
            [pool.add(own[f], s) if f in own else None for f, s in zip(ids, squares, strict=True)] for own in answers
        ],
        "pictures": _pictures(known, [row_of[face] for face in ids], squares, pool),
    }


def _answers(table: Measured, row: int, places: Mapping[str, Path]) -> dict[str, np.ndarray]:
    """Return id -> predicted points of the first training of a row."""
    arrays = arrays_of(table.records[row].one, places, ("ids", "predictions"))
    if not {"ids", "predictions"} <= arrays.keys():
        return {}
    return dict(zip(arrays["ids"].tolist(), arrays["predictions"], strict=True))


def _pictures(known: KnownFaces, rows: Sequence[int], squares: Sequence[Square], pool: Shapes) -> list[int | None]:
    if known.picture is None:
        return []
    found: list[int | None] = []
    for row, square in zip(rows, squares, strict=True):
        made = known.picture(row, square)
        if made is None:
            found.append(None)
            continue
        url = f"data:{made[0]};base64,{base64.b64encode(made[1]).decode()}"
        found.append(pool.pictures.setdefault(url, len(pool.pictures)))
    return found
