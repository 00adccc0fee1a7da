"""What a fitted model keeps of the faces that it was fitted on: where they come from, never the faces themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fldbench.faces.face_set import FaceSet
from fldbench.geometry import box_size

MOST = (5, 95)  # percentiles of the boxes' shapes that are kept


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
