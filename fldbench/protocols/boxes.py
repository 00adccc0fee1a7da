"""The box of each face that a method gets: the true points' tight box, that box jittered, or that of a detector or of
the dataset.
"""

from __future__ import annotations

import re

import numpy as np

from fldbench.blocks import blocks, let_go
from fldbench.detector import DEFAULT, check_detector_name
from fldbench.errors import DataError, ProtocolError, must_be
from fldbench.faces import FaceSet
from fldbench.faces.draws import rng_of
from fldbench.files import listed
from fldbench.geometry import jitter_box, tight_box
from fldbench.protocols.detected import SAME_FACE, detected_boxes
from fldbench.protocols.names import decimals, number

BOX_SOURCES = ("tight", "jittered:S", "detected:NAME", "official")
DETECTED = "detected"
DEFAULT_JITTER = 0.05
LARGEST_JITTER = 0.5
SEED = "0"
_NAME = re.compile(r"[^\s,@:=]+")  # of a detector, in the name of a protocol
OLD_NAMES = {"truth-tight": "tight", "truth-jittered": "jittered"}  # of the first version


def box_source(text: str, where: str) -> str:
    """Return the canonical name of a box source: tight, jittered:S with two decimals or more, detected:NAME, official.

    `jittered` alone is `jittered:0.05`, and `detected` alone `detected:dlib-hog`; `truth-tight` and `truth-jittered`
    are the names of the first version. Whether a detector is registered is not asked, so that a record can be read
    without it. Raises ProtocolError, which begins with `where`, for anything else.

    >>> [box_source(text, "p") for text in ("jittered", "jittered:.1", "truth-tight", "detected")]
    ['jittered:0.05', 'jittered:0.10', 'tight', 'detected:dlib-hog']
    """
    kind, colon, size = OLD_NAMES.get(str(text), str(text)).partition(":")
    if kind in ("tight", "official") and not colon:
        return kind
    if kind == "jittered":
        spread = number(size) if colon else DEFAULT_JITTER
        if 0 < spread <= LARGEST_JITTER:
            return f"jittered:{decimals(spread)}"
    if kind == DETECTED and (not colon or _NAME.fullmatch(size)):
        return f"{DETECTED}:{size or DEFAULT}"
    allowed = f"tight, official, detected:NAME, or jittered:S with S above 0 up to {LARGEST_JITTER}"
    raise ProtocolError(must_be(where, "boxes", text, allowed))


def is_detected(source: str) -> bool:
    """Return whether boxes of this canonical source are those of a face detector; then some faces may have none."""
    return source.startswith(f"{DETECTED}:")


def knows_truth(source: str) -> bool:
    """Return whether boxes of this canonical source are made from the true points."""
    return source != "official" and not is_detected(source)


def in_words(source: str, official: str = "") -> str:
    """Return a canonical source and what it means; `official` says what the dataset's own boxes are.

    >>> in_words("tight")
    'tight (made from the truth)'
    """
    what = "made from the truth" if knows_truth(source) else official or "the dataset's own"
    if is_detected(source):
        what = f"by a face detector: the one that overlaps the true face most, an IoU of {SAME_FACE} or more, or none"
    return f"{source} ({what})"


def clipped(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the points (n, L, 2) clipped to their boxes (n, 4); those of a face without a box as they are."""
    inside = np.clip(points, boxes[:, None, :2], boxes[:, None, 2:])
    return np.where(np.isfinite(boxes).all(axis=1)[:, None, None], inside, points)


def check_source(source: str) -> None:
    """Raise UnknownNameError for the boxes of a detector that nobody registered."""
    if is_detected(source):
        check_detector_name(source.partition(":")[2])


def boxes_from(faces: FaceSet, source: str) -> FaceSet:
    """Return the faces with the boxes of a source.

    Parameters
    ----------
    faces : FaceSet
        As the dataset's reader returned them.
    source : str
        tight : the smallest box around the true points;
        jittered:S : that box shifted by N(0, S) of its width and height and scaled by N(1, S), drawn from the face's
        id alone, so that the box of a face does not depend on the other faces;
        detected:NAME : the box that a face detector draws around the face; a row of NaN for a face that it does not
        find, which every method misses: see `fldbench.protocols.detected`;
        official : the dataset's own box, which the reader gave; `box_source` of the result says if there was none.

    Raises
    ------
    ProtocolError
        For an unknown source.
    UnknownNameError, MissingDependencyError, MethodError
        For a detector that is not registered, or lacks its package or its file.
    DataError
        For faces without any landmark, unless their boxes are the dataset's own.
    """
    source = box_source(source, "boxes_from")
    kind, _, spread = source.partition(":")
    if kind == "official":
        return faces
    boxes, annotated = np.empty((len(faces), 4)), np.empty(len(faces), bool)
    for rows in blocks(len(faces)):
        points = faces.landmarks[rows]
        annotated[rows] = np.isfinite(points).all(axis=-1).any(axis=-1)
        if annotated[rows].all():
            boxes[rows] = tight_box(points)
        let_go(points)
    if not annotated.all():
        bare = faces.ids[~annotated].tolist()
        raise DataError(
            f"{faces.label}: faces without any landmark have no tight box: {listed(bare)}; take the dataset's own "
            "boxes (official), or leave these faces out"
        )
    if kind == DETECTED:
        return faces.with_boxes(detected_boxes(faces, spread), source)
    if kind == "jittered":
        jittered = [
            jitter_box(box, rng_of(SEED, face), float(spread), float(spread))
            for face, box in zip(faces.ids, boxes, strict=True)
        ]
        boxes = np.reshape(jittered, (-1, 4))
    return faces.with_boxes(boxes, source)
