"""What each method of a leaderboard costs, and which of them no other beats in both error and cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.records.record import Timings
from fldbench.report.captions import title
from fldbench.report.columns import BY_NAME, Column, RowRecords
from fldbench.report.cost_figure import cost_figure
from fldbench.report.ranking import RANKED
from fldbench.report.sections import Source, sections_of
from fldbench.report.side import SideReport
from fldbench.report.tables import Table, table

# The costs of the Pareto fronts: column -> name in tables, and on the axis of a figure.
FRONTS = {
    "ms_one_face": ("ms", "ms, one face"),
    "model_bytes": ("bytes", "model, bytes"),
    "multiply_adds": ("mult-adds", "multiply-adds"),
}


def _time(name: str) -> Callable[[RowRecords], Any]:
    """Return the median over the seeds of a time; None if no seed has it."""

    def of(row: RowRecords) -> Any:
        found = [value for record in row.good if (value := getattr(record.timings, name)) is not None]
        return float(np.median(found)) if found else None

    return of


def _first(name: str) -> Callable[[RowRecords], Any]:
    return lambda row: getattr(row.one.timings, name) if row.good else None


def _interval(name: str) -> Callable[[RowRecords], str]:
    """Return the interval of a single seed as text; those of several seeds cannot be taken together."""

    def of(row: RowRecords) -> str:
        timings: Timings = row.one.timings
        found = getattr(timings, name) if len(row.good) == 1 else None
        return "" if found is None else f"{found[0]:.2f} to {found[1]:.2f}"

    return of


def _cores(row: RowRecords) -> str:
    busy, usable = _time("predict_cores")(row), row.one.machine.cores_usable
    return "" if busy is None or usable is None else f"{busy:.1f} of {usable}"


def _load(row: RowRecords) -> float | None:
    loads = [load for record in row.good for load in (record.timings.load, record.timings.fit_load) if load is not None]
    return max(loads, default=None)


COSTS = (
    Column("parameters", lambda row: row.one.method.parameters, "10^6 par.", 2, None, 1e6),
    Column("multiply_adds", lambda row: row.one.method.multiply_adds, "10^6 m.-a.", 1, None, 1e6),
    Column("model_bytes", lambda row: row.one.method.model_bytes, "MB", 1, None, 1e6),
    Column("fit_seconds", _time("fit_seconds"), "fit s", 1, 3),
    Column("fit_peak_mb", _time("fit_peak_mb"), "fit MB", 0, 1),
    Column("ms_one_face", _time("ms_one_face"), "ms, one", 2, 3),
    Column("ms_one_interval", _interval("ms_one_interval"), "95 % int."),
    Column("ms_one_p95", _time("ms_one_p95"), "p95", 2, 3),
    Column("ms_one_p95_interval", _interval("ms_one_p95_interval")),
    Column("ms_best_batch", _time("ms_best_batch"), "ms, batch", 2, 3),
    Column("best_batch", _first("best_batch"), "of"),
    Column("ms_per_face", _time("ms_per_face"), "", 2, 3),
    Column("ms_decode", _time("ms_decode"), "decode", 2, 3),
    Column("predict_peak_mb", _time("predict_peak_mb"), "pred. MB", 0, 1),
    Column("cores", _cores, "cores"),
    Column("predict_cores", _time("predict_cores"), "", 2, 2),
    Column("threads", _first("threads")),
    Column("load", _load, "load", 1, 2),
)
PARETO = Column("pareto", lambda row: None, "front")
ABOUT = ("method", "train", "protocol", "subset", "n", "n_total", "missed", "seeds", "nme", "status")
LAST = ("jobs", "machine", "boxes", "reason", "remark", "standing", "n_nme", "overlap")
CAPTION = (
    "m.-a.: multiplications with an addition for one face, in matrix products and convolutions alone; crops, gradients "
    "and HOG, look-ups and sums over trees do not count, and a method that mostly does these has none. ms, one: median "
    "of faces answered one by one, with its interval and the 95th percentile; ms, batch: per face in the best of "
    "batches of 1, 4, 16 and 64 faces; decode: reading the photo, no part of the other times, while cropping is. "
    "fit MB, pred. MB: by how much the process grew at most, above what it held before. cores: busy on average, in "
    "large batches, of those that it may use; load: of the machine, the largest while it was measured. front: no other "
    "ranked row has both a smaller NME and a smaller cost (ms of one face, bytes of the model, multiply-adds)."
)


def costs(source: Source) -> SideReport:
    """Return what the rows of a leaderboard cost.

    Parameters
    ----------
    source : path, paths or records
        As for `fldbench.leaderboard`.

    Raises
    ------
    StoreError
        For a folder without records.
    """
    found = sections_of(source)
    columns = tuple(BY_NAME[name] for name in ABOUT) + COSTS + (PARETO,) + tuple(BY_NAME[name] for name in LAST)
    tables, rows, figures = [], [], []
    for place, marked in found.marked.items():
        own = _with_fronts([{column.name: column.of(row) for column in columns} for row in marked])
        rows += own
        tables.append(_table(place, own, columns))
        if sum(_competes(row, "ms_one_face") for row in own) > 1:
            figures.append((place, partial(cost_figure, title(place), own, FRONTS)))
    return SideReport("cost", tuple(tables), columns, tuple(rows), found.left_out, tuple(figures))


def pareto(cost: Sequence[float], error: Sequence[float]) -> np.ndarray:
    """Return which of n methods are on the Pareto front, (n,) bool: no other is as good in both and better in one.

    >>> pareto([1.0, 2.0, 3.0, 3.0], [9.0, 5.0, 6.0, 5.0]).tolist()
    [True, True, False, False]
    """
    price, loss = np.asarray(cost, float), np.asarray(error, float)
    as_good = (price[:, None] <= price) & (loss[:, None] <= loss)
    better = (price[:, None] < price) | (loss[:, None] < loss)
    beaten = np.any(as_good & better, axis=0)
    return np.logical_not(beaten)


def _with_fronts(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    fronts: list[list[str]] = [[] for _ in rows]
    for name, (short, _) in FRONTS.items():
        there = [i for i, row in enumerate(rows) if _competes(row, name)]
        on_front = pareto([rows[i][name] for i in there], [rows[i]["nme"] for i in there]) if there else ()
        for i, whether in zip(there, on_front, strict=True):
            if whether:
                fronts[i].append(short)
    return [row | {"pareto": ", ".join(names)} for row, names in zip(rows, fronts, strict=True)]


def _competes(row: dict[str, Any], cost: str) -> bool:
    """Return whether a row may be on a front: ranked, over all faces, and with the cost."""
    whole = row["standing"] == RANKED and row["nme"] is not None and row["n_nme"] == row["n"]
    return whole and row[cost] is not None


def _table(place: tuple[str, str], rows: Sequence[dict[str, Any]], columns: Sequence[Column]) -> Table:
    shown = ["nme", *(column.name for column in COSTS if column.heading), "pareto"]
    there = [name for name in shown if any(row[name] not in (None, "") for row in rows)]
    caption = f"{cut(plain(place[1]), LONGEST_NAME)}: costs. {CAPTION}"
    made = table((place[0], f"{place[1]} cost"), rows, caption, columns, there)
    spare = ("load", "cores", "ms_one_interval", "predict_peak_mb", "fit_peak_mb", "ms_decode", "best_batch")
    return Table(made.place, f"{title(place)}: cost", made.caption, made.columns, made.parts, made.notes, spare=spare)
