"""The points of the landmark schemes on the head: each is a place on the mesh, so all schemes are read off one face.

Eyes, brows, nose, lips and pupils are fixed places (`_pieces`). Jaw points follow the custom of 2-D annotators in
300-W, WFLW, IMM and YouTu: where the head turns away, they mark the visible outline of the cheek. Therefore each jaw
point has a path over the surface, from the jaw line towards the face. The point stands where the path reaches farthest
outwards on the image (`outline`). In frontal faces this is the jaw line itself.

Left is image-left. A place `t` on the jaw is measured in jaw points of the 68, so t = 8 is the chin.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fldbench.datasets.synthetic.template import EAR, MOUTH_INNER, MOUTH_OUTER, closed_curve, eye_curve, template
from fldbench.schemes import get_scheme

STEPS = 17  # places on the path of each jaw point
REACH = np.array([0.48, 0.82])  # the path ends at these shares of the jaw point's u and v
MM_PER_UNIT = 132.0, 157.0, 0.27  # the schematic nose of `fldbench.schemes` in mm: x = a u, y = b (v - c)
SCHEMES = ("ibug-68", "mtfl-5", "imm-58", "imm-frontal-73", "youtu-88", "wflw-98")

# Places t of the jaw points. In IMM they start at the height of the nostrils.
JAWS = {
    "ibug-68": np.arange(17.0),
    "wflw-98": np.linspace(0, 16, 33),
    "imm-58": np.linspace(2.2, 13.8, 13),
    "imm-frontal-73": np.linspace(2.2, 13.8, 11),
    "youtu-88": np.linspace(0, 16, 21),
}


class Anchors(NamedTuple):
    """Points of a scheme with L points, J of them on the jaw, as weights of mesh vertices.

    Attributes
    ----------
    used : (M,) array
        Numbers of the vertices that the fixed points use.
    weights : (L, M) array
        Weights of these vertices for each point; zero rows at jaw points and pupils.
    jaw : (J,) array
        Numbers of the jaw points.
    jaw_used, jaw_weights : (J * STEPS, 3) array
        Vertices and weights of the places on the paths of the jaw points.
    outwards : (J, 2) array
        Unit vectors outwards on the image of an upright face.
    pupils : (int, int) or None
        Numbers of the pupils, image-left first.
    """

    used: np.ndarray
    weights: np.ndarray
    jaw: np.ndarray
    jaw_used: np.ndarray
    jaw_weights: np.ndarray
    outwards: np.ndarray
    pupils: tuple[int, int] | None


def along(points, t):
    """Return places (m, d) on the Catmull-Rom spline through points (n, d); t (m,) counts points from 0.

    >>> along(np.array([[0.], [1.], [2.], [3.]]), np.array([0.0, 1.5, 3.0])).ravel().tolist()
    [0.0, 1.5, 3.0]
    """
    i = np.clip(t.astype(int), 0, len(points) - 2)
    s = (t - i)[:, None]
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    a, b, c, d = (padded[i + k] for k in range(4))
    return b + 0.5 * s * ((c - a) + s * ((2 * a - 5 * b + 4 * c - d) + s * (3 * (b - c) + d - a)))


def locate(at, plane, faces):
    """Return barycentric places of points (n, 2) in a flat mesh: vertices (n, 3) and weights (n, 3).

    A point outside the mesh gets the nearest triangle.

    >>> plane = np.array([[0., 0.], [4., 0.], [0., 4.]])
    >>> [v.tolist() for v in locate(np.array([[1., 1.]]), plane, np.array([[0, 1, 2]]))]
    [[[0, 1, 2]], [[0.5, 0.25, 0.25]]]
    """
    a, b, c = (plane[faces[:, k]] for k in range(3))
    u, v = b - a, c - a
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    area = np.where(np.abs(area) < 1e-9, np.inf, area)
    w = at[:, None] - a[None]
    second = (w[..., 0] * v[:, 1] - w[..., 1] * v[:, 0]) / area
    third = (u[:, 0] * w[..., 1] - u[:, 1] * w[..., 0]) / area
    weights = np.stack([1 - second - third, second, third], -1)
    weights[:, ~np.isfinite(area)] = -np.inf
    best = weights.min(-1).argmax(1)
    return faces[best], np.maximum(weights[np.arange(len(at)), best], -0.2)


def rows_of(vertices, weights):
    """Turn sparse rows, vertices and weights (n, 3), into used vertices (M,) and dense weights (n, M)."""
    used, at = np.unique(vertices, return_inverse=True)
    out = np.zeros((len(vertices), len(used)))
    np.add.at(out, (np.arange(len(vertices))[:, None], at.reshape(vertices.shape)), weights)
    return used, out


def _mirrored(uv):
    return uv * np.array([-1.0, 1.0])


def _eye(uv68, side):
    """Return 8 places: outer corner, along the upper lid, inner corner, back along the lower lid."""
    ring = eye_curve(uv68, side, 4)[::3]  # inner corner first, over the top
    return np.concatenate([ring[4::-1], ring[:4:-1]])


def _brow(uv68):
    """Return upper and lower edge of the brow at image-right, (5, 2) uv each, from the inner end outwards."""
    line = uv68[22:27]
    return line - [0.0, 0.012], line + np.array([[0, 0.055], [0, 0.062], [0, 0.055], [0, 0.04], [0, 0.012]])


def _brow_ring(uv68, side, count):
    """Return the outer end, `count` places on the upper edge, the inner end, and `count` back on the lower edge."""
    upper, lower = _brow(uv68)
    t = np.linspace(4, 0, count + 2)
    ring = np.concatenate([along(upper, t[:-1]), [0.5 * (upper[0] + lower[0])], along(lower, t[::-1][1:-1])])
    return ring if side > 0 else _mirrored(ring)


def _nose_side(name):
    """Return the image-left side of the schematic nose outline and its base: (6, 2) mm, x and y on the mean head."""
    scheme = get_scheme(name)
    points = {"imm-58": range(47, 53), "imm-frontal-73": range(44, 38, -1), "youtu-88": range(23, 29)}[name]
    plan = (scheme.template[list(points)] - [0.5, 0.04]) / 0.9
    a, b, c = MM_PER_UNIT
    return np.stack([plan[:, 0] * a, (plan[:, 1] - c) * b], 1)


def _pieces(name, uv68, to_mesh):
    """Return the uv places of all points of a scheme in its order; NaN for jaw points and pupils."""
    left, right = _eye(uv68, -1), _eye(uv68, 1)
    outer, inner = uv68[list(MOUTH_OUTER)], uv68[list(MOUTH_INNER)]
    lip = closed_curve(outer, 4)  # corner 0, cupid's bow 12, corner 24, lower middle 36
    hole = closed_curve(inner, 4)  # corner 0, upper middle 8, corner 16, lower middle 24
    nan = np.full((1, 2), np.nan)
    jaw = np.repeat(nan, len(JAWS.get(name, ())), 0)
    if name == "ibug-68":
        return [jaw, uv68[17:]]
    if name == "mtfl-5":
        return [nan, nan, uv68[[30, 48, 54]]]  # the eye centres are means, set by `anchors`
    back = [0, 7, 6, 5, 4, 3, 2, 1]  # the same ring in the opposite direction
    if name == "wflw-98":
        upper, lower = _brow(uv68)
        brows = [_mirrored(upper[::-1]), _mirrored(lower[:4]), upper, lower[3::-1]]
        return [jaw, *brows, uv68[27:36], left, right[[4, 3, 2, 1, 0, 7, 6, 5]], outer, inner, nan, nan]
    side = to_mesh(_nose_side(name))
    nose = np.concatenate([side, _mirrored(side[4::-1])])
    if name == "imm-58":
        upper, lower = _brow(uv68)
        middle = 0.5 * (upper + lower)
        return [jaw, right, left, middle, _mirrored(middle), lip[::6], nose]
    rings = _brow_ring(uv68, -1, 3), _brow_ring(uv68, 1, 3)
    if name == "imm-frontal-73":
        lips = np.concatenate([outer[:7], lip[[30, 36, 42]]])
        seam = np.concatenate([hole[[3, 8, 13]], hole[[29, 24, 19]]])
        return [rings[0], rings[1][back], left, right[back], nan, nan, nose[::-1], uv68[[30]], lips, seam, jaw]
    lips = np.concatenate([outer[:1], outer[:6:-1], outer[6:7], outer[5:0:-1]])
    seam = np.concatenate([hole[[29, 27, 24, 21, 19]], hole[[13, 11, 8, 5, 3]]])
    return [
        jaw, uv68[[30, 27]], nose, lips, seam, rings[0][back], left[back], rings[1][back], right[back],
    ]  # fmt: skip


def _paths(t, uv68):
    """Return the paths of jaw points over the uv map, (J, STEPS, 2)."""
    start = along(uv68[:17], t)
    share = np.linspace(0, 1, STEPS)[:, None]
    return start[:, None] + share * (REACH - 1) * start[:, None]


@lru_cache(maxsize=len(SCHEMES))
def anchors(name):
    """Return the `Anchors` of a scheme, one of `SCHEMES`."""
    mean, scheme = template(), get_scheme(name)
    uv68, flat = mean.uv[:68], mean.faces[mean.material != EAR]

    def to_mesh(xy):
        front = flat[(mean.vertices[flat, 2] < 80).all(1)]
        vertices, weights = locate(xy, mean.vertices[:, :2], front)
        return np.einsum("nk,nkc->nc", weights, mean.uv[vertices])

    uv = np.concatenate(_pieces(name, uv68, to_mesh))
    fixed = np.isfinite(uv).all(1)
    vertices, weights = locate(np.nan_to_num(uv), mean.uv, flat)
    if name == "ibug-68":
        vertices = np.repeat(np.arange(68)[:, None], 3, 1)  # its points are vertices of the mesh
        weights = np.tile([1.0, 0.0, 0.0], (68, 1))
    weights[~fixed] = 0.0
    used, rows = rows_of(vertices, weights)
    if name == "mtfl-5":
        used = np.array([*range(36, 48), 30, 48, 54])
        rows = np.zeros((5, 15))
        rows[0, :6] = rows[1, 6:12] = 1 / 6
        rows[[2, 3, 4], [12, 13, 14]] = 1
    jaw = np.array(scheme.regions.get("jaw", ()), int)
    paths = _paths(JAWS.get(name, np.zeros(0)), uv68).reshape(-1, 2)
    jaw_used, jaw_weights = locate(paths, mean.uv, flat)
    outwards = along(mean.vertices[:17, :2], JAWS.get(name, np.zeros(0)))
    outwards[:, 1] = np.maximum(outwards[:, 1] - 50.0, 0.0)  # sideways above the mouth, then turning to the chin
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    return Anchors(used, rows, jaw, jaw_used, jaw_weights, outwards, scheme.pupils)


def outline(flat, outwards, roll):
    """Return where each path reaches farthest outwards on the image, as shares of its places, (J, STEPS).

    Each row sums to 1. Between two places the maximum is that of the parabola through the best place and its
    neighbours.

    Parameters
    ----------
    flat : (J, STEPS, 2) array
        The paths on the image, in any unit.
    outwards : (J, 2) array
        Unit vectors outwards on the image of an upright face.
    roll : float
        Roll of the head, degrees.

    Examples
    --------
    >>> path = np.array([[[0., 0.], [1., 0.], [0., 0.], *[[-1., 0.]] * 14]])
    >>> outline(path, np.array([[1., 0.]]), 0.0)[0, :3].tolist()
    [0.0, 1.0, 0.0]
    """
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turned = outwards @ np.array([[c, s], [-s, c]])
    out = np.einsum("jkc,jc->jk", flat, turned)
    row, best = np.arange(len(out)), out.argmax(1)
    inner = np.clip(best, 1, STEPS - 2)
    low, mid, high = out[row, inner - 1], out[row, inner], out[row, inner + 1]
    bend = low - 2 * mid + high
    shift = np.where((best == inner) & (bend < -1e-9), 0.5 * (low - high) / np.where(bend < -1e-9, bend, -1.0), 0.0)
    place = np.clip(best + np.clip(shift, -0.5, 0.5), 0, STEPS - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(STEPS)), 0.0)


def read_points(name, points, distance, roll, pupils):
    """Return the points of a scheme in 3-D, (L, 3) mm in camera axes.

    Parameters
    ----------
    name : str
        The scheme, one of `SCHEMES`.
    points : (V, 3) array
        Vertices of the head, mm in camera axes.
    distance : float
        Distance of the camera, mm.
    roll : float
        Roll of the head, degrees.
    pupils : (2, 3) array or None
        The pupils, image-left first; used by schemes with pupils only.
    """
    a = anchors(name)
    out = np.einsum("lm,mc->lc", a.weights, points[a.used])
    if len(a.jaw):
        paths = sum(a.jaw_weights[:, k, None] * points[a.jaw_used[:, k]] for k in range(3))
        paths = paths.reshape(len(a.jaw), STEPS, 3)
        flat = paths[..., :2] * (distance / (distance + paths[..., 2:]))
        out[a.jaw] = np.einsum("jk,jkc->jc", outline(flat, a.outwards, roll), paths)
    if a.pupils is not None:
        out[list(a.pupils)] = pupils
    return out
