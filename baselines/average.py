"""The mean of several methods' answers: their errors differ, so those of the mean are smaller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fldbench.baselines.parts.several import Several, mean_answer
from fldbench.faces import FaceSet


@dataclass(eq=False, repr=False)
class Average(Several):
    """Fit every method on the same faces and predict the mean of their points.

    If a method misses a face, the mean is over the others; if all miss it, the row is NaN. Parameters are those of
    `Several`.
    """

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Average:
        """Fit one member for each name; raise MethodError that names the member that failed."""
        self.members_ = self._fit_members(train, val)
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        return mean_answer(self._each(images, boxes))
