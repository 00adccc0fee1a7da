"""What records say of each face, for methods that are compared face by face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fldbench.errors import FldbenchError, StoreError, UnknownNameError, near_miss
from fldbench.files import listed
from fldbench.protocols import Protocol
from fldbench.records.record import Record
from fldbench.records.store import read_records
from fldbench.report.columns import RowRecords
from fldbench.report.identities import problem_of
from fldbench.report.names import rows_of

ARRAYS = ("ids", "errors", "charged", "counts", "groups", "predictions")


@dataclass(frozen=True)
class FaceErrors:
    """What one method has on n faces, in each of its a trainings.

    Attributes
    ----------
    label, train : str
        The names of its row in a leaderboard.
    protocol : Protocol
    ids : ndarray of str, (n,)
    groups : ndarray or None, (n,)
        Persons, clips or photos; None where they are not known, or each face is a group of its own.
    charged : ndarray of float, (a, n)
        What each face counts in the NME, see `Score`: fractions; NaN for a missed face that is not charged.
    missed : ndarray of bool, (a, n)
    counts : ndarray of int, (n,)
        The counted points of each face.
    predictions : ndarray of float, (n, L, 2), or None
        Of the first training, px.
    draws : bool
        Whether its training has chance in it.
    overlap : str
        What training and test faces share; empty for nothing.
    """

    label: str
    train: str
    protocol: Protocol
    ids: np.ndarray
    groups: np.ndarray | None
    charged: np.ndarray
    missed: np.ndarray
    counts: np.ndarray
    predictions: np.ndarray | None
    draws: bool
    overlap: str = ""

    @property
    def seeds(self) -> int:
        """The number of trainings."""
        return len(self.charged)

    def on(self, ids: np.ndarray) -> FaceErrors:
        """Return the same faces in the order of `ids`."""
        order = np.argsort(self.ids)
        rows = order[np.searchsorted(self.ids, ids, sorter=order)]
        return replace(
            self,
            ids=ids,
            groups=None if self.groups is None else self.groups[rows],
            charged=self.charged[:, rows],
            missed=self.missed[:, rows],
            counts=self.counts[rows],
            predictions=None if self.predictions is None else self.predictions[rows],
        )


def face_errors_of(row: RowRecords) -> FaceErrors:
    """Return what the records of a row say of each face.

    Raises
    ------
    StoreError
        Where the errors of a record were not kept or cannot be read, or its trainings have other faces.
    """
    try:
        kept = [{} if record.kept is None else record.kept(ARRAYS) for record in row.good]
    except FldbenchError as error:
        raise StoreError(f"compare: {row.method}: {error}; run or evaluate it again") from error
    if any(not {"ids", "errors", "charged"} <= one.keys() for one in kept):
        raise StoreError(f"compare: no errors of single faces are kept of {row.method}; run or evaluate it again")
    first = kept[0]
    if any(not np.array_equal(one["ids"], first["ids"]) for one in kept):
        raise StoreError(f"compare: the trainings of {row.method} were measured on other faces; run it again")
    return FaceErrors(
        label=row.method,
        train=row.train,
        protocol=row.one.protocol,
        ids=first["ids"].astype(str),
        groups=first.get("groups"),
        charged=np.array([one["charged"] for one in kept], float),
        missed=np.isnan([one["errors"] for one in kept]),
        counts=first.get("counts", np.ones(len(first["ids"]), int)),
        predictions=first.get("predictions"),
        draws=row.one.seed is not None,
        overlap=row.overlap,
    )


def rows_in(
    folders: Sequence[str | Path], labels: Sequence[str], protocol: str | None = None
) -> tuple[list[FaceErrors], list[str]]:
    """Return what the rows with these labels have on each face, and what is wrong with records beside them.

    Parameters
    ----------
    folders : sequence of str or Path
        OUT of `fldbench run` or `fldbench evaluate`, or what `fldbench publish` wrote.
    labels : sequence of str
        Names of methods as the leaderboard has them, or `METHOD on TRAIN` where a method was trained on several sets.
    protocol : str, optional
        Name of a protocol; needed where the methods were measured under several.

    Raises
    ------
    StoreError
        For a folder without records, a label that several rows have or that has no number, and several protocols.
    UnknownNameError
        For a label that no row has.
    """
    wrong: list[str] = []
    records: list[Record] = []
    for record in (record for folder in folders for record in read_records(folder, wrong)):
        why = record.edited or problem_of(record) if record.status == "ok" else ""
        if why:
            wrong.append(f"left out: {record.method.label} under {record.protocol.name}: {why}")
        else:
            records.append(record)
    chosen = _under(rows_of(records), labels, protocol)
    return [face_errors_of(_row(chosen, label)) for label in labels], wrong


def _under(rows: Sequence[RowRecords], labels: Sequence[str], protocol: str | None) -> list[RowRecords]:
    """Return the rows under the one protocol that all labels have, or the given one."""
    unknown = [label for label in labels if not any(_is(row, label) for row in rows)]
    if unknown:
        known = {row.method for row in rows}
        raise UnknownNameError(
            f"compare: no method is named {unknown[0]!r} in these folders, and no prediction file; "
            f"{near_miss(unknown[0], known)}"
        )
    if protocol is not None:
        chosen = [row for row in rows if protocol in (row.protocol, row.one.protocol.name)]
        if not chosen:
            known = {row.protocol for row in rows}
            raise UnknownNameError(f"compare: no row is under protocol {protocol!r}; {near_miss(protocol, known)}")
        return chosen
    shared = set.intersection(*({row.protocol for row in rows if _is(row, label)} for label in labels))
    if len(shared) > 1:
        raise StoreError(
            f"compare: {_and(labels)} were measured under {', '.join(sorted(shared))}; must be one protocol; "
            "choose it with --protocol"
        )
    if not shared:
        told = [f"{label} under {', '.join(sorted({r.protocol for r in rows if _is(r, label)}))}" for label in labels]
        raise StoreError(f"compare: {'; '.join(told)}; must be one protocol for all: numbers under others differ")
    return [row for row in rows if row.protocol in shared]


def _row(rows: Sequence[RowRecords], label: str) -> RowRecords:
    named = [row for row in rows if _is(row, label)]
    own = [row for row in named if row.good and not row.superseded]
    if len(own) == 1:
        return own[0]
    if len(own) > 1:
        meant = ", ".join(repr(_full(row)) for row in own)
        raise StoreError(f"compare: {label!r} could be {meant}; give one of these names")
    why = (named[0].reason or "superseded by newer code") if named else "it was not measured under this protocol"
    raise StoreError(f"compare: {label} has no number that counts ({why})")


def _is(row: RowRecords, label: str) -> bool:
    return label in (row.method, _full(row), row.one.method.label)


def _full(row: RowRecords) -> str:
    return f"{row.method} on {row.train}"


def together(rows: Sequence[FaceErrors]) -> list[FaceErrors]:
    """Return methods on the same faces in the same order, and the groups of one of them for all.

    Raises
    ------
    StoreError
        For fewer than two methods, two of one name, other rules, and other faces: says which and how many.
    """
    first = rows[0]
    if len(rows) < 2:
        raise StoreError(f"compare: only {first.label} is given; must be two methods or more")
    names = [one.label for one in rows]
    if len(set(names)) < len(names):
        names = [f"{one.label} on {one.train}" for one in rows]
        if len(set(names)) < len(names):
            raise StoreError(f"compare: the methods are {_and(names)}; must be different ones")
        rows = [replace(one, label=name) for one, name in zip(rows, names, strict=True)]
        first = rows[0]
    for other in rows[1:]:
        if other.protocol.hash != first.protocol.hash:
            told = [
                f"{one.label} is measured under {one.protocol.name} ({one.protocol.hash[:6]})" for one in (first, other)
            ]
            raise StoreError(f"compare: {'; '.join(told)}; must be the same rules; choose them with --protocol")
        alone = [set(a.ids.tolist()) - set(b.ids.tolist()) for a, b in ((first, other), (other, first))]
        if any(alone):
            told = [
                f"{len(ids)} faces of {one.label} are not among those of {two.label} ({listed(sorted(ids))})"
                for ids, one, two in ((alone[0], first, other), (alone[1], other, first))
                if ids
            ]
            raise StoreError(f"compare: {'; '.join(told)}; must be measured on the same faces; evaluate them on these")
    groups = next((one.on(first.ids).groups for one in rows if one.groups is not None), None)
    return [replace(one.on(first.ids), groups=groups) for one in rows]


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
