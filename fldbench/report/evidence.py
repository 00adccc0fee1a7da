"""Whether the numbers of records follow from the errors that are kept beside them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from fldbench.errors import FldbenchError
from fldbench.protocols import hash_of_ids
from fldbench.protocols.missed import charged
from fldbench.records.record import Record
from fldbench.records.store import read_records
from fldbench.report.attribute_evidence import attributes_differ, follows
from fldbench.report.identities import problem_of


class Finding(NamedTuple):
    """What is known about one record: a line of text, whether it is wrong, and whether it could be checked."""

    text: str
    wrong: bool = False
    checked: bool = True


def check_evidence(source: str | Path) -> list[Finding]:
    """Return one finding for each successful record: its metrics are computed again from the kept errors.

    Also checked are the record's own digest, the counts of faces, the ids, and that errors are finite or missing.

    Parameters
    ----------
    source : str or Path
        OUT, or published records.

    Raises
    ------
    StoreError
        Where there are no records.
    """
    unreadable: list[str] = []
    records = read_records(source, unreadable)
    found = [Finding(line, wrong=True) for line in unreadable]
    return found + [finding_of(record) for record in records if record.status == "ok"]


def finding_of(record: Record) -> Finding:
    """Return what is known about a successful record."""
    name = f"{record.key}: {record.method.label} under {record.protocol.name}"
    why = record.edited or problem_of(record)
    if why:
        return Finding(f"{name}: {why}", wrong=True)
    if record.kept is None:
        return Finding(f"{name}: no errors are kept, so nothing can be checked", checked=False)
    try:
        arrays = record.kept(names_of_evidence(record))
        why = differs(record, arrays)
    except FldbenchError as error:
        why = str(error)
    except Exception as error:  # numpy raises zip, key and value errors for other files
        why = f"its errors cannot be read ({error})"
    return Finding(f"{name}: {why}", wrong=True) if why else Finding(f"{name}: its numbers follow from its errors")


def names_of_evidence(record: Record) -> tuple[str, ...]:
    """Return the names of the arrays from which the numbers of a record follow."""
    answered = [f"{what}:{name}" for name in record.attributes.measured for what in ("probabilities", "codes")]
    return "ids", "errors", "charged", "counts", *answered


def differs(record: Record, arrays: dict[str, np.ndarray]) -> str:
    """Return in what a record differs from its arrays, or nothing."""
    return _difference(record, arrays) or attributes_differ(record, arrays)


def _difference(record: Record, arrays: dict[str, np.ndarray]) -> str:
    """Return in what the record differs from its arrays, or nothing."""
    errors, test, protocol = np.asarray(arrays["errors"], float), record.test, record.protocol
    wrong = _wrong_counts(record, errors, arrays.get("ids"))
    if wrong:
        return wrong
    if protocol.reduction == "micro" and "counts" not in arrays:
        return "no numbers of counted points are kept, which the micro mean needs"
    weights = charged(protocol.missed, errors, lambda: np.asarray(arrays["charged"], float))
    for metric in protocol.measure(weights, arrays.get("counts", np.ones(test.n))):
        if not follows(record.metrics.get(metric.key), metric.value):
            return f"{metric.key} is {record.metrics.get(metric.key)}; the kept errors give {metric.value}"
    return ""


def _wrong_counts(record: Record, errors: np.ndarray, ids: np.ndarray | None) -> str:
    test, protocol = record.test, record.protocol
    if errors.shape != (test.n,):
        return f"n is {test.n}; errors of {errors.size} faces are kept"
    if np.isinf(errors).any() or (errors < 0).any():
        return "errors are kept that are infinite or negative"
    if np.isnan(errors).sum() != test.missed:
        return f"missed is {test.missed}; the kept errors have {int(np.isnan(errors).sum())}"
    digest = test.ids_sha256
    if ids is not None and digest and hash_of_ids(map(str, ids.tolist())) != digest:
        return "the kept ids do not fit the record's hash of them"
    if test.complete and (test.n != protocol.n_expected or (digest and protocol.ids_sha256 not in (None, digest))):
        return f"complete is yes; {test.n} faces are not the {protocol.n_expected} of {protocol.name}"
    return ""
