"""Base of the methods that are made of other methods, by their registered names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fldbench.errors import FldbenchError, MethodError
from fldbench.faces import FaceSet
from fldbench.method import Method, make_method, parameters_of

SEPARATOR = "/"  # between a member's number and the names of what it learned


class Composed(Method):
    """Keeps its members in `members_`, a list of fitted methods; a subclass writes `_make`, `fit` and `predict`.

    Parameters that it has in common with a member, of those in SHARED, are given to it.
    """

    SHARED = ("threads", "random_state")
    changes_nothing = ("threads",)
    validates = True  # what a member does with `val` is the member's own

    def _make(self) -> list[Method]:
        """The members, unfitted, in their order; raises MethodError or UnknownNameError."""
        raise NotImplementedError

    def _member(self, name: str, params: dict[str, Any]) -> Method:
        """One of them."""
        member = make_method(name, **params)
        for shared in self.SHARED:
            if hasattr(self, shared) and shared in parameters_of(type(member)) and shared not in params:
                setattr(member, shared, getattr(self, shared))
        return member

    def _fit_member(self, member: Method, name: str, *faces: FaceSet | None, **more: Any) -> Method:
        """The member, fitted; an error names it."""
        try:
            return member.fit(*faces, **more)
        except FldbenchError as error:
            raise type(error)(f"{self._label}: {name}: {error}") from error

    @property
    def _label(self) -> str:
        return type(self).__name__.lower()

    @property
    def members(self) -> list[Method]:
        """The members, unfitted; none where they cannot be made, which `fit` then says."""
        try:
            return self._make()
        except FldbenchError:
            return []

    def assemble(self, members: Sequence[Method]) -> None:
        """Take fitted members in place of a fit."""
        self.members_ = list(members)

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

    @property
    def multiply_adds(self) -> int | None:
        """The sum of the members', where all of them count theirs."""
        counts = [member.multiply_adds for member in getattr(self, "members_", [])]
        return sum(counts) if counts and None not in counts else None

    @property
    def device_(self) -> str:
        """Where the members were trained."""
        devices = dict.fromkeys(getattr(member, "device_", "cpu") for member in getattr(self, "members_", []))
        return ", ".join(devices) or "cpu"


def checked_params(label: str, which: str, params: Any) -> dict[str, Any]:
    """A member's parameters as a dict of its own, empty for None; raises MethodError for anything else.

    >>> checked_params("hybrid", "first_params", None)
    {}
    """
    if params is not None and not isinstance(params, dict):
        raise MethodError(f"{label}: {which} is {params!r}; allowed is None or a dict of parameters")
    return dict(params or {})
