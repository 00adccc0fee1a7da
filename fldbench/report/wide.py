"""Tables with protocols as columns: one for each training set, as papers print them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.protocols import Protocol
from fldbench.records.record import UNKNOWN
from fldbench.report.captions import WITH_LETTER
from fldbench.report.columns import Column, printed_columns
from fldbench.report.ranking import RANKED
from fldbench.report.tables import (
    Cell,
    Table,
    best_values,
    is_best,
    is_tied,
    letters_of_best,
    names_of,
    notes_of,
    text_of,
)
from fldbench.report.tested import TRAINED_ONCE

DEFAULT = ("nme",)
APART = "not ranked under every protocol"

# Sentences about columns that may not be shown here.
_TIMES = re.compile(r"(Times|The fit was) [^.]*\.(?: |$)")
_INTERVALS = re.compile(r"95 %: [^.]*\.(?: |$)")
_LETTERS = re.compile(r"Rows that share a letter [^.]*\.(?: |$)")

Rows = list[dict[str, Any]]


def wide_tables(
    sections: Sequence[tuple[tuple[str, str], Rows]],
    captions: Mapping[tuple[str, str], str],
    protocols: Mapping[str, Protocol],
    columns: Sequence[Column],
    names: Sequence[str] | None = None,
    longest_name: int = LONGEST_NAME,
) -> list[Table]:
    """Return a table for each training set, with the wanted columns of each protocol beside each other.

    Rows stand in the order of the first protocol. A method that is not ranked under one of them stands below, apart.

    Parameters
    ----------
    sections : sequence of ((train, protocol), list of dict)
        The rows of each table of a leaderboard.
    captions : mapping of (train, protocol) to str
        Of each of these tables.
    protocols : mapping of str to Protocol
        By their names in tables.
    columns : sequence of Column
        All columns of the leaderboard.
    names : sequence of str, optional
        The wanted columns; default the NME.
    longest_name : int
        Letters of a method's name.

    Raises
    ------
    UnknownNameError
        For a name that the leaderboard does not have.
    """
    trains = dict.fromkeys(train for (train, _), _ in sections)
    together = {train: [(name, rows) for (one, name), rows in sections if one == train] for train in trains}
    wanted = names or DEFAULT
    return [
        _wide(train, parts, captions[train, parts[0][0]], protocols, columns, wanted, longest_name)
        for train, parts in together.items()
    ]


def _wide(
    train: str,
    parts: Sequence[tuple[str, Rows]],
    caption: str,
    protocols: Mapping[str, Protocol],
    columns: Sequence[Column],
    names: Sequence[str],
    longest_name: int,
) -> Table:
    shown: list[Column] = []
    cells: dict[str, list[Cell]] = {}
    methods = list(dict.fromkeys(row["method"] for _, rows in parts for row in rows))
    short = _short([name for name, _ in parts])
    ranked = dict.fromkeys(methods, True)
    for name, rows in parts:
        chosen = printed_columns(columns, rows, names)
        shown += [replace(one, name=f"{name} {one.name}", heading=one.heading or one.name) for one in chosen]
        best, tied, by_method = best_values(rows, chosen), letters_of_best(rows), {row["method"]: row for row in rows}
        for method in methods:
            row = by_method.get(method)
            ranked[method] &= row is not None and row["standing"] == RANKED
            cells.setdefault(method, []).extend(
                Cell("-") if row is None else Cell(text_of(row, c), is_best(row, c, best), is_tied(row, c, tied))
                for c in chosen
            )
    said = {row["method"]: _TIMES.sub("", row["remark"]).strip() for _, rows in reversed(parts) for row in rows}
    named = [{"method": one, "remark": said[one], "status": "ok", "overlap": ""} for one in methods]
    labels = dict(zip(methods, names_of(named, longest_name), strict=True))
    lines = {one: [Cell(labels[one]), *cells[one]] for one in methods}
    above, below = ([lines[one] for one in methods if ranked[one] is which] for which in (True, False))
    blocks = [("", above)] if above else []
    blocks += [(APART if above else "", below)] if below else []
    first = parts[0][0]
    others = [f"{short[name]}: {_differences(protocols[first], protocols[name])}." for name, _ in parts[1:]]
    unused = [_TIMES] + ([] if "nme:low" in names else [_INTERVALS]) + ([] if "ties" in names else [_LETTERS])
    for one in unused:
        caption = one.sub("", caption)
    caption, once = caption.replace(TRAINED_ONCE, ""), TRAINED_ONCE in caption
    caption = caption if any(said.values()) else caption.replace(WITH_LETTER, "")
    underlined = any(cell.tied and not cell.best for row in lines.values() for cell in row)
    about = ["Underlined: not told apart from the best by paired tests."] if underlined else []
    about += [TRAINED_ONCE] if once and (underlined or "ties" in names) else []
    return Table(
        (train, " ".join(name for name, _ in parts)),
        "all protocols" if train == UNKNOWN else f"all protocols, trained on {cut(plain(train), LONGEST_NAME)}",
        " ".join([*caption.split(), *others, *about]),
        tuple(shown),
        tuple(blocks),
        tuple(notes_of(named, list(labels.values()))),
        over=tuple((short[name], len(printed_columns(columns, rows, names))) for name, rows in parts),
    )


def _short(names: Sequence[str]) -> dict[str, str]:
    """Return the names as they stand above columns: without the base that they share, from the second one on.

    >>> _short(["300w-helen", "300w-helen@interpupil"])
    {'300w-helen': '300w-helen', '300w-helen@interpupil': '@interpupil'}
    """
    bases = {name.partition("@")[0] for name in names}
    if len(bases) > 1:
        return {name: cut(plain(name), LONGEST_NAME) for name in names}
    kept = {name: "@" + name.partition("@")[2].replace("boxes=", "") for name in names[1:]}
    return {one: cut(plain(text), LONGEST_NAME) for one, text in ({names[0]: names[0]} | kept).items()}


def _differences(first: Protocol, other: Protocol) -> str:
    """Return what the description of a protocol says that that of the first one does not."""
    known = first.describe().split("; ")
    return "; ".join(part for part in other.describe().split("; ") if part not in known) or "the same rules"
