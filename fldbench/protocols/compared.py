"""What a protocol compares: truth and answers after its rules, and the lengths that divide their errors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fldbench import metrics
from fldbench.faces import FaceSet
from fldbench.geometry import box_size


@dataclass(frozen=True)
class Compared:
    """Truth and answers as they are compared.

    Attributes
    ----------
    truth, answers : ndarray of float, (n, L, 2)
        In px, or as shares of the box; NaN where not annotated, or missed.
    counted : ndarray of bool, (n, L)
        The points that count.
    distance : ndarray of float, (n,)
        What the errors are divided by, in the same unit.
    points : tuple of int or None
        The chosen points; None for all.
    diluted : bool
        Divide the sum of the errors by the number of all chosen points.
    """

    truth: np.ndarray
    answers: np.ndarray
    counted: np.ndarray
    distance: np.ndarray
    points: tuple[int, ...] | None = None
    diluted: bool = False

    def errors(self) -> np.ndarray:
        """Return the error of each face as a fraction, (n,); NaN for a missed face."""
        errors = metrics.face_errors(self.answers, self.truth, self.distance, self.points, self.counted)
        return errors * (self.counted.sum(axis=1) / self._chosen) if self.diluted else errors

    def point_errors(self) -> np.ndarray:
        """Return the error of each point as a fraction, (n, L); NaN where it does not count, and for a missed face."""
        missed = np.isnan(self.errors())
        with np.errstate(over="ignore", invalid="ignore"):
            errors = metrics.point_errors(self.answers, self.truth) / self.distance[:, None]
        return np.where(self.counted & ~missed[:, None], errors, np.nan)

    @property
    def _chosen(self) -> int:
        return self.truth.shape[1] if self.points is None else len(self.points)


def whole_pixels(points: np.ndarray, cut: bool, rounded: bool) -> np.ndarray:
    """Return points cut to whole pixels, towards zero, or rounded to the nearest, halves up; else as they are.

    dlib rounds so, `floor(x + 0.5)`, and `astype(int)` cuts.

    >>> points = np.array([-1.5, 2.5])
    >>> whole_pixels(points, True, False).tolist(), whole_pixels(points, False, True).tolist()
    ([-1.0, 2.0], [-1.0, 3.0])
    """
    points = np.trunc(points) if cut else points
    return np.floor(points + 0.5) if rounded else points


def in_unit_boxes(faces: FaceSet, truth: np.ndarray, answers: np.ndarray) -> tuple[FaceSet, np.ndarray, np.ndarray]:
    """Return faces, truth and answers with x divided by the width of the face's box, and y by its height."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a box without a size gives no distance, which is refused
        size = box_size(faces.boxes).reshape(-1, 1, 2)
        size = np.where(size > 0, size, np.nan)
        boxes = (faces.boxes.reshape(-1, 2, 2) / size).reshape(-1, 4)
    stretched = replace(faces, landmarks=faces.landmarks / size, boxes=boxes)
    return stretched, truth / size, answers / size
