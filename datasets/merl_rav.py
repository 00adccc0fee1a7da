"""MERL-RAV: 68 points with three states of visibility on 19,314 faces of AFLW.

Kumar et al., "LUVLi Face Alignment: Estimating Landmarks' Location, Uncertainty, and Visibility Likelihood", CVPR 2020.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fldbench.dataset import Dataset, find_folder
from fldbench.datasets.formats.images import images_beside, images_of, index_images
from fldbench.datasets.formats.pts import read_pts
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faces import FaceSet, Images, NoImages
from fldbench.geometry import tight_box

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
    False; (-1, -1) is hidden by the face itself and not annotated: NaN. With one sign only, a point is visible and
    lies left of or above the image. Nobody states from where the files count pixels;
    the numbers are taken as they are, as all public code does, although the ending is .pts. Boxes are the tight boxes
    of the annotated points.

    Ids are such as `frontal/testset/image00070_2`, groups are AFLW's photos, subsets the five poses.
    """

    scheme = "ibug-68"
    splits = ("train", "test")
    expected = {"train": 15449, "test": 3865}
    folder = "merl_rav"
    licence = "research only (labels by MERL, images by AFLW); the images may not be redistributed"
    citation = "Kumar et al., LUVLi Face Alignment, CVPR 2020"
    url = "https://github.com/abhi1kumar/MERL-RAV_dataset"

    def load(self, root: str | Path | None, split: str) -> FaceSet:
        """The faces of a split. Raises DatasetNotFoundError, and DataError with file and line."""
        base = find_folder(root, "merl-rav", self.folder, (*FOLDERS, *(f"{pose}/{split}set" for pose in POSES)))
        place = next((base / name for name in FOLDERS if (base / name).is_dir()), base)
        files = {pose: _annotations(place / pose / f"{split}set") for pose in POSES}
        paths = [path for found in files.values() for path in found]
        if not paths:
            raise DatasetNotFoundError(f"no .pts file of the split {split!r}; looked in {', '.join(POSES)}", place)
        pose_of = np.array([pose for pose, found in files.items() for _ in found])
        landmarks, visible = (np.stack(column) for column in zip(*map(_read, paths), strict=True))
        stems = [path.stem for path in paths]
        return FaceSet(
            ids=np.array([f"{pose}/{split}set/{stem}" for pose, stem in zip(pose_of, stems, strict=True)]),
            images=_images(base, paths, stems),
            boxes=tight_box(landmarks),
            landmarks=landmarks,
            scheme=self.scheme,
            visible=visible,
            subsets={pose: pose_of == pose for pose in POSES},
            groups=np.array([_photo(stem) for stem in stems]),
            name="merl-rav",
            split_name=split,
            parts={f"{split}set": (len(paths), self.expected[split])},
        )


def _annotations(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.pts"), *(folder / "labels").glob("*.pts")])


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points (68, 2) px, NaN where they are not annotated, and whether they are visible (68,)."""
    points = read_pts(path, N_POINTS) + 1.0  # read_pts takes 1 off; these files are taken as they are
    unknown = (points == -1).all(axis=1)
    hidden = (points <= 0).all(axis=1) & (points < 0).any(axis=1)
    if unknown.all():
        raise DataError("a face without any annotated point; remove the file", path)
    points[hidden] = np.abs(points[hidden])
    points[unknown] = np.nan
    return points, ~hidden


def _photo(stem: str) -> str:
    """AFLW's photo of a face.

    >>> _photo("image00070_2"), _photo("image00120")
    ('image00070', 'image00120')
    """
    return re.sub(r"(?<=.)_\d+$", "", stem)


def _images(base: Path, paths: list[Path], stems: list[str]) -> Images:
    """Images beside the annotations, else AFLW's; NoImages where there are neither."""
    beside = sorted({path.parent for path in paths})
    if index_images(beside):
        return images_beside(paths)
    aflw = [folder for name in AFLW_FOLDERS for folder in sorted((base / name).glob("*")) if folder.is_dir()]
    if not aflw:
        return NoImages(len(paths), "merl-rav has no images here: predictions can be scored, methods cannot run")
    return images_of(paths, [_photo(stem) for stem in stems], aflw)
