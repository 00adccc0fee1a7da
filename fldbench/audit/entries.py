"""Grids of text -> numbers with everything that a table says of them; what cannot be read is said with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from fldbench.audit.headings import base_of, dataset_of, in_percent, is_fraction, metric_of, normaliser_of, subset_of
from fldbench.audit.table_files import Grid, Row
from fldbench.errors import FldbenchError
from fldbench.protocols import get_protocol
from fldbench.protocols.published import FACES

_VALUE = re.compile(
    r"(?P<value>\d+\.?\d*|\.\d+)\s*%?(?P<spread>\s*(?:[_^]?\s*(?:±|\+/-|\+-)\s*[\d.]+|\([\d.±\s]+\))\s*%?)?"
)
_NUMBER = re.compile(r"\d+\.?\d*|\.\d+")  # Fraction alone takes 1e999999999 too, and works on it for hours
_NOTHING = {"", "-", "–", "—", "−", "/", "n/a", "na", "nan", "none", "n.a.", "?"}
_ROLES = {
    "method": r"methods?|models?|approach|name|algorithms?|networks?",
    "train": r"train(?:ed on)?|training.*|boxes|seed|variant|backbone",
    "protocol": r"protocol",
    "dataset": r"data ?sets?|benchmark",
    "subset": r"subsets?|splits?|test ?sets?|part",
    "metric": r"metrics?|measure",
    "normaliser": r"normali[sz](?:er|ation)|norm",
    "threshold": r"threshold|t",
    "value": r"values?(?:_percent)?|value \(%\)|results?",
    "n": r"n|faces|images|#",
    "missed": r"missed",
    "seeds": r"seeds?|runs",
    "status": r"status|standing",
    "source": r"source|table|reference",
}


class Entry(NamedTuple):
    """One number of a table.

    `model` is what distinguishes the rows of one method; `text` is the number in percent; `averaged` says that it is a
    mean over several trainings, whose failures need not be whole; `n` is the number of faces, if known.
    """

    line: int
    table: str
    method: str
    model: tuple[str, ...]
    dataset: str
    subset: str
    normaliser: str
    metric: str
    threshold: Fraction | None
    text: str
    averaged: bool = False
    n: int | None = None
    missed: int = 0


@dataclass
class Reading:
    """What was read of a file: numbers, what could not be read, and the columns that hold none of the metrics."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    other_columns: dict[str, None] = field(default_factory=dict)


class _Column(NamedTuple):
    metric: str
    threshold: Fraction | None
    dataset: str
    subset: str
    normaliser: str
    fraction: bool


def read_entries(grids: list[Grid]) -> Reading:
    """Return the numbers of tables in which each row is a method, a method and a metric, or one number."""
    reading = Reading()
    for number, grid in enumerate(grids, 1):
        roles = _roles(grid)
        if "metric" in roles and "value" in roles:
            _read_long(grid, roles, f"table {number}", reading)
        else:
            _read_wide(grid, roles, f"table {number}", reading)
    return reading


def number_of(text: str) -> tuple[str, bool] | None:
    """Return a printed number and whether a spread stands behind it; None for a cell that holds none.

    Raises ValueError for a cell that holds something else.

    >>> number_of("2.98 %"), number_of("4.21_± 0.03"), number_of("-"), number_of(".5585")
    (('2.98', False), ('4.21', True), None, ('0.5585', False))
    """
    text = text.strip().rstrip("†‡*").strip()
    if text.lower() in _NOTHING:
        return None
    found = _VALUE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    value = found["value"]
    value = f"0{value}" if value.startswith(".") else value.rstrip(".")
    return value, bool(found["spread"])


def _roles(grid: Grid) -> dict[str, int]:
    roles: dict[str, int] = {}
    for i, heading in enumerate(grid.headings):
        for role, words in _ROLES.items():
            if role not in roles and re.fullmatch(words, heading.strip().lower()):
                roles[role] = i
                break
    if "method" not in roles and 0 not in roles.values():
        roles["method"] = 0
    return roles


def _cell(row: Row, roles: dict[str, int], role: str) -> str:
    place = roles.get(role)
    return row.cells[place] if place is not None and place < len(row.cells) else ""


def _read_long(grid: Grid, roles: dict[str, int], table: str, reading: Reading) -> None:
    """Each row holds one number, with its metric."""
    values: dict[str, list[str]] = {}
    found = []
    for row in grid.rows:
        metric = metric_of(_cell(row, roles, "metric"))
        try:
            number = number_of(_cell(row, roles, "value"))
        except ValueError as error:
            reading.problems.append(f"line {row.line}: the value is {str(error)!r}; it cannot be read as a number")
            continue
        if metric is None or number is None:
            what = f"the metric {_cell(row, roles, 'metric')!r} is none of NME, FR and AUC" if number else "no value"
            reading.problems.append(f"line {row.line}: {what}")
            continue
        values.setdefault(metric.metric, []).append(number[0])
        found.append((row, metric, number))
    for row, metric, (text, spread) in found:
        threshold = metric.threshold
        if said := _cell(row, roles, "threshold").rstrip("% "):
            if _NUMBER.fullmatch(said) and Fraction(said):
                threshold = Fraction(said) * (100 if Fraction(said) < 1 else 1)
            else:
                reading.problems.append(f"line {row.line}: the threshold is {said!r}; it must be a number above 0")
        source = re.split(r" \(|;", _cell(row, roles, "source"))[0].strip()
        column = _Column(metric.metric, threshold, "", "", "", is_fraction(metric.metric, values[metric.metric]))
        _add(row, roles, source or table, column, grid.caption, text, spread, reading)


def _read_wide(grid: Grid, roles: dict[str, int], table: str, reading: Reading) -> None:
    """Each row holds the numbers of a method, or of a method in one metric."""
    columns = _columns(grid, roles)
    used = {*columns, *(place for role, place in roles.items() if role not in ("threshold", "value", "source"))}
    reading.other_columns |= dict.fromkeys(h for i, h in enumerate(grid.headings) if i not in used and h)
    section, method = "", ""
    for row in grid.rows:
        texts = [cell for cell in row.cells if cell]
        if len(set(texts)) <= 1:
            section = texts[0] if texts else section
            continue
        method = _cell(row, roles, "method") or method  # a cell of several rows is written once
        if len(row.cells) > len(grid.headings):
            reading.problems.append(f"line {row.line}: {len(row.cells)} cells under {len(grid.headings)} headings")
        of_row = metric_of(_cell(row, roles, "metric"))
        for place, column in columns.items():
            if place >= len(row.cells):
                continue
            try:
                number = number_of(row.cells[place])
            except ValueError as error:
                where = f"line {row.line}, {grid.headings[place]}"
                reading.problems.append(f"{where}: {str(error)!r} cannot be read as a number")
                continue
            if number is None:
                continue
            own = column if of_row is None else column._replace(metric=of_row.metric, threshold=of_row.threshold)
            if own.metric:
                text = f"{grid.caption} {section}"
                _add(row, roles, table, own, text, *number, reading, method=method)


def _columns(grid: Grid, roles: dict[str, int]) -> dict[int, _Column]:
    """Return the columns with metrics: by their heading, or as subsets whose metric the caption or the row says."""
    caption = grid.caption
    said = metric_of(caption)
    headings = {i: h for i, h in enumerate(grid.headings) if i not in roles.values()}
    dataset = dataset_of(caption) or _dataset_of_subsets(headings.values())
    columns: dict[int, _Column] = {}
    for i, heading in headings.items():
        metric, of_set = metric_of(heading), dataset_of(heading) or dataset
        subset = subset_of(heading, of_set)[1] if of_set else ""
        if metric is None and not (subset or dataset_of(heading)) and "metric" not in roles:
            continue
        metric = metric or said
        name, threshold = (metric.metric, metric.threshold) if metric else ("nme", None)
        texts = [row.cells[i] for row in grid.rows if i < len(row.cells)]
        numbers = [found[0] for text in texts if (found := _number(text)) is not None]
        columns[i] = _Column(name, threshold, of_set, subset, normaliser_of(heading), is_fraction(name, numbers))
    return columns


def _dataset_of_subsets(headings: Iterable[str]) -> str:
    """Return the dataset whose subsets the headings name; one word alone, such as pose, may mean something else."""
    found: dict[str, set[str]] = {}
    for heading in headings:
        dataset, subset = subset_of(heading)
        found.setdefault(dataset, set()).add(subset)
    return next((dataset for dataset, subsets in found.items() if dataset and len(subsets) > 1), "")


def _number(text: str) -> tuple[str, bool] | None:
    try:
        return number_of(text)
    except ValueError:
        return None


def _add(
    row: Row,
    roles: dict[str, int],
    table: str,
    column: _Column,
    about: str,
    text: str,
    spread: bool,
    reading: Reading,
    method: str = "",
) -> None:
    dataset, subset = column.dataset, column.subset
    dataset = dataset or dataset_of(_cell(row, roles, "dataset")) or dataset_of(about)
    dataset, subset = subset_of(_cell(row, roles, "subset") or subset, dataset) if not subset else (dataset, subset)
    normaliser = column.normaliser or normaliser_of(_cell(row, roles, "normaliser")) or normaliser_of(about)
    variant = [_cell(row, roles, "train"), _cell(row, roles, "normaliser") if not normaliser else ""]
    if "visible" in _cell(row, roles, "subset").lower():
        variant.append("visible points")
    n = None
    try:
        rules = get_protocol(_cell(row, roles, "protocol")) if "protocol" in roles else None
        if rules is not None:
            if rules.legacy:
                return  # its AUC, or its NME, is not what the identities are about
            n = rules.n_expected
            base, _, modifiers = rules.name.partition("@")
            dataset, subset, normaliser = rules.dataset, base.removeprefix(f"{rules.dataset}-"), rules.normaliser
            variant.append(modifiers)
    except FldbenchError:
        variant.append(_cell(row, roles, "protocol"))
    counted, missed = _cell(row, roles, "n"), _cell(row, roles, "missed") or "0"
    if counted.isdecimal():
        n = int(counted)
    elif n is None and (base := base_of(dataset, subset)):
        n = get_protocol(base).n_expected
    if n is None:
        n = FACES.get((dataset.upper(), subset))
    seeds = _cell(row, roles, "seeds")
    averaged = spread or (seeds.isdecimal() and int(seeds) > 1) or not missed.isdecimal()
    reading.entries.append(
        Entry(
            line=row.line,
            table=table,
            method=method or _cell(row, roles, "method"),
            model=tuple(variant),
            dataset=dataset,
            subset=subset,
            normaliser=normaliser,
            metric=column.metric,
            threshold=column.threshold,
            text=in_percent(text, column.fraction),
            averaged=averaged,
            n=n,
            missed=int(missed) if missed.isdecimal() else 0,
        )
    )
