"""What is said of two methods that were compared face by face."""

from __future__ import annotations

import math

from fldbench.report.face_by_face import PairFound
from fldbench.report.face_errors import FaceErrors
from fldbench.stats import Interval

LEAST = 0.001  # a smaller p value is written as smaller


def points_text(value: float, decimals: int = 2, signed: bool = False) -> str:
    """Return a number, or - for none.

    >>> points_text(3.456), points_text(-0.004, signed=True), points_text(float("nan"))
    ('3.46', '-0.00', '-')
    """
    return (f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}") if math.isfinite(value) else "-"


def interval_text(found: Interval, decimals: int = 2, signed: bool = False) -> str:
    """Return a value and its interval, where there is one.

    >>> interval_text(Interval(3.456, 3.4, 3.51, 9.0, False))
    '3.46 [3.40, 3.51]'
    """
    low, high = (points_text(one, decimals, signed) for one in (found.low, found.high))
    value = points_text(found.value, decimals, signed)
    return value if math.isnan(found.low) else f"{value} [{low}, {high}]"


def p_text(p: float) -> str:
    """Return a p value.

    >>> p_text(0.0312), p_text(1e-9), p_text(1.0)
    ('0.031', '< 0.001', '1.000')
    """
    return f"< {LEAST:g}" if p < LEAST else f"{p:.3f}"


def sentences(pair: PairFound, first: FaceErrors, rope: float) -> list[str]:
    """Return what a pair says, one sentence a line; `first` is one of the two."""
    of_all = len(first.ids)
    lines = [_effect(pair, of_all), *_tests(pair, first), _verdict(pair, rope), _reach(pair)]
    if pair.deciding:
        told = [f"{one.id} ({one.first:.2f} and {one.second:.2f} %)" for one in pair.deciding]
        without = points_text(pair.without_deciding, signed=True)
        lines.append(
            f"The {len(told)} faces with the largest differences; without them the difference is {without}: "
            f"{', '.join(told)}."
        )
    else:
        lines.append("No face has different errors.")
    return lines


def _effect(pair: PairFound, of_all: int) -> str:
    d = pair.difference
    counted = f"{pair.n} faces" if pair.n == of_all else f"the {pair.n} of {of_all} faces that both answered"
    groups = f" in {pair.n_groups} groups" if pair.n_groups != pair.n else ""
    over = " and their trainings" if d.over_seeds else ""
    if d.value == 0:
        effect = f"{pair.first} and {pair.second} have the same NME"
    else:
        lower, higher = (pair.first, pair.second) if d.value > 0 else (pair.second, pair.first)
        low, high = (d.low, d.high) if d.value > 0 else (-d.high, -d.low)
        told = "" if math.isnan(d.low) else f" [{points_text(low)}, {points_text(high)}]"
        effect = f"{lower} has a lower NME than {higher}, by {points_text(abs(d.value))}{told} percentage points"
    return f"{effect}, over {counted}{groups}{over}."


def _tests(pair: PairFound, first: FaceErrors) -> list[str]:
    name = "Test over faces and trainings" if pair.test == "behrens-fisher" else "Permutation test"
    threshold = 100 * first.protocol.thresholds[0]
    b = pair.first_better
    mean = ", in the mean over pairs of trainings" if pair.difference.over_seeds else ""
    chance = "" if math.isnan(b.low) else f" [{b.low:.0f}, {b.high:.0f}]"
    return [
        f"{name}: p {_equals(pair.p)}; Wilcoxon: p {_equals(pair.p_wilcoxon)}. On a face, {pair.first} errs less than "
        f"{pair.second} with a chance of {b.value:.0f} %{chance}; equal errors count half, a missed face as worse.",
        f"Failures at {threshold:g} %{mean}: {_count(pair.only_first_fails)} faces fail with {pair.first} alone, "
        f"{_count(pair.only_second_fails)} with {pair.second} alone; McNemar: p {_equals(pair.p_mcnemar)}.",
    ]


def _count(faces: float) -> str:
    return f"{faces:.1f}".removesuffix(".0")


def _equals(p: float) -> str:
    return p_text(p) if p < LEAST else f"= {p_text(p)}"


def _verdict(pair: PairFound, rope: float) -> str:
    """Return the verdict in words, and why it is not that of the interval alone."""
    within = f"differences up to {rope:g} points taken as equivalent"
    words = {
        "first better": f"{pair.first} is better",
        "second better": f"{pair.second} is better",
        "equivalent": "both are equivalent",
        "undecided": "undecided",
    }[pair.verdict]
    if pair.verdict == "undecided" and pair.difference.sign:
        words += ": the difference is not zero, but may be too small to matter"
    return f"Verdict, {within}: {words}."


def _reach(pair: PairFound) -> str:
    smallest = points_text(pair.smallest)
    if smallest == "-":
        return "What these faces can show is not known: they are one group."
    shows = f"Such faces show a difference of {smallest} points of this pair with a chance of 80 %"
    if pair.difference.value == 0:
        return f"{shows}."
    if not math.isfinite(pair.faces_needed):
        return f"{shows}; more faces do not decide this one, the trainings vary too much: add seeds."
    needed = math.ceil(pair.faces_needed)
    enough = "fewer than there are" if needed <= pair.n else f"{needed / pair.n:.1f} times as many as here"
    return f"{shows}; a difference as large as the measured one needs about {needed:,} faces, {enough}."
