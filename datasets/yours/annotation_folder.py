"""Shared by the readers of tools that write one annotation file for each photo."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from fldbench.dataset import Columns, data_root, needed_root
from fldbench.datasets.formats.images import ImageIndex
from fldbench.datasets.yours.annotation_file import AnnotationFile, Parsed
from fldbench.datasets.yours.named_points import NAMES, NamedFace, in_order
from fldbench.datasets.yours.pts_folder import files_below, of_split
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.files import read_bytes
from fldbench.params import optional


class AnnotationFolder(AnnotationFile):
    """Base of the readers of one annotation file for each photo.

    Splits: folders with the word train, val or test in their names are that split; without any such folder everything
    is `train`. `all` is everything. Ids are the images' paths without ending, with #k for the k-th face of an image
    with several.

    Parameters
    ----------
    file : str or Path, optional
        One annotation file or a folder of them, at any depth, below the data root; None: the root itself.
    scheme : str, optional
        As in AnnotationFile.
    points : list of str, optional
        The names of the points in the order of the scheme. None: the scheme's own names, where it has them; names that
        are numbers, in their order; else the order in which the face with the most points names them.
    """

    rules = {**AnnotationFile.rules, "points": optional(NAMES)}
    endings: ClassVar[tuple[str, ...]] = (".json",)
    mark: ClassVar[bytes]  # what every file of the format contains

    def __init__(self, file: str | Path | None = None, scheme: str | None = None, points: Sequence[str] | None = None):
        super().__init__(file, scheme)
        self.points = points
        self._beside: dict[Path, ImageIndex] = {}

    def faces(self, path: Path) -> list[NamedFace]:
        """Return the faces of one file; raise DataError for a file that is not of the format."""
        raise NotImplementedError

    def fits(self, path: Path) -> bool:
        """Return whether a file found in a folder is of the format; one that cannot be read counts, as a faulty one."""
        try:
            return self.mark in read_bytes(path)
        except DataError:
            return True

    def locate(self, root: str | Path | None, split: str) -> Path:
        """Return the annotation file or the folder."""
        place = Path(needed_root(None, self.name, "a folder") if root is None and self.file is None else root or "")
        if self.file is not None:
            place = (data_root(root) or Path()) / self.file
        self.root = None if place.is_file() and self.file is None else data_root(root)
        if not place.exists():
            raise DatasetNotFoundError("there is nothing; file='...' is a file or folder below the data root", place)
        return place

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces in the order of the paths of their files."""
        base = folder.parent if folder.is_file() else folder
        found: list[NamedFace] = []
        self._beside = {}
        for path in [folder] if folder.is_file() else self._files(folder, split):
            with self.faults:
                found += [self._placed(one, path, base) for one in self.faces(path)]
        self.faults.check_some(len(found))
        scheme, faces, notes = in_order(found, self.points, self.scheme, folder)
        return self.as_columns(Parsed(scheme, base, faces, tuple(notes)), folder)

    def image_beside(self, path: Path) -> str:
        """Return the name of the image beside a file, which has its name less some endings; empty if there is none."""
        if path.parent not in self._beside:
            self._beside[path.parent] = ImageIndex([path.parent])
        images, stem = self._beside[path.parent].paths, path.stem
        while stem not in images and os.path.splitext(stem)[1]:
            stem = os.path.splitext(stem)[0]
        return os.path.basename(images.get(stem, ""))

    def _placed(self, one: NamedFace, path: Path, base: Path) -> NamedFace:
        """Return a face whose image is named relative to `base` and not to its file."""
        folder, name = Path(os.path.relpath(path.parent, base)), one.face.image
        named = image_named(folder, name or path.name.partition(".")[0])
        return replace(one, face=replace(one.face, image=named, file=path, has_image=bool(name)))

    def _files(self, folder: Path, split: str) -> list[Path]:
        pattern = " or ".join(self.endings)
        paths = [path for path in files_below(folder, *self.endings) if self.fits(path)]
        if not paths:
            raise DatasetNotFoundError(f"no {pattern} file of the format {self.name} in it or below", folder)
        return of_split(paths, folder, split, pattern)


def image_named(base: Path, name: str) -> str:
    """Return the path of an image that a file in the folder `base` names, with slashes.

    >>> image_named(Path("a"), "b\\\\c.jpg"), image_named(Path("a"), "/c.jpg")
    ('a/b/c.jpg', '/c.jpg')
    """
    name = name.replace("\\", "/")
    absolute = name.startswith("/") or re.match("[A-Za-z]:/", name)
    return name if absolute else posixpath.normpath(posixpath.join(base.as_posix(), name))
