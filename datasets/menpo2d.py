"""Menpo 2D: 68 points on half-frontal faces and 39 on profiles, two datasets here because they have two schemes.

Zafeiriou et al., "The Menpo Facial Landmark Localisation Challenge: A Step Towards the Solution", CVPR Workshops 2017.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.images import ImagesBeside
from fldbench.datasets.formats.pts import count_pts, read_pts
from fldbench.datasets.formats.text import Unique, box, numbers, read_lines, refusal, stem
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import ImageFiles
from fldbench.faces.image_paths import ImageFolder

FOLDERS = {"train": ("Train", "train", "trainset"), "test": ("Test", "test", "testset")}
PLACES = ("Menpo2D", *(name for names in FOLDERS.values() for name in names))
LISTS = {
    pose: tuple(f"Menpo2D_{pose}_{split}.txt" for split in ("train", "test")) for pose in ("semifrontal", "profile")
}
N_DETECTED = 4 + 2 * 5  # a box and five points of a detector stand before the landmarks


class Menpo2D(Dataset):
    """Half-frontal faces, 68 points: splits train (6,653) and test (5,335), from one of two releases.

    Lists (MenpoBenchmark): `Menpo2D_semifrontal_train.txt`, anywhere below the folder, with one line for each face: the
    image's path, the box x0 y0 x1 y1 and five points (x y) of a face detector, then the landmarks (x y). The path is
    looked for below the list's folder, the folders above it, and the folder given. Boxes are the detector's.

    Without lists, the .pts files below `Train/` and `Test/` (the challenge's release) whose n_points is 68, with images
    beside them; boxes are the tight boxes of the points. The expected numbers are those of the lists: the challenge's
    release has a few more faces, which no detector found.

    Both files count the pixels of landmarks from 1, as iBUG does (that the lists repeat the .pts is inferred, not
    stated), and those of a detector from 0. Ids are the images' paths without ending.
    """

    name = "menpo2d"
    scheme = "ibug-68"
    splits = ("train", "test")
    expected = {"train": 6653, "test": 5335}
    folder = "menpo2d"
    holds = (*LISTS["semifrontal"], *PLACES)
    licence = "research only; the images may not be redistributed"
    citation = "Zafeiriou et al., The Menpo Facial Landmark Localisation Challenge, CVPR Workshops 2017"
    url = "https://github.com/jiankangdeng/MenpoBenchmark"
    pose = "semifrontal"
    n_points = 68

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of a split: those of its list, else those of .pts files."""
        lists = sorted(folder.rglob(f"Menpo2D_{self.pose}_{split}.txt"))
        return self._from_list(folder, lists[0]) if lists else self._from_pts(folder, split)

    def _from_list(self, base: Path, path: Path) -> Columns:
        wanted = N_DETECTED + 2 * self.n_points
        above = [parent for parent in path.parents if parent == base.parent or base.parent in parent.parents]
        folders, unique = [ImageFolder(place) for place in above], Unique(path)

        def face(row: tuple[int, str]) -> tuple[str, list[float], list[float], str]:
            line, text = row
            name, *words = text.rsplit(None, wanted)
            if len(words) != wanted:
                what = f"the image's path, x0 y0 x1 y1, five points x y, {self.n_points} landmarks x y"
                allowed = f"{wanted + 1}, with blanks between: {what}"
                raise refusal("the number of columns", len(words) + 1, allowed, path, line)
            values, corners = numbers(words, path, line), box(words[:4], path, line)
            place = next((place for place in folders if os.path.isfile(os.path.join(place.base, name))), folders[-1])
            file = place.find(name, path, line)
            unique.add(stem(name), line)
            return stem(name), corners, values[N_DETECTED:], file

        ids, boxes, points, files = self.faults.columns(face, read_lines(path))
        return Columns(
            ids=ids,
            images=ImageFiles(files),
            boxes=np.array(boxes),
            landmarks=np.array(points).reshape(-1, self.n_points, 2) - 1.0,
        )

    def _from_pts(self, base: Path, split: str) -> Columns:
        places = [base / above / name for above in ("", "Menpo2D") for name in FOLDERS[split]]
        place = next((place for place in places if place.is_dir()), None)
        if place is None:
            raise DatasetNotFoundError(
                f"no list Menpo2D_{self.pose}_{split}.txt and no folder {' or '.join(FOLDERS[split])} with .pts files",
                base,
            )
        others = {scheme.n_points for scheme in (Menpo2D, Menpo2DProfile)} - {self.n_points}
        paths = []
        for path in sorted(place.rglob("*.pts")):
            with self.faults:
                if count_pts(path) not in others:
                    paths.append(path)
        self.faults.check_some(len(paths))
        if not paths:
            raise DatasetNotFoundError(f"no .pts file with {self.n_points} points in it", place)
        images = ImagesBeside()
        ids, points, files = self.faults.columns(
            lambda path: (
                stem(path.relative_to(place.parent).as_posix()),
                read_pts(path, self.n_points),
                images.of(path),
            ),
            paths,
        )
        return Columns(ids=ids, images=ImageFiles(files), landmarks=np.stack(points))


class Menpo2DProfile(Menpo2D):
    """Profile faces, 39 points: splits train (2,290) and test (1,946); files and conventions as in Menpo2D.

    The lists are Menpo2D_profile_train.txt and Menpo2D_profile_test.txt; among .pts files, those with n_points 39.
    """

    name = "menpo2d-profile"
    scheme = "menpo-39"
    holds = (*LISTS["profile"], *PLACES)
    expected = {"train": 2290, "test": 1946}
    pose = "profile"
    n_points = 39
