"""HOG + ridge cascade: supervised descent with histograms of oriented gradients.

Xiong & De la Torre, "Supervised Descent Method and its Applications to Face Alignment", CVPR 2013: from a start shape
x_0, x_{k+1} = x_k + phi(x_k) R_k + b_k, with phi(x) the descriptors around the landmarks of x and R_k, b_k learned by
ridge regression over training faces and perturbed starts. The patches shrink from stage to stage.

Everything happens in a square grey crop around the box, so the size of the face in the image does not matter. Mirrored
faces cost nothing: the features of a mirrored face are a permutation of the face's own (`hog.mirror_features`), so
their share of the normal equations is the same matrix with its rows and columns permuted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fldbench.baselines import hog
from fldbench.baselines.mean_shape import check_fitted, fill_missing, from_box_frame, mean_unit_shape
from fldbench.errors import MethodError
from fldbench.faces import FaceSet
from fldbench.geometry import box_size, check_boxes, crop_matrix, invert, to_grey, transform, warp
from fldbench.method import Method
from fldbench.schemes import get_scheme

BLOCK = 64  # faces at once: bounds the memory for features while the matrix products stay large


class HogRidge(Method):
    """Cascade of ridge regressions from HOG features to the step towards the true shape.

    stages       number of regressions
    first_patch, last_patch   width of a landmark's patch at the first and at the last stage, in sides of the box;
                 geometric between them, and rounded so that a cell is an odd number of pixels
    grid, bins   a patch has grid x grid cells with `bins` directions each; bins is even
    crop_size    side of the crop, px, that holds the box grown by `padding` of its longer side on each end
    starts       start shapes a face: the mean shape in the box, and starts - 1 copies of it, shifted by N(0, shift) box
                 sides, scaled by exp(N(0, scale)) and turned by N(0, rotation) degrees
    ridge        penalty; the features of one landmark have length 1
    """

    def __init__(
        self,
        stages: int = 5,
        first_patch: float = 0.48,
        last_patch: float = 0.1,
        grid: int = 4,
        bins: int = 6,
        crop_size: int = 176,
        padding: float = 0.2,
        starts: int = 6,
        shift: float = 0.05,
        scale: float = 0.07,
        rotation: float = 5.0,
        ridge: float = 300.0,
        random_state: int = 0,
    ):
        self.stages = stages
        self.first_patch = first_patch
        self.last_patch = last_patch
        self.grid = grid
        self.bins = bins
        self.crop_size = crop_size
        self.padding = padding
        self.starts = starts
        self.shift = shift
        self.scale = scale
        self.rotation = rotation
        self.ridge = ridge
        self.random_state = random_state

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> HogRidge:
        """Learns mean_shape_ (L, 2) in the box frame, weights_ (stages, d, 2 L) and biases_ (stages, 2 L), crop px."""
        self._check_params()
        mirror = np.array(get_scheme(train.scheme).mirror)
        mean = mean_unit_shape(train)
        truth = fill_missing(train.landmarks, train.boxes, mean, train.ids)
        mirrored = mean[mirror] * (-1, 1) + (1, 0)
        self.mean_shape_ = (mean + mirrored) / 2

        matrices = crop_matrix(train.boxes, self.crop_size, self.padding)
        truth = transform(truth, matrices)
        crops = np.stack([self._crop(image, m) for image, m in zip(train.images, matrices, strict=True)])
        shapes = self._perturbed(
            transform(from_box_frame(self.mean_shape_, train.boxes), matrices), train.boxes, matrices
        )

        weights, biases = [], []
        for cell in self.cells:
            equations = NormalEquations(mirror, self.grid, self.bins)
            for rows, features in self._features(crops, shapes, cell):
                equations.add(features, (truth[rows, None] - shapes[rows]).reshape(len(features), -1))
            weight, bias = equations.solve(self.ridge)
            # Computed again, since all features at once would not fit into memory.
            for rows, features in self._features(crops, shapes, cell):
                shapes[rows] += (features @ weight + bias).reshape(shapes[rows].shape)
            weights.append(weight)
            biases.append(bias)
        self.weights_, self.biases_ = np.stack(weights), np.stack(biases)
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """n images, boxes (n, 4) px -> (n, L, 2) px."""
        check_fitted(self, "weights_")
        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        shapes = transform(from_box_frame(self.mean_shape_, check_boxes(boxes)), matrices)
        for i in range(0, len(shapes), BLOCK):
            rows = range(i, min(i + BLOCK, len(shapes)))
            channels = [hog.orientation_channels(self._crop(images[j], matrices[j]), self.bins) for j in rows]
            for cell, weight, bias in zip(self.cells, self.weights_, self.biases_, strict=True):
                pairs = zip(channels, shapes[i : i + BLOCK], strict=True)
                features = np.stack([hog.landmark_features(c, shape, cell, self.grid) for c, shape in pairs])
                shapes[i : i + BLOCK] += (features @ weight + bias).reshape(len(features), -1, 2)
        return transform(shapes, invert(matrices))

    @property
    def cells(self) -> list[int]:
        """Side of a cell at each stage, px, odd."""
        patches = np.geomspace(self.first_patch, self.last_patch, self.stages)
        exact = patches * self.crop_size / (1 + 2 * self.padding) / self.grid
        return [2 * round((side - 1) / 2) + 1 for side in np.maximum(exact, 1)]

    def _check_params(self) -> None:
        rules = {
            "stages": (self.stages >= 1, "at least 1"),
            "starts": (self.starts >= 1, "at least 1"),
            "bins": (self.bins >= 2 and self.bins % 2 == 0, "even and at least 2"),
            "grid": (self.grid >= 1, "at least 1"),
            "ridge": (self.ridge > 0, "above 0: there are more features than faces"),
            "first_patch": (self.first_patch > 0, "above 0"),
            "last_patch": (self.last_patch > 0, "above 0"),
        }
        for name, (fine, allowed) in rules.items():
            if not fine:
                raise MethodError(f"hog-ridge: {name} is {getattr(self, name)!r}; it has to be {allowed}")

    def _crop(self, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        return to_grey(warp(image, matrix, self.crop_size))

    def _perturbed(self, shapes: np.ndarray, boxes: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        """Start shapes for training: (n, L, 2) crop px -> (n, starts, L, 2) crop px; the first one is left alone."""
        rng = np.random.default_rng(self.random_state)
        size = (len(shapes), self.starts)
        turn = np.deg2rad(rng.normal(0.0, self.rotation, size))
        factor = np.exp(rng.normal(0.0, self.scale, size))
        move = rng.normal(0.0, self.shift, (*size, 2)) * (box_size(boxes) * matrices[:, :1, 0])[:, None]
        turn[:, 0], factor[:, 0], move[:, 0] = 0.0, 1.0, 0.0
        cos, sin = factor * np.cos(turn), factor * np.sin(turn)
        linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
        centre = shapes.mean(axis=1, keepdims=True)
        return (shapes - centre)[:, None] @ np.swapaxes(linear, -1, -2) + centre[:, None] + move[:, :, None]

    def _features(self, crops: np.ndarray, shapes: np.ndarray, cell: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks of faces: which rows, and their features (faces * starts, d) float32."""
        for i in range(0, len(crops), BLOCK):
            rows = slice(i, i + BLOCK)
            yield (
                rows,
                np.concatenate(
                    [
                        hog.landmark_features(hog.orientation_channels(crop, self.bins), starts, cell, self.grid)
                        for crop, starts in zip(crops[rows], shapes[rows], strict=True)
                    ]
                ),
            )


class NormalEquations:
    """Sums for the ridge regression of steps on features, over faces and their mirror images.

    With rows (phi, 1) and targets y it holds A = sum (phi, 1)' (phi, 1) and B = sum (phi, 1)' y: 4 (d + 1)^2 bytes,
    whatever the number of faces. A mirrored face has the features phi[p] and the target M y (partners swapped,
    x negated), so it adds A[p][:, p] and the rows p of sum (phi, 1)' (M y).
    """

    def __init__(self, mirror: np.ndarray, grid: int, bins: int):
        n_features = len(mirror) * grid * grid * bins
        self._order = np.append(hog.mirror_features(mirror, grid, bins), n_features)  # the constant is its own mirror
        self._swap = np.stack([2 * mirror, 2 * mirror + 1], axis=1).ravel()
        self._sign = np.tile([-1.0, 1.0], len(mirror))
        self._a = np.zeros((n_features + 1, n_features + 1), np.float32, order="F")
        self._b = np.zeros((n_features + 1, 2 * len(mirror)))

    def add(self, features: np.ndarray, targets: np.ndarray) -> None:
        """features (m, d) float32, targets (m, 2 L)."""
        from scipy.linalg.blas import ssyrk

        rows = np.concatenate([features, np.ones((len(features), 1), np.float32)], axis=1)
        self._a = ssyrk(1.0, rows.T, beta=1.0, c=self._a, overwrite_c=1)  # upper triangle only: half the work
        self._b += rows.T @ targets.astype(np.float32)

    def solve(self, ridge: float) -> tuple[np.ndarray, np.ndarray]:
        """Weights (d, 2 L) and bias (2 L,), float32, that minimise |y - phi W - b|^2 + ridge |W|^2 (b is free)."""
        from scipy.linalg import cho_factor, cho_solve

        a = self._a + np.triu(self._a, 1).T
        a += a[np.ix_(self._order, self._order)]
        # rows p of sum (phi, 1)' (M y) = M applied to the columns of B[p]
        b = self._b + self._b[self._order][:, self._swap] * self._sign
        a[np.diag_indices(len(a) - 1)] += ridge
        solution = cho_solve(cho_factor(a, overwrite_a=True, check_finite=False), b.astype(np.float32))
        return np.ascontiguousarray(solution[:-1]), solution[-1].copy()
