"""One published claim, such as "300w-full nme 2.98 fr 0.73 auc 62.7": which conventions give it within its rounding?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from fldbench.audit.counts import LARGEST, READINGS, failures, possible_counts
from fldbench.audit.grades import (
    COARSE_RULES,
    LOST,
    THRESHOLDS,
    UNKNOWN_N,
    Context,
    Grade,
    Judged,
    by_rule,
    judged,
    widened,
)
from fldbench.audit.headings import MetricHeading, in_percent, is_fraction, metric_of
from fldbench.audit.table_files import NO_NUMBER
from fldbench.errors import DataError, must_be
from fldbench.files import listed
from fldbench.identities import Range, Result, contradictions, mean_of_failures, number
from fldbench.protocols import Protocol, get_protocol, list_protocols
from fldbench.protocols.legacy import AUC_RULES
from fldbench.protocols.published import published
from fldbench.schemes import get_scheme

EXAMPLE = "'300w-full nme 2.98 fr 0.73 auc 62.7'"
SHOWN = 8  # possible numbers of faces that are listed
_VALUE = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Claim:
    """Numbers that somebody states.

    Attributes
    ----------
    protocol : Protocol or None
        What they are said to be measured under, if it was given.
    n : int or None
        The number of faces; by default that of the protocol.
    numbers : tuple of (MetricHeading, str)
        Metric and threshold, and the number in percent with its digits.
    fractions : bool
        Whether they were given as fractions.
    """

    protocol: Protocol | None
    n: int | None
    numbers: tuple[tuple[MetricHeading, str], ...]
    fractions: bool = False

    @property
    def thresholds(self) -> tuple[Fraction, ...]:
        """Thresholds that numbers without one may have; one that another number has comes alone."""
        given = {one.threshold for one, _ in self.numbers if one.threshold is not None}
        open_ones = [one for one, _ in self.numbers if one.metric != "nme" and one.threshold is None]
        return tuple(sorted(given)) if len(given) == 1 or not open_ones else THRESHOLDS

    def at(self, threshold: Fraction) -> Result:
        """Return the numbers as a result, with this threshold where none is given."""
        result = Result(n=self.n)
        for (metric, own), text in self.numbers:
            value, t = Range.rounded(text), own or threshold
            if metric == "nme":
                result = replace(result, nme=value)
            elif metric == "fr":
                result = replace(result, rates={**result.rates, t: value})
            else:
                result = replace(result, areas={**result.areas, t: value})
        return result


@dataclass(frozen=True)
class ClaimAudit:
    """What was found: the grade, a line for each fact, and the sentences that sum it up."""

    grade: Grade
    facts: tuple[str, ...] = field(default=())
    sentences: tuple[str, ...] = field(default=())


def parse_claim(text: str, n: int | None = None) -> Claim:
    """Return the claim of a string: PROTOCOL, which may be left out, then metrics and numbers in percent.

    A threshold stands with its metric, as fr08, fr@8% or fr@0.08. Numbers may be fractions where their size tells it.

    Raises
    ------
    DataError
        For anything else, with an example.

    >>> claim = parse_claim("300w-full nme 2.98 fr@8% 0.73 auc 62.7")
    >>> claim.n, [text for _, text in claim.numbers], [number(t) for t in claim.thresholds]
    (689, ['2.98', '0.73', '62.7'], ['8'])
    """
    if long := NO_NUMBER.search(text):
        raise DataError(f"--claim: {long[0][:20]}... has too many digits for a number; correct it")
    first, rest = [*text.split(maxsplit=1), "", ""][:2]
    name, rest = ("", text) if _metric(first) else (first.rstrip(",;:"), rest)  # a protocol has = and , of its own
    protocol = get_protocol(name) if name else None
    words = rest.replace("=", " ").replace(",", " ").replace(";", " ").replace(": ", " ").split()
    numbers: list[tuple[MetricHeading, str]] = []
    while words:
        metric = _metric(words.pop(0))
        value = words.pop(0).rstrip("%") if words else ""
        if metric is None or not _VALUE.fullmatch(value):
            raise DataError(must_be("--claim", "the claim", text, "[PROTOCOL] METRIC VALUE ...", f"such as {EXAMPLE}"))
        if metric in [one for one, _ in numbers]:
            raise DataError(f"--claim: {metric.metric} is given twice; give each number once, such as {EXAMPLE}")
        numbers.append((metric, value))
        words = words[1:] if words[:1] == ["%"] else words
    if not numbers:
        raise DataError(must_be("--claim", "the claim", text, "[PROTOCOL] METRIC VALUE ...", f"such as {EXAMPLE}"))
    as_fractions = any(is_fraction(one.metric, [value]) for one, value in numbers)
    shown = tuple((one, in_percent(value, as_fractions)) for one, value in numbers)
    faces = n if n is not None or protocol is None else protocol.n_expected
    return Claim(protocol, faces, shown, as_fractions)


def audit_claim(claim: Claim) -> ClaimAudit:
    """Return which thresholds and AUC rules give a claim, and how many faces are behind its rates."""
    facts = [*_about_faces(claim), *_about_published(claim)]
    if not claim.thresholds:
        return ClaimAudit(Grade.consistent, tuple(facts), ("An NME alone contradicts nothing; give FR or AUC too.",))
    fits: list[_Fit] = []
    for t in claim.thresholds:
        line, fit = _at(claim, t)
        if len(claim.numbers) > 1:  # one number alone fits at every threshold, or at none
            facts.append(f"{'at ' + number(t) + ' %: ' if len(claim.thresholds) > 1 else ''}{line}")
        fits += [fit] if fit else []
    faces = "" if claim.n is None else f" on {claim.n} faces"
    usual = [fit for fit in fits if not fit.coarse]
    if len(usual) == len(claim.thresholds) > 1 and not any(one.metric == "auc" for one, _ in claim.numbers):
        anyhow = f"The numbers fit together{faces}, whatever their threshold."
        return ClaimAudit(Grade.consistent, tuple(facts), (anyhow,))
    said = "; or ".join(fit.words for fit in sorted(usual or fits, key=lambda fit: fit.failing))
    if usual:
        return ClaimAudit(Grade.consistent, tuple(facts), (f"The numbers fit together{faces}: {said}.",))
    if fits:
        return ClaimAudit(Grade.only_with, tuple(facts), (f"The numbers{faces} can be right only {said}.",))
    found = _judged_at_best(claim)
    if all(one.grade is Grade.only_with for one in found):
        return ClaimAudit(Grade.only_with, tuple(facts), tuple(one.text for one in found))
    wrong = next(one.contradiction.text for one in found if one.grade is Grade.impossible)
    sentence = f"No convention known to fldbench gives this claim: {wrong}."
    return ClaimAudit(Grade.impossible, tuple(facts), (sentence,))


def _metric(word: str) -> MetricHeading | None:
    return metric_of(word) if re.match(r"(?i)(nme|fr|auc)", word) else None


def _judged_at_best(claim: Claim) -> list[Judged]:
    """Return the contradictions at the threshold that has the least of them; of the protocol's own first."""
    own = [] if claim.protocol is None else [100 * Fraction(str(t)) for t in claim.protocol.thresholds]
    order = sorted(claim.thresholds, key=lambda t: t not in own)
    points = None if claim.protocol is None else get_scheme(claim.protocol.scheme).n_points
    context = Context(points=points, other_sets=_other_sets(claim))
    every = [judged(claim.at(t), context) for t in order]
    return min(every, key=lambda found: sum(one.grade is Grade.impossible for one in found))


def _other_sets(claim: Claim) -> dict[str, int]:
    if claim.protocol is None:
        return {}
    bases = [get_protocol(name) for name in list_protocols()]
    return {base.name: base.n_expected for base in bases if base.dataset == claim.protocol.dataset}


def _about_faces(claim: Claim) -> Iterator[str]:
    rates = [(one, text) for one, text in claim.numbers if one.metric == "fr"]
    for one, text in rates if claim.n is not None else ():
        found = failures(text, claim.n or 0)
        at = "" if one.threshold is None else f"@{number(one.threshold)}%"
        if found is None:
            yield f"FR{at} {text} %: no whole number of {claim.n} faces"
        else:
            how, counts = found
            faces = f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
            exact = f"{float(Fraction(100 * counts[0], claim.n or 1)):.{len(text.partition('.')[2]) + 3}f}"
            aside = "" if how == "rounded" else f" if {exact} % was {how}; no whole number if it was rounded once"
            yield f"FR{at} {text} %: {faces} of {claim.n} faces{aside}"
    informative = [_read(text, claim.n) for _, text in rates if float(text) > 0]
    if informative:
        n = possible_counts(informative).tolist()
        known = sorted({(get_protocol(name).n_expected, name) for name in list_protocols()})
        sets = listed([f"{name} ({faces})" for faces, name in known if faces in n], SHOWN)
        some = listed(n, SHOWN) if n else f"none up to {LARGEST}"
        yield f"numbers of faces that give {'this rate' if len(informative) == 1 else 'these rates'}: {some}"
        yield f"known test sets with such a number: {sets or 'none'}"


def _read(text: str, n: int | None) -> Range:
    """Return what a rate stands for: as it must have been written for n faces, or rounded if that is not known."""
    found = None if n is None else failures(text, n)
    return READINGS["rounded" if found is None else found[0]](text)


def _about_published(claim: Claim) -> Iterator[str]:
    """Yield the range of published NME on these faces, by normaliser."""
    if claim.protocol is None or not any(one.metric == "nme" for one, _ in claim.numbers):
        return
    found: dict[str, list[float]] = {}
    for one in published():
        if one.metric == "nme" and one.protocol is not None:
            rules = get_protocol(one.protocol)
            if all(getattr(rules, name) == getattr(claim.protocol, name) for name in ("dataset", "split", "subset")):
                found.setdefault(rules.normaliser, []).append(float(one.value))
    ranges = [f"{name} {min(values):g} to {max(values):g} ({len(values)})" for name, values in found.items()]
    if ranges:
        yield f"published NME on these faces: {', '.join(ranges)}"


class _Fit(NamedTuple):
    """A threshold that fits: in words, whether only coarse rules of the AUC do, and how far failing faces are off."""

    words: str
    coarse: bool
    failing: float


def _at(claim: Claim, t: Fraction) -> tuple[str, _Fit | None]:
    """Return a line about one threshold, and what fits there, if anything does."""
    result = claim.at(t)
    rules = [rule for rule in AUC_RULES if _fits(result, rule)] if result.areas else []
    broken = contradictions(widened(result))
    mean = next((found for one in result.areas if (found := mean_of_failures(widened(result), one))), None)
    off = 0.0 if mean is None or broken else float(mean.low)
    failing = f"failing faces that are off by {off:.0f} % or more on average" if off > LOST / 4 else ""
    if broken and not rules:
        return f"no: {broken[0].text}", None
    if result.areas and not rules:
        return f"no: it needs {failing}", None
    fine = [rule for rule in rules if rule not in COARSE_RULES]
    by = f"AUC rule{'s' * (len(fine or rules) > 1)} {listed(fine or rules, len(AUC_RULES))}" if rules else ""
    said = " and ".join(filter(None, [by, failing]))
    where = f"FR and AUC at {number(t)} %" if len(claim.thresholds) > 1 else ""
    words = " and ".join(filter(None, [where, said])) or "as they are stated"
    fit = _Fit(f"with {words}" if where or said else words, bool(rules) and not fine, off)
    return f"yes{', with ' * bool(said)}{said}", fit


def _fits(result: Result, rule: str) -> bool:
    areas = by_rule(result.areas, rule, result.n or UNKNOWN_N)
    other = replace(result, areas=areas)
    means = [mean_of_failures(other, t) for t in areas]
    return not contradictions(other) and not any(mean is not None and mean.low > LOST for mean in means)
