"""Triangles -> pixels: a vectorised painter's algorithm, and the interpolation of values from vertices to pixels."""

from typing import NamedTuple

import numpy as np


class Fragments(NamedTuple):
    """The visible pixels.

    Attributes
    ----------
    pixel : (P,) array
        Flat index, row * size + column.
    face : (P,) array
        Index of the triangle.
    weights : (P, 3) array
        Barycentric weights.
    """

    pixel: np.ndarray
    face: np.ndarray
    weights: np.ndarray


def rasterise(xy, depth, faces, size):
    """Find the nearest front-facing triangle at each pixel centre.

    Triangles are painted from far to near by the depth of their centroid. Therefore they should be small or should not
    cross each other.

    Parameters
    ----------
    xy : (V, 2) array
        Vertices, pixels; the centre of the top-left pixel is (0, 0).
    depth : (V,) array
        Depth of the vertices; larger is farther.
    faces : (F, 3) array
        Triangles, counter-clockwise on the image when they face the camera.
    size : int
        Side of the image, px.

    Returns
    -------
    Fragments
        Each pixel at most once.

    Examples
    --------
    >>> xy = np.array([[-0.5, -0.5], [-0.5, 2.6], [2.6, -0.5]])
    >>> rasterise(xy, np.zeros(3), np.array([[0, 1, 2]]), 3).pixel.tolist()
    [0, 1, 2, 3, 4, 6]
    """
    xy = xy.astype(np.float32)
    a, b, c = xy[faces[:, 0]], xy[faces[:, 1]], xy[faces[:, 2]]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    top = np.ceil(np.maximum(np.minimum(np.minimum(a, b), c)[:, 1], 0)).astype(np.int32)
    rows = np.floor(np.minimum(np.maximum(np.maximum(a, b), c)[:, 1], size - 1)).astype(np.int32) - top + 1
    keep = np.flatnonzero((area < -1e-6) & (rows > 0))
    keep = keep[np.argsort(-depth[faces[keep]].sum(1), kind="stable")]
    a, b, c, area, top, rows = a[keep], b[keep], c[keep], area[keep, None], top[keep], rows[keep]

    # weight of a corner = (slope x) X + (slope y) Y + offset: signed area against the opposite side / area of the whole
    near, far = np.stack([b, c, a], 1), np.stack([c, a, b], 1)
    slope_x, slope_y = (near[..., 1] - far[..., 1]) / area, (far[..., 0] - near[..., 0]) / area
    slope_x = np.where(slope_x == 0, np.float32(1e-12), slope_x)
    offset = -(slope_x * near[..., 0] + slope_y * near[..., 1])

    # each row of a triangle is the span of columns in which no weight is negative
    tri, row = _runs(rows)
    row += top[tri]
    at = -(slope_y[tri] * row[:, None].astype(np.float32) + offset[tri])
    rising = slope_x[tri]
    at /= rising
    left, right = np.where(rising > 0, at, np.float32(-1)), np.where(rising < 0, at, np.float32(size))
    left = np.maximum(np.maximum(left[:, 0], left[:, 1]), left[:, 2])  # .max is slow along such a short axis
    right = np.minimum(np.minimum(right[:, 0], right[:, 1]), right[:, 2])
    left = np.ceil(np.clip(left - 1e-3, 0, size)).astype(np.int32)
    right = np.floor(np.clip(right + 1e-3, -1, size - 1)).astype(np.int32)
    span, column = _runs(np.maximum(right - left + 1, 0))
    first = row * size + left
    owner = np.full(size * size, -1, np.int32)
    owner[first[span] + column] = tri[span]  # the last one written, the nearest, stays
    pixel = np.flatnonzero(owner >= 0)
    best = owner[pixel]
    y, x = np.divmod(pixel.astype(np.int32), np.int32(size))
    weights = (
        slope_x[best] * x[:, None].astype(np.float32) + slope_y[best] * y[:, None].astype(np.float32) + offset[best]
    )
    return Fragments(pixel, keep[best], weights)


def _runs(counts):
    """Return, for every element of runs of the given lengths, the number of its run and its place in the run.

    >>> [v.tolist() for v in _runs(np.array([2, 0, 3]))]
    [[0, 0, 2, 2, 2], [0, 1, 0, 1, 2]]
    """
    run = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    start = (np.cumsum(counts) - counts).astype(np.int32)
    return run, np.arange(len(run), dtype=np.int32) - start[run]


def interpolate(values, faces, fragments):
    """Interpolate values (V, C) from vertices to fragments, (P, C) float32, linear on the image within a triangle."""
    values = values.astype(np.float32)
    out = None
    for k in range(3):
        part = np.take(values, np.take(faces[:, k], fragments.face), axis=0)
        part *= fragments.weights[:, k : k + 1]
        out = part if out is None else np.add(out, part, out=out)
    return out
