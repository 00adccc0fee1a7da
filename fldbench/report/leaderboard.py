"""Records -> leaderboard: one row for each method, training set and protocol; checked before anything is written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fldbench.files import write_text
from fldbench.records.record import Record
from fldbench.records.store import read_records
from fldbench.report import tables
from fldbench.report.columns import FIRST, MORE, Column, columns_of, csv_cell
from fldbench.report.identities import check_record, check_unions
from fldbench.report.names import rows_of

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Leaderboard:
    """Rows for tables, in the order of printed ones.

    Rows are sorted by training set and protocol, then by NME; rows without a number come last. Two rows under
    different rules, or trained on different faces, are never ranked together, even with the same name: every printed
    table holds one training set and one protocol.

    Attributes
    ----------
    rows : tuple of dict
        Column's name -> value; metrics in percent, None for no number.
    captions : dict
        (train, protocol) -> caption with the rules and the training faces.
    columns : tuple of Column
        Of the CSV file, in its order.
    """

    rows: tuple[dict[str, Any], ...]
    captions: dict[tuple[str, str], str]
    columns: tuple[Column, ...] = field(default=(*FIRST, *MORE), repr=False)

    @property
    def frame(self) -> pandas.DataFrame:
        """The rows as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(list(self.rows), columns=[column.name for column in self.columns])

    def sections(self) -> list[tuple[tuple[str, str], list[dict[str, Any]]]]:
        """Return the rows of each (train, protocol), in order."""
        places = dict.fromkeys((row["train"], row["protocol"]) for row in self.rows)
        return [(place, [row for row in self.rows if (row["train"], row["protocol"]) == place]) for place in places]

    def to_csv(self) -> str:
        """Return comma-separated values with a header; a missing number is empty."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([column.name for column in self.columns])
        for row in self.rows:
            writer.writerow([csv_cell(column, row[column.name]) for column in self.columns])
        return out.getvalue()

    def to_latex(self) -> str:
        """Return booktabs tables; they compile as they are, and can be \\input into a paper that loads booktabs."""
        return tables.latex(self.sections(), self.captions)

    def to_markdown(self) -> str:
        """Return a Markdown table for each training set and protocol, with its caption."""
        return tables.markdown(self.sections(), self.captions)

    def write(self, folder: str | Path) -> list[Path]:
        """Write leaderboard.csv, .tex and .md into a folder, each whole or not at all; raise StoreError otherwise."""
        texts = {"csv": self.to_csv(), "tex": self.to_latex(), "md": self.to_markdown()}
        return [write_text(Path(folder) / f"leaderboard.{ending}", text) for ending, text in texts.items()]


def leaderboard(source: str | Path | Sequence[str | Path] | Iterable[Record]) -> Leaderboard:
    """Return the leaderboard of one folder, of several folders, or of records.

    Different things with one label are kept apart: rules by their hash, training faces by their fingerprint, methods
    by the parameters that differ and by their code. An edited record is shown and has no number.

    Raises
    ------
    StoreError
        For a folder without records, and for records that contradict themselves or each other.
    """
    items = [source] if isinstance(source, (str, Path)) else list(source)
    records = [r for item in items for r in ([item] if isinstance(item, Record) else read_records(item))]
    for record in records:
        check_record(record)
    groups = rows_of(records)
    check_unions(record for group in groups for record in group.good)
    columns = columns_of(groups)
    rows = [{column.name: column.of(group) for column in columns} for group in groups]
    rows.sort(key=lambda r: (r["train"], r["protocol"], r["nme"] is None, r["nme"] or 0.0, r["method"]))
    captions: dict[tuple[str, str], str] = {}
    for group in groups:
        place = group.train, group.protocol
        table = [other for other in groups if (other.train, other.protocol) == place]
        seeds = sorted(
            {r.train.partition_seed for row in table for r in row.records if r.train.partition_seed is not None}
        )
        caption = tables.caption(group.one, group.protocol, tables.boxes_of(table), seeds)
        captions[place] = max(captions.get(place, ""), caption, key=len)
    return Leaderboard(tuple(rows), captions, columns)
