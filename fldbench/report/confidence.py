"""Whether a method knows when it errs: risk-coverage curves, their area, and the rank correlation with the error.

A useful confidence makes the error small on the faces that were answered with the most of it (Geifman and El-Yaniv,
Selective Classification for Deep Neural Networks, NIPS 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fldbench.errors import StoreError
from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.records.kept_faces import KeptFaces, read_seeds
from fldbench.report.captions import title
from fldbench.report.confidence_figure import confidence_figure
from fldbench.report.ranking import PARTIAL, RANKED
from fldbench.report.sections import Source, sections_of
from fldbench.report.side import SideReport, fact
from fldbench.report.tables import Cell, Table
from fldbench.stats import Interval, summary_interval

SURE = 0.8  # the share of faces, the surest, of which a table has the error
NOBODY = "no method says how sure it is (see `gives_confidence`), or the records are of an earlier version"
COLUMNS = (
    *(fact(name) for name in ("train", "protocol", "method", "n", "seeds")),
    *(fact(name, decimals=2) for name in ("nme", "sure", "area", "oracle", "gain")),
    *(fact(name, decimals=3) for name in ("rank_correlation", "low", "high")),
)


class Curve(NamedTuple):
    """How a method's confidence orders its errors.

    `risks` (n,) are the mean errors in % of the k surest faces, k from 1 to n, as the mean over the seeds. `area` is
    their mean, `oracle` that of an order by the errors themselves; `correlation` is Spearman's of the confidence with
    the error, -1 for a confidence that knows all.
    """

    method: str
    seeds: int
    risks: np.ndarray
    area: float
    oracle: float
    correlation: Interval

    @property
    def nme(self) -> float:
        """The error of all faces."""
        return float(self.risks[-1])

    @property
    def gain(self) -> float:
        """The share of the area that could be saved by a perfect order and is: 0 for chance, 1 for perfect."""
        return (self.nme - self.area) / (self.nme - self.oracle) if self.nme > self.oracle else float("nan")

    @property
    def sure(self) -> float:
        """The error of the surest 80 % of the faces."""
        return float(self.risks[max(1, round(SURE * len(self.risks))) - 1])


def confidences(source: Source) -> SideReport:
    """Return how well the confidence of methods tells their errors, of the rows whose methods say it.

    Raises
    ------
    StoreError
        For a folder without records.
    """
    found = sections_of(source)
    notes, tables, rows, figures = list(found.left_out), [], [], []
    for place, marked in found.marked.items():
        curves = []
        for row in marked:
            if row.standing not in (RANKED, PARTIAL):
                continue
            try:
                curve = curve_of(row.method, read_seeds(row.good))
            except StoreError as error:
                notes.append(f"no confidence: {error}")
                continue
            curves += [] if curve is None else [curve]
        if not curves:
            notes.append(f"{title(place)}: {NOBODY}")
            continue
        rows += [_row(place, curve) for curve in curves]
        tables.append(_table(place, curves))
        figures.append((place, partial(confidence_figure, title(place), curves)))
    return SideReport("confidence", tuple(tables), COLUMNS, tuple(rows), tuple(dict.fromkeys(notes)), tuple(figures))


def risk_coverage(confidence: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the mean error of the k surest faces, k = 1 ... n; faces with equal confidence share what they add.

    Both (n,), finite -> (n,) in the unit of the errors.

    >>> risk_coverage(np.array([0.9, 0.1, 0.5]), np.array([1.0, 6.0, 2.0])).tolist()
    [1.0, 1.5, 3.0]
    >>> risk_coverage(np.array([0.5, 0.5]), np.array([1.0, 3.0])).tolist()
    [2.0, 2.0]
    """
    which = np.unique(-np.asarray(confidence, float), return_inverse=True)[1]
    shared = np.bincount(which, errors) / np.bincount(which)
    order = np.argsort(which, kind="stable")
    risks: np.ndarray = np.cumsum(shared[which][order]) / np.arange(1, len(which) + 1)
    return risks


def curve_of(method: str, seeds: Sequence[KeptFaces]) -> Curve | None:
    """Return the curve of a row over the faces that it found with all seeds; None if it does not say how sure it is."""
    if any(one.confidence is None for one in seeds):
        return None
    both = np.stack([np.stack([np.asarray(one.confidence), 100 * one.errors], axis=1) for one in seeds])
    known = np.isfinite(both).all(axis=(0, 2))
    both = both[:, known]
    if both.shape[1] < 3:
        return None
    groups = seeds[0].groups
    curves = [risk_coverage(one[:, 0], one[:, 1]) for one in both]
    perfect = [risk_coverage(-one[:, 1], one[:, 1]) for one in both]
    return Curve(
        method,
        len(seeds),
        np.mean(curves, axis=0),
        float(np.mean(curves)),
        float(np.mean(perfect)),
        summary_interval(both, None if groups is None else groups[known], of=_correlations, draws=1000),
    )


def _correlations(both: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of confidence and error of each training: both (a, n, 2) -> (a,); 0 if constant."""
    from scipy.stats import rankdata

    ranks = rankdata(both, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    size = np.sqrt((ranks**2).sum(axis=1)).prod(axis=-1)
    products = ranks.prod(axis=-1).sum(axis=1)
    return np.where(size > 0, products / np.where(size > 0, size, 1.0), 0.0)


def _row(place: tuple[str, str], one: Curve) -> dict[str, Any]:
    about = {"train": place[0], "protocol": place[1], "method": one.method, "n": len(one.risks), "seeds": one.seeds}
    numbers = {"nme": one.nme, "sure": one.sure, "area": one.area, "oracle": one.oracle, "gain": one.gain}
    numbers |= {"rank_correlation": one.correlation.value, "low": one.correlation.low, "high": one.correlation.high}
    return about | {name: value if np.isfinite(value) else None for name, value in numbers.items()}


def _table(place: tuple[str, str], curves: Sequence[Curve]) -> Table:
    rows = []
    for one in curves:
        rho = one.correlation
        interval = f" [{rho.low:.2f}, {rho.high:.2f}]" if np.isfinite(rho.low) else ""
        gain = f"{100 * one.gain:.0f} %" if np.isfinite(one.gain) else "-"
        texts = [str(len(one.risks)), *(f"{value:.2f}" for value in (one.nme, one.sure, one.area, one.oracle)), gain]
        rows.append([Cell(cut(plain(one.method), LONGEST_NAME)), *map(Cell, texts), Cell(f"{rho.value:.2f}{interval}")])
    caption = (
        f"{cut(plain(place[1]), LONGEST_NAME)}: what the methods' own confidence tells of their errors, on the faces "
        "that they found. NME in % of all faces, of the surest 80 %, and as the area under the risk-coverage curve: "
        "the mean over the k surest faces, k from 1 to all; the best area is that of an order by the errors. "
        "gain: how much of the way from chance (0 %) to that order (100 %) it goes. rank corr.: Spearman's with the "
        "error, with its 95 % interval; -1 is perfect. Confidences of different methods have different units and are "
        "not compared."
    )
    columns = [fact(name) for name in ("n", "NME %", "surest 80 %", "area", "best area", "gain", "rank corr.")]
    return Table(
        (place[0], f"{place[1]} confidence"), f"{title(place)}: confidence", caption, tuple(columns), (("", rows),), ()
    )
