"""Numbers of a table, joined to results, and what may be said of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from fldbench.audit.entries import Entry
from fldbench.audit.grades import Grade
from fldbench.identities import number

NME = ("nme", None)
EYES = ("inter-ocular", "inter-pupil")
WHOLE_WORDS = {"wflw": ("", "full", "test"), "merl-rav": ("", "full", "test"), "cofw": ("", "full", "test")}


class Finding(NamedTuple):
    """What is wrong with a table: its grade, the lines of the numbers, and a sentence."""

    grade: Grade
    lines: tuple[int, ...]
    text: str

    def __str__(self) -> str:
        places = f"line{'s' * (len(self.lines) > 1)} {', '.join(map(str, self.lines))}"
        return f"{self.grade.value}: {places}: {self.text}"


class Place(NamedTuple):
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


Numbers = dict[tuple[str, Fraction | None], Entry]


def joined(entries: Sequence[Entry], problems: list[str]) -> dict[Place, Numbers]:
    """Return the numbers of each result.

    A second number for the same thing begins another model of that name; in the same line it is not checked, and
    `problems` gets a sentence.
    """
    rows: dict[Place, Numbers] = {}
    times: dict[tuple[str, ...], int] = {}
    last_line: dict[tuple[str, ...], int] = {}
    for one in entries:
        subset = "" if one.subset in WHOLE_WORDS.get(one.dataset, ()) else one.subset
        own = (one.table, one.method, *one.model)

        def place(one: Entry = one, subset: str = subset, own: tuple[str, ...] = own) -> Place:
            model = (one.method, *one.model, f"#{times.get(own, 0)}")
            return Place(one.table, model, one.dataset, subset, one.normaliser)

        key = one.metric, one.threshold
        if key in rows.get(place(), {}):
            if last_line.get(own) == one.line:
                twice = f"{name_of(one)} is given twice for the same faces and normaliser; only the first is checked"
                problems.append(f"line {one.line}: {twice}")
                continue
            times[own] = times.get(own, 0) + 1
        last_line[own] = one.line
        rows.setdefault(place(), {})[key] = one
    return rows


def lines_of(entries: Iterable[Entry]) -> tuple[int, ...]:
    return tuple(sorted({one.line for one in entries}))


def graded(place: Place, entries: Sequence[Entry], said: str, remedies: Sequence[str]) -> Finding:
    grade = Grade.only_with if remedies else Grade.impossible
    if remedies:
        then = f"It can be right only if {', or '.join(dict.fromkeys(remedies))}"
    else:
        then = "No convention known to fldbench allows it"
    return Finding(grade, lines_of(entries), f"{place.words}: {said}. {then}.")


def name_of(entry: Entry) -> str:
    return entry.metric.upper() + ("" if entry.threshold is None else f"@{number(entry.threshold)}%")
