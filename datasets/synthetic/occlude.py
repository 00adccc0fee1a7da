"""Which points are hidden: rays from the camera against every triangle of the scene, exact at any image size."""

import numpy as np


def hidden(at, depth, xy, vertex_depth, faces, margin):
    """Return whether each point is behind a triangle that faces the camera, (L,) bool.

    Depth is taken as linear on the image. In triangles this small the error is a fraction of a millimetre.

    Parameters
    ----------
    at : (L, 2) array
        Points on the image, in any unit.
    depth : (L,) array
        Their depth, mm.
    xy : (V, 2) array
        Vertices on the image, in the unit of `at`.
    vertex_depth : (V,) array
        Their depth, mm.
    faces : (F, 3) array
        Triangles, counter-clockwise on the image when they face the camera.
    margin : (F,) array
        A triangle hides only points at least this far behind it, mm.

    Examples
    --------
    >>> square = np.array([[0., 0.], [0., 9.], [9., 0.]])
    >>> at, depth = np.array([[1., 1.], [1., 1.], [8., 8.]]), np.array([20., 4., 20.])
    >>> hidden(at, depth, square, np.zeros(3), np.array([[0, 1, 2]]), np.array([6.0])).tolist()
    [True, False, False]
    """
    xy = xy.astype(np.float32)
    a, b, c = xy[faces[:, 0]], xy[faces[:, 1]], xy[faces[:, 2]]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    box = at.astype(np.float32)
    keep = np.flatnonzero((area < -1e-6) & (high >= box.min(0)).all(1) & (low <= box.max(0)).all(1))
    (left, top), (right, bottom) = (np.ascontiguousarray(corner[keep].T) for corner in (low, high))
    x, y = box[:, :1], box[:, 1:]
    near = (left <= x) & (right >= x) & (top <= y) & (bottom >= y)
    point, which = np.divmod(np.flatnonzero(near), len(keep) or 1)
    triangle = keep[which]
    p, q, r = a[triangle], b[triangle], c[triangle]
    x, y = (box[point] - p).T
    second = (x * (r[:, 1] - p[:, 1]) - y * (r[:, 0] - p[:, 0])) / area[triangle]
    third = (y * (q[:, 0] - p[:, 0]) - x * (q[:, 1] - p[:, 1])) / area[triangle]
    z = vertex_depth[faces[triangle]]
    surface = z[:, 0] + second * (z[:, 1] - z[:, 0]) + third * (z[:, 2] - z[:, 0])
    covers = (second >= 0) & (third >= 0) & (second + third <= 1) & (depth[point] > surface + margin[triangle])
    out = np.zeros(len(at), bool)
    out[point[covers]] = True
    return out
