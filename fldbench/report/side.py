"""A report beside the leaderboard, such as that of costs: printed tables, one CSV file, and figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fldbench.files import write_text
from fldbench.report import formats
from fldbench.report.columns import Column, csv_text
from fldbench.report.figures import write_figures
from fldbench.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class SideReport:
    """What records say about one question, for all (train, protocol).

    Attributes
    ----------
    name : str
        The name of its files, such as cost.
    tables : tuple of Table
        As they are printed.
    columns, rows
        Of the CSV file.
    notes : tuple of str
        What is missing, and why.
    figures : tuple of ((train, protocol), callable)
        What draws the figure of a section.
    """

    name: str
    tables: tuple[Table, ...]
    columns: tuple[Column, ...]
    rows: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()
    figures: tuple[tuple[tuple[str, str], Callable[[], Figure]], ...] = ()

    def __repr__(self) -> str:
        return f"SideReport({self.name}, {len(self.rows)} rows in {len(self.tables)} tables)"

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self) -> str:
        """Return plain tables."""
        return formats.text(self.tables, self.notes)

    def to_markdown(self) -> str:
        """Return Markdown tables."""
        return formats.markdown(self.tables, self.notes)

    def to_latex(self) -> str:
        """Return booktabs tables with as many columns as fit into the text of an article."""
        return formats.latex(self.tables, self.notes)

    def to_csv(self) -> str:
        """Return all rows as comma-separated values; a missing number is empty."""
        return csv_text(self.columns, self.rows)

    def write(self, folder: str | Path) -> list[Path]:
        """Write NAME.csv, .tex and .md and the figures into a folder; raise StoreError when that is impossible."""
        texts = {"csv": self.to_csv(), "tex": self.to_latex(), "md": self.to_markdown()}
        written = [write_text(Path(folder) / f"{self.name}.{ending}", text) for ending, text in texts.items()]
        return written + self.write_figures(folder)

    def write_figures(self, folder: str | Path) -> list[Path]:
        """Write each figure as PNG, SVG and PDF; return the paths."""
        stems: list[str] = []
        written = []
        for place, draw in self.figures:
            stems.append(stem_of(self.name, place, stems))
            written += write_figures(draw(), Path(folder) / stems[-1])
        return written


def fact(name: str, heading: str = "", decimals: int | None = None, unit: float = 1.0) -> Column:
    """Return a column of a side report, whose values stand in its rows by its name."""
    return Column(name, lambda row: None, heading, decimals, decimals and max(decimals, 4), unit)


def stem_of(name: str, place: Sequence[str], taken: Iterable[str]) -> str:
    """Return the name of a file of one (train, protocol), without its ending; none of those that are taken.

    >>> stem_of("ced", ("300w-train", "300w-helen@blur=1"), ["ced-300w-helen-blur-1-300w-train"])
    'ced-300w-helen-blur-1-300w-train-2'
    """
    slug = re.sub("[^A-Za-z0-9.]+", "-", f"{name}-{place[1]}-{place[0]}")[:100].strip("-.")
    return next(one for one in chain([slug], (f"{slug}-{i}" for i in count(2))) if one not in taken)
