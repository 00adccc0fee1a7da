"""Images found by their names, for datasets with one annotation file for each image."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from fldbench.errors import DataError
from fldbench.faces import NoImages
from fldbench.faces.image_files import ENDINGS
from fldbench.files import listed

USUAL = ENDINGS[:4]
WITH = listed(ENDINGS, len(USUAL))


class ImageIndex:
    """The images in some folders by their names without ending; the first folder wins, absent ones are empty.

    Folders are listed once, which is far quicker than to ask for each file. Of images with one name the JPEG, PNG or
    BMP counts, and of several of these the first by its whole name.

    Parameters
    ----------
    folders : iterable of str or Path
    what : str
        What an image is called in messages, such as a frame.
    """

    def __init__(self, folders: Iterable[str | Path], what: str = "image"):
        self.folders, self.what = [os.fspath(folder) for folder in folders], what
        self.paths: dict[str, str] = {}
        for folder in self.folders:
            for name in sorted(_images_in(folder), key=_preference):
                self.paths.setdefault(os.path.splitext(name)[0], os.path.join(folder, name))

    def __bool__(self) -> bool:
        return bool(self.paths)

    def of(self, stem: str, annotation: str | Path) -> str:
        """Return the image of an annotation file; raise DataError, which names that file, if it is absent."""
        if stem not in self.paths:
            where = ", ".join(self.folders)
            what = f"no {self.what} {stem[-200:]!r} with {WITH} in {where}"
            raise DataError(f"{what}; restore it or remove the annotation", annotation)
        return self.paths[stem]


class ImagesBeside:
    """The images that lie beside their annotation files, with the same names; folders are listed once."""

    def __init__(self) -> None:
        self._index: dict[Path, ImageIndex] = {}

    def of(self, annotation: Path) -> str:
        """Return the image beside an annotation file; raise DataError for a file without one."""
        folder, stem = annotation.parent, annotation.stem
        if folder not in self._index:
            self._index[folder] = ImageIndex([folder])
        paths = self._index[folder].paths
        if stem not in paths:
            raise DataError(f"no image beside it; looked for {stem[-200:]} with {WITH}", annotation)
        return paths[stem]


def _images_in(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if _ending(entry.name) in ENDINGS and entry.is_file()]
    except OSError:
        return []


def _preference(name: str) -> tuple[bool, str]:
    return _ending(name) not in USUAL, name


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def no_images(n: int, dataset: str, absent: str) -> NoImages:
    """Return the images of n faces that came without any.

    >>> no_images(2, "muct", "folder jpg/").why
    'muct has no folder jpg/ here: predictions can be scored, methods cannot run'
    """
    return NoImages(n, f"{dataset} has no {absent} here: predictions can be scored, methods cannot run")
