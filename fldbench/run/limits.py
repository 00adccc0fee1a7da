"""What a cell may take before it is ended."""

from __future__ import annotations

import math
from typing import NamedTuple

from fldbench.errors import SuiteError, must_be


class Limits(NamedTuple):
    """Of one cell: a model, its fit and everything that is measured with it.

    Attributes
    ----------
    seconds : float
        Wall-clock time.
    memory_gb : float
        Memory of all its processes together, in units of 10^9 bytes; shared pages count once. It is looked at twice a
        second, and on Linux alone.
    """

    seconds: float = math.inf
    memory_gb: float = math.inf

    def checked(self) -> Limits:
        """Return the limits if both are above zero; raise SuiteError if not.

        >>> Limits(60).checked()
        Limits(seconds=60, memory_gb=inf)
        """
        for name, value in self._asdict().items():
            if not value > 0:
                raise SuiteError(must_be("limits of a cell", name, value, "above 0"))
        return self
