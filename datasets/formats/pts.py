"""The .pts annotation format of iBUG: 1-based points in text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fldbench.dataset import FAR
from fldbench.datasets.formats.text import point, read_lines, refusal
from fldbench.files import read_bytes

_NUMBER = rb"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?"
_POINTS = rb"((?:" + _NUMBER + rb"[ \t]+" + _NUMBER + rb"[ \t]*\r?\n)+)"
_USUAL = re.compile(rb"version: ?1\s+n_points: *(\d{1,9})\s+\{[ \t]*\r?\n" + _POINTS + rb"\}\s*")
_DECLARED = re.compile(r"n_points\s*:\s*(\d{1,9})")


def read_pts(path: str | Path, n_points: int) -> np.ndarray:
    """Return the points of one .pts file, (n_points, 2) px, zero-based: the file counts pixels from 1.

    The usual layout is `version: 1`, `n_points: 68`, `{`, one line `x y` for each point, `}`. Blank lines, other
    spacing and a missing header (some redistributed files) are accepted.

    Raises
    ------
    DataError
        With the line, for a word where a number should be, a wrong number of points or a file that cannot be read.
    """
    points = _usual(read_bytes(path), n_points)
    if points is not None:
        return points - 1.0
    rows, last = _rows(path, n_points)
    found = [point(text, path, line) for line, text in rows]
    _check_count(found, n_points, path, last)
    return np.array(found) - 1.0


def _usual(content: bytes, n_points: int) -> np.ndarray | None:
    """Return the points of a sound file in the usual layout, (n_points, 2), as they are; None for any other file.

    One pass over the bytes: loading 300-W means reading 2,700 such files.
    """
    match = _USUAL.fullmatch(content)
    if match is None or int(match[1]) != n_points:
        return None
    points = np.array([float(word) for word in match[2].split()]).reshape(-1, 2)
    return points if len(points) == n_points and (np.abs(points) < FAR).all() else None


def read_marked_pts(path: str | Path, n_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of a .pts file, as `read_pts` does, and which are visible, (n_points,) bool.

    Some tools write a third column: 1 for a visible point and 0 for a hidden one.

    Raises
    ------
    DataError
        As `read_pts`, and for another third column.
    """
    points, visible = [], []
    rows, last = _rows(path, n_points)
    for line, text in rows:
        words = text.split()
        mark = words.pop() if len(words) == 3 else "1"
        if mark not in ("0", "1", "0.0", "1.0"):
            raise refusal("the third column", mark[:40], "1 for a visible point, 0 for a hidden one", path, line)
        points.append(point(" ".join(words), path, line))
        visible.append(float(mark) > 0)
    _check_count(points, n_points, path, last)
    return np.array(points) - 1.0, np.array(visible)


def _rows(path: str | Path, n_points: int) -> tuple[list[tuple[int, str]], int]:
    """Return the lines of the points, and the number of the file's last line; check the number that it declares."""
    rows, lines = [], read_lines(path)
    for line, text in lines:
        key, colon, value = text.partition(":")
        if text in "{}":
            continue
        if colon:
            if key.strip() == "n_points" and value.strip() != str(n_points):
                raise refusal("n_points", value.strip()[:40], repr(str(n_points)), path, line)
            continue
        rows.append((line, text))
    return rows, lines[-1][0]


def _check_count(points: list[list[float]], n_points: int, path: str | Path, last: int) -> None:
    if len(points) != n_points:
        raise refusal("the number of points", len(points), str(n_points), path, last)


def count_pts(path: str | Path) -> int:
    """Return the number of points that a .pts file declares or, without a header, has; `read_pts` checks it.

    Raises
    ------
    DataError
        For a file that cannot be read.
    """
    texts = [text for _, text in read_lines(path)]
    declared = next((match for match in map(_DECLARED.fullmatch, texts) if match), None)
    return int(declared[1]) if declared else sum(":" not in text and text not in "{}" for text in texts)
