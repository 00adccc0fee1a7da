"""The board of a page: the printed tables of a leaderboard, with more columns to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fldbench.report.attributes import attribute_table
from fldbench.report.columns import Column, csv_cell, printed_columns
from fldbench.report.leaderboard import Leaderboard
from fldbench.report.page.measured import LONGEST, Measured
from fldbench.report.tables import Table, table

# The same in all rows of a table, or said elsewhere on the page.
_NOT_CHOSEN = {
    *("method", "train", "protocol", "subset", "n_total", "normaliser", "dataset", "protocol_hash", "reason", "legacy"),
    *("overlap", "remark", "standing", "model", "complete", "code"),
}


@dataclass(frozen=True)
class CellView:
    """A cell: its text, whether it is the best of its column, and its value in CSV if that says more than the text."""

    text: str
    best: bool = False
    value: str = ""


@dataclass(frozen=True)
class ColumnView:
    """A column: its name in links and CSV, its heading, and whether it is shown from the start."""

    name: str
    heading: str
    shown: bool


@dataclass(frozen=True)
class BoardView:
    """What the board shows of one table: columns behind the method's, and parts of rows with a heading each."""

    slug: str
    title: str
    caption: str
    notes: tuple[str, ...]
    columns: tuple[ColumnView, ...]
    parts: tuple[tuple[str, list[list[CellView]]], ...]
    attributes: Table | None


def board_view(board: Leaderboard, one: Measured) -> BoardView:
    """Return the board of one table."""
    usual = [column.name for column in printed_columns(board.columns, one.rows)]
    more = [column for column in board.columns if _told(column, one) and column.name not in usual]
    names = [*usual, *(column.name for column in more)]
    printed = table(one.place, one.rows, board.captions[one.place], board.columns, names, LONGEST)
    rows = iter(one.rows)
    parts = []
    for heading, lines in printed.parts:
        views = []
        for cells in lines:
            row = next(rows)
            pairs = zip(cells[1:], printed.columns, strict=True)
            views.append([CellView(cells[0].text, value=csv_cell(_METHOD, row["method"]))])
            for cell, column in pairs:
                value = csv_cell(column, row[column.name])
                views[-1].append(CellView(cell.text, cell.best, value if value != cell.text else ""))
        parts.append((heading, views))
    columns = tuple(
        ColumnView(column.name, heading, column.name in usual)
        for column, heading in zip(printed.columns, printed.head[1:], strict=True)
    )
    about = board.attributes.get(one.place)
    second = None if about is None else attribute_table(one.place, one.rows, about, board.columns, LONGEST)
    return BoardView(one.slug, printed.title, printed.caption, printed.notes, columns, tuple(parts), second)


_METHOD = Column("method", lambda row: row.method)


def _told(column: Column, one: Measured) -> bool:
    """Return whether a column can be chosen: it says something, and not the same as the caption."""
    values: Sequence[object] = [row[column.name] for row in one.rows]
    return column.name not in _NOT_CHOSEN and any(value not in (None, "") for value in values)
