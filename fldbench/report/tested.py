"""Rows of a table with what is known about their certainty, and the sentence that says how it was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fldbench.errors import FldbenchError
from fldbench.records.record import OUTSIDE, Record
from fldbench.report.certainty import Faces, certainties, ties_of
from fldbench.report.columns import RowRecords
from fldbench.report.ranking import RANKED, by_auc
from fldbench.stats import LEVEL

MOST_ROWS = 400  # of a leaderboard; of more, statistics would take minutes
TOO_MANY = f"no intervals and no ties: more than {MOST_ROWS} rows; name fewer folders or files to have them"
TRAINED_ONCE = "Where a method was trained once, this is about that trained model alone."
PERCENT = f"{100 * LEVEL:g} %"


def with_certainty(rows: Sequence[RowRecords]) -> list[RowRecords]:
    """Return the rows of one table, in their order, with their intervals, robust summaries and ties.

    A row whose records keep no errors has none. Ranks are told only where all ranked rows have errors.
    """
    kept = [_faces(row) for row in rows]
    places = [i for i, faces in enumerate(kept) if faces is not None]
    known = [faces for faces in kept if faces is not None]
    if not known:
        return list(rows)
    protocol = rows[0].one.protocol
    certain = dict(zip(places, certainties(known, protocol), strict=True))
    ranked = [i for i in places if rows[i].standing == RANKED]
    same = [i for i in ranked if np.array_equal(_ids(kept[i]), _ids(kept[ranked[0]]))]
    if len(same) > 1:
        fixed = [all(record.seed is None and record.method.name != OUTSIDE for record in rows[i].good) for i in same]
        ties = ties_of([faces for i in same if (faces := kept[i]) is not None], protocol, by_auc(rows), fixed)
        whole = len(same) == sum(row.standing == RANKED for row in rows)
        first = whole or rows[same[0]].rank == 1
        for i, letters, ranks, tied in zip(same, ties.letters, ties.ranks, ties.tied, strict=True):
            certain[i] = replace(certain[i], ties=letters, ranks=ranks if whole else None, tied=tied and first)
    return [replace(row, certainty=certain.get(i)) for i, row in enumerate(rows)]


def sentences(rows: Sequence[RowRecords]) -> str:
    """Return what a caption says about intervals and ties; nothing where no row has any."""
    certain = [row for row in rows if row.certainty is not None]
    if not certain:
        return ""
    over = [row.certainty.intervals["nme"].over_seeds for row in certain if row.certainty is not None]
    groups = any("groups" in _arrays(row.good[0]) for row in certain)
    drawn = f"{'whole groups of ' if groups else ''}faces"
    drawn += " and trainings" if all(over) else " and, where there are several, trainings" if any(over) else ""
    said = [f"{PERCENT}: interval of the NME, by a bootstrap over {drawn}."]
    if any(row.certainty is not None and row.certainty.ties for row in certain):
        by = "AUC" if by_auc(rows) else "NME"
        said.append(
            f"Rows that share a letter cannot be told apart by their {by} (paired tests of all pairs, false alarms in "
            f"at most {100 - 100 * LEVEL:g} % of such tables)."
        )
        if not all(over) and any(record.seed is not None for row in certain for record in row.good):
            said.append(TRAINED_ONCE)
    return " ".join(said)


def _faces(row: RowRecords) -> Faces | None:
    """Return what the records of a row kept of each face; None if one of them kept nothing, or other faces."""
    parts = [_arrays(record) for record in row.good]
    if not parts or any(not {"ids", "charged"} <= part.keys() for part in parts):
        return None
    orders = [np.argsort(part["ids"], kind="stable") for part in parts]
    ids = [part["ids"][order] for part, order in zip(parts, orders, strict=True)]
    if not len(ids[0]) or any(not np.array_equal(one, ids[0]) for one in ids):
        return None
    charged = np.stack([np.asarray(part["charged"], float)[order] for part, order in zip(parts, orders, strict=True)])
    first, order = parts[0], orders[0]
    counts = first["counts"][order] if "counts" in first else np.ones(len(ids[0]), int)
    return Faces(ids[0], charged, counts, first["groups"][order] if "groups" in first else None)


def _ids(faces: Faces | None) -> np.ndarray:
    return np.empty(0) if faces is None else faces.ids


def _arrays(record: Record) -> dict[str, np.ndarray]:
    if record.kept is None or record.edited:
        return {}
    try:
        return record.kept(("ids", "charged", "counts", "groups"))
    except FldbenchError:  # `leaderboard --check` says what is wrong with the file
        return {}
