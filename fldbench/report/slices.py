"""Errors by subsets and attributes of the test faces: counts, means with intervals, and what differs from the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from fldbench.errors import StoreError
from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.records.kept_faces import KeptFaces, read_seeds
from fldbench.report.captions import title
from fldbench.report.columns import Column, RowRecords
from fldbench.report.ranking import PARTIAL, RANKED
from fldbench.report.sections import Source, sections_of
from fldbench.report.side import SideReport, fact
from fldbench.report.slice_figure import slice_figure
from fldbench.report.tables import Cell, Table
from fldbench.stats import Interval, holm, part_difference, summary_interval

SMALL_FACES, SMALL_GROUPS = (
    30,
    10,
)  # a slice, or the rest, with fewer is small: its interval is shown, nothing is tested
ALPHA = 0.05
HARDER, EASIER, UNDECIDED, SMALL = "harder", "easier", "undecided", "small"
MARKS = {HARDER: "▲", EASIER: "▼", UNDECIDED: "", SMALL: "?"}
NOTHING = (
    "its records keep no attribute or subset in which faces differ; those of earlier versions keep none at all, and "
    "`fldbench run --fresh` measures again"
)
SHOWN = 5  # methods of a printed table, the best ones
COLUMNS = (
    *(fact(name) for name in ("train", "protocol", "method", "attribute", "slice", "n", "groups", "seeds")),
    fact("nme", decimals=2),
    fact("low", decimals=2),
    fact("high", decimals=2),
    fact("rest", decimals=2),
    fact("difference", decimals=2),
    fact("p", decimals=6),
    fact("p_holm", decimals=6),
    fact("verdict"),
)


@dataclass(frozen=True)
class SliceError:
    """The error of one method on one slice: NME in % with its interval, of the rest and of all faces; the p values."""

    attribute: str
    name: str
    n: int
    groups: int
    nme: Interval
    rest: float
    whole: float
    p: float
    p_holm: float = np.nan
    verdict: str = SMALL


def slices(source: Source) -> SideReport:
    """Return the errors of the rows of a leaderboard by slices of the test faces.

    Raises
    ------
    StoreError
        For a folder without records.
    """
    found = sections_of(source)
    notes, tables, rows, figures = list(found.left_out), [], [], []
    for place, marked in found.marked.items():
        measured = {}
        for row in marked:
            if row.standing not in (RANKED, PARTIAL):
                continue
            try:
                measured[row.method] = (row, slice_errors(read_seeds(row.good)))
            except StoreError as error:
                notes.append(f"no slices: {error}")
        if not any(own for _, own in measured.values()):
            notes += [f"no slices of {place[1]}: {NOTHING}"] if measured else []
            continue
        tested = judged({method: own for method, (_, own) in measured.items()})
        rows += [_row(place, measured[method][0], one) for method, own in tested.items() for one in own]
        tables.append(_table(place, tested))
        figures.append((place, partial(slice_figure, title(place), tested)))
    return SideReport("slices", tuple(tables), COLUMNS, tuple(rows), tuple(dict.fromkeys(notes)), tuple(figures))


def slice_errors(seeds: Sequence[KeptFaces]) -> list[SliceError]:
    """Return the errors of one method on each slice of its test faces, nothing judged yet.

    A subset is one slice; an attribute has one for each of its classes, if two or more occur.
    """
    first = seeds[0]
    errors = 100 * np.stack([one.charged for one in seeds])
    groups = np.arange(len(first.ids)) if first.groups is None else first.groups
    found = []
    for attribute, name, part in parts_of(first.slices):
        beside = first.slices[attribute] != "" if attribute.startswith("attribute:") else np.ones(len(part), bool)
        rest = beside & ~part
        mean = errors.mean(axis=0)
        p = part_difference(mean[beside], part[beside], groups[beside]).p
        k, others = len(np.unique(groups[part])), len(np.unique(groups[rest]))
        tested = min(part.sum(), rest.sum()) >= SMALL_FACES and min(k, others) >= SMALL_GROUPS
        found.append(
            SliceError(
                attribute.partition(":")[2] if attribute.startswith("attribute:") else "subset",
                name,
                int(part.sum()),
                k,
                summary_interval(errors[:, part], groups[part]),
                float(np.nanmean(mean[rest])) if np.isfinite(mean[rest]).any() else np.nan,
                float(np.nanmean(mean)),
                round(p, 15) if tested else np.nan,  # of two classes: the same number for both
            )
        )
    return found


def parts_of(slices: Mapping[str, np.ndarray]) -> list[tuple[str, str, np.ndarray]]:
    """Return (array, name of the slice, which faces) of all slices that hold some of the faces and not all.

    >>> kept = {"attribute:pose": np.array(["left", "", "right"]), "subset:all": np.array([True] * 3)}
    >>> [(array, name, part.tolist()) for array, name, part in parts_of(kept)]
    [('attribute:pose', 'left', [True, False, False]), ('attribute:pose', 'right', [False, False, True])]
    """
    found = []
    for array, values in slices.items():
        if array.startswith("subset:"):
            found.append((array, array.partition(":")[2], values.astype(bool)))
            continue
        classes = [name for name in dict.fromkeys(values.tolist()) if name]
        found += [(array, name, values == name) for name in sorted(classes)] if len(classes) > 1 else []
    return [(array, name, part) for array, name, part in found if 0 < part.sum() < len(part)]


def judged(measured: Mapping[str, Sequence[SliceError]]) -> dict[str, list[SliceError]]:
    """Return method -> its slices with verdicts, of which at most 5 % of all such tables have a false one (Holm).

    The two slices of an attribute with two classes are one test.
    """
    tests: dict[tuple[str, str, float], float] = {}
    for method, own in measured.items():
        tests |= {(method, one.attribute, one.p): one.p for one in own if np.isfinite(one.p)}
    adjusted = dict(zip(tests, holm(np.array(list(tests.values()))), strict=True)) if tests else {}
    found: dict[str, list[SliceError]] = {}
    for method, own in measured.items():
        found[method] = [_judged(one, adjusted.get((method, one.attribute, one.p), np.nan)) for one in own]
    return found


def _judged(one: SliceError, p: float) -> SliceError:
    verdict = SMALL
    if np.isfinite(p):
        verdict = UNDECIDED if p > ALPHA else HARDER if one.nme.value > one.rest else EASIER
    return replace(one, p_holm=float(p), verdict=verdict)


def _row(place: tuple[str, str], row: RowRecords, one: SliceError) -> dict[str, Any]:
    numbers = {"nme": one.nme.value, "low": one.nme.low, "high": one.nme.high, "rest": one.rest}
    numbers |= {"difference": one.nme.value - one.rest, "p": one.p, "p_holm": one.p_holm}
    about = {"train": place[0], "protocol": place[1], "method": row.method, "seeds": len(row.good)}
    about |= {"attribute": one.attribute, "slice": one.name, "n": one.n, "groups": one.groups, "verdict": one.verdict}
    return about | {name: value if np.isfinite(value) else None for name, value in numbers.items()}


def _table(place: tuple[str, str], tested: Mapping[str, Sequence[SliceError]]) -> Table:
    methods = list(tested)[:SHOWN]
    # Methods of one protocol answer the same faces, but records of earlier versions keep no slices.
    known = next(own for own in tested.values() if own)
    lines: dict[str, list[list[Cell]]] = {}
    for one in known:
        cells = [Cell(one.name), Cell(str(one.n)), Cell(str(one.groups))]
        for method in methods:
            same = [o for o in tested[method] if (o.attribute, o.name) == (one.attribute, one.name)]
            cells.append(Cell(_text(same[0]) if same else "-"))
        lines.setdefault(plain(one.attribute), []).append(cells)
    columns: list[Column] = [fact("n"), fact("groups"), *(fact(cut(plain(m), LONGEST_NAME)) for m in methods)]
    caption = (
        f"{cut(plain(place[1]), LONGEST_NAME)}: NME in % by slices of the test faces, with 95 % intervals over groups "
        f"(persons, clips or photos) and seeds. ▲ harder, ▼ easier than the other faces of which the attribute is "
        f"known (5 % for the whole table, Holm over all methods and slices); no mark: not decided. ?: a small slice or "
        f"rest, of fewer than {SMALL_FACES} faces or {SMALL_GROUPS} groups; nothing is said of it, and its interval "
        "may be too narrow. A difference between slices is one of these faces and says nothing about its cause."
    )
    left = len(tested) - len(methods)
    notes = (f"{left} more methods are in the CSV file.",) if left > 0 else ()
    parts = tuple(lines.items())
    return Table(
        (place[0], f"{place[1]} slices"), f"{title(place)}: slices", caption, tuple(columns), parts, notes, "slice",
        tuple(reversed([column.name for column in columns[2:]])),
    )  # fmt: skip


def _text(one: SliceError) -> str:
    interval = f" [{one.nme.low:.2f}, {one.nme.high:.2f}]" if np.isfinite(one.nme.low) else ""
    return f"{one.nme.value:.2f}{interval} {MARKS[one.verdict]}".rstrip()
