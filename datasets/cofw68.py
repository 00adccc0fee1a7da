"""COFW-68: the 507 COFW test faces with 68 points and occlusion flags; a test-only benchmark.

Ghiasi & Fowlkes, "Occlusion Coherence: Detecting and Localizing Occluded Faces", arXiv:1506.08347, 2015.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.images import ImageIndex, no_images
from fldbench.datasets.formats.matlab import read_numbers
from fldbench.datasets.formats.text import refusal
from fldbench.errors import DataError, DatasetNotFoundError, PredictionsError
from fldbench.faces import ImageFiles, Images
from fldbench.files import read_text

N_POINTS, N_FACES = 68, 507
LINES_PER_FACE = 4


class COFW68(Dataset):
    """Split test: 507 faces, ids "1" to "507", with the benchmark's boxes. The files count pixels from 1.

    Images are optional, as `images/N.jpg` or `.png`; without them predictions can be scored but no method can run.
    """

    name = "cofw68"
    scheme = "ibug-68"
    splits = ("test",)
    expected = {"test": N_FACES}
    folder = "cofw68"
    holds = ("test_annotations",)
    licence = "research only"
    citation = "Ghiasi and Fowlkes, Occlusion Coherence, arXiv:1506.08347, 2015"
    url = "https://github.com/golnazghiasi/cofw68-benchmark"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the annotated faces, in the order of their numbers."""
        numbers = sorted(
            int(match[1])
            for path in (folder / "test_annotations").iterdir()
            if (match := re.fullmatch(r"(\d+)_points\.mat", path.name))
        )
        if not numbers:
            raise DatasetNotFoundError("no N_points.mat in it", folder / "test_annotations")
        path = folder / "cofw68_test_bboxes.mat"
        boxes = _read_boxes(path)

        def face(n: int) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
            points, occluded = _read_annotation(folder / "test_annotations" / f"{n}_points.mat")
            if not 0 < n <= len(boxes):
                raise DataError(f"face {n} has no box among {len(boxes)}", path)
            box = boxes[n - 1]
            if not (np.isfinite(box).all() and (box[2:] > box[:2]).all()):
                raise refusal(f"the box of face {n}", box.tolist(), "finite, with a width and a height", path)
            return n, points, ~occluded, box

        numbers, points, visible, boxes = self.faults.columns(face, numbers)
        return Columns(
            ids=[str(n) for n in numbers],
            images=_images(folder, numbers),
            boxes=np.stack(boxes),
            landmarks=np.stack(points),
            visible=np.stack(visible),
        )

    def read_submission(self, path: str | Path) -> tuple[list[str], np.ndarray]:
        """Return ids and landmarks of the benchmark's text format.

        It has four lines for each face: its number, 68 x, 68 y (from 1), 68 occlusion states. A face may be absent;
        `nan` stands for a point that was not found.

        Raises
        ------
        PredictionsError
            With the line, for anything else.
        """
        lines = [line.split() for line in read_text(path, PredictionsError).splitlines()]
        while lines and not lines[-1]:
            lines.pop()
        ids, points = [], []
        for first in range(0, len(lines), LINES_PER_FACE):
            block = lines[first : first + LINES_PER_FACE]
            for offset, (line, width) in enumerate(zip(block, (1, *[N_POINTS] * 3), strict=False)):
                if len(line) != width:
                    what = ("the face's number", "68 x", "68 y", "68 occlusion states")[offset]
                    raise refusal(
                        "the number of words",
                        len(line),
                        f"{width}: {what}",
                        path,
                        first + offset + 1,
                        "",
                        PredictionsError,
                    )
            if len(block) < LINES_PER_FACE:
                raise PredictionsError(
                    f"the last face has {len(block)} of its four lines; complete it", path, len(lines)
                )
            ids.append(_face_number(block[0][0], path, first + 1))
            points.append([_numbers(block[k], path, first + k + 1) for k in (1, 2)])
        return ids, np.array(points, float).reshape(-1, 2, N_POINTS).transpose(0, 2, 1) - 1.0


def _face_number(word: str, path: str | Path, line: int) -> str:
    try:
        return str(int(word))
    except ValueError:
        raise refusal("the number of a face", word[:40], f"1 to {N_FACES}", path, line, kind=PredictionsError) from None


def _numbers(words: list[str], path: str | Path, line: int) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise PredictionsError(f"{error}; must be {N_POINTS} numbers", path, line) from None


def _read_annotation(path: Path) -> tuple[np.ndarray, np.ndarray]:
    points, occluded = read_numbers(path, "Points", "Occ")
    if points.shape != (N_POINTS, 2) or occluded.size != N_POINTS or not np.isfinite(points).all():
        wanted = f"({N_POINTS}, 2) and {N_POINTS} flags, all finite"
        raise refusal("the size of Points, Occ", (points.shape, occluded.shape), wanted, path)
    return points - 1.0, occluded.ravel() > 0


def _read_boxes(path: Path) -> np.ndarray:
    """Return x0, y0, x1, y1, zero-based, from x, y, w, h that count from 1."""
    (boxes,) = read_numbers(path, "bboxes")
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise refusal("the size of bboxes", boxes.shape, "(faces, 4): x, y, w, h", path)
    corner = boxes[:, :2] - 1.0
    return np.concatenate([corner, corner + boxes[:, 2:]], axis=1)


def _images(base: Path, numbers: list[int]) -> Images:
    found = ImageIndex([base / "images"]).paths
    if any(str(n) not in found for n in numbers):
        return no_images(len(numbers), "cofw68", "complete folder images/ (N.jpg or N.png)")
    return ImageFiles([found[str(n)] for n in numbers])
