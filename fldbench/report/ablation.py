"""Ablation: which task helps landmarks, or which value of a parameter, by how much, with what certainty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fldbench.files import write_text
from fldbench.metrics import Metric
from fldbench.records.variant_runs import VariantRun
from fldbench.report import formats
from fldbench.report.ablation_figure import figure_of
from fldbench.report.ablation_tables import MOST_IN_LATEX, MOST_LANDMARKS, tables_of
from fldbench.report.ablation_words import answer
from fldbench.report.captions import captioned
from fldbench.report.columns import BY_NAME, Column, RowRecords, csv_text, metric_column
from fldbench.report.comparisons import Measured, VariantRow, compared
from fldbench.report.figures import write_figure
from fldbench.report.identities import problem_of
from fldbench.report.sections import unsound
from fldbench.report.tables import Table

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

RATE = 0.10  # threshold of the failure rate in printed tables
FIRST = ("train", "protocol", "subset", "n", "n_total", "missed", "seeds", "status")
LAST = ("complete", "overlap", "jobs", "load", "fit_load", "machine", "other_code", "reason", "remark")
COSTS = ("fit_seconds", "parameters", "ms_per_face")


@dataclass(frozen=True, repr=False)
class Ablation:
    """The variants of methods beside one of them: landmarks alone, or the first value of a parameter that varies.

    `print(ablation)` shows tables as text; a notebook shows them as HTML.

    Attributes
    ----------
    sections : tuple of (str, tuple of VariantRow)
        The rows of each method, training set and protocol, behind the caption with their rules.
    columns : tuple of Column
        Of the CSV file. Behind a metric's own column stand `:sd`, its standard deviation over the seeds; `:diff`,
        `:low` and `:high`, the difference to the baseline (between variants that differ in their tasks, for an
        attribute's metric: to landmarks with this attribute alone) with its interval; and `:effect`: helps, hurts,
        undecided or one training.
    """

    sections: tuple[tuple[str, tuple[VariantRow, ...]], ...]
    columns: tuple[Column, ...]

    def __repr__(self) -> str:
        return f"Ablation({'; '.join(f'{rows[0].label}: {answer(rows)}' for _, rows in self.sections)})"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return formats.html(self._tables(), ())

    @property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """Column's name -> value; metrics in percent, None for no number."""
        return tuple({c.name: c.of(row) for c in self.columns} for _, rows in self.sections for row in rows)

    @property
    def frame(self) -> pandas.DataFrame:
        """The rows as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(list(self.rows), columns=[column.name for column in self.columns])

    def to_csv(self) -> str:
        """Return comma-separated values with a header; a missing number is empty."""
        return csv_text(self.columns, self.rows)

    def to_text(self, width: int = formats.WIDTH) -> str:
        """Return plain tables; captions have lines of `width` letters."""
        return formats.text(self._tables(), (), width)

    def to_latex(self) -> str:
        """Return booktabs tables; they compile as they are, and can be \\input into a paper that loads booktabs.

        They have as many columns as fit into the text of an article.
        """
        return formats.latex(self._tables(MOST_IN_LATEX), ())

    def to_markdown(self) -> str:
        """Return Markdown tables with their captions."""
        return formats.markdown(self._tables(), ())

    def figure(self) -> Figure:
        """Return the differences with their intervals: a row of panels for each section, of NME and of each region."""
        return figure_of([rows for _, rows in self.sections])

    def write(self, folder: str | Path) -> list[Path]:
        """Write ablation.csv, .tex, .md and .png into a folder, each whole or not at all; raise StoreError otherwise.

        The figure is left out where nothing can be compared.
        """
        texts = {"csv": self.to_csv(), "tex": self.to_latex(), "md": self.to_markdown()}
        written = [write_text(Path(folder) / f"ablation.{ending}", text) for ending, text in texts.items()]
        drawn = any(row.measures["nme"].difference for _, rows in self.sections for row in rows)
        return [*written, write_figure(self.figure(), Path(folder) / "ablation.png")] if drawn else written

    def _tables(self, landmarks: int = MOST_LANDMARKS) -> list[Table]:
        return [one for caption, rows in self.sections for one in tables_of(rows, caption, _rate(rows), landmarks)]


def ablation(runs: Iterable[VariantRun]) -> Ablation:
    """Return the ablation of runs that `fldbench.ablate_suite` did.

    Each variant of a method is compared with its baseline, landmarks alone or the first value of the parameter that
    varies, on the same faces: see `fldbench.stats.paired_differences`. A run that failed, was edited or contradicts
    itself has no part in any number; its row says so.
    """
    groups: dict[tuple[str, str, str], list[VariantRun]] = {}
    for run in runs:
        record = run.record
        if why := problem_of(record):
            record = unsound(record, why)
        good = record.status == "ok" and not record.edited
        run = replace(run, record=record, faces=run.faces if good else None)
        groups.setdefault((record.train.label, record.protocol.hash, run.method), []).append(run)
    sections = []
    for group in groups.values():
        caption, rows = captioned(compared(group), ranked=False)
        sections.append((caption, tuple(rows)))
    return Ablation(tuple(sections), _columns([row for _, rows in sections for row in rows]))


def _rate(rows: Sequence[VariantRow]) -> Column:
    thresholds = rows[0].one.protocol.thresholds
    return metric_column(Metric("fr", 0.0, RATE if RATE in thresholds else thresholds[0]))


def _columns(rows: Sequence[VariantRow]) -> tuple[Column, ...]:
    found = [
        _own("method", lambda row: row.label),
        _own("variant", lambda row: row.variant),
        _own("tasks", lambda row: " ".join(row.tasks)),
        _own("parameter", lambda row: row.comparison.parameter or "tasks"),
        _own("baseline", lambda row: row.comparison.baseline),
        *(BY_NAME[name] for name in FIRST),
        _own("n_compared", lambda row: row.n_compared),
        _own("interval_over", _over),
    ]
    for key in dict.fromkeys(key for row in rows for key in row.measures):
        found += _columns_of(key)
        if key == "nme":
            parts = {"to_all": "value", "to_all:low": "low", "to_all:high": "high"}
            found += [_own(f"nme:{name}", _of_to_all(part), 4) for name, part in parts.items()]
    for name in COSTS:
        found += [BY_NAME[name], _own(f"{name}:ratio", _of_ratio(name), 4)]
    found.append(_own("same_conditions", lambda row: "no" if row.other_conditions else "yes"))
    return (*found, *(BY_NAME[name] for name in LAST))


def _columns_of(key: str) -> list[Column]:
    def part(of: Callable[[Measured], Any]) -> Callable[[VariantRow], Any]:
        return lambda row: of(row.measures[key]) if key in row.measures else None

    def side(name: str) -> Callable[[VariantRow], Any]:
        return part(lambda one: None if one.difference is None else getattr(one.difference, name))

    return [
        _own(key, part(lambda one: one.value), 4),
        _own(f"{key}:sd", part(lambda one: one.sd), 4),
        _own(f"{key}:diff", side("value"), 4),
        _own(f"{key}:low", side("low"), 4),
        _own(f"{key}:high", side("high"), 4),
        _own(f"{key}:effect", part(lambda one: one.effect)),
    ]


def _own(name: str, of: Callable[[VariantRow], Any], csv_decimals: int | None = None) -> Column:
    """Return a column of rows that are variants."""

    def value(row: RowRecords) -> Any:
        found = of(row) if isinstance(row, VariantRow) else None
        return None if isinstance(found, float) and found != found else found

    return Column(name, value, csv_decimals=csv_decimals)


def _of_to_all(part: str) -> Callable[[VariantRow], Any]:
    return lambda row: None if row.to_all is None else getattr(row.to_all, part)


def _of_ratio(name: str) -> Callable[[VariantRow], Any]:
    return lambda row: row.ratios.get(name)


def _over(row: VariantRow) -> str:
    found = row.measures["nme"].difference
    return "" if found is None else "faces and trainings" if found.over_seeds else "faces"
