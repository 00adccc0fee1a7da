"""The interval of a number, or of a difference of two."""

from __future__ import annotations

from dataclasses import dataclass, replace

LEVEL = 0.95
BOOTSTRAP, BINOMIAL, EXACT = "bootstrap", "binomial", "exact"


@dataclass(frozen=True)
class Interval:
    """A number or a difference, and its interval.

    Attributes
    ----------
    value, low, high : float
        In the unit of the measure; NaN where it cannot be told.
    degrees : float
        Degrees of freedom of the widening; few where few trainings decide.
    over_seeds : bool
        Whether it counts the chance of the trainings too; False where a method has one training, and then the interval
        is about these trained models alone.
    error : float
        Standard error of the value; NaN where it cannot be told.
    rule : str
        How it was found: bootstrap; binomial, for a rate; or exact, for a rate of 0 or 1.
    """

    value: float
    low: float
    high: float
    degrees: float
    over_seeds: bool
    error: float = float("nan")
    rule: str = BOOTSTRAP

    @property
    def sign(self) -> int:
        """-1 if the whole interval is below zero, 1 if above, else 0: undecided.

        >>> Interval(-2.0, -3.0, -1.0, 8.0, True).sign, Interval(1.0, -1.0, 3.0, 8.0, True).sign
        (-1, 0)
        """
        return -1 if self.high < 0 else int(self.low > 0)

    def times(self, factor: float) -> Interval:
        """Return it in another unit; the factor is above zero, such as 100 for percent.

        >>> Interval(0.25, 0.125, 0.5, 8.0, True, 0.125).times(100)
        Interval(value=25.0, low=12.5, high=50.0, degrees=8.0, over_seeds=True, error=12.5, rule='bootstrap')
        """
        numbers = {name: factor * getattr(self, name) for name in ("value", "low", "high", "error")}
        return replace(self, **numbers)
