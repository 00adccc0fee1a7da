"""The mean of several methods' answers: their errors differ, so those of the mean are smaller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.parts.agreement import agreement
from fldbench.baselines.parts.composed import Composed, checked_params
from fldbench.baselines.parts.fitting import check_fitted
from fldbench.errors import MethodError, must_be
from fldbench.faces import FaceSet
from fldbench.method import Method
from fldbench.params import SEED, THREADS, Rule


def _names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(name, str) for name in value)


@dataclass(eq=False, repr=False)
class Average(Composed):
    """Fit every method on the same faces and predict the mean of their points.

    If a method misses a face, the mean is over the others; if all miss it, the row is NaN.

    Parameters
    ----------
    methods : sequence of str
        Names of registered methods, at least one.
    params : dict of dict, optional
        Method's name -> the parameters that differ from its defaults.
    threads : int, optional
        Passed to every method that has this parameter.
    random_state : int
        Passed to every method that has this parameter.
    """

    gives_confidence = True
    rules = {
        "methods": Rule("a list of at least one method's name", _names),
        "threads": THREADS,
        "random_state": SEED,
    }

    methods: Sequence[str] = ("hog-ridge", "asm", "lbf")
    params: dict[str, dict[str, Any]] | None = None
    threads: int | None = None
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Average:
        """Fit one member for each name; raise MethodError that names the member that failed."""
        members = zip(self._make(), self.methods, strict=True)
        self.members_ = [self._fit_member(member, name, train, val) for member, name in members]
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        answers = self._each(images, boxes)
        found = np.isfinite(answers).all(axis=(2, 3), keepdims=True)
        count = found.sum(axis=0)
        total = np.where(found, answers, 0.0).sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def predict_confidence(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return how near the members' answers lie together, (n,): see `parts.agreement`."""
        return agreement(self._each(images, boxes).swapaxes(0, 1), boxes)

    def _each(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the answers of the members, (members, n, L, 2) px."""
        check_fitted(self, "members_")
        each = [member.predict(images, boxes) for member in self.members_]
        if len({answer.shape for answer in each}) > 1:
            raise MethodError(f"{self.label}: its members answer with different numbers of points; fit it again")
        return np.stack(each)

    @property
    def members_alone(self) -> dict[str, Method]:
        """The members by name; empty if they cannot be made or if one is given twice."""
        members = self.members
        named = dict(zip(self.methods, members, strict=True)) if members else {}
        return named if len(named) == len(members) else {}

    def _check_own(self) -> None:
        """Check the parameters, and that `params` names no other method."""
        super()._check_own()
        for name, params in checked_params(self.label, "params", self.params).items():
            if name not in self.methods:
                raise MethodError(must_be(self.label, "a name in params", name, f"one of {', '.join(self.methods)}"))
            checked_params(self.label, f"params of {name}", params)

    def _make(self) -> list[Method]:
        self._check_own()
        params = self.params or {}
        return [self._member(name, dict(params.get(name) or {})) for name in self.methods]
