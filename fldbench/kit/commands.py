"""Commands of other programs as models: crops go out as files, points come back as JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import MethodError
from fldbench.faces.images import encode_image
from fldbench.files import temporary_folder

SHOWN = 200  # letters of what a command said


def run_command(words: Sequence[str], crops: np.ndarray, n_points: int) -> np.ndarray:
    """Run a command on crops, without a shell, and return the points that it writes, (n, L, 2).

    Parameters
    ----------
    words : sequence of str
        The program and its arguments. `{crops}` is replaced by a folder with 00000.png, 00001.png, ...; `{out}` by the
        path of a file for the points. Without `{out}` they are read from its output.
    crops : ndarray
        (n, size, size, 3) or (n, size, size, 1), uint8.
    n_points : int
        L.

    Raises
    ------
    MethodError
        When it cannot be started, fails, or writes something else.

    The points are JSON, a list with one entry for each crop or a mapping from 00000.png to its points, or CSV, a line
    `00000.png, x0, y0, x1, y1, ...` for each crop. A crop that is left out is a missed face.
    """
    with temporary_folder() as folder:
        place, out = folder / "crops", folder / "out"
        place.mkdir()
        names = [f"{i:05d}.png" for i in range(len(crops))]
        for name, crop in zip(names, crops, strict=True):
            colour = np.repeat(crop, 3, axis=2) if crop.shape[2] == 1 else crop
            (place / name).write_bytes(encode_image(colour.astype(np.uint8), ".png"))
        filled = [word.replace("{crops}", str(place)).replace("{out}", str(out)) for word in words]
        try:
            done = subprocess.run(filled, capture_output=True, text=True)
        except OSError as error:
            raise MethodError(f"the command {words[0]!r} cannot be started ({error.strerror})") from error
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())[-SHOWN:]
            raise MethodError(f"the command {words[0]!r} ended with {done.returncode}: {said or 'it said nothing'}")
        if any("{out}" in word for word in words):
            if not out.is_file():
                raise MethodError(f"the command {words[0]!r} wrote nothing to {{out}}")
            return read_points(out.read_text(encoding="utf-8"), names, n_points)
        return read_points(done.stdout, names, n_points)


def read_points(text: str, names: Sequence[str], n_points: int) -> np.ndarray:
    """Return points (n, L, 2) from the text of a command.

    >>> read_points("b.png, 1, 2", ["a.png", "b.png"], 1).tolist()
    [[[nan, nan]], [[1.0, 2.0]]]
    >>> read_points("[[[1, 2]], null]", ["a.png", "b.png"], 1).tolist()
    [[[1.0, 2.0]], [[nan, nan]]]
    """
    try:
        rows = _json_rows(json.loads(text), names) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text)
        found = np.full((len(names), n_points, 2), np.nan)
        for i, name in enumerate(names):
            if rows.get(name) is not None:
                found[i] = np.reshape(np.asarray(rows[name], float), (n_points, 2))
    except (TypeError, ValueError, RecursionError) as error:
        raise MethodError(
            f"a command wrote {' '.join(text.split())[:SHOWN]!r} for {len(names)} crops of {n_points} points; must be "
            f"JSON, or CSV lines `00000.png, x0, y0, ...` ({error})"
        ) from error
    unknown = rows.keys() - set(names)
    if unknown:
        raise MethodError(f"a command wrote points of {min(unknown)[:SHOWN]!r}, which is none of the crops")
    return found


def _json_rows(content: Any, names: Sequence[str]) -> dict[str, Any]:
    if isinstance(content, dict):
        return {Path(str(name)).name: points for name, points in content.items()}
    if len(content) != len(names):
        raise ValueError(f"{len(content)} entries")
    return dict(zip(names, content, strict=True))


def _csv_rows(text: str) -> dict[str, Any]:
    rows = [[word.strip() for word in row] for row in csv.reader(io.StringIO(text)) if row]
    return {Path(row[0]).name: [float(word) for word in row[1:]] for row in rows}
