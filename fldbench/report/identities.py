"""What must hold in every table: records that contradict themselves or each other are refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fldbench.errors import StoreError
from fldbench.metrics import broken_identities
from fldbench.records.record import Record

TOLERANCE = 1e-6  # percent points


def check_record(record: Record) -> None:
    """Raise StoreError when AUC, FR, NME and counts of a record cannot be true at once.

    Edited records are not looked at, nor are those of legacy rules, for which the identities are not sure.
    """
    if record.status != "ok" or record.edited or record.protocol.legacy:
        return
    rates = {m.threshold: m.value for m in record.metrics.values_ if m.name == "fr"}
    for area in record.metrics.values_:
        if area.name != "auc" or area.threshold is None or area.threshold not in rates:
            continue
        nme = record.metrics["nme"]
        row = {"n": record.test.n, "missed": record.test.missed, "nme": 0.0 if nme is None else nme / 100}
        row |= {"fr": rates[area.threshold] / 100, "auc": area.value / 100}
        wrong = broken_identities(row, area.threshold)
        if wrong:
            raise StoreError(f"record {record.key} ({_name(record)}) contradicts itself: {'; '.join(wrong)}")


def check_unions(records: Iterable[Record]) -> None:
    """Raise StoreError when a result on a union is not the weighted mean of those on its subsets.

    n, found faces x NME and n x FR of the subsets must add up to those of the union, as for 300-W full = common +
    challenging. Only complete sets of records of the same model under the same rules, none of them legacy, can be
    compared.
    """
    found: dict[tuple[Any, ...], dict[str | None, Record]] = {}
    for record in records:
        method = record.method
        if record.protocol.legacy:
            continue
        model = method.label, str(method.params), method.code_digest, record.train.label, record.train.fingerprint
        found.setdefault((*model, record.seed, record.protocol.family), {})[record.protocol.subset] = record
    for subsets in found.values():
        for whole in subsets.values():
            names = whole.protocol.union_of
            parts = [subsets[name] for name in names if name in subsets]
            if parts and len(parts) == len(names) and sum(part.test.n for part in parts) == whole.test.n:
                _check_union(whole, parts)


def _check_union(whole: Record, parts: list[Record]) -> None:
    for name in whole.metrics:
        total = sum(_weight(part, name) * (part.metrics[name] or 0.0) for part in parts)
        expected = _weight(whole, name) * (whole.metrics[name] or 0.0)
        if abs(total - expected) > TOLERANCE * max(1, whole.test.n):
            raise StoreError(
                f"record {whole.key} ({_name(whole)}): {name} {whole.metrics[name]:g} is not the weighted mean of "
                + ", ".join(f"{part.protocol.name} {part.metrics[name]:g}" for part in parts)
            )


def _weight(record: Record, metric: str) -> int:
    """Faces behind a mean: the found ones for the NME, all for the rest."""
    return record.test.n - (record.test.missed if metric == "nme" else 0)


def _name(record: Record) -> str:
    return f"{record.method.label} under {record.protocol.name}"
