"""The mean of several methods' answers: their errors differ, so the mean's are smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fldbench.baselines.mean_shape import check_fitted
from fldbench.errors import FldbenchError, MethodError
from fldbench.faces import FaceSet
from fldbench.method import Method, make_method, parameters_of

SEPARATOR = "/"  # between a member's number and the names of what it learned


class Average(Method):
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
        members = self._make()
        for name, member in zip(self.methods, members, strict=True):
            try:
                member.fit(train, val)
            except FldbenchError as error:
                raise type(error)(f"average: {name}: {error}") from error
        self.members_ = members
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
    def parts(self) -> list[Method]:
        """The members, unfitted; none where they cannot be made, which `fit` then says."""
        try:
            return self._make()
        except FldbenchError:
            return []

    def learned(self) -> dict[str, Any]:
        """What the members learned, each name behind the member's number."""
        members = getattr(self, "members_", [])
        return {f"{i}{SEPARATOR}{name}": v for i, member in enumerate(members) for name, v in member.learned().items()}

    def restore(self, learned: dict[str, Any]) -> None:
        """Takes back what `learned` gave."""
        self.members_ = self._make()
        for i, member in enumerate(self.members_):
            prefix = f"{i}{SEPARATOR}"
            member.restore({name.removeprefix(prefix): v for name, v in learned.items() if name.startswith(prefix)})

    @property
    def n_parameters(self) -> int:
        """The sum of the members'."""
        return sum(member.n_parameters for member in getattr(self, "members_", []))

    def _make(self) -> list[Method]:
        names = list(self.methods)
        if isinstance(self.methods, str) or not names:
            raise MethodError(f"average: methods is {self.methods!r}; allowed is a list of at least one method's name")
        params = self.params or {}
        for name in params:
            if name not in names:
                raise MethodError(f"average: params has {name!r}, which is none of {', '.join(names)}")
        members = []
        for name in names:
            member = make_method(name, **params.get(name, {}))
            for shared in ("threads", "random_state"):
                if shared in parameters_of(type(member)) and shared not in params.get(name, {}):
                    setattr(member, shared, getattr(self, shared))
            members.append(member)
        return members
