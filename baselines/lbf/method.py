"""Local binary features: forests look around each landmark, one linear regression moves the whole shape.

Ren, Cao, Wei & Sun, "Face Alignment at 3000 FPS via Regressing Local Binary Features", CVPR 2014. At each stage every
landmark has a forest on pixel differences in a disc around it, grown on that landmark's own step (section 3.1); the
leaves where a face ends, a sparse vector of zeros and ones over all landmarks, go into one ridge regression of the step
of the whole shape (section 3.2). The discs shrink from stage to stage (section 3.3).

A leaf was made from the training faces, so the steps that remain after a stage would be smaller in training than for
other faces. Training shapes are therefore moved by weights that were fitted without their own person (`folds`); the
weights that are kept are fitted to all faces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.lbf import forest
from fldbench.baselines.lbf.ridge import LeafRidge, add_weights, spread, times
from fldbench.baselines.lbf.samples import SHAPES_AT_ONCE, Samples, principal_steps, turns
from fldbench.baselines.parts.agreement import agreement
from fldbench.baselines.parts.fitting import DEVIATION, LARGEST_CROP, PADDING, PENALTY, check_fitted, mean_unit_shape
from fldbench.baselines.parts.normalised import grey_crops, perturbed, training_crops
from fldbench.baselines.parts.threads import blocks, each_block, limited_blas
from fldbench.faces import FaceSet
from fldbench.geometry import box_size, check_boxes, crop_matrix, invert, transform
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.params import SEED, THREADS, check_sample_weight, real, whole
from fldbench.progress import say_progress
from fldbench.schemes import get_scheme
from fldbench.shapes import fill_missing, fold_of, from_box_frame, mirrored, symmetric

FACES_PER_TASK = 32  # faces that one thread takes through all stages at a time
JUDGES = 16_384  # samples on which the candidates of a split are judged, at most
LARGEST = 32767  # a stage's weights are kept as int16: half the size, and their sums are equal in any order


@dataclass(eq=False, repr=False)
class LBF(Method):
    """Forests on pixel differences around the landmarks, and a ridge regression on their leaves, stage by stage.

    The prediction is the mean of those for the face and for its mirror image. Memory in training grows with the
    samples, 2 * starts for each face, beyond the crops, which are on disk: each takes L * trees bytes for its leaves,
    8 * L for its shape, about 24 * components for the regression, and `pool` bytes in every thread. Where a node of a
    tree has more than 16,384 samples, its candidates are judged on as many of them.

    Parameters
    ----------
    stages : int
        Number of regressions.
    trees, depth : int
        A landmark has `trees` trees with 2 ** depth leaves each.
    first_radius, last_radius : float
        Radius of the discs at the first and at the last stage, in sides of the box; geometric between them.
    pool : int
        Pixels of a disc that the splits of one landmark choose from.
    candidates : int
        Pairs of them that a split chooses from.
    bag : float
        Share of the faces that each tree sees.
    ridge : float
        Penalty of a leaf's weights; a leaf that n samples of weight 1 reach has n on the same scale.
    iterations : int
        Of conjugate gradients. So few stop short of the exact ridge regression, which shrinks a little more.
    components : int
        Principal components of the shapes' steps that are regressed; the others cost time and gain nothing.
    folds : int
        Folds of persons that are left out in turn when the training shapes are moved; 1 leaves out none.
    starts : int
        Start shapes of each face and of its mirror image: the mean shape in the box, and starts - 1 copies of it.
    shift, scale, rotation : float
        A copy is shifted by N(0, shift) box sides, scaled by exp(N(0, scale)) and turned by N(0, rotation) degrees.
    crop_size : int
        Side of the crop, px.
    padding : float
        The crop holds the box grown by this share of its longer side on each end.
    threads : int, optional
        None is one thread for each core; the numbers do not depend on it.
    random_state : int

    Attributes
    ----------
    mean_shape_ : ndarray of shape (L, 2)
        In the box frame.
    reference_ : ndarray of shape (L, 2)
        The mean of the true shapes, crop px about (0, 0).
    offsets_, thresholds_ : ndarray of shape (stages, L, trees, splits, 4) and (stages, L, trees, splits)
        float32 and int16, see `lbf.forest.find_leaves`.
    weights_ : ndarray of shape (stages, L, trees, leaves, k), int16
    components_, biases_ : ndarray of shape (stages, k, 2 L) and (stages, 2 L), float32
        A stage moves by the sum of its leaves' weights times components_ plus biases_, px in the frame of reference_.
    mirror_ : ndarray of shape (L,), int; (0,) where the scheme does not know its mirror pairs
    """

    version = 2
    gives_confidence = True
    changes_nothing = ("threads",)
    weighs_faces = True
    rules = {
        "stages": whole(1),
        "trees": whole(1),
        "depth": whole(1, 8),
        "first_radius": real(above=0),
        "last_radius": real(above=0),
        "pool": whole(1),
        "candidates": whole(1),
        "bag": real(above=0, high=1),
        "ridge": PENALTY,
        "iterations": whole(1),
        "components": whole(1),
        "folds": whole(1),
        "starts": whole(1),
        "shift": DEVIATION,
        "scale": DEVIATION,
        "rotation": DEVIATION,
        "crop_size": whole(1, LARGEST_CROP),
        "padding": PADDING,
        "threads": THREADS,
        "random_state": SEED,
    }

    stages: int = 6
    trees: int = 16
    depth: int = 5
    first_radius: float = 0.15
    last_radius: float = 0.04
    pool: int = 300
    candidates: int = 100
    bag: float = 0.5
    ridge: float = 8000.0
    iterations: int = 7
    components: int = 40
    folds: int = 4
    starts: int = 6
    shift: float = 0.05
    scale: float = 0.07
    rotation: float = 5.0
    crop_size: int = 144
    padding: float = 0.2
    threads: int | None = None
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None, sample_weight: np.ndarray | None = None) -> LBF:
        """Learn the forests and the regressions.

        Parameters
        ----------
        train : FaceSet
        val : FaceSet, optional
            Not used.
        sample_weight : ndarray of shape (n,), optional
            How much each face counts in the splits and in the regressions.
        """
        self.check_params()
        weight = check_sample_weight(sample_weight, train)
        train, weight = train[weight > 0], weight[weight > 0]
        mirror = get_scheme(train.scheme).mirror
        self.mirror_ = np.array(() if mirror is None else mirror, int)
        mean = mean_unit_shape(train)
        truth = fill_missing(train.landmarks, train.boxes, mean, train.ids)
        self.mean_shape_ = symmetric(mean, self.mirror_) if self.mirror_.size else mean

        matrices = crop_matrix(train.boxes, self.crop_size, self.padding)
        truth = transform(truth, matrices)
        truth = np.stack([truth, self._mirrored(truth)], axis=1)
        self.reference_ = (truth - truth.mean(axis=2, keepdims=True)).mean(axis=(0, 1))
        # One thread for matrix products, which are small here, because another number may round differently.
        with training_crops(train, self.crop_size, self.padding, self.threads) as crops, limited_blas(1):
            samples = Samples.of(crops, self._starts(train.boxes, matrices), self.mirror_.size > 0)
            weights = np.repeat(weight, 2 * self.starts)
            done = list(self._stages(samples, truth, weights, self._folds(train.groups)[samples.which]))
        self.offsets_, self.thresholds_, self.weights_, self.components_, self.biases_ = (
            np.stack(parts) for parts in zip(*done, strict=True)
        )
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        return self._both(images, boxes).mean(axis=1)

    def predict_confidence(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return how near the answers for a face and for its mirror image lie together: see `parts.agreement`."""
        return agreement(self._both(images, boxes), boxes)

    def _both(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the answers (n, 2, L, 2) px for the faces, and for their mirror images or again."""
        check_fitted(self, "weights_")
        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        mean = transform(from_box_frame(self.mean_shape_, check_boxes(boxes)), matrices)
        out = np.stack([mean, mean], axis=1)

        def place(rows: slice) -> None:
            chosen = [images[i] for i in range(rows.start, rows.stop)]
            crops = grey_crops(chosen, matrices[rows], self.crop_size, threads=1)
            samples = Samples.of(crops, out[rows][:, :, None], self.mirror_.size > 0)
            for stage in range(len(self.weights_)):
                turn = turns(self.reference_, samples.shapes)
                leaves = samples.leaves(turn, self.offsets_[stage], self.thresholds_[stage], threads=1)
                sums = np.zeros((len(turn), self.weights_.shape[-1]), np.int32)
                add_weights(leaves, np.arange(len(turn)), self.weights_[stage], sums)
                samples.move(spread(sums, self.components_[stage], self.biases_[stage]), turn)
            out[rows] = np.stack([samples.shapes[::2], self._mirrored(samples.shapes[1::2])], axis=1)

        with limited_blas(1):  # BLAS's waiting threads would take the cores from these
            each_block(place, len(out), FACES_PER_TASK, self.threads)
        back = np.repeat(invert(matrices), 2, axis=0)
        return transform(out.reshape(-1, *mean.shape[1:]), back).reshape(out.shape)

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for values that do not fit each other."""
        found = Learned(self.label, learned)
        n = len(found.array("mean_shape_", "float64", (None, 2)))
        found.array("reference_", "float64", (n, 2))
        known = np.size(learned.get("mirror_")) > 0  # none where the scheme does not know it
        found.array("mirror_", "int64 int32", (n if known else 0,), 0, n)
        stages, _, trees, splits = found.array("thresholds_", "int16", (None, n, None, 2**self.depth - 1)).shape
        found.array("offsets_", "float32", (stages, n, trees, splits, 4))
        k = found.array("components_", "float32", (stages, None, 2 * n)).shape[1]
        found.array("weights_", "int16", (stages, n, trees, splits + 1, k))
        found.array("biases_", "float32", (stages, 2 * n))
        found.end()
        super().restore(learned)

    def _stages(self, samples: Samples, goals: np.ndarray, weights: np.ndarray, folds: np.ndarray) -> Iterator[tuple]:
        """Yield what each stage learns; goals (faces, 2, L, 2) px; weights (n,) and folds (n,) of the samples."""
        side = self.crop_size / (1 + 2 * self.padding)
        n_folds = int(folds.max()) + 1
        todo = self.stages * (1 + n_folds)
        for stage, radius in enumerate(np.geomspace(self.first_radius, self.last_radius, self.stages) * side):
            say_progress("fitting lbf", stage * (1 + n_folds), todo)
            turn = samples.turns(self.reference_)
            offsets, thresholds = self._forests(stage, radius, samples, turn, goals, weights)
            leaves = samples.leaves(turn, offsets, thresholds, self.threads)
            parts = blocks(len(turn), SHAPES_AT_ONCE)

            def steps(rows: slice, turn=turn) -> np.ndarray:
                return samples.steps(goals, turn, rows).reshape(len(turn[rows]), -1)

            mean, components = principal_steps(((steps(rows), weights[rows]) for rows in parts), self.components)
            targets = np.empty((len(turn), len(components)), np.float32)
            for rows in parts:
                targets[rows] = (steps(rows) - mean) @ components.T
            moves = np.empty_like(targets)
            for fold in range(n_folds):
                say_progress("fitting lbf", stage * (1 + n_folds) + 1 + fold, todo)
                own = np.flatnonzero(folds == fold)
                others = np.flatnonzero(folds != fold) if n_folds > 1 else own
                weight, bias = self._regression(leaves, others, weights, targets)
                moves[own] = times(leaves, own, weight, self.threads) + bias
            if n_folds > 1:
                weight, bias = self._regression(leaves, np.arange(len(targets)), weights, targets)
            for rows in parts:
                samples.move(moves[rows] @ components + mean, turn, rows)
            scale = np.maximum(np.abs(weight).max(axis=(0, 1, 2)), 1e-9)[:, None] / LARGEST
            whole = np.rint(weight / scale[:, 0]).astype(np.int16)
            bias = mean + bias @ components
            yield offsets, thresholds, whole, (scale * components).astype(np.float32), bias.astype(np.float32)
        say_progress("fitting lbf", todo, todo)

    def _forests(
        self,
        stage: int,
        radius: float,
        samples: Samples,
        turn: np.ndarray,
        goals: np.ndarray,
        weights: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return offsets (L, trees, splits, 4) float32 and thresholds (L, trees, splits) int16; radius px."""
        n_points, n_faces, n_splits = goals.shape[2], len(samples.crops), 2**self.depth - 1
        offsets = np.empty((n_points, self.trees, n_splits, 4), np.float32)
        thresholds = np.empty((n_points, self.trees, n_splits), np.int16)

        def grow_one(block: slice) -> None:
            point = block.start
            rng = self._generator(stage, point)
            distance, angle = radius * np.sqrt(rng.random(self.pool)), 2 * np.pi * rng.random(self.pool)
            pool = np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1)
            values = samples.pool(point, turn, pool)
            own = samples.steps(goals, turn, points=slice(point, point + 1))[:, 0]
            for tree in range(self.trees):
                rng = self._generator(stage, point, tree)
                seen = np.zeros(n_faces, bool)
                seen[rng.permutation(n_faces)[: max(1, round(self.bag * n_faces))]] = True
                pairs = rng.integers(0, self.pool, (n_splits, self.candidates, 2), np.int32)
                draws = rng.random((n_splits, self.candidates))
                rows = np.flatnonzero(seen[samples.which])
                drawn = (rows, pairs, draws, self.depth, JUDGES)
                chosen, thresholds[point, tree] = forest.grow(values, own, weights, *drawn)
                offsets[point, tree] = pool[chosen].reshape(n_splits, 4)

        each_block(grow_one, n_points, 1, self.threads)
        return offsets, thresholds

    def _regression(
        self, leaves: np.ndarray, rows: np.ndarray, weights: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return LeafRidge(leaves, rows, weights, 2**self.depth, self.threads).solve(targets, self.ridge, self.iterations)

    def _generator(self, *key: int) -> np.random.Generator:
        """Return a generator of its own for every landmark and tree, so that their order does not matter."""
        return np.random.default_rng(np.random.SeedSequence(self.random_state, spawn_key=key))

    def _starts(self, boxes: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        """Return start shapes of the faces and of their mirror images, (n, 2, starts, L, 2) crop px."""
        # The box lies in the middle of its crop and the mean shape is symmetric: both are their own mirror images.
        mean = np.repeat(transform(from_box_frame(self.mean_shape_, boxes), matrices), 2, axis=0)
        sides = np.repeat(box_size(boxes) * matrices[:, :1, 0], 2, axis=0)
        rng = self._generator()
        moves = (self.shift, self.scale, self.rotation)
        starts = perturbed(mean, sides, self.starts, *moves, rng, np.float32)
        return starts.reshape(len(boxes), 2, *starts.shape[1:])

    def _folds(self, groups: np.ndarray) -> np.ndarray:
        """Return the fold of each face, (n,) int; the folds have equal numbers of groups, not of faces."""
        k = min(self.folds, len(np.unique(groups)))
        return fold_of(groups, k, self._generator(self.stages), balance="groups")

    def _mirrored(self, shapes: np.ndarray) -> np.ndarray:
        """Return shapes (..., L, 2) px in the mirrored crop; unchanged where no crop is mirrored."""
        return mirrored(shapes, self.mirror_, self.crop_size - 1) if self.mirror_.size else shapes
