"""The method under test, and the faces of the tests."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from fldbench.checks.common import Skipped
from fldbench.dataset import load_dataset
from fldbench.faces import FaceSet, ImageArrays
from fldbench.method import Method, make_method
from fldbench.params import LANDMARKS, parameters_of
from fldbench.progress import listening

TRAIN, TEST = 48, 10  # faces
FEW = 16  # faces, for checks in which the learned values do not matter


@dataclass(frozen=True)
class Observed:
    """One fit on a few faces, observed for several checks, so that slow methods are not fitted for each check.

    Attributes
    ----------
    method : Method
    returned : object
        The return value of its fit.
    params : list of str
        Parameters that the fit changed.
    columns : list of str
        Columns of the training set that the fit changed.
    generators : list of str
        Global random generators that changed during the fit and a predict.
    steps : list of tuple
        Progress reported by the fit: what, done, total.
    answers : ndarray of shape (n, L, 2)
        For the test faces, px.
    """

    method: Method
    returned: Any
    params: list[str]
    columns: list[str]
    generators: list[str]
    steps: list[tuple[str, int, int]]
    answers: np.ndarray


class Maker:
    """A registered method and its parameters. Calling it makes a new method; `trained` gives a fitted one."""

    def __init__(self, name: str, /, **params: Any):
        self.name, self.params = name, params
        self._trained: Method | None = None
        self._with_attributes: Method | None = None
        self._observed: Observed | None = None
        self._failed = False

    def __call__(self, **changes: Any) -> Method:
        """Return a new, unfitted method, with some parameters changed."""
        return make_method(self.name, **self.params | changes)

    def accepts(self, parameter: str) -> bool:
        """Return whether the constructor has such a parameter."""
        return parameter in parameters_of(type(self()))

    def fit(self, train: FaceSet, **changes: Any) -> Method:
        """Return a new, fitted method; skip the check when the method could not even be fitted on good faces."""
        if self._failed:
            raise Skipped("it could not be fitted")
        method = self(**changes)
        method.fit(train)
        return method

    def trained(self, train: FaceSet) -> Method:
        """Return the method fitted to the first training set asked for; the checks share it and must not change it."""
        if self._trained is None:
            try:
                self._trained = self.fit(train)
            except Exception:
                self._failed = True
                raise
        return self._trained

    def with_attributes(self, train: FaceSet) -> Method:
        """Return it fitted to answer attributes too, if it has a parameter `tasks`; else as `trained`. Checks share it.

        Its tasks are then the attributes of which the training faces show two classes or more.
        """
        fitted = self.trained(train)
        if not self.accepts("tasks") or set(fitted.tasks) > {LANDMARKS}:
            return fitted
        if self._with_attributes is None:
            shown = [name for name in train.attribute_types if len(np.unique(train.attributes[name])) > 1]
            self._with_attributes = self.fit(train, tasks=[LANDMARKS, *shown])
        return self._with_attributes

    def observed(self, train: FaceSet, test: FaceSet) -> Observed:
        """Return a fit on the first faces of the first training set asked for; the checks share it."""
        if self._observed is None:
            self.trained(train)
            self._observed = _observe(self(), train[:FEW], test)
        return self._observed


def _observe(method: Method, few: FaceSet, test: FaceSet) -> Observed:
    few = replace(few, images=ImageArrays([image.copy() for image in few.images]))
    columns = {"boxes": few.boxes, "landmarks": few.landmarks, "visible": few.visible, **few.attributes}
    columns |= {f"image {i}": few.images[i] for i in range(len(few))}
    before = copy.deepcopy((columns, method.get_params(), _generators()))
    steps: list[tuple[str, int, int]] = []
    with listening(lambda *step: steps.append(step)):
        returned = method.fit(few)
    answers = predict(method, test)
    now = columns, method.get_params(), _generators()
    changed = [
        [name for name in old if repr(new[name]) != repr(old[name]) or not _same(new[name], old[name])]
        for old, new in zip(before, now, strict=True)
    ]
    return Observed(method, returned, changed[1], changed[0], changed[2], steps, answers)


def _same(new: Any, old: Any) -> bool:
    return not isinstance(old, np.ndarray) or np.array_equal(new, old, equal_nan=True)


def _generators() -> dict[str, Any]:
    state = np.random.get_state(legacy=False)["state"]
    return {"numpy's": np.append(state["key"], state["pos"]), "Python's": random.getstate()}


@cache
def quick_faces() -> tuple[FaceSet, FaceSet]:
    """Return 48 synthetic faces to train on and 10 others, 160 px, in memory."""
    faces = load_dataset("synthetic", split="train", faces=TRAIN + TEST)
    faces = replace(faces, images=ImageArrays(list(faces.images)))
    return faces[:TRAIN], faces[TRAIN:]


def predict(method: Method, faces: FaceSet) -> np.ndarray:
    """Return the answers for a set of faces, from a list of images and a copy of the boxes."""
    return np.asarray(method.predict(list(faces.images), faces.boxes.copy()))
