"""300-W: 68 points on AFW, HELEN, LFPW and iBUG faces, and the private test set of the challenge.

Sagonas et al., "300 Faces In-The-Wild Challenge: Database and Results", Image and Vision Computing 47, 2016.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fldbench.dataset import Dataset, find_folder
from fldbench.datasets.formats.images import images_beside
from fldbench.datasets.formats.pts import read_pts
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import FaceSet
from fldbench.geometry import tight_box

TRAIN_PARTS = {"afw": 337, "helen/trainset": 2000, "lfpw/trainset": 811}
TEST_PARTS = {"helen/testset": 330, "lfpw/testset": 224, "ibug": 135}
PRIVATE_PARTS = {"01_Indoor": 300, "02_Outdoor": 300}
SUBSETS = {
    "helen-test": ("helen/testset",),
    "lfpw-test": ("lfpw/testset",),
    "ibug": ("ibug",),
    "common": ("helen/testset", "lfpw/testset"),
    "challenging": ("ibug",),
    "full": tuple(TEST_PARTS),
    "indoor": ("01_Indoor",),
    "outdoor": ("02_Outdoor",),
    "private": tuple(PRIVATE_PARTS),
}
N_POINTS = 68


class IBug300W(Dataset):
    """Splits train (3148 faces when complete) and test (689, and 600 of the private set), read from the usual folders.

    Boxes are the tight boxes of the points, as in the official ground-truth boxes. Points are 1-based in the files and
    zero-based here. Ids are paths below the dataset's folder without the ending, such as `helen/testset/296814969_3`.
    Groups are photos: AFW has several faces of one photo, as NAME_1, NAME_2, ...
    """

    scheme = "ibug-68"
    splits = ("train", "test")
    expected = {"train": sum(TRAIN_PARTS.values())} | {
        name: sum((TEST_PARTS | PRIVATE_PARTS)[part] for part in parts) for name, parts in SUBSETS.items()
    }
    folder = "300w"
    licence = "research only; the images may not be redistributed"
    citation = "Sagonas et al., 300 Faces In-The-Wild Challenge: Database and Results, IVC 2016"
    url = "https://ibug.doc.ic.ac.uk/resources/300-W/"

    def load(self, root: str | Path | None, split: str) -> FaceSet:
        """The faces of all parts that lie below the root; `parts` says how many of how many there were.

        Raises DatasetNotFoundError when none is there, and DataError for a .pts file that is not one or has no image.
        """
        base = find_folder(
            root, "300w", self.folder, ("afw", "helen", "lfpw", "ibug", "01_Indoor", "02_Outdoor", "300W")
        )
        expected = TRAIN_PARTS if split == "train" else TEST_PARTS | PRIVATE_PARTS
        files = {part: _annotations(base, part) for part in expected}
        paths = [path for part in files.values() for path in part]
        if not paths:
            raise DatasetNotFoundError(f"no .pts file of the split {split!r}; looked in {', '.join(expected)}", base)
        part_of = np.array([part for part, found in files.items() for _ in found])
        landmarks = np.stack([read_pts(path, N_POINTS) for path in paths])
        ids = [f"{part}/{path.stem}" for part, path in zip(part_of, paths, strict=True)]
        subsets = {} if split == "train" else {name: np.isin(part_of, parts) for name, parts in SUBSETS.items()}
        return FaceSet(
            ids=np.array(ids),
            images=images_beside(paths),
            boxes=tight_box(landmarks),
            landmarks=landmarks,
            scheme=self.scheme,
            subsets=subsets,
            groups=np.array([re.sub(r"(?<=\d) ?_\d+$", "", one) for one in ids]),
            name="300w",
            split_name=split,
            parts={part: (len(found), expected[part]) for part, found in files.items()},
        )


def _annotations(base: Path, part: str) -> list[Path]:
    """The .pts files of a part in the order of their names; the private set may lie in a folder 300W of its own."""
    for folder in (base / part, base / "300W" / part):
        if folder.is_dir():
            return sorted(folder.glob("*.pts"))
    return []
