"""Predictions of other programs: read a file, match it to a protocol's faces, score it, keep a record."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fldbench import registry
from fldbench.dataset import load_dataset, make_dataset
from fldbench.errors import DatasetNotFoundError, PredictionsError
from fldbench.faces import FaceSet
from fldbench.files import listed
from fldbench.protocols import Protocol, Score, get_protocol
from fldbench.records.keys import key_of
from fldbench.records.machine import machine_facts
from fldbench.records.record import OUTSIDE, UNKNOWN, MethodFacts, Metrics, Record, TrainFacts
from fldbench.run.facts import facts_of_test
from fldbench.run.timing import now
from fldbench.schemes import get_scheme


@dataclass(frozen=True)
class Outside:
    """Predictions of a file, matched and scored.

    Attributes
    ----------
    faces : FaceSet
        The protocol's test faces.
    predictions : ndarray of float, (n, L, 2)
        In px and in the order of the faces; a NaN row if the file has none.
    score : Score
        What the protocol measured.
    absent : tuple of str
        Ids of the protocol that the file does not have; they count as missed.
    elsewhere : int
        Number of predictions in the file for other faces of the same split.
    """

    faces: FaceSet
    predictions: np.ndarray
    score: Score
    absent: tuple[str, ...]
    elsewhere: int


def evaluate_file(path: str | Path, protocol: str | Protocol, root: str | Path | None = None) -> Outside:
    """Score a prediction file under a protocol.

    Parameters
    ----------
    path : str or Path
        A .csv, .json or .npz file, or one in the dataset's own submission format: see `read_predictions`.
    protocol : str or Protocol
        The rules.
    root : str or Path, optional
        The data root; default the environment variable FLDBENCH_DATA.

    Raises
    ------
    PredictionsError
        For a file that cannot be read or has a wrong width, and for an id that is given twice or that the dataset does
        not know.
    DatasetNotFoundError
        For the data root.
    """
    protocol = get_protocol(protocol)
    loaded = _faces_to_score(protocol, root)
    ids, points = read_predictions(path, get_scheme(protocol.scheme).n_points, protocol.dataset)
    doubled = sorted(one for one, count in Counter(ids).items() if count > 1)
    if doubled:
        raise PredictionsError(f"more than one prediction for {_named(doubled)}; give each face one", path)
    unknown = sorted(set(ids) - set(loaded.ids.tolist()))
    if unknown:
        raise PredictionsError(
            f"{loaded.label} has no face {_named(unknown)}; its ids look like {str(loaded.ids[0])!r}", path
        )
    faces = protocol.select(loaded)
    row_of = {one: row for row, one in enumerate(ids)}
    predictions = np.full(faces.landmarks.shape, np.nan)
    for row, one in enumerate(faces.ids.tolist()):
        if one in row_of:
            predictions[row] = points[row_of[one]]
    absent = tuple(one for one in faces.ids.tolist() if one not in row_of)
    return Outside(faces, predictions, protocol.score(predictions, faces), absent, len(ids) - len(faces) + len(absent))


def _faces_to_score(protocol: Protocol, root: str | Path | None) -> FaceSet:
    """Return the split of a protocol; scoring needs no images, so labels alone suffice if faces are absent."""
    loaded = load_dataset(protocol.dataset, root, protocol.split)
    labels = make_dataset(protocol.dataset).labels
    if labels and not protocol.is_complete(protocol.select(loaded)):
        with suppress(DatasetNotFoundError):
            other = load_dataset(labels, root, protocol.split)
            if protocol.is_complete(protocol.select(other)):
                return other
    return loaded


def record_of(outside: Outside, label: str, protocol: str | Protocol) -> tuple[Record, dict[str, np.ndarray]]:
    """Return the record and the arrays of outside predictions; their training faces are not known."""
    protocol, faces, score = get_protocol(protocol), outside.faces, outside.score
    content = hashlib.sha256(np.ascontiguousarray(outside.predictions).tobytes()).hexdigest()
    record = Record(
        key=key_of([label, protocol.hash, faces.fingerprint, content]),
        status="ok",
        method=MethodFacts(name=OUTSIDE, label=label, files={"predictions": content}),
        train=TrainFacts(label=UNKNOWN),
        protocol=protocol,
        test=facts_of_test(protocol, faces, score, [], faces.fingerprint),
        metrics=Metrics(score.values),
        machine=machine_facts(),
        started=now(),
        ended=now(),
    )
    return record, {"ids": faces.ids, "predictions": outside.predictions} | score.evidence


def read_predictions(path: str | Path, n_points: int, dataset: str) -> tuple[list[str], np.ndarray]:
    """Return ids and landmarks (n, n_points, 2), zero-based px, NaN where not found.

    Formats, by the ending of the file:

    - .csv: id, x0, y0, x1, y1, ... with or without a header; an empty cell or `nan` is a missed point.
    - .json: {id: [[x, y], ...], ...}; null is a missed face.
    - .npz: arrays `ids` and `predictions`, as in a record's faces.npz.
    - any other: the submission format of the dataset's benchmark.

    Raises
    ------
    PredictionsError
        With file and line.
    """
    path = Path(path)
    readers = {".csv": _read_csv, ".json": _read_json, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        return registry.resolve("dataset", dataset)().read_submission(path)
    try:
        return readers[path.suffix.lower()](path, n_points)
    except FileNotFoundError as error:
        raise PredictionsError("there is no such prediction file", path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise PredictionsError(f"cannot be read ({error})", path) from error


def _read_csv(path: Path, n_points: int) -> tuple[list[str], np.ndarray]:
    ids, rows = [], []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        for row in reader:
            if not row or (reader.line_num == 1 and not any(_is_number(cell) for cell in row[1:])):
                continue
            if len(row) != 1 + 2 * n_points:
                raise PredictionsError(
                    f"{len(row)} columns; must be {1 + 2 * n_points}: id, x0, y0, ... to y{n_points - 1}",
                    path,
                    reader.line_num,
                )
            ids.append(row[0].strip())
            try:
                rows.append([float(cell) if cell.strip() else np.nan for cell in row[1:]])
            except ValueError as error:
                raise PredictionsError(f"{error}; must be a number in px", path, reader.line_num) from None
    return ids, np.array(rows, float).reshape(-1, n_points, 2)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_json(path: Path, n_points: int) -> tuple[list[str], np.ndarray]:
    try:
        pairs = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=list)
    except json.JSONDecodeError as error:
        raise PredictionsError(f"not JSON: {error.msg}", path, error.lineno) from None
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise PredictionsError("no mapping; must be {id: [[x, y], ...], ...}", path)
    ids, rows = [], []
    for one, value in pairs:
        try:
            row = np.full((n_points, 2), np.nan) if value is None else np.array(value, float).reshape(n_points, 2)
        except (ValueError, TypeError):
            raise PredictionsError(f"face {one!r} must be {n_points} pairs [x, y] of numbers, or null", path) from None
        ids.append(one)
        rows.append(row)
    return ids, np.array(rows, float).reshape(-1, n_points, 2)


def _read_npz(path: Path, n_points: int) -> tuple[list[str], np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as content:
            ids, points = content["ids"], np.asarray(content["predictions"], float)
    except FileNotFoundError:
        raise
    except Exception as error:  # numpy raises zip, key and value errors for other files
        raise PredictionsError(f"not an .npz file with the arrays ids and predictions ({error})", path) from error
    if ids.ndim != 1 or points.shape != (len(ids), n_points, 2):
        raise PredictionsError(
            f"shapes of ids and predictions are {ids.shape}, {points.shape}; must be (n,), (n, {n_points}, 2)", path
        )
    return [str(one) for one in ids.tolist()], points


def _named(ids: list[str]) -> str:
    return listed([repr(one) for one in ids])
