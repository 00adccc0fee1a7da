"""Columns: what a reader found in the files of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fldbench.faces import Attribute, Images


@dataclass(frozen=True)
class Columns:
    """What a reader found: the columns of a FaceSet, except those that the base class fills in itself.

    Attributes
    ----------
    ids : sequence of str
        One id for each of n faces.
    images : Images
        Of length n.
    landmarks : (n, L, 2) float array
        Pixels; NaN where a point is not annotated.
    boxes : (n, 4) float array, optional
        The dataset's own: x0, y0, x1, y1 in pixels. None where it has none; the faces then get the tight boxes of
        their points.
    visible, attributes, subsets, groups
        As in FaceSet.
    scheme, attribute_types : optional
        As in FaceSet, if the files decide it; by default that of the class.
    parts : dict of str to (found, expected), optional
        Number of faces of each part; by default of the split alone, if its number of faces is published.
    notes : sequence of str
        What a user should know about how the files were understood, one line each.
    """

    ids: Sequence[str]
    images: Images
    landmarks: np.ndarray
    boxes: np.ndarray | None = None
    visible: np.ndarray | None = None
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    subsets: Mapping[str, np.ndarray] = field(default_factory=dict)
    groups: Sequence[str] | None = None
    scheme: str | None = None
    parts: Mapping[str, tuple[int, int]] | None = None
    notes: Sequence[str] = ()
    attribute_types: Mapping[str, Attribute] | None = None
