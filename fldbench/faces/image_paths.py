"""The images that an annotation file names: which paths it may name, and whether they are there."""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from fldbench.errors import DataError

ABSENT = "restore it or correct the annotation"
SHOWN = 200  # letters of a path that an error quotes, from its end
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")  # C:\ or C:/ or \\server


class ImageFolder:
    """A folder, and the one rule for the paths that annotation files may name in it.

    A named image must be a regular file that, after all symbolic links, lies in the folder or in `root`: so no
    annotation file makes the library read, hash or pack what does not belong to the data. The folder itself may be a
    link to anywhere, because the user chose it. Nothing is opened. Folders are listed once, which is far quicker than
    to ask for each file.

    Parameters
    ----------
    base : str or Path
        The folder that names are relative to.
    root : str or Path, optional
        A folder above it that names with `../` and absolute names may reach; None: `base` alone.
    absent : str
        What to do about an image that is not there, for messages.
    """

    def __init__(self, base: str | Path, root: str | Path | None = None, absent: str = ABSENT):
        self.base, self.absent = os.fspath(base), absent
        self._allowed = [os.path.realpath(place) for place in (self.base, root) if place is not None]
        self._listed: dict[str, dict[str, bool]] = {}
        self._inside: dict[str, bool] = {}

    def find(self, name: str, file: str | Path, line: int | None = None, what: str = "") -> str:
        """Return the path of the image `name`, written with slashes.

        Raises
        ------
        DataError
            For a name that is absent, leads elsewhere, or is no regular file. It names the annotation file and the
            line; `what` begins the message.
        """
        shown = repr(name[-SHOWN:])
        if not name or "\0" in name:
            raise DataError(f"{what}the path of an image is {shown}; must be the name of a file", file, line)
        if _DRIVE.match(name):
            raise DataError(
                f"{what}the image {shown} is a path of another computer; must be relative to {self.base!r}", file, line
            )
        path = os.path.join(self.base, name)
        folder, own = os.path.split(path)
        entries = self._entries(folder)
        # A file system may not tell A from a, so what is not listed is asked for.
        if own not in entries and not os.path.isfile(path):
            raise DataError(f"{what}no image {shown} below {self.base}; {self.absent}", file, line)
        linked = entries.get(own, True)
        if not (self._is_inside(path) if linked else self._is_inside(folder)):
            then = "move it there, or give a data root that holds both"
            raise DataError(f"{what}the image {shown} lies outside of {self._allowed[-1]!r}; {then}", file, line)
        return path

    def _entries(self, folder: str) -> dict[str, bool]:
        """Return the regular files of a folder, each with whether it is a symbolic link."""
        if folder not in self._listed:
            try:
                with os.scandir(folder) as entries:
                    self._listed[folder] = {entry.name: entry.is_symlink() for entry in entries if entry.is_file()}
            except (OSError, ValueError):
                self._listed[folder] = {}
        return self._listed[folder]

    def _is_inside(self, path: str) -> bool:
        if path not in self._inside:
            real = os.path.realpath(path)
            self._inside[path] = any(
                real == place or real.startswith(os.path.join(place, "")) for place in self._allowed
            )
        return self._inside[path]


def holds_any(folder: str | Path, names: Iterable[str], most: int = 50) -> bool:
    """Return whether a folder has one of the first images of a list; a single one may be absent."""
    return any(os.path.isfile(os.path.join(folder, name)) for name in islice(names, most))


def face_ids(images: Iterable[str]) -> list[str]:
    """Return an id for each face from its image's path: without `../` and ending; `#k` where it has several faces.

    >>> face_ids(["../a b/1.jpg", "2.jpg", "2.jpg"]), face_ids(["1.jpg", "1.png"])
    (['a b/1', '2#0', '2#1'], ['1.jpg', '1.png'])
    """
    paths = [re.sub(r"^(\.*/)+", "", posixpath.normpath(path)) for path in images]
    stems = {path: posixpath.splitext(path)[0] for path in set(paths)}
    if len(set(stems.values())) < len(stems):
        stems = {path: path for path in stems}
    faces: Counter[str] = Counter(paths)
    seen: Counter[str] = Counter()
    ids = []
    for path in paths:
        ids.append(stems[path] if faces[path] == 1 else f"{stems[path]}#{seen[path]}")
        seen[path] += 1
    return ids
