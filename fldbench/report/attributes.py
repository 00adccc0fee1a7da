"""The second table of a protocol: how well methods answer attributes, in the order of the table of landmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, NamedTuple

from fldbench.attribute_metrics import AttributeCounts, counted_together
from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.metrics import Metric
from fldbench.records.record import Record
from fldbench.report.captions import title
from fldbench.report.columns import Column, RowRecords, value_of
from fldbench.report.tables import Table, table

UNEVEN = 2 / 3  # of the faces in the commonest class: with more, the balanced accuracy is printed, not the accuracy


class Counted(NamedTuple):
    """What was counted in one row, over all of its seeds: attribute -> counts; and the means of the metrics by key."""

    method: str
    seeds: int
    counts: dict[str, AttributeCounts]
    metrics: dict[str, float | None]


class Attributes(NamedTuple):
    """What a table of attributes shows: its caption, the names of its columns, and a line for what is not as usual.

    `counted` is what figures show, of each row that answers attributes.
    """

    caption: str
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    counted: tuple[Counted, ...] = ()


def attributes_of(rows: Sequence[RowRecords]) -> Attributes | None:
    """Return what the table of attributes shows for the rows of one (train, protocol); None if nobody answers any.

    Of each attribute it is the accuracy, or the balanced accuracy where there are more than two classes or one has more
    than two thirds of the known faces; and the distance of classes that have an order.
    """
    counted: dict[str, AttributeCounts] = {}
    for row in sorted(rows, key=lambda row: -row.one.test.n):
        for record in row.good:
            counted |= {name: counts for name, counts in _measured(record).items() if name not in counted}
    if not counted:
        return None
    columns = []
    for name, counts in counted.items():
        columns.append(Metric("balanced_accuracy" if _hides_rare_classes(counts) else "accuracy", 0.0, of=name).key)
        columns += [Metric("class_distance", 0.0, of=name).key] if counts.ordered else []
    found = tuple(_counted(row) for row in rows if any(record.attributes.measured for record in row.good))
    return Attributes(_caption(rows, counted, columns), tuple(columns), tuple(_notes(rows)), found)


def _measured(record: Record) -> dict[str, AttributeCounts]:
    """Return what was counted, in the order of the metrics: that of the tasks, which the JSON of a record sorts."""
    measured = record.attributes.measured
    names = dict.fromkeys(metric.of for metric in record.metrics.values_ if metric.of is not None)
    return {name: measured[name] for name in names if name in measured}


def _counted(row: RowRecords) -> Counted:
    parts: dict[str, list[AttributeCounts]] = {}
    for record in row.good:
        for name, counts in _measured(record).items():
            parts.setdefault(name, []).append(counts)
    keys = [metric.key for metric in row.one.metrics.values_ if metric.of is not None]
    together = {name: counted_together(some) for name, some in parts.items()}
    return Counted(row.method, len(row.good), together, {key: value_of(row, key) for key in keys})


def attribute_table(
    place: tuple[str, str],
    rows: Sequence[dict[str, Any]],
    about: Attributes,
    columns: Sequence[Column],
    longest_name: int = LONGEST_NAME,
) -> Table:
    """Return the printed table of the attributes of one (train, protocol); rows without any number are left out."""
    shown = [row for row in rows if any(row.get(name) is not None for name in about.columns)]
    found = table((place[0], f"{place[1]} attributes"), shown, about.caption, columns, about.columns, longest_name)
    spare = sorted(about.columns[1:], key=lambda name: not name.startswith("class_distance"))
    notes = (*found.notes, *about.notes)
    return replace(found, title=f"{title(place)}: attributes", notes=notes, spare=tuple(spare))


def _hides_rare_classes(counts: AttributeCounts) -> bool:
    """Return whether the accuracy says little about rare classes."""
    faces = [sum(row) + lost for row, lost in zip(counts.confusion, counts.missed, strict=True)]
    return len(faces) > 2 or max(faces) > UNEVEN * counts.known


def _caption(rows: Sequence[RowRecords], counted: Mapping[str, AttributeCounts], columns: Sequence[str]) -> str:
    n = max(row.one.test.n for row in rows)
    said = [f"{cut(plain(rows[0].protocol), LONGEST_NAME)}: attributes, in the order of the table of landmarks."]
    kinds = {name.partition(":")[0] for name in columns}
    if "accuracy" in kinds:
        said.append("acc.: accuracy, the share of right answers in %.")
    if "balanced_accuracy" in kinds:
        said.append(
            "bal.: balanced accuracy in %, the mean over the classes that occur of the share of their faces that was "
            "answered right; it stands for more than two classes, and where one has more than two thirds of the faces."
        )
    if "class_distance" in kinds:
        said.append("dist.: mean distance of the answered class to the true one, in classes.")
    known = ", ".join(_known(name, counts) for name, counts in counted.items())
    said.append(f"A face without an answer counts as the worst answer. Known of {n} faces: {known}.")
    return " ".join(said)


def _known(name: str, counts: AttributeCounts) -> str:
    k = len(counts.classes)
    fewer = f" ({counts.occurring} of {k} classes occur)" if counts.occurring < k else ""
    return f"{plain(name)} {counts.known}{fewer}"


def _notes(rows: Sequence[RowRecords]) -> list[str]:
    """Return a line for each row that gave no answer for some faces, or answers an attribute that is not measured."""
    lines = []
    for row in rows:
        name = cut(plain(row.method), LONGEST_NAME)
        lost: dict[str, list[int]] = {}
        for record in row.good:
            for attribute, counts in _measured(record).items():
                lost.setdefault(attribute, []).append(sum(counts.missed))
        given_up = [f"{plain(attribute)} {fmean(faces):g}" for attribute, faces in lost.items() if any(faces)]
        if given_up:
            lines.append(f"{name}: faces without an answer: {', '.join(given_up)}")
        for attribute, why in row.one.attributes.left_out.items() if row.good else ():
            lines.append(f"{name}: {plain(attribute)} is not measured: {cut(plain(why))}")
    return lines
