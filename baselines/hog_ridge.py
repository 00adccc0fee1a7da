"""HOG + ridge cascade: supervised descent with histograms of oriented gradients.

Xiong & De la Torre, "Supervised Descent Method and its Applications to Face Alignment", CVPR 2013: from a start shape
x_0, x_{k+1} = x_k + phi(x_k) R_k + b_k, with phi(x) the descriptors around the landmarks of x and R_k, b_k learned by
ridge regression over training faces and perturbed starts. The patches shrink from stage to stage.

Differences from the paper, each measured on a part of the training faces (results/300w/README.md):

- Descriptors and steps live in the frame of the current shape: turned and scaled by the similarity from the mean shape.
- A stage trains on errors like those of a prediction. Its training shapes were moved by regressions that never saw
  their face (cross-fitting over folds of persons). Every second start is the truth moved by the error of another face,
  so that errors that the features cannot explain are not learned.
- From stage `even_from` on, a sample weighs 1 / its error, since NME counts distances, not their squares.
- Mirrored faces cost less than nothing: their features are a permutation of the face's own (`hog.mirror_features`), so
  the normal equations fall apart into two of half the size (`ridge.MirroredEquations`). What labels have that those
  of mirrored faces have not, a shift to one side, is learned beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.parts import hog
from fldbench.baselines.parts.fitting import (
    DEVIATION,
    EVEN,
    LARGEST_CROP,
    PADDING,
    SHARE,
    check_fitted,
    mean_unit_shape,
)
from fldbench.baselines.parts.frames import frames_of, turned
from fldbench.baselines.parts.normalised import grey_crops, lend_errors, let_go, perturbed, training_crops
from fldbench.baselines.parts.ridge import MirroredEquations, MirroredSolution, NormalEquations, Solution, evened
from fldbench.baselines.parts.threads import blocks, each_block, limited_blas
from fldbench.errors import DataError, MethodError, must_be
from fldbench.faces import FaceSet
from fldbench.geometry import box_size, check_boxes, crop_matrix, invert, transform
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.params import SEED, THREADS, Rule, check_sample_weight, count_threads, real, whole
from fldbench.progress import say_progress
from fldbench.schemes import get_scheme
from fldbench.shapes import fill_missing, from_box_frame, symmetric

FACES_IN_MEMORY = 64  # faces at once: bounds the memory for features while the matrix products stay large
FACES_PER_TASK = 8  # faces whose features one thread computes at a time
Sums = NormalEquations | MirroredEquations
Regression = Solution | MirroredSolution
COARSE = 6.0  # px; larger cells are sampled from channels of half the resolution: a quarter of the work


def _ridges(value: Any) -> bool:
    numbers = value if isinstance(value, (list, tuple, np.ndarray)) else [value]
    return len(numbers) > 0 and all(real(above=0).fits(number) for number in numbers)


@dataclass(eq=False, repr=False)
class HogRidge(Method):
    """Cascade of ridge regressions from HOG features to the step towards the true shape; also named `sdm`.

    Memory: 8 starts L bytes for each face; 2 (L grid^2 bins)^2 bytes for the sums of each fold, and 1.5 times that for
    each thread that solves: 0.9 GB for 68 points, 3 folds and 2 threads (measured). Where mirror pairs are not known,
    it is more than twice as much.

    Parameters
    ----------
    stages : int
        Number of regressions.
    first_patch, last_patch : float
        Width of a landmark's patch at the first and at the last stage, in sides of the box; geometric between them, and
        rounded so that a cell is an odd number of pixels.
    grid, bins : int
        A patch has grid x grid cells with `bins` directions each, an even number.
    crop_size : int
        Side of the crop, px.
    padding : float
        The crop holds the box grown by this share of its longer side on each end.
    starts : int
        Start shapes of each face in training: the mean shape in the box, and starts - 1 copies of it.
    shift, scale, rotation : float
        A copy is shifted by N(0, shift) box sides, scaled by exp(N(0, scale)) and turned by N(0, rotation) degrees.
    ridge : float or sequence of float
        Penalty; the features of one landmark have length 1. Of several, each stage takes the one with the smallest
        squared error on left-out folds.
    folds : int
        Of the cross-fitting; 1 moves the training shapes by the regression that they were fitted to.
    even_from : int
        First stage, counted from 0, whose samples weigh 1 / max(error, half the median error).
    threads : int, optional
        None is one thread for each core; the numbers do not depend on it.
    random_state : int

    Attributes
    ----------
    mean_shape_ : ndarray of shape (L, 2)
        In the box frame.
    reference_ : ndarray of shape (L, 2)
        The mean shape about (0, 0), crop px.
    weights_, biases_, ridges_ : ndarray of shape (stages, d, 2 L), (stages, 2 L) and (stages,)
        In px of the reference's frame.
    refines_ : bool
        Whether it was fitted with start shapes.
    """

    version = 2
    changes_nothing = ("threads",)
    weighs_faces = True
    refines = True
    refiner_params = {"stages": 3, "first_patch": 0.2}  # a refiner begins near the truth
    rules = {
        "stages": whole(1),
        "first_patch": SHARE,
        "last_patch": SHARE,
        "grid": whole(1),
        "bins": EVEN,
        "crop_size": whole(4, LARGEST_CROP),
        "padding": PADDING,
        "starts": whole(1),
        "shift": DEVIATION,
        "scale": DEVIATION,
        "rotation": DEVIATION,
        "ridge": Rule("a number above 0, or a list of such numbers", _ridges),
        "folds": whole(1),
        "even_from": whole(0),
        "threads": THREADS,
        "random_state": SEED,
    }
    refines_ = False  # also of models that were saved before there were start shapes

    stages: int = 5
    first_patch: float = 0.48
    last_patch: float = 0.1
    grid: int = 4
    bins: int = 8
    crop_size: int = 176
    padding: float = 0.2
    starts: int = 6
    shift: float = 0.05
    scale: float = 0.07
    rotation: float = 5.0
    ridge: float | Sequence[float] = 300.0
    folds: int = 3
    even_from: int = 2
    threads: int | None = None
    random_state: int = 0

    def fit(
        self,
        train: FaceSet,
        val: FaceSet | None = None,
        sample_weight: np.ndarray | None = None,
        start_shapes: np.ndarray | None = None,
    ) -> HogRidge:
        """Learn the cascade.

        Parameters
        ----------
        train : FaceSet
        val : FaceSet, optional
            Not used.
        sample_weight : ndarray of shape (n,), optional
            A face of weight 2 counts like two copies of it in the sums.
        start_shapes : ndarray of shape (n, L, 2), optional
            Shapes to begin from instead of the mean shape, px of the photos, from a method that did not see these
            faces; a NaN row begins from the mean shape. `predict` then needs start shapes too.
        """
        self.check_params()
        weight = check_sample_weight(sample_weight, train)
        self.refines_ = start_shapes is not None
        starts = self._starts(start_shapes, len(train))[weight > 0]
        train, weight = train[weight > 0], weight[weight > 0]
        known = get_scheme(train.scheme).mirror
        mirror = None if known is None else np.array(known)
        mean = mean_unit_shape(train, weight)
        truth = fill_missing(train.landmarks, train.boxes, mean, train.ids)
        self.mean_shape_ = mean if mirror is None else symmetric(mean, mirror)

        matrices = crop_matrix(train.boxes, self.crop_size, self.padding)
        truth = transform(truth, matrices).astype(np.float32)
        sides = box_size(train.boxes) * matrices[:, :1, 0]
        self.reference_ = (self.mean_shape_ - self.mean_shape_.mean(axis=0)) * sides.mean(axis=0)
        rng = np.random.default_rng(self.random_state)
        begin = self._begin(train.boxes, matrices, starts)
        if self.refines_:
            shapes = np.repeat(begin[:, None], self.starts, axis=1).astype(np.float32)
            lend_errors(truth, shapes, rng, slice(1, None))
        else:
            shapes = perturbed(begin, sides, self.starts, self.shift, self.scale, self.rotation, rng, np.float32)
        folds = self._folds(train)

        learned = []
        say_progress("hog-ridge: stages", 0, self.stages)
        # Each product in one thread, many products at a time: no sum depends on the number of threads.
        with limited_blas(1), training_crops(train, self.crop_size, self.padding, self.threads) as crops:
            for stage in range(self.stages):
                weights = weight[:, None] * self._weights(truth, shapes, stage)
                sums = [self._sums(crops, truth, shapes, weights, rows, stage, mirror) for rows in folds]
                ridge, solution, left_out = self._solve(sums, with_folds=stage + 1 < self.stages)
                del sums  # before those of the next stage come beside them
                learned.append((solution.weights, solution.bias, ridge))
                if stage + 1 < self.stages:
                    for rows, apart in zip(folds, left_out, strict=True):
                        self._move(crops, shapes, rows, stage, apart)
                    lend_errors(truth, shapes, rng, slice(1, None, 2))
                say_progress("hog-ridge: stages", stage + 1, self.stages)
        self.weights_ = np.ascontiguousarray([weights for weights, _, _ in learned], np.float32)
        self.biases_ = np.array([bias for _, bias, _ in learned], np.float32)
        self.ridges_ = np.array([ridge for _, _, ridge in learned], float)
        return self

    def predict(
        self, images: Sequence[np.ndarray], boxes: np.ndarray, start_shapes: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px; `start_shapes` as in `fit`."""
        check_fitted(self, "weights_")
        if (start_shapes is not None) != self.refines_:
            had = "with" if self.refines_ else "without"
            raise MethodError(f"{self.label} was fitted {had} start_shapes; predict {had} them too, or fit it again")
        boxes = check_boxes(boxes)
        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        shapes = self._begin(boxes, matrices, self._starts(start_shapes, len(boxes)))
        with limited_blas(1):
            each_block(
                lambda rows: self._place(images, matrices, shapes, rows),
                len(shapes),
                FACES_IN_MEMORY // 2,
                self.threads,
            )
        return transform(shapes, invert(matrices))

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for values that do not fit each other."""
        found = Learned(self.label, learned)
        n = len(found.array("mean_shape_", "float64", (None, 2)))
        found.array("reference_", "float64", (n, 2))
        found.array("weights_", "float32", (self.stages, n * self.grid**2 * self.bins, 2 * n))
        found.array("biases_", "float32", (self.stages, 2 * n))
        found.array("ridges_", "float64", (self.stages,))
        if found.has("refines_"):
            found.flag("refines_")
        found.end()
        super().restore(learned)

    def _place(self, images: Sequence[np.ndarray], matrices: np.ndarray, shapes: np.ndarray, rows: slice) -> None:
        """Move `shapes` (n, L, 2) crop px of some faces in place by all stages."""
        crops = grey_crops([images[i] for i in range(rows.start, rows.stop)], matrices[rows], self.crop_size, 1)
        channels = [self._channels(crop) for crop in crops]
        for cell, weights, bias in zip(self.cells, self.weights_, self.biases_, strict=True):
            frames = frames_of(self.reference_, shapes[rows])
            pairs = zip(channels, shapes[rows, None], frames[:, None], strict=True)
            features = np.concatenate([self._features(c, shape, frame, cell) for c, shape, frame in pairs])
            shapes[rows] += turned((features @ weights + bias).reshape(len(features), -1, 2), frames)

    @property
    def cells(self) -> list[tuple[int, int]]:
        """For each stage how often the crop is halved, 0 or 1, and the odd side of a cell there, px."""
        patches = np.geomspace(self.first_patch, self.last_patch, self.stages)
        exact = np.maximum(patches * self.crop_size / (1 + 2 * self.padding) / self.grid, 1)
        return [(level, 2 * round((side / 2**level - 1) / 2) + 1) for side in exact for level in [int(side >= COARSE)]]

    def _starts(self, starts: np.ndarray | None, n: int) -> np.ndarray:
        """Return start shapes (n, L, 2) px as they are; NaN rows by default."""
        if starts is None:
            return np.full((n, 1, 2), np.nan)
        starts = np.asarray(starts, float)
        if starts.ndim != 3 or len(starts) != n or starts.shape[2] != 2:
            raise DataError(must_be(self.label, "the shape of start_shapes", starts.shape, f"({n}, L, 2)"))
        return starts

    def _begin(self, boxes: np.ndarray, matrices: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Return the first shapes, (n, L, 2) px of the crops: the starts, or the mean shape where they are NaN."""
        mean = from_box_frame(self.mean_shape_, boxes)
        if self.refines_ and starts.shape != mean.shape:
            raise DataError(must_be(self.label, "the shape of start_shapes", starts.shape, f"{mean.shape}"))
        found = np.isfinite(starts).all(axis=(1, 2), keepdims=True)
        return transform(np.where(found, starts, mean), matrices)

    def check_params(self) -> None:
        """Check the parameters, and that there are folds if several ridges are to be compared."""
        super().check_params()
        if np.size(self.ridge) > 1 and self.folds < 2:
            allowed = "2 or more to choose among several ridges"
            raise MethodError(must_be(self.label, "folds", self.folds, allowed, "or give one ridge"))

    @property
    def multiply_adds(self) -> int | None:
        """Of the regressions: one for each weight."""
        return int(self.weights_.size) if self.learned() else None

    def _folds(self, train: FaceSet) -> list[np.ndarray]:
        """Return the rows of each fold, no group in two of them; a single fold if there are too few groups."""
        count = min(self.folds, len(np.unique(train.groups)))
        if count < 2:
            return [np.arange(len(train))]
        fold_of = train.fold_of(count, self.random_state)
        return [np.flatnonzero(fold_of == fold) for fold in range(count)]

    def _channels(self, crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the orientation channels of a crop at its own resolution and at half of it."""
        from fldbench.baselines.parts.hog_kernels import halve

        fine = hog.orientation_channels(crop, self.bins)
        return fine, halve(fine)

    def _features(
        self, channels: tuple[np.ndarray, np.ndarray], shapes: np.ndarray, frames: np.ndarray, cell: tuple[int, int]
    ) -> np.ndarray:
        """Return features (m, d) float32 of shapes (m, L, 2) px with frames (m, 2) in one crop's channels."""
        level, side = cell
        # The centre of the first pixel at half the resolution is (0.5, 0.5) of the crop.
        points = shapes if level == 0 else (shapes - 0.5) / 2
        return hog.landmark_features(channels[level], points, frames, side, self.grid)

    def _blocks(
        self, crops: np.ndarray, shapes: np.ndarray, rows: np.ndarray, stage: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield rows, frames (faces, starts, 2) and features (faces * starts, d) float32, some faces at a time."""
        cell = self.cells[stage]
        for part in blocks(len(rows), FACES_IN_MEMORY):
            some = rows[part]
            frames = frames_of(self.reference_, shapes[some])

            def features(task: slice, some=some, frames=frames) -> np.ndarray:
                pairs = zip(some[task].tolist(), frames[task], strict=True)
                return np.concatenate(
                    [self._features(self._channels(crops[i]), shapes[i], frame, cell) for i, frame in pairs]
                )

            yield some, frames, np.concatenate(each_block(features, len(some), FACES_PER_TASK, self.threads))
            let_go(crops)

    def _sums(
        self,
        crops: np.ndarray,
        truth: np.ndarray,
        shapes: np.ndarray,
        weights: np.ndarray,
        rows: np.ndarray,
        stage: int,
        mirror: np.ndarray | None,
    ) -> Sums:
        """Return the normal equations of one fold: steps in the frames of the shapes on their features."""
        sums = self._empty_sums(truth.shape[1], mirror)
        for some, frames, features in self._blocks(crops, shapes, rows, stage):
            # [[a, -b], [b, a]]^-1 = [[a, b], [-b, a]] / (a^2 + b^2)
            back = frames * (1, -1) / (frames**2).sum(axis=-1, keepdims=True)
            steps = turned(truth[some, None] - shapes[some], back)
            sums.add(features, steps.reshape(len(features), -1), weights[some].ravel())
        return sums

    def _empty_sums(self, n_points: int, mirror: np.ndarray | None) -> Sums:
        """Return sums without a row, which add the mirror images of their rows where these are known."""
        if mirror is None:
            return NormalEquations(n_points * self.grid**2 * self.bins, 2 * n_points, threads=self.threads)
        order = hog.mirror_features(mirror, self.grid, self.bins)
        swap = np.stack([2 * mirror, 2 * mirror + 1], axis=1).ravel()
        return MirroredEquations(order, swap, np.tile([-1.0, 1.0], n_points), self.threads)

    def _solve(self, sums: list[Sums], with_folds: bool) -> tuple[float, Regression, list[Regression]]:
        """Return the ridge of a stage, its regression on all folds, and for each fold the regression without it.

        If there is no fold to leave out, or no reason to, the latter are all equal to the regression on all folds.
        """
        ridges = [float(ridge) for ridge in np.atleast_1d(self.ridge)]

        def without(fold: int) -> list[Regression]:
            rest = sums[0].total([part for k, part in enumerate(sums) if k != fold])
            return [rest.solve(ridge) for ridge in ridges]

        left_out: list[list[Regression]] = []
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
        solution = sums[0].total(sums).solve(ridges[best])
        return ridges[best], solution, [s[best] for s in left_out] or [solution] * len(sums)

    def _move(self, crops: np.ndarray, shapes: np.ndarray, rows: np.ndarray, stage: int, solution: Regression) -> None:
        """Move some faces' training shapes by one step, in place; their features are computed once more."""
        for some, frames, features in self._blocks(crops, shapes, rows, stage):
            steps = (features @ solution.weights + solution.bias).reshape(shapes[some].shape)
            shapes[some] += turned(steps, frames)

    def _weights(self, truth: np.ndarray, shapes: np.ndarray, stage: int) -> np.ndarray:
        """Return the weights of the training shapes (n, starts), of mean 1: 1 / error from stage `even_from` on."""
        error = np.linalg.norm(truth[:, None] - shapes, axis=-1).mean(axis=-1)
        return evened(error) if stage >= self.even_from else np.ones_like(error)
