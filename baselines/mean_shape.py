"""The mean shape put into the box: the floor for every method, and the start of those that refine a shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet
from fldbench.geometry import box_size, check_boxes, fit_similarity, transform
from fldbench.method import Method


def to_box_frame(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Points in units of their boxes, (0, 0) the top-left and (1, 1) the bottom-right corner.

    points (n, L, 2) px, boxes (n, 4) px -> (n, L, 2).

    >>> to_box_frame(np.array([[[3.0, 4.0]]]), np.array([[1.0, 2.0, 5.0, 10.0]])).tolist()
    [[[0.5, 0.25]]]
    """
    return (points - boxes[:, None, :2]) / box_size(boxes)[:, None]


def from_box_frame(unit: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The inverse of `to_box_frame`: unit (n, L, 2), or one shape (L, 2) for all, and boxes (n, 4) px -> (n, L, 2) px.

    >>> from_box_frame(np.array([[0.5, 0.25]]), np.array([[1.0, 2.0, 5.0, 10.0]])).tolist()
    [[[3.0, 4.0]]]
    """
    return unit * box_size(boxes)[:, None] + boxes[:, None, :2]


def mean_unit_shape(train: FaceSet, weight: np.ndarray | None = None) -> np.ndarray:
    """Mean over the faces of each point in the box frame, over the faces where it is annotated: (L, 2).

    weight (n,) > 0 of the faces, equal where not given.

    Raises DataError for no faces, impossible boxes, and a point that no face has.
    """
    if len(train) == 0:
        raise DataError(f"{train.label} has no faces; a method needs at least one to be fitted")
    boxes = check_boxes(train.boxes, train.ids)
    present = np.isfinite(train.landmarks).all(axis=-1)
    never = np.flatnonzero(~present.any(axis=0))
    if never.size:
        raise DataError(
            f"{train.label}: no face has point {never[0]} ({never.size} such point(s)); choose a scheme without it, "
            "or more faces"
        )
    unit = np.where(present[..., None], to_box_frame(train.landmarks, boxes), 0.0)
    share = present if weight is None else present * weight[:, None]
    return (unit * share[..., None]).sum(axis=0) / share.sum(axis=0)[:, None]


def fill_missing(landmarks: np.ndarray, boxes: np.ndarray, unit: np.ndarray, ids: Sequence[str]) -> np.ndarray:
    """Points that are NaN take their place in the mean shape laid on the face's other points.

    landmarks (n, L, 2) px, boxes (n, 4) px, unit (L, 2) -> (n, L, 2) px, a copy. The mean shape is put into the box and
    moved by the similarity that fits the annotated points best; by a shift alone where fewer than three are annotated,
    since two near points say nothing about scale. Raises DataError for a face without any annotated point.

    >>> face = np.array([[[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [np.nan, np.nan]]])
    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> fill_missing(face, np.array([[0.0, 0.0, 1.0, 1.0]]), square, ["a"])[0, 3].round(6).tolist()
    [2.0, 2.0]
    """
    filled = landmarks.copy()
    present = np.isfinite(landmarks).all(axis=-1)
    for i in np.flatnonzero(~present.all(axis=1)):
        there = present[i]
        if not there.any():
            raise DataError(f"face {str(ids[i])!r} has no annotated point; leave it out of the training set")
        mean = from_box_frame(unit, boxes[i : i + 1])[0]
        moved = mean + (landmarks[i, there] - mean[there]).mean(axis=0)
        if there.sum() >= 3 and np.ptp(mean[there], axis=0).any():
            moved = transform(mean, fit_similarity(mean[there], landmarks[i, there]))
        filled[i, ~there] = moved[~there]
    return filled


class MeanShape(Method):
    """Puts the mean training shape, in units of the box, into the box; looks at no pixel."""

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> MeanShape:
        """Learns mean_shape_ (L, 2) in the box frame."""
        self.mean_shape_ = mean_unit_shape(train)
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """n images, boxes (n, 4) px -> (n, L, 2) px."""
        check_fitted(self, "mean_shape_")
        return from_box_frame(self.mean_shape_, check_boxes(boxes))


def check_fitted(method: Method, name: str) -> None:
    """Raises MethodError when `method` has not learned `name` yet."""
    if not hasattr(method, name):
        raise MethodError(f"{type(method).__name__} has not been fitted; call fit first, or load a model")
