"""Records -> leaderboard: one row for each method, training set and protocol, checked, ordered and captioned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fldbench.escape import LONGEST_NAME
from fldbench.files import write_text
from fldbench.records.record import Record
from fldbench.report import formats
from fldbench.report.apart import not_compared
from fldbench.report.attribute_figures import write_attribute_figures
from fldbench.report.attributes import Attributes, attribute_table, attributes_of
from fldbench.report.ced_figure import write_ced_figures
from fldbench.report.columns import BY_NAME, FIRST, MORE, Column, RowRecords, columns_of, csv_text, printed_columns
from fldbench.report.published import published_rows
from fldbench.report.sections import sections_of
from fldbench.report.tables import Table, table
from fldbench.report.tested import MOST_ROWS, TOO_MANY, sentences, with_certainty
from fldbench.report.wide import wide_tables

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, repr=False)
class Leaderboard:
    """Rows for tables, in the order of printed ones.

    Every printed table holds one training set and one protocol. Two rows under different rules, or trained on different
    faces, are never ranked together, even with the same name. Within a table rows are ordered and ranked as
    `fldbench.report.ranking` says: by NME, or by AUC if some rows missed faces; partial rows and others that cannot be
    compared stand below, without a rank.

    `print(board)` shows the tables as text; a notebook shows them as HTML.

    Attributes
    ----------
    rows : tuple of dict
        Column's name -> value; metrics in percent, None for no number.
    captions : dict
        (train, protocol) -> caption with the rules and the training faces.
    columns : tuple of Column
        Of the CSV file, in its order.
    left_out : tuple of str
        Records that no row shows, because they cannot be read or contradict themselves or others, with the reason;
        and what stands in different tables although it has one name.
    attributes : dict
        (train, protocol) -> what a second table shows, where methods answer attributes.
    records : tuple of RowRecords
        The records behind each row, in the same order.
    published : dict
        Protocol -> rows of the numbers that others print under the same rules, if they were asked for. They stand below
        all others in every format, without a rank.
    """

    rows: tuple[dict[str, Any], ...]
    captions: dict[tuple[str, str], str]
    columns: tuple[Column, ...] = (*FIRST, *MORE)
    left_out: tuple[str, ...] = ()
    attributes: dict[tuple[str, str], Attributes] = field(default_factory=dict)
    records: tuple[RowRecords, ...] = ()
    published: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        rows, tables = len(self.rows), len(self.captions)
        return f"Leaderboard({rows} row{'s' * (rows != 1)} in {tables} table{'s' * (tables != 1)})"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return formats.html(self._tables(), self.left_out)

    @property
    def frame(self) -> pandas.DataFrame:
        """The rows as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(list(self.rows), columns=[column.name for column in self.columns])

    def sections(self) -> list[tuple[tuple[str, str], list[dict[str, Any]]]]:
        """Return the rows of each (train, protocol), in order."""
        places = dict.fromkeys((row["train"], row["protocol"]) for row in self.rows)
        return [(place, [row for row in self.rows if (row["train"], row["protocol"]) == place]) for place in places]

    def to_csv(self, columns: Sequence[str] | None = None) -> str:
        """Return comma-separated values with a header; a missing number is empty.

        Labels and reasons are in one line each, and none begins as a formula. `columns` are names of columns; default
        all. Raises UnknownNameError for a name that the leaderboard does not have.
        """
        chosen = self.columns
        if columns is not None:
            chosen = (BY_NAME["method"], *printed_columns(self.columns, self.rows, columns))
        return csv_text(chosen, [*self.rows, *(row for rows in self.published.values() for row in rows)])

    def to_text(self, columns: Sequence[str] | None = None, width: int = formats.WIDTH) -> str:
        """Return a plain table for each training set and protocol; captions have lines of `width` letters."""
        return formats.text(self._tables(columns), self.left_out, width)

    def to_latex(self, columns: Sequence[str] | None = None, wide: bool = False, across: bool = False) -> str:
        """Return booktabs tables; they compile as they are, and can be \\input into a paper that loads booktabs.

        The best number is bold, and an NME that paired tests cannot tell from the best one is underlined. By default
        tables have as many columns as fit into the text of an article.

        Parameters
        ----------
        columns : sequence of str, optional
            The wanted columns, such as nme, nme:low (the interval) and fr08.
        wide : bool
            One table for each training set, with protocols as columns; by default with the NME of each.
        across : bool
            Tables across both columns of a page (`table*`).
        """
        tables = self._wide(columns) if wide else self._tables(columns, formats.LATEX_NAME)
        return formats.latex(tables, self.left_out, fit=columns is None and not wide, across=across)

    def to_markdown(self, columns: Sequence[str] | None = None) -> str:
        """Return a Markdown table for each training set and protocol, with its caption."""
        return formats.markdown(self._tables(columns), self.left_out)

    def write(self, folder: str | Path) -> list[Path]:
        """Write leaderboard.csv, .tex and .md into a folder, each whole or not at all; raise StoreError otherwise."""
        texts = {"csv": self.to_csv(), "tex": self.to_latex(), "md": self.to_markdown()}
        return [write_text(Path(folder) / f"leaderboard.{ending}", text) for ending, text in texts.items()]

    def write_figures(self, folder: str | Path) -> list[Path]:
        """Write the figures of the tables, each file whole or not at all; return the paths.

        The cumulative error distribution of each table, as PNG, SVG, PDF and as .tex for pgfplots, whose letters are
        those of the paper. A PNG of each row that answers attributes, with its confusion matrices and reliability
        diagrams. Raises StoreError when one cannot be written.
        """
        drawn = write_ced_figures(self.records, folder)
        return drawn + write_attribute_figures(self.attributes, folder)

    def _wide(self, names: Sequence[str] | None) -> list[Table]:
        rules = {row.protocol: row.one.protocol for row in self.records}
        return wide_tables(self.sections(), self.captions, rules, self.columns, names, formats.LATEX_NAME)

    def _tables(self, names: Sequence[str] | None = None, longest_name: int = LONGEST_NAME) -> list[Table]:
        found = []
        for place, rows in self.sections():
            beside = [*rows, *self.published.get(place[1], ())]
            found.append(table(place, beside, self.captions[place], self.columns, names, longest_name))
            if names is None and place in self.attributes:
                found.append(attribute_table(place, rows, self.attributes[place], self.columns, longest_name))
        return found


def leaderboard(source: str | Path | Sequence[str | Path] | Iterable[Record], published: bool = False) -> Leaderboard:
    """Return the leaderboard of one folder, of several folders, or of records.

    With `published`, numbers that others print under the same rules stand below them, without a rank.

    Different things with one label are kept apart: rules by their hash, training faces by their fingerprint, methods
    by the parameters that differ and by their code. A record that was edited, is not finite, or contradicts itself or
    others is shown without a number and with the reason; one that cannot be read is named in `left_out`.

    Raises
    ------
    StoreError
        For a folder without records.
    """
    found = sections_of(source)
    few = len(found.rows) <= MOST_ROWS
    marked = {place: with_certainty(rows) if few else rows for place, rows in found.marked.items()}
    captions = {p: " ".join(filter(None, [found.captions[p], sentences(rows)])) for p, rows in marked.items()}
    attributes = {place: about for place, rows in marked.items() if (about := attributes_of(rows)) is not None}
    shown = [row for rows in marked.values() for row in rows]
    columns = columns_of(shown)
    return Leaderboard(
        tuple({column.name: column.of(row) for column in columns} for row in shown),
        captions,
        columns,
        (*found.left_out, *not_compared(shown), *([] if few else [TOO_MANY])),
        attributes,
        tuple(shown),
        {row.protocol: published_rows(row.one.protocol, columns) for row in shown if published},
    )
