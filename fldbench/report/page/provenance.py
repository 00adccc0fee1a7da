"""Where numbers come from: each record with its key, faces, code and machine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fldbench.records.record import Record
from fldbench.report.page.measured import Measured

MOST_RECORDS = 500  # in full; a page of more names the folder instead
SHOWN = 12  # digits of a digest


@dataclass(frozen=True)
class Source:
    """The record behind one number.

    Attributes
    ----------
    slug, protocol, method : str
        The table and the row that it belongs to.
    key, status, seed, nme, ended, commit, code, machine : str
        Of the record; code and machine are numbers in the lists of `Provenance`.
    details : tuple of (str, str)
        Everything else, name and value.
    """

    slug: str
    protocol: str
    method: str
    key: str
    status: str
    seed: str
    nme: str
    ended: str
    code: str
    machine: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Provenance:
    """The records of a page, and the code and the machines that they share, each told once.

    `left_out` is the number of records that are not listed.
    """

    sources: tuple[Source, ...]
    code: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    machines: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    left_out: int = 0


def provenance(tables: Iterable[Measured]) -> Provenance:
    """Return where the numbers of some tables come from."""
    code: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {}
    machines: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {}
    sources: list[Source] = []
    left_out = 0
    for table in tables:
        for name, row in zip(table.names, table.records, strict=True):
            for record in row.records:
                if len(sources) == MOST_RECORDS:
                    left_out += 1
                    continue
                c = _numbered(code, "C", _code_of(record))
                m = _numbered(machines, "M", _facts(asdict(record.machine)))
                sources.append(_source(table, name, record, c, m))
    return Provenance(tuple(sources), tuple(code.values()), tuple(machines.values()), left_out)


def _numbered(
    known: dict[str, tuple[str, tuple[tuple[str, str], ...]]], letter: str, facts: tuple[tuple[str, str], ...]
) -> str:
    """Return the name of some facts in a list, which they join if they are new; nothing for no facts."""
    return known.setdefault(repr(facts), (f"{letter}{len(known) + 1}", facts))[0] if facts else ""


def _code_of(record: Record) -> tuple[tuple[str, str], ...]:
    method = record.method
    modules = [(name, digest[:SHOWN]) for name, digest in sorted(method.code.items())]
    libraries = [(name, version) for name, version in sorted(method.libraries.items())]
    return (*modules, *libraries)


def _source(table: Measured, name: str, record: Record, code: str, machine: str) -> Source:
    nme = record.metrics.get("nme")
    facts: dict[str, Any] = {
        "reason": record.edited or record.reason,
        "registered method": record.method.name,
        "parameters": record.method.params,
        "files": record.method.files,
        "models": record.method.models,
        "trained on": record.train.label,
        "training faces": record.train.faces,
        "fingerprint of training faces": record.train.fingerprint,
        "test faces": record.test.n,
        "missed": record.test.missed,
        "digest of test ids": record.test.ids_sha256,
        "fingerprint of test faces": record.test.fingerprint,
        "rules": record.protocol.describe(),
        "hash of the rules": record.protocol.hash,
        "started": record.started,
        "commit": record.machine.commit,
        "SHA-256 of the kept errors": record.arrays_sha256,
    }
    return Source(
        slug=table.slug,
        protocol=table.place[1],
        method=name,
        key=record.key,
        status="edited" if record.edited else record.status,
        seed="" if record.seed is None else str(record.seed),
        nme="" if nme is None else f"{nme:.4f}",
        ended=record.ended,
        code=code,
        machine=machine,
        details=_facts(facts),
    )


def _facts(facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return names and values as text, without those that say nothing."""
    told = {name: value for name, value in facts.items() if value not in (None, "", {}, [], ())}
    return tuple((name.replace("_", " "), _text(value)) for name, value in told.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
