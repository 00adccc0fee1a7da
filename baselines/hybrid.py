"""hybrid: one method places the landmarks, another refines them; a network and a cascade, in either order.

The refiner is fitted to what the first method will really give it: the first answers for every training face as a
model that never saw the face's person (out of fold), since what it says of faces that it was fitted to is too good.
Of stacking it is the oldest rule (Wolpert, "Stacked generalization", Neural Networks 5, 1992).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fldbench.baselines.mean_shape import check_fitted
from fldbench.baselines.parts.composed import Composed, checked_params
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet
from fldbench.geometry import check_boxes, tight_box
from fldbench.method import Method, predict_checked
from fldbench.params import check_kinds, count_threads

BLOCK = 256  # faces whose photos are in memory at once while the training faces are answered
# A refiner begins near the truth: fewer stages, smaller patches.
REFINES = {name: {"stages": 3, "first_patch": 0.2} for name in ("hog-ridge", "sdm")}


class Hybrid(Composed):
    """Any two methods, one after the other.

    first, second   names of registered methods. The second is given the tight box of the first one's points in place of
                    the face's own box, and begins from them if its fit and predict take `start_shapes` (hog-ridge)
    first_params, second_params   dicts of what differs from their defaults; None for the second is what suits a refiner
    folds           how many models of the first method answer the training faces, each those that it has not seen
    threads, random_state   are given to both where they have them

    Fitting costs folds + 1 fits of the first method and one of the second. A face that the first method gives up on
    begins as if there were none.
    """

    def __init__(
        self,
        first: str = "cnn-small",
        second: str = "hog-ridge",
        first_params: dict[str, Any] | None = None,
        second_params: dict[str, Any] | None = None,
        folds: int = 3,
        threads: int | None = None,
        random_state: int = 0,
    ):
        self.first = first
        self.second = second
        self.first_params = first_params
        self.second_params = second_params
        self.folds = folds
        self.threads = threads
        self.random_state = random_state

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Hybrid:
        """Learns members_, the two fitted methods.

        Raises DataError for faces of fewer than two groups, whose starts nobody can know who has not seen them, and
        MethodError that names the member that failed.
        """
        first, second = self._make()
        groups = len(np.unique(train.groups))
        if groups < 2:
            raise DataError(f"{train.label}: {groups} group(s) of faces; hybrid needs two to answer one by the other")
        shapes = np.full(train.landmarks.shape, np.nan)
        folds = min(self.folds, groups)
        fold_of = train.fold_of(folds, self.random_state)
        for fold in range(folds):
            apart = self._fit_member(self._make()[0], self.first, train[fold_of != fold])
            shapes[fold_of == fold] = np.concatenate(list(_answers(apart, train[fold_of == fold])))
        self._fit_member(first, self.first, train, val)
        if val is not None and len(val):
            val = val.with_boxes(handed_boxes(np.concatenate(list(_answers(first, val))), val.boxes))
        starts = {"start_shapes": shapes} if _takes_starts(second) else {}
        faces = train.with_boxes(handed_boxes(shapes, train.boxes))
        self._fit_member(second, self.second, faces, val, **starts)
        self.members_ = [first, second]
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """n images, boxes (n, 4) px -> (n, L, 2) px."""
        check_fitted(self, "members_")
        first, second = self.members_
        shapes = first.predict(images, boxes)
        starts = {"start_shapes": shapes} if _takes_starts(second) else {}
        return second.predict(images, handed_boxes(shapes, check_boxes(boxes)), **starts)

    def _make(self) -> list[Method]:
        check_kinds(self, "hybrid")
        count_threads(self.threads)
        if self.folds < 2:
            raise MethodError(f"hybrid: folds is {self.folds!r}; it has to be at least 2")
        second = REFINES.get(self.second, {}) if self.second_params is None else self.second_params
        return [
            self._member(self.first, checked_params("hybrid", "first_params", self.first_params)),
            self._member(self.second, checked_params("hybrid", "second_params", second)),
        ]


def handed_boxes(shapes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Tight boxes of shapes (n, L, 2) px; the face's own box (4,) where the shape is NaN or has no width or height.

    >>> shapes = np.array([[[1.0, 2.0], [5.0, 9.0]], [[3.0, 3.0], [3.0, 8.0]]])
    >>> handed_boxes(shapes, np.array([[0, 0, 9, 9]] * 2)).tolist()
    [[1.0, 2.0, 5.0, 9.0], [0.0, 0.0, 9.0, 9.0]]
    """
    out = np.array(boxes, float)
    found = np.isfinite(shapes).all(axis=(1, 2))
    if found.any():
        tight = tight_box(shapes[found])
        wide = (tight[:, 2:] > tight[:, :2]).all(axis=1)
        out[np.flatnonzero(found)[wide]] = tight[wide]
    return out


def _takes_starts(method: Method) -> bool:
    return all("start_shapes" in inspect.signature(call).parameters for call in (method.fit, method.predict))


def _answers(method: Method, faces: FaceSet) -> Iterator[np.ndarray]:
    """The method's answers for the faces, a block at a time."""
    for i in range(0, len(faces), BLOCK):
        block = faces[i : i + BLOCK]
        yield predict_checked(method, list(block.images), block.boxes, faces.landmarks.shape[1])
