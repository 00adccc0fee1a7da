"""What a model answers for the faces of a protocol: as arrays, and as a file that `fldbench evaluate` reads."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from fldbench.attribute_metrics import Answered
from fldbench.dataset import Roots
from fldbench.errors import MethodError, PredictionsError, must_be
from fldbench.faces import FaceSet
from fldbench.files import write_text, written_whole
from fldbench.media.sheet import answer_sheet
from fldbench.method import Method
from fldbench.protocols import Protocol, get_protocol
from fldbench.run.data import SuiteData
from fldbench.run.overlaps import seen, seen_by_weights
from fldbench.run.timing import predict_timed


@dataclass(frozen=True)
class Predicted:
    """What a model answers for the n faces of a protocol.

    Attributes
    ----------
    faces : FaceSet
        With the boxes that the model got.
    landmarks : ndarray
        (n, L, 2) px; a row of NaN for a missed face.
    attributes : dict of str to Answered
        Attribute -> the names of its classes, and probabilities (n, k).
    errors : ndarray
        (n,) as fractions of the protocol's normaliser; NaN for a missed face.
    notes : tuple of str
        What the user should know about the faces, one line each.
    """

    faces: FaceSet
    landmarks: np.ndarray
    attributes: dict[str, Answered]
    errors: np.ndarray
    notes: tuple[str, ...]

    def sheet(self, count: int = 48, worst: bool = False, random_state: int = 0) -> np.ndarray:
        """Return a sheet of some faces with answers and truth, RGB (see `fldbench.media.answer_sheet`).

        Parameters
        ----------
        count : int
            How many faces, at most.
        worst : bool
            Those with the largest errors, missed ones first, instead of a random choice in the order of the faces.
        random_state : int
            Of the random choice.
        """
        count = min(max(count, 1), len(self.faces))
        if worst:
            charged = np.where(np.isnan(self.errors), np.inf, self.errors)
            rows = np.argsort(-charged, kind="stable")[:count]
        else:
            rows = np.sort(np.random.default_rng(random_state).choice(len(self.faces), count, replace=False))
        probabilities = {name: answer.probabilities[rows] for name, answer in self.attributes.items()}
        classes = {name: answer.classes for name, answer in self.attributes.items()}
        return answer_sheet(self.faces[rows], self.landmarks[rows], probabilities, classes, self.errors[rows])


def predict_protocol(model: Method, protocol: str | Protocol, data: Roots = None) -> Predicted:
    """Return what a fitted model answers for a protocol's faces.

    Raises
    ------
    DatasetNotFoundError
        When no face of the protocol is there.
    MethodError
        For a model that was fitted on points of another scheme.
    """
    protocol = get_protocol(protocol)
    loaded = SuiteData(data)
    loaded.drop_unreadable(protocol)
    split = loaded.test(protocol)
    faces = split.of(protocol)
    scheme = faces.scheme if model.fitted_on is None else model.fitted_on.scheme
    if scheme != faces.scheme:
        allowed = f"{faces.scheme}, whose points {protocol.name} counts"
        raise MethodError(must_be(f"{model.label} model", "the scheme that it was fitted on", scheme, allowed))
    found = predict_timed(model, faces)
    landmarks, attributes = found.landmarks, found.attributes
    errors = protocol.score(landmarks, faces).errors
    notes = [*loaded.notes(), *(f"left out: {why}" for why in split.problems_in(protocol))]
    own = [] if model.fitted_on is None else ["-".join(filter(None, (model.fitted_on.dataset, model.fitted_on.split)))]
    shared = seen(dict.fromkeys([*own, *seen_by_weights(model)]), protocol, faces, loaded.split)
    if shared:
        notes.append(
            f"{protocol.name} has faces that the model was trained on ({shared}): its errors there are no test"
        )
    return Predicted(faces, landmarks, attributes, errors, tuple(notes))


class Seen(NamedTuple):
    """Of n faces that a detector found: the paths of their photos, and its scores (n,)."""

    photos: tuple[str, ...]
    scores: np.ndarray


def write_predictions(
    path: str | Path,
    faces: FaceSet,
    landmarks: np.ndarray,
    attributes: Mapping[str, Answered] = MappingProxyType({}),
    seen: Seen | None = None,
) -> Path:
    """Write predictions as .csv, .json or .npz, whole or not at all, with every digit; return the path.

    - .csv: a row for each face: id, x0, y0, x1, y1, ... px from 0, and a column ATTRIBUTE:CLASS for each probability; a
      face that was not found has empty cells.
    - .json: {id: [[x, y], ...]}, null for a face that was not found; with attributes {id: {"landmarks": [[x, y], ...],
      "attributes": {ATTRIBUTE: {CLASS: probability}}}}.
    - .npz: `ids`, `predictions` (n, L, 2) and `boxes`, and for each attribute `probabilities:ATTRIBUTE` (n, k) and
      `classes:ATTRIBUTE` (k,).

    Parameters
    ----------
    path : str or Path
    faces : FaceSet
        The n faces; their ids are written, and where their boxes come from.
    landmarks : ndarray
        (n, L, 2) px; a row of NaN for a missed face.
    attributes : mapping of str to Answered, optional
        The answers for the same faces.
    seen : Seen, optional
        Where a detector found the faces, for .csv and .json: the columns photo, score, box_x0, box_y0, box_x1, box_y1
        after the id, and {id: {"photo": ..., "score": ..., "box": [...], "landmarks": ..., "attributes": ...}}.

    Raises
    ------
    PredictionsError
        For another ending.
    StoreError
        When the file cannot be written.
    """
    check_ending(path)
    more = () if seen is None else (seen,)
    WRITERS[Path(path).suffix.lower()](Path(path), faces, landmarks, attributes, *more)
    return Path(path)


def check_ending(path: str | Path) -> None:
    """Raise PredictionsError for a file that `write_predictions` cannot write, by its ending."""
    if Path(path).suffix.lower() not in WRITERS:
        raise PredictionsError(must_be(path, "the ending", Path(path).suffix, ", ".join(WRITERS)))


def _csv(
    path: Path, faces: FaceSet, landmarks: np.ndarray, attributes: Mapping[str, Answered], seen: Seen | None = None
) -> None:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    points = [f"{axis}{i}" for i in range(landmarks.shape[1]) for axis in "xy"]
    classes = [f"{name}:{one}" for name, answer in attributes.items() for one in answer.classes]
    place = ["photo", "score", *(f"box_{side}" for side in ("x0", "y0", "x1", "y1"))] if seen else []
    table.writerow(["id", *place, *points, *classes])
    columns = [landmarks.reshape(len(faces), -1), *(answer.probabilities for answer in attributes.values())]
    for i, (face, *row) in enumerate(zip(faces.ids.tolist(), *(column.tolist() for column in columns), strict=True)):
        first = [seen.photos[i], float(seen.scores[i]), *faces.boxes[i].tolist()] if seen else []
        table.writerow([face, *first, *("" if np.isnan(value) else value for part in row for value in part)])
    write_text(path, text.getvalue())


def _json(
    path: Path, faces: FaceSet, landmarks: np.ndarray, attributes: Mapping[str, Answered], seen: Seen | None = None
) -> None:
    content: dict[str, Any] = {}
    for row, face in enumerate(faces.ids.tolist()):
        points = landmarks[row].tolist() if np.isfinite(landmarks[row]).all() else None
        answers = {name: _by_class(answer, row) for name, answer in attributes.items()}
        content[face] = {"landmarks": points, "attributes": answers} if attributes or seen else points
        if seen:
            place = {"photo": seen.photos[row], "score": float(seen.scores[row]), "box": faces.boxes[row].tolist()}
            content[face] = place | content[face]
    write_text(path, json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def _by_class(answer: Answered, row: int) -> dict[str, float] | None:
    found = answer.probabilities[row].tolist()
    return None if np.isnan(found).any() else dict(zip(answer.classes, found, strict=True))


def _npz(path: Path, faces: FaceSet, landmarks: np.ndarray, attributes: Mapping[str, Answered]) -> None:
    arrays = {"ids": faces.ids, "predictions": landmarks, "boxes": np.array(faces.box_source)}
    for name, answer in attributes.items():
        arrays |= {f"probabilities:{name}": answer.probabilities, f"classes:{name}": np.array(answer.classes)}
    with written_whole(path, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


WRITERS: dict[str, Callable[..., None]] = {".csv": _csv, ".json": _json, ".npz": _npz}
