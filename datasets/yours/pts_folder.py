"""Any folder of images with a .pts file beside each, however deep."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fldbench.dataset import ROOT_VARIABLE, Dataset, data_root
from fldbench.datasets.formats.images import images_beside
from fldbench.datasets.formats.pts import read_pts
from fldbench.datasets.yours.annotation_file import SPLITS, read_text, scheme_for, split_of
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import FaceSet
from fldbench.geometry import tight_box
from fldbench.schemes import get_scheme


class PtsFolder(Dataset):
    """Every .pts file below a folder, with the image beside it. Points are 1-based in the files, zero-based here.

    folder  the folder below the data root; empty: the root itself
    scheme  None: the only scheme with as many points as the first file

    Splits: folders below it with the word train, val or test in their names (`helen/trainset`) are that split; without
    any such folder everything is `train`. `all` is everything. Ids are paths below the folder without ending; boxes
    are tight, as the format has none; it has no place for a missing or a hidden point either.
    """

    scheme = "by the number of points"
    splits = SPLITS
    licence = "that of your data"
    url = "https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/"

    def __init__(self, folder: str | Path = "", scheme: str | None = None):
        self.folder = folder
        self.scheme = scheme

    def load(self, root: str | Path | None, split: str) -> FaceSet:
        """The faces in the order of their paths.

        Raises DatasetNotFoundError for the place, and DataError for a .pts file that is not one, has another number of
        points than the first or no image.
        """
        root = data_root(root)
        if root is None and not self.folder:
            raise DatasetNotFoundError(
                f"dataset 'pts' needs a folder; give --data ROOT, folder='...' or set {ROOT_VARIABLE}"
            )
        base = (root or Path()) / self.folder
        paths = _of_split(_annotations(base), base, split)
        scheme = self.scheme if self.scheme else scheme_for(_count(paths[0]), None, paths[0])
        n_points = get_scheme(scheme).n_points
        landmarks = np.stack([read_pts(path, n_points) for path in paths])
        return FaceSet(
            ids=np.array([path.relative_to(base).with_suffix("").as_posix() for path in paths]),
            images=images_beside(paths),
            boxes=tight_box(landmarks),
            landmarks=landmarks,
            scheme=scheme,
            name="pts",
            split_name=split,
        )


def _annotations(base: Path) -> list[Path]:
    """All .pts files below a folder, in the order of their paths; hidden ones are left out. At least one."""
    if not base.is_dir():
        raise DatasetNotFoundError("there is no such folder; folder='...' is a path below the data root", base)
    found = sorted(path for path in base.rglob("*.pts") if not path.name.startswith(".") and path.is_file())
    if not found:
        raise DatasetNotFoundError("no .pts file in it or below", base)
    return found


def _of_split(paths: list[Path], base: Path, split: str) -> list[Path]:
    """The files of a split by the names of their folders; DatasetNotFoundError where those leave it open."""
    named = {path: split_of(" ".join(path.relative_to(base).parts[:-1])) for path in paths}
    if split == "all" or (split == "train" and not any(named.values())):
        return paths
    nameless = [path for path in paths if named[path] is None]
    if nameless:
        raise DatasetNotFoundError(
            f"{len(nameless)} of {len(paths)} .pts files lie in no folder with train, val or test in its name, such as "
            f"{nameless[0].relative_to(base).as_posix()!r}; ask for split 'all' or name a folder with folder='...'",
            base,
        )
    chosen = [path for path in paths if named[path] == split]
    if not chosen:
        raise DatasetNotFoundError(
            f"no .pts file of the split {split!r}; found {', '.join(sorted(set(named.values())))}", base
        )
    return chosen


def _count(path: Path) -> int:
    """How many points a .pts file says or has; read_pts checks that they are there."""
    text = read_text(path)
    said = re.search(r"^\s*n_points\s*:\s*(\d{1,6})\s*$", text, re.MULTILINE)
    lines = [line.strip() for line in text.splitlines()]
    return int(said[1]) if said else sum(bool(line) and ":" not in line and line not in "{}" for line in lines)
