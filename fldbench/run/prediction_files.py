"""Predictions of other programs: match a file to a protocol's faces, score it, keep a record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from fldbench.attribute_metrics import Answered
from fldbench.blocks import blocks
from fldbench.dataset import Roots, load_dataset, make_dataset
from fldbench.errors import DatasetNotFoundError, FldbenchError, PredictionsError, must_be
from fldbench.faces import FaceSet
from fldbench.files import listed
from fldbench.protocols import Protocol, Score, get_protocol
from fldbench.protocols.boxes import box_source
from fldbench.records.keys import key_of
from fldbench.records.machine import machine_facts
from fldbench.records.record import NOT_STATED, OUTSIDE, UNKNOWN, MethodFacts, Metrics, Record, TrainFacts
from fldbench.run.facts import facts_of_test
from fldbench.run.overlaps import dataset_and_split, seen
from fldbench.run.prediction_attributes import of_faces
from fldbench.run.prediction_formats import read_answers
from fldbench.run.prediction_ids import matched
from fldbench.run.slices import slice_evidence
from fldbench.run.timing import now
from fldbench.schemes import get_scheme

LONGEST_BOXES = 60  # letters of stated boxes
SOURCES = ("tight", "official", "jittered", "detected", "truth-tight", "truth-jittered")
MISSPELT = 0.75  # least similarity to one of them, by difflib
SENTINELS = (0.0, -1.0)  # both coordinates of a missing point, as many programs write it


@dataclass(frozen=True)
class Outside:
    """Predictions of a file, matched and scored.

    Attributes
    ----------
    faces : FaceSet
        The protocol's test faces.
    predictions : ndarray of float32 or float64, (n, L, 2)
        In px and in the order of the faces; a NaN row if the file has none.
    attributes : dict of str to Answered
        Attribute -> the answers for the same faces; without classes if the faces do not have it.
    score : Score
        What the protocol measured.
    absent : tuple of str
        Ids of the protocol that the file does not have; they count as missed.
    elsewhere : int
        Number of predictions in the file for other faces of the same split.
    boxes : str
        The boxes that they were made with, as somebody states: tight, jittered:S, official, other words, or not stated.
    trained_on : tuple of str
        The splits that the method was trained on, as somebody states; empty if nobody does.
    overlap : str
        What these splits share with the test faces, in words; empty if nothing.
    notes : tuple of str
        What the user should know, one line each.
    """

    faces: FaceSet
    predictions: np.ndarray
    attributes: dict[str, Answered]
    score: Score
    absent: tuple[str, ...]
    elsewhere: int
    boxes: str = NOT_STATED
    trained_on: tuple[str, ...] = ()
    overlap: str = ""
    notes: tuple[str, ...] = ()


def evaluate_file(
    path: str | Path,
    protocol: str | Protocol,
    data: Roots = None,
    boxes: str | None = None,
    trained_on: Sequence[str] = (),
    allow_overlap: bool = False,
) -> Outside:
    """Score a prediction file under a protocol.

    Parameters
    ----------
    path : str or Path
        A .csv, .json or .npz file, or one in the dataset's own submission format: see
        `fldbench.run.prediction_formats.read_answers`. Ids may have the ending of an image, or more or fewer folders
        than the dataset's, if each still means one face.
    protocol : str or Protocol
        The rules.
    data : str, Path or dict, optional
        The data root, or roots by the names of datasets: see `load_dataset`.
    boxes : str, optional
        The boxes that the predictions were made with: tight, jittered:S, official, or other words. Default what an .npz
        file says as `boxes`, else "not stated".
    trained_on : sequence of str
        The splits that the method was trained on, such as 300w-train; other names are kept, and compared with nothing.
    allow_overlap : bool
        Score although these splits share faces, persons or clips with the test faces; the result is marked.

    Raises
    ------
    PredictionsError
        For a file that cannot be read, is empty or has a wrong width; for an id that is given twice, that the dataset
        does not know, or that could mean several faces; for a split that a dataset does not have; and for training
        faces among the test faces, unless that is allowed.
    DatasetNotFoundError
        For the data root.
    """
    protocol = get_protocol(protocol)
    loaded = faces_to_score(protocol, data)
    n_points, most = get_scheme(protocol.scheme).n_points, max(len(loaded), 1)
    ids, points, told, answered = read_answers(path, n_points, protocol.dataset, most, loaded.attributes)
    row_of, notes = matched(ids, loaded, path)
    faces = protocol.select(loaded)
    if faces.name not in ("", protocol.dataset):
        notes.append(f"scored on the labels of {faces.name}, as faces of the dataset are absent")
    rows = np.array([row_of.get(face, -1) for face in faces.ids.tolist()], int)
    predictions = _in_rows(points, rows)
    absent = tuple(faces.ids[rows < 0].tolist())
    elsewhere = len(ids) - (len(faces) - len(absent))
    if len(faces) and len(absent) == len(faces):
        raise PredictionsError(f"none of its {len(ids)} faces is one of {protocol.name}; give the file for them", path)
    if absent:
        notes.append(f"{len(absent)} of {len(faces)} faces have no prediction and count as missed: {listed(absent)}")
    if elsewhere:
        notes.append(f"{elsewhere} predictions are for faces outside {protocol.name} and were not used")
    attributes = of_faces(answered, rows, faces.attribute_types)
    score = protocol.score(predictions, faces, attributes)
    notes += [f"{name} is not measured: {why}" for name, why in score.attributes.facts.left_out.items()]
    notes += _doubts(predictions, score)
    overlap, more = _shared(trained_on, protocol, faces, data)
    if overlap and not allow_overlap:
        raise PredictionsError(
            f"{protocol.name} measures faces that its method was trained on ({overlap}); choose another protocol, or "
            "allow it (--allow-overlap), which marks the result and never ranks it",
            path,
        )
    return Outside(
        faces=faces,
        predictions=predictions,
        attributes=attributes,
        score=score,
        absent=absent,
        elsewhere=elsewhere,
        boxes=stated_boxes(told if boxes is None else boxes, path),
        trained_on=tuple(trained_on),
        overlap=overlap,
        notes=(*notes, *more),
    )


def _in_rows(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return points in these rows, NaN for the row -1; the points themselves if they are in order.

    >>> _in_rows(np.ones((1, 1, 2)), np.array([-1, 0])).tolist()
    [[[nan, nan]], [[1.0, 1.0]]]
    """
    if np.array_equal(rows, np.arange(len(points))):
        return points
    found = np.take(points, rows, axis=0, mode="clip")
    found[rows < 0] = np.nan
    return found


def _doubts(predictions: np.ndarray, score: Score) -> list[str]:
    """Return notes about answers that may not mean what they are scored as."""
    n, points = predictions.shape[:2]
    some, marked, lacking = np.zeros(n, bool), np.zeros(n, bool), np.zeros(points, int)
    for rows in blocks(n):
        part = predictions[rows]
        there = np.isfinite(part).all(axis=2)
        some[rows] = there.any(axis=1)
        lacking += (~there[np.isnan(score.errors[rows]) & some[rows]]).sum(axis=0)
        marked[rows] = (np.isin(part, SENTINELS) & (part == part[..., :1])).all(axis=2).any(axis=1)
    if not some.any():
        return ["no face has a single point: every prediction is empty or NaN"]
    notes = []
    half = int((np.isnan(score.errors) & some).sum())
    if half:
        most = f"point {lacking.argmax()} in {lacking.max()} of them"
        notes.append(f"{half} faces lack some points ({most}) and count as missed; give all points of a face")
    if marked.any():
        notes.append(
            f"{marked.sum()} faces have points at exactly (0, 0) or (-1, -1), scored as they are; if they mean that "
            "nothing was found, write nan or an empty cell"
        )
    return notes


def stated_boxes(text: str, where: object) -> str:
    """Return the canonical name of stated boxes: a box source, other words, or "not stated" for none.

    Raises
    ------
    PredictionsError
        For words that do not fit on one line of a caption, a jitter that is none, and a misspelt source.

    >>> [stated_boxes(text, "mine.csv") for text in ("", "Truth-tight", "jittered:.1", " MTCNN of 2016 ")]
    ['not stated', 'tight', 'jittered:0.10', 'MTCNN of 2016']
    """
    text = text.strip()
    if not text:
        return NOT_STATED
    kind = text.partition(":")[0].casefold()
    if kind in SOURCES:
        try:
            return box_source(text.casefold(), str(where))
        except FldbenchError as error:
            raise PredictionsError(str(error)) from error
    meant = get_close_matches(kind, SOURCES, 1, MISSPELT)
    if meant:
        raise PredictionsError(
            must_be(where, "boxes", text, f"{meant[0]}, or other words that are not nearly the same")
        )
    if len(text) > LONGEST_BOXES or not text.isprintable():
        allowed = f"tight, jittered:S, official, or other words of up to {LONGEST_BOXES} letters in one line"
        raise PredictionsError(must_be(where, "boxes", text, allowed))
    return text


def _shared(labels: Iterable[str], protocol: Protocol, faces: FaceSet, data: Roots) -> tuple[str, list[str]]:
    """Return what the splits share with the test faces, and notes about those that cannot be compared."""
    notes = []
    for label in labels:
        dataset, split = dataset_and_split(label)
        if dataset is None:
            notes.append(f"{label!r} is no split of a dataset that fldbench knows: its faces are not compared")
        elif split is not None and split not in make_dataset(dataset).splits:
            allowed = f"{dataset}-SPLIT with one of {', '.join(make_dataset(dataset).splits)}"
            raise PredictionsError(must_be("evaluate", "the split of the training faces", label, allowed))

    def load(dataset: str, split: str) -> FaceSet:
        try:
            return load_dataset(dataset, data, split)
        except DatasetNotFoundError:
            notes.append(f"{dataset}-{split} is not below the data root: its faces are not compared")
            raise

    return seen(labels, protocol, faces, load), notes


def faces_to_score(protocol: Protocol, data: Roots) -> FaceSet:
    """Return the split of a protocol; scoring needs no images, so labels alone suffice if faces are absent."""
    options = dict(protocol.options)
    loaded = load_dataset(protocol.dataset, data, protocol.split, **options)
    labels = make_dataset(protocol.dataset, **options).labels
    if labels and not protocol.is_complete(protocol.select(loaded)):
        with suppress(DatasetNotFoundError):
            other = load_dataset(labels, data, protocol.split)
            if protocol.is_complete(protocol.select(other)):
                return other
    return loaded


def record_of(outside: Outside, label: str, protocol: str | Protocol) -> tuple[Record, dict[str, np.ndarray]]:
    """Return the record and the arrays of outside predictions; what they were trained on is what somebody states."""
    protocol, faces, score = get_protocol(protocol), outside.faces, outside.score
    total = hashlib.sha256()
    for rows in blocks(len(faces)):
        total.update(np.ascontiguousarray(outside.predictions[rows], float).data)
    for name, (classes, probabilities) in sorted(outside.attributes.items()):
        total.update(json.dumps([name, classes]).encode())
        total.update(np.ascontiguousarray(probabilities).tobytes())
    content = total.hexdigest()
    told = {"boxes": outside.boxes, "trained_on": outside.trained_on}
    stated = [] if told == {"boxes": NOT_STATED, "trained_on": ()} else [told]
    train = f"{' + '.join(outside.trained_on)} (stated)" if outside.trained_on else UNKNOWN
    test = facts_of_test(protocol, faces, score, [], faces.fingerprint)
    record = Record(
        key=key_of([label, protocol.hash, faces.fingerprint, content, *stated]),
        status="ok",
        method=MethodFacts(name=OUTSIDE, label=label, files={"predictions": content}),
        train=TrainFacts(label=train, overlap=outside.overlap),
        protocol=protocol,
        test=replace(test, absent=len(outside.absent), boxes=outside.boxes),
        metrics=Metrics(score.values),
        attributes=score.attributes.facts,
        machine=machine_facts(),
        started=now(),
        ended=now(),
    )
    arrays = {"ids": faces.ids, "predictions": outside.predictions} | score.evidence | slice_evidence(faces)
    return replace(record, kept=lambda names: {name: arrays[name] for name in names if name in arrays}), arrays


def read_predictions(path: str | Path, n_points: int, dataset: str) -> tuple[list[str], np.ndarray]:
    """Return ids and landmarks (n, n_points, 2), zero-based px, NaN where not found: see `read_answers`.

    Raises
    ------
    PredictionsError
        With file and line.
    """
    found = read_answers(path, n_points, dataset)
    return found.ids, found.points
