"""Base of the methods that consist of one other registered method, and ask it or keep it otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fldbench.baselines.parts.answering import Answering
from fldbench.baselines.parts.composed import checked_params
from fldbench.baselines.parts.fitting import check_fitted
from fldbench.method import Method


class One(Answering):
    """One method by its name, `method`, with `params`; a subclass has both as parameters, and writes the rest.

    Attributes and confidence are the method's, asked as for its last answer.
    """

    method: str
    params: dict[str, Any] | None

    @property
    def members_alone(self) -> dict[str, Method]:
        """The method by its name; empty if it cannot be made."""
        return dict(zip([self.method], self.members, strict=False))

    @property
    def gives_confidence(self) -> bool:
        """Whether the method says how sure it is."""
        return any(member.gives_confidence for member in self.members)

    def predict_attributes(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> dict[str, np.ndarray]:
        """Return the method's attributes: name -> probabilities (n, k)."""
        check_fitted(self, "members_")
        return self.members_[0].predict_attributes(*self._last_views(images, boxes))

    def predict_confidence(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return how sure the method is, (n,)."""
        check_fitted(self, "members_")
        return self.members_[0].predict_confidence(*self._last_views(images, boxes))

    def _last_views(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> tuple[Sequence[np.ndarray], np.ndarray]:
        """Return the images and boxes (n, 4) px in which the method is asked for what `predict` answers."""
        return images, boxes

    def _make(self) -> list[Method]:
        self._check_own()
        return [self._member(self.method, checked_params(self.label, "params", self.params))]
