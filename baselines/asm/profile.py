"""The active shape model's original search: grey profiles along the normals, learned and used at one level.

Cootes, Taylor, Cooper & Graham, "Active Shape Models: their training and application", CVIU 1995, section 4: every
landmark has a mean profile of normalised grey differences and its covariance. A landmark moves along its normal to the
profile with the smallest Mahalanobis distance, then the shape model is fitted to the moved points; both are repeated
until most points stay. Beyond the original, the fit weighs the moved points against the shape model's prior.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fldbench.baselines.asm.descriptor import ImageOf, Window
from fldbench.baselines.parts.threads import each_block
from fldbench.schemes import Scheme
from fldbench.shapes import ShapeModel, fit_shapes, shapes_of

RADIUS = 3  # px that a landmark is searched to each side; with more it finds the edges of other parts
PRIOR = (
    25.0  # px^2, variance of a moved point: on photos in the wild it is often wrong, and clipping alone is not enough
)
HALF = 4  # a profile has 2 HALF + 1 differences, 1 px apart
ROUNDS = 12  # of moving and fitting at a level, at most
SETTLED = 0.9  # a level is done when this share of the points has moved by no more than a quarter of the radius
NOISE = 0.1  # added to the diagonal of a profile's covariance, as a share of its mean: few faces, flat skin
FACES_PER_TASK = 32


class ProfileSearch:
    """Mean profiles and inverse covariances; the same calls as `asm.descriptor.DescriptorSearch`."""

    names = ("profiles_", "precisions_")
    margin = HALF + 1

    def __init__(self, model: ShapeModel, scheme: Scheme, limit: float, threads: int | None):
        self.model, self.limit, self.threads = model, limit, threads
        self.ends = tangent_ends(scheme.edges, scheme.n_points)

    def radius(self, wanted: float) -> int:
        """Return how many pixels a landmark is searched to each side: the same at all levels."""
        return RADIUS

    def learn(
        self,
        image_of: ImageOf,
        current: np.ndarray,
        truth: np.ndarray,
        weight: np.ndarray,
        window: Window,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the means (L, k) and inverse covariances (L, k, k) of the profiles at the truth."""
        from fldbench.baselines.asm import search as kernels

        n, n_points = truth.shape[:2]
        found = np.empty((n, n_points, 2 * HALF + 1))
        normal = normals(truth, self.ends)

        def measure(rows: slice) -> None:
            for i in range(rows.start, rows.stop):
                kernels.profiles(image_of(i).astype(np.float32), truth[i], normal[i], HALF, found[i])

        each_block(measure, n, FACES_PER_TASK, self.threads)
        return profile_statistics(normalise_profiles(found), weight)

    def refine(
        self,
        image_of: ImageOf,
        rows: np.ndarray,
        current: np.ndarray,
        window: Window,
        learned: tuple[np.ndarray, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return poses (n, 2, 3) and b (n, k) of faces `rows` after this level; before it they are at current px."""
        fitted = [
            self._search(image_of(row).astype(np.float32), shape, window.radius, *learned)
            for row, shape in zip(rows, current, strict=True)
        ]
        return np.stack([pose for pose, _ in fitted]), np.stack([b for _, b in fitted])

    def _search(
        self, image: np.ndarray, shape: np.ndarray, radius: int, means: np.ndarray, precisions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        from fldbench.baselines.asm import search as kernels

        alike = np.broadcast_to(np.eye(2), (1, *shape.shape, 2))
        long = np.empty((len(shape), 2 * (HALF + radius) + 1))
        steps = np.empty(len(shape), np.int64)
        for _ in range(ROUNDS):
            normal = normals(shape[None], self.ends)[0]
            kernels.profiles(image, shape, normal, HALF + radius, long)
            kernels.best_offsets(long, means, precisions, steps)
            moved = (shape + steps[:, None] * normal)[None]
            poses, b = fit_shapes(self.model, moved, alike, prior=PRIOR, limit=self.limit, rounds=2)
            shape = shapes_of(self.model, poses, b)[0]
            if (np.abs(steps) <= radius / 4).mean() >= SETTLED:
                break
        return poses[0], b[0]


def tangent_ends(edges: Sequence[tuple[int, int]], n_points: int) -> np.ndarray:
    """Return the two points between which the outline at each landmark runs, (L, 2) int.

    They are its first and last neighbour along the edges. A landmark with one neighbour takes itself as the other, and
    one without edges takes itself twice.

    >>> tangent_ends([(0, 1), (1, 2)], 4).tolist()
    [[0, 1], [0, 2], [1, 2], [3, 3]]
    """
    near = [sorted({a + b - i for a, b in edges if i in (a, b)} - {i}) for i in range(n_points)]
    return np.array([(at[0], at[-1]) if len(at) > 1 else sorted((i, *(at or [i]))) for i, at in enumerate(near)])


def normals(shapes: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the directions of length 1 in which landmarks are searched: shapes (n, L, 2) px, ends (L, 2) -> (n, L, 2).

    A direction is perpendicular to the line between the landmark's `tangent_ends`. Where these are one point it leads
    away from the shape's centre, and along x where the landmark is that centre.

    >>> normals(np.array([[[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]]]), np.array([[0, 1], [0, 1], [2, 2]]))[0, 1:].tolist()
    [[-0.0, 1.0], [0.0, 1.0]]
    """
    tangent = shapes[:, ends[:, 1]] - shapes[:, ends[:, 0]]
    across = np.stack([-tangent[..., 1], tangent[..., 0]], axis=-1)
    outwards = shapes - shapes.mean(axis=1, keepdims=True)
    for other in (outwards, np.broadcast_to([1.0, 0.0], across.shape)):
        across = np.where(np.linalg.norm(across, axis=-1, keepdims=True) > 1e-9, across, other)
    return across / np.linalg.norm(across, axis=-1, keepdims=True)


def normalise_profiles(differences: np.ndarray) -> np.ndarray:
    """Return profiles (..., k) divided by the sum of their absolute values; a flat profile stays zero.

    >>> normalise_profiles(np.array([[1.0, -3.0], [0.0, 0.0]])).tolist()
    [[0.25, -0.75], [0.0, 0.0]]
    """
    total = np.abs(differences).sum(axis=-1, keepdims=True)
    return np.where(total > 1e-6, differences / np.where(total > 1e-6, total, 1.0), 0.0)


def profile_statistics(found: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted means (L, k) and inverse covariances (L, k, k) of profiles (n, L, k) with weights (n, L).

    NOISE times its mean diagonal is added to a covariance; where that is zero, the identity takes its place.

    >>> profile_statistics(np.array([[[1.0, 0.0]], [[3.0, 0.0]]]), np.ones((2, 1)))[0].tolist()
    [[2.0, 0.0]]
    """
    share = weight / np.maximum(weight.sum(axis=0), np.finfo(float).tiny)
    means = np.einsum("nl,nlk->lk", share, found)
    deviations = found - means
    covariances = np.einsum("nl,nlj,nlk->ljk", share, deviations, deviations)
    k = found.shape[2]
    level = NOISE * np.trace(covariances, axis1=1, axis2=2) / k
    level[level <= 0] = 1.0
    return means, np.linalg.inv(covariances + level[:, None, None] * np.eye(k))
