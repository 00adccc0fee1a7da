"""Published numbers beside measured ones: marked, without a rank, and only where the rules are the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fldbench.protocols import Protocol
from fldbench.protocols.published import published_under
from fldbench.report.columns import Column

PUBLISHED = "published"  # the standing and the status of their rows
NOTE = (
    "Published numbers are as printed by others, with their own training data, crops and AUC rules, and are never "
    "ranked. Sources: fldbench show {}."
)


def published_rows(protocol: Protocol, columns: Sequence[Column]) -> tuple[dict[str, Any], ...]:
    """Return the rows of the numbers that may stand beside those of a protocol; numbers keep their printed digits."""
    shared = {
        "protocol": protocol.name,
        "subset": protocol.subset or protocol.split,
        "dataset": protocol.dataset,
        "normaliser": protocol.normaliser,
        "status": PUBLISHED,
        "standing": PUBLISHED,
        "remark": "",
        "overlap": "",
    }
    names = [column.name for column in columns]
    rows = []
    for one in published_under(protocol):
        own = {"method": f"{one.method} ({one.year})", "reason": "; ".join(one.sources), **one.numbers}
        rows.append(dict.fromkeys(names) | {name: value for name, value in (shared | own).items() if name in names})
    return tuple(rows)


def is_published(row: dict[str, Any]) -> bool:
    """Return whether a row is of published numbers."""
    return row.get("standing") == PUBLISHED


def published_notes(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Return what must be said of published rows, if there are any."""
    protocols = dict.fromkeys(row["protocol"] for row in rows if is_published(row))
    return [NOTE.format(protocol) for protocol in protocols]
