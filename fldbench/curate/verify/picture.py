"""picture: the points do not lie on the face in the picture, by a regressor that has not seen the face."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fldbench.curate.verify.finding import Finding, about, unchecked
from fldbench.curate.verify.picture_facts import PictureFacts
from fldbench.curate.verify.picture_fit import misfit
from fldbench.errors import DataError
from fldbench.faces import FaceSet
from fldbench.schemes import get_scheme

PICTURE = 1.45  # of the 95 % quantile of all faces


def check_points_on_pictures(
    faces: FaceSet, facts: PictureFacts, sound: np.ndarray, mean: np.ndarray
) -> Iterator[Finding]:
    """Yield the faces with points that do not lie on the face in the picture.

    Parameters
    ----------
    faces : FaceSet
    facts : PictureFacts
        Of these faces, with upright crops by the same mean shape.
    sound : ndarray
        (n,) bool, the faces to judge.
    mean : ndarray
        (L, 2), an upright shape.
    """
    if facts.absent:
        return
    scheme = get_scheme(faces.scheme)
    if scheme.shows_one_side:
        yield unchecked("points on pictures", f"the scheme {scheme.name} shows faces from both sides alike")
        return
    rows = np.setdiff1d(np.flatnonzero(sound), list(facts.problems))
    try:
        scores = misfit(facts.upright_crops[rows], faces.landmarks[rows], mean, faces.groups[rows])
    except DataError as error:
        yield unchecked("points on pictures", error)
        return
    for row, score in zip(rows, scores, strict=True):
        if score >= PICTURE:
            text = f"the points do not lie where the picture shows the face: {score:.1f} times the usual limit"
            yield about(faces, row, "picture", score / PICTURE, text)
