"""Which rows of a table are ranked, by what, and in which order rows stand: giving up wins nothing.

A row is ranked if it was measured on all faces of the protocol, with all its seeds, by the newest code, and without
having been trained on test faces. Ranked rows are ordered by NME if it counts the same faces in all of them: nobody
missed a face, or the protocol charges missed faces. Otherwise they are ordered by AUC, which counts a missed face as
zero; equal ones by FR, then by the faces missed, then by NME. Where the protocol leaves missed faces out of every
number, or charges less than a failure, giving up would win: a row that missed a face is then as partial as one on fewer
faces.

Below them stand, apart and without a rank: partial rows, the one on most faces first; rows trained on test faces; rows
that newer code has superseded; rows without a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fldbench.metrics import Metric
from fldbench.protocols.missed import costs
from fldbench.report.columns import RowRecords, value_of

RANKED, PARTIAL = "ranked", "partial"
STANDINGS = (RANKED, PARTIAL, "contaminated", "superseded", "failed")  # in the order of a table
# Why rows are not ranked: the headings of the parts of a printed table.
HEADINGS = {
    PARTIAL: "not ranked: not all faces or seeds",
    "contaminated": "not ranked: trained on test faces",
    "superseded": "not ranked: superseded by newer code",
    "failed": "no number",
    "published": "not ranked: published by others",
}


def standing(row: RowRecords) -> str:
    """Return one of STANDINGS."""
    if not row.good:
        return "failed"
    if row.overlap:
        return "contaminated"
    if row.superseded:
        return "superseded"
    whole = all(record.test.complete for record in row.good) and len(row.good) == len(row.records)
    return RANKED if whole and not (row.missed and _gains(row)) else PARTIAL


def by_auc(rows: Sequence[RowRecords]) -> bool:
    """Return whether the ranked rows of a table are ordered by AUC, because the NME of some is over fewer faces."""
    return _fewer([row for row in rows if standing(row) == RANKED])


def ordered(rows: Sequence[RowRecords]) -> list[RowRecords]:
    """Return the rows of one table in their order, each with its standing, and the ranked ones with their rank.

    Rows with equal numbers have the same rank, and the next one the rank of its place.
    """
    done: list[RowRecords] = []
    for name in STANDINGS:
        part = [row for row in rows if standing(row) == name]
        auc = _fewer(part)
        part.sort(key=lambda row: (_measured(row) if name == PARTIAL else 0, _numbers(row, auc), row.method))
        numbers = [_numbers(row, auc) for row in part]
        for row in part:
            rank = numbers.index(_numbers(row, auc)) + 1 if name == RANKED else None
            done.append(replace(row, standing=name, rank=rank))
    return done


def _fewer(rows: Sequence[RowRecords]) -> bool:
    return any(row.good and row.n_nme < row.one.test.n for row in rows)


def _measured(row: RowRecords) -> float:
    """Return the faces behind the numbers, so that the row on most faces stands first."""
    return -(row.one.test.n - (row.missed or 0 if _gains(row) else 0))


def _gains(row: RowRecords) -> bool:
    """Return whether the row's protocol lets a method gain by giving up."""
    protocol, n = row.one.protocol, row.one.test.n
    return not costs(protocol.missed, max(protocol.thresholds), n)


def _numbers(row: RowRecords, auc: bool) -> tuple[Any, ...]:
    """Return what rows are ordered by, the best first; rows without a number last."""
    nme = value_of(row, "nme")
    by_nme = nme is None, nme or 0.0
    if not auc:
        return by_nme
    protocol = row.one.protocol
    area = value_of(row, Metric("auc", 0.0, protocol.thresholds[0], protocol.auc_rule).key)
    rate = value_of(row, Metric("fr", 0.0, protocol.thresholds[0]).key)
    return area is None, -(area or 0.0), rate is None, rate or 0.0, row.missed or 0.0, *by_nme
