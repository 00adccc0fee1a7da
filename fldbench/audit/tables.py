"""A table of results: which of its numbers contradict each other, whatever they were rounded from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

from fldbench.audit.entries import Entry, Reading, read_entries
from fldbench.audit.grades import RATIO, UNKNOWN_N, Context, Grade, by_any_fine_rule, judged
from fldbench.audit.headings import base_of
from fldbench.audit.table_files import read_tables
from fldbench.identities import Range, Result, mean_of_parts, number
from fldbench.protocols import get_protocol, list_protocols
from fldbench.schemes import get_scheme

EYES = ("inter-ocular", "inter-pupil")
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
WHOLE_WORDS = {"wflw": ("", "full", "test"), "merl-rav": ("", "full", "test"), "cofw": ("", "full", "test")}
SQRT2 = Fraction(141, 100)  # of each face, the diagonal of a box is at least sqrt(2) sqrt(w h)


class Finding(NamedTuple):
    """What is wrong with a table: its grade, the lines of the numbers, and a sentence."""

    grade: Grade
    lines: tuple[int, ...]
    text: str

    def __str__(self) -> str:
        places = f"line{'s' * (len(self.lines) > 1)} {', '.join(map(str, self.lines))}"
        return f"{self.grade.value}: {places}: {self.text}"


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
    rows = _rows(reading.entries)
    findings = [*_of_results(rows), *_of_unions(rows), *_of_two_normalisers(rows)]
    findings.sort(key=lambda one: (one.lines, one.grade.value))
    return TableAudit(
        tuple(dict.fromkeys(findings)), len(reading.entries), tuple(reading.problems), tuple(reading.other_columns)
    )


class _Place(NamedTuple):
    """What identifies a result: the table, the model, the test set and the normaliser."""

    table: str
    model: tuple[str, ...]
    dataset: str
    subset: str
    normaliser: str

    @property
    def words(self) -> str:
        where = " ".join(filter(None, (self.dataset, self.subset)))
        return ", ".join(filter(None, (self.model[0] or "a row without a name", where, self.normaliser)))


_Numbers = dict[tuple[str, Fraction | None], Entry]


def _rows(entries: Sequence[Entry]) -> dict[_Place, _Numbers]:
    """Return the numbers of each result. A second number for the same thing begins another model of that name."""
    rows: dict[_Place, _Numbers] = {}
    times: dict[tuple[str, ...], int] = {}
    last_line: dict[tuple[str, ...], int] = {}
    for one in entries:
        subset = "" if one.subset in WHOLE_WORDS.get(one.dataset, ()) else one.subset
        own = (one.table, one.method, *one.model)

        def place(one: Entry = one, subset: str = subset, own: tuple[str, ...] = own) -> _Place:
            model = (one.method, *one.model, f"#{times.get(own, 0)}")
            return _Place(one.table, model, one.dataset, subset, one.normaliser)

        key = one.metric, one.threshold
        if key in rows.get(place(), {}) and last_line.get(own) != one.line:
            times[own] = times.get(own, 0) + 1
        last_line[own] = one.line
        rows.setdefault(place(), {}).setdefault(key, one)
    return rows


def _of_results(rows: dict[_Place, _Numbers]) -> Iterator[Finding]:
    """Yield the contradictions within each result."""
    for place, numbers in rows.items():
        labelled = [
            {**other, **numbers}
            for name in (*EYES, "box", "diagonal")
            if (other := rows.get(place._replace(normaliser=name))) and ("nme", None) in other
        ]
        # Rates and areas without a normaliser belong to one of the NME beside them, and it is not known to which.
        groups = labelled if not place.normaliser and ("nme", None) not in numbers and labelled else [numbers]
        every = [_findings(place, group) for group in groups]
        yield from min(every, key=lambda found: (sum(one.grade is Grade.impossible for one in found), len(found)))


def _findings(place: _Place, numbers: _Numbers) -> list[Finding]:
    result = _result(numbers)
    found = []
    for one in judged(result, _context(place.dataset, place.subset)):
        found.append(Finding(one.grade, _lines(numbers.values()), f"{place.words}: {one.text}"))
    unsaid = [entry for (metric, t), entry in numbers.items() if metric == "auc" and t is None]
    if unsaid and result.nme is not None:
        # Whatever its threshold is: the AUC is larger at a larger one, and least at the smallest in use.
        at_least = replace(result, areas={Fraction(5): Range.written(unsaid[0].text)}, rates={})
        for one in judged(at_least):
            if one.grade is Grade.impossible:
                found.append(Finding(one.grade, _lines(numbers.values()), f"{place.words}: {one.text}"))
    return found


def _result(numbers: _Numbers) -> Result:
    entries = list(numbers.values())
    averaged = any(one.averaged for one in entries)
    known = [(metric, t, Range.written(one.text)) for (metric, t), one in numbers.items()]
    return Result(
        n=None if averaged else next((one.n for one in entries if one.n), None),
        missed=0 if averaged else max(one.missed for one in entries),
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


def _lines(entries: Iterable[Entry]) -> tuple[int, ...]:
    return tuple(sorted({one.line for one in entries}))


def _of_unions(rows: dict[_Place, _Numbers]) -> Iterator[Finding]:
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


def _part(rows: dict[_Place, _Numbers], place: _Place, subset: str, key: tuple[str, Fraction | None]) -> Entry | None:
    return rows.get(place._replace(subset=subset), {}).get(key)


def _union(place: _Place, whole: Entry, parts: list[Entry]) -> Iterator[Finding]:
    value, weighed = _exact(whole), [(_exact(part), part.n or 0) for part in parts]
    expected = mean_of_parts(weighed)
    if expected.meets(value):
        return
    texts = [f"{part.text} ({part.subset})" for part in parts]
    limits = " to ".join(dict.fromkeys((number(expected.low), number(expected.high))))
    what = f"{_name(whole)} {whole.text} ({whole.subset or 'full'})"
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
    yield _graded(place, (whole, *parts), said, remedies)


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


def _within(place: _Place, whole: Entry, part: Entry) -> Iterator[Finding]:
    """A sum over a part is at most that over the whole, of errors as of successes."""
    if not (whole.n and part.n) or part.n >= whole.n:
        return
    all_of, some = _exact(whole), _exact(part)
    most = all_of.high * whole.n / part.n
    said = f"{_name(part)} {part.text} ({part.subset}, {part.n} faces) beside {whole.text} (all {whole.n})"
    if some.low > most:
        yield _graded(
            place, (whole, part), f"{said} must be at most {number(most)}", _other_normaliser(some, most, part)
        )
    least = 100 - (100 - all_of.low) * whole.n / part.n
    if part.metric != "nme" and some.high < least:
        yield _graded(place, (whole, part), f"{said} must be at least {number(least)}", [])


def _other_normaliser(value: Range, most: Fraction, part: Entry) -> list[str]:
    fits = part.metric == "nme" and value.times(1 / RATIO[1], 1 / RATIO[0]).low <= most
    return [f"{part.subset} is by another normaliser than the whole"] if fits else []


def _of_two_normalisers(rows: dict[_Place, _Numbers]) -> Iterator[Finding]:
    """Yield pairs of NME of one model by two normalisers whose ratio no faces have."""
    for place, numbers in rows.items():
        nme = numbers.get(("nme", None))
        if nme is None:
            continue
        for first, second, least, most in (("inter-ocular", "inter-pupil", *RATIO), ("diagonal", "box", SQRT2, None)):
            other = rows.get(place._replace(normaliser=second), {}).get(("nme", None))
            if place.normaliser != first or other is None:
                continue
            low, high = _ratio(other, nme)
            if low is None or (high >= least and (most is None or low <= most)):
                continue
            limits = f"at least {number(least)}" if most is None else f"{number(least)} to {number(most)}"
            said = f"NME {other.text} by {second} is {float(other_over(other, nme)):.2f} times {nme.text} by {first}"
            remedies = ["both are by the same normaliser"] if low <= 1 <= high else []
            if not remedies and (most is None or Fraction(1, 2) < 1 / low) and low < 1:
                remedies = ["the two normalisers are exchanged"]
            yield _graded(
                place._replace(normaliser=""), (nme, other), f"{said}; of the same answers it is {limits}", remedies
            )


def other_over(other: Entry, nme: Entry) -> Fraction:
    """Return the quotient of two printed numbers."""
    return Fraction(other.text) / Fraction(nme.text) if Fraction(nme.text) else Fraction(0)


def _ratio(other: Entry, nme: Entry) -> tuple[Fraction, Fraction] | tuple[None, Fraction]:
    one, two = Range.written(other.text), Range.written(nme.text)
    return (one.low / two.high, one.high / two.low) if two.low > 0 else (None, Fraction(0))


def _graded(place: _Place, entries: Sequence[Entry], said: str, remedies: Sequence[str]) -> Finding:
    grade = Grade.only_with if remedies else Grade.impossible
    if remedies:
        then = f"It can be right only if {', or '.join(dict.fromkeys(remedies))}"
    else:
        then = "No convention known to fldbench allows it"
    return Finding(grade, _lines(entries), f"{place.words}: {said}. {then}.")


def _name(entry: Entry) -> str:
    return entry.metric.upper() + ("" if entry.threshold is None else f"@{number(entry.threshold)}%")
