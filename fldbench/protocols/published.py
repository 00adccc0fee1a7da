"""Numbers that papers and repositories print, each with its source, and the protocol that each may stand beside.

A published number is measured by other people: with their training data, crops, missing faces and rule of the AUC. It
is never ranked with measured ones; it stands beside them only under the same dataset, subset, normaliser and threshold.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import MappingProxyType

from fldbench.files import read_text
from fldbench.metrics import Metric
from fldbench.protocols.bases import get_protocol
from fldbench.protocols.protocol import Protocol

TABLE = Path(__file__).with_name("published.csv")

# (dataset, subset) as the table names them -> base of the same faces.
BASES = {
    **{("300W", name): f"300w-{name}" for name in ("full", "common", "challenging", "private")},
    ("300W", "full (689)"): "300w-full",
    ("300W", "helen-test"): "300w-helen",
    ("300W", "lfpw-test"): "300w-lfpw",
    **{("300W", f"private-{name}"): f"300w-private-{name}" for name in ("indoor", "outdoor")},
    ("WFLW", "full"): "wflw",
    **{("WFLW", x): f"wflw-{x}" for x in ("pose", "expression", "illumination", "makeup", "occlusion", "blur")},
    ("COFW-29", "test"): "cofw",
    ("COFW-68", "test"): "cofw68",
    ("COFW-68", "test visible points"): "cofw68@visible",
    ("AFLW-19", "full"): "aflw19-full",
    ("AFLW-19", "frontal"): "aflw19-frontal",
    ("MERL-RAV", "full"): "merl-rav",
}
# Faces of parts that are no base of their own.
FACES = {("MERL-RAV", "frontal"): 2195, ("MERL-RAV", "half-profile"): 601, ("MERL-RAV", "profile"): 1069}
# Normaliser as the table names it -> modifier. What is absent here is not known well enough to be compared.
NORMALISERS = {
    "inter-ocular-outer": "interocular",
    "inter-pupil": "interpupil",
    "eye centres": "interpupil",
    "inter-pupil (points 96 97)": "interpupil",
    "sqrt(w*h) landmark box": "norm=box",
    "sqrt(w*h) AFLW box": "norm=given-box",
    "points 6-11": "norm=points:6/11",
    "points 7-10": "norm=points:7/10",
}
# Fields of a protocol that may differ: names, what follows from the faces, and what is compared apart.
_MAY_DIFFER = {"name", "n_expected", "ids_sha256", "union_of", "official_boxes", "box_source", "thresholds", "auc_rule"}
_MAY_DIFFER |= {"normaliser", "normaliser_points"}
_RULES = [field.name for field in fields(Protocol) if field.name not in _MAY_DIFFER]


@dataclass(frozen=True)
class Published:
    """One number as it was printed.

    Attributes
    ----------
    method, kind : str
        kind: classical, cnn, hybrid or transformer.
    year : int
    dataset, subset, normaliser : str
        As the table names them.
    metric : str
        nme, fr or auc.
    threshold : Fraction or None
        Of fr and auc, in percent.
    value : str
        In percent, with the digits of the table.
    source : str
        Where it was read, and what is doubtful about it.
    """

    method: str
    year: int
    kind: str
    dataset: str
    subset: str
    metric: str
    normaliser: str
    threshold: Fraction | None
    value: str
    source: str

    @property
    def protocol(self) -> str | None:
        """Name of the protocol that it may stand beside; None if its faces or its normaliser are not certain."""
        base, norm = BASES.get((self.dataset, self.subset)), NORMALISERS.get(self.normaliser)
        return None if base is None or norm is None else f"{base}{',' if '@' in base else '@'}{norm}"

    @property
    def key(self) -> str:
        """The key of its metric, such as fr08."""
        threshold = None if self.threshold is None else float(self.threshold / 100)
        return Metric(self.metric, 0.0, threshold).key

    @property
    def n(self) -> int | None:
        """The number of faces that the subset has, if known."""
        base = BASES.get((self.dataset, self.subset))
        return FACES.get((self.dataset, self.subset)) if base is None else get_protocol(base).n_expected


@dataclass(frozen=True)
class PublishedRow:
    """What one method is said to reach under one protocol: metric's key -> number as printed, and its sources."""

    method: str
    year: int
    numbers: Mapping[str, str]
    sources: tuple[str, ...]


@cache
def published() -> tuple[Published, ...]:
    """Return all published numbers that come with fldbench.

    >>> first = published()[0]
    >>> first.method, first.value, first.protocol, first.n
    ('ESR', '11.13', 'wflw@interocular', 2500)
    """
    rows = csv.DictReader(read_text(TABLE).splitlines())
    return tuple(
        Published(
            method=row["method"],
            year=int(row["year"]),
            kind=row["kind"],
            dataset=row["dataset"],
            subset=row["subset"],
            metric=row["metric"].lower(),
            normaliser=row["normaliser"],
            threshold=Fraction(row["threshold"]) if row["threshold"] else None,
            value=row["value_percent"],
            source=row["source"],
        )
        for row in rows
    )


def published_under(protocol: Protocol) -> list[PublishedRow]:
    """Return the published numbers that may stand beside those of a protocol, by year and method.

    The dataset, the subset, the counted points and the normaliser are the same, FR and AUC are at its thresholds, and
    the protocol has no rule that no paper states. Numbers of one method that differ have rows of their own.

    >>> from fldbench.protocols import get_protocol
    >>> rows = published_under(get_protocol("300w-full@t=0.08"))
    >>> next(dict(row.numbers) for row in rows if row.method == "SPIGA")
    {'nme': '2.994', 'auc08': '62.728', 'fr08': '0.726'}
    >>> published_under(get_protocol("300w-full@points=49"))
    []
    """
    rows: list[tuple[Published, dict[str, str], dict[str, None]]] = []
    at = [100 * Fraction(str(t)) for t in protocol.thresholds]
    usual, measures = not protocol.box_source.startswith("jittered"), _measures(protocol)
    places = [row for other, rows_of in _beside().values() if usual and measures == other for row in rows_of]
    for one in (published()[row] for row in sorted(places)):
        if not _measured(one, protocol, at):
            continue
        free = (row for row in rows if _same_method(row[0], one) and row[1].get(one.key, one.value) == one.value)
        row = next(free, None)
        if row is None:
            rows.append(row := (one, {}, {}))
        row[1][one.key] = one.value
        row[2][one.source] = None
    found = [PublishedRow(one.method, one.year, MappingProxyType(n), tuple(sources)) for one, n, sources in rows]
    return sorted(found, key=lambda row: (row.year, row.method))


def _same_method(one: Published, other: Published) -> bool:
    return (one.method, one.year) == (other.method, other.year)


@cache
def _beside() -> dict[str, tuple[tuple[object, ...], list[int]]]:
    """Return protocol -> what it measures, and the rows of the published numbers that are given under its name."""
    found: dict[str, tuple[tuple[object, ...], list[int]]] = {}
    for row, one in enumerate(published()):
        name = one.protocol
        if name is not None:
            if name not in found:
                found[name] = _measures(get_protocol(name)), []
            found[name][1].append(row)
    return found


def _measures(protocol: Protocol) -> tuple[object, ...]:
    """Return what two protocols have in common that measure the same faces and points, by the same normaliser."""
    return _length(protocol), *(getattr(protocol, name) for name in _RULES)


def _length(protocol: Protocol) -> object:
    """Return what identifies the normaliser: its points, or its name."""
    return protocol.normaliser_points or protocol.normaliser


def _measured(one: Published, protocol: Protocol, at: Sequence[Fraction]) -> bool:
    """Return whether the protocol has the metric, at this threshold; `at` are those of the protocol, in percent."""
    if one.metric == "auc":
        return one.threshold == at[0] and protocol.auc_rule == "exact"
    return one.metric == "nme" or one.threshold in at
