"""Why rows with one name stand in different tables: what cannot be compared, in a line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.report.columns import RowRecords

NO_RULE = ("name", "union_of", "official_boxes")  # fields of a protocol that change no number


def not_compared(rows: Iterable[RowRecords]) -> list[str]:
    """Return a line for each protocol and each training set whose name stands for several things.

    It says what differs: rules by their fields, test faces, or the number of training faces.
    """
    rules: dict[str, dict[str, RowRecords]] = {}
    trains: dict[str, dict[str, RowRecords]] = {}
    for row in rows:
        rules.setdefault(row.one.protocol.name, {}).setdefault(row.protocol, row)
        trains.setdefault(row.one.train.label, {}).setdefault(row.train, row)
    lines = [_line(names, _rules_differ(list(names.values()))) for names in rules.values() if len(names) > 1]
    for names in trains.values():
        if len(names) > 1:
            faces = ", ".join(str(row.one.train.faces or "unknown") for row in names.values())
            lines.append(_line(names, f"they were trained on other faces ({faces})"))
    return lines


def _line(names: Iterable[str], why: str) -> str:
    return f"not compared: {' and '.join(cut(plain(name), LONGEST_NAME) for name in names)}: {why}"


def _rules_differ(rows: Sequence[RowRecords]) -> str:
    told = [row.one.protocol.to_dict() for row in rows]
    fields = dict.fromkeys(name for one in told for name in one if name not in NO_RULE)
    differing = [name for name in fields if any(one.get(name) != told[0].get(name) for one in told)]
    if not differing:
        return "they are measured on other test faces"
    values = "; ".join(f"{name} {', '.join(str(one.get(name)) for one in told)}" for name in differing)
    return f"their rules differ ({cut(plain(values))})"
