"""What a protocol compares: truth and answers after its rules, and the lengths that divide their errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fldbench import metrics
from fldbench.blocks import blocks, let_go
from fldbench.errors import ProtocolError
from fldbench.faces import FaceSet
from fldbench.files import listed
from fldbench.geometry import box_size
from fldbench.protocols.boxes import clipped
from fldbench.protocols.normalisers import Groups, lengths
from fldbench.protocols.shift import face_shifts, middle


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
        errors = metrics.errors_of_counted(self.answers, self.truth, self.distance, self.counted, self.points)
        return errors * (metrics.numbers_of_points(self.counted) / self._chosen) if self.diluted else errors

    def point_errors(self) -> np.ndarray:
        """Return the error of each point as a fraction, (n, L); NaN where it does not count, and for a missed face."""
        missed = np.isnan(self.errors())
        with np.errstate(over="ignore", invalid="ignore"):
            errors = metrics.point_errors(self.answers, self.truth) / self.distance[:, None]
        return np.where(self.counted & ~missed[:, None], errors, np.nan)

    @property
    def _chosen(self) -> int:
        return self.truth.shape[1] if self.points is None else len(self.points)


class Comparing:
    """What a protocol does with truth and answers; the attributes are fields of `Protocol`, which explains them."""

    name: str
    normaliser: str
    normaliser_points: Groups | None
    points: tuple[int, ...] | None
    visible: bool
    offset: float
    integer: bool
    rounded: bool
    clipped: bool
    stretched: bool
    diluted: bool
    unshifted: bool

    def compared(self, predictions: np.ndarray, faces: FaceSet, as_answers: bool = True) -> Compared:
        """Return truth and answers as this protocol compares them, and what their errors are divided by.

        Parameters
        ----------
        predictions : ndarray of float, (n, L, 2)
            In px of the original images.
        faces : FaceSet
            n faces, as `select` gave them.
        as_answers : bool
            False for points that are no answers of a method, and are not moved as its answers are.

        Raises
        ------
        ProtocolError
            For a normaliser that is not positive, and for a face without any counted point.
        """
        shift = self._shift(predictions.__getitem__, faces) if as_answers else None
        found = self._compared(predictions, faces, slice(None), shift)
        self._check(faces, metrics.numbers_of_points(found.counted), found.distance)
        return found

    def errors_of(
        self, answers: Callable[[slice], np.ndarray], faces: FaceSet, as_answers: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the error of each face as a fraction, (n,), NaN if it was missed, and its counted points, (n,).

        Parameters
        ----------
        answers : callable
            Returns the points (k, L, 2) of a part of the faces: so only a part of them is in memory.
        faces, as_answers
            As for `compared`, which raises the same.
        """
        shift = self._shift(answers, faces) if as_answers else None
        n = len(faces)
        errors, counts, distance = np.full(n, np.nan), np.empty(n, int), np.empty(n)
        for rows in blocks(n):
            points = answers(rows)
            part = self._compared(points, faces, rows, shift)
            counts[rows], distance[rows] = metrics.numbers_of_points(part.counted), part.distance
            if metrics.can_divide(part.distance).all():
                errors[rows] = part.errors()
            let_go(points, faces.landmarks[rows], faces.visible[rows])
        self._check(faces, counts, distance)
        return errors, counts

    def _truth(self, faces: FaceSet, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return the true points that answers are compared with, and which of them count."""
        truth = faces.landmarks[rows]
        if self.clipped:
            truth = clipped(truth, faces.boxes[rows])
        return truth, metrics.counted_points(truth, self.points, faces.visible[rows] if self.visible else None)

    def _shift(self, answers: Callable[[slice], np.ndarray], faces: FaceSet) -> np.ndarray:
        """Return what is added to all answers, (2,) px, but for the offset."""
        if not self.unshifted:
            return np.zeros(2)
        return -middle(
            np.concatenate([face_shifts(answers(rows), *self._truth(faces, rows)) for rows in blocks(len(faces))])
        )

    def _compared(self, predictions: np.ndarray, faces: FaceSet, rows: slice, shift: np.ndarray | None) -> Compared:
        """Compare a part of the faces; `shift` is None for points that are no answers of a method."""
        truth, counted = self._truth(faces, rows)
        answers = np.asarray(predictions, float)
        if shift is not None and self.unshifted:
            answers = answers + shift
        if shift is not None and self.offset:
            answers = answers + self.offset
        answers = whole_pixels(answers, self.integer, self.rounded)
        landmarks, given = faces.landmarks[rows], faces.boxes[rows]
        if self.stretched:
            given, landmarks, truth, answers = in_unit_boxes(given, landmarks, truth, answers)
        distance = np.full(len(truth), np.nan)
        if metrics.numbers_of_points(counted).all():
            distance = lengths(self.normaliser, self.normaliser_points, landmarks, given)
        return Compared(truth, answers, counted, distance, self.points, self.diluted)

    def _check(self, faces: FaceSet, counts: np.ndarray, distance: np.ndarray) -> None:
        """Raise ProtocolError for faces without a counted point, and for lengths that cannot divide."""
        if not counts.all():
            bare = listed(faces.ids[counts == 0].tolist())
            raise ProtocolError(f"protocol {self.name!r}: no point counts of the faces {bare}; leave them out")
        metrics.check_normaliser(distance, faces.ids, self.normaliser)


def whole_pixels(points: np.ndarray, cut: bool, rounded: bool) -> np.ndarray:
    """Return points cut to whole pixels, towards zero, or rounded to the nearest, halves up; else as they are.

    dlib rounds so, `floor(x + 0.5)`, and `astype(int)` cuts.

    >>> points = np.array([-1.5, 2.5])
    >>> whole_pixels(points, True, False).tolist(), whole_pixels(points, False, True).tolist()
    ([-1.0, 2.0], [-1.0, 3.0])
    """
    points = np.trunc(points) if cut else points
    return np.floor(points + 0.5) if rounded else points


def in_unit_boxes(boxes: np.ndarray, *points: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return boxes (n, 4), and points of each (n, L, 2), with x divided by the width of the box, and y by its height.

    NaN for a box without a size.

    >>> in_unit_boxes(np.array([[2.0, 0.0, 4.0, 8.0]]), np.array([[[3.0, 2.0]]]))[1].tolist()
    [[[1.5, 0.25]]]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        size = box_size(boxes).reshape(-1, 1, 2)
        size = np.where(size > 0, size, np.nan)
        return (boxes.reshape(-1, 2, 2) / size).reshape(-1, 4), *(one / size for one in points)
