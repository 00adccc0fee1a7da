"""Base of the methods that answer the attributes, and how sure they are, as their members do."""

from __future__ import annotations

from fldbench.baselines.parts.composed import Composed
from fldbench.params import LANDMARKS


class Answering(Composed):
    """Declare the members' attributes; a subclass writes `predict_attributes`, which says whose answers they are.

    `Composed` alone is for methods that answer attributes by heads of their own.
    """

    @property
    def tasks(self) -> tuple[str, ...]:
        """The landmarks, and every attribute that a member answers."""
        return tuple(dict.fromkeys([LANDMARKS, *(task for member in self.members for task in member.tasks)]))

    @property
    def classes_(self) -> dict[str, list[str]]:
        """The classes of each attribute; the members were fitted on the same faces."""
        return {name: some for member in self.members_ for name, some in getattr(member, "classes_", {}).items()}
