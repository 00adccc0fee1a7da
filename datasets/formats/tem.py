"""The .tem template format of Psychomorph and WebMorph: points, and the lines that join them, in text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fldbench.datasets.formats.text import point, read_lines, refusal


def read_tem(path: str | Path, n_points: int) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Return the points (n_points, 2) px and the lines of one .tem file.

    The file holds the number of points; x and y of each; the number of lines; and for each line whether it is closed (0
    or 1), how many points it has, and their numbers from 0. The upper left corner of the image is the origin, so the
    points are taken as they are. The part about lines may be absent.

    Raises
    ------
    DataError
        With the line, for anything else.
    """
    lines = read_lines(path)
    count = _whole(lines[0], "the number of points", path)
    if count != n_points:
        raise refusal("the number of points", count, str(n_points), path, lines[0][0])
    rows, rest = lines[1 : n_points + 1], lines[n_points + 1 :]
    points = np.array([point(text, path, line) for line, text in rows])
    if len(rows) != n_points:
        raise refusal("the number of points given", len(rows), str(n_points), path, lines[-1][0])
    if not rest:
        return points, []
    n_lines = _whole(rest[0], "the number of lines", path)
    if len(rest) != 1 + 3 * n_lines:
        raise refusal("the number of rows after the points", len(rest), f"{1 + 3 * n_lines}", path, lines[-1][0])
    return points, [_line(rest[1 + 3 * k : 4 + 3 * k], n_points, path) for k in range(n_lines)]


def count_tem(path: str | Path) -> int:
    """Return how many points a .tem file declares; raise DataError where it does not say so."""
    return _whole(read_lines(path)[0], "the number of points", path)


def _whole(row: tuple[int, str], what: str, path: str | Path) -> int:
    line, text = row
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise refusal(what, text[:40], "a whole number", path, line)
    return int(text)


def _line(rows: list[tuple[int, str]], n_points: int, path: str | Path) -> tuple[int, ...]:
    """Return the points of a line from its three rows."""
    (first, closed), size, (last, text) = rows
    if closed not in ("0", "1"):
        raise refusal("whether a line is closed", closed[:40], "0 or 1", path, first)
    members = tuple(_whole((last, word), "the number of a point", path) for word in text.split())
    if len(members) != _whole(size, "the number of points of a line", path) or max(members) >= n_points:
        allowed = f"{size[1][:40]} numbers from 0 to {n_points - 1}"
        raise refusal("a line", text[:40], allowed, path, last)
    return members
