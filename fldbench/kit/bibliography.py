"""`fldbench leaderboard --bibtex`: what a table stands on, as BibTeX: methods, datasets, detectors and this library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import fldbench
from fldbench import registry
from fldbench.errors import FldbenchError
from fldbench.escape import latex
from fldbench.records.record import OUTSIDE, Record
from fldbench.yaml_text import read_yaml

TOOL = "fldbench"
DETECTED = "detected:"


def bibtex(records: Iterable[Record]) -> str:
    """Return the BibTeX entries of all methods, datasets and detectors of some records, and of fldbench.

    A method that consists of others, such as `average`, brings theirs. What is not known is said in a comment: methods
    and datasets of a plug-in are known by their attribute `citation`.

    Parameters
    ----------
    records : iterable of Record
        Such as those of a leaderboard: `record for row in board.records for record in row.records`.
    """
    names = sorted({name for record in records for name in _named_in(record)})
    used: dict[str, dict[str, Any]] = {}
    comments = []
    for kind, name in names:
        found = _entries_of(kind, name)
        used |= found or {}
        keys = ", ".join(found or ()) or (
            "nothing beyond fldbench" if found is not None else "not known; ask its authors"
        )
        comments.append(f"% {kind} {name}: {keys}")
    used[TOOL] = _file()["entries"][TOOL] | {"note": f"Version {fldbench.__version__}"}
    return "\n\n".join(["\n".join(comments), *(_entry(key, used[key]) for key in sorted(used))]) + "\n"


@cache
def _file() -> dict[str, Any]:
    content, _ = read_yaml(Path(__file__).with_name("references.yaml"))
    return dict(content)


def _named_in(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the kind and the registered name of everything that a record is about."""
    methods = registry.names("method")
    if record.method.name != OUTSIDE:
        yield "method", record.method.name
    yield from (("method", word) for word in _words(record.method.params) if word in methods)
    yield from (("dataset", name) for name in (record.train.dataset, record.protocol.dataset) if name)
    for boxes in (record.protocol.box_source, record.train.boxes):
        if boxes.startswith(DETECTED):
            yield "detector", boxes.removeprefix(DETECTED)


def _words(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value.

    >>> list(_words({"first": "ert", "methods": ["lbf", {"name": "asm"}], "depth": 3}))
    ['ert', 'lbf', 'asm']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (word for one in value.values() for word in _words(one))
    elif isinstance(value, (list, tuple)):
        yield from (word for one in value for word in _words(one))


def _entries_of(kind: str, name: str) -> dict[str, dict[str, Any]] | None:
    """Return key -> entry of a name; None if nobody says what to cite."""
    file = _file()
    if name in file[kind]:
        return {key: file["entries"][key] for key in file[kind][name]}
    try:
        cls = registry.resolve(kind, name)
    except FldbenchError:  # a plug-in that is not here: records outlive it
        return None
    text = getattr(cls, "citation", "")
    if not text:
        return None
    entry = {"type": "misc", "title": latex(text)}
    url = getattr(cls, "url", "")
    return {re.sub("[^A-Za-z0-9.-]+", "-", name): entry | ({"howpublished": rf"\url{{{url}}}"} if url else {})}


def _entry(key: str, fields: dict[str, Any]) -> str:
    # Titles in a second pair of braces keep their capitals.
    texts = {
        name: f"{{{value}}}" if name == "title" else str(value) for name, value in fields.items() if name != "type"
    }
    lines = [f"  {name} = {{{text}}}," for name, text in texts.items()]
    return "\n".join([f"@{fields['type']}{{{key},", *lines, "}"])
