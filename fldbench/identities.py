"""What must hold between the numbers of one result, whatever the method: NME, FR and AUC, counts, unions of subsets.

All numbers are in percent, thresholds t too. A printed number stands for every number that is rounded to it, so each
is a `Range`; a contradiction is said only where no choice within the ranges is free of it. With the CED F(e), the share
of the faces with an error of at most e:

    AUC@t = 1/t * integral of F from 0 to t, and FR@t = 1 - F(t), and NME = integral of (1 - F) from 0 to infinity

so that AUC@t >= 1 - NME / t (equal if no error exceeds t), AUC@t <= 1 - FR@t, FR@t <= NME / t, FR falls and AUC rises
with t, FR n is whole, and the mean over a union of disjoint subsets is the weighted mean of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

TOLERANCE = 1e-6  # percent points, for numbers that were computed and not printed


class Range(NamedTuple):
    """The numbers that one number may stand for, in percent; `text` is how it was written.

    >>> Range.rounded("62.7").low, Range.rounded("62.7").high
    (Fraction(1253, 20), Fraction(251, 4))
    """

    low: Fraction
    high: Fraction
    text: str = ""

    @classmethod
    def rounded(cls, text: str) -> Range:
        """Return what a decimal number was rounded from, by any rule for halves.

        >>> Range.rounded("2.50").low
        Fraction(499, 200)
        """
        value, half = _decimal(text)
        return cls(value - half, value + half, text)

    @classmethod
    def cut(cls, text: str) -> Range:
        """Return what a number was made from by leaving out its further digits.

        >>> Range.cut("22.392").high
        Fraction(22393, 1000)
        """
        value, half = _decimal(text)
        return cls(value, value + 2 * half, text)

    @classmethod
    def rounded_twice(cls, text: str) -> Range:
        """Return what a number was made from by rounding it to one more digit first, and then again.

        >>> Range.rounded_twice("11.69").meets(Range.around(100 * 86 / 736))
        True
        """
        value, half = _decimal(text)
        return cls(value - half * Fraction(11, 10), value + half, text)

    @classmethod
    def written(cls, text: str) -> Range:
        """Return what a number may stand for if it was rounded, cut or rounded twice: nobody says which.

        >>> Range.written("22.392").meets(Range.around(100 * 73 / 326))
        True
        """
        return cls(cls.rounded_twice(text).low, cls.cut(text).high, text)

    @classmethod
    def around(cls, value: float, tolerance: float = TOLERANCE) -> Range:
        """Return a computed number with a tolerance."""
        exact, around = Fraction(value), Fraction(tolerance)
        return cls(exact - around, exact + around, f"{value:g}")

    def wider(self, below: float | Fraction, above: float | Fraction) -> Range:
        """Return the range with its ends moved outwards."""
        return Range(self.low - Fraction(below), self.high + Fraction(above), self.text)

    def times(self, low: Fraction, high: Fraction) -> Range:
        """Return the range of the products with factors from low to high, both positive."""
        return Range(min(self.low * low, self.low * high), max(self.high * low, self.high * high), self.text)

    def meets(self, other: Range) -> bool:
        """Return whether both may stand for the same number.

        >>> Range.rounded("3.4").meets(Range.rounded("3.44")), Range.rounded("3.4").meets(Range.rounded("3.46"))
        (True, False)
        """
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True)
class Result:
    """The numbers of one method on one set of faces, under one normaliser.

    Attributes
    ----------
    n : int or None
        Faces measured, if known.
    missed : int
        Faces without an answer: part of n, failures, zero in the AUC, and not part of the NME.
    nme : Range or None
    rates, areas : mapping of Fraction to Range
        Threshold in percent -> FR and AUC.
    """

    n: int | None = None
    missed: int = 0
    nme: Range | None = None
    rates: Mapping[Fraction, Range] = field(default_factory=dict)
    areas: Mapping[Fraction, Range] = field(default_factory=dict)


class Contradiction(NamedTuple):
    """A broken identity: which one, at which threshold, and a sentence."""

    identity: str
    threshold: Fraction | None
    text: str


def contradictions(result: Result) -> list[Contradiction]:
    """Return the identities that a result breaks, whatever its numbers were rounded from; nothing for a sound one.

    >>> numbers = {"nme": Range.rounded("4.58"), "areas": {Fraction(10): Range.rounded("51.49")}}
    >>> contradictions(Result(**numbers))[0].text
    'AUC@10% is 51.49; must be at least 54.15, which is 1 - NME / t'
    """
    return [*_limits(result), *_counts(result), *_areas(result), *_order(result)]


def counts(rate: Range, n: int) -> range:
    """Return the numbers of faces, out of n, whose share is within a rate in percent.

    >>> list(counts(Range.rounded("0.73"), 689)), list(counts(Range.rounded("0.70"), 689))
    ([5], [])
    """
    return range(max(0, math.ceil(rate.low * n / 100)), min(n, math.floor(rate.high * n / 100)) + 1)


def mean_of_parts(parts: Sequence[tuple[Range, int]]) -> Range:
    """Return the weighted mean of (number, faces) over disjoint subsets.

    >>> mean_of_parts([(Range.around(2.0, 0), 3), (Range.around(4.0, 0), 1)]).low
    Fraction(5, 2)
    """
    n = sum(faces for _, faces in parts)
    low = sum((one.low * faces for one, faces in parts), Fraction(0))
    high = sum((one.high * faces for one, faces in parts), Fraction(0))
    return Range(low / n, high / n)


def mean_of_failures(result: Result, threshold: Fraction) -> Range | None:
    """Return what the mean error of the failing faces must be, by NME - t (1 - AUC) = FR (mean - t).

    None where the three numbers are not all known, or the rate may be 0.

    >>> found = Result(nme=Range.around(5.0, 0), rates={Fraction(10): Range.around(1.0, 0)},
    ...                areas={Fraction(10): Range.around(60.0, 0)})
    >>> float(mean_of_failures(found, Fraction(10)).low)
    110.0
    """
    nme, rate, area = result.nme, result.rates.get(threshold), result.areas.get(threshold)
    if nme is None or rate is None or area is None or rate.low <= 0:
        return None
    over = nme.low - threshold * (1 - area.low / 100), nme.high - threshold * (1 - area.high / 100)
    ends = [100 * one / end for one in over for end in (rate.low, rate.high)]
    return Range(threshold + max(Fraction(0), min(ends)), threshold + max(Fraction(0), *ends))


def number(value: Fraction | float) -> str:
    """Return a number for a sentence, with at most three decimals.

    >>> number(Fraction(1083, 20)), number(Fraction(8)), number(Fraction(-(10**400)))
    ('54.15', '8', '-inf')
    """
    try:
        shown = float(value)
    except OverflowError:  # it is larger than any float
        shown = math.inf if value > 0 else -math.inf
    return f"{shown:.3f}".rstrip("0").rstrip(".")


def _decimal(text: str) -> tuple[Fraction, Fraction]:
    """Return a decimal number, and half a unit of its last digit."""
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    return Fraction(value), Fraction(10) ** int(exponent) / 2


def _limits(result: Result) -> list[Contradiction]:
    found = []
    if result.nme is not None and result.nme.high < 0:
        found.append(Contradiction("limits", None, f"NME is {result.nme.text}; must be at least 0"))
    for name, values in (("FR", result.rates), ("AUC", result.areas)):
        for t, value in values.items():
            if value.high < 0 or value.low > 100:
                text = f"{name}@{number(t)}% is {value.text}; must be from 0 to 100"
                found.append(Contradiction("limits", t, text))
    return found


def _counts(result: Result) -> list[Contradiction]:
    """FR n is whole, and at least the missed faces."""
    n, found = result.n, []
    if n is None:
        return []
    for t, rate in result.rates.items():
        whole = counts(rate, n)
        if not whole and rate.low <= 100 and rate.high >= 0:
            text = f"FR@{number(t)}% is {rate.text}; no whole number of {n} faces is that share"
            found.append(Contradiction("whole", t, text))
        elif whole and whole[-1] < result.missed:
            failed = f"{rate.text}, {whole[-1]} of {n} faces"
            text = f"FR@{number(t)}% is {failed}; must be at least the {result.missed} missed"
            found.append(Contradiction("missed", t, text))
    return found


def _areas(result: Result) -> list[Contradiction]:
    """AUC >= f (1 - NME / t) and FR - m <= f NME / t, with the found share f and the missed share m; AUC <= 1 - FR."""
    share = Fraction(1) if not result.n else 1 - Fraction(result.missed, result.n)
    of_found = "" if share == 1 else " of the found"
    found = []
    for t in sorted({*result.rates, *result.areas}):
        rate, area, at = result.rates.get(t), result.areas.get(t), f"@{number(t)}%"
        most = 100 if rate is None else 100 - rate.low
        if result.nme is not None:
            least = 100 * share * (1 - result.nme.high / t)
            if area is not None and area.high < least:
                text = f"AUC{at} is {area.text}; must be at least {number(least)}, which is 1 - NME / t{of_found}"
                found.append(Contradiction("auc-least", t, text))
            loosest = 100 * share * (1 - result.nme.low / t)
            if area is not None and _nobody_fails(rate, result.n) and share == 1 and area.low > loosest:
                text = f"AUC{at} is {area.text}; must be {number(loosest)}, which is 1 - NME / t, as nobody fails"
                found.append(Contradiction("auc-equal", t, text))
            largest = 100 * share * result.nme.high / t + 100 * (1 - share)
            if rate is not None and rate.low > largest:
                text = f"FR{at} is {rate.text}; must be at most {number(largest)}, which is NME / t{of_found}"
                found.append(Contradiction("fr-most", t, text))
        if area is not None and area.low > most:
            text = f"AUC{at} is {area.text}; must be at most {number(most)}, which is 1 - FR"
            found.append(Contradiction("auc-most", t, text))
    return found


def _nobody_fails(rate: Range | None, n: int | None) -> bool:
    """Return whether a rate can only be that of no face at all."""
    return rate is not None and (rate.high <= TOLERANCE if n is None else counts(rate, n) == range(1))


def _order(result: Result) -> list[Contradiction]:
    """A larger threshold has no more failures and no smaller area."""
    found = []
    for name, values, sign in (("FR", result.rates, 1), ("AUC", result.areas, -1)):
        ordered = sorted(values)
        for i, first in enumerate(ordered):
            for second in ordered[i + 1 :]:
                one, other = values[first], values[second]
                if (other.low > one.high) if sign > 0 else (other.high < one.low):
                    word = "at most" if sign > 0 else "at least"
                    limit = f"{word} the {one.text} at {number(first)} %"
                    text = f"{name}@{number(second)}% is {other.text}; must be {limit}"
                    found.append(Contradiction("order", second, text))
    return found
