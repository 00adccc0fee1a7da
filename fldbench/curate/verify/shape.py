"""shape: a part does not fit the rest of the face, by a shape model that has not seen the face."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fldbench.curate.verify.finding import Finding, about, unchecked
from fldbench.curate.verify.shape_model import implausibility
from fldbench.curate.verify.sides import one_sided, upright_face
from fldbench.errors import DataError
from fldbench.faces import FaceSet
from fldbench.schemes import get_scheme

SHAPE = 2.3  # of the 95 % quantile of all faces


def score_shapes(faces: FaceSet, sound: np.ndarray) -> Iterator[Finding]:
    """Yield a finding for every face that can be judged, with any score; sound (n,) bool are the faces to judge."""
    scheme, rows = get_scheme(faces.scheme), np.flatnonzero(sound)
    names, parts = list(scheme.regions), list(scheme.regions.values())
    if len(parts) == 1:  # a part is judged by the others
        names, parts = [f"point {i}" for i in range(scheme.n_points)], [(i,) for i in range(scheme.n_points)]
    landmarks = one_sided(faces.landmarks[rows], scheme)
    try:
        scores, worst = implausibility(landmarks, upright_face(landmarks, scheme), parts, faces.groups[rows])
    except DataError as error:
        yield unchecked("shapes", error)
        return
    for row, score, k in zip(rows, scores, worst, strict=True):
        if k >= 0:
            text = f"{names[k]} does not fit the rest of the face: {score:.1f} times the usual limit"
            yield about(faces, row, "shape", score / SHAPE, text)


def check_shapes(faces: FaceSet, sound: np.ndarray) -> Iterator[Finding]:
    """Yield the faces with an implausible shape."""
    return (one for one in score_shapes(faces, sound) if one.score >= 1 or not one.id)
