"""300-W: 68 points on AFW, HELEN, LFPW and iBUG faces, and the private test set of the challenge.

Sagonas et al., "300 Faces In-The-Wild Challenge: Database and Results", Image and Vision Computing 47, 2016.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.attributes import POSE, pose_codes
from fldbench.datasets.formats.images import ImagesBeside, no_images
from fldbench.datasets.formats.pts import read_pts
from fldbench.datasets.formats.text import Unique, numbers, read_lines, refusal, split_columns, stem
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import Attribute, ImageFiles
from fldbench.faults import Faults
from fldbench.params import FLAG
from fldbench.schemes import get_scheme

N_POINTS = 68
NOSE_TIP = 30
TRAIN_PARTS = {"afw": 337, "helen/trainset": 2000, "lfpw/trainset": 811}
PUBLIC_PARTS = {"helen/testset": 330, "lfpw/testset": 224, "ibug": 135}
PRIVATE_PARTS = {"01_Indoor": 300, "02_Outdoor": 300}
TEST_PARTS = PUBLIC_PARTS | PRIVATE_PARTS
PARTS = {"train": TRAIN_PARTS, "test": TEST_PARTS, "private": PRIVATE_PARTS}
SUBSETS = {
    "helen-test": ("helen/testset",),
    "lfpw-test": ("lfpw/testset",),
    "ibug": ("ibug",),
    "common": ("helen/testset", "lfpw/testset"),
    "challenging": ("ibug",),
    "full": tuple(PUBLIC_PARTS),
    "indoor": ("01_Indoor",),
    "outdoor": ("02_Outdoor",),
    "private": tuple(PRIVATE_PARTS),
}
EXPECTED = {name: sum(TEST_PARTS[part] for part in parts) for name, parts in SUBSETS.items()}

LABELS = "300w_labels"  # folder of HRNet's lists
LABEL_LISTS = {"test": "300w_valid.csv", "private": "300w_test.csv"}
HALVES = ("300w_valid_common.csv", "300w_valid_challenge.csv")  # together they are 300w_valid.csv
LABEL_COLUMNS = 4 + 2 * N_POINTS
RENAMED = {"ibug/image_092_01": "ibug/image_092 _01"}  # 300-W's own file name has a blank, HRNet's has none

LICENCE = "research only; the images may not be redistributed"
CITATION = "Sagonas et al., 300 Faces In-The-Wild Challenge: Database and Results, IVC 2016"


class IBug300W(Dataset):
    """Splits train (3148 faces when complete), test (689, and 600 of the private set) and private (those 600 alone).

    Read from the usual folders; `parts` says how many faces of each part were found. Boxes are the tight boxes of the
    points, as in the official ground-truth boxes. Points are 1-based in the files and zero-based here. Ids are paths
    below the dataset's folder without the ending, such as `helen/testset/296814969_3`. Groups are photos: AFW has
    several faces of one photo, as NAME_1, NAME_2, ...

    If no face of test or private is there, their labels are read from the folder 300w_labels, if it exists, as in the
    dataset 300w-labels: predictions can be scored on them, but no method can run.

    The files have no attributes. The option `pose` adds the attribute pose, derived from the annotated points, so that
    it can be asked whether it helps to learn them.

    Parameters
    ----------
    pose : bool
        Add the attribute pose: 0 left profile, 1 left, 2 frontal, 3 right, 4 right profile, where left is image-left,
        by how far the tip of the nose lies to one side of the middle of the eyes; see
        `datasets.formats.attributes.pose_codes`. A mirrored face has the mirrored pose. The fingerprint of the faces
        is then another, so that records of 300-W without it are not used again.
    """

    name = "300w"
    scheme = "ibug-68"
    splits = tuple(PARTS)
    apart = {"train": ("test",), "test": ("train",), "private": ("train",)}  # test holds the private faces too
    expected = EXPECTED | {"train": sum(TRAIN_PARTS.values())}
    folder = "300w"
    holds = ("afw", "helen", "lfpw", "ibug", "01_Indoor", "02_Outdoor", "300W", LABELS, *LABEL_LISTS.values(), *HALVES)
    labels = "300w-labels"
    rules = {"pose": FLAG}
    licence = LICENCE
    citation = CITATION
    url = "https://ibug.doc.ic.ac.uk/resources/300-W/"

    def __init__(self, pose: bool = False):
        self.pose = pose

    @property
    def attribute_types(self) -> Mapping[str, Attribute]:
        """Return the pose, if the option adds it."""
        return {"pose": POSE} if self.pose else {}

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of all parts of a split that are there."""
        found = self._annotated(folder, split)
        return replace(found, attributes={"pose": self.poses(found.landmarks)}) if self.pose else found

    def poses(self, landmarks: np.ndarray) -> np.ndarray:
        """Return the class of the pose that the landmarks of each face suggest: (n, 68, 2) px -> (n,) int."""
        eyes = [landmarks[:, points].mean(axis=1) for points in get_scheme(self.scheme).eye_points]
        return pose_codes(*eyes, landmarks[:, NOSE_TIP])

    def _annotated(self, folder: Path, split: str) -> Columns:
        expected = PARTS[split]
        files = {part: _annotations(folder, part) for part in expected}
        if not any(files.values()):
            labels = None if split == "train" else _labels_folder(folder, split)
            if labels is not None:
                return read_labels(labels, split, self.name, self.faults)
            labels_too = "" if split == "train" else f", and for labels without images in {LABELS}/"
            raise DatasetNotFoundError(
                f"no .pts file of the split {split!r}; looked in {', '.join(expected)}{labels_too}", folder
            )
        images = ImagesBeside()
        part_of, ids, points, found = self.faults.columns(
            lambda row: (row[0], f"{row[0]}/{row[1].stem}", read_pts(row[1], N_POINTS), images.of(row[1])),
            [(part, path) for part, paths in files.items() for path in paths],
        )
        return Columns(
            ids=ids,
            images=ImageFiles(found),
            landmarks=np.stack(points),
            subsets={} if split == "train" else _subsets(part_of),
            groups=_photos(ids),
            parts={part: (part_of.count(part), expected[part]) for part in files},
        )


class IBug300WLabels(Dataset):
    """The labels of 300-W's test faces without their images: splits test (the public 689) and private (600).

    The CSV files of HRNet: 300w_valid.csv (or its halves 300w_valid_common.csv and 300w_valid_challenge.csv) and
    300w_test.csv, in a folder 300w_labels. Points are 1-based in the files and zero-based here. Boxes are the tight
    boxes of the points: the files give only a centre and a scale, made from the points too. Ids, subsets and groups are
    those of the dataset 300w, so that one file of predictions fits both. No method can run on these faces.
    """

    name = "300w-labels"
    scheme = "ibug-68"
    splits = tuple(LABEL_LISTS)
    expected = EXPECTED | {"test": sum(PUBLIC_PARTS.values())}
    folder = LABELS
    holds = (*LABEL_LISTS.values(), *HALVES)
    licence = LICENCE
    citation = CITATION
    url = "https://github.com/HRNet/HRNet-Facial-Landmark-Detection"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the labelled faces of a split."""
        return read_labels(folder, split, self.name, self.faults)


def read_labels(folder: Path, split: str, dataset: str, faults: Faults) -> Columns:
    """Return the faces of HRNet's list of a split, in the order of their parts and names, without images.

    Raises
    ------
    DatasetNotFoundError
        When the list is not there.
    DataError
        With file and line, for a line that is not a face of 300-W's test parts.
    """
    paths = _lists(folder, split)
    if not paths:
        raise DatasetNotFoundError(f"no list of the split {split!r}; looked for {LABEL_LISTS[split]}", folder)
    expected = PUBLIC_PARTS if split == "test" else PRIVATE_PARTS
    faces: list[tuple[int, str, list[float]]] = []
    for path in paths:
        (first, header), *rows = read_lines(path)
        if not header.startswith("image_name,") or not rows:
            raise refusal("the list", header[:40], "'image_name,scale,...' and one line for each face", path, first)
        unique = Unique(path)
        for line, text in rows:
            with faults:
                face = _labelled(text, tuple(expected), path, line)
                unique.add(face[1], line)
                faces.append(face)
    faults.check_some(len(faces))
    faces.sort(key=lambda face: face[:2])
    part_of = [list(expected)[place] for place, _, _ in faces]
    ids = [one for _, one, _ in faces]
    return Columns(
        ids=ids,
        images=no_images(len(ids), dataset, "images"),
        landmarks=np.array([values for *_, values in faces]).reshape(-1, N_POINTS, 2) - 1.0,
        subsets=_subsets(part_of),
        groups=_photos(ids),
        parts={part: (part_of.count(part), n) for part, n in expected.items()},
    )


def _labelled(text: str, parts: tuple[str, ...], path: Path, line: int) -> tuple[int, str, list[float]]:
    """Return the number of the part, the id and the numbers of a line."""
    what = "image_name,scale,center_w,center_h, then x,y of 68 points"
    name, *words = split_columns(text, LABEL_COLUMNS, what, path, line, ",")
    one = stem(name.removeprefix("Test/"))
    one = RENAMED.get(one, one)
    part = one.rpartition("/")[0]
    if part not in parts:
        raise refusal("the folder of an image", name[:40], f"one of {', '.join(parts)}", path, line)
    return parts.index(part), one, numbers(words[3:], path, line)


def _lists(folder: Path, split: str) -> list[Path]:
    """Return the lists that hold the faces of a split: one, two halves, or none."""
    whole, halves = folder / LABEL_LISTS[split], [folder / name for name in HALVES]
    if whole.is_file():
        return [whole]
    return halves if split == "test" and all(path.is_file() for path in halves) else []


def _labels_folder(folder: Path, split: str) -> Path | None:
    """Return the folder with the labels of a split: the dataset's folder, or one below or beside it; else None."""
    places = [folder / LABELS, folder]
    if folder.name == IBug300W.folder:
        places.append(folder.parent / LABELS)
    return next((place for place in places if _lists(place, split)), None)


def _subsets(part_of: Sequence[str]) -> dict[str, np.ndarray]:
    return {name: np.isin(part_of, parts) for name, parts in SUBSETS.items()}


def _photos(ids: Sequence[str]) -> list[str]:
    """Return the photo of each face.

    >>> _photos(["afw/134212_1", "afw/134212_2", "ibug/image_092 _01"])
    ['afw/134212', 'afw/134212', 'ibug/image_092']
    """
    return [re.sub(r"(?<=\d) ?_\d+$", "", one) for one in ids]


def _annotations(base: Path, part: str) -> list[Path]:
    """Return the .pts files of a part, sorted by name; the private set may lie in a folder 300W of its own."""
    for folder in (base / part, base / "300W" / part):
        if folder.is_dir():
            return sorted(folder.glob("*.pts"))
    return []
