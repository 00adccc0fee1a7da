"""Shapes without position, scale and rotation, and a model of the shapes that faces have. Pure functions.

The point-distribution model is that of Cootes, Taylor, Cooper & Graham, "Active Shape Models: their training and
application", CVIU 1995. Shapes are aligned by similarities (generalised Procrustes), and their deviations from the mean
are modelled by principal components. A shape is x = T(mean + P b), T a similarity and |b_i| <= limit sqrt(lambda_i).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fldbench.geometry import fit_similarity, transform
from fldbench.shapes.frame import mirrored

ROUNDS = 10  # of the alignment; the mean no longer changes after three or four
FILLINGS = 3  # rounds that fill missing points by the model of the round before
NOTHING = 1e-12  # variance, as a share of all, below which a direction is not a mode


class ShapeModel(NamedTuple):
    """A point-distribution model. The size of a shape is the root of its points' summed squared distances from (0, 0).

    Attributes
    ----------
    mean : ndarray of shape (L, 2)
        Of size 1, centred on (0, 0).
    modes : ndarray of shape (2 L, k)
        Orthonormal columns x0, y0, x1, y1, ...
    variances : ndarray of shape (k,)
        Of the modes, the largest first.
    """

    mean: np.ndarray
    modes: np.ndarray
    variances: np.ndarray


def unit_size(shapes: np.ndarray) -> np.ndarray:
    """Return shapes (..., L, 2) centred on (0, 0) and scaled to size 1; one without extent stays at zero.

    >>> unit_size(np.array([[3.0, 1.0], [3.0, 3.0]])).round(3).tolist()
    [[0.0, -0.707], [0.0, 0.707]]
    """
    centred = shapes - shapes.mean(axis=-2, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=(-2, -1), keepdims=True))
    return centred / np.where(size > 0, size, 1.0)


def align_to(landmarks: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move shapes onto a reference by the least-squares similarity (no mirroring) over their finite points.

    Over complex numbers z -> a z + b: a = sum(w conj(s) t) / sum(w |s|^2), where s and t are centred and w is 1 for a
    point that both have.

    Parameters
    ----------
    landmarks : ndarray of shape (n, L, 2)
        Pixels; NaN where a point is missing.
    reference : ndarray of shape (L, 2)

    Returns
    -------
    aligned : ndarray of shape (n, L, 2)
        In units of the reference; NaN for a face with fewer than two finite points, or all of them in one place.
    matrices : ndarray of shape (n, 2, 3)
        The similarities that take pixels there.

    >>> align_to(np.array([[[0.0, 0.0], [0.0, 2.0]]]), np.array([[1.0, 1.0], [2.0, 1.0]]))[0].round(6).tolist()
    [[[1.0, 1.0], [2.0, 1.0]]]
    """
    points = np.asarray(landmarks, float)
    there = np.isfinite(points).all(axis=2) & np.isfinite(reference).all(axis=1)
    points = np.where(there[..., None], points, np.nan)
    weight = there / np.maximum(there.sum(axis=1, keepdims=True), 1)
    source = np.where(there[..., None], points, 0.0) @ [1, 1j]
    target = np.where(np.isfinite(reference), reference, 0.0) @ [1, 1j]
    s_mean, t_mean = (weight * source).sum(1, keepdims=True), (weight * target).sum(1, keepdims=True)
    s, t = source - s_mean, target - t_mean
    power = (weight * abs(s) ** 2).sum(axis=1, keepdims=True)
    good = (there.sum(axis=1, keepdims=True) > 1) & (power > 1e-12)
    a = np.where(
        good, (weight * s.conj() * t).sum(axis=1, keepdims=True) / np.where(good, power, 1.0), complex(np.nan, np.nan)
    )
    b = t_mean - a * s_mean
    matrices = np.stack([np.hstack([a.real, -a.imag, b.real]), np.hstack([a.imag, a.real, b.imag])], axis=1)
    moved = points @ np.swapaxes(matrices[..., :2], 1, 2) + matrices[:, None, :, 2]
    return moved, matrices


def align(shapes: np.ndarray, weight: np.ndarray, upright: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Align whole shapes to their own mean: generalised Procrustes (Gower 1975; Cootes et al. 1995, section 3).

    Every shape is moved by the similarity that brings it nearest to the mean. The mean is that of the moved shapes,
    turned like `upright` and scaled back to size 1. Then the part of each deviation along the mean itself is dropped
    (the tangent space): it is size, which belongs to the pose; as a mode, a fit could not distinguish the two. Shapes
    without extent lie at the mean.

    Parameters
    ----------
    shapes : ndarray of shape (n, L, 2)
        Pixels, all finite.
    weight : ndarray of shape (n,)
        How much each shape counts in the mean.
    upright : ndarray of shape (L, 2)
        A shape that says where up is.

    Returns
    -------
    aligned : ndarray of shape (n, L, 2)
    mean : ndarray of shape (L, 2)
        Of size 1.

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> aligned, mean = align(np.stack([square, 3 * square + 7]), np.ones(2), square)
    >>> bool(np.allclose(aligned, mean))
    True
    """
    share = weight / weight.sum()
    shapes = unit_size(shapes)
    upright = unit_size(upright)
    flat = ~shapes.any(axis=(1, 2))
    shapes[flat] = upright
    mean = upright
    for _ in range(ROUNDS):
        aligned = transform(shapes, fit_similarity(shapes, np.broadcast_to(mean, shapes.shape)))
        mean = np.einsum("n,nlk->lk", share, aligned)
        mean = unit_size(transform(mean, fit_similarity(mean, upright)))
    aligned[flat] = mean
    size = np.einsum("nlk,lk->n", aligned, mean)
    return aligned + (1 - size)[:, None, None] * mean, mean


def principal_axes(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances (d,), largest first and never below 0, and the axes (d, d) as columns, of a covariance.

    >>> variances, axes = principal_axes(np.diag([1.0, 4.0]))
    >>> variances.tolist(), np.abs(axes).tolist()
    ([4.0, 1.0], [[0.0, 1.0], [1.0, 0.0]])
    """
    variances, axes = np.linalg.eigh(covariance)
    return np.maximum(variances[::-1], 0.0), axes[:, ::-1]


def principal_modes(aligned: np.ndarray, weight: np.ndarray, mean: np.ndarray, kept: float) -> ShapeModel:
    """Return the model of aligned shapes with the fewest modes that hold a share of the variance.

    The modes are principal components of the weighted covariance sum w (x - mean)(x - mean)' / sum w; there are none
    if all shapes are alike.

    Parameters
    ----------
    aligned : ndarray of shape (n, L, 2)
    weight : ndarray of shape (n,)
    mean : ndarray of shape (L, 2)
    kept : float
        The share, above 0 and up to 1.

    >>> shapes = np.array([[[-0.7, 0.1], [0.7, -0.1]], [[-0.7, -0.1], [0.7, 0.1]]])
    >>> principal_modes(shapes, np.ones(2), shapes.mean(axis=0), 0.98).variances.round(3).tolist()
    [0.02]
    """
    deviations = (aligned - mean).reshape(len(aligned), -1)
    covariance = (deviations * (weight / weight.sum())[:, None]).T @ deviations
    variances, modes = principal_axes(covariance)
    total = variances.sum()
    count = 0
    if total > NOTHING:
        count = int(np.searchsorted(np.cumsum(variances), kept * total * (1 - 1e-9))) + 1
        count = min(count, int((variances > NOTHING * total).sum()))
    # A column's sign is free; the largest entry of each is made positive, so that a model does not depend on LAPACK.
    modes = modes[:, :count]
    signs = np.sign(modes[np.abs(modes).argmax(axis=0), np.arange(count)])
    return ShapeModel(mean, modes * signs, variances[:count])


def fit_model(
    shapes: np.ndarray,
    present: np.ndarray,
    upright: np.ndarray,
    kept: float = 0.98,
    weight: np.ndarray | None = None,
    mirror: Sequence[int] | None = None,
) -> ShapeModel:
    """Return the point-distribution model of shapes.

    Parameters
    ----------
    shapes : ndarray of shape (n, L, 2)
        Pixels, all finite.
    present : ndarray of shape (n, L), bool
        A False point is only a guess: for a few rounds it is moved to the place that the model of the previous round
        predicts from the present points.
    upright : ndarray of shape (L, 2)
        A shape that says where up is.
    kept : float
        Share of the variance that the modes hold.
    weight : ndarray of shape (n,), optional
        How much each face counts; equally by default.
    mirror : sequence of L int, optional
        The scheme's mirror map; every face then counts together with its mirror image, half each.

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> fit_model(np.stack([square, square * (1.2, 1.0)]), np.ones((2, 4), bool), square).modes.shape  # wide or not
    (8, 1)
    """
    shapes = np.asarray(shapes, float)
    weight = np.ones(len(shapes)) if weight is None else np.asarray(weight, float)
    lacking = np.flatnonzero(~present.all(axis=1) & present.any(axis=1))
    shapes = shapes.copy()
    for _ in range(FILLINGS if lacking.size else 0):
        model = _model_of(shapes, upright, kept, weight, mirror)
        there = present[lacking, :, None, None] * np.eye(2)
        poses, b = fit_shapes(model, shapes[lacking], there, prior=noise_of(shapes[lacking]))
        found = shapes_of(model, poses, b)
        shapes[lacking] = np.where(present[lacking, :, None], shapes[lacking], found)
    return _model_of(shapes, upright, kept, weight, mirror)


def noise_of(shapes: np.ndarray) -> np.ndarray:
    """Return the prior of `fit_shapes` for points of weight 1 that are as exact as annotations: (n, L, 2) px -> (n,).

    It is the square of 1 % of the root mean squared distance of a shape's points from their centre, px^2.

    >>> noise_of(np.array([[[0.0, 0.0], [200.0, 0.0]]])).round(6).tolist()
    [1.0]
    """
    return (0.01**2) * (shapes - shapes.mean(axis=1, keepdims=True)).var(axis=(1, 2)) * 2


def _model_of(
    shapes: np.ndarray, upright: np.ndarray, kept: float, weight: np.ndarray, mirror: Sequence[int] | None
) -> ShapeModel:
    if mirror is not None:
        shapes = np.concatenate([shapes, mirrored(shapes, mirror)])
        weight = np.concatenate([weight, weight])
        upright = (unit_size(upright) + unit_size(mirrored(upright, mirror))) / 2
    aligned, mean = align(shapes, weight, upright)
    if mirror is not None:
        mean = unit_size((mean + mirrored(mean, mirror)) / 2)  # exactly symmetric, with any rounding
    return principal_modes(aligned, weight, mean, kept)


def clip(b: np.ndarray, variances: np.ndarray, limit: float) -> np.ndarray:
    """Return shape parameters b (..., k) clipped to +- limit sqrt(variance).

    >>> clip(np.array([5.0, -0.5]), np.array([1.0, 4.0]), 3.0).tolist()
    [3.0, -0.5]
    """
    bound = limit * np.sqrt(variances)
    return np.clip(b, -bound, bound)


def shapes_of(model: ShapeModel, poses: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the shapes T(mean + P b), (n, L, 2), of poses (n, 2, 3) and shape parameters b (n, k).

    >>> line = ShapeModel(np.array([[-0.5, 0.0], [0.5, 0.0]]), np.zeros((4, 0)), np.zeros(0))
    >>> shapes_of(line, np.array([[[4.0, 0.0, 1.0], [0.0, 4.0, 2.0]]]), np.zeros((1, 0)))[0].tolist()
    [[-1.0, 2.0], [3.0, 2.0]]
    """
    return transform(model.mean + (b @ model.modes.T).reshape(len(b), -1, 2), poses)


def fit_shapes(
    model: ShapeModel,
    points: np.ndarray,
    precision: np.ndarray,
    prior: float | np.ndarray = 0.0,
    limit: float = np.inf,
    rounds: int = 4,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the shapes of the model that are nearest to points.

    Minimise sum_l (x_l - y_l)' W_l (x_l - y_l) + prior sum_i b_i^2 / lambda_i over x = T(mean + P b) by Gauss-Newton
    from the mean shape. After each round b is clipped to |b_i| <= limit sqrt(lambda_i) and T is solved for it.

    Parameters
    ----------
    model : ShapeModel
    points : ndarray of shape (n, L, 2)
        y, px.
    precision : ndarray of shape (n, L, 2, 2)
        W, symmetric; zero where a point says nothing.
    prior : float or ndarray of shape (n,)
        In units of W px^2; 1 gives the most probable shape for points of covariance W^-1.
    limit : float
        Of the shape parameters, in standard deviations.
    rounds : int
        Of Gauss-Newton.

    Returns
    -------
    poses : ndarray of shape (n, 2, 3)
    b : ndarray of shape (n, k)

    >>> line = ShapeModel(np.array([[-0.5, 0.0], [0.5, 0.0]]), np.zeros((4, 0)), np.zeros(0))
    >>> points = np.array([[[3.0, 2.0], [3.0, 6.0]]])
    >>> poses, b = fit_shapes(line, points, np.broadcast_to(np.eye(2), (1, 2, 2, 2)))
    >>> shapes_of(line, poses, b)[0].round(6).tolist()
    [[3.0, 2.0], [3.0, 6.0]]
    """
    n, n_points = points.shape[:2]
    count = len(model.variances)
    b = np.zeros((n, count))
    penalty = np.zeros((n, 4 + count))
    penalty[:, 4:] = np.reshape(prior, (-1, 1)) / np.maximum(model.variances, np.finfo(float).tiny)
    poses = _solve_pose(np.broadcast_to(model.mean, points.shape), points, precision)
    for _ in range(rounds if count else 0):
        turned = _turn(model.modes.reshape(n_points, 2, count), poses[:, :, 0])  # first column: p, q of p + i q
        base = model.mean + (b @ model.modes.T).reshape(n, -1, 2)
        jacobian = np.concatenate([_pose_basis(base), turned], axis=-1)
        target = points + np.einsum("nlij,nj->nli", turned, b)
        solution = _weighted_solve(jacobian, target, precision, penalty)
        b = clip(solution[:, 4:], model.variances, limit)
        base = model.mean + (b @ model.modes.T).reshape(n, -1, 2)
        poses = _solve_pose(base, points, precision)
    return poses, b


def _pose_basis(shapes: np.ndarray) -> np.ndarray:
    """Return d x / d (p, q, tx, ty) of x = (p + i q) s + t: (n, L, 2) -> (n, L, 2, 4)."""
    out = np.zeros((*shapes.shape, 4))
    out[..., 0] = shapes
    out[..., 0, 1], out[..., 1, 1] = -shapes[..., 1], shapes[..., 0]
    out[..., 0, 2] = out[..., 1, 3] = 1.0
    return out


def _turn(modes: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """Return modes (L, 2, k) multiplied by p + i q, given as (n, 2): (n, L, 2, k)."""
    p, q = linear[:, 0, None, None], linear[:, 1, None, None]
    x, y = modes[:, 0], modes[:, 1]
    return np.stack([p * x - q * y, q * x + p * y], axis=2)


def _solve_pose(shapes: np.ndarray, points: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return the similarities that take shapes nearest to points under the weights: (n, L, 2) each -> (n, 2, 3)."""
    p, q, tx, ty = _weighted_solve(_pose_basis(shapes), points, precision, np.zeros((len(shapes), 4))).T
    return np.stack([np.stack([p, -q, tx], axis=1), np.stack([q, p, ty], axis=1)], axis=1)


def _weighted_solve(jacobian: np.ndarray, target: np.ndarray, precision: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Return argmin_u sum_l |J_l u - y_l|^2 weighted by W_l + sum penalty u^2, (n, m)."""
    n, m = len(jacobian), jacobian.shape[-1]
    weighted = (precision @ jacobian).reshape(n, -1, m)
    normal = np.swapaxes(weighted, 1, 2) @ jacobian.reshape(n, -1, m)
    right = np.swapaxes(weighted, 1, 2) @ target.reshape(n, -1, 1)
    diagonal = np.arange(m)
    normal[:, diagonal, diagonal] += penalty
    # A relative ridge keeps points on one spot, or without any weight, from a singular system.
    normal[:, diagonal, diagonal] += 1e-12 * normal[:, diagonal, diagonal] + np.finfo(float).tiny ** 0.5
    return np.linalg.solve(normal, right)[..., 0]
