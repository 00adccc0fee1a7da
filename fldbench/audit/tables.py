"""A table of results: which of its numbers contradict each other, whatever they were rounded from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

from fldbench.audit.entries import Entry, Reading, read_entries
from fldbench.audit.findings import EYES, NME, Finding, Numbers, Place, graded, joined, lines_of, name_of
from fldbench.audit.grades import RATIO, UNKNOWN_N, Context, Grade, by_any_fine_rule, judged
from fldbench.audit.headings import base_of
from fldbench.audit.table_files import read_tables
from fldbench.audit.two_normalisers import mixed_columns, ratios
from fldbench.identities import Range, Result, mean_of_parts, number
from fldbench.protocols import get_protocol, list_protocols
from fldbench.schemes import get_scheme

# Whole -> its disjoint parts, by dataset; and sets that only lie within a whole.
PARTS = {
    ("300w", "full"): ("common", "challenging"),
    ("300w", "common"): ("helen", "lfpw"),
    ("300w", "private"): ("private-indoor", "private-outdoor"),
    ("merl-rav", ""): ("frontal", "half-profile", "profile"),
}
WITHIN = {
    ("wflw", ""): ("pose", "expression", "illumination", "makeup", "occlusion", "blur"),
    ("aflw19", "full"): ("frontal",),
}


@dataclass(frozen=True)
class TableAudit:
    """Findings, and what was read: `checked` numbers, `problems` with their lines, and columns without metrics."""

    findings: tuple[Finding, ...]
    checked: int
    problems: tuple[str, ...]
    other_columns: tuple[str, ...]


def audit_table(path: str | Path) -> TableAudit:
    """Return the contradictions in the tables of a file; raise DataError for one that holds no table of results."""
    reading = read_entries(read_tables(path))
    return audit_entries(reading)


def audit_entries(reading: Reading) -> TableAudit:
    """Return the contradictions between numbers that were read."""
    rows = joined(reading.entries, reading.problems)
    findings = [*_of_results(rows), *_of_unions(rows), *ratios(rows), *mixed_columns(rows)]
    findings.sort(key=lambda one: (one.lines, one.grade.value))
    return TableAudit(
        tuple(dict.fromkeys(findings)), len(reading.entries), tuple(reading.problems), tuple(reading.other_columns)
    )


def _of_results(rows: dict[Place, Numbers]) -> Iterator[Finding]:
    """Yield the contradictions within each result."""
    for place, numbers in rows.items():
        labelled = [
            {**other, **numbers}
            for name in (*EYES, "box", "diagonal")
            if (other := rows.get(place._replace(normaliser=name))) and NME in other
        ]
        # Rates and areas without a normaliser belong to one of the NME beside them, and it is not known to which.
        groups = labelled if not place.normaliser and NME not in numbers and labelled else [numbers]
        every = [_findings(place, group) for group in groups]
        yield from min(every, key=lambda found: (sum(one.grade is Grade.impossible for one in found), len(found)))


def _findings(place: Place, numbers: Numbers) -> list[Finding]:
    printed = tuple(
        _Printed(metric, t, one.text, one.averaged, one.n, one.missed) for (metric, t), one in numbers.items()
    )
    return [
        Finding(grade, lines_of(numbers.values()), f"{place.words}: {text}")
        for grade, text in _broken(place.dataset, place.subset, printed)
    ]


class _Printed(NamedTuple):
    """A number of a result, and what is said of it."""

    metric: str
    threshold: Fraction | None
    text: str
    averaged: bool
    n: int | None
    missed: int


@lru_cache(maxsize=1000)  # a damaged table may hold one row some ten thousand times
def _broken(dataset: str, subset: str, printed: tuple[_Printed, ...]) -> list[tuple[Grade, str]]:
    """Return the contradictions between the numbers of one result, in words."""
    result = _result(printed)
    found = [(one.grade, one.text) for one in judged(result, _context(dataset, subset))]
    unsaid = [one.text for one in printed if one.metric == "auc" and one.threshold is None]
    if unsaid and result.nme is not None:
        # Whatever its threshold is: the AUC is larger at a larger one, and least at the smallest in use.
        at_least = replace(result, areas={Fraction(5): Range.written(unsaid[0])}, rates={})
        found += [(one.grade, one.text) for one in judged(at_least) if one.grade is Grade.impossible]
    return found


def _result(printed: tuple[_Printed, ...]) -> Result:
    averaged = any(one.averaged for one in printed)
    known = [(one.metric, one.threshold, Range.written(one.text)) for one in printed]
    return Result(
        n=None if averaged else next((one.n for one in printed if one.n), None),
        missed=0 if averaged else max(one.missed for one in printed),
        nme=next((value for metric, _, value in known if metric == "nme"), None),
        rates={t: value for metric, t, value in known if metric == "fr" and t is not None},
        areas={t: value for metric, t, value in known if metric == "auc" and t is not None},
    )


@cache
def _context(dataset: str, subset: str) -> Context:
    bases = [get_protocol(name) for name in list_protocols()]
    sets = {base.name: base.n_expected for base in bases if base.dataset == dataset}
    base = base_of(dataset, subset)
    return Context(points=get_scheme(get_protocol(base).scheme).n_points if base else None, other_sets=sets)


def _of_unions(rows: dict[Place, Numbers]) -> Iterator[Finding]:
    """Yield wholes that are not the weighted mean of their parts, and parts that are more than their whole."""
    for place, numbers in rows.items():
        name = place.dataset, place.subset
        for key, whole in numbers.items():
            disjoint = [_part(rows, place, part, key) for part in PARTS.get(name, ())]
            parts = [part for part in disjoint if part is not None]
            if parts and len(parts) == len(disjoint) and whole.n == sum(part.n or 0 for part in parts):
                yield from _union(place, whole, parts)
            for part in (_part(rows, place, part, key) for part in (*PARTS.get(name, ()), *WITHIN.get(name, ()))):
                if part is not None:
                    yield from _within(place, whole, part)


def _part(rows: dict[Place, Numbers], place: Place, subset: str, key: tuple[str, Fraction | None]) -> Entry | None:
    return rows.get(place._replace(subset=subset), {}).get(key)


def _union(place: Place, whole: Entry, parts: list[Entry]) -> Iterator[Finding]:
    value, weighed = _exact(whole), [(_exact(part), part.n or 0) for part in parts]
    expected = mean_of_parts(weighed)
    if expected.meets(value):
        return
    texts = [f"{part.text} ({part.subset})" for part in parts]
    limits = " to ".join(dict.fromkeys((number(expected.low), number(expected.high))))
    what = f"{name_of(whole)} {whole.text} ({whole.subset or 'full'})"
    remedies = []
    if mean_of_parts([(one, 1) for one, _ in weighed]).meets(value):
        remedies.append("the whole is the plain mean of its parts")
    orders = permutations([n for _, n in weighed])
    if any(
        mean_of_parts([(one, n) for (one, _), n in zip(weighed, order, strict=True)]).meets(value) for order in orders
    ):
        remedies.append(f"the numbers of {' and '.join(part.subset for part in parts)} are exchanged")
    if whole.metric == "nme":
        remedies += _by_another_normaliser(value, weighed, whole, parts)
    said = f"{what} must be {limits}, the weighted mean of {', '.join(texts)}"
    yield graded(place, (whole, *parts), said, remedies)


def _by_another_normaliser(
    value: Range, weighed: list[tuple[Range, int]], whole: Entry, parts: list[Entry]
) -> Iterator[str]:
    for factor in (RATIO, (1 / RATIO[1], 1 / RATIO[0])):
        if mean_of_parts(weighed).times(*factor).meets(value):
            yield f"{whole.subset or 'full'} is by another normaliser than its parts"
        for i, part in enumerate(parts):
            other = [(one.times(*factor), n) if i == j else (one, n) for j, (one, n) in enumerate(weighed)]
            if mean_of_parts(other).meets(value):
                yield f"{part.subset} is by another normaliser than the others"


def _exact(entry: Entry) -> Range:
    """Return what a number may stand for; an AUC may be by any of the fine rules."""
    value = Range.written(entry.text)
    if entry.metric != "auc":
        return value
    return by_any_fine_rule(value, entry.threshold or Fraction(5), entry.n or UNKNOWN_N)


def _within(place: Place, whole: Entry, part: Entry) -> Iterator[Finding]:
    """A sum over a part is at most that over the whole, of errors as of successes."""
    if not (whole.n and part.n) or part.n >= whole.n:
        return
    all_of, some = _exact(whole), _exact(part)
    most = all_of.high * whole.n / part.n
    said = f"{name_of(part)} {part.text} ({part.subset}, {part.n} faces) beside {whole.text} (all {whole.n})"
    if some.low > most:
        yield graded(
            place, (whole, part), f"{said} must be at most {number(most)}", _other_normaliser(some, most, part)
        )
    least = 100 - (100 - all_of.low) * whole.n / part.n
    if part.metric != "nme" and some.high < least:
        yield graded(place, (whole, part), f"{said} must be at least {number(least)}", [])


def _other_normaliser(value: Range, most: Fraction, part: Entry) -> list[str]:
    fits = part.metric == "nme" and value.times(1 / RATIO[1], 1 / RATIO[0]).low <= most
    return [f"{part.subset} is by another normaliser than the whole"] if fits else []
