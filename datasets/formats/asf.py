"""The .asf annotation format of AAM-API (Stegmann, DTU): points as fractions of the image, one file for each image.

The file knows its image only by name, so the size is read from the image's header; no pixel is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fldbench.dataset import FAR, needed_root
from fldbench.datasets.formats.images import WITH
from fldbench.datasets.formats.text import numbers, read_lines, refusal
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faces.image_files import ENDINGS, read_header

COLUMNS = (7, 10)  # path#, type, x, y, point#, from, to, and at times three columns for the user


def read_asf(path: str | Path, n_points: int) -> tuple[np.ndarray, Path]:
    """Return the points of one .asf file, (n_points, 2) px, zero-based, and the path of its image.

    x = x_rel * width and y = y_rel * height of the image, as the format defines; it does not say whether a fraction
    counts from the middle or the edge of a pixel, so nothing is subtracted. Lines that begin with # and blank lines do
    not count; the others are the number of points, one row for each point, and the name of the host image, which lies
    beside the file.

    Raises
    ------
    DataError
        With the line, for anything else.
    """
    path = Path(path)
    lines = [(line, text) for line, text in read_lines(path) if not text.startswith("#")]
    if not lines:
        raise DataError("comments only; must hold a number of points, the points and the host image", path, 1)
    line, text = lines[0]
    if text != str(n_points):
        raise refusal("the number of points", text[:40], repr(str(n_points)), path, line)
    rows, rest = lines[1 : n_points + 1], lines[n_points + 1 :]
    relative = [_row(text, i, path, line) for i, (line, text) in enumerate(rows)]
    if len(rows) < n_points:
        raise refusal("the number of rows", len(rows), str(n_points), path, lines[-1][0])
    if len(rest) != 1:
        line = lines[-1][0] if not rest else rest[1][0]
        raise DataError("after the points there must be one line, the name of the host image", path, line)
    image = _host_image(path, *rest[0])
    with np.errstate(over="ignore"):  # overflowing values are refused below
        points = np.array(relative) * image_size(image)
    if not (np.abs(points) < FAR).all():
        raise DataError("a point lies too far outside of its image to be counted in pixels", path, lines[1][0])
    return points, image


def _row(text: str, number: int, path: Path, line: int) -> list[float]:
    """Return x and y, as fractions, of the row that describes point `number`."""
    words = text.split()
    if len(words) not in COLUMNS:
        allowed = f"{COLUMNS[0]} or {COLUMNS[1]}: path type x y point from to [3 more]"
        raise refusal("the number of columns", len(words), allowed, path, line)
    values = numbers(words, path, line)
    if values[4] != number:
        raise refusal("the number of the point", words[4][:40], f"{number}, because rows must be in order", path, line)
    return values[2:4]


def _host_image(path: Path, line: int, text: str) -> Path:
    """Return the image that the file names, else the one with the file's own name: some copies changed the endings."""
    named = re.split(r"[\\/]", text)[-1]
    stems = [named, *(path.stem + ending for ending in ENDINGS), *(path.stem + e.upper() for e in ENDINGS)]
    for name in stems:
        try:
            if (path.parent / name).is_file():
                return path.parent / name
        except OSError:  # a name may be too long for the system
            continue
    raise DataError(f"no image {named[-80:]!r} beside it, nor {path.stem} with {WITH}", path, line)


def folder_of_asf(root: str | Path | None, dataset: str, folders: Sequence[str], pattern: str) -> Path:
    """Return the first of ROOT/folder, else ROOT itself, that has .asf files whose names fit `pattern`.

    Raises
    ------
    DatasetNotFoundError
        If none has; it says where it looked.
    """
    base = needed_root(root, dataset)
    for place in (*(base / folder for folder in folders), base):
        if place.is_dir() and asf_files(place, pattern):
            return place
    raise DatasetNotFoundError(
        f"dataset {dataset!r} is not below {str(base)!r}; looked for .asf files in {', '.join(folders)} and the root"
    )


def asf_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder whose whole names fit `pattern`, sorted."""
    return sorted(path for path in folder.iterdir() if re.fullmatch(pattern, path.name))


def image_size(path: str | Path) -> tuple[int, int]:
    """Return width and height, px, from the header of a JPEG, PNG or BMP file; no orientation is applied.

    Raises
    ------
    DataError
        For another or a damaged file.
    """
    size, _ = read_header(path)
    if size is None:
        raise DataError("no width and height in its header; must be a JPEG, PNG or BMP image", path)
    return size
