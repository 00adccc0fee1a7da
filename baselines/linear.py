"""From the whole crop straight to the shape: HOG, then one ridge regression, linear or with a Gaussian kernel.

No cascade and no start shape, so it is the floor for methods that look at pixels. Everything happens in a square grey
crop around the box. Training sees every face in several boxes, each slightly displaced, and the mirror image of
each. Mirroring permutes the features (`hog_grid.mirror_grid`), so the sums of mirrored faces are permutations of sums
that are already there. The penalty is chosen by leaving out faces in closed form (`ridge.choose_ridge`), all copies of
a face together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.parts import ridge as regression
from fldbench.baselines.parts.fitting import (
    DEVIATION,
    EVEN,
    LARGEST_CROP,
    PADDING,
    PENALTY,
    check_fitted,
    check_whole_cells,
    mean_unit_shape,
)
from fldbench.baselines.parts.normalised import grey_crops
from fldbench.baselines.parts.threads import each_block, limited_blas
from fldbench.faces import FaceSet
from fldbench.geometry import check_boxes, crop_matrix, jitter_box
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.params import SEED, THREADS, check_sample_weight, one_of, optional, real, whole
from fldbench.progress import say_progress
from fldbench.schemes import get_scheme
from fldbench.shapes import fill_missing, from_box_frame, symmetric, to_box_frame

FACES_PER_TASK = 32  # faces that one thread turns into features at a time
FACES_IN_MEMORY = 256  # faces whose features are in memory at once
LEFT_OUT = 150  # faces that are left out, one by one, to choose the penalty
RIDGES = {"linear": np.geomspace(0.1, 1000.0, 9), "rbf": np.geomspace(1e-3, 10.0, 9)}
MEDIAN_OF = 500  # supports whose distances determine gamma
STABLE = 1e-6  # added to the diagonal of the kernel penalty, where supports may be (almost) the same


@dataclass(eq=False, repr=False)
class Linear(Method):
    """Ridge regression from the HOG of the whole crop to the landmarks in the frame of the box.

    Parameters
    ----------
    crop_size : int
        Side of the crop, px, a multiple of `cell` and at least twice as much.
    padding : float
        The crop holds the box grown by this share of its longer side on each end.
    cell, bins : int
        Side of a HOG cell, px, and its directions, an even number; blocks have 2 x 2 cells.
    copies : int
        Boxes in which each training face is seen: its own, and copies - 1 others.
    shift, scale : float
        The others are shifted by N(0, shift) of their sides and scaled by N(1, scale).
    ridge : float, optional
        Penalty, for a loss in which every face counts once, with any number of copies. None takes the best of nine, by
        leaving out each of 150 faces.
    kernel : {"linear", "rbf"}
        "rbf" is exp(-gamma |x - x'|^2): kernel ridge regression on the `supports`.
    gamma : float, optional
        Of the kernel; None is 1 / median of the squared distances between supports.
    supports : int
        Crops, drawn from the training crops, that kernels are taken with, each together with its mirror image (subset
        of regressors, Smola & Bartlett, NIPS 2000); with all of them it is kernel ridge regression itself. Each takes
        4 d bytes of the model.
    threads : int, optional
        None is one thread for each core; the numbers do not depend on it.
    random_state : int

    Attributes
    ----------
    mean_shape_ : ndarray of shape (L, 2)
        In the box frame.
    weights_, bias_ : ndarray of shape (d, 2 L) and (2 L,)
        Of the regression to the deviation from the mean shape, in the box frame.
    ridge_ : float
        The penalty that was chosen.
    supports_ : ndarray of shape (m, d)
    gamma_ : float
        Both with a kernel only.
    """

    changes_nothing = ("threads",)
    weighs_faces = True
    rules = {
        "crop_size": whole(2, LARGEST_CROP),
        "padding": PADDING,
        "cell": whole(1),
        "bins": EVEN,
        "copies": whole(1),
        "shift": DEVIATION,
        "scale": DEVIATION,
        "ridge": optional(PENALTY),
        "kernel": one_of(tuple(RIDGES)),
        "gamma": optional(real(above=0)),
        "supports": whole(1),
        "threads": THREADS,
        "random_state": SEED,
    }

    crop_size: int = 80
    padding: float = 0.1
    cell: int = 8
    bins: int = 8
    copies: int = 4
    shift: float = 0.03
    scale: float = 0.03
    ridge: float | None = None
    kernel: str = "linear"
    gamma: float | None = None
    supports: int = 1000
    threads: int | None = None
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None, sample_weight: np.ndarray | None = None) -> Linear:
        """Learn the regression.

        Parameters
        ----------
        train : FaceSet
        val : FaceSet, optional
            Not used.
        sample_weight : ndarray of shape (n,), optional
            A face of weight 2 counts like two copies of it.
        """
        self.check_params()
        weight = check_sample_weight(sample_weight, train)
        train, weight = train[weight > 0], weight[weight > 0]
        mirror = get_scheme(train.scheme).mirror
        mean = mean_unit_shape(train, weight)
        self.mean_shape_ = mean if mirror is None else symmetric(mean, mirror)
        rng = np.random.default_rng(self.random_state)
        boxes = np.stack([self._copies(box, rng) for box in train.boxes])
        truth = fill_missing(train.landmarks, train.boxes, mean, train.ids)
        targets = to_box_frame(np.repeat(truth, self.copies, axis=0), boxes.reshape(-1, 4)) - self.mean_shape_
        targets = targets.reshape(*boxes.shape[:2], -1)

        order = self._choose_supports(train.images, boxes, rng)
        tested = np.sort(rng.permutation(len(train))[:LEFT_OUT])
        weights = np.repeat(weight[:, None] / self.copies, self.copies, axis=1)
        linear = self.kernel == "linear"
        equations = regression.NormalEquations(
            len(order), targets.shape[-1], np.float32 if linear else np.float64, threads=self.threads
        )
        kept = self._add_all(equations, train.images, boxes, targets, weights, tested)
        tried, goals, counted = kept, targets[tested], weights[tested]
        if mirror is not None:
            swap = np.stack([2 * np.array(mirror), 2 * np.array(mirror) + 1], axis=1).ravel()
            sign = np.tile([-1.0, 1.0], len(mirror))
            equations = equations.mirrored(order, swap, sign)
            tried = np.concatenate([kept, kept[..., order]], axis=1)
            goals = np.concatenate([goals, goals[..., swap] * sign], axis=1)
            counted = np.tile(counted, 2)
        solution = self._solve(equations, tried, goals, counted)
        self.weights_ = np.ascontiguousarray(solution.weights, np.float32)
        self.bias_ = solution.bias.astype(np.float32)
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        check_fitted(self, "weights_")
        boxes = check_boxes(boxes)
        steps = np.empty((len(boxes), self.bias_.size))

        def work(rows: slice) -> None:
            steps[rows] = self._features(images[rows], boxes[rows]) @ self.weights_ + self.bias_

        with limited_blas(1):  # waiting threads of BLAS would take the cores from these threads
            each_block(work, len(boxes), FACES_PER_TASK, self.threads)
        return from_box_frame(self.mean_shape_ + steps.reshape(len(boxes), *self.mean_shape_.shape), boxes)

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for values that do not fit each other."""
        found = Learned(self.label, learned)
        n = len(found.array("mean_shape_", "float64", (None, 2)))
        inputs = 4 * (self.crop_size // self.cell - 1) ** 2 * self.bins
        if self.kernel != "linear":
            inputs = 2 * len(found.array("supports_", "float32", (None, inputs)))
            found.number("gamma_", 0)
        found.array("weights_", "float32", (inputs, 2 * n))
        found.array("bias_", "float32", (2 * n,))
        found.number("ridge_", 0)
        found.end()
        super().restore(learned)

    @property
    def multiply_adds(self) -> int | None:
        """Of the regression, and of the products of a crop and of its mirror image with the supports of a kernel."""
        if not self.learned():
            return None
        return int(self.weights_.size + (0 if self.kernel == "linear" else 2 * self.supports_.size))

    def check_params(self) -> None:
        """Check the parameters, and that the crop consists of whole cells, at least two along each side."""
        super().check_params()
        check_whole_cells(self.label, self.crop_size, self.cell)

    def _copies(self, box: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the boxes (copies, 4) px of the copies of a face; the first is its own, (4,) px."""
        return np.stack([box, *(jitter_box(box, rng, self.shift, self.scale) for _ in range(self.copies - 1))])

    def _hog(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        from fldbench.baselines.parts import hog_grid  # numba takes a second to import

        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        return hog_grid.grid_features(grey_crops(images, matrices, self.crop_size, 1), self.cell, self.bins)

    def _features(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return its inputs: (n, d) HOG, or (n, 2 m) kernels with supports and their mirror images."""
        features = self._hog(images, boxes)
        return features if self.kernel == "linear" else self._kernels(features)

    def _kernels(self, features: np.ndarray) -> np.ndarray:
        """Return the kernels (n, 2 m) of each crop (n, d), and of its mirror image: those with mirrored supports."""
        both = np.stack([features, features[:, self._mirror()]], axis=1).reshape(-1, features.shape[1])
        kernels = regression.gaussian(both, self.supports_.astype(features.dtype, copy=False), self.gamma_)
        return kernels.reshape(len(features), -1)

    def _mirror(self) -> np.ndarray:
        from fldbench.baselines.parts import hog_grid

        return hog_grid.mirror_grid(self.crop_size // self.cell, self.bins)

    def _choose_supports(self, images: Sequence[np.ndarray], boxes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw supports_ and set gamma_, for a kernel; return the index array of the features of a mirrored crop.

        No face has two supports before every face has one.
        """
        if self.kernel == "linear":
            return self._mirror()
        faces = np.concatenate([rng.permutation(len(boxes)) for _ in range(self.copies)])
        which = np.repeat(np.arange(self.copies), len(boxes))
        chosen = np.stack([faces, which], axis=1)[: self.supports]

        def work(rows: slice) -> np.ndarray:
            return self._hog([images[i] for i, _ in chosen[rows]], boxes[tuple(chosen[rows].T)])

        self.supports_ = np.concatenate(each_block(work, len(chosen), FACES_PER_TASK, self.threads))
        self.gamma_ = regression.median_gamma(self.supports_[:MEDIAN_OF]) if self.gamma is None else float(self.gamma)
        m = len(self.supports_)
        return np.concatenate([np.arange(m, 2 * m), np.arange(m)])

    def _add_all(
        self,
        equations: regression.NormalEquations,
        images: Sequence[np.ndarray],
        boxes: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        tested: np.ndarray,
    ) -> np.ndarray:
        """Add every copy of every face to the sums; return the features of the tested faces, (tested, copies, d)."""
        kept = []
        say_progress("linear: faces", 0, len(boxes))
        for start in range(0, len(boxes), FACES_IN_MEMORY):
            stop = min(start + FACES_IN_MEMORY, len(boxes))

            def work(rows: slice, start: int = start) -> np.ndarray:
                faces = range(start + rows.start, start + rows.stop)
                repeated = [image for i in faces for image in [images[i]] * self.copies]
                return self._features(repeated, boxes[faces.start : faces.stop].reshape(-1, 4))

            features = np.concatenate(each_block(work, stop - start, FACES_PER_TASK, self.threads))
            rows = slice(start, stop)
            equations.add(features, targets[rows].reshape(len(features), -1), weights[rows].ravel())
            ours = tested[(tested >= start) & (tested < stop)] - start
            kept.append(features.reshape(stop - start, self.copies, -1)[ours])
            say_progress("linear: faces", stop, len(boxes))
        return np.concatenate(kept)

    def _solve(
        self, equations: regression.NormalEquations, features: np.ndarray, targets: np.ndarray, weights: np.ndarray
    ) -> regression.Solution:
        """Return the regression with the given penalty or the best one; set ridge_."""
        penalty = None
        if self.kernel != "linear":
            both = np.concatenate([self.supports_, self.supports_[:, self._mirror()]]).astype(float)
            penalty = self._kernels(both) + STABLE * np.eye(len(both))
        grid = RIDGES[self.kernel] if self.ridge is None else [self.ridge]
        if len(features) < 2:  # without its only face the training set is empty
            grid = grid[-1:]
        solution, chosen = regression.choose_ridge(equations, features, targets, weights, grid, penalty)
        self.ridge_ = float(chosen)
        return solution
