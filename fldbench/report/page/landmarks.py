"""The error of each landmark, for a drawing on the mean face."""

from __future__ import annotations

from typing import Any

import numpy as np

from fldbench.records.known_faces import KnownFaces
from fldbench.report.page.measured import Measured


def landmark_values(table: Measured, known: KnownFaces) -> dict[str, Any] | None:
    """Return the errors of each point, in percent and as means over the seeds, as JSON values; None without any.

    `face` are the points of the mean face, 0 to 1; `errors` has a list for each row of the table that has errors of
    faces, and None in the place of a number that is not known.
    """
    errors = [_of_row(table, row, known) for row in table.with_errors]
    if not any(one is not None for one in errors):
        return None
    return {
        "face": np.round(known.mean_face, 3).tolist(),
        "edges": [list(edge) for edge in known.edges],
        "names": list(known.names),
        "errors": [None if one is None else [_number(value) for value in one] for one in errors],
    }


def _of_row(table: Measured, row: int, known: KnownFaces) -> np.ndarray | None:
    kept = [known.point_errors[one.key] for one in table.records[row].good if one.key in known.point_errors]
    kept = [one for one in kept if np.isfinite(one).any()]
    return 100 * np.mean(kept, axis=0) if kept else None


def _number(value: float) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None
