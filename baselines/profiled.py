"""A method that has also learned from its training faces turned aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.parts.fitting import check_fitted
from fldbench.baselines.parts.one import One
from fldbench.baselines.parts.profiling import with_profiles
from fldbench.errors import DataError, MethodError, must_be
from fldbench.faces import FaceSet
from fldbench.method import Method
from fldbench.params import SEED, TEXT, THREADS, real


@dataclass(eq=False, repr=False)
class Profiled(One):
    """Any method, fitted to its training faces and to a part of them turned aside (face profiling).

    Most training sets have few faces that look aside, and methods that were fitted to them fail there. The turned faces
    are drawn from the same images and landmarks (`fldbench.baselines.parts.profiling`), so that no other face is used.
    For schemes of 20 points and more that lie on the mean head. Attributes and confidence are the method's.

    Parameters
    ----------
    method : str
        The name of a registered method.
    params : dict, optional
        Its parameters that differ from its defaults.
    share : float
        The part of the training faces that is there once more, turned.
    low, high : float
        Degrees between which the yaw is drawn; 0 is a face that looks at the camera.
    threads : int, optional
        Passed to the method if it has this parameter.
    random_state : int
        Which faces are turned and how far; also passed to the method if it has this parameter.
    """

    rules = {
        "method": TEXT,
        "share": real(above=0, high=1),
        "low": real(0, 90),
        "high": real(0, 90),
        "threads": THREADS,
        "random_state": SEED,
    }

    method: str = "hog-ridge"
    params: dict[str, Any] | None = None
    share: float = 0.25
    low: float = 30.0
    high: float = 75.0
    threads: int | None = None
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Profiled:
        """Fit the method on the faces and on those that are turned."""
        (member,) = self._make()
        self.members_ = [self._fit_member(member, self.method, self._more(train), val)]
        return self

    @property
    def members_alone(self) -> dict[str, Method]:
        """The same with what the method could take fitted, such as a network without its mirrored crop; else empty."""
        plain = self.members[0].members_alone.get(self.method) if self.members else None
        if type(plain) is not type(self.members[0]):
            return {}
        found = plain.get_params()
        params = {name: value for name, value in (self.params or {}).items() if found[name] == value}
        return {self.label: type(self)(**self.get_params() | {"params": params})}

    def assemble(self, members: Sequence[Method], train: FaceSet) -> None:
        """Take what the method of `members_alone` has learned."""
        (same,), (member,) = members, self._make()
        member.assemble(same.members_, self._more(train))
        self.members_, self._fitted_on = [member], same.fitted_on

    def _more(self, train: FaceSet) -> FaceSet:
        try:
            return with_profiles(train, self.share, self.low, self.high, np.random.default_rng(self.random_state))
        except DataError as error:
            raise MethodError(f"{self.label}: {error}") from error

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        check_fitted(self, "members_")
        return self.members_[0].predict(images, boxes)

    def _check_own(self) -> None:
        super()._check_own()
        if self.low > self.high:
            raise MethodError(must_be(self.label, "low", self.low, f"at most high, {self.high:g}"))
