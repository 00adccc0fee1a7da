"""Errors along and across the contours on which landmarks lie, and their bias.

Where an annotation only says that a point lies on a curve, such as the jaw, its place along the curve is a convention:
annotators differ there, and an error along it means less than one across it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from fldbench.faces import FaceSet
from fldbench.protocols import Protocol
from fldbench.schemes import Scheme, get_scheme


@dataclass(frozen=True)
class Split:
    """The error of some landmarks under a protocol, in percent of its normaliser.

    Attributes
    ----------
    name : str
        A region, or the number of a landmark.
    points : tuple of int
    error : float
        Mean of |answer - truth|; the mean of all landmarks that count, weighted by face, is the NME.
    along, across : float
        Means of its parts along and across the contour; NaN where no contour passes.
    share_along : float
        Of the squared error; 0.5 if the error has no preferred direction, NaN without a contour.
    bias : (float, float)
        Mean of answer - truth in x (right) and y (down).
    bias_along, bias_across : float
        Mean of its signed parts: forwards in the order of the points, and to the right of it, as a walker sees it who
        looks at the image from the front.
    """

    name: str
    points: tuple[int, ...]
    error: float
    along: float
    across: float
    share_along: float
    bias: tuple[float, float]
    bias_along: float
    bias_across: float


def directions(landmarks: np.ndarray, scheme: Scheme) -> np.ndarray:
    """Return the unit vector of the contour at each point, (n, L, 2), in the order of the scheme's edges.

    From the neighbour before to the neighbour behind, or along the only edge at an end. NaN for a point without an
    edge or with more than two, and where a neighbour is not annotated or lies at the same place.

    >>> from fldbench.schemes import get_scheme
    >>> face = np.zeros((1, 68, 2))
    >>> face[0, :17, 0] = np.arange(17)  # a jaw from left to right
    >>> directions(face, get_scheme("ibug-68"))[0, [0, 8, 16]].tolist()
    [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
    """
    before, behind = _neighbours(scheme)
    known = (before >= 0) & (behind >= 0)
    along = np.full(landmarks.shape, np.nan)
    along[:, known] = landmarks[:, behind[known]] - landmarks[:, before[known]]
    length = np.linalg.norm(along, axis=2, keepdims=True)
    return along / np.where(length > 0, length, np.nan)


def _neighbours(scheme: Scheme) -> tuple[np.ndarray, np.ndarray]:
    """Return for each point where its contour comes from and where it leads to; -1 where there is none."""
    n_points = scheme.n_points
    of_region = {point: name for name, points in scheme.regions.items() for point in points}
    before: dict[int, list[int]] = {}
    behind: dict[int, list[int]] = {}
    for a, b in scheme.edges:
        if of_region[a] == of_region[b]:
            behind.setdefault(a, []).append(b)
            before.setdefault(b, []).append(a)
    first, last = np.full(n_points, -1), np.full(n_points, -1)
    for point in range(n_points):
        come, go = before.get(point, []), behind.get(point, [])
        if len(come) > 1 or len(go) > 1 or not (come or go):
            continue
        first[point], last[point] = (come or [point])[0], (go or [point])[0]
    return first, last


def error_split(predictions: np.ndarray, faces: FaceSet, protocol: Protocol) -> tuple[list[Split], list[Split]]:
    """Return the errors by region and by landmark, as the protocol compares them.

    Parameters
    ----------
    predictions : ndarray of float, (n, L, 2)
        In px; a face that the protocol counts as missed is left out.
    faces : FaceSet
        The protocol's n faces.
    protocol : Protocol

    Returns
    -------
    regions, landmarks : list of Split
        Those with a point that counts.
    """
    compared = protocol.compared(predictions, faces)
    errors = compared.point_errors()
    scale = 100 / compared.distance[:, None, None]
    scheme = get_scheme(protocol.scheme)
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.where(np.isfinite(errors)[..., None], (compared.answers - compared.truth) * scale, np.nan)
    tangent = directions(compared.truth, scheme)
    along = (off * tangent).sum(axis=2)
    across = off[..., 1] * tangent[..., 0] - off[..., 0] * tangent[..., 1]
    groups = [(name, tuple(points)) for name, points in scheme.regions.items()]
    groups = [(name, tuple(i for i in points if np.isfinite(errors[:, i]).any())) for name, points in groups]
    regions = [_split(name, points, errors, off, along, across) for name, points in groups if points]
    single = sorted(i for _, points in groups for i in points)
    return regions, [_split(str(i), (i,), errors, off, along, across) for i in single]


def _split(
    name: str, points: tuple[int, ...], errors: np.ndarray, off: np.ndarray, along: np.ndarray, across: np.ndarray
) -> Split:
    columns = list(points)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no contour passes: the means of nothing are NaN
        forwards, sideways = along[:, columns], across[:, columns]
        squares = np.nansum(forwards**2), np.nansum(sideways**2)
        bias = np.nanmean(off[:, columns], axis=(0, 1))
        return Split(
            name=name,
            points=points,
            error=float(100 * np.nanmean(errors[:, columns])),
            along=float(np.nanmean(np.abs(forwards))),
            across=float(np.nanmean(np.abs(sideways))),
            share_along=float(squares[0] / sum(squares)) if sum(squares) > 0 else float("nan"),
            bias=(float(bias[0]), float(bias[1])),
            bias_along=float(np.nanmean(forwards)),
            bias_across=float(np.nanmean(sideways)),
        )
