"""Names in tables: different records with the same label get different names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fldbench.records.record import Record
from fldbench.report.columns import RowRecords

SHOWN = 6  # digits of a hash
CONTAMINATED = "contaminated"  # the mark of a method that was trained on test faces, or may have been


def rows_of(records: Iterable[Record]) -> list[RowRecords]:
    """Return the rows of a leaderboard, sorted by their names.

    A row holds the seeds of one method with the same parameters and the same code, trained on the same faces and
    measured under the same rules on the same faces. Of two records of one such run the newer one counts. A failure
    is dropped if the same work succeeded; other failures join the largest row of their kind.
    """
    newest: dict[tuple[Any, ...], tuple[tuple[Any, ...], Record]] = {}
    for record in sorted(records, key=lambda one: (one.ended, one.key)):
        row = _row(record)
        newest[(*row, record.seed, *(_faces(record) if _good(record) else ()))] = row, record
    good = [(row, record) for row, record in newest.values() if _good(record)]
    done = {work for row, record in good for work in _works(row, record)}
    bad = [record for row, record in newest.values() if not _good(record) and not {*_works(row, record)} & done]
    rows: dict[tuple[Any, ...], list[Record]] = {}
    kinds: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}  # of rows, with and without their training faces
    for row, record in good:
        key = (*row, *_faces(record))
        if key not in rows:
            kinds.setdefault(row, []).append(key)
            kinds.setdefault(_without_faces(row), []).append(key)
        rows.setdefault(key, []).append(record)
    for record in bad:
        kin = kinds.get(_row(record)) or kinds.get(_without_faces(_row(record))) or []
        rows.setdefault(max(kin, key=lambda key: key[-1], default=(*_row(record), "", 0)), []).append(record)
    return _named(list(rows.values()))


def _good(record: Record) -> bool:
    return record.status == "ok" and not record.edited


def _row(record: Record) -> tuple[Any, ...]:
    """Return everything that the records of one row have in common, except the number of faces."""
    faces = record.train.label, record.train.fingerprint
    return *faces, record.protocol.hash, record.method.label, _params(record), _code(record)


def _faces(record: Record) -> tuple[str, int]:
    """Return which test faces a successful record is about, and how many."""
    return record.test.ids_sha256, record.test.n


def _rules(record: Record, faces: Mapping[str, set[str]]) -> str:
    """Return the digest of the rules; of rules and faces, if whole records under these rules have different faces.

    `faces` are those of whole records, by the hash of their rules.
    """
    if len(faces.get(record.protocol.hash, ())) < 2 or not _whole(record):
        return record.protocol.hash
    return hashlib.sha256(f"{record.protocol.hash} {record.test.ids_sha256}".encode()).hexdigest()


def _whole(record: Record) -> bool:
    return _good(record) and record.test.complete and bool(record.test.ids_sha256)


def _without_faces(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the same for a failure, which may lack training faces or come from older code."""
    return row[0], row[2], row[3], row[4]


def _works(row: tuple[Any, ...], record: Record) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the identity of the work by any code, and the same for any training faces."""
    return (*row[:-1], record.seed), (*_without_faces(row), record.seed)


def _code(record: Record) -> str:
    return record.method.code_digest


def _params(record: Record) -> str:
    return json.dumps(_decisive(record), sort_keys=True, default=str)


def _decisive(record: Record) -> dict[str, Any]:
    """Return parameters that can change a number, without the seed that the suite gave, and the content of files."""
    left_out = {*record.method.changes_nothing}
    if record.seed is not None and record.method.params.get("random_state") == record.seed:
        left_out.add("random_state")  # a partition into folds may have another seed than the method
    params = {name: value for name, value in record.method.params.items() if name not in left_out}
    return params | {f"content of {name}": digest[:SHOWN] for name, digest in record.method.files.items()}


def _named(rows: Sequence[list[Record]]) -> list[RowRecords]:
    ones = [records[0] for records in rows]
    trains = _contents((one.train.label, one.train.fingerprint) for one in ones)
    faces = _contents((one.protocol.hash, one.test.ids_sha256) for one in ones if _whole(one))
    rules = [_rules(one, faces) for one in ones]
    protocols = _contents((one.protocol.name, digest) for one, digest in zip(ones, rules, strict=True))
    namesakes_of: dict[tuple[Any, ...], list[Record]] = {}  # of one table and one label
    for one in ones:
        namesakes_of.setdefault(_row(one)[:4], []).append(one)
    beside = [namesakes_of[_row(one)[:4]] for one in ones]
    named = [
        RowRecords(
            records=tuple(sorted(records, key=lambda r: (not _good(r), r.seed is not None, r.seed or 0))),
            method=_method_name(records[0], namesakes),
            train=_told_apart(records[0].train.label, records[0].train.fingerprint, trains),
            protocol=_told_apart(records[0].protocol.name, digest, protocols),
            superseded=_superseded(records[0], namesakes),
        )
        for records, digest, namesakes in zip(rows, rules, beside, strict=True)
    ]
    return sorted(named, key=lambda row: (row.train, row.protocol, row.method, row.one.test.n))


def _contents(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Return name -> the digests of what it stands for; an empty digest is not known, and does not count."""
    found: dict[str, set[str]] = {}
    for name, content in pairs:
        found.setdefault(name, set()).update({content} - {""})
    return found


def _told_apart(name: str, content: str, known: Mapping[str, set[str]]) -> str:
    """Return the name; if it stands for several things, with the first digits of the content."""
    others = known[name]
    return f"{name} [{content[:SHOWN] or 'absent'}]" if len(others | {content}) > 1 and len(others) > 1 else name


def _method_name(record: Record, namesakes: Sequence[Record]) -> str:
    """Return the label, with parameters that differ between records of it, and marks of older code and shared faces."""
    marks = differing([_flat(_decisive(one)) for one in namesakes], _flat(_decisive(record)))
    if record.other_code or _superseded(record, namesakes):
        marks.append(f"other code {_code(record)}, {record.ended[:10]}")
    if record.overlap:
        marks.append(CONTAMINATED)
    return f"{record.method.label} ({', '.join(marks)})" if marks else record.method.label


def _superseded(record: Record, namesakes: Sequence[Record]) -> bool:
    """Return whether newer code did the same work."""
    twins = [one for one in namesakes if _params(one) == _params(record)]
    return _code(record) != _code(max(twins, key=lambda one: one.ended))


def differing(tables: Sequence[dict[str, Any]], own: dict[str, Any]) -> list[str]:
    """Return `name=value` for every entry of `own` that is not the same in all tables.

    >>> differing([{"a": 1, "b": 2}, {"a": 1, "b": 3}], {"a": 1, "b": 3})
    ['b=3']
    """
    return [f"{name}={value}" for name, value in own.items() if any(table.get(name, None) != value for table in tables)]


def _flat(params: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
