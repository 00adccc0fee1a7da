"""How sure a method says it is of each face, checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fldbench.errors import MethodError
from fldbench.geometry import usable_boxes
from fldbench.method import Method, filled


def predict_confidence_checked(method: Method, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray | None:
    """Return `method.predict_confidence`, checked: (n,) float, NaN for a face whose box is impossible.

    None for a method that does not declare `gives_confidence`.

    Raises
    ------
    MethodError
        For an answer of another shape or kind. Also what `predict_confidence` raises.
    """
    if not method.gives_confidence:
        return None
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    rows = np.flatnonzero(usable_boxes(boxes)).tolist()
    chosen = images if len(rows) == len(images) else [images[row] for row in rows]
    found = np.asarray(filled(method.predict_confidence(chosen, boxes[rows])))
    if found.shape != (len(rows),) or found.dtype.kind not in "fiu":
        came = f"{found.dtype} of shape {found.shape}"
        raise MethodError(
            f"{method.label}: predict_confidence answered {len(rows)} faces with {came}; must be numbers of shape "
            f"({len(rows)},)"
        )
    answer = np.full(len(boxes), np.nan)
    answer[rows] = np.where(np.isfinite(found), found, np.nan)
    return answer
