"""Base of the methods that consist of other registered methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fldbench.errors import DataError, FldbenchError, MethodError, must_be
from fldbench.faces import FaceSet
from fldbench.method import Method, make_method
from fldbench.params import parameters_of

SEPARATOR = "/"  # between a member's number and the names of its learned values
SHARED = ("threads", "random_state")  # parameters that a member takes over from the method that it is part of


class Composed(Method):
    """Keep the fitted members in `members_`; a subclass writes `_make`, `fit` and `predict`.

    The declarations follow from the members: the method uses a validation set if one of them does, threads change
    nothing if they change nothing in any of them, and it has seen the faces that one of them has seen.

    Attributes
    ----------
    members_ : list of Method
        The fitted members, in the order of `members`.
    """

    def _make(self) -> list[Method]:
        """Return the members, unfitted; raise MethodError or UnknownNameError if that is impossible."""
        raise NotImplementedError

    def check_params(self) -> None:
        """Check the parameters, and those of the members, whose errors name both."""
        self._check_own()
        for member in self._make():
            try:
                member.check_params()
            except FldbenchError as error:
                raise type(error)(f"{self.label}: {member.label}: {error}") from error

    def _check_own(self) -> None:
        """Check the parameters that are no member's."""
        super().check_params()

    def _member(self, name: str, params: dict[str, Any]) -> Method:
        """Return one new member, with the parameters that it takes over."""
        member = make_method(name, **params)
        ours, its = parameters_of(type(self)), parameters_of(type(member))
        for shared in SHARED:
            if shared in ours and shared in its and shared not in params:
                setattr(member, shared, getattr(self, shared))
        return member

    def _fit_member(self, member: Method, name: str, train: FaceSet, val: FaceSet | None = None, **more: Any) -> Method:
        """Fit a member, with the validation set if it uses one; an error names the member."""
        try:
            return member.fit(train, val if member.validates else None, **more)
        except FldbenchError as error:
            raise type(error)(f"{self.label}: {name}: {error}") from error

    @property
    def members(self) -> list[Method]:
        """The members, unfitted; empty if they cannot be made, which `fit` then reports."""
        try:
            return self._make()
        except FldbenchError:
            return []

    @property
    def validates(self) -> bool:
        """Whether a member uses a validation set."""
        return any(member.validates for member in self.members)

    @property
    def changes_nothing(self) -> tuple[str, ...]:
        """Threads, unless a member learns other numbers with another number of them."""
        depends = (m for m in self.members if "threads" in m.get_params() and "threads" not in m.changes_nothing)
        return () if any(depends) else ("threads",)

    @property
    def trained_on(self) -> tuple[str, ...]:
        """The splits that the weights of a member have seen."""
        return tuple(dict.fromkeys(label for member in self.members for label in member.trained_on))

    def assemble(self, members: Sequence[Method], train: FaceSet) -> None:
        """Take fitted members, in the order of `members`, instead of fitting them."""
        self.members_ = list(members)
        facts = {member.fitted_on for member in members}
        self._fitted_on = facts.pop() if len(facts) == 1 else None

    def learned(self) -> dict[str, Any]:
        """Return what the members learned, each name behind the member's number."""
        found = enumerate(self._fitted)
        return {f"{i}{SEPARATOR}{name}": v for i, member in found for name, v in member.learned().items()}

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for a value of no member, or that its member refuses."""
        members = self._make()
        parts: list[dict[str, Any]] = [{} for _ in members]
        for name, value in learned.items():
            number, _, own = name.partition(SEPARATOR)
            if number not in map(str, range(len(members))) or not own:
                raise DataError(f"the model of {self.label} has {name!r}, which no member learns")
            parts[int(number)][own] = value
        for member, part in zip(members, parts, strict=True):
            member.check_params()
            member.restore(part)
        self.members_ = members

    @property
    def n_parameters(self) -> int:
        """The sum over the members."""
        return sum(member.n_parameters for member in self._fitted)

    @property
    def multiply_adds(self) -> int | None:
        """The sum over the members, where all of them count theirs."""
        counts = [member.multiply_adds for member in self._fitted]
        return sum(counts) if counts and None not in counts else None

    @property
    def device_(self) -> str:
        """The devices that the members were trained on."""
        return ", ".join(dict.fromkeys(member.device_ for member in self._fitted)) or "cpu"

    @property
    def _fitted(self) -> list[Method]:
        return vars(self).get("members_", [])


def checked_params(label: str, which: str, params: Any) -> dict[str, Any]:
    """Return a member's parameters as a new dict, empty for None; raise MethodError for anything but None and a dict.

    >>> checked_params("hybrid", "first_params", None)
    {}
    """
    if params is not None and not isinstance(params, dict):
        raise MethodError(must_be(label, which, params, "None or a dict of parameters"))
    return dict(params or {})
