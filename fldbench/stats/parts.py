"""Whether a part of the faces has another mean error than the others: two samples, which may share persons."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fldbench.errors import ProtocolError
from fldbench.stats.resample import numbered


class PartDifference(NamedTuple):
    """The mean of a part minus that of the other faces, and the two-sided p value of no difference; NaN if unknown."""

    value: float
    p: float


def part_difference(values: np.ndarray, part: np.ndarray, groups: np.ndarray | None = None) -> PartDifference:
    """Return by how much the mean of a part of the faces differs from that of the others, with its p value.

    The variance is the sum over the groups of the square of what a group adds to the difference (sandwich by groups:
    Liang and Zeger, Biometrika 73, 1986), times k / (k - 1) for the k groups of a side; so a person may have faces in
    the part and beside it. Without groups it is Welch's. p is from Student's t with as many degrees of freedom as the
    side with fewer groups has groups, minus one, which is careful for small parts.

    Parameters
    ----------
    values : ndarray of float, (n,)
        Such as errors; faces that are NaN do not count.
    part : ndarray of bool, (n,)
    groups : ndarray, (n,), optional
        Faces of one group, such as those of a person, are not independent. By default each face is.

    Raises
    ------
    ProtocolError
        For other shapes.

    >>> found = part_difference(np.array([1.0, 2.0, 3.0, 7.0, 8.0, 9.0]), np.array([False] * 3 + [True] * 3))
    >>> found.value, round(found.p, 4)
    (6.0, 0.018)
    """
    from scipy.stats import t

    values, part = np.asarray(values, float), np.asarray(part, bool)
    shapes = [np.shape(one) for one in (values, part, groups) if one is not None]
    if values.ndim != 1 or len(set(shapes)) > 1:
        raise ProtocolError(f"difference of a part: the shapes are {', '.join(map(str, shapes))}; must be (n,) each")
    known = np.isfinite(values)
    each = numbered(groups, len(values))[known]
    values, part = values[known], part[known]
    added = np.zeros(len(values))
    sides = []
    for side in (part, ~part):
        if not side.any():
            return PartDifference(np.nan, np.nan)
        k = len(np.unique(each[side]))
        added[side] = (values[side] - values[side].mean()) / side.sum() * np.sqrt(k / max(k - 1, 1))
        sides.append((values[side].mean(), k))
    added[~part] *= -1
    difference = float(sides[0][0] - sides[1][0])
    variance = float((np.bincount(each, added) ** 2).sum())
    degrees = min(k for _, k in sides) - 1
    if degrees < 1:
        return PartDifference(difference, np.nan)
    if variance == 0.0:
        return PartDifference(difference, 1.0 if difference == 0.0 else 0.0)
    return PartDifference(difference, float(2 * t.sf(abs(difference) / np.sqrt(variance), degrees)))
