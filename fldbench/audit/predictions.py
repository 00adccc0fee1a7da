"""Systematic errors of predictions: one mistake of a file that would explain most of what a protocol measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fldbench.audit.hypotheses import MUCH, SHIFTS, alternatives, pair, small_shift
from fldbench.errors import FldbenchError
from fldbench.faces import FaceSet
from fldbench.protocols import Protocol


@dataclass(frozen=True)
class Explanation:
    """A mistake that would explain most of the errors, or a small one that is certain.

    Attributes
    ----------
    what : str
        What the points look like.
    remedy : str
        What would mend them.
    before, after : float
        The NME as it is, and after the remedy, in percent.
    """

    what: str
    remedy: str
    before: float
    after: float

    def __str__(self) -> str:
        """Return it in one line, such as `your points look 1-based: moving them by (-1, -1) px lowers the NME ...`."""
        return (
            f"your points look {self.what}: {self.remedy} lowers the NME from {self.before:.2f} to {self.after:.2f} %"
        )


def explain(predictions: np.ndarray, faces: FaceSet, protocol: Protocol) -> Explanation | None:
    """Return the one mistake that explains the errors of predictions best, or None, as for every honest method.

    Tried are other orders of coordinates, points and faces, a common shift, a scale, mirrored and turned images, and a
    shift and a scale of each face, as in a crop; they must leave less than half or a fourth of the median error. Shifts
    by a pixel or half of one are reported if they are that exactly, in small and in large faces, and at nearly all
    points. The predictions are not changed.

    Parameters
    ----------
    predictions : ndarray of float, (n, L, 2)
        Px, as the protocol scored them; NaN where a face was missed.
    faces : FaceSet
        The n faces that the protocol selected.
    protocol : Protocol
        It measures before and after.
    """
    found = np.isfinite(predictions).all(axis=(1, 2)) & np.isfinite(faces.landmarks).all(axis=2).any(axis=1)
    if not found.any():
        return None
    before = median_and_nme(predictions, faces, protocol)
    if before is None:
        return None
    best: tuple[float, int, Explanation] | None = None
    for one in alternatives(predictions, faces, found):
        after = median_and_nme(one.mended, faces, protocol)
        if after is None or not after[0] < one.most * before[0]:
            continue
        if best is None or after[0] < (1 if one.fitted == best[1] else MUCH) * best[0]:
            best = after[0], one.fitted, Explanation(one.what, one.remedy, before[1], after[1])
    if best is not None:
        return best[2]
    shift = small_shift(predictions[found], faces.landmarks[found])
    if shift is None:
        return None
    after = median_and_nme(predictions + shift, faces, protocol)
    if after is None or not after[1] < before[1]:
        return None
    return Explanation(SHIFTS[shift][0], f"moving them by {pair(shift)} px", before[1], after[1])


def median_and_nme(predictions: np.ndarray, faces: FaceSet, protocol: Protocol) -> tuple[float, float] | None:
    """Return the median error of the found faces as a fraction, and the NME in percent; None where nothing is found."""
    try:
        score = protocol.score(predictions, faces)
    except FldbenchError:
        return None
    errors = score.errors[np.isfinite(score.errors)]
    return (float(np.median(errors)), score.metrics["nme"]) if errors.size else None
