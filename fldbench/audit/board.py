"""An audit of a whole board: the numbers of all its methods under the field's other conventions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fldbench.audit.conventions import Convention, conventions
from fldbench.audit.variants import Audit, Curve, audited, curve_of, sentences
from fldbench.errors import FldbenchError
from fldbench.protocols import Protocol, missed, varied
from fldbench.records.known_faces import KnownFaces
from fldbench.report.page.measured import Measured, arrays_of

MOST_ANSWERS = 100_000  # of all methods of a table, which are scored again under some fifty conventions
MOST_ERRORS = 1_000_000  # the same, where only errors are kept
Values = list[float]  # one for each method; NaN where it is not known


@dataclass(frozen=True)
class BoardAudit:
    """The NME of m methods under conventions, and their AUC and FR by rules and thresholds; percent.

    Attributes
    ----------
    protocol : Protocol
        The default.
    default : list of float
        The NME under it, (m,).
    nme : dict of Convention to list of float
        The conventions that can be computed -> the NME of each method.
    impossible : tuple of Convention
    curves : tuple of dict
        Of each method; see `Audit`.
    from_errors : bool
        Whether the kept errors were all that could be used: no convention that needs points is there.
    sentences : tuple of str
        What others would call the numbers of the first method.
    """

    protocol: Protocol
    default: Values
    nme: dict[Convention, Values]
    impossible: tuple[Convention, ...]
    curves: tuple[Curve, ...]
    from_errors: bool
    sentences: tuple[str, ...] = ()


def board_audit(table: Measured, places: Mapping[str, Path], known: KnownFaces | None) -> BoardAudit | None:
    """Return what other conventions make of a table; of the errors alone where its points are not known.

    Numbers are means over the trainings. None for more errors than a page waits for.
    """
    protocol = table.records[0].one.protocol
    if known is not None and known.faces is not None and table.errors.size <= MOST_ANSWERS:
        answers = [_answers(table, row, places, known) for row in table.with_errors]
        if all(answers):
            every = [[audited(one, known.faces, protocol, known.official) for one in own] for own in answers]
            return _of_points(protocol, every)
    return _of_errors(table, places, protocol) if table.errors.size <= MOST_ERRORS else None


def _answers(table: Measured, row: int, places: Mapping[str, Path], known: KnownFaces) -> list[np.ndarray]:
    """Return the predictions (n, L, 2) of each training of a row; nothing where one did not keep those of all faces."""
    found = []
    for record in table.records[row].good:
        arrays = arrays_of(record, places, ("ids", "predictions"))
        own = {} if len(arrays) < 2 else dict(zip(arrays["ids"].tolist(), arrays["predictions"], strict=True))
        if own.keys() != set(known.ids.tolist()):
            return []
        found.append(np.stack([own[face] for face in known.ids.tolist()]))
    return found


def _of_points(protocol: Protocol, every: Sequence[Sequence[Audit]]) -> BoardAudit:
    """Return what the audits of the trainings of each method give."""
    first = every[0][0]
    impossible = tuple(one for one, _ in first.impossible)
    changing = [_nme(one) for own in every for one in own]
    nme = {}
    for one in conventions(protocol):
        if one not in impossible and any(one in known for known in changing):
            nme[one] = [
                float(np.mean([_nme(audit).get(one, audit.score.metrics["nme"]) for audit in own])) for own in every
            ]
    default = [float(np.mean([audit.score.metrics["nme"] for audit in own])) for own in every]
    curves = tuple(_mean_curve([audit.curve for audit in own]) for own in every)
    return BoardAudit(protocol, default, nme, impossible, curves, False, tuple(sentences(first)))


def _nme(audit: Audit) -> dict[Convention, float]:
    return {row.convention: row.nme for row in audit.rows}


def _of_errors(table: Measured, places: Mapping[str, Path], protocol: Protocol) -> BoardAudit:
    """Return what follows from the kept errors: other means, rules for missed faces, AUC rules and thresholds."""
    rules = [(one, varied(protocol, one.change)) for one in conventions(protocol) if _needs_errors(one, protocol)]
    nme: dict[Convention, list[list[float]]] = {one: [] for one, _ in rules}
    default, curves = [], []
    for row in table.with_errors:
        kept = [arrays_of(record, places, ("errors", "counts")) for record in table.records[row].good]
        kept = [one for one in kept if "errors" in one]
        for one, other in rules:
            nme[one].append([_measured(other, arrays) for arrays in kept])
        default.append(float(np.mean([_measured(protocol, arrays) for arrays in kept])))
        curves.append(_mean_curve([curve_of(_charged(protocol, arrays), protocol) for arrays in kept]))
    means = {one: [float(np.mean(own)) for own in rows] for one, rows in nme.items()}
    return BoardAudit(protocol, default, means, (), tuple(curves), True)


def _needs_errors(one: Convention, protocol: Protocol) -> bool:
    """Return whether a convention changes nothing but what is made of the errors of faces."""
    try:
        rules = varied(protocol, one.change)
    except FldbenchError:
        return False
    if rules.hash == protocol.hash or rules.missed == "mean-shape":
        return False
    parts = ("reduction", "missed", "thresholds", "auc_rule", "strict")
    return replace(rules, **{name: getattr(protocol, name) for name in parts}).hash == protocol.hash


def _charged(rules: Protocol, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    errors = np.asarray(arrays["errors"], float)
    return missed.charged(rules.missed, errors, lambda: np.full(len(errors), np.nan))


def _measured(rules: Protocol, arrays: Mapping[str, np.ndarray]) -> float:
    counts = arrays.get("counts")
    return rules.measure(_charged(rules, arrays), np.ones(len(arrays["errors"]), int) if counts is None else counts)[
        0
    ].value


def _mean_curve(curves: Sequence[Curve]) -> Curve:
    return {key: tuple(map(float, np.mean([one[key] for one in curves], axis=0))) for key in curves[0]}
