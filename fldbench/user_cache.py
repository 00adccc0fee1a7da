"""What fldbench keeps between its runs beside the output folders: where it is, how large, and how large it may get.

    CACHE/crops         normalised crops of faces, one file for each set of faces and size
    CACHE/detections    the faces that a detector found, one file for each image
    CACHE/synthetic     landmarks and attributes of synthetic faces, one file for each set
    TEMP/.fldbench.*    crops of a training that runs; removed when it ends, or by a later one if it was killed

CACHE is the user's cache folder of fldbench, TEMP that of the system's temporary files. Everything in CACHE may be
deleted at any time: it is made again.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from fldbench.files import remove, sweep

PARTS = {
    "crops": "normalised crops of faces",
    "detections": "faces that detectors found",
    "synthetic": "landmarks of synthetic faces",
}
LARGEST = 10 * 10**9  # bytes of one part; beyond, what was not used for longest goes


class Kept(NamedTuple):
    """One part of what is kept: its name, what it is, its place, and its files and bytes; `most` bytes if bounded."""

    name: str
    what: str
    place: Path
    files: int
    size: int
    most: int | None


def user_cache(part: str) -> Path:
    """Return the folder `part` in the user's cache folder of fldbench; what is in it may be deleted at any time."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("fldbench", appauthor=False)) / part


def kept() -> list[Kept]:
    """Return what is kept now, part by part."""
    found = []
    for name, what in PARTS.items():
        files = list(_files(user_cache(name)))
        found.append(Kept(name, what, user_cache(name), len(files), sum(size for _, size, _ in files), LARGEST))
    temporary = Path(tempfile.gettempdir())
    files = [file for folder in temporary.glob(".fldbench.*.part") for file in _files(folder)]
    what = "of trainings that run, or were killed"
    return [*found, Kept("temporary", what, temporary, len(files), sum(size for _, size, _ in files), None)]


def clear() -> None:
    """Remove everything that is kept; temporary folders of processes that still run stay."""
    for name in PARTS:
        remove(user_cache(name))
    sweep(tempfile.gettempdir())


def make_room(part: str, needed: int = 0) -> None:
    """Remove the files of a part that were not used for longest, until it has LARGEST bytes with `needed` more."""
    files = sorted(_files(user_cache(part)))
    size = sum(one for _, one, _ in files) + needed
    for _, own, path in files:
        if size <= LARGEST:
            break
        with suppress(OSError):
            os.unlink(path)
            size -= own


def mark_used(path: Path) -> None:
    """Note that a file of the cache was used now."""
    with suppress(OSError):
        os.utime(path)


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield when each regular file below a folder was used last, its bytes, and its path; links are not followed."""
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                about = os.lstat(os.path.join(place, name))
                if stat.S_ISREG(about.st_mode):
                    yield about.st_mtime, about.st_size, Path(place, name)
