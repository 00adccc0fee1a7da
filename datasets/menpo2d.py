"""Menpo 2D: 68 points on half-frontal faces and 39 on profiles, two datasets here as they have two schemes.

Zafeiriou et al., "The Menpo Facial Landmark Localisation Challenge: A Step Towards the Solution", CVPR Workshops 2017.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from fldbench.dataset import Dataset, find_folder
from fldbench.datasets.formats.images import images_beside
from fldbench.datasets.formats.pts import read_pts
from fldbench.datasets.formats.text import check_unique, numbers, read_lines, stem
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faces import FaceSet, ImageFiles
from fldbench.geometry import tight_box

FOLDERS = {"train": ("Train", "train", "trainset"), "test": ("Test", "test", "testset")}
N_DETECTED = 4 + 2 * 5  # a box and five points of a detector stand before the landmarks


class Menpo2D(Dataset):
    """Half-frontal faces, 68 points: splits train (6,653) and test (5,335), from one of two releases.

    Lists (MenpoBenchmark): `Menpo2D_semifrontal_train.txt`, anywhere below the folder, with a line a face: the image's
    path, the box x0 y0 x1 y1 and five points (x y) of a face detector, then the landmarks (x y). The path is looked
    for below the list's folder, those above it, and the folder given. Boxes are the detector's.

    Without lists, the .pts files below `Train/` and `Test/` (the challenge's release) whose n_points is 68, images
    beside them; boxes are the tight boxes of the points. The counts given are those of the lists: the challenge's
    release has some faces more, which no detector found.

    Both files count the landmarks' pixels from 1, as iBUG does (that the lists repeat the .pts is inferred, not
    stated), and a detector's from 0. Ids are the images' paths without ending.
    """

    scheme = "ibug-68"
    splits = ("train", "test")
    expected = {"train": 6653, "test": 5335}
    folder = "menpo2d"
    licence = "research only; the images may not be redistributed"
    citation = "Zafeiriou et al., The Menpo Facial Landmark Localisation Challenge, CVPR Workshops 2017"
    url = "https://github.com/jiankangdeng/MenpoBenchmark"
    pose = "semifrontal"
    n_points = 68
    name = "menpo2d"

    def load(self, root: str | Path | None, split: str) -> FaceSet:
        """The faces of a split. Raises DatasetNotFoundError, and DataError with file and line."""
        names = tuple(f"Menpo2D_{self.pose}_{one}.txt" for one in self.splits)
        folders = tuple(name for one in FOLDERS.values() for name in one)
        base = find_folder(root, self.name, self.folder, ("Menpo2D", *names, *folders))
        lists = sorted(base.rglob(f"Menpo2D_{self.pose}_{split}.txt"))
        return self._from_list(base, lists[0], split) if lists else self._from_pts(base, split)

    def _from_list(self, base: Path, path: Path, split: str) -> FaceSet:
        names, lines, values = [], [], []
        wanted = N_DETECTED + 2 * self.n_points
        for line, text in read_lines(path):
            name, *words = text.rsplit(None, wanted)
            if len(words) != wanted:
                raise DataError(
                    f"{len(words) + 1} columns; needed are {wanted + 1}, with blanks between: the image's path, "
                    f"x0 y0 x1 y1, five points x y, {self.n_points} landmarks x y",
                    path,
                    line,
                )
            names.append(name)
            lines.append(line)
            values.append(numbers(words, path, line))
        ids = [stem(name) for name in names]
        check_unique(ids, path, lines)
        table = np.array(values)
        bad = np.flatnonzero((table[:, 2:4] <= table[:, :2]).any(axis=1))
        if bad.size:
            box = table[bad[0], :4].tolist()
            raise DataError(f"the box {box} has no size; needed is x0 < x1 and y0 < y1", path, lines[bad[0]])
        return FaceSet(
            ids=np.array(ids),
            images=_listed_images(base, names, path, lines),
            boxes=table[:, :4],
            landmarks=table[:, N_DETECTED:].reshape(-1, self.n_points, 2) - 1.0,
            scheme=self.scheme,
            name=self.name,
            split_name=split,
            parts={path.name: (len(ids), self.expected[split])},
        )

    def _from_pts(self, base: Path, split: str) -> FaceSet:
        places = [base / above / name for above in ("", "Menpo2D") for name in FOLDERS[split]]
        place = next((place for place in places if place.is_dir()), None)
        if place is None:
            raise DatasetNotFoundError(
                f"no list Menpo2D_{self.pose}_{split}.txt and no folder {' or '.join(FOLDERS[split])} with .pts files",
                base,
            )
        paths = [path for path in sorted(place.rglob("*.pts")) if _declared(path) in (None, self.n_points)]
        if not paths:
            raise DatasetNotFoundError(f"no .pts file with {self.n_points} points in it", place)
        landmarks = np.stack([read_pts(path, self.n_points) for path in paths])
        ids = [stem(path.relative_to(place.parent).as_posix()) for path in paths]
        return FaceSet(
            ids=np.array(ids),
            images=images_beside(paths),
            boxes=tight_box(landmarks),
            landmarks=landmarks,
            scheme=self.scheme,
            name=self.name,
            split_name=split,
            parts={split: (len(ids), self.expected[split])},
        )


class Menpo2DProfile(Menpo2D):
    """Profile faces, 39 points: splits train (2,290) and test (1,946); files and conventions as in Menpo2D.

    The lists are Menpo2D_profile_train.txt and Menpo2D_profile_test.txt; among .pts files, those with n_points 39.
    """

    scheme = "menpo-39"
    expected = {"train": 2290, "test": 1946}
    pose = "profile"
    n_points = 39
    name = "menpo2d-profile"


def _declared(path: Path) -> int | None:
    """n_points in the header of a .pts file, None where there is none; a broken header is left to the reader."""
    match = re.search(r"n_points\s*:\s*(\d{1,9})\s*$", "\n".join(text for _, text in read_lines(path)), re.MULTILINE)
    declared = int(match[1]) if match else None
    return declared if declared in (Menpo2D.n_points, Menpo2DProfile.n_points) else None


def _listed_images(base: Path, names: list[str], path: Path, lines: list[int]) -> ImageFiles:
    """The images of a list; DataError with the line that names an absent one."""
    above = [parent for parent in path.parents if parent == base.parent or base.parent in parent.parents]
    files = []
    for name, line in zip(names, lines, strict=True):
        found = next((file for file in (os.path.join(place, name) for place in above) if os.path.isfile(file)), None)
        if found is None:
            raise DataError(f"no image {name[-200:]!r} below {base}; restore it or mend the line", path, line)
        files.append(found)
    return ImageFiles(files)
