"""mean-shape: the mean of the training shapes, put into the box. The floor that every table shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fldbench.errors import DataError
from fldbench.faces import FaceSet
from fldbench.geometry import box_size, check_boxes
from fldbench.method import Method


class MeanShape(Method):
    """Answers every face with the mean training shape, stretched to its box; it never looks at an image.

    Shapes are averaged in the box frame, (p - corner) / size, over the faces where a point is annotated.
    """

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> MeanShape:
        """Raises DataError when some landmark is annotated in no face."""
        boxes = check_boxes(train.boxes, train.ids.tolist())
        unit = (train.landmarks - boxes[:, None, :2]) / box_size(boxes)[:, None]
        seen = np.isfinite(unit).all(axis=-1, keepdims=True)
        if not seen.any(axis=0).all():
            never = np.flatnonzero(~seen.any(axis=0)).tolist()
            raise DataError(f"landmarks {never} are annotated in no training face; train on faces that have them")
        self.scheme_ = train.scheme
        self.mean_ = np.where(seen, unit, 0.0).sum(axis=0) / seen.sum(axis=0)
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """(n, L, 2) px in each image's frame."""
        boxes = check_boxes(boxes)
        return self.mean_ * box_size(boxes)[:, None] + boxes[:, None, :2]
