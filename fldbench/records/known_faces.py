"""The truth of a protocol's faces beside what was answered for them, for pages that draw them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fldbench.faces import FaceSet


class Square(NamedTuple):
    """A square part of an image, px: the corner with the smallest x and y, and the side."""

    x: float
    y: float
    side: float


@dataclass(frozen=True)
class KnownFaces:
    """What a dataset knows of n test faces, and a record does not.

    Attributes
    ----------
    ids : ndarray of str, (n,)
    landmarks : ndarray of float, (n, L, 2)
        The true points, px of the original images.
    edges : tuple of pairs of int
        The lines of the scheme.
    names : tuple of str
        Of the L points.
    mean_face : ndarray of float, (L, 2)
        The mean of the true points, each face in the middle of a unit square that its box just fits into.
    point_errors : mapping of str to ndarray of float, (L,)
        Key of a record -> the mean error of each point over the faces that were found, as a fraction of the normaliser;
        NaN for a point that does not count.
    faces : FaceSet, optional
        All that the dataset knows, for an audit.
    official : FaceSet, optional
        The same with the dataset's own boxes, where it has any.
    picture : callable, optional
        Row of a face, and a part of its image -> that part as an image file for a page (MIME type and bytes), or
        None where it cannot be read. Without it nobody's pixels are shown.
    """

    ids: np.ndarray
    landmarks: np.ndarray
    edges: tuple[tuple[int, int], ...]
    names: tuple[str, ...]
    mean_face: np.ndarray
    point_errors: Mapping[str, np.ndarray] = field(default_factory=dict)
    faces: FaceSet | None = None
    official: FaceSet | None = None
    picture: Callable[[int, Square], tuple[str, bytes] | None] | None = None
