"""Marks of missing points: coordinates such as -1, -1 that stand for no point, and words in tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fldbench.errors import DataError

EMPTY = ("", "nan", "na", "n/a", "none", "null")  # words for no number
FLAGS = {
    **dict.fromkeys(("1", "true", "yes", "visible", ""), True),
    **dict.fromkeys(("0", "false", "no", "hidden", "occluded", "invisible"), False),
}
LARGE = 9999.0  # px; from here on, equal coordinates of several points are no place in a photo


def without_marks(landmarks: np.ndarray, missing: float | None, file: Path) -> np.ndarray:
    """Return landmarks (n, L, 2) px with NaN where both coordinates are the mark of a missing point.

    Parameters
    ----------
    landmarks : (n, L, 2) array
    missing : float or None
        The mark; None: there is none.
    file : Path
        For messages.

    Raises
    ------
    DataError
        Where no mark is given and several points have the same impossible place.

    >>> points = np.array([[[3.0, 4.0], [-1.0, -1.0]], [[-1.0, -1.0], [5.0, 6.0]]])
    >>> without_marks(points, -1, Path("a.csv"))[0].tolist()
    [[3.0, 4.0], [nan, nan]]
    """
    if missing is not None:
        return np.where((landmarks == missing).all(axis=2, keepdims=True), np.nan, landmarks)
    x, y = landmarks[..., 0], landmarks[..., 1]
    odd = (x == y) & ((x <= 0) | (x >= LARGE))
    values, counts = np.unique(x[odd], return_counts=True)
    if counts.max(initial=0) < 2:
        return landmarks
    value = values[counts.argmax()]
    faces = int((odd & (x == value)).any(axis=1).sum())
    raise DataError(
        f"{counts.max()} points of {faces} face{'s' if faces > 1 else ''} are at ({value:g}, {value:g}), which looks "
        f"like a mark of missing points; give the option missing={value:g}, or correct them",
        file,
    )
