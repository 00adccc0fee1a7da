"""The mean shape put into the box: the floor for every method, and the start of those that refine a shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fldbench.baselines.parts.fitting import check_fitted, mean_unit_shape
from fldbench.faces import FaceSet
from fldbench.geometry import check_boxes
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.shapes import from_box_frame


class MeanShape(Method):
    """Put the mean training shape, in units of the box, into the box; pixels are not used.

    Attributes
    ----------
    mean_shape_ : ndarray of shape (L, 2)
        In the frame of the box: (0, 0) is its top-left and (1, 1) its bottom-right corner.
    """

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> MeanShape:
        """Learn the mean shape."""
        self.mean_shape_ = mean_unit_shape(train)
        return self

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for values that do not fit each other."""
        found = Learned(self.label, learned)
        found.array("mean_shape_", "float64", (None, 2))
        found.end()
        super().restore(learned)

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        check_fitted(self, "mean_shape_")
        return from_box_frame(self.mean_shape_, check_boxes(boxes))

    @property
    def multiply_adds(self) -> int | None:
        """One for each coordinate, which is scaled and shifted."""
        return int(self.mean_shape_.size) if self.learned() else None
