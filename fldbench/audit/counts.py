"""How many faces are behind rounded rates?

A rate is a whole number of faces divided by all of them, so that its rounding tells which numbers of faces are possible
(GRIM: Brown and Heathers, Social Psychological and Personality Science 8, 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fldbench.identities import Range, counts

LARGEST = 5000  # faces; from about 100 / (width of a rate) on, every number is possible
READINGS: dict[str, Callable[[str], Range]] = {
    "rounded": Range.rounded,
    "cut after the last digit": Range.cut,
    "rounded twice": Range.rounded_twice,
}


def possible_counts(rates: Sequence[Range], largest: int = LARGEST) -> np.ndarray:
    """Return the numbers of faces n, rising, of which each rate (percent) is a whole number k / n.

    >>> possible_counts([Range.rounded("0.73")])[:4].tolist()
    [137, 273, 274, 275]
    >>> possible_counts([Range.rounded("0.73"), Range.rounded("1.16")])[:3].tolist()
    [687, 688, 689]
    """
    n = np.arange(1, largest + 1).astype(object)  # a rate of 17 digits has fractions of more than 64 bits
    possible = np.ones(largest, bool)
    for rate in rates:
        low, high = rate.low / 100, rate.high / 100
        least = -(-max(low.numerator, 0) * n // low.denominator)
        most = np.minimum(high.numerator * n // high.denominator, n)
        possible &= (least <= most).astype(bool)
    return n[possible].astype(int)


def failures(text: str, n: int) -> tuple[str, range] | None:
    """Return how a rate of n faces was written, and the numbers of faces that it may be; None where none fits.

    >>> failures("0.73", 689), failures("22.392", 326), failures("0.02", 507)
    (('rounded', range(5, 6)), ('cut after the last digit', range(73, 74)), None)
    """
    for words, reading in READINGS.items():
        found = counts(reading(text), n)
        if found:
            return words, found
    return None
