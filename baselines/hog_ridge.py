"""HOG + ridge cascade: supervised descent with histograms of oriented gradients.

Xiong & De la Torre, "Supervised Descent Method and its Applications to Face Alignment", CVPR 2013: from a start shape
x_0, x_{k+1} = x_k + phi(x_k) R_k + b_k, with phi(x) the descriptors around the landmarks of x and R_k, b_k learned by
ridge regression over training faces and perturbed starts. The patches shrink from stage to stage.

What is different from the paper, each measured on a part of the training faces (results/300w/README.md):

- Descriptors and steps live in the frame of the current shape: turned and scaled by the similarity from the mean shape.
- A stage trains on errors as they will be. Its training shapes were moved by regressions that never saw their face
  (cross-fitting over folds of persons); and every second start is the truth moved by the error of another face, so that
  errors which the features cannot explain do not teach the wrong lesson.
- From stage `even_from` on a sample weighs 1 / its error, since NME counts distances, not their squares.
- Mirrored faces cost nothing: their features are a permutation of the face's own (`hog.mirror_features`), so their
  share of the normal equations is the same matrix with its rows and columns permuted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fldbench.baselines.mean_shape import check_fitted, fill_missing, from_box_frame, mean_unit_shape
from fldbench.baselines.parts import hog
from fldbench.baselines.parts.normalised import grey_crops, perturbed, training_crops
from fldbench.baselines.parts.ridge import NormalEquations, Solution
from fldbench.baselines.parts.threads import blocks, each_block, limited_blas
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet
from fldbench.geometry import box_size, check_boxes, crop_matrix, fit_similarity, invert, transform
from fldbench.method import Method
from fldbench.params import check_kinds, check_sample_weight, count_threads
from fldbench.progress import report
from fldbench.schemes import get_scheme

BLOCK = 64  # faces at once: bounds the memory for features while the matrix products stay large
TASK = 8  # faces whose features one thread computes at a time
COARSE = 6.0  # cells of this many px and more are read off channels of half the resolution: a quarter of the work
SCALES = (0.5, 2.0)  # of a shape's frame, so that a shape gone wrong still has patches


class HogRidge(Method):
    """Cascade of ridge regressions from HOG features to the step towards the true shape; also named `sdm`.

    stages       number of regressions
    first_patch, last_patch   width of a landmark's patch at the first and at the last stage, in sides of the box;
                 geometric between them, and rounded so that a cell is an odd number of pixels
    grid, bins   a patch has grid x grid cells with `bins` directions each; bins is even
    crop_size    side of the crop, px, that holds the box grown by `padding` of its longer side on each end
    starts       start shapes a face: the mean shape in the box, and starts - 1 copies of it, shifted by N(0, shift) box
                 sides, scaled by exp(N(0, scale)) and turned by N(0, rotation) degrees
    ridge        penalty; the features of one landmark have length 1. Of several the one with the smallest squared error
                 on left-out folds is taken, for every stage
    folds        of the cross-fitting; 1 moves the training shapes by the regression that they were fitted to
    even_from    first stage (from 0) whose samples weigh 1 / max(error, half the median error)
    threads      None is one a core; the number changes no result

    Memory grows with the faces only by their start shapes (8 starts L bytes a face); the sums of a stage take
    4 (L grid^2 bins)^2 bytes for each fold, and some six times that for each thread that solves: 4.6 GB for 68 points,
    3 folds and 2 threads (measured, benchmarks/classical.py).
    """

    refines_ = False  # also of models that were saved before there were starts

    def __init__(
        self,
        stages: int = 5,
        first_patch: float = 0.48,
        last_patch: float = 0.1,
        grid: int = 4,
        bins: int = 8,
        crop_size: int = 176,
        padding: float = 0.2,
        starts: int = 6,
        shift: float = 0.05,
        scale: float = 0.07,
        rotation: float = 5.0,
        ridge: float | Sequence[float] = 300.0,
        folds: int = 3,
        even_from: int = 2,
        threads: int | None = None,
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
        self.folds = folds
        self.even_from = even_from
        self.threads = threads
        self.random_state = random_state

    def fit(
        self,
        train: FaceSet,
        val: FaceSet | None = None,
        sample_weight: np.ndarray | None = None,
        start_shapes: np.ndarray | None = None,
    ) -> HogRidge:
        """Learns mean_shape_ (L, 2) in the box frame, reference_ (L, 2) in crop px, weights_ (stages, d, 2 L) and
        biases_ (stages, 2 L) in px of the reference's frame, ridges_ (stages,), and refines_: were there start_shapes.

        sample_weight  (n,): a face of weight 2 counts like two copies of it in the sums
        start_shapes   (n, L, 2) px of the photos: shapes to begin from in place of the mean shape, by a method that did
                       not see these faces; a NaN row begins from the mean shape. `predict` then needs some, too

        Raises DataError, MethodError.
        """
        self._check_params()
        weight = check_sample_weight(sample_weight, train)
        self.refines_ = start_shapes is not None
        starts = self._starts(start_shapes, len(train))[weight > 0]
        train, weight = train[weight > 0], weight[weight > 0]
        mirror = np.array(get_scheme(train.scheme).mirror)
        mean = mean_unit_shape(train, weight)
        truth = fill_missing(train.landmarks, train.boxes, mean, train.ids)
        self.mean_shape_ = (mean + mean[mirror] * (-1, 1) + (1, 0)) / 2

        matrices = crop_matrix(train.boxes, self.crop_size, self.padding)
        truth = transform(truth, matrices).astype(np.float32)
        sides = box_size(train.boxes) * matrices[:, :1, 0]
        self.reference_ = (self.mean_shape_ - self.mean_shape_.mean(axis=0)) * sides.mean(axis=0)
        rng = np.random.default_rng(self.random_state)
        begin = self._begin(train.boxes, matrices, starts)
        if self.refines_:
            shapes = np.repeat(begin[:, None], self.starts, axis=1).astype(np.float32)
            self._lend_errors(truth, shapes, rng, slice(1, None))
        else:
            shapes = perturbed(begin, sides, self.starts, self.shift, self.scale, self.rotation, rng).astype(np.float32)
        folds = self._folds(train)

        learned = []
        report("hog-ridge: stages", 0, self.stages)
        # One thread a product, many products at a time: so no sum depends on the number of threads.
        with limited_blas(1), training_crops(train, self.crop_size, self.padding, self.threads) as crops:
            for stage in range(self.stages):
                weights = weight[:, None] * self._evened(truth, shapes, stage)
                sums = [self._sums(crops, truth, shapes, weights, rows, stage, mirror) for rows in folds]
                ridge, solution, left_out = self._solve(sums, mirror, with_folds=stage + 1 < self.stages)
                learned.append((solution.weights, solution.bias, ridge))
                if stage + 1 < self.stages:
                    for rows, apart in zip(folds, left_out, strict=True):
                        self._move(crops, shapes, rows, stage, apart)
                    self._lend_errors(truth, shapes, rng, slice(1, None, 2))
                report("hog-ridge: stages", stage + 1, self.stages)
        self.weights_ = np.ascontiguousarray([weights for weights, _, _ in learned], np.float32)
        self.biases_ = np.array([bias for _, bias, _ in learned], np.float32)
        self.ridges_ = np.array([ridge for _, _, ridge in learned], float)
        return self

    def predict(
        self, images: Sequence[np.ndarray], boxes: np.ndarray, start_shapes: np.ndarray | None = None
    ) -> np.ndarray:
        """n images, boxes (n, 4) px -> (n, L, 2) px; with start_shapes (n, L, 2) px if it was fitted with some."""
        check_fitted(self, "weights_")
        if (start_shapes is not None) != self.refines_:
            had = "with" if self.refines_ else "without"
            raise MethodError(f"hog-ridge was fitted {had} start_shapes; predict {had} them, too, or fit it anew")
        boxes = check_boxes(boxes)
        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        shapes = self._begin(boxes, matrices, self._starts(start_shapes, len(boxes)))
        with limited_blas(1):
            each_block(lambda rows: self._place(images, matrices, shapes, rows), len(shapes), BLOCK // 2, self.threads)
        return transform(shapes, invert(matrices))

    def _place(self, images: Sequence[np.ndarray], matrices: np.ndarray, shapes: np.ndarray, rows: slice) -> None:
        """All stages for some faces; `shapes` (n, L, 2) crop px are moved in place."""
        crops = grey_crops([images[i] for i in range(rows.start, rows.stop)], matrices[rows], self.crop_size, 1)
        channels = [self._channels(crop) for crop in crops]
        for stage, (weights, bias) in enumerate(zip(self.weights_, self.biases_, strict=True)):
            frames = self._frames(shapes[rows])
            pairs = zip(channels, shapes[rows, None], frames[:, None], strict=True)
            features = np.concatenate([self._features(c, shape, frame, stage) for c, shape, frame in pairs])
            shapes[rows] += _turned((features @ weights + bias).reshape(len(features), -1, 2), frames)

    @property
    def cells(self) -> list[tuple[int, int]]:
        """For each stage the halvings of the crop's resolution, 0 or 1, and the side of a cell there, px, odd."""
        patches = np.geomspace(self.first_patch, self.last_patch, self.stages)
        exact = np.maximum(patches * self.crop_size / (1 + 2 * self.padding) / self.grid, 1)
        return [(level, 2 * round((side / 2**level - 1) / 2) + 1) for side in exact for level in [int(side >= COARSE)]]

    def _starts(self, starts: np.ndarray | None, n: int) -> np.ndarray:
        """Start shapes (n, L, 2) px as they are; NaN rows where none are given."""
        if starts is None:
            return np.full((n, 1, 2), np.nan)
        starts = np.asarray(starts, float)
        if starts.ndim != 3 or len(starts) != n or starts.shape[2] != 2:
            raise DataError(f"start_shapes has the shape {starts.shape}; needed is ({n}, L, 2), a shape for each face")
        return starts

    def _begin(self, boxes: np.ndarray, matrices: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """The shapes to begin from, (n, L, 2) px of the crops: the starts, or the mean shape where they are NaN."""
        mean = from_box_frame(self.mean_shape_, boxes)
        if self.refines_ and starts.shape != mean.shape:
            raise DataError(f"start_shapes has {starts.shape[1]} points a face; the scheme has {mean.shape[1]}")
        found = np.isfinite(starts).all(axis=(1, 2), keepdims=True)
        return transform(np.where(found, starts, mean), matrices)

    def _check_params(self) -> None:
        check_kinds(self, "hog-ridge", other=("ridge",))
        ridges = np.atleast_1d(self.ridge)
        if ridges.dtype.kind not in "fiu":
            raise MethodError(f"hog-ridge: ridge is {self.ridge!r}; it has to be a number above 0, or a list of them")
        rules = {
            "stages": (self.stages >= 1, "at least 1"),
            "starts": (self.starts >= 1, "at least 1"),
            "bins": (self.bins >= 2 and self.bins % 2 == 0, "even and at least 2"),
            "grid": (self.grid >= 1, "at least 1"),
            "crop_size": (self.crop_size >= 4, "at least 4"),
            "ridge": ((ridges > 0).all() and ridges.size > 0, "above 0: there are more features than faces"),
            "first_patch": (self.first_patch > 0, "above 0"),
            "last_patch": (self.last_patch > 0, "above 0"),
            "folds": (self.folds >= 1, "at least 1"),
        }
        for name, (fine, allowed) in rules.items():
            if not fine:
                raise MethodError(f"hog-ridge: {name} is {getattr(self, name)!r}; it has to be {allowed}")
        if ridges.size > 1 and self.folds < 2:
            raise MethodError("hog-ridge: several ridges need folds to choose by; give 2 folds or more, or one ridge")
        count_threads(self.threads)

    def _folds(self, train: FaceSet) -> list[np.ndarray]:
        """Rows of the folds, no group (person, clip) in two; one fold where there are too few groups for more."""
        count = min(self.folds, len(np.unique(train.groups)))
        if count < 2:
            return [np.arange(len(train))]
        fold_of = train.fold_of(count, self.random_state)
        return [np.flatnonzero(fold_of == fold) for fold in range(count)]

    def _channels(self, crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The orientation channels of a crop at its own resolution and at half of it."""
        from fldbench.baselines.parts.hog_kernels import halve

        fine = hog.orientation_channels(crop, self.bins)
        return fine, halve(fine)

    def _features(
        self, channels: tuple[np.ndarray, np.ndarray], shapes: np.ndarray, frames: np.ndarray, stage: int
    ) -> np.ndarray:
        """One crop's channels, shapes (m, L, 2) px of it and their frames (m, 2) -> (m, d) float32."""
        level, cell = self.cells[stage]
        # The centre of the first pixel at half the resolution is (0.5, 0.5) of the crop.
        points = shapes if level == 0 else (shapes - 0.5) / 2
        return hog.landmark_features(channels[level], points, frames, cell, self.grid)

    def _frames(self, shapes: np.ndarray) -> np.ndarray:
        """(..., L, 2) px -> (..., 2) as (a, b): the similarity [[a, -b], [b, a]] from the reference to each shape."""
        frames = np.zeros((*shapes.shape[:-2], 2))
        frames[..., 0] = 1.0
        if np.ptp(self.reference_, axis=0).any():
            frames = fit_similarity(self.reference_, shapes)[..., :, 0]
        size = np.hypot(frames[..., 0], frames[..., 1])[..., None]
        return np.where(size > 0, frames / np.maximum(size, 1e-12), (1.0, 0.0)) * np.clip(size, *SCALES)

    def _blocks(
        self, crops: np.ndarray, shapes: np.ndarray, rows: np.ndarray, stage: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Blocks of some faces: their rows, frames (faces, starts, 2), features (faces * starts, d) float32."""
        for part in blocks(len(rows), BLOCK):
            some = rows[part]
            frames = self._frames(shapes[some])

            def features(task: slice, some=some, frames=frames) -> np.ndarray:
                pairs = zip(some[task].tolist(), frames[task], strict=True)
                return np.concatenate(
                    [self._features(self._channels(crops[i]), shapes[i], frame, stage) for i, frame in pairs]
                )

            yield some, frames, np.concatenate(each_block(features, len(some), TASK, self.threads))

    def _sums(
        self,
        crops: np.ndarray,
        truth: np.ndarray,
        shapes: np.ndarray,
        weights: np.ndarray,
        rows: np.ndarray,
        stage: int,
        mirror: np.ndarray,
    ) -> NormalEquations:
        """The normal equations of one fold: steps in the frames of the shapes on their features."""
        size = len(mirror) * self.grid**2 * self.bins
        sums = NormalEquations(size, 2 * len(mirror), threads=self.threads)
        for some, frames, features in self._blocks(crops, shapes, rows, stage):
            # [[a, -b], [b, a]]^-1 = [[a, b], [-b, a]] / (a^2 + b^2)
            back = frames * (1, -1) / (frames**2).sum(axis=-1, keepdims=True)
            steps = _turned(truth[some, None] - shapes[some], back)
            sums.add(features, steps.reshape(len(features), -1), weights[some].ravel())
        return sums

    def _solve(
        self, sums: list[NormalEquations], mirror: np.ndarray, with_folds: bool
    ) -> tuple[float, Solution, list[Solution]]:
        """The ridge of a stage, its regression on all folds, and those that leave out one fold each.

        Without folds to leave out, or with `with_folds` off and nothing to choose, all of them are the first.
        """
        order = hog.mirror_features(mirror, self.grid, self.bins)
        swap = np.stack([2 * mirror, 2 * mirror + 1], axis=1).ravel()
        sign = np.tile([-1.0, 1.0], len(mirror))
        total = sums[0]
        for other in sums[1:]:
            total = total + other
        ridges = [float(ridge) for ridge in np.atleast_1d(self.ridge)]

        def without(fold: int) -> list[Solution]:
            rest = [part for k, part in enumerate(sums) if k != fold]
            both = rest[0]
            for other in rest[1:]:
                both = both + other
            both = both.mirrored(order, swap, sign)
            return [both.solve(ridge) for ridge in ridges]

        left_out: list[list[Solution]] = []
        if len(sums) > 1 and (with_folds or len(ridges) > 1):
            with ThreadPoolExecutor(count_threads(self.threads)) as pool:
                left_out = list(pool.map(without, range(len(sums))))
        best = 0
        if left_out and len(ridges) > 1:
            errors = [
                sum(part.squared_error(solutions[i]) for part, solutions in zip(sums, left_out, strict=True))
                for i in range(len(ridges))
            ]
            best = int(np.argmin(errors))
        solution = total.mirrored(order, swap, sign).solve(ridges[best])
        return ridges[best], solution, [s[best] for s in left_out] or [solution] * len(sums)

    def _move(self, crops: np.ndarray, shapes: np.ndarray, rows: np.ndarray, stage: int, solution: Solution) -> None:
        """Takes one step with some faces' training shapes, in place; their features are computed once more."""
        for some, frames, features in self._blocks(crops, shapes, rows, stage):
            steps = (features @ solution.weights + solution.bias).reshape(shapes[some].shape)
            shapes[some] += _turned(steps, frames)

    def _lend_errors(self, truth: np.ndarray, shapes: np.ndarray, rng: np.random.Generator, copies: slice) -> None:
        """These copies of each face become the truth moved by the error of another shape, drawn from all; in place."""
        errors = (shapes - truth[:, None]).reshape(-1, *truth.shape[1:])
        lent = shapes[:, copies]
        lent[...] = truth[:, None] + errors[rng.permutation(len(errors))[: lent.shape[0] * lent.shape[1]]].reshape(
            lent.shape
        )

    def _evened(self, truth: np.ndarray, shapes: np.ndarray, stage: int) -> np.ndarray:
        """Weights of the training shapes (n, starts), of mean 1: 1 / error from stage `even_from` on."""
        error = np.linalg.norm(truth[:, None] - shapes, axis=-1).mean(axis=-1)
        floor = np.median(error) / 2
        if stage < self.even_from or floor == 0:
            return np.ones_like(error)
        weights = 1 / np.maximum(error, floor)
        return weights / weights.mean()


def _turned(steps: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Steps (..., L, 2) by the maps [[a, -b], [b, a]] of frames (..., 2)."""
    a, b = frames[..., None, 0], frames[..., None, 1]
    x, y = steps[..., 0], steps[..., 1]
    return np.stack([a * x - b * y, b * x + a * y], axis=-1)
