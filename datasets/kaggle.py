"""Kaggle's Facial Keypoints Detection: 15 points on 7049 grey faces of 96 x 96 px, all in one CSV file.

Dataset of Y. Bengio, University of Montréal, for https://www.kaggle.com/c/facial-keypoints-detection, 2013.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.text import numbers, refusal
from fldbench.errors import DataError
from fldbench.faces import Images
from fldbench.files import open_regular

SIDE, N_FACES = 96, 7049
POINTS = (
    *("left_eye_center", "right_eye_center", "left_eye_inner_corner", "left_eye_outer_corner"),
    *("right_eye_inner_corner", "right_eye_outer_corner", "left_eyebrow_inner_end", "left_eyebrow_outer_end"),
    *("right_eyebrow_inner_end", "right_eyebrow_outer_end", "nose_tip", "mouth_left_corner", "mouth_right_corner"),
    *("mouth_center_top_lip", "mouth_center_bottom_lip"),
)
HEADER = [*(f"{point}_{axis}" for point in POINTS for axis in "xy"), "Image"]


class KaggleKeypoints(Dataset):
    """Split train: the 7049 faces of training.csv. (test.csv has no points: only Kaggle can score it.)

    Points are px "in the space of pixel indices", hence zero-based. A point with empty cells is NaN: 2140 faces
    have all 15 points, most others four. In the file, left and right are the person's: `left_eye_center` is point 0 and
    lies on the right of the image. Boxes are the whole image, from -0.5 to 95.5 in x and y, because the images are
    themselves the boxes of a face detector; a tight box of four points would differ from one of fifteen.

    Reading finds the pixels in the file but parses none; an image is read and parsed on access. Ids are the
    numbers of the rows from 1, `train/1`. Persons are not known, so each face is a group of its own.
    """

    name = "kaggle"
    scheme = "kaggle-15"
    splits = ("train",)
    expected = {"train": N_FACES}
    folder = "kaggle"
    holds = ("training.csv",)
    licence = "the rules of the competition: for its participants, no redistribution"
    citation = "Bengio, Facial Keypoints Detection, Kaggle 2013"
    url = "https://www.kaggle.com/c/facial-keypoints-detection/data"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of training.csv."""
        path = folder / "training.csv"
        rows, landmarks, cells = self.faults.columns(lambda row: _face(*row, path), _rows(path))
        return Columns(
            ids=[f"train/{row}" for row in rows],
            images=CsvPixels(path, cells),
            boxes=np.tile([-0.5, -0.5, SIDE - 0.5, SIDE - 0.5], (len(rows), 1)),
            landmarks=np.array(landmarks),
        )


class CsvPixels(Images):
    """Grey images in cells of a CSV file: where each cell begins and ends, in bytes, and the line for errors."""

    def __init__(self, path: Path, cells: list[tuple[int, int, int]]):
        self.path, self._cells = path, cells

    def __len__(self) -> int:
        return len(self._cells)

    def decode(self, i: int) -> np.ndarray:
        words = self._read(i).split(b" ")
        try:
            grey = np.frombuffer(bytes(map(int, words)), np.uint8)
        except ValueError:  # not an integer, or not that of a byte
            grey = np.empty(0)
        if grey.size != SIDE * SIDE:
            what = f"the pixels must be {SIDE * SIDE} whole numbers from 0 to 255"
            raise DataError(what, self.path, self._cells[i][2])
        return np.repeat(grey.reshape(SIDE, SIDE, 1), 3, axis=2)

    def digest(self, i: int) -> bytes:
        return hashlib.sha256(self._read(i)).digest()

    def _read(self, i: int) -> bytes:
        start, stop, line = self._cells[i]
        try:
            with open_regular(self.path) as file:
                file.seek(start)
                return file.read(stop - start)
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror}); restore the file", self.path, line) from error


def _rows(path: Path) -> Iterator[tuple[int, bytes, int, int]]:
    """Yield the number of each row from 1, its bytes, where they begin in the file, and its line.

    One line of the file is in memory at a time.
    """
    rows = offset = 0
    try:
        with open_regular(path) as file:
            for line, raw in enumerate(file, start=1):
                if line == 1:
                    _check_header(raw, path)
                elif raw.strip():
                    rows += 1
                    yield rows, raw, offset, line
                offset += len(raw)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", path) from error
    if not rows:
        raise DataError("no face in it; fetch the file again", path, 1)


def _face(row: int, raw: bytes, offset: int, line: int, path: Path) -> tuple[int, np.ndarray, tuple[int, int, int]]:
    """Return the number of a row, its points (15, 2), NaN where absent, and where its pixels are in the file."""
    head, start, stop = _row(raw, path, line)
    return row, _points(head, path, line), (offset + start, offset + stop, line)


def _check_header(raw: bytes, path: Path) -> None:
    names = [name.strip('"') for name in raw.decode("utf-8-sig", errors="replace").strip().split(",")]
    wrong = next((i for i in range(len(HEADER)) if i >= len(names) or names[i] != HEADER[i]), len(HEADER))
    if names != HEADER:
        got = names[wrong][:40] if wrong < len(names) else None
        wanted = repr(HEADER[wrong]) if wrong < len(HEADER) else "absent"
        raise refusal(f"column {wrong + 1} of the header", got, f"{wanted}, with commas between the columns", path, 1)


def _row(raw: bytes, path: Path, line: int) -> tuple[list[str], int, int]:
    """Return the cells before the pixels, and where the pixels begin and end in the line."""
    *head, pixels = raw.rstrip().split(b",")
    if len(head) != len(HEADER) - 1:
        raise refusal("the number of columns", len(head) + 1, f"{len(HEADER)}, with commas between", path, line)
    quoted = pixels.startswith(b'"')
    pixels = pixels.strip(b'"')
    if pixels.count(b" ") != SIDE * SIDE - 1:
        n_pixels = pixels.count(b" ") + 1
        raise refusal("the number of pixels", n_pixels, f"{SIDE * SIDE}, with one blank between", path, line)
    start = sum(map(len, head)) + len(head) + quoted
    return [cell.decode("ascii", errors="replace").strip() for cell in head], start, start + len(pixels)


def _points(head: list[str], path: Path, line: int) -> np.ndarray:
    """Return the 15 points of a row, (15, 2)."""
    given = [bool(cell) for cell in head]
    points = np.full(len(head), np.nan)
    points[given] = numbers([cell for cell in head if cell], path, line)
    points = points.reshape(-1, 2)
    halves = np.isnan(points).sum(axis=1) == 1
    if halves.any():
        raise DataError(f"{POINTS[int(np.argmax(halves))]} has one coordinate; must have both or none", path, line)
    if not any(given):
        raise DataError("a face without a single point; leave its line out", path, line)
    return points
