"""The mean of several methods' answers: their errors differ, so the mean's are smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fldbench.baselines.mean_shape import check_fitted
from fldbench.baselines.parts.composed import Composed, checked_params
from fldbench.errors import MethodError
from fldbench.faces import FaceSet
from fldbench.method import Method
from fldbench.params import check_kinds, count_threads


class Average(Composed):
    """Fits every method on the same faces and answers with the mean of their points.

    methods   names of registered methods, at least one
    params    name -> parameters that differ from the method's defaults
    threads, random_state   are given to every method that has them

    A face that one method gives up on is the mean of the others; one that all give up on is a NaN row.
    """

    def __init__(
        self,
        methods: Sequence[str] = ("hog-ridge", "asm", "lbf"),
        params: dict[str, dict[str, Any]] | None = None,
        threads: int | None = None,
        random_state: int = 0,
    ):
        self.methods = methods
        self.params = params
        self.threads = threads
        self.random_state = random_state

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Average:
        """Learns members_, one fitted method for each name. Raises MethodError that names the member that failed."""
        members = zip(self._make(), self.methods, strict=True)
        self.members_ = [self._fit_member(member, name, train, val) for member, name in members]
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """n images, boxes (n, 4) px -> (n, L, 2) px."""
        check_fitted(self, "members_")
        answers = np.stack([member.predict(images, boxes) for member in self.members_])
        found = np.isfinite(answers).all(axis=(2, 3), keepdims=True)
        count = found.sum(axis=0)
        total = np.where(found, answers, 0.0).sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    @property
    def members_alone(self) -> dict[str, Method]:
        """The members by name; none where they cannot be made, or one stands there twice."""
        members = self.members
        named = dict(zip(self.methods, members, strict=True)) if members else {}
        return named if len(named) == len(members) else {}

    def _make(self) -> list[Method]:
        check_kinds(self, "average")
        count_threads(self.threads)
        names = list(self.methods) if isinstance(self.methods, (list, tuple)) else []
        if not names or not all(isinstance(name, str) for name in names):
            raise MethodError(f"average: methods is {self.methods!r}; allowed is a list of at least one method's name")
        params = checked_params("average", "params", self.params)
        for name in params:
            if name not in names:
                raise MethodError(f"average: params has {name!r}, which is none of {', '.join(names)}")
        return [self._member(name, checked_params("average", f"params of {name}", params.get(name))) for name in names]
