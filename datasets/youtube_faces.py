"""YouTube Faces with 68 points: the frames of a well-known course project (Udacity, facial keypoints), two CSV files.

Wolf, Hassner and Maoz, "Face Recognition in Unconstrained Videos with Matched Background Similarity", CVPR 2011.
"""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.text import Unique, numbers, read_lines, refusal, stem
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faces import ImageFiles
from fldbench.faces.image_paths import ImageFolder

LISTS = {name: f"{name}_frames_keypoints.csv" for name in ("training", "test")}
FOLDERS = {"train": "training", "test": "test", "train-disjoint": "training", "test-disjoint": "training"}
N_POINTS = 68
HEADER = ["", *map(str, range(2 * N_POINTS))]


class YouTubeFaces(Dataset):
    """Splits train (3462) and test (770) as distributed, and train-disjoint and test-disjoint (2802 and 660).

    **The official split measures memory:** all persons and all clips of test are also in train, as other frames of the
    same seconds. The disjoint splits cut training_frames_keypoints.csv by person: a person is in test-disjoint when the
    SHA-256 of the name, as a number, is divisible by five, so that it does not depend on which files are there. The
    frames of test are in neither, since their clips are in training already. Never train on `train` to test on
    `test-disjoint`.

    Points are zero-based px, whole numbers, at times outside of the image; boxes are their tight boxes. Images are the
    frames cut to one face. Ids are paths without ending, such as `training/Luis_Fonsi_21`: person, digit of the clip,
    digit of the frame. Groups are persons.
    """

    name = "youtube-faces"
    scheme = "ibug-68"
    splits = tuple(FOLDERS)
    apart = {
        "train": ("test",),
        "test": ("train",),
        "train-disjoint": ("test-disjoint",),
        "test-disjoint": ("train-disjoint",),
    }
    expected = {"train": 3462, "test": 770, "train-disjoint": 2802, "test-disjoint": 660}
    folder = "youtube_faces"
    holds = tuple(LISTS.values())
    licence = "research only; the images may not be redistributed"
    citation = "Wolf et al., Face Recognition in Unconstrained Videos with Matched Background Similarity, CVPR 2011"
    url = "https://www.cs.tau.ac.il/~wolf/ytfaces/ (frames); https://github.com/udacity/P1_Facial_Keypoints (points)"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the frames of a split, in the order of their list."""
        part = FOLDERS[split]
        path = folder / LISTS[part]
        images, unique = ImageFolder(folder / part), Unique(path)
        faces = []
        for line, text in _rows(path):
            with self.faults:
                name, *words = _cells(text, path, line)
                if not _belongs(_person(name), split):
                    continue
                if len(words) != 2 * N_POINTS:
                    allowed = f"{len(HEADER)}: a file name, then x0,y0,...,x67,y67"
                    raise refusal("the number of columns", len(words) + 1, allowed, path, line)
                points, file = numbers(words, path, line), images.find(name, path, line)
                unique.add(name, line)
                faces.append((name, points, file))
        self.faults.check_some(len(faces))
        if not faces:
            raise DatasetNotFoundError(f"no person of the split {split!r} in it; fetch the whole file", path)
        names, points, files = zip(*faces, strict=True)
        return Columns(
            ids=[f"{part}/{stem(name)}" for name in names],
            images=ImageFiles(files),
            landmarks=np.array(points).reshape(-1, N_POINTS, 2),
            groups=[_person(name) for name in names],
        )


def _rows(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a CSV file behind its header, which must be the right one."""
    (first, header), *rows = read_lines(path)
    if header.split(",") != HEADER:
        raise refusal("the header", header[:40], f"',0,1,...,{HEADER[-1]}', with commas", path, first)
    if not rows:
        raise DataError("a header and no face; fetch the file again", path, first)
    return rows


def _cells(text: str, path: Path, line: int) -> list[str]:
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise DataError(f"not a line of a CSV file ({error})", path, line) from None


def _person(name: str) -> str:
    """Return the person of a file name.

    >>> _person("Luis_Fonsi_21.jpg")
    'Luis_Fonsi'
    """
    return re.sub(r"_\d+$", "", stem(name))


def _belongs(person: str, split: str) -> bool:
    """Return whether a person's frames belong to a split: about one person in five is in test-disjoint, by the name."""
    if not split.endswith("-disjoint"):
        return True
    held_out = int(hashlib.sha256(person.encode()).hexdigest(), 16) % 5 == 0
    return held_out == (split == "test-disjoint")
