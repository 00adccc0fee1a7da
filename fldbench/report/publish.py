"""Records -> a publication: what follows from its errors, without images, paths and names of machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fldbench.errors import StoreError
from fldbench.escape import without_paths
from fldbench.records.published import write_published
from fldbench.records.record import Record
from fldbench.records.sealed import to_json, unsealed
from fldbench.records.store import read_records
from fldbench.report.evidence import differs, finding_of, names_of_evidence


class Published(NamedTuple):
    """What was published: the path, the number of records, and a line for each record that was left out."""

    path: Path
    records: int
    left_out: tuple[str, ...]


def publish(sources: Sequence[str | Path], path: str | Path) -> Published:
    """Write the records of some folders, or of other publications, as one file NAME.zip or as a folder.

    A publication holds the records, failures included, and for each face its error, not its image and not its
    landmarks. Tracebacks, the paths of models and the folders of all other paths are left out. Errors are rounded to 32
    bits, unless a number of the record would no longer follow from them. Records that were edited, contradict
    themselves, or do not follow from their errors are not published, and neither are those whose rules or faces are
    named by paths of this machine. Of two records of one run the newer one counts.

    Parameters
    ----------
    sources : sequence of str or Path
    path : str or Path

    Returns
    -------
    Published

    Raises
    ------
    StoreError
        For a source without records, if nothing can be published, and for a place that cannot be written.
    """
    left_out: list[str] = []
    newest: dict[str, Record] = {}
    for source in sources:
        for record in read_records(source, left_out):
            known = newest.get(record.key)
            if known is None or (record.status == "ok", record.ended) > (known.status == "ok", known.ended):
                newest[record.key] = record
    found = []
    for record in newest.values():
        why = _refusal(record)
        if why:
            left_out.append(why)
        else:
            found.append(_small(record))
    if not found:
        raise StoreError(f"none of the {len(newest)} records can be published: {'; '.join(left_out[:3])}")
    return Published(write_published(found, path), len(found), tuple(left_out))


def _refusal(record: Record) -> str:
    """Return why a record cannot be published, or nothing."""
    name = f"{record.key}: {record.method.label} under {record.protocol.name}"
    if record.edited:
        return f"{name}: {record.edited}"
    rules = record.protocol.to_dict()
    if _without_paths(rules) != rules:
        return f"{name}: its protocol names an absolute path; name files relative to the data root, and run it again"
    if record.status != "ok":
        return ""
    finding = finding_of(record)
    if finding.wrong:
        return finding.text
    if record.kept is not None and any(without_paths(one) != one for one in record.kept(("ids",))["ids"].tolist()):
        return f"{name}: its faces are named by absolute paths; name them relative to the data root, and run it again"
    return ""


def _small(record: Record) -> tuple[Record, dict[str, np.ndarray]]:
    """Return a record without paths, and the arrays that its numbers follow from, as small as they can be."""
    bare = replace(record, traceback="", method=replace(record.method, models={}))
    content = {key: value for key, value in _without_paths(to_json(bare)).items() if key != "digest"}
    clean = unsealed(content, record.key)
    if record.status != "ok" or record.kept is None:
        return clean, {}
    arrays = record.kept((*names_of_evidence(record), "groups"))
    arrays = dict(zip(arrays, map(np.asarray, arrays.values()), strict=True))
    order = np.argsort(arrays["ids"], kind="stable")
    arrays = {name: np.ascontiguousarray(values[order]) for name, values in arrays.items()}
    if np.array_equal(arrays["errors"], arrays.get("charged", arrays["errors"]), equal_nan=True):
        arrays.pop("charged", None)
    small = {name: _narrow(values) for name, values in arrays.items()}
    return clean, arrays if differs(clean, small) else small


def _narrow(values: np.ndarray) -> np.ndarray:
    """Return the same numbers in fewer bits: whole ones in as few as hold them, others in 32."""
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(np.float32)
    if values.dtype.kind in "iu" and values.size:
        kinds = (kind for kind in (np.int8, np.int16, np.int32) if np.array_equal(values.astype(kind), values))
        return values.astype(next(kinds, np.int64))
    return values


def _without_paths(value: Any) -> Any:
    """Return JSON values in which no text holds the folders of an absolute path."""
    if isinstance(value, str):
        return without_paths(value)
    if isinstance(value, list):
        return [_without_paths(one) for one in value]
    if isinstance(value, dict):
        return {without_paths(key): _without_paths(one) for key, one in value.items()}
    return value
