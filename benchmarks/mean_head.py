"""Factorise the symmetric mean face of 300-W's training faces into 3-D; see fldbench/datasets/synthetic/template.py.

    python benchmarks/mean_head.py    the points of one half and of the mid-line, in mm, and the residual

FLDBENCH_DATA names the folder of the real faces. Only training faces are read. Scaled orthographic cameras (Tomasi and
Kanade 1992): every shape is `s R X + t` with one 3-D mean X, a rotation's first two rows R, and a scale s. Each shape
also enters mirrored, so that X is symmetric. X and the cameras are solved in turns.
"""

import numpy as np

import fldbench
from fldbench.datasets.synthetic.template import HALF, MID, MIRROR_68, mirror_points

TURNS = 150
EYES, BRIDGE, CHIN = (36, 45), 27, 8
EYE_DISTANCE = 90.0  # mm
CHIN_DEPTH = 30.9 / 119.2  # of the chin, per mm below the bridge of the nose: the turn that the shapes leave open
# Set by hand. That mean smiles, and a narrow range of views exaggerates hollows: lids and mouth corners are set nearer,
# mm, and all depths are a little smaller. A camera at arm's length makes the jaw narrower: it is set wider.
DEPTH = 0.98
NEARER = {42: 3.4, 43: 4.0, 44: 3.9, 45: 2.9, 46: 3.4, 47: 3.3, 54: 4.7, 64: 4.1}
WIDER = {9: 1.0, 10: 1.015, 11: 1.031, 12: 1.043, 13: 1.05, 14: 1.056, 15: 1.057, 16: 1.061}


def main():
    """Print the points of the template."""
    faces = fldbench.load_dataset("300w", split="train")
    shapes = faces.landmarks
    mirrored = mirror_points(shapes[:, list(MIRROR_68)])
    mean, residual = factorise(np.concatenate([shapes, mirrored]))
    mean = corrected(in_head_frame(mean))
    print(f"{len(faces)} faces; residual {residual:.3f} of the distance between the outer eye corners")
    for name, rows in (("HALF_POINTS", HALF), ("MID_POINTS", MID)):
        print(name, [tuple(round(float(x), 1) for x in mean[row]) for row in rows])


def factorise(shapes):
    """Return the 3-D mean (L, 3) of shapes (n, L, 2), and the median residual in units of its eye distance."""
    shapes = shapes - shapes.mean(1, keepdims=True)
    shapes = shapes / np.sqrt((shapes**2).sum((1, 2), keepdims=True))
    mean = metric_start(shapes)
    for _ in range(TURNS):
        cameras = [camera(mean, shape) for shape in shapes]
        rows = np.concatenate(cameras)  # (2n, 3)
        seen = shapes.transpose(0, 2, 1).reshape(-1, shapes.shape[1])  # (2n, L)
        mean = np.linalg.lstsq(rows, seen, rcond=None)[0].T
        mean = 0.5 * (mean + mirror_points(mean[list(MIRROR_68)]))
    cameras = np.array([camera(mean, shape) for shape in shapes])
    off = np.einsum("nij,lj->nli", cameras, mean) - shapes
    size = np.linalg.norm(shapes[:, EYES[0]] - shapes[:, EYES[1]], axis=1)
    return mean, float(np.median(np.linalg.norm(off, axis=2).mean(1) / size))


def metric_start(shapes):
    """Return a first 3-D mean by the rank-3 factorisation and its metric upgrade, with x across the face."""
    matrix = shapes.transpose(0, 2, 1).reshape(-1, shapes.shape[1])
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    motion, shape = left[:, :3] * np.sqrt(values[:3]), np.sqrt(values[:3])[:, None] * right[:3]
    a, b = motion[0::2], motion[1::2]

    def products(u, v):
        return np.stack([u[:, i] * v[:, j] + (u[:, j] * v[:, i] if i != j else 0) for i, j in PAIRS], 1)

    # a Q a' = b Q b' and a Q b' = 0 for every camera; the mean of both lengths fixes the scale.
    equations = np.concatenate([products(a, a) - products(b, b), products(a, b), [products(a, a).mean(0)]])
    q = np.linalg.lstsq(equations, np.r_[np.zeros(2 * len(a)), 1.0], rcond=None)[0]
    metric = np.empty((3, 3))
    for value, (i, j) in zip(q, PAIRS, strict=True):
        metric[i, j] = metric[j, i] = value
    lengths, axes = np.linalg.eigh(metric)
    upgrade = axes * np.sqrt(np.maximum(lengths, 1e-9))
    mean = (np.linalg.inv(upgrade) @ shape).T
    return symmetric_axes(mean)


PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def symmetric_axes(mean):
    """Return the points with x across the face, y down and z away from the camera."""
    mean = mean - mean.mean(0)
    across = mean[EYES[1]] - mean[EYES[0]]
    across = across / np.linalg.norm(across)
    down = mean[CHIN] - mean[BRIDGE]
    down = down - across * (down @ across)
    down = down / np.linalg.norm(down)
    away = np.cross(across, down)
    turned = mean @ np.stack([across, down, away], 1)
    if turned[30, 2] > turned[[0, 16], 2].mean():  # the tip of the nose is nearer than the ears
        turned[:, 2] *= -1
    return 0.5 * (turned + mirror_points(turned[list(MIRROR_68)]))


def camera(mean, shape):
    """Return s R (2, 3) that maps the centred mean onto a centred shape best, for a scale and a rotation's two rows."""
    solved = np.linalg.lstsq(mean, shape, rcond=None)[0].T
    left, values, right = np.linalg.svd(solved, full_matrices=False)
    return values.mean() * left @ right


def in_head_frame(mean):
    """Return the points in mm with the bridge of the nose at the origin and the chin at its agreed depth."""
    mean = mean - mean[BRIDGE]
    mean = mean * (EYE_DISTANCE / np.linalg.norm(mean[EYES[1], :2] - mean[EYES[0], :2]))
    turn = np.arctan2(mean[CHIN, 2], mean[CHIN, 1]) - np.arctan(CHIN_DEPTH)
    c, s = np.cos(turn), np.sin(turn)
    return mean @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def corrected(mean):
    """Return the points with the corrections by hand; those of the other half follow by symmetry."""
    mean = mean * [1.0, 1.0, DEPTH]
    for point, mm in NEARER.items():
        mean[point, 2] -= mm
    for point, factor in WIDER.items():
        mean[point, 0] *= factor
    return mean


if __name__ == "__main__":
    main()
