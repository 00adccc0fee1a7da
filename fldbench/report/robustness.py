"""Robustness: how the NME of methods rises as images or boxes get worse, as tables, figures and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import FldbenchError, StoreError
from fldbench.files import write_text
from fldbench.records.record import Record
from fldbench.records.store import read_records
from fldbench.report import formats
from fldbench.report.captions import captioned
from fldbench.report.columns import Column, csv_text
from fldbench.report.curves import BOXES, Curve, Reversal, Section, sections_of, with_intervals, with_ranks
from fldbench.report.figures import write_figures
from fldbench.report.identities import problem_of
from fldbench.report.names import rows_of
from fldbench.report.robustness_figure import boxes_figure, harms_figure
from fldbench.report.robustness_tables import tables_of
from fldbench.report.sections import unsound
from fldbench.report.tables import Table
from fldbench.stats import Interval, paired_differences

NONE = "no curve: the records hold no protocol with harm or jittered boxes beside the same one without; in a suite "
NONE += "`300w-helen@blur=*` or `300w-helen@harm=*` stands for whole curves"


@dataclass(frozen=True, repr=False)
class Robustness:
    """Curves of methods under harm.

    `print(robustness)` shows tables as text; a notebook shows them as HTML.

    Attributes
    ----------
    sections : tuple of Section
        The curves of each training set, protocol without harm, and kind of harm.
    captions : dict
        (train, base) -> caption with the rules.
    reversals : dict
        (train, base) -> pairs of methods of which one is better without harm, and the other with the greatest harm;
        both by intervals of 95 % that leave out 0.
    left_out : tuple of str
        What no curve could be made of.
    """

    sections: tuple[Section, ...]
    captions: dict[tuple[str, str], str]
    reversals: dict[tuple[str, str], tuple[Reversal, ...]]
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        curves = sum(len(section.curves) for section in self.sections)
        return f"Robustness({curves} curves of {len(self.sections)} kinds of harm)"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return formats.html(self._tables(), self.left_out)

    def to_csv(self) -> str:
        """Return a line for each curve: NME and rank at each strength, mean rise, and the greatest rise."""
        curves = [curve for section in self.sections for curve in section.curves]
        columns = _columns(self.sections)
        return csv_text(columns, [_line(curve, columns) for curve in curves])

    def to_text(self, width: int = formats.WIDTH) -> str:
        """Return plain tables; captions have lines of `width` letters."""
        return formats.text(self._tables(), self.left_out, width)

    def to_latex(self) -> str:
        """Return booktabs tables; they compile as they are, and can be \\input into a paper that loads booktabs."""
        return formats.latex(self._tables(), self.left_out)

    def to_markdown(self) -> str:
        """Return Markdown tables with their captions."""
        return formats.markdown(self._tables(), self.left_out)

    def write(self, folder: str | Path) -> list[Path]:
        """Write robustness.csv, .tex and .md, and the figures as .png, .svg and .pdf, each whole or not at all.

        A figure shows one training set and one protocol; with several of them, their figures are numbered. Raises
        StoreError when a file cannot be written.
        """
        texts = {"csv": self.to_csv(), "tex": self.to_latex(), "md": self.to_markdown()}
        written = [write_text(Path(folder) / f"robustness.{ending}", text) for ending, text in texts.items()]
        for number, sections in enumerate(self._by_place().values(), 1):
            more = f"-{number}" if len(self._by_place()) > 1 else ""
            harms = [one for one in sections if one.kind != BOXES]
            if harms:
                written += write_figures(harms_figure(harms), Path(folder) / f"robustness{more}")
            for one in sections:
                if one.kind == BOXES:
                    written += write_figures(boxes_figure(one), Path(folder) / f"boxes{more}")
        return written

    def _by_place(self) -> dict[tuple[str, str], list[Section]]:
        places: dict[tuple[str, str], list[Section]] = {}
        for section in self.sections:
            places.setdefault((section.train, section.base), []).append(section)
        return places

    def _tables(self) -> list[Table]:
        return [
            one
            for place, sections in self._by_place().items()
            for one in tables_of(sections, self.captions[place], self.reversals.get(place, ()))
        ]


def robustness(folders: str | Path | Sequence[str | Path]) -> Robustness:
    """Return the curves of the records in folders, or in files of `fldbench publish`.

    Rows are those of `leaderboard`; records that were edited or contradict themselves have no part. Intervals are over
    the faces whose errors are kept (see `fldbench.stats.paired_differences`); faces are drawn one by one, since records
    do not hold persons or clips.

    Raises
    ------
    StoreError
        For a folder without records, and where no curve is in them.
    """
    items = [folders] if isinstance(folders, (str, Path)) else list(folders)
    unreadable: list[str] = []
    errors: dict[str, np.ndarray | None] = {}
    records: list[Record] = []
    for item in items:
        for record in read_records(item, unreadable):
            errors[record.key] = _errors(record)
            records.append(unsound(record, why) if (why := problem_of(record)) else record)
    rows = with_ranks(rows_of(records))
    sections, left_out = sections_of(rows)
    if not sections:
        raise StoreError(f"{', '.join(map(str, items))}: {'; '.join([NONE, *left_out[:3]])}")
    known: list[Section] = []
    reversals: dict[tuple[str, str], tuple[Reversal, ...]] = {}
    for section in sections:
        marked, found = with_intervals(section, errors, _difference)
        known.append(marked)
        place = section.train, section.base
        reversals[place] = (*reversals.get(place, ()), *found)
    captions = {(section.train, section.base): _caption(section) for section in reversed(sections)}
    return Robustness(tuple(known), captions, reversals, (*left_out, *(f"left out: {one}" for one in unreadable)))


def _caption(section: Section) -> str:
    """Return the rules of the protocol without harm, and what it was trained on."""
    return captioned([curve.steps[0].row for curve in section.curves], ranked=False)[0]


def _errors(record: Record) -> np.ndarray | None:
    """Return what each face counts, in the order of the ids; None where that is not kept."""
    if record.status != "ok" or record.edited or record.kept is None:
        return None
    try:
        arrays = record.kept(("ids", "charged"))
    except FldbenchError:
        return None
    if not {"ids", "charged"} <= arrays.keys():
        return None
    return np.asarray(arrays["charged"], float)[np.argsort(arrays["ids"], kind="stable")]


def _difference(first: np.ndarray, second: np.ndarray) -> Interval:
    return paired_differences(100 * first[None], 100 * second[None])[0]


def _columns(sections: Sequence[Section]) -> tuple[Column, ...]:
    strengths = sorted({one for section in sections for one in section.strengths})
    others = list(dict.fromkeys(one for section in sections for one in section.others))
    texts = ("train", "protocol", "harm", "method", "n")
    numbers = ("mean", "mean_rise", "worst_rise", "worst_at", "last_rise", "last_rise:low", "last_rise:high")
    return (
        *(Column(name, lambda row: None) for name in texts),
        *(Column(f"nme@{one:g}", lambda row: None, csv_decimals=4) for one in strengths),
        *(Column(f"nme@{one}", lambda row: None, csv_decimals=4) for one in others),
        *(Column(name, lambda row: None, csv_decimals=4) for name in numbers),
        *(Column(f"rank@{one:g}", lambda row: None) for one in strengths),
    )


def _line(curve: Curve, columns: Sequence[Column]) -> dict[str, Any]:
    """Return the line of a curve: column -> value."""
    worst, rise = curve.worst or (None, None), curve.rise
    line: dict[str, Any] = dict.fromkeys(column.name for column in columns)
    line |= {"train": curve.train, "protocol": curve.base, "harm": curve.kind, "method": curve.method}
    line |= {"n": curve.steps[0].row.one.test.n, "mean": curve.mean, "mean_rise": curve.mean_rise}
    line |= {"worst_rise": worst[0], "worst_at": worst[1]}
    if rise is not None:
        line |= {"last_rise": rise.value, "last_rise:low": rise.low, "last_rise:high": rise.high}
    for step in curve.steps:
        line |= {f"nme@{step.strength:g}": step.nme, f"rank@{step.strength:g}": step.row.rank}
    return line | {f"nme@{step.strength}": step.nme for step in curve.others}
