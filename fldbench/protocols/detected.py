"""Boxes of a face detector for the faces of a data set: which detection is whose face, and what is kept of them.

A detector says where faces are, not whose. As is usual in the field, a face counts as found if a detection overlaps it
enough, and the one that overlaps it most becomes its box; a face without one has no box, a row of NaN, and every method
misses it. So the truth chooses among the detections and does not move them. It means that faces found where there are
none cost nothing, and that the numbers are those of somebody who knows which of the found faces is meant.

Overlaps are measured between boxes of the whole face, so that the least overlap means the same for every scheme: the
smallest of any right pair is 0.46 (678 pairs of three detectors on 300-W's training faces). Each face is looked at
alone, so its box does not depend on the other faces.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from fldbench.detector import Detections, Detector, make_detector, whole_face
from fldbench.errors import DataError, StoreError
from fldbench.faces import FaceSet
from fldbench.faces.images import Images, is_content_digest
from fldbench.files import open_regular, parse_json, write_text
from fldbench.geometry import box_iou, tight_box
from fldbench.progress import say_progress
from fldbench.user_cache import make_room, user_cache

SAME_FACE = 0.4  # IoU from which a detection is that of a face
VERSION = 1  # of the files in the cache
REMEMBERED = 50_000  # images whose detections stay in memory

_remembered: dict[tuple[str, str], Detections] = {}


def detected_boxes(faces: FaceSet, name: str) -> np.ndarray:
    """Return the box of each face by a registered detector, (n, 4) px; a row of NaN for a face that it does not find.

    An image that cannot be read has no box either. Boxes are mapped to those that methods expect: the tight boxes of
    the landmarks of the faces' scheme.

    Raises
    ------
    UnknownNameError, MissingDependencyError, MethodError, DataError
        For a detector that is not registered, or lacks its package or its file.
    """
    detector = make_detector(name)
    identity = detector.identity
    boxes = np.full((len(faces), 4), np.nan)
    tight = tight_box(faces.landmarks).reshape(-1, 4)
    for row in range(len(faces)):
        found = _detections(detector, identity, faces.images, row)
        boxes[row] = chosen(detector, found.boxes, tight[row], faces.scheme)
        say_progress(f"looking for faces ({name})", row + 1, len(faces))
    return boxes


def chosen(detector: Detector, boxes: np.ndarray, tight: np.ndarray, scheme: str) -> np.ndarray:
    """Return the box of a face among a detector's, (4,) px, mapped to the tight box of a scheme; NaN if none is it.

    Parameters
    ----------
    detector : Detector
    boxes : ndarray of shape (n, 4)
        As `detect` returned them.
    tight : ndarray of shape (4,)
        The tight box of the true points.
    scheme : str
        Of these points.
    """
    if not len(boxes):
        return np.full(4, np.nan)
    overlap = box_iou(detector.tight_boxes(boxes), whole_face(tight[None], scheme))
    best = int(np.argmax(overlap))
    if not overlap[best] >= SAME_FACE:
        return np.full(4, np.nan)
    return detector.tight_boxes(boxes[best : best + 1], scheme)[0]


def _detections(detector: Detector, identity: str, images: Images, row: int) -> Detections:
    """Return what a detector finds in an image: remembered, from the cache, or found now and kept."""
    digest = images.digest_once(row)
    key = identity, hashlib.sha256(digest).hexdigest()
    if key in _remembered:
        return _remembered[key]
    path = user_cache("detections") / identity / key[1][:2] / f"{key[1]}.json"
    found = _read(path)
    if found is None:
        try:
            image = images[row]
        except DataError:  # `unreadable_images` says so
            return Detections(np.zeros((0, 4)), np.zeros(0))
        found = detector.detect(image)
        if is_content_digest(digest):
            content = {"version": VERSION, "boxes": found.boxes.tolist(), "scores": found.scores.tolist()}
            _make_room_once()
            with suppress(StoreError):  # a cache that cannot be written makes the next time slower, and nothing wrong
                write_text(path, json.dumps(content))
    if len(_remembered) < REMEMBERED:
        _remembered[key] = found
    return found


@cache
def _make_room_once() -> None:
    """Keep the cache within its bound, once in a process: its files are small, and there may be very many."""
    make_room("detections")


def _read(path: Path) -> Detections | None:
    """Return kept detections; None if there are none, or the file is damaged."""
    try:
        with open_regular(path) as file:
            kept = parse_json(file.read())
        boxes, scores = np.array(kept["boxes"], float).reshape(-1, 4), np.array(kept["scores"], float).reshape(-1)
        if kept["version"] != VERSION or len(boxes) != len(scores):
            return None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return Detections(boxes, scores)
