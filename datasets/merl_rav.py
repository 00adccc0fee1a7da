"""MERL-RAV: 68 points with three states of visibility on 19,314 faces of AFLW.

Kumar et al., "LUVLi Face Alignment: Estimating Landmarks' Location, Uncertainty, and Visibility Likelihood", CVPR 2020.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.images import ImageIndex, ImagesBeside, no_images
from fldbench.datasets.formats.pts import read_pts
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faces import ImageFiles

N_POINTS = 68
POSES = ("frontal", "left", "lefthalf", "right", "righthalf")
FOLDERS = ("merl_rav_organized", "merl_rav_labels")
AFLW_FOLDERS = ("aflw/flickr", "aflw/data/flickr")


class MERLRAV(Dataset):
    """Splits train (15,449 faces) and test (3,865): `POSE/trainset` and `POSE/testset` of five poses.

    In merl_rav_organized an image lies beside each .pts file. In merl_rav_labels, as published, the .pts lie in
    `POSE/trainset/labels`, and image12345_2.pts is a face of AFLW's aflw/flickr/*/image12345.jpg; without AFLW
    predictions can be scored but no method can run.

    A point (x, y) is visible; (-x, -y) is hidden by another object and estimated: it keeps its place, with visible
    False; (-1, -1) is hidden by the face itself and not annotated: NaN. With one negative coordinate only, a point is
    visible and lies left of or above the image. No source states whether the files count pixels from 0 or 1; the
    numbers are taken as they are, as in all public code, although the ending is .pts. Boxes are the tight boxes of the
    annotated points.

    Ids are such as `frontal/testset/image00070_2`, groups are AFLW's photos, subsets the five poses.
    """

    name = "merl-rav"
    scheme = "ibug-68"
    splits = ("train", "test")
    expected = {"train": 15449, "test": 3865}
    folder = "merl_rav"
    holds = (*FOLDERS, *(f"{pose}/{split}set" for split in ("train", "test") for pose in POSES))
    licence = "research only (labels by MERL, images by AFLW); the images may not be redistributed"
    citation = "Kumar et al., LUVLi Face Alignment, CVPR 2020"
    url = "https://github.com/abhi1kumar/MERL-RAV_dataset"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of a split, pose by pose."""
        place = next((folder / name for name in FOLDERS if (folder / name).is_dir()), folder)
        files = {pose: _annotations(place / pose / f"{split}set") for pose in POSES}
        paths = [path for found in files.values() for path in found]
        if not paths:
            raise DatasetNotFoundError(f"no .pts file of the split {split!r}; looked in {', '.join(POSES)}", place)
        image_of = _image_of(folder, paths)
        rows = [(pose, path) for pose, found in files.items() for path in found]
        pose_of, stems, points, visible, images = self.faults.columns(
            lambda row: (row[0], row[1].stem, *_read(row[1]), "" if image_of is None else image_of(row[1])), rows
        )
        pose_of = np.array(pose_of)
        return Columns(
            ids=[f"{pose}/{split}set/{stem}" for pose, stem in zip(pose_of, stems, strict=True)],
            images=no_images(len(stems), "merl-rav", "images") if image_of is None else ImageFiles(images),
            landmarks=np.stack(points),
            visible=np.stack(visible),
            subsets={pose: pose_of == pose for pose in POSES},
            groups=[_photo(stem) for stem in stems],
        )


def _annotations(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.pts"), *(folder / "labels").glob("*.pts")])


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return points (68, 2) px, NaN where they are not annotated, and whether they are visible (68,)."""
    points = read_pts(path, N_POINTS) + 1.0  # read_pts subtracts 1; these files are taken as they are
    unknown = (points == -1).all(axis=1)
    hidden = (points <= 0).all(axis=1) & (points < 0).any(axis=1)
    if unknown.all():
        raise DataError("a face without any annotated point; remove the file", path)
    points[hidden] = np.abs(points[hidden])
    points[unknown] = np.nan
    return points, ~hidden


def _photo(stem: str) -> str:
    """Return AFLW's photo of a face.

    >>> _photo("image00070_2"), _photo("image00120")
    ('image00070', 'image00120')
    """
    return re.sub(r"(?<=.)_\d+$", "", stem)


def _image_of(base: Path, paths: list[Path]) -> Callable[[Path], str] | None:
    """Return what finds the image of an annotation: beside it, else in AFLW; None if there are no images."""
    if ImageIndex({path.parent for path in paths}):
        return ImagesBeside().of
    aflw = [folder for name in AFLW_FOLDERS for folder in sorted((base / name).glob("*")) if folder.is_dir()]
    if not aflw:
        return None
    index = ImageIndex(aflw)
    return lambda path: index.of(_photo(path.stem), path)
