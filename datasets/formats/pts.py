"""The .pts annotation format of iBUG: 1-based points in text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fldbench.errors import DataError


def read_pts(path: str | Path, n_points: int) -> np.ndarray:
    """The points of one .pts file, (n_points, 2) px, zero-based.

    The file counts pixels from 1, so 1 is subtracted. The usual layout is `version: 1`, `n_points: 68`, `{`, a line
    `x y` a point, `}`; blank lines, other spacing and a missing header (some redistributed files) are accepted.
    Raises DataError, with the line, for a word where a number should be, a wrong count or a file that cannot be read.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", path) from error
    points = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        key, colon, value = text.partition(":")
        if not text or text in "{}":
            continue
        if colon:
            if key.strip() == "n_points" and value.strip() != str(n_points):
                raise DataError(f"n_points is {value.strip()[:40]!r}; {n_points} are needed", path, number)
            continue
        points.append(_point(text, path, number))
    if len(points) != n_points:
        raise DataError(f"{len(points)} points; {n_points} are needed", path, len(lines))
    return np.array(points) - 1.0


def _point(text: str, path: str | Path, number: int) -> tuple[float, float]:
    try:
        x, y = (float(word) for word in text.split())
    except ValueError:
        raise DataError(f"{text[:40]!r} is not a point; allowed is 'x y', two numbers", path, number) from None
    if not np.isfinite([x, y]).all():
        raise DataError(f"{text[:40]!r} is not finite; allowed is 'x y', two numbers", path, number)
    return x, y
