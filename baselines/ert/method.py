"""Ensemble of regression trees: dlib's shape predictor, run from many starts.

Kazemi & Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR 2014; trained by dlib
(King, "Dlib-ml: A Machine Learning Toolkit", JMLR 10, 2009), and the options have dlib's names. The trained trees are
kept as arrays and run by `ert.trees`, which needs no dlib and answers in fractions of a pixel, where dlib rounds.

The prediction is the median over several start shapes (as in Cao et al., "Face Alignment by Explicit Shape Regression",
CVPR 2012), in the face and in its mirror image, so that a mirrored image gives the mirrored prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fldbench.baselines.ert.train import train_dlib, write_png, xml_entry
from fldbench.baselines.parts.agreement import agreement
from fldbench.baselines.parts.fitting import check_fitted, mean_unit_shape
from fldbench.baselines.parts.threads import blocks, each_block
from fldbench.faces import FaceSet
from fldbench.faces.crops import crop_image
from fldbench.files import temporary_folder
from fldbench.geometry import check_boxes, crop_matrix, jitter_box, transform
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.params import THREADS, Rule, count_threads, real, whole
from fldbench.progress import say_progress
from fldbench.schemes import get_scheme
from fldbench.shapes import fill_missing, from_box_frame, mirrored

if TYPE_CHECKING:
    from fldbench.baselines.ert.trees import Trees

DLIB_OPTIONS = (
    "cascade_depth",
    "tree_depth",
    "num_trees_per_cascade_level",
    "nu",
    "oversampling_amount",
    "oversampling_translation_jitter",
    "feature_pool_size",
    "feature_pool_region_padding",
    "lambda_param",
    "num_test_splits",
)
UP_TO_1 = real(0, 1)
FACES_PER_TASK = 16  # faces that one thread takes through the trees at a time
FACES_PER_REPORT = 256  # training faces that are cut between two reports of progress


@dataclass(eq=False, repr=False)
class ERT(Method):
    """dlib's shape predictor on faces normalised to one size, with mirrored copies and the median of several starts.

    dlib determines the memory of a training: it holds all crops, crop_size ** 2 bytes for each of two copies of a face,
    and for each start of a copy 32 bytes for each landmark and feature_pool_size bytes. Its time grows with faces x
    oversampling_amount x num_test_splits x tree_depth x all trees; many starts with few tests for each split gave
    smaller errors than few starts with many.

    Parameters
    ----------
    cascade_depth, tree_depth, num_trees_per_cascade_level : int
        As in dlib; a tree has 2 ** tree_depth leaves.
    nu : float
        As in dlib: how much of its step a tree takes.
    oversampling_amount, oversampling_translation_jitter : int, float
        As in dlib.
    feature_pool_size, feature_pool_region_padding : int, float
        As in dlib.
    lambda_param, num_test_splits : float, int
        As in dlib.
    box_jitter : float
        Standard deviation of the shift (in box sides) and of the scale of the mirrored copies' boxes, so that training
        includes inaccurate boxes.
    starts : int
        Start shapes of a prediction (`start_shapes`), an odd number from 1 to 9.
    start_spread : float
        How far the starts lie apart, in sides of the box.
    crop_size : int
        Side of the crop, px. dlib rounds the true landmarks to whole pixels of it, so it should not be small.
    padding : float
        The crop holds the box grown by this share of its longer side on each end.
    threads : int, optional
        Of the training and of predictions; None is one thread for each core. Predictions are the same for every number.
        A training with another number gives a slightly different model, always the same for each number (measured;
        presumably dlib sums in as many parts), so the default is a fixed number.
    random_state : int

    Attributes
    ----------
    mean_, pixels_, thresholds_, leaves_, units_, anchors_, deltas_ : ndarray
        The arrays of `ert.trees.Trees`.
    mirror_ : ndarray of shape (L,), uint16; (0,) where the scheme does not know its mirror pairs
    """

    version = 2
    rules = {
        "cascade_depth": whole(1, 1000),
        "tree_depth": whole(1, 12),
        "num_trees_per_cascade_level": whole(1, 100_000),
        "nu": real(1e-6, 1),
        "oversampling_amount": whole(1, 10_000),
        "oversampling_translation_jitter": UP_TO_1,
        "feature_pool_size": whole(2, 65_535),
        "feature_pool_region_padding": real(0, 10),
        "lambda_param": real(0.01, 1000),  # dlib draws pairs until one is near enough, which might never end
        "num_test_splits": whole(1, 100_000),
        "box_jitter": UP_TO_1,
        "starts": Rule(
            "an odd number from 1 to 9, since all but one come in pairs",
            lambda value: whole(1, 9).fits(value) and value % 2 == 1,
        ),
        "start_spread": UP_TO_1,
        "crop_size": whole(16, 4096),
        "padding": real(0, 10),
        "threads": THREADS,
        "random_state": whole(0, 2**63 - 1),
    }

    cascade_depth: int = 10
    tree_depth: int = 4
    num_trees_per_cascade_level: int = 500
    nu: float = 0.1
    oversampling_amount: int = 12
    oversampling_translation_jitter: float = 0.0
    feature_pool_size: int = 400
    feature_pool_region_padding: float = 0.0
    lambda_param: float = 0.1
    num_test_splits: int = 8
    box_jitter: float = 0.05
    starts: int = 5
    start_spread: float = 0.05
    crop_size: int = 300
    padding: float = 0.2
    threads: int | None = 2
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> ERT:
        """Train the trees; dlib is needed, and runs in a process of its own."""
        from fldbench.baselines.ert.trees import read_trees

        self.check_params()
        options = {name: getattr(self, name) for name in DLIB_OPTIONS}
        options |= {"num_threads": count_threads(self.threads), "random_seed": str(self.random_state)}
        truth = fill_missing(train.landmarks, train.boxes, mean_unit_shape(train), train.ids)
        with temporary_folder() as folder:
            faces = self._write_faces(train, truth, folder)
            trees = read_trees(train_dlib(folder, faces, options)).compact()
        mirror = get_scheme(train.scheme).mirror
        self.mirror_ = np.array(() if mirror is None else mirror, np.uint16)
        for name, value in vars(trees).items():
            setattr(self, f"{name}_", value)
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        return from_box_frame(np.median(self._each(images, boxes), axis=1), boxes)

    def predict_confidence(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return how near the answers from all starts, and of the mirror image, lie together: see `parts.agreement`."""
        return agreement(self._each(images, boxes), np.tile([0.0, 0.0, 1.0, 1.0], (len(boxes), 1)))

    def _each(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the answers from all starts, and of the mirror image, (n, k, L, 2) in the box frame."""
        check_fitted(self, "leaves_")
        from fldbench.baselines.ert.trees import run_trees

        trees = self._trees()
        starts = start_shapes(self.mean_, self.starts, self.start_spread)
        boxes = check_boxes(boxes)
        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        corners = transform(boxes.reshape(-1, 2, 2), matrices)
        answers = len(starts) * (2 if self.mirror_.size else 1)
        unit = np.empty((len(boxes), answers, len(self.mean_), 2))

        def place(rows: slice) -> None:
            cut = range(rows.start, rows.stop)
            crops = np.stack([crop_image(images[i], matrices[i], self.crop_size, grey=True) for i in cut])
            # The box lies in the middle of its crop, so it is its own mirror image.
            plain = run_trees(trees, crops, corners[rows], starts)
            found = [plain]
            if self.mirror_.size:
                turned = run_trees(trees, crops[:, :, ::-1], corners[rows], starts)
                found.append(mirrored(turned, self.mirror_, width=1))
            unit[rows] = np.concatenate(found, axis=1)

        each_block(place, len(boxes), FACES_PER_TASK, self.threads)
        return unit

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError where arrays are missing or do not fit each other."""
        from fldbench.baselines.ert.trees import Trees

        found = Learned(self.label, learned)
        n = len(found.array("mean_", "float32", (None, 2)))
        stages, trees, splits, _ = found.array("pixels_", "uint16", (None, None, None, 2)).shape
        pool = found.array("anchors_", "uint16", (stages, None), 0, n).shape[1]
        found.array("deltas_", "float32", (stages, pool, 2))
        found.array("thresholds_", "float32", (stages, trees, splits))
        found.array("leaves_", "int16 float32", (stages, trees, splits + 1, 2 * n))
        found.array("units_", "float32", (stages, trees))
        known = np.size(learned.get("mirror_")) > 0  # none where the scheme does not know it
        found.array("mirror_", "uint16", (n if known else 0,), 0, n)
        found.end()
        Trees(**{name: learned[f"{name}_"] for name in Trees.__annotations__})
        super().restore(learned)

    def _trees(self) -> Trees:
        from fldbench.baselines.ert.trees import Trees

        return Trees(**{name: getattr(self, f"{name}_") for name in Trees.__annotations__})

    def _write_faces(self, train: FaceSet, truth: np.ndarray, folder: Path) -> list[str]:
        """Write the crop of every copy of every face; return the entries of dlib's file, all first copies first."""
        mirror = get_scheme(train.scheme).mirror
        entries: list[list[str]] = []
        for some in blocks(len(train), FACES_PER_REPORT):
            say_progress("crops", some.start, len(train))

            def write(rows: slice, first: int = some.start) -> list[list[str]]:
                cut = range(first + rows.start, first + rows.stop)
                return [self._write_copies(i, train.images[i], train.boxes[i], truth[i], mirror, folder) for i in cut]

            found = each_block(write, some.stop - some.start, FACES_PER_TASK, self.threads)
            entries += [entry for block in found for entry in block]
        say_progress("crops", len(train), len(train))
        return [entry for copy in zip(*entries, strict=True) for entry in copy]

    def _write_copies(
        self, i: int, image: np.ndarray, box: np.ndarray, shape: np.ndarray, mirror: Sequence[int] | None, folder: Path
    ) -> list[str]:
        """Write face i as it is and mirrored, or without a mirror map twice in different boxes.

        Its random numbers depend on the seed and i alone, not on the thread.
        """
        rng = np.random.default_rng((self.random_state, i))
        jittered = jitter_box(box, rng, self.box_jitter, self.box_jitter)
        entries = []
        for box_now, flip in ((box, False), (jittered, True)):
            matrix = crop_matrix(box_now[None], self.crop_size, self.padding)[0]
            crop, points = crop_image(image, matrix, self.crop_size, grey=True), transform(shape, matrix)
            if flip and mirror is not None:
                crop, points = crop[:, ::-1], mirrored(points, mirror, self.crop_size - 1)
            name = f"{i}-{int(flip)}.png"
            write_png(folder / name, crop)
            # The box lies in the middle of its crop, so it is its own mirror image.
            entries.append(xml_entry(name, transform(box_now.reshape(2, 2), matrix), points))
        return entries


def start_shapes(mean: np.ndarray, starts: int, spread: float) -> np.ndarray:
    """Return the first `starts` of the mean shape; moved right, left, down, up; larger, smaller; turned right, left.

    It is moved by `spread` sides of the box, and about its centre of mass scaled by 1 + and 1 - spread and turned by
    `spread` radians.

    Parameters
    ----------
    mean : ndarray of shape (L, 2)
        In the box frame.
    starts : int
        From 1 to 9.
    spread : float

    Returns
    -------
    ndarray of shape (starts, L, 2), float32

    >>> start_shapes(np.array([[0.25, 0.5], [0.75, 0.5]]), 3, 0.125)[1:].tolist()
    [[[0.375, 0.5], [0.875, 0.5]], [[0.125, 0.5], [0.625, 0.5]]]
    """
    move = spread * np.array([0, 1, -1, 1j, -1j, 0, 0, 0, 0])[:starts]
    factor = np.array([1, 1, 1, 1, 1, 1 + spread, 1 - spread, np.exp(1j * spread), np.exp(-1j * spread)])[:starts]
    points = mean[:, 0] + 1j * mean[:, 1]
    moved = (points - points.mean()) * factor[:, None] + points.mean() + move[:, None]
    return np.stack([moved.real, moved.imag], axis=-1).astype(np.float32)
