"""Records -> the rows of each printed table, in their order, with a caption: what every report begins with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from fldbench.records.record import Metrics, Record
from fldbench.records.store import read_records
from fldbench.report.captions import captioned
from fldbench.report.columns import RowRecords
from fldbench.report.identities import problem_of, union_problems
from fldbench.report.names import rows_of
from fldbench.report.ranking import ordered

UNSOUND = "unsound"  # the status of a record whose numbers cannot be true
Source = str | Path | Sequence[str | Path] | Iterable[Record]


class Sections(NamedTuple):
    """The rows of records.

    Attributes
    ----------
    rows : list of RowRecords
        All rows, by their names.
    captions : dict
        (train, protocol) -> caption.
    marked : dict
        (train, protocol) -> its rows, ordered and with their remarks.
    left_out : tuple of str
        Why records are in no row.
    """

    rows: list[RowRecords]
    captions: dict[tuple[str, str], str]
    marked: dict[tuple[str, str], list[RowRecords]]
    left_out: tuple[str, ...]


def sections_of(source: Source) -> Sections:
    """Return the rows of one folder, of several folders, or of records.

    Raises
    ------
    StoreError
        For a folder without records.
    """
    unreadable: list[str] = []
    items = [source] if isinstance(source, (str, Path)) else list(source)
    records = [r for item in items for r in ([item] if isinstance(item, Record) else read_records(item, unreadable))]
    records = [unsound(record, why) if (why := problem_of(record)) else record for record in records]
    rows = rows_of(records)
    wrong = union_problems(record for row in rows for record in row.good)
    if wrong:
        records = [unsound(record, wrong[record.key]) if record.key in wrong else record for record in records]
        rows = rows_of(records)
    groups: dict[tuple[str, str], list[RowRecords]] = {}
    for row in rows:
        groups.setdefault((row.train, row.protocol), []).append(row)
    found = {place: captioned(ordered(group)) for place, group in sorted(groups.items())}
    seen = {record.key for row in rows for record in row.records}
    left_out = [r.reason for r in records if r.status == UNSOUND and r.key not in seen] + unreadable
    return Sections(
        rows,
        {place: caption for place, (caption, _) in found.items()},
        {place: marked for place, (_, marked) in found.items()},
        tuple(f"left out: {line}" for line in left_out),
    )


def unsound(record: Record, why: str) -> Record:
    """Return a record without its numbers, which cannot be true."""
    reason = f"record {record.key} ({record.method.label} under {record.protocol.name}): {why}"
    return replace(record, status=UNSOUND, reason=reason, metrics=Metrics())
