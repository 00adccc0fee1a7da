"""Attributes that several datasets have, and the pose as it follows from the points of the eyes and the nose."""

from __future__ import annotations

import numpy as np

from fldbench.faces import Attribute
from fldbench.faces.attributes import UNKNOWN

GENDER = Attribute(("male", "female"))
# As MTFL has them: -60, -30, 0, 30 and 60 degrees. Left is image-left.
POSE = Attribute(("left profile", "left", "frontal", "right", "right profile"), mirrored=True, ordered=True)

# Half way between the mean turns of MTFL's training faces, whose five classes have -0.53, -0.31, -0.01, 0.26 and 0.46;
# the same on both sides, so that a mirrored face has the mirrored pose.
TURNS = (0.14, 0.39)


def pose_codes(left_eye: np.ndarray, right_eye: np.ndarray, nose: np.ndarray) -> np.ndarray:
    """Return the class of `POSE` that the points of each face suggest, (n,) int; -1 where one is not annotated.

    The turn of a face is how far the tip of the nose lies to the right of the middle of the eyes, along the line
    through them, in units of their distance. It is near 0 for a frontal face; the classes change at 0.14 and 0.39 to
    either side. Of MTFL's test faces 82 % get the class that people gave them, and nearly all others a neighbour of it.

    Parameters
    ----------
    left_eye, right_eye, nose : ndarray of shape (n, 2)
        The centres of the eyes, left is image-left, and the tip of the nose, px.

    >>> eyes = np.array([[10.0, 10.0]]), np.array([[30.0, 10.0]])
    >>> [int(pose_codes(*eyes, np.array([[x, 25.0]]))[0]) for x in (11, 17, 21, 23, 29, np.nan)]
    [0, 1, 2, 3, 4, -1]
    """
    across = right_eye - left_eye
    to_nose = nose - (left_eye + right_eye) / 2
    square = (across**2).sum(axis=1)
    turn = (to_nose * across).sum(axis=1) / np.where(square > 0, square, np.nan)
    size = np.abs(turn)
    steps = sum((size > bound).astype(int) for bound in TURNS)
    return np.where(np.isfinite(turn), POSE.classes.index("frontal") + np.sign(turn) * steps, UNKNOWN).astype(int)
