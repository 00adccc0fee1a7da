"""JD-landmark: 106 points on 300-W faces turned to all sides (train) and on faces from the web (test).

Liu et al., "Grand Challenge of 106-Point Facial Landmark Localization", ICME Workshops 2019 (FLLC).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.images import ImageIndex
from fldbench.datasets.formats.text import box, point, read_lines, refusal
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import ImageFiles
from fldbench.faces.image_files import ENDINGS
from fldbench.geometry import tight_box

N_POINTS = 106
FOLDERS = {
    "train": ("train", "Train", "Training_data", "training_data"),
    "test": ("test", "Test", "Test_data", "test_data", "Test_data1"),
}
ANNOTATIONS, PICTURES, RECTS = "landmark", "picture", "rect"


class JD106(Dataset):
    """Splits train (11,393 faces) and test (2,000), each a folder (Train or Training_data; Test or Test_data1).

    In it, or in parts of it such as Training_data/AFW: `landmark/NAME.jpg.txt` (a line `106`, then 106 lines `x y`),
    `picture/NAME.jpg` and, where the release has them, `rect/NAME.jpg.rect` (one line `x0 y0 x1 y1`). Boxes are those
    rectangles; a face without one has the tight box of its points, and `parts` says how many have one. The release does
    not say whether it counts pixels from 0 or 1; the numbers are taken as they are.

    Ids are paths below the split's folder without `landmark/` and ending, such as `AFW/AFW_134212_1_0`. Groups are
    photos: AFW_134212_1_0 and AFW_134212_2_3 come from one.
    """

    name = "jd106"
    scheme = "jd-106"
    splits = ("train", "test")
    expected = {"train": 11393, "test": 2000}
    folder = "jd106"
    holds = tuple(name for names in FOLDERS.values() for name in names)
    licence = "research only; the images may not be redistributed"
    citation = "Liu et al., Grand Challenge of 106-Point Facial Landmark Localization, ICME Workshops 2019"
    url = "https://facial-landmarks-localization-challenge.github.io/"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of a split, in the order of their paths."""
        place = next((folder / name for name in FOLDERS[split] if (folder / name).is_dir()), None)
        if place is None:
            raise DatasetNotFoundError(
                f"no folder of the split {split!r}; looked for {', '.join(FOLDERS[split])}", folder
            )
        paths = sorted(path for path in place.rglob("*.txt") if path.parent.name == ANNOTATIONS)
        if not paths:
            raise DatasetNotFoundError(f"no {ANNOTATIONS}/NAME.jpg.txt in it", place)
        images = ImageIndex(sorted({path.parent.with_name(PICTURES) for path in paths}))

        def face(path: Path) -> tuple[str, str, np.ndarray, list[float] | None, str]:
            picture = path.name.removesuffix(".txt")
            stem, ending = os.path.splitext(picture)
            stem = stem if ending.lower() in ENDINGS else picture
            rect = path.parent.with_name(RECTS) / f"{picture}.rect"
            one = "/".join((*path.parent.parent.relative_to(place).parts, stem))
            points = read_counted(path, N_POINTS)
            return one, stem, points, read_rect(rect) if rect.is_file() else None, images.of(stem, path)

        ids, stems, points, rects, files = self.faults.columns(face, paths)
        landmarks = np.stack(points)
        boxes = tight_box(landmarks)
        official = [row for row, rect in enumerate(rects) if rect is not None]
        for row in official:
            boxes[row] = rects[row]
        return Columns(
            ids=ids,
            images=ImageFiles(files),
            boxes=boxes if official else None,
            landmarks=landmarks,
            groups=[photo_of(stem) for stem in stems],
            parts={ANNOTATIONS: (len(ids), self.expected[split]), RECTS: (len(official), self.expected[split])},
        )


def read_counted(path: str | Path, n_points: int) -> np.ndarray:
    """Return the points (n_points, 2) px of a text file: a line with their number, then a line `x y` for each.

    Raises DataError with file and line.
    """
    (line, text), *rows = read_lines(path)
    if text != str(n_points):
        raise refusal("the number of points", text[:40], repr(str(n_points)), path, line)
    if len(rows) != n_points:
        raise refusal("the number of points", len(rows), str(n_points), path, rows[-1][0] if rows else line)
    return np.array([point(text, path, number) for number, text in rows])


def read_rect(path: str | Path) -> list[float]:
    """Return the box x0, y0, x1, y1 px of a .rect file; raise DataError with file and line."""
    (line, text), *more = read_lines(path)
    words = text.split()
    if len(words) != 4 or more:
        raise refusal("the box", text[:40], "one line 'x0 y0 x1 y1'", path, line)
    return box(words, path, line)


_PHOTO = re.compile(r"(?:AFW|HELEN)_\d+|IBUG_image_\d+|LFPW_image_(?:train|test)_\d+", re.IGNORECASE)


def photo_of(stem: str) -> str:
    """Return the photo that a face of JD-landmark or LaPa was cut from, by its name: PHOTO_FACE, or a name of 300-W's.

    >>> [photo_of(stem) for stem in ("AFW_134212_1_0", "LFPW_image_train_0001_2", "13611155985_0", "face")]
    ['AFW_134212', 'LFPW_image_train_0001', '13611155985', 'face']
    """
    match = _PHOTO.match(stem)
    return match[0] if match else re.sub(r"(?<=.)_\d+$", "", stem)
