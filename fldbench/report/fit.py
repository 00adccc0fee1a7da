"""Printed tables that fit onto pages of an article: estimates of their size in LaTeX, and tables in smaller parts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from fldbench.escape import cut, plain
from fldbench.report.tables import Cell, Table

TEXT_WIDTH, COLUMN_WIDTH = 345.0, 229.0  # pt, of an article with letters of 10 pt, in one column and in two
TEXT_HEIGHT = 530.0  # pt, of the same, less what a float and a caption keep free
# pt, letters of cmr8 by their width; the dots are those of \dots.
LETTERS = {
    char: width
    for width, chars in (
        (2.5, ".,:;'!|[]il"),
        (2.9, " -fj"),
        (3.4, "()rstI"),
        (3.8, "cez†"),
        (4.3, "0123456789ago–_?/*`{}"),
        (4.8, "bdhknpquvxy"),
        (7.1, "mw%"),
        (8.8, "MW@—"),
        (10.5, "…"),
    )
    for char in chars
}
CAPITAL, LETTER, BOLD = 6.6, 4.6, 1.16  # pt: of another letter, about that of a small one; bold ones as a factor
GAP = 6.0  # pt between two columns
ROW, RULE = 9.5, 5.0  # pt, heights of a row in letters of 8 pt, and of a rule with its gaps
CAPTION_LETTERS, CAPTION_LINE = 70, 12.0  # letters of a caption's line, at least; and its height in pt
LEAST_NAME = 22  # letters of a method's name
LEAST_ROWS = 10  # of a page: a caption alone may fill it


def fitting(table: Table) -> Table:
    """Return the table without the columns that do not fit into the text of an article, and then with shorter names.

    First go those that it can spare; columns that say the same in all rows, then further failure rates, then sizes and
    times. Names are cut to no less than `LEAST_NAME` letters, and only where they stay different.
    """
    rows = [row for _, part in table.parts for row in part]
    texts = {c.name: {row[i].text for row in rows} for i, c in enumerate(table.columns, 1)}
    all_faces = all(n == total for n, total in (one.split(" of ") for one in texts.get("n", set()) - {"-"}))
    rates = [column.name for column in table.columns if column.name.startswith("fr")]
    order = [*table.spare, *(["n"] if all_faces else [])]
    order += ["missed"] if texts.get("missed", set()) <= {"0", "-"} else []
    order += [*rates[1:], "model_bytes", "ms_one_face", "rank_low", "fit_seconds", "ms_per_face"]
    while order and width_of(table) > TEXT_WIDTH:
        table = table.without([order.pop(0)])
    return _cut_names(table) if width_of(table) > TEXT_WIDTH else table


def _cut_names(table: Table) -> Table:
    """Return the table with its names cut as far as it must be to fit; as it is where that is not enough."""
    names = [row[0].text for _, rows in table.parts for row in rows]
    for most in range(max(map(len, names), default=0) - 1, LEAST_NAME - 1, -1):
        parts = [
            (part, [[row[0]._replace(text=cut(row[0].text, most)), *row[1:]] for row in rows])
            for part, rows in table.parts
        ]
        shorter = replace(table, parts=tuple(parts))
        if len({cut(name, most) for name in names}) < len({*names}):
            break
        if width_of(shorter) <= TEXT_WIDTH:
            return shorter
    return table


def beside(table: Table) -> list[Table]:
    """Return the table in as few parts as fit into the width of the text, each with all rows and some columns."""
    columns = [column.name for column in table.columns]
    for number in range(1, len(columns) + 1):
        ends = [round(i * len(columns) / number) for i in range(number + 1)]
        groups = [columns[a:b] for a, b in pairwise(ends)]
        parts = [table.without(one for one in columns if one not in group) for group in groups]
        if all(width_of(part) <= TEXT_WIDTH for part in parts):
            return parts
    return [table]


def on_pages(table: Table) -> list[Table]:
    """Return the table in parts that fit onto a page each: some of the rows, and behind the first a short caption."""
    times = len(beside(table))
    whole = TEXT_HEIGHT - times * (ROW + 2 * RULE)
    letters = len(table.caption) + sum(map(len, table.notes))
    free = max(whole - CAPTION_LINE * (letters // CAPTION_LETTERS + 1), LEAST_ROWS * times * ROW)
    pages: list[list[tuple[str, list[list[Cell]]]]] = [[]]
    used = 0.0
    for part, rows in table.parts:
        above = RULE + (ROW if part else 0.0)
        begun = False
        for row in rows:
            if pages[-1] and used + times * (ROW if begun else above + ROW) > free:
                pages.append([])
                used, free, begun = 0.0, whole, False
            if not begun:
                pages[-1].append((part, []))
                used, begun = used + times * above, True
            pages[-1][-1][1].append(row)
            used += times * ROW
    if len(pages) == 1:
        return [table]
    first, *others = (replace(table, parts=tuple(parts)) for parts in pages)
    train, protocol = table.place
    caption = f"{table.title}, continued."
    others = [
        replace(one, place=(train, f"{protocol}-{i}"), caption=caption, notes=()) for i, one in enumerate(others, 2)
    ]
    return [first, *others]


def width_of(table: Table) -> float:
    """Return about how wide a table is in LaTeX, in pt, with letters of 8 pt."""
    return sum(widths_of(table)) + GAP * len(table.columns)


def widths_of(table: Table) -> list[float]:
    """Return about how wide the columns are, in pt."""
    grid = [[Cell(text) for text in table.head], *(row for _, rows in table.parts for row in rows)]
    found = [
        max(_points(line[i].text) * (BOLD if line[i].best else 1.0) for line in grid) for i in range(len(table.head))
    ]
    at = 1
    for text, number in table.over:  # LaTeX gives the last column what a heading over several has too much
        own = sum(found[at : at + number]) + GAP * (number - 1)
        at += number
        found[at - 1] += max(0.0, _points(text) - own)
    return found


def _points(text: str) -> float:
    """Return about how wide a text in letters of cmr8 is, in pt."""
    return sum(LETTERS.get(char, CAPITAL) for char in plain(text))
