"""The mean head as a triangle mesh: control points -> smooth surface -> vertices, faces, 68 landmark vertices.

Head frame, in millimetres: the origin lies between the eyes (landmark 27); x to the image's right, y down, z away from
the camera (the axes of OpenCV's camera, so the tip of the nose has a negative z). The scale is set by the distance
between the outer eye corners, 90 mm.

`mean_landmarks` is the symmetric mean of the 300-W shapes in 3-D, by rigid factorisation (scaled orthographic cameras,
Tomasi and Kanade 1992, alternated with the rotation constraint) of the 2,012 available training shapes, rounded to 0.1
mm. No test face is in it: `benchmarks/mean_head.py` computes it. Three things are corrected there. Lids and mouth
corners are set 3 to 5 mm nearer and all depths 2 % smaller, because that mean smiles and a narrow range of views
exaggerates hollows. The jaw is up to 6 % wider, because a camera at arm's length makes it narrower again.
The other control points (skull, cheeks, sides of the nose ...) are set by hand to usual adult proportions.
Between control points, a thin-plate spline over the map of directions (`to_uv`) gives the surface.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

# One half (x >= 0) in the order of `HALF`, and the mid-line, in mm: x, y, z.
HALF = (
    16, 15, 14, 13, 12, 11, 10, 9, 22, 23, 24, 25, 26, 34, 35, 42, 43, 44, 45, 46, 47, 52, 53, 54, 55, 56, 63, 64,
    65,
)  # fmt: skip
HALF_POINTS = (
    (78.6, 5.8, 90.7), (77.6, 24.9, 87.9), (75.3, 43.9, 86.6), (70.6, 62.6, 84.9), (62.3, 79.7, 77.3),
    (49.5, 94.5, 65.0), (34.3, 106.8, 50.2), (18.0, 116.5, 35.6), (12.3, -15.4, -0.2), (24.8, -20.0, 5.8),
    (37.9, -21.5, 14.1), (50.7, -18.9, 24.5), (59.8, -10.8, 36.6), (7.7, 48.5, -4.7), (14.9, 46.1, -0.7),
    (19.4, 4.1, 17.9), (27.5, -2.0, 17.0), (37.1, -2.1, 19.1), (45.0, 2.6, 25.7), (37.7, 5.9, 20.0),
    (28.2, 5.9, 17.9), (7.4, 63.2, 0.5), (18.1, 65.6, 10.1), (28.5, 70.4, 22.3), (18.4, 80.1, 15.8),
    (8.0, 84.2, 7.7), (7.5, 69.5, 3.1), (24.1, 70.9, 20.6), (7.6, 74.7, 6.6),
)  # fmt: skip
MID = (8, 27, 28, 29, 30, 33, 51, 57, 62, 66)
MID_POINTS = (
    (0, 119.3, 30.3), (0, 0, 0), (0, 12.3, -7.6), (0, 24.5, -16.2), (0, 37.0, -24.7), (0, 50.8, -7.0),
    (0, 64.9, -0.8), (0, 85.0, 6.3), (0, 70.2, 1.6), (0, 75.6, 5.2),
)  # fmt: skip

# Control points without a landmark: x >= 0, mirrored when x > 0.
EXTRA = (
    (0, -15, -5), (0, -35, -5), (0, -55, 1), (0, -75, 13), (0, -95, 38), (0, -108, 72), (0, -111, 105),
    (0, -98, 145), (0, -50, 183), (0, 20, 180), (0, 70, 150), (0, 120, 75), (0, 122, 55), (0, 124, 108),
    (0, 92, 10), (0, 101, 6), (0, 111, 11), (0, 57.5, -2.5), (0, 45.5, -18), (25, -40, -1), (45, -38, 14),
    (60, -35, 38), (25, -68, 12), (45, -66, 28), (62, -58, 58), (35, -92, 50), (55, -82, 85), (40, -98, 105),
    (70, -12, 58), (76, -35, 88), (79, -30, 115), (72, -70, 105), (60, -60, 150), (68, 0, 150), (55, 50, 145),
    (77, 20, 115), (69, 60, 110), (60, 88, 108), (45, 105, 95), (28, 116, 80), (25, 119, 60), (36, -10, 16.5),
    (22, -8, 13.5), (48, -9, 22.5), (53, 4, 31), (11, 1, 10), (14, 10, 13), (32.5, 1.6, 15.8), (32, 14, 19),
    (20, 15, 15.5), (46, 13, 26), (54, 24, 31), (65, 18, 48), (73, 12, 70), (7, 12, 0), (7.5, 24, -8), (13, 25, 5),
    (21, 27, 15), (7, 37, -19), (13, 39, -9), (16.5, 43, -1), (21, 45, 9), (5, 46.5, -12), (22, 56, 6),
    (30, 56, 13), (36, 42, 17), (48, 42, 30), (60, 43, 52), (38, 64, 24), (52, 62, 48), (41, 77, 35), (29, 85, 24),
    (14, 94, 14), (28, 97, 27), (14, 107, 13), (69, 40, 72), (64, 62, 72), (9, 57, -0.5),
)  # fmt: skip

CENTRE = np.array([0.0, 10.0, 95.0])  # mm: every ray from here meets the head once (star-shaped)
EYE_RIGHT, EYE_LEFT = (42, 43, 44, 45, 46, 47), (39, 38, 37, 36, 41, 40)  # image side; inner corner first, over the top
MOUTH_OUTER, MOUTH_INNER = tuple(range(48, 60)), tuple(range(60, 68))
SKIN, EYES, MOUTH, EAR = 0, 1, 2, 3  # material of a face (triangle)
UV_REACH = 2.6  # radians: the mesh ends behind the ears and over the back of the skull


class Template(NamedTuple):
    """The mean head.

    Attributes
    ----------
    vertices : (V, 3) array
        mm; the first 68 are the landmarks.
    faces : (F, 3) array of int
    material : (F,) array of int
        Material of each triangle.
    uv : (V, 2) array
        Radians, see `to_uv`.
    mirror : (V,) array of int
        For each vertex, the vertex on the other side.
    """

    vertices: np.ndarray
    faces: np.ndarray
    material: np.ndarray
    uv: np.ndarray
    mirror: np.ndarray


def to_uv(points):
    """Map directions from `CENTRE`, azimuthal equidistant: (..., 3) mm -> (..., 2) radians; (0, 0) is straight ahead.

    >>> to_uv(np.array([0., 10., -20.])).tolist(), to_uv(np.array([50., 10., 95.])).round(4).tolist()
    ([0.0, 0.0], [1.5708, 0.0])
    """
    d = points - CENTRE
    across = np.hypot(d[..., 0], d[..., 1])
    theta = np.arctan2(across, -d[..., 2])
    return d[..., :2] * (theta / np.maximum(across, 1e-9))[..., None]


def mirror_points(points):
    """Mirror points left to right in the head frame: (..., 2 or 3), x -> -x.

    >>> mirror_points(np.array([1., 2., 3.])).tolist()
    [-1.0, 2.0, 3.0]
    """
    return points * np.array([-1.0, 1.0, 1.0])[: points.shape[-1]]


def mean_landmarks():
    """Return the 68 points of the mean 300-W face, (68, 3) mm; the mouth is a little open, as in that mean.

    >>> x = mean_landmarks(); x.shape, float(np.linalg.norm(x[45, :2] - x[36, :2]))
    ((68, 3), 90.0)
    """
    out = np.empty((68, 3))
    out[list(HALF)] = HALF_POINTS
    out[[MIRROR_68[i] for i in HALF]] = mirror_points(np.array(HALF_POINTS))
    out[list(MID)] = MID_POINTS
    return out


MIRROR_68 = (
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37,
    36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip


def closed_curve(points, steps):
    """Return a closed Catmull-Rom spline through points (n, d), with `steps` samples per segment, the points included.

    >>> closed_curve(np.array([[0., 0.], [1., 0.], [1., 1.], [0., 1.]]), 2)[:3].tolist()
    [[0.0, 0.0], [0.5, -0.125], [1.0, 0.0]]
    """
    a, b, c, d = (np.roll(points, k, axis=0)[:, None] for k in (1, 0, -1, -2))
    t = (np.arange(steps) / steps)[None, :, None]
    out = b + 0.5 * t * ((c - a) + t * ((2 * a - 5 * b + 4 * c - d) + t * (3 * (b - c) + d - a)))
    return out.reshape(-1, points.shape[1])


def eye_curve(points, side, steps=4):
    """Return the closed lid outline of one eye, (6 steps, d), from the 68 points (68, d); side +1: image-right."""
    return closed_curve(points[list(EYE_RIGHT if side > 0 else EYE_LEFT)], steps)


def fill_points(taken):
    """Return scattered uv positions (n, 2) that fill the map at u >= 0, dense on the face, not close to `taken`."""
    from scipy.spatial import cKDTree

    out = []
    for spacing, inner, outer in ((0.048, 0.0, 0.62), (0.09, 0.62, 1.25), (0.17, 1.25, UV_REACH)):
        rows = np.arange(-UV_REACH, UV_REACH, spacing * np.sqrt(3) / 2)
        grid = [(spacing * (c + 0.5 * (r % 2)), v) for r, v in enumerate(rows) for c in range(int(UV_REACH / spacing))]
        grid = np.array(grid)
        # coarser on the forehead, which has no small features
        radius = np.hypot(grid[:, 0], np.where(grid[:, 1] < 0, 1.25, 1.0) * grid[:, 1])
        theta = np.hypot(*grid.T)
        limit = UV_REACH - 0.85 * np.maximum(grid[:, 1] / np.maximum(theta, 1e-9), 0) ** 2
        grid = grid[(radius >= inner) & (radius < outer) & (theta < limit)]
        near, _ = cKDTree(np.concatenate([taken, *out])).query(grid)
        out.append(grid[near > 0.62 * spacing])
    return np.concatenate(out)


def ear_mesh(side):
    """Return a simple ear, a tilted shell of 5 rings x 10: (vertices (50, 3) mm, faces (n, 3))."""
    ring, spoke = np.meshgrid(np.linspace(0, 1, 5), np.arange(10), indexing="ij")
    a = 2 * np.pi * spoke / 10
    up = -np.cos(a) * (30 - 5 * np.cos(a + np.pi))  # taller above than below
    back = np.sin(a) * 17 - 4 * np.cos(a + np.pi)
    rim = 5 * np.sin(np.pi * np.clip(ring, 0, 1)) ** 2 - 3 * ring  # the helix stands out, the concha lies deep
    out = 6 + 0.42 * ring * back + rim
    xyz = np.stack([side * (75.5 + out), 14 + ring * up, 108 + ring * back * 0.9], -1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(4), np.arange(10), indexing="ij")
    k, right = i * 10 + j, i * 10 + (j + 1) % 10
    faces = np.concatenate([np.stack(q, -1).reshape(-1, 3) for q in ((k, right, k + 10), (right, right + 10, k + 10))])
    return xyz, faces if side > 0 else faces[:, ::-1]


def inside(points, polygon):
    """Return whether each point (n, 2) is inside the closed polygon (m, 2), by the even-odd rule: (n,) bool.

    >>> inside(np.array([[0.5, 0.5], [2., 0.5]]), np.array([[0., 0.], [1., 0.], [1., 1.], [0., 1.]])).tolist()
    [True, False]
    """
    (x, y), (x0, y0), (x1, y1) = points.T[:, :, None], polygon.T[:, None], np.roll(polygon, -1, 0).T[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        hit = ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return hit.sum(1) % 2 == 1


@lru_cache(maxsize=1)
def template():
    """Return the mean head with its mouth a little open: a `Template` of about 1,400 vertices, built once."""
    from scipy.interpolate import RBFInterpolator
    from scipy.spatial import Delaunay

    points = mean_landmarks()
    extra = np.array(EXTRA, float)
    controls = np.concatenate([points, extra, mirror_points(extra[extra[:, 0] > 0])])
    surface = RBFInterpolator(to_uv(controls), controls, kernel="thin_plate_spline", smoothing=1e-6)
    uv68 = to_uv(points)
    loops = [eye_curve(uv68, 1), closed_curve(uv68[list(MOUTH_OUTER)], 3), closed_curve(uv68[list(MOUTH_INNER)], 4)]
    loops = np.concatenate(loops)
    known = np.abs(loops[:, None] - uv68[None]).sum(-1).min(1) < 1e-9
    loops = loops[~known & (loops[:, 0] > -1e-9)]
    half = np.concatenate([loops, fill_points(np.concatenate([uv68, loops]))])
    half[np.abs(half[:, 0]) < 0.015, 0] = 0.0
    side = half[half[:, 0] > 0]
    uv = np.concatenate([uv68, half[half[:, 0] == 0], side, mirror_points(side)])
    middle, n = 68 + int((half[:, 0] == 0).sum()), len(side)
    mirror = np.concatenate([MIRROR_68, np.arange(68, middle), middle + n + np.arange(n), middle + np.arange(n)])

    near = np.flatnonzero(uv[:, 0] >= -1e-9)  # one half is meshed, the other is its mirror image
    faces = near[Delaunay(uv[near]).simplices]
    a, b, c = np.moveaxis(uv[faces], 1, 0)
    turn = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    faces = np.where((turn < 0)[:, None], faces, faces[:, ::-1])
    longest = np.linalg.norm(uv[faces] - np.roll(uv[faces], 1, axis=1), axis=-1).max(1)
    faces = faces[(np.abs(turn) > 1e-7) & (longest < 0.4)]
    faces = np.concatenate([faces, mirror[faces][:, ::-1]])
    at = uv[faces].mean(1)
    at[:, 0] = np.abs(at[:, 0])
    material = np.where(inside(at, eye_curve(uv68, 1)), EYES, SKIN)
    in_mouth = inside(at, closed_curve(uv68[list(MOUTH_INNER)], 4))
    material[in_mouth] = MOUTH

    vertices = surface(uv)
    vertices[:68] = points
    vertices = 0.5 * (vertices + mirror_points(vertices[mirror]))
    for sign in (1, -1):
        xyz, ear = ear_mesh(sign)
        start = len(vertices)
        vertices, faces = np.concatenate([vertices, xyz]), np.concatenate([faces, ear + start])
        material = np.concatenate([material, np.full(len(ear), EAR)])
    first, count = len(uv), len(ear_mesh(1)[0])
    mirror = np.concatenate([mirror, first + count + np.arange(count), first + np.arange(count)])
    uv = np.concatenate([uv, to_uv(vertices[first:])])
    return Template(vertices, faces.astype(np.int32), material, uv, mirror)
