"""The screen of a page that shows an audit of its board: two tables for each protocol, methods as columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from fldbench.audit.board import BoardAudit, Values, board_audit
from fldbench.metrics import percent_digits
from fldbench.protocols.legacy import AUC_RULES
from fldbench.records.known_faces import KnownFaces
from fldbench.report.columns import Column
from fldbench.report.page.measured import Measured
from fldbench.report.page.sides import Panel, Side
from fldbench.report.tables import Cell, Table

MOST_TABLES = 8  # of a page
ORDER = "order changes"
ERRORS_ALONE = (
    "Only what follows from the kept errors of faces: other normalisers, points and pixels need the true points and "
    "all predictions (`fldbench report DIR --data ROOT`)."
)
Lines = list[list[Cell]]


def audit_side(tables: Sequence[Measured], places: Mapping[str, Path], known: Mapping[str, KnownFaces]) -> Side | None:
    """Return the screen of a page that shows what other conventions make of the board's numbers.

    Parameters
    ----------
    tables : sequence of Measured
        The tables of the board. Protocols with harm are left out: their numbers are nobody's convention.
    places : mapping of str to Path
        Key of a record -> its folder.
    known : mapping of str to KnownFaces
        Hash of a protocol -> its faces; without them the conventions that need only errors are shown.
    """
    usual = [one for one in tables if one.with_errors and not one.records[0].one.protocol.harms]
    panels, notes = [], []
    for one in usual[:MOST_TABLES]:
        found = board_audit(one, places, known.get(one.records[0].one.protocol.hash))
        if found is None:
            notes.append(f"{one.place[1]}: {one.errors.size} errors are too many for an audit in a page.")
        else:
            panels += [Panel((one.slug,), printed) for printed in (_nme_table(one, found), _curve_table(one, found))]
    if usual[MOST_TABLES:]:
        notes.append(f"Not audited here: {', '.join(one.place[1] for one in usual[MOST_TABLES:])}.")
    return Side("audit", "Audit", tuple(panels), notes) if panels or notes else None


def changed_pairs(default: Sequence[float], other: Sequence[float]) -> tuple[int, int]:
    """Return how many pairs of methods change their order, and of how many pairs with four known numbers.

    >>> changed_pairs([1.0, 2.0, 3.0], [2.0, 1.0, float("nan")])
    (1, 1)
    """
    known = [i for i, pair in enumerate(zip(default, other, strict=True)) if np.isfinite(pair).all()]
    pairs = list(combinations(known, 2))
    return sum((default[i] - default[j]) * (other[i] - other[j]) < 0 for i, j in pairs), len(pairs)


def _nme_table(table: Measured, found: BoardAudit) -> Table:
    default = [_number(value) for value in found.default]
    shown = {one: values for one, values in found.nme.items() if [_number(value) for value in values] != default}
    parts = [("", [_nme_line("default", "", "", found.default, found.default)])]
    for part in dict.fromkeys(one.part for one in shown):
        of_part = {one: values for one, values in shown.items() if one.part == part}
        lines = [_nme_line(one.words, one.who, f"@{one.change}", own, found.default) for one, own in of_part.items()]
        parts.append((part, lines))
    caption = (
        f"NME in percent, mean over the trainings. {found.protocol.describe()}. Each row changes one thing; those that "
        f"change no number are left out. `ratio` is to the default, the smallest and the largest of the methods; "
        f"`{ORDER}` counts pairs of methods."
    )
    notes = [f"{table.methods[0]}: {sentence}" for sentence in found.sentences]
    if found.from_errors:
        notes.append(ERRORS_ALONE)
    if found.impossible:
        notes.append(f"Impossible for this dataset: {'; '.join(one.words for one in found.impossible)}.")
    front, behind = ("ratio", ORDER), ("protocol", "counted so by")
    return _table(table, "one convention after the other", "convention", front, parts, caption, behind, notes)


def _curve_table(table: Measured, found: BoardAudit) -> Table:
    rule, own = found.protocol.auc_rule, found.protocol.thresholds[0]
    thresholds = sorted({t for _, t in found.curves[0]})

    def lines(keys: Sequence[tuple[str, tuple[str, float]]], which: int, best: Callable[[Values], float]) -> Lines:
        default = [curve[rule, own][which] for curve in found.curves]
        return [_line([words], [curve[key][which] for curve in found.curves], default, best) for words, key in keys]

    areas = [(f"AUC at {_percent(t)} %", ("exact", t)) for t in thresholds]
    by_rules = [(f"AUC at {_percent(own)} % by {one}", (one, own)) for one in AUC_RULES if one != "exact"]
    rates = [(f"FR at {_percent(t)} %", ("exact", t)) for t in thresholds]
    strict = [(f"FR at {_percent(t)} %, the threshold too", ("exact", t)) for t in thresholds]
    parts = [
        ("AUC", lines(areas, 0, max)),
        ("rules of the AUC", lines(by_rules, 0, max)),
        ("FR", lines(rates, 1, min)),
    ]
    if any(curve["exact", t][1] != curve["exact", t][2] for curve in found.curves for t in thresholds):
        parts.append(("an error at the threshold is a failure", lines(strict, 2, min)))
    caption = (
        f"In percent, mean over the trainings; a missed face counts as the protocol says. `{ORDER}` counts pairs of "
        "methods against the protocol's own AUC or FR; `fldbench list protocols` tells the rules."
    )
    return _table(table, "AUC and FR by rules and thresholds", "number", (ORDER,), parts, caption)


def _table(
    table: Measured,
    title: str,
    first: str,
    front: Sequence[str],
    parts: Sequence[tuple[str, Lines]],
    caption: str,
    behind: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Table:
    columns = tuple(Column(name, lambda row: None, name) for name in (*front, *table.methods, *behind))
    return Table(table.place, f"{table.place[1]}: {title}", caption, columns, tuple(parts), tuple(notes), first=first)


def _nme_line(words: str, who: str, protocol: str, values: Values, default: Values) -> list[Cell]:
    ratios = [value / own for value, own in zip(values, default, strict=True) if own > 0 and np.isfinite(value / own)]
    ends = dict.fromkeys(f"{end:.3f}" for end in (min(ratios), max(ratios))) if ratios else {}
    return [*_line([words, "–".join(ends)], values, default, min), Cell(protocol), Cell(who)]


def _line(front: Sequence[str], values: Values, default: Values, best: Callable[[Values], float]) -> list[Cell]:
    changed, pairs = changed_pairs(default, values)
    top = best([value for value in values if np.isfinite(value)] or [np.nan])
    order = f"{changed} of {pairs}" if pairs else ""
    return [*map(Cell, (*front, order)), *(Cell(_number(value), value == top) for value in values)]


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "–"


def _percent(fraction: float) -> str:
    return percent_digits(fraction).removeprefix("0")
