"""What a fitted model keeps of the faces that it was fitted on: where they come from, never the faces themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fldbench.faces.face_set import FaceSet
from fldbench.geometry import box_size

MOST = (5, 95)  # percentiles of the boxes' shapes that are kept
ENOUGH = 8  # boxes from which their source can be told
ALIKE, APART = 1.01, 1.05  # the largest over the smallest shape: of boxes of one shape, and of boxes of many
FAR = 1.1  # how far the median may lie beyond the shapes of the fit


@dataclass(frozen=True)
class FaceFacts:
    """Facts about a set of faces.

    Attributes
    ----------
    dataset, split : str
        As the FaceSet is named; empty for faces that were put together by hand.
    faces : int
        How many there are.
    scheme : str
        Of their landmarks.
    boxes : str
        Where their boxes come from: official, tight, jittered:S, or empty if that is not known.
    box_shape : tuple of float
        Width over height, the 5th and the 95th percentile of the boxes; empty without faces.
    fingerprint : str
        Of the faces (`FaceSet.fingerprint`).
    """

    dataset: str
    split: str
    faces: int
    scheme: str
    boxes: str
    box_shape: tuple[float, ...]
    fingerprint: str

    def __str__(self) -> str:
        """Return the facts in words, such as `2012 faces of 300w-train (ibug-68), tight boxes`."""
        name = "-".join(part for part in (self.dataset, self.split) if part)
        return f"{self.faces} faces{name and f' of {name}'} ({self.scheme}), {self.boxes or 'unknown'} boxes"

    def unlike(self, boxes: np.ndarray) -> str:
        """Return in which way boxes (n, 4) px are unlike those of the faces; empty if they are not, or too few to tell.

        A detector's boxes have one shape, often a square, or other shapes than the tight boxes of the points.

        >>> facts = FaceFacts("", "", 100, "ibug-68", "tight", (0.8, 1.2), "")
        >>> sides = np.arange(10.0, 20)[:, None]
        >>> facts.unlike(sides * [0, 0, 1, 1])
        'all of them have one shape, width over height 1.00'
        >>> facts.unlike(sides * [0, 0, 1, 2])
        'their width over height is 0.50'
        >>> facts.unlike(sides * [0, 0, 1, 1] + [0, 0, 2, 0]), facts.unlike(sides[:5] * [0, 0, 1, 1])
        ('', '')
        """
        distinct = np.unique(box_size(boxes), axis=0)
        if min(len(distinct), self.faces) < ENOUGH or not self.box_shape:
            return ""
        shapes = distinct[:, 0] / distinct[:, 1]
        (low, high), middle, spread = self.box_shape, float(np.median(shapes)), shapes.max() / shapes.min()
        if not low / FAR <= middle <= high * FAR:
            return f"their width over height is {middle:.2f}"
        if spread < ALIKE and high / low > APART:
            return f"all of them have one shape, width over height {middle:.2f}"
        if spread > APART and high / low < ALIKE:
            return f"they have many shapes, width over height {shapes.min():.2f} to {shapes.max():.2f}"
        return ""


def facts_of(faces: FaceSet) -> FaceFacts:
    """Return the facts about some faces. Digests of images that were read already are used again."""
    sizes = box_size(faces.boxes)
    shapes = sizes[:, 0] / np.where(sizes[:, 1] > 0, sizes[:, 1], np.nan)
    shapes = shapes[np.isfinite(shapes)]
    return FaceFacts(
        dataset=faces.name,
        split=faces.split_name,
        faces=len(faces),
        scheme=faces.scheme,
        boxes=faces.box_source,
        box_shape=tuple(np.percentile(shapes, MOST).round(4).tolist()) if shapes.size else (),
        fingerprint=faces.fingerprint,
    )
