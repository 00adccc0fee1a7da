"""The facts in a record about the faces behind its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fldbench.faces import FaceSet
from fldbench.geometry import box_iou, tight_box
from fldbench.method import Method
from fldbench.protocols import Protocol, Score, ids_hash
from fldbench.records.keys import Ingredients
from fldbench.records.record import MethodFacts, TestFacts, TrainFacts
from fldbench.run.data import LoadedFaces
from fldbench.run.folds import Partition
from fldbench.run.specs import MethodSpec, TrainSpec

REASONS_KEPT = 20


def facts_of_method(spec: MethodSpec, method: Method, made_of: Ingredients) -> MethodFacts:
    """Return the facts about a method before its fit."""
    return MethodFacts(
        name=spec.name,
        label=spec.label,
        params=method.get_params(),
        version=method.version,
        changes_nothing=method.changes_nothing,
        code=made_of.code,
        libraries=made_of.libraries,
        files=made_of.files,
    )


def facts_of_training(
    spec: TrainSpec, loaded: LoadedFaces, fingerprint: str, partition: Partition | None = None
) -> TrainFacts:
    """Return the facts about the faces that a method was trained on, or about its folds."""
    folds: dict[str, Any] = {"folds": spec.folds}
    if partition is not None:
        folds |= {"groups": partition.groups, "partition": partition.digest, "partition_seed": partition.seed}
    there = {} if loaded.faces is None else loaded.faces.parts
    return TrainFacts(
        label=spec.label,
        dataset=spec.dataset,
        split=spec.split,
        boxes=spec.boxes,
        faces=0 if loaded.faces is None else len(loaded.faces),
        n_expected=loaded.n_expected,
        parts={part: (found, expected) for part, (found, expected) in there.items()},
        left_out=len(loaded.problems),
        left_out_reasons=tuple(list(loaded.problems.values())[:REASONS_KEPT]),
        fingerprint=fingerprint,
        **folds,
    )


def facts_of_test(protocol: Protocol, faces: FaceSet, score: Score, left_out: list[str], fingerprint: str) -> TestFacts:
    """Return the facts about the faces that a method was measured on."""
    ids = ids_hash(faces)
    return TestFacts(
        n=len(faces),
        missed=score.missed,
        left_out=len(left_out),
        left_out_reasons=tuple(left_out[:REASONS_KEPT]),
        complete=protocol.is_complete(faces),
        ids_sha256=ids,
        fingerprint=fingerprint,
        parts={part: (found, expected) for part, (found, expected) in faces.parts.items()},
        box_iou=_median_iou(faces),
    )


def _median_iou(faces: FaceSet) -> float | None:
    """Return the median overlap of the boxes with the tight boxes of the true points; None without a finite one."""
    found = box_iou(faces.boxes, tight_box(faces.landmarks).reshape(-1, 4)) if len(faces) else np.empty(0)
    found = found[np.isfinite(found)]
    return round(float(np.median(found)), 4) if len(found) else None


def groups_of(faces: FaceSet) -> dict[str, np.ndarray]:
    """Return the groups of faces as numbers, to keep beside a record; nothing where each face is its own group."""
    _, which = np.unique(faces.groups, return_inverse=True)
    return {"groups": which.astype(np.int32)} if which.max(initial=-1) + 1 < len(faces) else {}
