"""Base of the methods that consist of one other registered method, and ask it or keep it otherwise."""

from __future__ import annotations

from typing import Any

from fldbench.baselines.parts.composed import Composed, checked_params
from fldbench.method import Method


class One(Composed):
    """One method by its name, `method`, with `params`; a subclass has both as parameters, and writes the rest."""

    method: str
    params: dict[str, Any] | None

    @property
    def members_alone(self) -> dict[str, Method]:
        """The method by its name; empty if it cannot be made."""
        return dict(zip([self.method], self.members, strict=False))

    def _make(self) -> list[Method]:
        self._check_own()
        return [self._member(self.method, checked_params(self.label, "params", self.params))]
