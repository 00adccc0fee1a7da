"""For readers of text tables: lines with their numbers, checked numbers, boxes, unique ids."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fldbench.dataset import FAR
from fldbench.errors import DataError, must_be
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
    """Return the error of a wrong value in a file, which names the file and, if known, the line.

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
        The separator of columns; white space by default.

    >>> split_columns("a, 1,2", 3, "name, x, y", "list.csv", 1, ",")
    ['a', '1', '2']
    """
    words = [word.strip() for word in text.split(separator)]
    if len(words) != n:
        between = {None: "blanks", ",": "commas"}.get(separator, separator)
        raise refusal("the number of columns", len(words), f"{n}, with {between} between: {what}", path, line)
    return words


def numbers(words: Sequence[str], path: str | Path, line: int) -> list[float]:
    """Return the words of a line as numbers of pixels; raise DataError, which quotes the first other word.

    >>> numbers(["1", "-2.5e1"], "a.txt", 3)
    [1.0, -25.0]
    >>> numbers(["1", "1e30"], "a.txt", 3)
    Traceback (most recent call last):
        ...
    fldbench.errors.DataError: a.txt, line 3: a number is '1e30'; must be a finite decimal number below 1e+06
    """
    try:
        values = [float(word) for word in words]
        # Python reads 1_000 as a number. A comparison with NaN is false.
        if all(abs(value) < FAR for value in values) and "_" not in "".join(words):
            return values
    except ValueError:
        pass
    bad = next(word for word in words if not _is_number(word))
    raise refusal("a number", bad[:SHOWN], f"a finite decimal number below {FAR:g}", path, line)


def _is_number(word: str) -> bool:
    try:
        return abs(float(word)) < FAR and "_" not in word
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


class Unique:
    """The ids of a list, each of which may have one line.

    >>> unique = Unique("list.txt")
    >>> for line, one in enumerate("aba", start=1):
    ...     unique.add(one, line)
    Traceback (most recent call last):
        ...
    fldbench.errors.DataError: list.txt, line 3: 'a' is in line 1 already; each face has one line
    """

    def __init__(self, path: str | Path):
        self.path = path
        self._first: dict[str, int] = {}

    def add(self, one: str, line: int) -> None:
        """Note the id of a line; raise DataError if an earlier line has it."""
        first = self._first.setdefault(one, line)
        if first != line:
            raise DataError(f"{one[-SHOWN:]!r} is in line {first} already; each face has one line", self.path, line)


def box(words: Sequence[str], path: str | Path, line: int) -> list[float]:
    """Return x0, y0, x1, y1 of the words of a line; raise DataError if they are not numbers or no box.

    >>> box(["1", "2", "3.5", "4"], "a.txt", 1)
    [1.0, 2.0, 3.5, 4.0]
    """
    values = numbers(words, path, line)
    if len(values) != 4 or not (values[0] < values[2] and values[1] < values[3]):
        raise refusal("the box", values, "x0, y0, x1, y1 with x0 < x1 and y0 < y1", path, line)
    return values


def stem(name: str) -> str:
    """Return a path without the ending of its file.

    >>> stem("a.b/photo 1.jpg"), stem("a.b/photo")
    ('a.b/photo 1', 'a.b/photo')
    """
    return os.path.splitext(name)[0]
