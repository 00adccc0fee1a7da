"""How bad is a broken identity? Impossible, or possible with one convention that somebody uses.

A published number may be measured in an unusual way and be right. So each contradiction is tried again under every
convention of the field, one at a time, and only one that none of them removes is called impossible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from fldbench.identities import Contradiction, Range, Result, contradictions, counts, mean_of_failures, number
from fldbench.protocols.legacy import rule_error

THRESHOLDS = tuple(map(Fraction, (5, 7, 8, 10)))  # percent, those in use
FINE_RULES = ("menpo", "san", "luvli", "spiga")  # so near to the exact area that nobody need say which was used
COARSE_RULES = {"fan": "FAN's sum over samples 0.1 % apart", "mdm": "the MDM paper's steps of 0.5 %"}
RATIO = (Fraction("1.38"), Fraction("1.52"))  # inter-pupil NME to inter-ocular: 1.39 to 1.44, and 1.51 for large poses
LOST = Fraction(100)  # percent of the normaliser: a mean error of failing faces beyond it is hardly a detection
UNKNOWN_N = 100  # faces assumed where the number is not known and a bound needs it


class Grade(StrEnum):
    """What can be said of a number."""

    impossible = "impossible"
    only_with = "only with an unusual convention"
    consistent = "consistent"


@dataclass(frozen=True)
class Context:
    """What is known beside the numbers: how many points each face has, and other test sets (name -> faces)."""

    points: int | None = None
    other_sets: Mapping[str, int] = field(default_factory=dict)


NOTHING_KNOWN = Context()


class Judged(NamedTuple):
    """A contradiction, its grade, and the conventions that would remove it, in words."""

    contradiction: Contradiction
    grade: Grade
    remedies: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return a sentence that claims no more than was tried.

        >>> broken = Contradiction("auc-most", Fraction(8), "AUC@8% is 99; must be at most 90, which is 1 - FR")
        >>> Judged(broken, Grade.impossible, ()).text
        'AUC@8% is 99; must be at most 90, which is 1 - FR. No convention known to fldbench allows it.'
        >>> Judged(broken, Grade.only_with, ("the FR is at 5 %",)).text
        'AUC@8% is 99; must be at most 90, which is 1 - FR. It can be right only if the FR is at 5 %.'
        """
        if self.grade is Grade.impossible:
            return f"{self.contradiction.text}. No convention known to fldbench allows it."
        return f"{self.contradiction.text}. It can be right only if {', or '.join(self.remedies)}."


def judged(result: Result, context: Context = NOTHING_KNOWN) -> list[Judged]:
    """Return the contradictions of a printed result with their grades; nothing for a consistent one.

    Also returned, as possible only with it, is a result whose failing faces must be off by more than the normaliser.

    >>> printed = Result(n=507, nme=Range.rounded("5.27"), areas={Fraction(10): Range.rounded("35.86")})
    >>> [(one.grade.value, one.remedies[0]) for one in judged(printed)]
    [('only with an unusual convention', 'the AUC is at 5, 7 or 8 %, not 10 %')]
    """
    base = widened(result)
    broken = _problems(base)
    keys = {_key(one) for one in broken}
    tried = (
        [] if not broken else [(one, {_key(x) for x in _problems(one.result)}) for one in _conventions(base, context)]
    )
    found = []
    for one in broken:
        remedies = _in_words([convention for convention, left in tried if _key(one) not in left and left <= keys])
        if one.identity == "failures":
            remedies = (_lost_faces(base, one.threshold or Fraction(0)), *remedies)
        found.append(Judged(one, Grade.only_with if remedies else Grade.impossible, remedies))
    return found


def widened(result: Result) -> Result:
    """Return a result whose areas may come from any rule that is near to the exact one."""
    n = result.n or UNKNOWN_N
    return replace(result, areas={t: by_any_fine_rule(area, t, n) for t, area in result.areas.items()})


def by_any_fine_rule(area: Range, threshold: Fraction, n: int) -> Range:
    """Return the exact areas that an AUC may stand for, by whichever of the fine rules it was computed."""
    # An area that a rule puts too high by some points stands for an exact one that is lower by as much.
    ranges = [by_rule({threshold: area}, rule, n)[threshold] for rule in FINE_RULES]
    return Range(min(one.low for one in ranges), max(one.high for one in ranges), area.text)


def by_rule(areas: Mapping[Fraction, Range], rule: str, n: int) -> dict[Fraction, Range]:
    """Return the exact areas that areas by a rule may stand for."""
    errors = {t: rule_error(rule, float(t) / 100, n) for t in areas}
    return {t: area.wider(100 * errors[t][1], 100 * errors[t][0]) for t, area in areas.items()}


def _problems(result: Result) -> list[Contradiction]:
    """Return what a result breaks; if it breaks nothing, where its failing faces would be off by too much."""
    found = contradictions(result)
    for t in sorted(result.areas) if not found else ():
        mean = mean_of_failures(result, t)
        if mean is not None and mean.low > LOST and result.nme is not None:
            text = f"AUC@{number(t)}% is {result.areas[t].text} beside NME {result.nme.text}"
            found.append(Contradiction("failures", t, f"{text} and FR {result.rates[t].text}"))
    return found


def _lost_faces(result: Result, t: Fraction) -> str:
    """Return how far off the failing faces must be."""
    mean, failing = mean_of_failures(result, t), "the failing faces have"
    if result.n and (possible := counts(result.rates[t], result.n)):
        failing = f"the {possible[-1]} failing faces of {result.n} have"
    return f"{failing} a mean error of at least {0 if mean is None else float(mean.low):.0f} % of the normaliser"


def _in_words(conventions: list[_Convention]) -> tuple[str, ...]:
    """Return conventions in words; those that differ in one value are one, and two changes are told if none is enough.

    >>> moved = [_Convention("the AUC is at {} %", Result(), value) for value in ("5", "7", "8")]
    >>> _in_words(moved)
    ('the AUC is at 5, 7 or 8 %',)
    """
    single = [one for one in conventions if not one.double] or conventions
    values: dict[str, list[str]] = {}
    for one in single:
        values.setdefault(one.words, []).append(one.value)
    return tuple(
        words.format(" or ".join(filter(None, [", ".join(some[:-1]), some[-1]]))) for words, some in values.items()
    )


def _key(one: Contradiction) -> tuple[str, Fraction | None]:
    return one.identity, one.threshold


class _Convention(NamedTuple):
    """A convention in words, with {} where its value stands, and the result as it is to be read under it."""

    words: str
    result: Result
    value: str = ""
    double: bool = False


def _conventions(result: Result, context: Context) -> Iterator[_Convention]:
    """Yield the conventions, the usual ones first."""
    yield from _at_other_thresholds(result)
    yield from _rates_written_otherwise(result, context)
    yield from _of_two_normalisers(result)
    for rule, words in COARSE_RULES.items():
        n = result.n or UNKNOWN_N
        yield _Convention(f"the AUC is by {words}", replace(result, areas=by_rule(result.areas, rule, n)))
    for t, area in result.areas.items():
        rate = result.rates.get(t)
        if rate is not None and Range(100 - rate.high, 100 - rate.low).meets(area):
            left = {other: one for other, one in result.areas.items() if other != t}
            yield _Convention("the AUC is the share of successes, 1 - FR", replace(result, areas=left))
    yield from _with_missed_faces(result)


def _with_missed_faces(result: Result) -> Iterator[_Convention]:
    """Yield the smallest number of missed faces that removes every contradiction."""
    if not result.n or not result.rates:
        return
    failing = [counts(rate, result.n) for rate in result.rates.values()]
    most = min(possible[-1] if possible else 0 for possible in failing)
    # The more were missed, the less is asked of the others; so the smallest number is found by halving.
    least, enough = 1, most + 1
    while least < enough:
        half = (least + enough) // 2
        if contradictions(replace(result, missed=half)):
            least = half + 1
        else:
            enough = half
    if least <= most:
        words = f"at least {least} of {result.n} faces were missed, failed, and left out of the NME"
        yield _Convention(words, replace(result, missed=least))


def _at_other_thresholds(result: Result) -> Iterator[_Convention]:
    areas, rates = result.areas, result.rates
    for t, other in ((t, other) for t in areas for other in THRESHOLDS if other not in areas):
        words = f"the AUC is at {{}} %, not {number(t)} %"
        yield _Convention(words, replace(result, areas=_moved(areas, t, other)), number(other))
    for t, other in ((t, other) for t in rates for other in THRESHOLDS if other not in rates):
        words = f"the FR is at {{}} %, not {number(t)} %"
        yield _Convention(words, replace(result, rates=_moved(rates, t, other)), number(other))
    if len(areas) == 1 and rates.keys() == areas.keys():
        (t,) = areas
        for other in THRESHOLDS:
            both = replace(result, areas=_moved(areas, t, other), rates=_moved(rates, t, other))
            yield _Convention(f"AUC and FR are at {{}} %, not {number(t)} %", both, number(other), double=True)


def _moved(values: Mapping[Fraction, Range], t: Fraction, other: Fraction) -> dict[Fraction, Range]:
    return {other if one == t else one: value for one, value in values.items()}


def _rates_written_otherwise(result: Result, context: Context) -> Iterator[_Convention]:
    for t, rate in result.rates.items():

        def with_rate(words: str, value: Range, n: int | None = result.n, t: Fraction = t) -> _Convention:
            rates = {**result.rates, t: value}
            return _Convention(f"FR@{number(t)}% is {words}", replace(result, n=n, rates=rates))

        written = {"cut after its last digit, not rounded": Range.cut, "rounded twice": Range.rounded_twice}
        for words, reading in written.items():
            whole = counts(reading(rate.text), result.n) if result.n else ()
            faces = f"{whole[0]} of {result.n} faces, " if whole and whole[0] == whole[-1] else ""
            yield with_rate(faces + words, reading(rate.text))
        as_fraction = Range(rate.low * 100, rate.high * 100, rate.text)
        if rate.low > 0 and as_fraction.high <= 100:
            yield with_rate(f"a fraction, {number(Fraction(rate.text) * 100)} %", as_fraction)
        if context.points and result.n and (whole := counts(rate, result.n * context.points)):
            total = result.n * context.points
            yield with_rate(f"of points, {whole[0]} of {total}, and not of faces", rate, total)
        for name, n in context.other_sets.items():
            if n != result.n and (whole := counts(rate, n)):
                yield with_rate(f"of {name}, {whole[0]} of {n} faces", rate, n)


def _of_two_normalisers(result: Result) -> Iterator[_Convention]:
    if result.nme is None or not (result.areas or result.rates):
        return
    both = "the inter-pupil distance", "the inter-ocular distance"
    for (low, high), (one, other) in (((1 / RATIO[1], 1 / RATIO[0]), both), (RATIO, both[::-1])):
        words = f"the NME is by {one}, and FR and AUC by {other}"
        yield _Convention(words, replace(result, nme=result.nme.times(low, high)))
