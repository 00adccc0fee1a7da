"""Named, versioned, hashed evaluation protocols: all that decides a number."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench import metrics, registry
from fldbench.errors import PredictionsError, ProtocolError, near_miss
from fldbench.faces import FaceSet
from fldbench.geometry import jitter_box, tight_box

METRICS_VERSION = 1  # raise it when a metric's definition changes
BOX_SOURCES = ("truth-tight", "truth-jittered", "official")
JITTER = {"shift": 0.05, "scale": 0.05, "seed": 0}  # of truth-jittered


@dataclass(frozen=True)
class Protocol:
    """All that decides a number.

    name               as it is asked for, such as `300w-helen`
    dataset, split, subset    the test faces; subset None is the whole split
    n_expected         how many faces the subset has when complete
    scheme             landmark scheme of truth and predictions
    normaliser         its name in the field: inter-ocular (outer eye corners) or inter-pupil (eye centres)
    normaliser_points  two groups of indices; the distance is that between their means
    box_source         truth-tight: tight box of the true points; truth-jittered: that box shifted by N(0, 5 %) of its
                       size and scaled by N(1, 5 %), seeded by the face's id; official: the dataset's own
    points             indices of the counted points, None for all
    thresholds         of the failure rates, fractions; AUC is taken at the first
    auc_rule, missed, selection    exact; failure; no test face picks anything
    union_of           subsets of the same split that have no face in common and together are this one
    ids_sha256         of the complete subset's sorted ids, None where they are not known
    """

    name: str
    dataset: str
    n_expected: int
    scheme: str
    normaliser: str
    normaliser_points: tuple[tuple[int, ...], tuple[int, ...]]
    split: str = "test"
    subset: str | None = None
    box_source: str = "truth-tight"
    points: tuple[int, ...] | None = None
    thresholds: tuple[float, ...] = (0.08, 0.10)
    auc_rule: str = "exact"
    missed: str = "failure"
    selection: str = "by a part of the training faces"
    ids_sha256: str | None = None
    union_of: tuple[str, ...] = ()
    version: int = 1

    def __post_init__(self):
        if self.box_source not in BOX_SOURCES:
            raise ProtocolError(
                f"protocol {self.name!r}: no box source {self.box_source!r}; {near_miss(self.box_source, BOX_SOURCES)}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Every field, with the constants behind them, as JSON values."""
        extra = {"metrics_version": METRICS_VERSION}
        if self.box_source == "truth-jittered":
            extra["box_jitter"] = JITTER
        return json.loads(json.dumps(dataclasses.asdict(self) | extra))

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON of all fields, 64 hex digits."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    @property
    def knows_truth(self) -> bool:
        """Whether the boxes are made from the true points."""
        return self.box_source.startswith("truth")

    def describe(self) -> str:
        """One line for captions."""
        where = f"{self.dataset} {self.split}" + (f", subset {self.subset}" if self.subset else "")
        first, second = (",".join(map(str, group)) for group in self.normaliser_points)
        return (
            f"{where}; {'all' if self.points is None else len(self.points)} points of {self.scheme}; "
            f"normalised by the {self.normaliser} distance (points {first} to {second}); boxes {self.box_source}"
            f"{' (made from the truth)' if self.knows_truth else ''}; AUC exact at {self.thresholds[0]:.0%}; "
            f"a missed face counts as a failure"
        )

    def select(self, faces: FaceSet) -> FaceSet:
        """The protocol's test faces, with its boxes, out of the loaded split."""
        chosen = faces if self.subset is None else faces.subset(self.subset)
        return boxes_from(chosen, self.box_source)

    def score(self, predictions: np.ndarray, faces: FaceSet) -> Score:
        """Measures predictions (n, L, 2) px, a missed face a NaN row, on n faces that `select` gave.

        Raises ProtocolError for another scheme, no faces or a normaliser that is not positive; PredictionsError for
        another shape.
        """
        if faces.scheme != self.scheme:
            raise ProtocolError(f"protocol {self.name!r} counts {self.scheme} points; these faces have {faces.scheme}")
        predictions = np.asarray(predictions, float)
        if predictions.shape != faces.landmarks.shape:
            raise PredictionsError(f"predictions have the shape {predictions.shape}; needed is {faces.landmarks.shape}")
        distance = metrics.centre_distance(faces.landmarks, *self.normaliser_points)
        metrics.check_normaliser(distance, faces.ids.tolist(), self.normaliser)
        errors = metrics.face_errors(predictions, faces.landmarks, distance, self.points)
        values = {"nme": 100 * metrics.nme(errors)}
        values |= {f"fr{t * 100:02.0f}": 100 * metrics.failure_rate(errors, t) for t in self.thresholds}
        t = self.thresholds[0]
        values[f"auc{t * 100:02.0f}"] = 100 * metrics.auc(errors, t)
        return Score(errors, len(errors), int(np.isnan(errors).sum()), values)


@dataclass(frozen=True)
class Score:
    """What a protocol measured: errors (n,) fractions of the normaliser, NaN where missed; n; missed;
    metrics nme, fr08, fr10, auc08 in percent."""

    errors: np.ndarray
    n: int
    missed: int
    metrics: dict[str, float]


def boxes_from(faces: FaceSet, source: str) -> FaceSet:
    """The faces with the boxes of a source (see Protocol); the jitter of a face depends on its id alone.

    Raises ProtocolError for an unknown source.
    """
    if source == "official":
        return faces
    if source not in BOX_SOURCES:
        raise ProtocolError(f"no box source {source!r}; {near_miss(source, BOX_SOURCES)}")
    boxes = tight_box(faces.landmarks).reshape(-1, 4)
    if source == "truth-jittered":
        boxes = [
            jitter_box(box, _face_rng(face), JITTER["shift"], JITTER["scale"])
            for face, box in zip(faces.ids, boxes, strict=True)
        ]
    return faces.with_boxes(np.reshape(boxes, (-1, 4)))


def ids_hash(faces: FaceSet) -> str:
    """SHA-256 of the sorted ids, one a line: which faces a number was measured on."""
    return hashlib.sha256("\n".join(sorted(faces.ids.tolist())).encode()).hexdigest()


def evaluate(predictions: np.ndarray, faces: FaceSet, protocol: str | Protocol) -> Score:
    """Measures predictions (n, L, 2) px for n faces under a protocol, given by name or as an object.

    `faces` are the protocol's own test faces (`protocol.select(load_dataset(...))`); nothing is left out here.
    """
    return get_protocol(protocol).score(predictions, faces)


def get_protocol(name: str | Protocol) -> Protocol:
    """A registered protocol; a Protocol is returned as it is. Raises UnknownNameError."""
    return name if isinstance(name, Protocol) else registry.resolve("protocol", name)


def register_protocol(protocol: Protocol) -> Protocol:
    """Adds a protocol under its name; a known name is replaced."""
    return registry.register("protocol", protocol.name, protocol)


def list_protocols() -> list[str]:
    """Names of the registered protocols."""
    return registry.names("protocol")


def _face_rng(face_id: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{JITTER['seed']}:{face_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


_EYES_68 = {
    "": ("inter-ocular", ((36,), (45,))),
    "-interpupil": ("inter-pupil", (tuple(range(36, 42)), tuple(range(42, 48)))),
}


def _add(
    name: str, box_sources: dict[str, str], scheme: str = "ibug-68", eyes_of: dict[str, tuple] = _EYES_68, **fields: Any
) -> None:
    """Registers a protocol under every normaliser and box source: name + normaliser's suffix + box source's suffix."""
    for eyes, (normaliser, points) in eyes_of.items():
        for suffix, source in box_sources.items():
            register_protocol(
                Protocol(
                    name=name + eyes + suffix,
                    normaliser=normaliser,
                    normaliser_points=points,
                    box_source=source,
                    scheme=scheme,
                    **fields,
                )
            )


_TRUTH_BOXES = {"": "truth-tight", "-jittered": "truth-jittered"}
_HELEN_IDS = "979f97e93f2b993b90845e1bb9e33b8a7cff449fa18dbbe3d08f4e564d6d47b5"
_COFW_IDS = "385c4d9eb89e7c086bd308a852e1467cb00c03c52af349639dec4eaf9e62adcf"
_YOUTUBE_IDS = "604b7903c3435300a5a903d30321d503e90f25f6efdca33b983f2e6a800b6fe6"
_IMM_IDS = "62b9b883bd7964d8e13a6786529f75dae8310fec989e14bc564a6bf133f095e4"
_add("300w-helen", _TRUTH_BOXES, dataset="300w", subset="helen-test", n_expected=330, ids_sha256=_HELEN_IDS)
_add("300w-lfpw", _TRUTH_BOXES, dataset="300w", subset="lfpw-test", n_expected=224)
_add("300w-common", _TRUTH_BOXES, dataset="300w", subset="common", n_expected=554, union_of=("helen-test", "lfpw-test"))
_add("300w-challenging", _TRUTH_BOXES, dataset="300w", subset="challenging", n_expected=135)
_add("300w-full", _TRUTH_BOXES, dataset="300w", subset="full", n_expected=689, union_of=("common", "challenging"))
_add("cofw68", {"": "official"}, dataset="cofw68", n_expected=507, ids_sha256=_COFW_IDS)
_add("mtfl-test", _TRUTH_BOXES, "mtfl-5", {"": ("inter-pupil", ((0,), (1,)))}, dataset="mtfl", n_expected=2995)
_add("youtube-faces-test", _TRUTH_BOXES, dataset="youtube-faces", n_expected=770)
_YOUTUBE = {"dataset": "youtube-faces", "split": "test-disjoint", "n_expected": 660, "ids_sha256": _YOUTUBE_IDS}
_add("youtube-faces-disjoint", _TRUTH_BOXES, **_YOUTUBE)
_IMM = {"dataset": "imm-frontal", "split": "all", "n_expected": 120, "ids_sha256": _IMM_IDS}
_add("imm-frontal", _TRUTH_BOXES, "imm-frontal-73", {"": ("inter-ocular", ((16,), (24,)))}, **_IMM)
_add("synthetic-test", _TRUTH_BOXES, dataset="synthetic", n_expected=400)
