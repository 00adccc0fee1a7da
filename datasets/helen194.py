"""HELEN: 194 points on 2,330 photos of high resolution.

Le, Brandt, Lin, Bourdev and Huang, "Interactive Facial Feature Localization", ECCV 2012.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.images import ImageIndex
from fldbench.datasets.formats.text import Unique, point, read_lines, refusal
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faces import ImageFiles

N_POINTS = 194
LISTS = {"train": "trainnames.txt", "test": "testnames.txt"}


class Helen194(Dataset):
    """Splits train (2,000 faces) and test (330), named by the lists trainnames.txt and testnames.txt.

    `annotation/1.txt` to `annotation/2330.txt` hold the image's name without ending, then 194 lines `x , y`. Images
    lie as NAME.jpg in the dataset's folder or one of its folders (train_1, ..., test, or helen_1, ...). The authors do
    not say whether they count pixels from 0 or 1; the numbers are taken as they are. Boxes are the tight boxes of the
    points.

    Ids are the image names. Groups are photos: NAME is PHOTO_FACE. A listed face without an annotation is left out;
    `parts` says how many of how many were found. 300-W's HELEN part has the same images and the same split.
    """

    name = "helen194"
    scheme = "helen-194"
    splits = ("train", "test")
    expected = {"train": 2000, "test": 330}
    folder = "helen"
    holds = ("annotation",)
    licence = "research only; the images may not be redistributed"
    citation = "Le et al., Interactive Facial Feature Localization, ECCV 2012"
    url = "http://www.ifp.illinois.edu/~vuongle2/helen/"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of a split, in the order of its list."""
        path = folder / LISTS[split]
        if not path.is_file():
            raise DatasetNotFoundError("this list of helen194 is absent; it says which faces the split has", path)
        listed = read_lines(path)
        annotations = self._annotations(folder / "annotation")
        unique, found = Unique(path), []
        for line, name in listed:
            with self.faults:
                unique.add(name, line)
                if name in annotations:
                    found.append(name)
        self.faults.check_some(len(found))
        if not found:
            raise DatasetNotFoundError(
                f"none of the {len(listed)} faces listed is in {folder / 'annotation'}", path, listed[0][0]
            )
        images = ImageIndex([folder, *sorted(entry for entry in folder.iterdir() if entry.is_dir())])
        stems, points, files = self.faults.columns(
            lambda name: (name, read_annotation(annotations[name])[1], images.of(name, annotations[name])), found
        )
        return Columns(
            ids=stems,
            images=ImageFiles(files),
            landmarks=np.stack(points),
            groups=[re.sub(r"(?<=.)_\d+$", "", stem) for stem in stems],
        )

    def _annotations(self, folder: Path) -> dict[str, Path]:
        """Return image name -> annotation file; the names stand inside the files."""
        found: dict[str, Path] = {}
        for path in sorted(folder.glob("*.txt")):
            with self.faults:
                line, name = read_lines(path)[0]
                if name in found:
                    raise DataError(f"{name[:40]!r} is annotated in {found[name].name} already; remove one", path, line)
                found[name] = path
        return found


def read_annotation(path: str | Path) -> tuple[str, np.ndarray]:
    """Return image name and points (194, 2) px of one annotation file; raise DataError with file and line."""
    (line, name), *rows = read_lines(path)
    if len(rows) != N_POINTS:
        allowed = f"{N_POINTS}, after the image's name"
        raise refusal("the number of points", len(rows), allowed, path, rows[-1][0] if rows else line)
    return name, np.array([point(text, path, number, ",") for number, text in rows])
