"""A method that is asked again: its first answer says where the face is more exactly than the box did.

A detector's boxes miss the tight box of the landmarks by a tenth of its sides and more. The points of a first answer
miss it by less, so the tight box of these points is a better box for a second answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.parts.fitting import check_fitted
from fldbench.baselines.parts.handed import handed_boxes
from fldbench.baselines.parts.one import One
from fldbench.faces import FaceSet
from fldbench.geometry import check_boxes
from fldbench.params import SEED, TEXT, THREADS, whole


@dataclass(eq=False, repr=False)
class TwoPass(One):
    """Any method, asked twice: the second time with the tight box of its first answer instead of the given box.

    For methods that were fitted on tight boxes and get those of a detector. Attributes and confidence are those of the
    last time.

    Parameters
    ----------
    method : str
        The name of a registered method.
    params : dict, optional
        Its parameters that differ from its defaults.
    passes : int
        How often it is asked, 1 to 4.
    threads : int, optional
        Passed to the method if it has this parameter.
    random_state : int
        Passed to the method if it has this parameter.
    """

    rules = {"method": TEXT, "passes": whole(1, 4), "threads": THREADS, "random_state": SEED}

    method: str = "lbf"
    params: dict[str, Any] | None = None
    passes: int = 2
    threads: int | None = None
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> TwoPass:
        """Fit the method on the faces and their boxes."""
        (member,) = self._make()
        self.members_ = [self._fit_member(member, self.method, train, val)]
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        check_fitted(self, "members_")
        return self.members_[0].predict(*self._last_views(images, boxes))

    @property
    def multiply_adds(self) -> int | None:
        """Those of the method for each time that it is asked."""
        once = super().multiply_adds
        return None if once is None else once * self.passes

    def _last_views(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> tuple[Sequence[np.ndarray], np.ndarray]:
        for _ in range(self.passes - 1):
            boxes = handed_boxes(self.members_[0].predict(images, boxes), check_boxes(boxes))
        return images, boxes
