"""Ensemble of regression trees: a cascade of boosted trees on differences of grey values.

Kazemi & Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR 2014. Each stage reads
the grey values of a few hundred pixels that move with the shape, and adds what its trees say; a stage's trees are grown
one after another on what is left (`ert.growing`). Unlike theirs and dlib's, trees speak of the principal components of
the steps, in the frame of the shape: many candidates then cost little, and a prediction adds few numbers for each tree.

The prediction is the median over several start shapes (as in Cao et al., "Face Alignment by Explicit Shape Regression",
CVPR 2012), in the face and in its mirror image. Trees see a face and its mirror image alike and cannot learn what
labels have of one side, so each stage begins with a constant step, one for a face and one for its mirror image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.ert.starts import mixed_shapes, start_shapes
from fldbench.baselines.parts.agreement import agreement
from fldbench.baselines.parts.fitting import DEVIATION, LARGEST_CROP, PADDING, check_fitted, mean_unit_shape
from fldbench.baselines.parts.frames import turned
from fldbench.baselines.parts.normalised import grey_crops, perturbed, training_crops
from fldbench.baselines.parts.threads import each_block, limited_blas
from fldbench.faces import FaceSet
from fldbench.geometry import box_size, check_boxes, crop_matrix, invert, transform
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.params import SEED, THREADS, Rule, real, whole
from fldbench.progress import say_progress
from fldbench.schemes import get_scheme
from fldbench.shapes import fill_missing, from_box_frame, mirrored, principal_axes, symmetric, to_box_frame

FACES_PER_TASK = 16  # faces that one thread takes through all stages at a time
LARGEST = 16_384  # of what a stage has to explain, in whole numbers: half of int16, since it can grow on the way
LEARNED = ("anchors_", "deltas_", "pixels_", "thresholds_", "leaves_", "components_", "biases_")


@dataclass(eq=False, repr=False)
class ERT(Method):
    """Cascade of boosted trees on grey values at pixels that move with the shape; median of several starts.

    Memory in training: each sample, of which a face has 2 * copies, takes `pool` + 12 * components bytes, and about 100
    bytes for each landmark; crops are on disk. The trees are grown by one thread: their time grows with
    stages * trees * (samples * components + 2 ** depth * judges * candidates).

    Parameters
    ----------
    stages, trees, depth : int
        A stage has `trees` trees with 2 ** depth leaves each.
    nu : float
        Which part of its step a tree takes.
    pool : int
        Pixels that a stage reads, drawn from the rectangle around the mean shape.
    reach : float
        A pair of them is drawn in proportion to exp(-distance / reach), in longer sides of that rectangle.
    candidates, cuts : int
        Pairs that a split chooses from, and thresholds that it tries for each of them.
    judges : int
        Samples on which a split is chosen, a random part of those that reach it; leaves are means of all samples.
    components : int
        Principal components of the steps that trees speak of.
    copies : int
        Start shapes of each face and of its mirror image in training: the mean shape, and random means of two other
        faces' shapes, every second one moved at random.
    shift, scale, rotation : float
        It is shifted by N(0, shift) box sides, scaled by exp(N(0, scale)) and turned by N(0, rotation) degrees.
    starts : int
        Start shapes of a prediction (`start_shapes`), an odd number from 1 to 9.
    start_spread : float
        How far the starts lie apart, in sides of the box.
    crop_size : int
        Side of the crop, px.
    blur : int
        Side of the square of pixels that a grey value is the mean of, an odd number; px of the crop.
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
        The mean shape about (0, 0), crop px.
    mirror_ : ndarray of shape (L,), or (0,) where the scheme does not know its mirror pairs
    anchors_ : ndarray of shape (stages, pool)
        The landmark that a pixel belongs to.
    deltas_ : ndarray of shape (stages, pool, 2)
        Its offset from there in the frame of the reference, crop px.
    pixels_, thresholds_, leaves_ : ndarray of shape (stages, trees, splits, 2), (..., splits) and (..., leaves, k)
        See `ert.growing.grow`.
    components_, biases_ : ndarray of shape (stages, k, 2 L) and (stages, 2, 2 L)
        A stage's step is its bias, for a face or for its mirror image, and the leaves' sum of components; crop px.
    """

    version = 3
    changes_nothing = ("threads",)
    rules = {
        "stages": whole(1, 1000),
        "trees": whole(1, 100_000),
        "depth": whole(1, 12),
        "nu": real(above=0, high=1),
        "pool": whole(2, 65_535),
        "reach": real(above=0),
        "candidates": whole(1, 100_000),
        "cuts": whole(1, 1000),
        "judges": whole(2, 65_536),
        "components": whole(1),
        "copies": whole(1, 10_000),
        "shift": DEVIATION,
        "scale": DEVIATION,
        "rotation": DEVIATION,
        "starts": Rule(
            "an odd number from 1 to 9, since all but one come in pairs",
            lambda value: whole(1, 9).fits(value) and value % 2 == 1,
        ),
        "start_spread": real(0, 1),
        "crop_size": whole(16, LARGEST_CROP),
        "blur": Rule("an odd number from 1 to 15", lambda value: whole(1, 15).fits(value) and value % 2 == 1),
        "padding": PADDING,
        "threads": THREADS,
        "random_state": SEED,
    }

    stages: int = 10
    trees: int = 500
    depth: int = 4
    nu: float = 0.12
    pool: int = 400
    reach: float = 0.05
    candidates: int = 48
    cuts: int = 3
    judges: int = 6000
    components: int = 24
    copies: int = 12
    shift: float = 0.05
    scale: float = 0.07
    rotation: float = 5.0
    starts: int = 3
    start_spread: float = 0.05
    crop_size: int = 240
    blur: int = 3
    padding: float = 0.2
    threads: int | None = None
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> ERT:
        """Grow the trees; `val` is not used."""
        self.check_params()
        mirror = get_scheme(train.scheme).mirror
        self.mirror_ = np.array(() if mirror is None else mirror, np.uint16)
        mean = mean_unit_shape(train)
        truth = fill_missing(train.landmarks, train.boxes, mean, train.ids)
        self.mean_shape_ = symmetric(mean, self.mirror_) if self.mirror_.size else mean
        matrices = crop_matrix(train.boxes, self.crop_size, self.padding)
        truth = transform(truth, matrices)
        truth = np.stack([truth, self._mirrored(truth)], axis=1)
        self.reference_ = (truth - truth.mean(axis=2, keepdims=True)).mean(axis=(0, 1))
        with training_crops(train, self.crop_size, self.padding, self.threads) as crops, limited_blas(1):
            shapes = self._begin(truth, transform(train.boxes.reshape(-1, 2, 2), matrices).reshape(-1, 4))
            done = list(self._stages(crops, truth, shapes))
        for name, parts in zip(LEARNED, zip(*done, strict=True), strict=True):
            setattr(self, name, np.stack(parts))
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        return np.median(self._each(images, boxes), axis=1)

    def predict_confidence(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return how near the answers from all starts, and of the mirror image, lie together: see `parts.agreement`."""
        return agreement(self._each(images, boxes), boxes)

    def _each(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the answers from all starts, and of the mirror image or again, (n, 2 starts, L, 2) px."""
        check_fitted(self, "leaves_")
        boxes = check_boxes(boxes)
        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        starts = start_shapes(self.mean_shape_, self.starts, self.start_spread)
        n, points = len(boxes), len(self.mean_shape_)
        begin = from_box_frame(starts.reshape(-1, 2), boxes)
        begin = transform(begin, matrices).reshape(n, 1, self.starts, points, 2)
        shapes = np.repeat(begin, 2, axis=1)

        def place(rows: slice) -> None:
            crops = grey_crops([images[i] for i in range(rows.start, rows.stop)], matrices[rows], self.crop_size, 1)
            own = shapes[rows].reshape(-1, points, 2)
            self._run(self._blurred(crops), own)
            shapes[rows] = own.reshape(shapes[rows].shape)

        each_block(place, n, FACES_PER_TASK, self.threads)
        shapes[:, 1] = self._mirrored(shapes[:, 1])
        each = 2 * self.starts
        return transform(shapes.reshape(n, each * points, 2), invert(matrices)).reshape(n, each, points, 2)

    def _run(self, crops: np.ndarray, shapes: np.ndarray) -> None:
        """Take shapes (n, L, 2), px of blurred crops (faces, size, size), through all stages, in place.

        Each face has equally many in a row: the first half for itself, the second half for its mirror image.
        """
        from fldbench.baselines.ert import cascade

        which, flip = self._samples(len(crops), len(shapes) // (2 * len(crops)))
        frames = np.empty((len(shapes), 2))
        values = np.empty((self.anchors_.shape[1], len(shapes)), np.uint8)
        columns = np.arange(len(shapes))
        for stage in range(len(self.leaves_)):
            place = (self.anchors_[stage], self.deltas_[stage])
            trees = (self.pixels_[stage], self.thresholds_[stage], self.leaves_[stage])
            sums = np.zeros((len(shapes), self.components_.shape[1]), np.int32)
            cascade.find_frames(self.reference_, shapes, frames)
            cascade.read_values(crops, which, flip, shapes, frames, *place, columns, values)
            cascade.add_leaves(values, *trees, sums)
            cascade.move(shapes, frames, flip, sums, self.components_[stage], self.biases_[stage])

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for values that do not fit each other."""
        found = Learned(self.label, learned)
        n = len(found.array("mean_shape_", "float64", (None, 2)))
        found.array("reference_", "float64", (n, 2))
        known = np.size(learned.get("mirror_")) > 0  # none where the scheme does not know it
        found.array("mirror_", "uint16", (n if known else 0,), 0, n)
        stages, pool = found.array("anchors_", "uint16", (None, None), 0, n).shape
        found.array("deltas_", "float32", (stages, pool, 2))
        splits = 2**self.depth - 1
        trees = found.array("pixels_", "uint16", (stages, None, splits, 2), 0, pool).shape[1]
        found.array("thresholds_", "int16", (stages, trees, splits))
        k = found.array("components_", "float32", (stages, None, 2 * n)).shape[1]
        found.array("leaves_", "int16", (stages, trees, splits + 1, k))
        found.array("biases_", "float32", (stages, 2, 2 * n))
        found.end()
        super().restore(learned)

    def _stages(self, crops: np.ndarray, truth: np.ndarray, shapes: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield what each stage learns, in the order of LEARNED.

        truth (n, 2, L, 2) and shapes (n, 2, copies, L, 2), px of the crops and of the mirrored crops; shapes are moved.
        """
        from fldbench.baselines.ert import cascade

        n, points = len(crops), truth.shape[2]
        which, flip = self._samples(n, self.copies)
        samples = shapes.reshape(-1, points, 2)
        order = self._generator(0).permutation(len(samples))  # see `growing.grow`: begin
        frames = np.empty((len(samples), 2))
        for stage in range(self.stages):
            cascade.find_frames(self.reference_, samples, frames)
            back = frames * (1, -1) / (frames**2).sum(axis=-1, keepdims=True)
            steps = turned((truth[:, :, None] - shapes).reshape(samples.shape), back).astype(np.float32)
            bias = self._bias(steps, flip)
            flat = steps.reshape(len(steps), -1)
            flat -= bias[flip.astype(int)]
            components = principal_axes(flat.T @ flat)[1][:, : self.components].T
            rest = flat @ components.T
            unit = max(float(np.abs(rest).max()) / LARGEST, 1e-12)
            aim = np.rint(rest / unit).astype(np.int16)
            del steps, flat, rest
            anchors, deltas, closeness = self._pool(stage)
            values = np.empty((self.pool, len(samples)), np.uint8)
            self._read(crops, which, flip, samples, frames, anchors, deltas, order, values)
            left = np.empty_like(aim)
            left[order] = aim
            trees = self._grow(stage, values, left, closeness)
            sums = aim.astype(np.int32) - left[order]
            components, bias = (unit * components).astype(np.float32), bias.astype(np.float32)
            cascade.move(samples, frames, flip, sums, components, bias)
            yield anchors, deltas, *trees, components, bias
        say_progress("fitting ert", self.stages * self.trees, self.stages * self.trees)

    def _grow(
        self, stage: int, values: np.ndarray, left: np.ndarray, closeness: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return pixels, thresholds and leaves of a stage's trees; values (P, n), left (n, k) to explain, changed."""
        from fldbench.baselines.ert.growing import grow

        splits = 2**self.depth - 1
        pixels = np.zeros((self.trees, splits, 2), np.uint16)
        thresholds = np.zeros((self.trees, splits), np.int16)
        leaves = np.zeros((self.trees, splits + 1, left.shape[1]), np.int16)
        for tree in range(self.trees):
            say_progress("fitting ert", stage * self.trees + tree, self.stages * self.trees)
            rng = self._generator(1, stage, tree)
            drawn = np.searchsorted(closeness, rng.random((splits, self.candidates)), side="right")
            pairs = np.stack(np.divmod(drawn, self.pool), axis=-1).astype(np.int32)
            draws = rng.random((splits, self.candidates, self.cuts))
            begin = int(rng.integers(len(left)))
            one = (pixels[tree], thresholds[tree], leaves[tree])
            grow(values, left, begin, pairs, draws, self.judges, self.nu, *one)
        return pixels, thresholds, leaves

    def _read(
        self,
        crops: np.ndarray,
        which: np.ndarray,
        flip: np.ndarray,
        samples: np.ndarray,
        frames: np.ndarray,
        anchors: np.ndarray,
        deltas: np.ndarray,
        columns: np.ndarray,
        values: np.ndarray,
    ) -> None:
        """Write the grey values of all samples; see `cascade.read_values`."""
        from fldbench.baselines.ert import cascade

        def read(faces: slice) -> None:
            rows = slice(2 * self.copies * faces.start, 2 * self.copies * faces.stop)
            some = (which[rows] - faces.start, flip[rows], samples[rows], frames[rows])
            cascade.read_values(self._blurred(crops[faces]), *some, anchors, deltas, columns[rows], values)

        each_block(read, len(crops), FACES_PER_TASK, self.threads)

    def _pool(self, stage: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return anchors (P,), deltas (P, 2) and the running sum (P^2,) of how probable each pair is."""
        rng = self._generator(2, stage)
        low, high = self.reference_.min(axis=0), self.reference_.max(axis=0)
        pool = rng.uniform(low, high, (self.pool, 2))
        anchors = np.linalg.norm(pool[:, None] - self.reference_, axis=-1).argmin(axis=1)
        far = np.linalg.norm(pool[:, None] - pool, axis=-1) / max((high - low).max(), 1e-9)
        np.fill_diagonal(far, np.inf)
        # The nearest pair weighs 1, so that not all weights are 0 however small the reach is.
        summed = np.exp((far.min() - far) / self.reach).cumsum()
        summed /= summed[-1]
        return anchors.astype(np.uint16), (pool - self.reference_[anchors]).astype(np.float32), summed

    def _begin(self, truth: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return the start shapes (n, 2, copies, L, 2) of the faces and of their mirror images.

        truth (n, 2, L, 2) and boxes (n, 4), px of the crops; a box lies in the middle of its crop, so it is its own
        mirror image.
        """
        n, points = len(truth), truth.shape[2]
        rng = self._generator(3)
        twice = np.repeat(boxes, 2, axis=0)
        unit = to_box_frame(truth.reshape(-1, points, 2), twice)
        begin = mixed_shapes(unit, 2 * n, self.copies, rng)
        begin[:, 0] = self.mean_shape_
        each = np.repeat(twice, self.copies, axis=0)
        begin = from_box_frame(begin.reshape(-1, points, 2), each).reshape(2 * n, self.copies, points, 2)
        some = begin[:, 1::2]
        sides = np.repeat(box_size(twice), some.shape[1], axis=0)
        both = perturbed(some.reshape(-1, points, 2), sides, 2, self.shift, self.scale, self.rotation, rng)
        some[...] = both[:, 1].reshape(some.shape)
        return begin.reshape(n, 2, self.copies, points, 2)

    def _bias(self, steps: np.ndarray, flip: np.ndarray) -> np.ndarray:
        """Return the mean step of the faces and of their mirror images, (2, 2 L), of steps (n, L, 2)."""
        if not self.mirror_.size:
            return np.tile(steps.mean(axis=0, dtype=float).ravel(), (2, 1))
        return np.stack([steps[flip == side].mean(axis=0, dtype=float).ravel() for side in (False, True)])

    def _samples(self, faces: int, copies: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the face of each sample, and whether it is mirrored, (2 * copies * faces,)."""
        which = np.repeat(np.arange(faces), 2 * copies)
        return which, np.tile(np.repeat([False, self.mirror_.size > 0], copies), faces)

    def _blurred(self, crops: np.ndarray) -> np.ndarray:
        """Return the means over squares of `blur` px; a mirrored crop gives the mirrored ones."""
        import cv2

        return np.stack([cv2.blur(crop, (self.blur, self.blur)) for crop in crops])

    def _mirrored(self, shapes: np.ndarray) -> np.ndarray:
        """Return shapes (..., L, 2) px in the mirrored crop; unchanged where no crop is mirrored."""
        return mirrored(shapes, self.mirror_, self.crop_size - 1) if self.mirror_.size else shapes

    def _generator(self, *key: int) -> np.random.Generator:
        """Return a generator of its own for every stage and tree, so that none depends on what others draw."""
        return np.random.default_rng(np.random.SeedSequence(self.random_state, spawn_key=key))
