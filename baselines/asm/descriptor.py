"""The active shape model's search by descriptors: linear filters on gradient histograms, learned and used at one level.

After Milborrow & Nicolls, "Active Shape Models with SIFT Descriptors and MARS", VISAPP 2014: a patch of square-rooted
gradient histograms around every candidate position, and for every landmark and level a model of how near the position
is to the landmark. Here the model is linear and is learned by ridge regression from the normal equations. The step from
the responses to a shape follows Saragih, Lucey & Cohn, "Deformable Model Fitting by Regularized Landmark Mean-Shift",
IJCV 2011: a response map is a probability of the landmark's position, and the shape is the most probable one under the
maps and the shape model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fldbench.baselines.parts import hog
from fldbench.baselines.parts.threads import each_block
from fldbench.shapes import ShapeModel, fit_shapes, shapes_of

FACES_IN_MEMORY = 32  # faces with training patches in memory at once
EXAMPLES = 28  # candidates for each landmark of a face: 4 at the truth, 12 near it, 12 anywhere in the window
NEAR = 3  # px around the truth from which near candidates are drawn
PEAK = 1.5  # px, standard deviation of the target response around the truth
JUDGED = 400  # faces from which the sharpness is learned: one number for each landmark
SHARPNESS = np.geomspace(1.0, 100.0, 14)  # among these
WIDTHS = (
    1e3,
    3.0,
    3.0,
)  # px, of the Gaussian around the last shape that weighs a map, round by round
SPREAD = 1.0  # px, standard deviation that is added to every peak: positions are whole px
PRIOR = 1.5  # weight of the shape model: above 1, since the errors of neighbouring landmarks are not independent


class Window(NamedTuple):
    """The window of one level: images of `side` px, `radius` px around every landmark."""

    side: int
    radius: int


ImageOf = Callable[[int], np.ndarray]  # number of a face -> its image (side, side) uint8


class DescriptorSearch:
    """Filters of the landmarks on patches of grid x grid cells of `cell` px with `bins` directions.

    Faces come upright and at the level's scale, as images of `side` px that `image_of` gives; shapes are in their
    pixels. `mirror` is the scheme's mirror map, or None if faces have no mirror images.
    """

    names = ("filters_", "sharpness_")

    def __init__(
        self,
        model: ShapeModel,
        mirror: np.ndarray | None,
        cell: int,
        grid: int,
        bins: int,
        ridge: float,
        limit: float,
        threads: int | None,
    ):
        self.model, self.mirror = model, mirror
        self.cell, self.grid, self.bins = cell, grid, bins
        self.ridge, self.limit, self.threads = ridge, limit, threads
        self.offsets = hog.cell_offsets(cell, grid).astype(np.int64)

    @property
    def margin(self) -> int:
        """Pixels between a candidate and the outermost centre of its cells."""
        return (self.grid - 1) * self.cell // 2

    def radius(self, wanted: float) -> int:
        """Return half the side of the windows, in whole pixels, for one of about `wanted` px."""
        return max(round(wanted), 1)

    def learn(
        self,
        image_of: ImageOf,
        current: np.ndarray,
        truth: np.ndarray,
        weight: np.ndarray,
        window: Window,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the level's filters (L, d) float32 and sharpness (L,).

        current, truth (n, L, 2) px; weight (n, L), zero where a point is not annotated.
        """
        filters = self._filters(image_of, current, truth, weight, window, rng)
        rows = np.sort(rng.permutation(len(current))[:JUDGED])
        corners, maps = self._maps(image_of, rows, current[rows], window, filters)
        return filters, learn_sharpness(maps, truth[rows] - corners, weight[rows])

    def refine(
        self,
        image_of: ImageOf,
        rows: np.ndarray,
        current: np.ndarray,
        window: Window,
        learned: tuple[np.ndarray, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return poses (n, 2, 3) and b (n, k) of faces `rows` after this level; before it they are at current px."""
        from fldbench.baselines.asm import search as kernels

        filters, sharpness = learned
        corners, maps = self._maps(image_of, rows, current, window, filters)
        shape, centres, precision = current, np.empty_like(current), np.empty((*current.shape, 2))
        for width in WIDTHS:
            for i in range(len(rows)):
                kernels.peaks(maps[i], corners[i], sharpness, shape[i], width, SPREAD, centres[i], precision[i])
            poses, b = fit_shapes(self.model, centres, precision, prior=PRIOR, limit=self.limit, rounds=2)
            shape = shapes_of(self.model, poses, b)
        return poses, b

    def _maps(
        self, image_of: ImageOf, rows: np.ndarray, current: np.ndarray, window: Window, filters: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the corners of the windows, (n, L, 2) int px, and the responses in them, (n, L, side, side)."""
        from fldbench.baselines.asm import search as kernels

        side = 2 * window.radius + 1
        corners = self._inside(np.rint(current).astype(np.int64) - window.radius, window.side - side + 1)
        maps = np.empty((*current.shape[:2], side, side), np.float32)
        for i, row in enumerate(rows):
            field, energy = descriptor_field(image_of(row), self.bins, self.cell)
            kernels.response_maps(field, energy, corners[i], side, self.offsets, filters, maps[i])
        return corners, maps

    def _inside(self, positions: np.ndarray, side: int) -> np.ndarray:
        """Return candidates moved to where their patches lie in the image."""
        return np.clip(positions, self.margin, side - 1 - self.margin)

    def _filters(self, image_of, current, truth, weight, window, rng) -> np.ndarray:
        """Regress exp(-|y - truth|^2 / (2 PEAK^2)) on the patch at y, for every landmark."""
        from scipy.linalg.blas import ssyrk

        from fldbench.baselines.asm import search as kernels

        n, n_points = current.shape[:2]
        d = self.grid**2 * self.bins
        a, b = np.zeros((n_points, d + 1, d + 1)), np.zeros((n_points, d + 1))
        for first in range(0, n, FACES_IN_MEMORY):
            rows = np.arange(first, min(first + FACES_IN_MEMORY, n))
            positions = self._inside(candidates(current[rows], truth[rows], window.radius, rng), window.side)
            distances = ((positions - truth[rows][:, :, None]) ** 2).sum(axis=-1)
            target = np.exp(-distances / (2 * PEAK**2)).astype(np.float32)
            patches = np.ones((len(rows), n_points, EXAMPLES, d + 1), np.float32)

            def gather(some: slice, rows=rows, positions=positions, patches=patches) -> None:
                found = np.empty((n_points * EXAMPLES, d), np.float32)
                for i in range(some.start, some.stop):
                    field, energy = descriptor_field(image_of(rows[i]), self.bins, self.cell)
                    kernels.gather_patches(field, energy, positions[i].reshape(-1, 2), self.offsets, found)
                    patches[i, ..., :d] = found.reshape(n_points, EXAMPLES, d)

            def add(some: slice, rows=rows, target=target, patches=patches) -> None:
                for point in range(some.start, some.stop):
                    root = np.repeat(np.sqrt(weight[rows, point]), EXAMPLES).astype(np.float32)[:, None]
                    x = patches[:, point].reshape(-1, d + 1) * root
                    a[point] += ssyrk(1.0, x.T)  # the upper triangle only: half the work
                    b[point] += x.T @ (target[:, point].ravel() * root[:, 0])

            each_block(gather, len(rows), 8, self.threads)
            each_block(add, n_points, 4, self.threads)
        return solve_filters(a, b, self.ridge, self.mirror, self.grid, self.bins)


def descriptor_field(grey: np.ndarray, bins: int, cell: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the square roots of the orientation histograms of the cell around each pixel, and the histograms' sums.

    grey (h, w) uint8 -> field (bins, h, w) float32, energy (h, w) float32. The sum of squares of the field over its
    bins is the energy, so a patch divided by the root of its cells' energies has length 1, and dot products of patches
    are Hellinger's affinities of their histograms (Arandjelovic & Zisserman, "Three things everyone should know to
    improve object retrieval", CVPR 2012).

    >>> field, energy = descriptor_field(np.arange(64, dtype=np.uint8).reshape(8, 8) * 3, bins=4, cell=2)
    >>> field.shape, bool(np.allclose((field**2).sum(axis=0), energy, atol=1e-5))
    ((4, 8, 8), True)
    """
    cells = hog.smooth_cells(hog.orientation_channels(grey, bins), cell)
    cells = np.ascontiguousarray(np.moveaxis(cells, 2, 0))
    return np.sqrt(cells), cells.sum(axis=0)


def candidates(current: np.ndarray, truth: np.ndarray, radius: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the positions from which a filter learns: current, truth (n, L, 2) px -> (n, L, EXAMPLES, 2) int px.

    They are the four pixels around the truth, positions near it, and positions of the window around the current shape.

    >>> at = np.full((1, 1, 2), 9.2)
    >>> candidates(at, at, 3, np.random.default_rng(0))[0, 0, :4].tolist()
    [[9, 9], [10, 9], [9, 10], [10, 10]]
    """
    corner = np.floor(truth).astype(np.int64)[:, :, None]
    around = corner + np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    size = (*truth.shape[:2], (EXAMPLES - 4) // 2, 2)
    near = corner + rng.integers(-NEAR, NEAR + 2, size)
    anywhere = np.rint(current).astype(np.int64)[:, :, None] + rng.integers(-radius, radius + 1, size)
    return np.concatenate([around, near, anywhere], axis=2)


def solve_filters(
    a: np.ndarray, b: np.ndarray, ridge: float, mirror: np.ndarray | None, grid: int, bins: int
) -> np.ndarray:
    """Solve normal equations: a (L, d + 1, d + 1), upper triangles, b (L, d + 1) -> filters (L, d) float32.

    The last row and column stand for a constant, which is not penalised and is dropped in the end: only differences of
    responses matter. The patch of landmark l in a mirrored face is the patch of landmark mirror[l] with its entries
    permuted, so mirrored faces add the partner's equations with rows and columns permuted.

    >>> a, b = np.diag([3.0, 1.0, 2.0])[None], np.array([[4.0, 6.0, 1.0]])
    >>> solve_filters(a, b, ridge=1.0, mirror=None, grid=1, bins=2).round(3).tolist()
    [[1.0, 3.0]]
    """
    from scipy.linalg import cho_factor, cho_solve

    d = b.shape[1] - 1
    order = np.append(hog.mirror_features([0], grid, bins), d)
    out = np.empty((len(a), d), np.float32)
    for point in range(len(a)):
        left, right = a[point] + np.triu(a[point], 1).T, b[point].copy()
        if mirror is not None:
            partner = a[mirror[point]]
            left += (partner + np.triu(partner, 1).T)[np.ix_(order, order)]
            right += b[mirror[point]][order]
        left[np.arange(d), np.arange(d)] += ridge
        left[d, d] += np.finfo(float).eps  # otherwise 0 for a landmark with all weights 0
        out[point] = cho_solve(cho_factor(left, overwrite_a=True, check_finite=False), right)[:d]
    return out


def learn_sharpness(maps: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return how informative responses are, one number for each landmark, (L,).

    It is the value among SHARPNESS under which exp(sharpness response), scaled to a probability over the window, makes
    the true positions most likely. Faces whose truth lies outside the window do not count.

    Parameters
    ----------
    maps : ndarray of shape (n, L, side, side)
    truth : ndarray of shape (n, L, 2)
        Pixels of the maps.
    weight : ndarray of shape (n, L)

    >>> maps = np.zeros((1, 1, 3, 3))
    >>> maps[0, 0, 1, 1] = 1.0  # the peak is in the middle, but the truth in the corner
    >>> learn_sharpness(maps, np.zeros((1, 1, 2)), np.ones((1, 1))).tolist()
    [1.0]
    """
    side = maps.shape[-1]
    at = np.rint(truth).astype(np.int64)
    counted = weight * ((at >= 0) & (at < side)).all(axis=-1)
    at = np.clip(at, 0, side - 1)
    flat = maps.reshape(*maps.shape[:2], -1)
    true = np.take_along_axis(flat, (at[..., 1] * side + at[..., 0])[..., None], axis=2)
    above = flat - true  # a true position is likely if no other position responds more
    likelihood = []
    for sharpness in SHARPNESS:
        z = sharpness * above
        top = z.max(axis=2)
        likelihood.append(-(counted * (top + np.log(np.exp(z - top[..., None]).sum(axis=2)))).sum(axis=0))
    return SHARPNESS[np.argmax(likelihood, axis=0)]
