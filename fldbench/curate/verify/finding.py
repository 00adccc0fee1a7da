"""A finding: what one check of `verify` says about one face, or about the whole set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fldbench.faces import FaceSet

KINDS = (
    "fault",
    "count",
    "unchecked",
    "orientation",
    "image",
    "points",
    "mirrored",
    "eyes",
    "box",
    "duplicate",
    "group",
    "shape",
    "picture",
)


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes
    ----------
    kind : str
        One of KINDS.
    id : str
        The face; "" when the finding is about the whole set.
    score : float
        In units of the check's limit: 1 or more, the larger the worse; 0 when the finding is about the whole set.
    message : str
        What was found, in words.
    """

    kind: str
    id: str
    score: float
    message: str


def about(faces: FaceSet, row: int | np.integer, kind: str, score: float, message: str) -> Finding:
    """Return a finding about one face of a set."""
    return Finding(kind, str(faces.ids[row]), float(score), message)


def unchecked(what: str, why: object) -> Finding:
    """Return the finding that a check could not be made."""
    return Finding("unchecked", "", 0.0, f"{what}: not checked, because {why}")
