"""hybrid: one method places the landmarks, another refines them; a network and a cascade, in either order.

The refiner is fitted to start shapes like those that it will get: for every training face, the prediction of a model
that never saw the face's person (`parts.out_of_fold`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench import registry
from fldbench.baselines.parts.answering import Answering
from fldbench.baselines.parts.composed import checked_params
from fldbench.baselines.parts.fitting import check_fitted
from fldbench.baselines.parts.handed import handed_boxes
from fldbench.baselines.parts.out_of_fold import answers_in_parts, folds_of_groups, out_of_fold
from fldbench.faces import FaceSet
from fldbench.geometry import check_boxes
from fldbench.method import Method
from fldbench.params import LANDMARKS, SEED, THREADS, whole


@dataclass(eq=False, repr=False)
class Hybrid(Answering):
    """Any two methods, one after the other.

    The second method gets the tight box of the first one's points instead of the face's own box. If it declares
    `refines`, as hog-ridge does, it also begins from those points. Fitting costs folds + 1 fits of the first method and
    one of the second. If the first method misses a face, the second method starts as if there were no first one.

    Attributes, and how sure it is, are answered by the second method, and by the first where the second cannot: one
    that begins from points says how sure it is of an answer without them, so that it counts as not saying it.

    Parameters
    ----------
    first, second : str
        Names of registered methods.
    first_params, second_params : dict, optional
        The parameters that differ from their defaults. None for the second method means its `refiner_params`.
    folds : int
        Number of models of the first method for the training faces; each predicts the faces that it has not seen.
    threads : int, optional
        Passed to both methods if they have this parameter.
    random_state : int
        Passed to both methods if they have this parameter.
    """

    rules = {"folds": whole(2), "threads": THREADS, "random_state": SEED}

    first: str = "cnn-small"
    second: str = "hog-ridge"
    first_params: dict[str, Any] | None = None
    second_params: dict[str, Any] | None = None
    folds: int = 3
    threads: int | None = None
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Hybrid:
        """Fit both methods.

        Raises
        ------
        DataError
            For faces of fewer than two groups: each face's start must come from a model that never saw its group.
        MethodError
            It names the member that failed.
        """
        first, second = self._make()
        fold_of = folds_of_groups(train, self.folds, self.random_state, self.label)
        shapes = out_of_fold(lambda rest: self._fit_member(self._make()[0], self.first, rest), train, fold_of)
        self._fit_member(first, self.first, train, val)
        if val is not None and len(val) and second.validates:
            val = val.with_boxes(handed_boxes(np.concatenate(list(answers_in_parts(first, val))), val.boxes))
        starts = {"start_shapes": shapes} if second.refines else {}
        faces = train.with_boxes(handed_boxes(shapes, train.boxes))
        self._fit_member(second, self.second, faces, val, **starts)
        self.members_ = [first, second]
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        check_fitted(self, "members_")
        first, second = self.members_
        shapes = first.predict(images, boxes)
        starts = {"start_shapes": shapes} if second.refines else {}
        return second.predict(images, handed_boxes(shapes, check_boxes(boxes)), **starts)

    def predict_attributes(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> dict[str, np.ndarray]:
        """Return name -> probabilities (n, k): the second method's where it answers the attribute, else the first's."""
        check_fitted(self, "members_")
        first, second = self.members_
        found = first.predict_attributes(images, boxes) if set(first.tasks) - set(second.tasks) else {}
        if set(second.tasks) > {LANDMARKS}:
            found = found | second.predict_attributes(images, self._handed(images, boxes))
        return found

    @property
    def gives_confidence(self) -> bool:
        """Whether the second method, or else the first, says how sure it is."""
        return any(member.gives_confidence and not (i and member.refines) for i, member in enumerate(self.members))

    def predict_confidence(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return how sure the second method is, or else the first, (n,)."""
        check_fitted(self, "members_")
        first, second = self.members_
        if second.gives_confidence and not second.refines:
            return second.predict_confidence(images, self._handed(images, boxes))
        return first.predict_confidence(images, boxes)

    def _handed(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        return handed_boxes(self.members_[0].predict(images, boxes), check_boxes(boxes))

    def _check_own(self) -> None:
        """Check the parameters, and that those of the members are None or dicts."""
        super()._check_own()
        for which in ("first_params", "second_params"):
            checked_params(self.label, which, self.get_params()[which])

    def _make(self) -> list[Method]:
        self._check_own()
        second = self.second_params
        if second is None:
            second = registry.resolve("method", self.second).refiner_params
        return [self._member(self.first, dict(self.first_params or {})), self._member(self.second, dict(second))]
