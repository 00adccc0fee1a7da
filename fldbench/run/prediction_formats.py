"""Formats of prediction files: CSV whose header names its columns, JSON, npz, and a benchmark's own."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from fldbench import registry
from fldbench.attribute_metrics import Answered
from fldbench.errors import PredictionsError
from fldbench.files import open_regular, read_text, text_lines
from fldbench.npz import read_npz
from fldbench.run.prediction_attributes import NOT_READ, Header, checked, columns_of, from_json, from_npz, split_face

ID_NAMES = ("id", "face", "path", "image", "image_path", "image_name", "file", "file_name", "filename", "name", "img")
MOST_FACES = 1_000_000  # of a file, if nobody knows how many there can be
LONGEST_ID = 1024  # letters, in an npz file: numpy gives each id the room of the longest
SHOWN = 60  # letters of an id or a header that a message shows

_INDEX = re.compile(r"[0-9]{1,6}")
_AXIS = re.compile(r"(?<![A-Za-z])[xyzXYZ](?![A-Za-z])")


class Answers(NamedTuple):
    """What a file says: ids, landmarks (n, L, 2) px, NaN where not found, and the boxes that they were made with.

    The landmarks of an npz file are read-only, and have its precision: twice that of the points would be lost memory.
    Also attribute -> the answers for the same faces; `NOT_READ` for one that nobody wants.
    """

    ids: list[str]
    points: np.ndarray
    boxes: str = ""
    attributes: Mapping[str, Answered] = MappingProxyType({})


def read_answers(
    path: str | Path, n_points: int, dataset: str, most: int = MOST_FACES, wanted: Collection[str] = ()
) -> Answers:
    """Return the content of a prediction file; points are zero-based px.

    Formats, by the ending of the file:

    - .csv: one row for each face. The names in the header decide, not their order: x and y of each point, counted from
      0 or 1, such as x0, y_12, `x[3]` or p4_x, and the face in a column id (path, image, file ... or the first).
      Without a header: id, x0, y0, x1, y1, ... An empty cell or `nan` is a missed point. Columns ATTRIBUTE:CLASS, such
      as gender:male and gender:female, are probabilities. Other columns are ignored.
    - .json: {id: [[x, y], ...], ...}; null is a missed face or point. A face with attributes is {"landmarks":
      [[x, y], ...], "attributes": {ATTRIBUTE: {CLASS: probability}}}.
    - .npz: arrays `ids` and `predictions` (n, L, 2), as in a record's faces.npz; the string `boxes` is optional, and so
      are `probabilities:ATTRIBUTE` (n, k) with the names `classes:ATTRIBUTE` (k,).
    - any other: the submission format of the dataset's benchmark.

    Parameters
    ----------
    path : str or Path
    n_points : int
        L.
    dataset : str
        The registered dataset whose submission format may be read.
    most : int
        The number of faces that there can be at most; a file that claims more is refused before it is read.
    wanted : collection of str
        The attributes to read.

    Raises
    ------
    PredictionsError
        For anything else; with file and, if known, line.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path, int, int, Collection[str]], Answers]]
    readers = {".csv": _csv, ".json": _json, ".npz": _npz}
    if not path.is_file():
        what = "not a file" if path.exists() else "there is no such prediction file"
        raise PredictionsError(f"{what}; check the path", path)
    if path.suffix.lower() in readers:
        answers = readers[path.suffix.lower()](path, n_points, most, wanted)
    else:
        answers = Answers(*registry.resolve("dataset", dataset)().read_submission(path))
    if not answers.ids:
        raise PredictionsError("no face in it; a prediction file has one entry for each face", path)
    return answers


def _csv(path: Path, n_points: int, most: int, wanted: Collection[str]) -> Answers:
    reader = csv.reader(text_lines(path, PredictionsError))
    ids: list[str] = []
    numbers = array("d")  # a list of numbers takes four times the memory
    columns: _Columns | None = None
    answered: dict[str, dict[str, int]] = {}
    shares: dict[str, list[list[float]]] = {}
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            line = reader.line_num
            if columns is None:
                if _is_header(row):
                    columns = _columns_of(row, n_points, path, line)
                    answered = columns_of(row, path, line)
                    shares = {name: [] for name in answered if name in wanted}
                    continue
                columns = _Columns(0, list(range(1, 1 + 2 * n_points)), 1 + 2 * n_points, False)
            if len(row) != columns.width:
                allowed = (
                    "as in the header" if columns.named else f"id, x0, y0, ... to y{n_points - 1}, divided by commas"
                )
                raise PredictionsError(f"{len(row)} columns; must be {columns.width}: {allowed}", path, line)
            ids.append(_id(row[columns.face].strip(), path, line))
            numbers.extend([_number_of(row[k], path, line) for k in columns.points])
            for name, found in shares.items():
                found.append([_number_of(row[k], path, line) for k in answered[name].values()])
    except csv.Error as error:
        raise PredictionsError(f"not a CSV file ({error})", path, reader.line_num) from error
    attributes = {
        name: checked(name, list(classes), np.array(shares[name]).reshape(-1, len(classes)), ids, path)
        if name in shares
        else NOT_READ
        for name, classes in answered.items()
    }
    return Answers(ids, np.asarray(numbers).reshape(-1, n_points, 2), attributes=attributes)


class _Columns(NamedTuple):
    """Where a row holds what: the face, x and y of each point, and how many columns it has."""

    face: int
    points: list[int]
    width: int
    named: bool


def _is_header(row: Sequence[str]) -> bool:
    """Return whether the first row names the columns: something behind the id, and no number."""
    return any(cell.strip() for cell in row[1:]) and not any(_is_number(cell) for cell in row[1:])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _columns_of(header: Sequence[str], n_points: int, path: Path, line: int) -> _Columns:
    """Return the meaning of the columns by their names."""
    names = [name.strip() for name in header]
    families = _families(names)
    known = {template: found for template, found in families.items() if _counted(found) == n_points}
    # Of x_0, y_0 in px beside X_0, Y_0, Z_0 in mm (OpenFace), the points in the image have no z.
    flat = {template: found for template, found in known.items() if "z" not in found}
    chosen = list((flat or known).values())
    if len(chosen) != 1:
        raise PredictionsError(_header_complaint(names, families, len(chosen), n_points), path, line)
    xs, ys = chosen[0]["x"], chosen[0]["y"]
    points = [column for index in sorted(xs) for column in (xs[index], ys[index])]
    lower = [name.lower() for name in names]
    face = next((lower.index(name) for name in ID_NAMES if name in lower), 0)
    doubled = next((names[k] for k in (face, *points) if names.count(names[k]) > 1), None)
    if doubled is not None:
        raise PredictionsError(f"the column {doubled!r} is given twice; write it once", path, line)
    if face in points:
        raise PredictionsError(f"no column names the face; must be one of {', '.join(ID_NAMES)}", path, line)
    return _Columns(face, points, len(names), True)


def _families(names: Sequence[str]) -> dict[str, dict[str, dict[int, int]]]:
    """Return names that differ only in their axis and number: template -> axis -> number -> column.

    >>> _families(["id", "x0", "y0"])
    {'@#': {'x': {0: 1}, 'y': {0: 2}}}
    """
    families: dict[str, dict[str, dict[int, int]]] = {}
    for column, name in enumerate(names):
        axes = list(_AXIS.finditer(name))
        if len(axes) != 1:
            continue
        (axis,) = axes
        letter = "@" if axis.group().islower() else "@@"
        for index in _INDEX.finditer(name):
            first, second = sorted(((axis.span(), letter), (index.span(), "#")))
            (a, b), (c, d) = first[0], second[0]
            template = name[:a] + first[1] + name[b:c] + second[1] + name[d:]
            family = families.setdefault(template, {})
            family.setdefault(axis.group().lower(), {}).setdefault(int(index.group()), column)
    return families


def _counted(family: dict[str, dict[int, int]]) -> int:
    """Return the number of points that a family names: x and y of each, counted from 0 or 1; 0 if it does not."""
    xs, ys = family.get("x", {}), family.get("y", {})
    whole = xs.keys() == ys.keys() and bool(xs) and min(xs) in (0, 1) and max(xs) - min(xs) == len(xs) - 1
    return len(xs) if whole else 0


def _header_complaint(names: list[str], families: dict[str, Any], chosen: int, n_points: int) -> str:
    allowed = f"x and y of each of the {n_points} points: x0, y0, x1, ... (or x_0, x[0], p0_x, or counted from 1)"
    if chosen:
        then = f"{chosen} sets of its columns are"
    else:
        most = max(map(_counted, families.values()), default=0)
        then = f"it names {most} points" if most else "delete it if the columns are id, x0, y0, x1, y1, ..."
    shown = ", ".join(names)
    return f"the header is {shown if len(shown) <= SHOWN else shown[:SHOWN] + '...'!r}; must be {allowed}; {then}"


def _number_of(cell: str, path: Path, line: int) -> float:
    if not cell.strip():
        return np.nan
    try:
        if "_" in cell:
            raise ValueError(f"could not convert string to float: {cell!r}")
        return float(cell)
    except ValueError:
        raise PredictionsError(
            f"could not convert string to float: {cell.strip()[:SHOWN]!r}; must be a number", path, line
        ) from None


def _id(text: str, path: Path, line: int | None = None) -> str:
    if not text:
        raise PredictionsError("a face without an id; give each face its id", path, line)
    return text


class _Pairs(list[Any]):
    """A JSON object as its pairs, so that an id that is given twice is noticed."""


def _json(path: Path, n_points: int, most: int, wanted: Collection[str]) -> Answers:
    text = read_text(path, PredictionsError)
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise PredictionsError(f"not JSON: {error.msg}", path, error.lineno) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise PredictionsError(f"not JSON of predictions ({error})", path) from None
    if not isinstance(pairs, _Pairs):
        raise PredictionsError("no mapping; must be {id: [[x, y], ...], ...}", path)
    split = [split_face(value, face[:SHOWN], path) if _has_landmarks(value) else (value, []) for face, value in pairs]
    rows = [_json_face(face, value, n_points, path) for (face, _), (value, _) in zip(pairs, split, strict=True)]
    ids = [_id(face.strip(), path) for face, _ in pairs]
    attributes = from_json([face[:SHOWN] for face in ids], [found for _, found in split], wanted, path)
    return Answers(ids, np.array(rows, float).reshape(-1, n_points, 2), attributes=attributes)


def _has_landmarks(value: Any) -> bool:
    return isinstance(value, _Pairs) and "landmarks" in dict(value)


def _json_face(face: str, value: Any, n_points: int, path: Path) -> list[list[float]]:
    """Return the points of one face; a flat list is x0, y0, x1, y1, ..."""
    if value is None:
        return [[np.nan, np.nan]] * n_points
    pairs = value
    if type(value) is list and len(value) == 2 * n_points and not any(isinstance(one, list) for one in value):
        pairs = [value[k : k + 2] for k in range(0, len(value), 2)]
    found = ""
    if type(pairs) is list and all(type(pair) is list for pair in pairs):
        widths = {len(pair) for pair in pairs}
        if len(pairs) == n_points and widths == {2}:
            try:
                return [[np.nan if one is None else _number(one) for one in pair] for pair in pairs]
            except (TypeError, OverflowError):
                pass
        elif len(widths) == 1:
            found = f"; it has ({len(pairs)}, {widths.pop()})"
    raise PredictionsError(
        f"face {face[:SHOWN]!r} must be {n_points} pairs [x, y] of numbers, or null{found}", path
    ) from None


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError
    return float(value)


def _npz(path: Path, n_points: int, most: int, wanted: Collection[str]) -> Answers:
    try:
        with open_regular(path) as content, zipfile.ZipFile(content) as file:
            names = ["ids", "predictions", *(["boxes"] if "boxes.npy" in file.namelist() else [])]
            headers = {name: _header(file, name) for name in names}
            _check_headers(headers, n_points, most, path)
            read, others = from_npz(file, _header, headers["ids"].shape[0], wanted, path)
        names += [f"{what}:{name}" for name in read for what in ("probabilities", "classes")]
        arrays = read_npz(path, names, PredictionsError)
    except PredictionsError:
        raise
    except Exception as error:  # numpy and zipfile raise zip, key, value and many other errors for other files
        raise PredictionsError(f"not an .npz file with the arrays ids and predictions ({error})", path) from error
    ids = [_id(_text(one).strip(), path) for one in arrays["ids"].tolist()]
    boxes = _text(arrays["boxes"].item()) if "boxes" in arrays else ""
    attributes = dict.fromkeys(others, NOT_READ)
    for name in read:
        classes = [_text(one) for one in arrays[f"classes:{name}"].tolist()]
        attributes[name] = checked(name, classes, arrays[f"probabilities:{name}"], ids, path)
    points = arrays["predictions"]
    return Answers(ids, points if points.dtype in ("f4", "f8") else points.astype(float), boxes, attributes)


def _header(file: zipfile.ZipFile, name: str) -> Header:
    """Return what an array of an npz file claims to be, before anything is allocated."""
    with file.open(f"{name}.npy") as content:
        first = np.lib.format.read_magic(content) == (1, 0)
        read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(content)
        return Header(shape, dtype)


def _check_headers(headers: dict[str, Header], n_points: int, most: int, path: Path) -> None:
    ids, points = headers["ids"], headers["predictions"]
    boxes = headers.get("boxes", Header((), np.dtype("U1")))
    if len(ids.shape) != 1 or points.shape != (ids.shape[0], n_points, 2):
        allowed = f"(n,), (n, {n_points}, 2)"
        what = f"shapes of ids and predictions are {ids.shape}, {points.shape}; must be {allowed}"
    elif ids.dtype.kind not in "USiu" or points.dtype.kind not in "fiu":
        what = f"ids and predictions are {ids.dtype}, {points.dtype}; must be strings and numbers"
    elif boxes.shape or boxes.dtype.kind not in "US":
        what = f"boxes is {boxes.dtype} of shape {boxes.shape}; must be one string"
    elif ids.shape[0] > most:
        what = f"it has {ids.shape[0]} faces; there are {most}"
    elif max(ids.dtype.itemsize, boxes.dtype.itemsize) > np.dtype(f"U{LONGEST_ID}").itemsize:
        what = f"ids or boxes have more than {LONGEST_ID} letters"
    else:
        return
    raise PredictionsError(what, path)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
