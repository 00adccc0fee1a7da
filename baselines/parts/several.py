"""Base of the methods that fit several members on the same faces and make one answer of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.parts.agreement import agreement
from fldbench.baselines.parts.answering import Answering
from fldbench.baselines.parts.composed import checked_params
from fldbench.baselines.parts.fitting import check_fitted
from fldbench.baselines.parts.handed import handed_boxes
from fldbench.errors import MethodError, must_be
from fldbench.faces import FaceSet
from fldbench.geometry import check_boxes
from fldbench.method import Method
from fldbench.params import LANDMARKS, SEED, TEXT, THREADS, Rule, optional, whole


def _names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(name, str) for name in value)


@dataclass(eq=False, repr=False)
class Several(Answering):
    """Several methods side by side; a subclass writes `predict`, from `_each`, and what it learns besides.

    An attribute's probabilities are the mean over the members that answer it for the face.

    Parameters
    ----------
    methods : sequence of str
        Names of registered methods, at least one.
    params : dict, optional
        Method's name -> the parameters that differ from its defaults. Of a name that `methods` has several times, a
        list of them, one for each time.
    threads : int, optional
        Passed to every method that has this parameter.
    random_state : int
        Passed to every method that has this parameter.
    boxes_from : str, optional
        The one of `methods` whose points place the box: all are asked in the tight box of its answer, for given boxes
        that are not as tight as those of the training.
    passes : int
        How often that one is asked, each time in the tight box of its answer before; the others are asked the last
        time. It counts only with `boxes_from`.
    """

    gives_confidence = True
    rules = {
        "methods": Rule("a list of at least one method's name", _names),
        "threads": THREADS,
        "random_state": SEED,
        "boxes_from": optional(TEXT),
        "passes": whole(2, 4),
    }

    methods: Sequence[str] = ("hog-ridge", "asm", "lbf")
    params: dict[str, dict[str, Any] | list[dict[str, Any]]] | None = None
    threads: int | None = None
    random_state: int = 0
    boxes_from: str | None = None
    passes: int = 2

    def _fit_members(self, train: FaceSet, val: FaceSet | None) -> list[Method]:
        """Return one fitted member for each name; raise MethodError that names the member that failed."""
        members = zip(self._make(), self.methods, strict=True)
        return [self._fit_member(member, name, train, val) for member, name in members]

    def predict_confidence(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return how near the members' answers lie together, (n,): see `parts.agreement`."""
        return agreement(self._each(images, boxes).swapaxes(0, 1), boxes)

    def predict_attributes(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> dict[str, np.ndarray]:
        """Return the mean of the members' probabilities: name -> (n, k); NaN rows where no member answers."""
        check_fitted(self, "members_")
        answering = [member for member in self.members_ if set(member.tasks) > {LANDMARKS}]
        if not answering:
            return {}
        boxes = self._placed(images, boxes)
        each = [member.predict_attributes(images, boxes) for member in answering]
        names = dict.fromkeys(name for answers in each for name in answers)
        return {name: mean_answer([answers[name] for answers in each if name in answers]) for name in names}

    def _placed(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the boxes (n, 4) px in which all members are asked."""
        if self.boxes_from is not None:
            for _ in range(self.passes - 1):
                boxes = handed_boxes(self._placer.predict(images, boxes), check_boxes(boxes))
        return boxes

    @property
    def _placer(self) -> Method:
        """The fitted member that is named in `boxes_from`, one of `methods`."""
        return self.members_[list(self.methods).index(str(self.boxes_from))]

    @property
    def multiply_adds(self) -> int | None:
        """The sum over the members, with `boxes_from` that one's once more for each earlier pass."""
        once = super().multiply_adds
        if once is None or self.boxes_from is None:
            return once
        return once + (self.passes - 1) * (self._placer.multiply_adds or 0)

    def _each(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the answers of the members, (members, n, L, 2) px."""
        check_fitted(self, "members_")
        boxes = self._placed(images, boxes)
        each = [member.predict(images, boxes) for member in self.members_]
        if len({answer.shape for answer in each}) > 1:
            raise MethodError(f"{self.label}: its members answer with different numbers of points; fit it again")
        return np.stack(each)

    @property
    def members_alone(self) -> dict[str, Method]:
        """The members by name; empty if they cannot be made or if one is given twice. With `boxes_from` the same
        method without it, which differs in what it is asked alone."""
        if self.boxes_from is not None:
            return {self.label: type(self)(**self.get_params() | {"boxes_from": None, "passes": Several.passes})}
        members = self.members
        named = dict(zip(self.methods, members, strict=True)) if members else {}
        return named if len(named) == len(members) else {}

    def assemble(self, members: Sequence[Method], train: FaceSet) -> None:
        """Take fitted members instead of fitting them; with `boxes_from`, what the same method without it learned."""
        if self.boxes_from is None:
            super().assemble(members, train)
            return
        (same,) = members
        self.restore(same.learned())
        self._fitted_on = same.fitted_on

    def _check_own(self) -> None:
        """Check the parameters, and that `params` names no other method and has a dict for each member."""
        super()._check_own()
        if self.params is not None and not isinstance(self.params, dict):
            raise MethodError(must_be(self.label, "params", self.params, "None or a dict of parameters"))
        names = f"one of {', '.join(self.methods)}"
        if self.boxes_from is not None and self.boxes_from not in self.methods:
            raise MethodError(must_be(self.label, "boxes_from", self.boxes_from, f"None or {names}"))
        for name, params in (self.params or {}).items():
            if name not in self.methods:
                raise MethodError(must_be(self.label, "a name in params", name, names))
            times = list(self.methods).count(name)
            if isinstance(params, list) and len(params) != times:
                allowed = f"{times}: one for each time that it is in methods"
                raise MethodError(must_be(self.label, f"the number of params of {name}", len(params), allowed))
            for one in params if isinstance(params, list) else [params]:
                checked_params(self.label, f"params of {name}", one)

    def _make(self) -> list[Method]:
        self._check_own()
        params = self.params or {}
        own = {name: iter(given) for name, given in params.items() if isinstance(given, list)}
        return [
            self._member(name, dict((next(own[name]) if name in own else params.get(name)) or {}))
            for name in self.methods
        ]


def mean_answer(answers: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of answers (n, ...) over those without NaN, row by row: (n, ...), NaN where there is none.

    >>> mean_answer([np.array([[0.5, 0.5], [np.nan, np.nan]]), np.array([[0.0, 1.0], [1.0, 0.0]])]).tolist()
    [[0.25, 0.75], [1.0, 0.0]]
    """
    each = np.stack(answers).astype(float)
    found = np.isfinite(each).all(axis=tuple(range(2, each.ndim)), keepdims=True)
    count = found.sum(axis=0)
    return np.where(count > 0, np.where(found, each, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
