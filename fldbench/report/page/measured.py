"""The tables of a leaderboard with the error of every face, as the screens of a page need them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import DataError
from fldbench.records.record import Record
from fldbench.records.store import record_folders
from fldbench.report.columns import RowRecords
from fldbench.report.leaderboard import Leaderboard
from fldbench.report.tables import names_of

LONGEST = 60  # letters of a method's name


@dataclass(frozen=True)
class Measured:
    """One table, all rows under one protocol and trained on the same faces, with m rows that have errors of n faces.

    Attributes
    ----------
    slug : str
        The name of the table in links.
    place : tuple of str
        (train, protocol).
    rows : tuple of dict
        All rows of the leaderboard, in its order.
    records : tuple of RowRecords
        Behind the rows.
    names : tuple of str
        The methods as shown, of all rows.
    with_errors : tuple of int
        The rows, m of them, for which errors are kept.
    ids : ndarray of str, (n,)
    errors : ndarray of float, (m, n)
        Fractions, the mean over the seeds; NaN for a face that was missed or not measured.
    there : ndarray of bool, (m, n)
        Whether a face was measured.
    trainings : tuple of ndarray of float, (a, n)
        The errors of each row in its a trainings.
    groups : ndarray of str, (n,), or None
        Persons, clips or photos; None where records do not keep them, or each face is a group of its own.
    """

    slug: str
    place: tuple[str, str]
    rows: tuple[dict[str, Any], ...]
    records: tuple[RowRecords, ...]
    names: tuple[str, ...]
    with_errors: tuple[int, ...]
    ids: np.ndarray
    errors: np.ndarray
    there: np.ndarray
    trainings: tuple[np.ndarray, ...]
    groups: np.ndarray | None = None

    @property
    def methods(self) -> list[str]:
        """The names of the rows with errors, (m,)."""
        return [self.names[row] for row in self.with_errors]


def places_of(folders: Iterable[str | Path]) -> dict[str, Path]:
    """Return key of a record -> its folder; failures have none."""
    return {place.name: place for folder in folders for place in record_folders(Path(folder))}


def measured(board: Leaderboard, places: Mapping[str, Path]) -> list[Measured]:
    """Return the tables of a leaderboard in its order, with the errors that are kept in the folders of its records."""
    found: list[Measured] = []
    for place, rows in board.sections():
        records = [one for one in board.records if (one.train, one.protocol) == place]
        kept = [_trainings(row, places) for row in records]
        with_errors = tuple(i for i, trainings in enumerate(kept) if trainings)
        ids = _all_ids([own for i in with_errors for own, _ in kept[i]])
        placed = [[_placed(ids, own, errors) for own, errors in kept[i]] for i in with_errors]
        trainings = tuple(np.array([errors for errors, _ in row]) for row in placed)
        shape = len(with_errors), len(ids)
        errors = np.array([_mean(one) for one in trainings]).reshape(shape)
        there = np.array([np.any([there for _, there in row], axis=0) for row in placed], bool).reshape(shape)
        names = tuple(names_of(rows, LONGEST))
        slug = slug_of(place, [one.slug for one in found])
        groups = _groups(ids, [record for i in with_errors for record in records[i].good], places)
        rest = names, with_errors, ids, errors, there, trainings, groups
        found.append(Measured(slug, place, tuple(rows), tuple(records), *rest))
    return found


def slug_of(place: tuple[str, str], taken: Sequence[str] = ()) -> str:
    """Return the name of a table in links: the protocol, and a number where others have that name.

    >>> slug_of(("300w-train", "300w-helen@boxes=jittered:0.10")), slug_of(("t", "x y"), ["x-y"])
    ('300w-helen-boxes-jittered-0-10', 'x-y-2')
    """
    base = re.sub(r"[^a-z0-9]+", "-", place[1].lower()).strip("-") or "table"
    same = sum(one == base or re.fullmatch(rf"{base}-\d+", one) is not None for one in taken)
    return f"{base}-{same + 1}" if same else base


def arrays_of(record: Record, places: Mapping[str, Path], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the named arrays that are kept beside a record; nothing where its file is gone or damaged."""
    if record.key not in places or record.kept is None or record.edited:
        return {}
    try:
        return record.kept(names)
    except DataError:
        return {}


def _trainings(row: RowRecords, places: Mapping[str, Path]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the ids of the faces and their errors, for each training of a row that kept them."""
    kept = [arrays_of(record, places, ("ids", "errors")) for record in row.good]
    pairs = [(one["ids"], np.asarray(one["errors"], float)) for one in kept if {"ids", "errors"} <= one.keys()]
    return [(ids, errors) for ids, errors in pairs if ids.ndim == 1 and ids.shape == errors.shape]


def _groups(ids: np.ndarray, records: Sequence[Record], places: Mapping[str, Path]) -> np.ndarray | None:
    """Return the group of each face, as the first record that keeps them says; None if each is one of its own."""
    for record in records:
        arrays = arrays_of(record, places, ("ids", "groups"))
        if {"ids", "groups"} <= arrays.keys() and arrays["ids"].shape == arrays["groups"].shape:
            known = dict(zip(arrays["ids"].tolist(), map(str, arrays["groups"].tolist()), strict=True))
            found = np.array([f"group {known[face]}" if face in known else face for face in ids.tolist()])
            return found if len(np.unique(found)) < len(found) else None
    return None


def _all_ids(lists: Sequence[np.ndarray]) -> np.ndarray:
    """Return the ids of all lists, each once, as the first list that holds them orders them."""
    if not lists:
        return np.zeros(0, str)
    first = lists[0]
    more = [one for one in lists if not np.array_equal(one, first)]
    return np.array(list(dict.fromkeys(face for one in (first, *more) for face in one.tolist())), str)


def _placed(ids: np.ndarray, own: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the errors in the order of all ids, NaN for a face that was not measured; and whether it was."""
    if np.array_equal(ids, own):
        return errors, np.ones(len(ids), bool)
    known = dict(zip(own.tolist(), errors.tolist(), strict=True))
    there = np.array([face in known for face in ids.tolist()], bool)
    return np.array([known.get(face, np.nan) for face in ids.tolist()], float), there


def _mean(errors: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():  # a face that every seed missed
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(errors, axis=0)
