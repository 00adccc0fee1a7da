"""Prediction files that `evaluate` refuses: another number of points, and ids that mean no face."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from fldbench.audit.doctor import Finding
from fldbench.dataset import Roots
from fldbench.errors import FldbenchError, PredictionsError
from fldbench.faces import FaceSet
from fldbench.files import listed
from fldbench.protocols import Protocol
from fldbench.run.prediction_files import evaluate_file, faces_to_score
from fldbench.run.prediction_formats import Answers, read_answers
from fldbench.run.prediction_ids import matched
from fldbench.schemes import get_scheme, list_schemes, map_landmarks

SHOWN = 4  # names in a message


class Read(NamedTuple):
    """Predictions (n, L, 2) px of the protocol's n faces, the faces, notes, and what had to be mended to read them."""

    predictions: np.ndarray
    faces: FaceSet
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]


def read_somehow(path: str | Path, protocol: Protocol, data: Roots = None) -> Read:
    """Read a prediction file as `evaluate` does, and where that fails, under a guess at what its author meant.

    Guessed are another scheme, by the number of points, if a map leads from it to the protocol's; and the dataset's
    order of faces, if no id means a face and there are as many rows as faces.

    Raises
    ------
    PredictionsError
        As `evaluate_file` does, if no guess reads the file; it says what was found.
    """
    try:
        outside = evaluate_file(path, protocol, data)
        return Read(outside.predictions, outside.faces, outside.notes, ())
    except PredictionsError as error:
        refused = error
    loaded = faces_to_score(protocol, data)
    answers, findings = _answers(path, protocol, max(len(loaded), 1), refused)
    faces = protocol.select(loaded)
    try:
        row_of, notes = matched(answers.ids, loaded, path)
    except PredictionsError as error:
        row_of, notes = _in_order(answers.ids, faces, loaded, error), []
        what = f"to have ids that mean no face, such as {answers.ids[0]!r} where a face is {str(loaded.ids[0])!r}"
        remedy = "giving the rows the ids of the dataset, in its order"
        findings.append(Finding(what, remedy, "possible: there are as many rows as faces; see below whether they fit"))
    predictions = np.full(faces.landmarks.shape, np.nan)
    for row, face in enumerate(faces.ids.tolist()):
        if face in row_of:
            predictions[row] = answers.points[row_of[face]]
    if not findings or not np.isfinite(predictions).any():
        raise refused
    return Read(predictions, faces, tuple(notes), tuple(findings))


def _answers(
    path: str | Path, protocol: Protocol, most: int, refused: PredictionsError
) -> tuple[Answers, list[Finding]]:
    """Return the content of a file in the protocol's scheme, if need be from another, and what was found."""
    own = get_scheme(protocol.scheme).n_points
    numbers = {name: get_scheme(name).n_points for name in list_schemes()}
    for n_points in [own, *sorted(set(numbers.values()) - {own}, reverse=True)]:
        try:
            answers = read_answers(path, n_points, protocol.dataset, most)
        except FldbenchError:
            continue
        if n_points == own:
            return answers, []
        schemes = [name for name, number in numbers.items() if number == n_points]
        for name in schemes:
            try:
                points = map_landmarks(answers.points, name, protocol.scheme)
            except FldbenchError:
                continue
            what = f"to be {n_points} points, as {name} has, where {protocol.scheme} has {own}"
            remedy = f"fldbench.schemes.map_landmarks(points, {name!r}, {protocol.scheme!r})"
            sure = "certain: by their number; what an exact answer loses by the conversion is not measured"
            return answers._replace(points=points), [Finding(what, remedy, sure)]
        where = f"it has {n_points} points, as {listed(schemes, SHOWN)}"
        raise PredictionsError(
            f"{where}; must be {own} of {protocol.scheme}, and no map leads there", path
        ) from refused
    raise refused


def _in_order(ids: list[str], faces: FaceSet, loaded: FaceSet, refused: PredictionsError) -> dict[str, int]:
    """Return face -> row by the dataset's order; raise what was refused if the numbers of rows and faces differ."""
    for one in (faces, loaded):
        if len(one) == len(ids):
            return {face: row for row, face in enumerate(one.ids.tolist())}
    raise PredictionsError(f"{refused}; it has {len(ids)} rows, and {len(faces)} faces are measured") from refused
