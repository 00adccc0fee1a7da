"""Rows of a leaderboard -> what a printed table shows, before `fldbench.report.formats` writes it in some format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

from fldbench.escape import LONGEST, LONGEST_NAME, cut, plain
from fldbench.report.captions import title
from fldbench.report.columns import Column, printed_columns
from fldbench.report.published import is_published, published_notes
from fldbench.report.ranking import HEADINGS, RANKED

HUGE = 1e6  # from here on a number is written with a power of ten


class Cell(NamedTuple):
    """The text of a cell, whether it is the best of its column, and whether statistics cannot tell it from the best."""

    text: str
    best: bool = False
    tied: bool = False


@dataclass(frozen=True)
class Table:
    """What a printed table shows.

    Attributes
    ----------
    place : tuple of str
        (train, protocol).
    title, caption : str
    columns : tuple of Column
        Behind the methods' names.
    parts : tuple of (str, list of list of Cell)
        Heading of a part, empty for the ranked rows; and its rows, the method's name first.
    notes : tuple of str
        Lines below the caption.
    first : str
        Heading of the first column.
    spare : tuple of str
        Names of columns that may go where the table is too wide, the first ones first.
    over : tuple of (str, int)
        What stands above the headings, and over how many columns behind the names; empty for nothing.
    """

    place: tuple[str, str]
    title: str
    caption: str
    columns: tuple[Column, ...]
    parts: tuple[tuple[str, list[list[Cell]]], ...]
    notes: tuple[str, ...]
    first: str = "method"
    spare: tuple[str, ...] = ()
    over: tuple[tuple[str, int], ...] = ()

    @property
    def head(self) -> list[str]:
        """The headings of the columns, the methods' names included."""
        return [self.first, *(column.heading or column.name for column in self.columns)]

    @property
    def flat_head(self) -> list[str]:
        """The same in one line, for formats that have no headings over several columns."""
        above = [text for text, number in self.over for _ in range(number)]
        if not above:
            return self.head
        return [self.head[0], *(f"{text} {one}" for text, one in zip(above, self.head[1:], strict=True))]

    def without(self, names: Iterable[str]) -> Table:
        """Return the table without some columns."""
        left_out = set(names)
        kept = [i for i, column in enumerate(self.columns) if column.name not in left_out]
        parts = [(part, [[row[0], *(row[i + 1] for i in kept)] for row in rows]) for part, rows in self.parts]
        return replace(self, columns=tuple(self.columns[i] for i in kept), parts=tuple(parts))


def table(
    place: tuple[str, str],
    rows: Sequence[dict[str, Any]],
    caption: str,
    columns: Sequence[Column],
    names: Sequence[str] | None = None,
    longest_name: int = LONGEST_NAME,
) -> Table:
    """Return the printed table of one (train, protocol).

    Parameters
    ----------
    rows : sequence of dict
        In their order.
    columns : sequence of Column
        All columns of the leaderboard.
    names : sequence of str, optional
        The wanted columns; see `fldbench.report.columns.printed_columns`.
    longest_name : int
        Letters of a method's name; the middle of a longer one is left out.
    """
    shown = printed_columns(columns, rows, names)
    best = best_values(rows, shown)
    methods = names_of(rows, longest_name)
    tied = letters_of_best(rows)
    lines = [
        (row, [Cell(name), *(Cell(text_of(row, c), is_best(row, c, best), is_tied(row, c, tied)) for c in shown)])
        for row, name in zip(rows, methods, strict=True)
    ]
    parts = [
        ("" if standing == RANKED else HEADINGS[standing], [cells for _, cells in part])
        for standing, part in groupby(lines, key=lambda line: line[0]["standing"])
    ]
    return Table(place, title(place), caption, tuple(shown), tuple(parts), tuple(notes_of(rows, methods)))


def text_of(row: dict[str, Any], column: Column) -> str:
    """Return the text of a cell."""
    value = row.get(column.name)
    if column.name == "n":
        return "-" if row["n"] is None else f"{row['n']} of {row['n_total']}"
    if value is None or value == "":
        return "-"
    if not isinstance(value, (int, float)):
        return cut(plain(value), LONGEST_NAME)
    value = value / column.unit if column.unit != 1 else value
    decimals = 1 if column.name == "missed" and value != int(value) else column.decimals
    if decimals is None and isinstance(value, float):
        decimals = column.csv_decimals
    text = f"{value:.1e}" if abs(value) >= HUGE else str(value) if decimals is None else f"{value:.{decimals}f}"
    upper = row.get(column.to)
    if upper is not None and (end := f"{upper:.{column.decimals}f}") != text:
        text += f"–{end}"
    spread = row.get(column.spread)
    if spread is not None and spread < HUGE:
        text += f" ± {spread:.{column.decimals}f}"
    return f"† {text}" if column.name == "nme" and _of_found_faces(row) else text


def best_values(rows: Sequence[dict[str, Any]], columns: Sequence[Column]) -> dict[str, float]:
    """Return column -> its best value, if two ranked rows or more have one; an NME over fewer faces has no part."""
    best = {}
    for column in columns:
        values = [row[column.name] for row in rows if _competes(row, column)]
        if column.higher_is_better is not None and len(values) > 1:
            best[column.name] = max(values) if column.higher_is_better else min(values)
    return best


def is_best(row: dict[str, Any], column: Column, best: dict[str, float]) -> bool:
    """Return whether a cell holds the best value of its column."""
    return column.name in best and _competes(row, column) and row[column.name] == best[column.name]


def letters_of_best(rows: Sequence[dict[str, Any]]) -> str:
    """Return the letters of the first row, if others share one of them: see `fldbench.report.certainty`."""
    letters = next((row["ties"] for row in rows[:1] if row.get("ties")), "")
    return letters if any(set(letters) & set(row.get("ties") or "") for row in rows[1:]) else ""


def is_tied(row: dict[str, Any], column: Column, letters: str) -> bool:
    """Return whether a cell holds what rows are ordered by, and cannot be told apart from that of the first row."""
    return column.name == "nme" and bool(set(letters) & set(row.get("ties") or "")) and not _of_found_faces(row)


def _competes(row: dict[str, Any], column: Column) -> bool:
    fewer = column.name == "nme" and _of_found_faces(row)
    return row["standing"] == RANKED and row.get(column.name) is not None and not fewer


def _of_found_faces(row: dict[str, Any]) -> bool:
    return row["n_nme"] is not None and row["n_nme"] < row["n"]


def names_of(rows: Sequence[dict[str, Any]], longest: int) -> list[str]:
    """Return the names as shown: short, different, and with the letter of the row's remark."""
    letters = _letters(rows)
    shown: list[str] = []
    for row in rows:
        name = cut(plain(row["method"]), longest)
        same = sum(other.startswith(name) for other in shown) if name != plain(row["method"]) else 0
        name += f" #{same + 1}" if same else ""
        shown.append(name + (f" ({letters[row['remark']]})" if row["remark"] else ""))
    return shown


def _letters(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return remark -> its letter: a to z, then numbers."""
    remarks = dict.fromkeys(row["remark"] for row in rows if row["remark"])
    return {remark: chr(ord("a") + i) if i < 26 else str(i + 1) for i, remark in enumerate(remarks)}


def notes_of(rows: Sequence[dict[str, Any]], methods: Sequence[str]) -> list[str]:
    """Return a line for each remark, for each row that is not ok, and for each reason why rows are contaminated."""
    lines = [f"({letter}) {remark}" for remark, letter in _letters(rows).items()]
    for row, name in zip(rows, methods, strict=True):
        if row["status"] != "ok" and not is_published(row):
            lines.append(f"{name}: {row['status']}: {cut(plain(row['reason']))}")
    for why in dict.fromkeys(row["overlap"] for row in rows if row["overlap"]):
        named = [name for row, name in zip(rows, methods, strict=True) if row["overlap"] == why]
        lines.append(f"Not ranked, because {cut(plain(why), 2 * LONGEST)}: {', '.join(named)}.")
    return [*lines, *published_notes(rows)]
