"""Any folder of images with a .pts or .tem file beside each, at any depth."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from fldbench.dataset import Columns, Dataset, data_root, needed_root
from fldbench.datasets.formats.images import ImagesBeside
from fldbench.datasets.formats.pts import count_pts, read_marked_pts
from fldbench.datasets.formats.tem import count_tem, read_tem
from fldbench.datasets.yours.annotation_file import SPLITS, scheme_for, settled, split_of
from fldbench.datasets.yours.missing import without_marks
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import ImageFiles
from fldbench.faults import Faults
from fldbench.params import TEXT, kind, one_of, optional
from fldbench.schemes import get_scheme


class PtsFolder(Dataset):
    """Every .pts file below a folder, with the image beside it. Points are 1-based in the files, zero-based here.

    Splits: folders below it with the word train, val or test in their names (`helen/trainset`) are that split; without
    any such folder everything is `train`. `all` is everything. Ids are paths below the folder without ending; boxes
    are tight, as the format has none; it has no place for a missing point either. A third column, where there is one,
    says whether a point is visible (1) or hidden (0).

    Parameters
    ----------
    folder : str or Path
        The folder below the data root; empty: the root itself.
    scheme : str, optional
        None: the scheme that the points fit.
    first : {0, 1}
        The number of the first pixel in the files.
    """

    name = "pts"
    scheme = "recognised from the points"
    splits = SPLITS
    rules = {"folder": kind(str, Path, allowed="a path"), "scheme": optional(TEXT), "first": one_of((0, 1))}
    ending: ClassVar[str] = ".pts"
    licence = "that of your data"
    url = "https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/"

    def __init__(self, folder: str | Path = "", scheme: str | None = None, first: int = 1):
        self.folder = folder
        self.scheme = scheme
        self.first = first

    def locate(self, root: str | Path | None, split: str) -> Path:
        """Return the folder, which `folder` names below the root."""
        if not self.folder:
            return needed_root(root, self.name, "a folder", ", folder='...'")
        return (data_root(root) or Path()) / self.folder

    def count(self, path: Path) -> int:
        """Return the number of points that a file declares or has."""
        return count_pts(path)

    def points(self, path: Path, n_points: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the points (n_points, 2) px of a file, and which are visible (n_points,)."""
        points, visible = read_marked_pts(path, n_points)
        return points + 1 - self.first, visible

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces in the order of their paths; all have as many points as the first."""
        paths = of_split(files_below(folder, self.ending), folder, split, self.ending)
        if self.scheme is None:
            n_points, first = self._first_count(paths)
            scheme_for(n_points, None, first)  # refuses a number that no scheme has
        else:
            n_points = get_scheme(self.scheme).n_points
        images = ImagesBeside()
        paths, points, visible, files = self.faults.columns(
            lambda path: (path, *self.points(path, n_points), images.of(path)), paths
        )
        landmarks = without_marks(np.stack(points), self.missing, folder)
        scheme, notes = settled(self, self.scheme, landmarks, folder)
        return Columns(
            ids=[path.relative_to(folder).with_suffix("").as_posix() for path in paths],
            images=ImageFiles(files),
            landmarks=landmarks,
            visible=np.stack(visible),
            scheme=scheme,
            notes=notes,
        )

    def _first_count(self, paths: list[Path]) -> tuple[int, Path]:
        """Return the number of points of the first file that tells it, and that file."""
        for path in paths:
            with Faults():  # those of `read` tell what is wrong with the others
                return self.count(path), path
        return self.count(paths[0]), paths[0]


class TemFolder(PtsFolder):
    """Every .tem file of WebMorph below a folder, with the image beside it. Points are zero-based px.

    Splits, ids, boxes and the parameters folder and scheme are those of PtsFolder.
    """

    name = "webmorph"
    ending = ".tem"
    url = "https://webmorph.org"

    def __init__(self, folder: str | Path = "", scheme: str | None = None):
        super().__init__(folder, scheme)

    def count(self, path: Path) -> int:
        """Return the number of points that a file declares."""
        return count_tem(path)

    def points(self, path: Path, n_points: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the points (n_points, 2) px of a file, all of them visible."""
        return read_tem(path, n_points)[0], np.ones(n_points, bool)


def files_below(base: Path, *endings: str) -> list[Path]:
    """Return all annotation files below a folder, in the order of their paths, without hidden ones; at least one."""
    if not base.is_dir():
        raise DatasetNotFoundError("there is no such folder; folder='...' is a path below the data root", base)
    named = {path for ending in endings for path in base.rglob(f"*{ending}")}
    found = sorted(path for path in named if not path.name.startswith(".") and path.is_file())
    if not found:
        raise DatasetNotFoundError(f"no {' or '.join(endings)} file in it or below", base)
    return found


def of_split(paths: list[Path], base: Path, split: str, ending: str) -> list[Path]:
    """Return the files of a split by the names of their folders; raise DatasetNotFoundError if they do not say."""
    named = {path: split_of(" ".join(path.relative_to(base).parts[:-1])) for path in paths}
    if split == "all" or (split == "train" and not any(named.values())):
        return paths
    nameless = [path for path in paths if named[path] is None]
    if nameless:
        raise DatasetNotFoundError(
            f"{len(nameless)} of {len(paths)} {ending} files lie in no folder with train, val or test in its "
            f"name, such as {nameless[0].relative_to(base).as_posix()!r}; ask for split 'all' or give folder='...'",
            base,
        )
    chosen = [path for path in paths if named[path] == split]
    if not chosen:
        raise DatasetNotFoundError(
            f"no {ending} file of the split {split!r}; found {', '.join(sorted(set(named.values())))}", base
        )
    return chosen
