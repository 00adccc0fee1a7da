"""What readers of text tables share: lines with their numbers, checked numbers, unique ids, images that are there."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fldbench.errors import DataError, must_be
from fldbench.faces import ImageFiles
from fldbench.files import read_text

SHOWN = 40  # letters of a bad word that an error quotes


def refusal(
    what: str,
    got: Any,
    allowed: str,
    path: str | Path,
    line: int | None = None,
    then: str = "",
    kind: type[DataError] = DataError,
) -> DataError:
    """Return the error of a wrong value in a file, which names the file and, where it has one, the line.

    >>> raise refusal("the number of points", 4, "5", "a.txt", 3)
    Traceback (most recent call last):
        ...
    fldbench.errors.DataError: a.txt, line 3: the number of points is 4; must be 5
    """
    return kind(must_be("", what, got, allowed, then).removeprefix(": "), path, line)


def read_lines(path: str | Path) -> list[tuple[int, str]]:
    """Return the lines of a UTF-8 text file that are not blank, stripped, each with its number from 1; at least one.

    Raises
    ------
    DataError
        For a file that cannot be read, is blank, is not UTF-8 or holds a NUL byte.
    """
    text = read_text(path)
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        raise DataError("the file is empty; restore it", path, 1)
    return lines


def split_columns(text: str, n: int, what: str, path: str | Path, line: int, separator: str | None = None) -> list[str]:
    """Return the n columns of a line; raise DataError for another number of them.

    Parameters
    ----------
    text : str
        The line.
    n : int
        The number of columns.
    what : str
        What they hold, for the message.
    path, line
        The place, for the message.
    separator : str, optional
        What stands between columns; white space by default.

    >>> split_columns("a, 1,2", 3, "name, x, y", "list.csv", 1, ",")
    ['a', '1', '2']
    """
    words = [word.strip() for word in text.split(separator)]
    if len(words) != n:
        between = {None: "blanks", ",": "commas"}.get(separator, separator)
        raise refusal("the number of columns", len(words), f"{n}, with {between} between: {what}", path, line)
    return words


def numbers(words: Sequence[str], path: str | Path, line: int) -> list[float]:
    """Return the words of a line as finite numbers; raise DataError that quotes the first word that is none.

    >>> numbers(["1", "-2.5e1"], "a.txt", 3)
    [1.0, -25.0]
    >>> numbers(["1", "nan"], "a.txt", 3)
    Traceback (most recent call last):
        ...
    fldbench.errors.DataError: a.txt, line 3: a number is 'nan'; must be a finite decimal number
    """
    try:
        values = [float(word) for word in words]
        if all(map(math.isfinite, values)) and "_" not in "".join(words):  # Python reads 1_000 as a number
            return values
    except ValueError:
        pass
    bad = next(word for word in words if not _is_number(word))
    raise refusal("a number", bad[:SHOWN], "a finite decimal number", path, line)


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word)) and "_" not in word
    except ValueError:
        return False


def point(text: str, path: str | Path, line: int, separator: str | None = None) -> list[float]:
    """Return the x and y of a line; raise DataError for anything else.

    >>> point("3 4.5", "a.txt", 1), point("3 , 4.5", "a.txt", 1, ",")
    ([3.0, 4.5], [3.0, 4.5])
    """
    words = text.split(separator)
    if len(words) != 2:
        raise refusal("a point", text[:SHOWN], f"'x{separator or ' '}y', two numbers", path, line)
    return numbers([word.strip() for word in words], path, line)


def check_unique(ids: Sequence[str], path: str | Path, lines: Sequence[int]) -> None:
    """Raise DataError, with both lines, when one id stands for two faces.

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
    """Return the images base/name of a list; none of them is opened.

    Folders are listed once, which is far quicker than to ask for each file. Names use slashes.

    Raises
    ------
    DataError
        With the line of the list that names an absent image.
    """
    listed: dict[str, set[str]] = {}
    files = [f"{base}/{name}" for name in names]
    for file, name, line in zip(files, names, lines, strict=True):
        folder, _, own = file.rpartition("/")
        if folder not in listed:
            listed[folder] = _files_in(folder)
        if own not in listed[folder] and not os.path.isfile(file):  # a file system may not tell A from a
            raise DataError(f"no image {name[-200:]!r} below {base}; restore it or correct the line", path, line)
    return ImageFiles(files)


def _files_in(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (OSError, ValueError):
        return set()


def stem(name: str) -> str:
    """Return a path without the ending of its file.

    >>> stem("a.b/photo 1.jpg"), stem("a.b/photo")
    ('a.b/photo 1', 'a.b/photo')
    """
    return os.path.splitext(name)[0]
