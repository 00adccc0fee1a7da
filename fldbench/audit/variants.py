"""The same predictions under every convention: scores, and their ratios to the default."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fldbench.audit.conventions import CODE, MISSED, Convention, conventions, curves
from fldbench.dataset import Roots
from fldbench.errors import FldbenchError, ProtocolError
from fldbench.faces import FaceSet
from fldbench.metrics import Metric, percent_digits
from fldbench.protocols import Protocol, Score, varied
from fldbench.run.prediction_files import Outside, evaluate_file

SAME = 1e-9  # percent points
Curve = dict[tuple[str, float], tuple[float, ...]]


@dataclass(frozen=True)
class Row:
    """A convention, the protocol that it makes of the default, and what the predictions score under it."""

    convention: Convention
    protocol: Protocol
    score: Score

    @property
    def nme(self) -> float:
        """In percent."""
        return self.score.metrics["nme"]


@dataclass(frozen=True)
class Audit:
    """Predictions under a protocol, the default, and under its variants.

    Attributes
    ----------
    protocol : Protocol
        The default.
    faces : FaceSet
        Its n faces.
    predictions : ndarray of float, (n, L, 2)
        In px.
    score : Score
        Under the default.
    rows : tuple of Row
        The conventions that change a number.
    same : tuple of Convention
        Those that change none here.
    impossible : tuple of (Convention, str)
        Those that the dataset or its scheme does not allow, and why.
    curve : dict of (str, float) to (float, float, float)
        Rule and threshold of the AUC -> AUC, FR with `>`, FR with `>=`; percent.
    """

    protocol: Protocol
    faces: FaceSet
    predictions: np.ndarray
    score: Score
    rows: tuple[Row, ...]
    same: tuple[Convention, ...]
    impossible: tuple[tuple[Convention, str], ...]
    curve: Curve

    def ratio(self, row: Row) -> float:
        """Return the NME of a row divided by the default's; NaN where the default is 0 or nothing was found."""
        default = self.score.metrics["nme"]
        return row.nme / default if default > 0 else float("nan")


def audit_file(path: str | Path, protocol: Protocol, data: Roots = None) -> tuple[Audit, Outside]:
    """Score a prediction file under a protocol and all its variants; also return what `evaluate_file` found.

    Raises as `evaluate_file` does.
    """
    outside = evaluate_file(path, protocol, data)
    official = None
    if protocol.box_source != "official":
        with suppress(ProtocolError):  # a dataset without boxes of its own
            official = evaluate_file(path, varied(protocol, "boxes=official"), data).faces
    return audited(outside.predictions, outside.faces, protocol, official), outside


def audited(predictions: np.ndarray, faces: FaceSet, protocol: Protocol, official: FaceSet | None = None) -> Audit:
    """Score predictions under a protocol and all its variants.

    Parameters
    ----------
    predictions : ndarray of float, (n, L, 2)
        In px of the original images; NaN for a missed face.
    faces : FaceSet
        The protocol's n faces.
    protocol : Protocol
        The default.
    official : FaceSet, optional
        The same faces with the dataset's own boxes; without them, conventions that need these boxes are impossible.
    """
    if protocol.box_source == "official":
        official = faces
    score = protocol.score(predictions, faces)
    rows: list[Row] = []
    same: list[Convention] = []
    impossible: list[tuple[Convention, str]] = []
    for one in conventions(protocol):
        if one.part == MISSED and not score.missed:
            continue
        try:
            rules = varied(protocol, one.change)
            if rules.hash == protocol.hash:
                continue
            if rules.box_source == "official" and official is None:
                raise ProtocolError("it needs the dataset's own boxes")
            own = faces if rules.box_source == protocol.box_source or official is None else official
            row = Row(one, rules, rules.score(predictions, own))
        except FldbenchError as error:
            impossible.append((one, str(error)))
            continue
        if _equal(row.score, score):
            same.append(one)
        else:
            rows.append(row)
    curve = curve_of(score.charged, protocol)
    return Audit(protocol, faces, predictions, score, tuple(rows), tuple(same), tuple(impossible), curve)


def _equal(one: Score, other: Score) -> bool:
    """Return whether two scores have the same numbers under the same names."""
    a, b = one.metrics, other.metrics
    return a.keys() == b.keys() and bool(
        np.allclose(list(a.values()), list(b.values()), rtol=0, atol=SAME, equal_nan=True)
    )


def curve_of(charged: np.ndarray, protocol: Protocol) -> Curve:
    """Return (rule, threshold) -> AUC, FR with `>`, FR with `>=` in percent, of what faces count (n,)."""
    found: Curve = {}
    for rule, threshold, change in curves(protocol):
        rules = varied(protocol, change)
        loose, strict = (replace(rules, strict=flag).measure(charged) for flag in (False, True))
        area = next(metric.value for metric in loose if metric.name == "auc")
        found[rule, threshold] = area, _rate(loose), _rate(strict)
    return found


def _rate(values: Sequence[Metric]) -> float:
    return next(metric.value for metric in values if metric.name == "fr")


def sentences(audit: Audit) -> list[str]:
    """Return what the numbers are called by others, such as `By the convention of FAN (...) this is 2.13 %, ...`.

    Rows that nobody is named for, and that change neither NME nor AUC in their printed digits, have none.
    """
    found = []
    default = audit.score.metrics
    for row in audit.rows:
        if not row.convention.who:
            continue
        start = f"By the convention of {row.convention.who} ({row.convention.words})"
        parts = []
        if f"{row.nme:.2f}" != f"{default['nme']:.2f}":
            parts.append(f"the NME is {row.nme:.2f} %, {audit.ratio(row):.2f} times the {default['nme']:.2f} % above")
        if row.convention.part == CODE:
            t = percent_digits(row.protocol.thresholds[0]).removeprefix("0")
            area, own = (next(m.value for m in one.values if m.name == "auc") for one in (row.score, audit.score))
            if f"{area:.2f}" != f"{own:.2f}":
                parts.append(f"the AUC is {area:.2f} % at {t} %")
        if parts:
            found.append(f"{start} {' and '.join(parts)}.")
    return found
