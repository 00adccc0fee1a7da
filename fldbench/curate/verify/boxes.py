"""box: box and points are apart, or of different sizes; or the box is impossible."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fldbench.curate.verify.finding import Finding, about
from fldbench.faces import FaceSet
from fldbench.geometry import box_centre, box_size, tight_box, usable_boxes
from fldbench.schemes import get_scheme

SPANNED = 0.8  # of each side of the whole face's box, by points that stand for it where others are missing
BOX_OFFSET, BOX_SCALE = 0.3, np.log(1.6)  # share of the box's size; log of the ratio of sizes


def check_boxes_and_points(faces: FaceSet, sound: np.ndarray) -> Iterator[Finding]:
    """Yield impossible boxes, and boxes with an unusual place relative to the points for this dataset.

    sound (n,) bool are the faces with reliable points.
    """
    valid = usable_boxes(faces.boxes)
    for row in np.flatnonzero(~valid):
        text = f"the box {faces.boxes[row].round(1).tolist()} is impossible or absurd; must be x0 < x1 and y0 < y1"
        yield about(faces, row, "box", np.inf, text)
    rows = np.flatnonzero(sound & valid)
    tight = tight_box(faces.landmarks[rows]).reshape(-1, 4)
    extended = (box_size(tight) > 0).all(axis=1) & _span_the_face(faces, rows)
    rows, tight = rows[extended], tight[extended]
    if not len(rows):
        return
    boxes = faces.boxes[rows]
    offset = (box_centre(tight) - box_centre(boxes)) / np.sqrt(box_size(boxes).prod(axis=1))[:, None]
    scale = np.log(box_size(tight).prod(axis=1) / box_size(boxes).prod(axis=1)) / 2
    usual_offset, usual_scale = np.median(offset, axis=0), np.median(scale)
    shift = np.linalg.norm(offset - usual_offset, axis=1)
    score = np.maximum(shift / _loose(shift, BOX_OFFSET), abs(scale - usual_scale) / _loose(scale, BOX_SCALE))
    for i in np.flatnonzero(score >= 1):
        text = (f"the points' centre is off by {shift[i]:.2f} of the box's size, and their size is "
                f"{np.exp(scale[i]):.2f} of the box's (usual: {np.exp(usual_scale):.2f})")  # fmt: skip
        yield about(faces, rows[i], "box", score[i], text)


def _span_the_face(faces: FaceSet, rows: np.ndarray) -> np.ndarray:
    """Return whether the points of each of some faces, (n,) bool, span about the box that all its points would."""
    there = np.isfinite(faces.landmarks[rows]).all(axis=2)
    template = get_scheme(faces.scheme).template
    if template is None:
        return there.all(axis=1)
    sides = box_size(tight_box(np.where(there[..., None], template, np.nan)).reshape(-1, 4))
    return (sides >= SPANNED * np.ptp(template, axis=0)).all(axis=1)


def _loose(values: np.ndarray, limit: float) -> float:
    """Return the limit, or six standard deviations (by the median) if the boxes of a dataset vary more."""
    return max(limit, 6 * 1.4826 * float(np.median(abs(values - np.median(values)))))
