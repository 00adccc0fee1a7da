"""An audit as tables, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fldbench.audit.contour import Split, error_split
from fldbench.audit.conventions import CODE, Convention
from fldbench.audit.variants import Audit, Row, sentences
from fldbench.metrics import percent_digits
from fldbench.protocols import Protocol
from fldbench.protocols.legacy import AUC_RULES
from fldbench.report.columns import Column
from fldbench.report.formats import WIDTH, markdown, text
from fldbench.report.tables import Cell, Table

FILE = "a file"  # where tables of runs name the training set


def to_text(audit: Audit, width: int = WIDTH) -> str:
    """Return an audit for a terminal: conventions, AUC rules, regions, and what others would call the number."""
    return text(tables_of(audit, landmarks=False), sentences(audit), width)


def to_markdown(audit: Audit) -> str:
    """Return an audit as Markdown, with the errors of each landmark."""
    return markdown(tables_of(audit, landmarks=True), sentences(audit))


def tables_of(audit: Audit, landmarks: bool) -> list[Table]:
    """Return the tables of an audit; on request, one with the errors of each landmark."""
    regions, points = error_split(audit.predictions, audit.faces, audit.protocol)
    found = [_conventions(audit), _curves(audit), split_table(audit.protocol, "region", regions)]
    return [*found, split_table(audit.protocol, "landmark", points)] if landmarks else found


def _column(name: str) -> Column:
    return Column(name, lambda row: None, name)


def table(
    protocol: Protocol,
    title: str,
    first: str,
    head: Sequence[str],
    parts: Sequence[tuple[str, list[list[Cell]]]],
    caption: str,
    notes: Sequence[str] = (),
) -> Table:
    """Return a table about a file under a protocol."""
    name = protocol.name
    columns = tuple(map(_column, head))
    return Table((FILE, name), f"{name}: {title}", caption, columns, tuple(parts), tuple(notes), first=first)


def _conventions(audit: Audit) -> Table:
    head = ["protocol", "NME", "ratio", "FR", "at", "AUC"]
    parts = [("", [_cells("default", audit.protocol.name, audit, None)])]
    for part in dict.fromkeys(row.convention.part for row in audit.rows):
        rows = [row for row in audit.rows if row.convention.part == part]
        parts.append((part, [_cells(_named(row.convention), _change(row, audit), audit, row) for row in rows]))
    caption = f"{audit.protocol.describe()}. Each row changes one thing; `fldbench evaluate --protocol` gives the same."
    return table(audit.protocol, "one convention after the other", "convention", head, parts, caption, _notes(audit))


def _named(one: Convention) -> str:
    return f"{one.who}: {one.words}" if one.part == CODE else one.words


def _change(row: Row, audit: Audit) -> str:
    """Return the modifiers behind the name of the default, or the whole name."""
    return row.protocol.name.removeprefix(audit.protocol.name) or row.protocol.name


def _cells(name: str, rules: str, audit: Audit, row: Row | None) -> list[Cell]:
    score = audit.score if row is None else row.score
    values = {metric.name: metric for metric in reversed(score.values)}
    t = values["auc"].threshold or 0.0
    ratio = "1" if row is None else f"{audit.ratio(row):.3f}"
    numbers = [f"{values['nme'].value:.2f}", ratio, f"{values['fr'].value:.2f}", f"{_percent(t)} %"]
    return [Cell(one) for one in (name, rules, *numbers, f"{values['auc'].value:.2f}")]


def _notes(audit: Audit) -> list[str]:
    notes = []
    if audit.same:
        notes.append(f"Changes no number here: {'; '.join(map(_named, audit.same))}.")
    if not audit.score.missed:
        notes.append("No face is missed, so that the rule for missed faces changes nothing.")
    if audit.impossible:
        words = "; ".join(_named(one) for one, _ in audit.impossible)
        notes.append(f"Impossible for this dataset: {words}.")
    return notes


def _curves(audit: Audit) -> Table:
    thresholds = sorted({t for _, t in audit.curve})
    own = audit.protocol.auc_rule, audit.protocol.thresholds[0]
    rows = [
        [Cell(rule), *(Cell(f"{audit.curve[rule, t][0]:.2f}", (rule, t) == own) for t in thresholds)]
        for rule in AUC_RULES
    ]
    rates = [
        [Cell(name), *(Cell(f"{audit.curve['exact', t][which]:.2f}") for t in thresholds)]
        for name, which in (("failure is > t", 1), ("failure is >= t", 2))
    ]
    head = [f"at {_percent(t)} %" for t in thresholds]
    caption = "The default's errors; rules by the codes that integrate so, as t=...,auc=RULE and strict."
    return table(audit.protocol, "AUC and FR in percent", "AUC by the rule", head, [("", rows), ("FR", rates)], caption)


def split_table(protocol: Protocol, first: str, found: Sequence[Split]) -> Table:
    """Return the errors of regions or landmarks, their parts along and across the contour, and their bias."""
    head = ["error", "along", "across", "along is", "bias x", "bias y", "bias along", "bias across"]
    rows = [
        [
            Cell(one.name),
            *map(_number, (one.error, one.along, one.across)),
            Cell("-" if np.isnan(one.share_along) else f"{100 * one.share_along:.0f} %"),
            *map(_signed, (*one.bias, one.bias_along, one.bias_across)),
        ]
        for one in found
    ]
    caption = (
        "In percent of the normaliser: mean error, and its parts along and across the contour. `along is` is their "
        "share of the squared error, 50 % if no direction is preferred; where a truth is only known to lie on a curve, "
        "errors along it mean less. Bias is answer minus truth, x right, y down; along is forwards in the order of "
        "the points, across to the right of it."
    )
    return table(protocol, f"errors by {first}", first, head, [("", rows)], caption)


def _number(value: float) -> Cell:
    return Cell("-" if np.isnan(value) else f"{value:.2f}")


def _signed(value: float) -> Cell:
    return Cell("-" if np.isnan(value) else f"{value:+.2f}")


def _percent(fraction: float) -> str:
    return percent_digits(fraction).removeprefix("0")
