"""The one table of columns that CSV, LaTeX, Markdown, the terminal and the page read."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev
from typing import Any

from fldbench import escape
from fldbench.errors import UnknownNameError, near_miss
from fldbench.metrics import Metric
from fldbench.protocols.missed import is_charged
from fldbench.records.record import Record
from fldbench.report.certainty import Certainty


@dataclass(frozen=True)
class RowRecords:
    """The records behind one row, one for each seed, and the names that the row has in tables.

    The names distinguish different things with the same label: see `fldbench.report.names`. A row is superseded if the
    same work was done by newer code, in a row of its own. Its standing and rank are those of `fldbench.report.ranking`;
    its remark says in what it differs from the caption of its table (see `fldbench.report.captions`). Its certainty
    is what the errors of single faces say about its numbers.
    """

    records: tuple[Record, ...]
    method: str
    train: str
    protocol: str
    superseded: bool = False
    standing: str = ""
    rank: int | None = None
    remark: str = ""
    certainty: Certainty | None = None

    @cached_property
    def good(self) -> list[Record]:
        """The records of successful runs that were not edited."""
        return [record for record in self.records if record.status == "ok" and not record.edited]

    @property
    def one(self) -> Record:
        """The record for facts that all of them share."""
        return (self.good or self.records)[0]

    @property
    def status(self) -> str:
        """ "ok", or what is wrong and with how many of the seeds."""
        bad = len(self.records) - len(self.good)
        if bad and self.good:
            return f"{bad} of {len(self.records)} seeds failed"
        return "edited" if self.one.edited else self.one.status

    @property
    def overlap(self) -> str:
        """What training and test faces share; empty for an honest row."""
        return self.one.overlap

    @property
    def missed(self) -> float | None:
        """The faces missed, as the mean over the seeds."""
        return _mean(self, lambda record: record.test.missed)

    @property
    def n_nme(self) -> float:
        """The faces that the NME is over: all of them if none was missed or the protocol charges missed faces."""
        return self.one.test.n - (0 if is_charged(self.one.protocol.missed) else self.missed or 0)

    @property
    def reason(self) -> str:
        """Why some of the seeds have no number."""
        return "; ".join(dict.fromkeys(r.edited or r.reason for r in self.records if r.edited or r.reason))


@dataclass(frozen=True)
class Column:
    """One column of every table.

    Attributes
    ----------
    name : str
        In CSV and in the rows of a Leaderboard.
    of : callable
        RowRecords -> value, or None.
    heading : str
        In printed tables; a column without a heading is printed only on request, under its name.
    decimals, csv_decimals : int or None
        Of numbers in printed tables and in CSV; None writes them as they are.
    unit : float
        What a printed number is divided by.
    higher_is_better : bool or None
        For columns that are ranked.
    spread : str
        The column with the standard deviation over the seeds, printed behind a mean; empty for none.
    to : str
        The column with the upper end of a range that begins here, printed behind it; empty for none.
    """

    name: str
    of: Callable[[RowRecords], Any]
    heading: str = ""
    decimals: int | None = None
    csv_decimals: int | None = None
    unit: float = 1.0
    higher_is_better: bool | None = None
    spread: str = ""
    to: str = ""


HEADINGS = {
    "accuracy": "acc.",
    "balanced_accuracy": "bal.",
    "average_precision": "AP",
    "ece": "ECE",
    "class_distance": "dist.",
}


def metric_column(metric: Metric) -> Column:
    """Return the column of a metric: by its key, so that no two thresholds or rules share one.

    >>> [metric_column(m).heading for m in (Metric("nme", 0), Metric("fr", 0, 0.075), Metric("auc", 0, 0.08, "menpo"))]
    ['NME %', 'FR@7.5%', 'AUC@8% (menpo)']
    >>> metric_column(Metric("balanced_accuracy", 0.0, of="pose")).heading
    'pose bal.'
    """
    if metric.of is not None:
        return _attribute_column(metric)
    rule = f" ({metric.rule})" if metric.rule not in (None, "exact") else ""
    heading = "NME %" if metric.threshold is None else f"{metric.name.upper()}@{metric.threshold * 100:g}%{rule}"
    higher = metric.name == "auc"
    spread = "nme_sd" if metric.key == "nme" else ""
    return Column(metric.key, lambda row: value_of(row, metric.key), heading, 2, 4, 1.0, higher, spread)


def _attribute_column(metric: Metric) -> Column:
    """Return the column of a metric of an attribute: of shares with one decimal, so that many fit beside each other."""
    distance = metric.name == "class_distance"
    return Column(
        metric.key,
        lambda row: value_of(row, metric.key),
        f"{metric.of} {HEADINGS.get(metric.name, metric.name)}",
        2 if distance else 1,
        4,
        higher_is_better=not distance and metric.name != "ece",
        spread=f"{metric.key}:sd",
    )


def _box_iou(row: RowRecords) -> float | None:
    """Return how much the boxes of a row overlap the true ones; None for stated boxes other than the protocol's."""
    theirs = row.one.test.boxes in ("", row.one.protocol.box_source)
    return row.one.test.box_iou if row.good and theirs else None


def _certain(name: str, heading: str = "", decimals: int | None = None) -> Column:
    """Return the column of an attribute of the certainty of a row."""

    def value(row: RowRecords) -> Any:
        return None if row.certainty is None else getattr(row.certainty, name)

    return Column(name, value, heading, decimals, None if decimals is None else 4)


def _rank(name: str, which: int, heading: str = "", to: str = "") -> Column:
    def value(row: RowRecords) -> int | None:
        return None if row.certainty is None or row.certainty.ranks is None else row.certainty.ranks[which]

    return Column(name, value, heading, 0, to=to)


def _interval_columns(key: str, heading: str) -> list[Column]:
    """Return the columns of the two ends of the interval of a metric, in percent."""

    def end(name: str) -> Callable[[RowRecords], float | None]:
        def value(row: RowRecords) -> float | None:
            found = None if row.certainty is None else row.certainty.intervals.get(key)
            return None if found is None or not math.isfinite(getattr(found, name)) else 100 * getattr(found, name)

        return value

    low = Column(f"{key}:low", end("low"), heading, 2, 4, to=f"{key}:high")
    return [low, Column(f"{key}:high", end("high"), "", 2, 4)]


# leaderboard.csv always begins with these three.
AGREED = (Metric("fr", 0.0, 0.08), Metric("fr", 0.0, 0.10), Metric("auc", 0.0, 0.08, "exact"))
NME = metric_column(Metric("nme", 0.0))

FIRST = (
    Column("method", lambda row: row.method, "method"),
    Column("train", lambda row: row.train),
    Column("protocol", lambda row: row.protocol),
    Column("subset", lambda row: row.one.protocol.subset or row.one.protocol.split),
    Column("n", lambda row: row.one.test.n, "n of N"),
    Column("n_total", lambda row: row.one.protocol.n_expected),
    Column("missed", lambda row: row.missed, "missed", 0, 2),
    Column("seeds", lambda row: len(row.good)),
    NME,
    *map(metric_column, AGREED),
    Column("fit_seconds", lambda row: _mean(row, lambda r: r.timings.fit_seconds), "fit s", 1, 1),
    Column("ms_per_face", lambda row: _mean(row, lambda r: r.timings.ms_per_face), "ms/face", 2, 3),
    Column("parameters", lambda row: row.one.method.parameters),
    Column("model_bytes", lambda row: row.one.method.model_bytes, "MB", 1, unit=1e6),
    Column("status", lambda row: row.status),
)
MORE = (
    Column("nme_sd", lambda row: _spread(row, "nme"), csv_decimals=4),
    Column("left_out", lambda row: row.one.test.left_out if row.good else None),
    Column("complete", lambda row: ("yes" if row.one.test.complete else "no") if row.good else None),
    Column("boxes", lambda row: row.one.boxes),
    Column("normaliser", lambda row: row.one.protocol.normaliser),
    Column("dataset", lambda row: row.one.protocol.dataset),
    Column("protocol_hash", lambda row: row.one.protocol.hash[:12]),
    Column("reason", lambda row: row.reason),
    Column("ms_one_face", lambda row: _mean(row, lambda r: r.timings.ms_one_face), "ms, one face", 2, 3),
    Column("multiply_adds", lambda row: row.one.method.multiply_adds),
    Column("legacy", lambda row: row.one.protocol.legacy),
    Column("code", lambda row: row.one.method.code_digest),
    Column("other_code", lambda row: "superseded" if row.superseded else "reused" if row.one.other_code else "no"),
    Column("overlap", lambda row: row.overlap),
    Column("n_nme", lambda row: row.n_nme if row.good else None, csv_decimals=2),
    Column("box_iou", _box_iou, csv_decimals=4),
    Column("machine", lambda row: row.one.machine.cpu),
    Column("jobs", lambda row: row.one.timings.jobs),
    Column("load", lambda row: _mean(row, lambda r: r.timings.load), csv_decimals=2),
    Column("fit_load", lambda row: _mean(row, lambda r: r.timings.fit_load), csv_decimals=2),
    Column("remark", lambda row: row.remark),
    Column("standing", lambda row: row.standing),
    Column("rank", lambda row: row.rank),
    Column("model", lambda row: "; ".join(path for record in row.good for path in record.method.models)),
)
BY_NAME = {column.name: column for column in (*FIRST, *MORE)}
# Of rows whose records keep errors.
CERTAIN = (
    _certain("ties", "ties"),
    _rank("rank_low", 0, "ranks", "rank_high"),
    _rank("rank_high", 1),
    *(_certain(name, decimals=2) for name in ("median", "iqm", "clipped", "without_worst", "worst_share")),
)
BEHIND_NME = ("nme:low", "ties", "rank_low")
PRINTED = ("missed", "n", "fit_seconds", "ms_per_face", "ms_one_face", "model_bytes")  # behind the metrics


def columns_of(rows: Iterable[RowRecords]) -> tuple[Column, ...]:
    """Return the columns of a CSV file: the agreed ones, then those of every other metric that a record holds.

    Behind the metrics of attributes stand their standard deviations, if a row has more than one seed.
    """
    rows = list(rows)
    found = [column for column in metric_columns(rows) if column.name not in BY_NAME]
    several = any(len(row.good) > 1 for row in rows)
    spreads = [spread_column(column) for column in found if column.spread and several]
    return (*FIRST, *MORE, *found, *spreads, *certain_columns(rows))


def certain_columns(rows: Sequence[RowRecords]) -> list[Column]:
    """Return the columns of intervals, ties and robust summaries, where a row has any."""
    keys = dict.fromkeys(key for row in rows if row.certainty is not None for key in row.certainty.intervals)
    if not keys:
        return []
    headings = {column.name: f"{column.heading} 95 %" for column in metric_columns(rows)} | {"nme": "95 %"}
    return [column for key in keys for column in _interval_columns(key, headings.get(key, ""))] + list(CERTAIN)


def spread_column(column: Column) -> Column:
    """Return the column of the standard deviation of a metric over the seeds."""
    return Column(column.spread, lambda row: _spread(row, column.name), csv_decimals=4)


def metric_columns(rows: Iterable[RowRecords]) -> list[Column]:
    """Return the columns of the metrics that the rows hold: NME, failure rates, AUC, each by rising threshold."""
    found = {metric.key: metric for row in rows for record in row.records for metric in record.metrics.values_}
    order = {"nme": 0, "fr": 1, "auc": 2}
    ranked = sorted(found.values(), key=lambda m: (order.get(m.name, 3), m.threshold or 0.0, m.rule or ""))
    return [metric_column(metric) for metric in ranked]


def printed_columns(
    columns: Sequence[Column], rows: Sequence[dict[str, Any]], names: Sequence[str] | None = None
) -> list[Column]:
    """Return the columns of a printed table behind the methods' names.

    Parameters
    ----------
    columns : sequence of Column
        All columns of the leaderboard.
    rows : sequence of dict
        The rows of the table.
    names : sequence of str, optional
        The wanted columns. By default the metrics first, and no column without any value.

    Raises
    ------
    UnknownNameError
        For a name that the leaderboard does not have.
    """
    known = {column.name: column for column in columns}
    if names is not None:
        for name in names:
            if name not in known:
                raise UnknownNameError(f"no column named {name!r}; {near_miss(name, known)}")
        return [known[name] for name in dict.fromkeys(names) if name != "method"]
    metrics = sorted(filter(is_metric, known), key=lambda n: (n != "nme", n.startswith("auc"), n))
    certain = [name for name in BEHIND_NME if name in known]
    shown = [known[name] for name in (*metrics[:1], *certain, *metrics[1:], *PRINTED)]
    return [column for column in shown if any(row.get(column.name) is not None for row in rows)]


def is_metric(name: str) -> bool:
    """Return whether a column's name is the key of a metric.

    >>> is_metric("nme"), is_metric("fr08"), is_metric("auc08:menpo"), is_metric("train")
    (True, True, True, False)
    >>> is_metric("fr08:low"), is_metric("nme:high")
    (False, False)
    """
    return name == "nme" or re.fullmatch(r"(fr|auc)[0-9.]+(:(?!low$|high$)[^:]+)?", name) is not None


def headed(name: str, heading: str) -> Column:
    """Return a column of one printed table alone, where the text of each cell is put together."""
    return Column(name, lambda row: None, heading)


def csv_text(columns: Sequence[Column], rows: Iterable[dict[str, Any]]) -> str:
    """Return comma-separated values with a header; a missing number is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        writer.writerow([csv_cell(column, row[column.name]) for column in columns])
    return out.getvalue()


def csv_cell(column: Column, value: Any) -> str:
    """Return a value as written in CSV; None is empty."""
    if value is None or value == "":
        return ""
    if column.csv_decimals is None or isinstance(value, str):
        return escape.csv_cell(value) if isinstance(value, str) else str(value)
    text = f"{value:.{column.csv_decimals}f}"
    return text.rstrip("0").rstrip(".") if column.name in ("missed", "n_nme") else text


def _values(row: RowRecords, of: Callable[[Record], float | None]) -> list[float]:
    return [value for record in row.good if (value := of(record)) is not None]


def _mean(row: RowRecords, of: Callable[[Record], float | None]) -> float | None:
    values = _values(row, of)
    return fmean(values) if values else None


def value_of(row: RowRecords, key: str) -> float | None:
    """Return the mean of a metric over the seeds, in percent; None without a number."""
    return _mean(row, lambda record: record.metrics.get(key))


def _spread(row: RowRecords, key: str) -> float | None:
    values = _values(row, lambda record: record.metrics.get(key))
    return stdev(values) if len(values) > 1 else None
