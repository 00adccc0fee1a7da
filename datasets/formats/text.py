"""What readers of text tables share: lines with their numbers, checked numbers, unique ids, images that are there."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from fldbench.errors import DataError
from fldbench.faces import ImageFiles

SHOWN = 40  # letters of a bad word that an error quotes


def read_lines(path: str | Path) -> list[tuple[int, str]]:
    """The lines of a UTF-8 text file that are not blank, stripped, each with its number from 1.

    Raises DataError for a file that cannot be read, is empty, is not UTF-8 or holds NUL bytes.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", path) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8", path, line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError("holds a NUL byte, so it is damaged or no text file; fetch it again", path, line)
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        raise DataError("the file is empty; fetch it again", path, 1)
    return lines


def numbers(words: Sequence[str], path: str | Path, line: int) -> list[float]:
    """The words of a line as finite numbers; DataError that quotes the first word that is none.

    >>> numbers(["1", "-2.5e1"], "a.txt", 3)
    [1.0, -25.0]
    >>> numbers(["1", "nan"], "a.txt", 3)
    Traceback (most recent call last):
        ...
    fldbench.errors.DataError: a.txt, line 3: 'nan' is not a number; allowed are finite decimal numbers
    """
    try:
        values = [float(word) for word in words]
        if all(map(math.isfinite, values)) and "_" not in "".join(words):  # Python reads 1_000 as a number
            return values
    except ValueError:
        pass
    bad = next(word for word in words if not _is_number(word))
    raise DataError(f"{bad[:SHOWN]!r} is not a number; allowed are finite decimal numbers", path, line)


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word)) and "_" not in word
    except ValueError:
        return False


def check_unique(ids: Sequence[str], path: str | Path, lines: Sequence[int]) -> None:
    """Raises DataError, with both lines, when one id stands for two faces.

    >>> check_unique(["a", "b", "a"], "list.txt", [1, 2, 5])
    Traceback (most recent call last):
        ...
    fldbench.errors.DataError: list.txt, line 5: 'a' is in line 1 already; each face has one line
    """
    first: dict[str, int] = {}
    for one, line in zip(ids, lines, strict=True):
        if one in first:
            raise DataError(f"{one[:SHOWN]!r} is in line {first[one]} already; each face has one line", path, line)
        first[one] = line


def image_files(base: str | Path, names: Sequence[str], path: str | Path, lines: Sequence[int]) -> ImageFiles:
    """The images base/name, none of them opened; DataError with the line of a list that names an absent one.

    Names use slashes. Folders are listed once, which is far quicker than to ask for each file.
    """
    listed: dict[str, set[str]] = {}
    files = [f"{base}/{name}" for name in names]
    for file, name, line in zip(files, names, lines, strict=True):
        folder, _, own = file.rpartition("/")
        if folder not in listed:
            listed[folder] = _files_in(folder)
        if own not in listed[folder] and not os.path.isfile(file):  # a file system may not tell A from a
            raise DataError(f"no image {name[-200:]!r} below {base}; restore it or mend the line", path, line)
    return ImageFiles(files)


def _files_in(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (OSError, ValueError):
        return set()


def stem(name: str) -> str:
    """A path without the ending of its file.

    >>> stem("a.b/photo 1.jpg"), stem("a.b/photo")
    ('a.b/photo 1', 'a.b/photo')
    """
    return os.path.splitext(name)[0]
