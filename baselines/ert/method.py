"""Ensemble of regression trees: dlib's shape predictor, run from many starts.

Kazemi & Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR 2014; trained by dlib
(King, "Dlib-ml: A Machine Learning Toolkit", JMLR 10, 2009), whose names the options keep. The trained trees are kept
as arrays and run by `ert_trees`, which answers in fractions of a pixel, where dlib rounds, and needs no dlib.

The answer is the median over several start shapes (as in Cao et al., "Face Alignment by Explicit Shape Regression",
CVPR 2012), in the face and in its mirror image; so a mirrored image gives the mirrored answer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fldbench.baselines.ert.train import train_dlib, write_png, xml_entry
from fldbench.baselines.mean_shape import check_fitted, fill_missing, from_box_frame, mean_unit_shape
from fldbench.baselines.parts.threads import blocks, each_block
from fldbench.crops import crop_image
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet
from fldbench.geometry import check_boxes, crop_matrix, jitter_box, transform
from fldbench.method import Method
from fldbench.params import count_threads
from fldbench.progress import report
from fldbench.schemes import get_scheme

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
WHOLE = {  # parameter: smallest and largest value
    "cascade_depth": (1, 1000),
    "tree_depth": (1, 12),
    "num_trees_per_cascade_level": (1, 100_000),
    "oversampling_amount": (1, 10_000),
    "feature_pool_size": (2, 65_535),
    "num_test_splits": (1, 100_000),
    "starts": (1, 9),
    "crop_size": (16, 4096),
    "random_state": (0, 2**63 - 1),
}
REAL = {
    "nu": (1e-6, 1.0),
    "oversampling_translation_jitter": (0.0, 1.0),
    "feature_pool_region_padding": (0.0, 10.0),
    "lambda_param": (0.01, 1000.0),  # dlib draws pairs until one is near enough, which would take for ever
    "box_jitter": (0.0, 1.0),
    "start_spread": (0.0, 1.0),
    "padding": (0.0, 10.0),
}
BLOCK = 16  # faces that one thread takes through the trees at a time
FACES = 256  # training faces that are cut between two news of progress


class ERT(Method):
    """dlib's shape predictor on faces normalised to one size, with mirrored copies and the median of several starts.

    cascade_depth, tree_depth, num_trees_per_cascade_level, nu, oversampling_amount, oversampling_translation_jitter,
    feature_pool_size, feature_pool_region_padding, lambda_param, num_test_splits   as in dlib; a tree has
                 2 ** tree_depth leaves
    box_jitter   standard deviation of the shift (in box sides) and of the scale of the mirrored copies' boxes, so that
                 boxes that are off are met in training
    starts       start shapes of a prediction (`start_shapes`), an odd number from 1 to 9
    start_spread how far the starts lie apart, in sides of the box
    crop_size    side of the crop, px, that holds the box grown by `padding` of its longer side on each end; dlib rounds
                 the true landmarks to whole pixels of it, so it should not be small
    threads      of the training and of predictions; None is one a core. Predictions are the same for every number; a
                 training with another number gives a slightly different model, each number always the same (measured;
                 presumably dlib sums in as many parts), so it is fixed here, not "all there are"

    The memory of a training is dlib's: it holds all crops, crop_size ** 2 bytes for each of two copies of a face, and
    32 bytes a landmark and feature_pool_size bytes for each start of a copy. Its time grows with faces x
    oversampling_amount x num_test_splits x tree_depth x all trees; many starts with few tests a split gave smaller
    errors than few starts with many.
    """

    version = 2

    def __init__(
        self,
        cascade_depth: int = 10,
        tree_depth: int = 4,
        num_trees_per_cascade_level: int = 500,
        nu: float = 0.1,
        oversampling_amount: int = 12,
        oversampling_translation_jitter: float = 0.0,
        feature_pool_size: int = 400,
        feature_pool_region_padding: float = 0.0,
        lambda_param: float = 0.1,
        num_test_splits: int = 8,
        box_jitter: float = 0.05,
        starts: int = 5,
        start_spread: float = 0.05,
        crop_size: int = 300,
        padding: float = 0.2,
        threads: int | None = 2,
        random_state: int = 0,
    ):
        self.cascade_depth = cascade_depth
        self.tree_depth = tree_depth
        self.num_trees_per_cascade_level = num_trees_per_cascade_level
        self.nu = nu
        self.oversampling_amount = oversampling_amount
        self.oversampling_translation_jitter = oversampling_translation_jitter
        self.feature_pool_size = feature_pool_size
        self.feature_pool_region_padding = feature_pool_region_padding
        self.lambda_param = lambda_param
        self.num_test_splits = num_test_splits
        self.box_jitter = box_jitter
        self.starts = starts
        self.start_spread = start_spread
        self.crop_size = crop_size
        self.padding = padding
        self.threads = threads
        self.random_state = random_state

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> ERT:
        """Learns the arrays of `ert_trees.Trees`, each under its name with a `_`, and mirror_ (L,)."""
        from fldbench.baselines.ert.trees import read_trees

        self._check_params()
        options = {name: getattr(self, name) for name in DLIB_OPTIONS}
        options |= {"num_threads": count_threads(self.threads), "random_seed": str(self.random_state)}
        truth = fill_missing(train.landmarks, train.boxes, mean_unit_shape(train), train.ids)
        with tempfile.TemporaryDirectory(prefix="fldbench-") as folder:
            faces = self._write_faces(train, truth, Path(folder))
            trees = read_trees(train_dlib(Path(folder), faces, options)).compact()
        self.mirror_ = np.array(get_scheme(train.scheme).mirror, np.uint16)
        for name, value in vars(trees).items():
            setattr(self, f"{name}_", value)
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """n images, boxes (n, 4) px -> (n, L, 2) px."""
        check_fitted(self, "leaves_")
        from fldbench.baselines.ert.trees import run_trees

        trees = self._trees()
        starts = start_shapes(self.mean_, self.starts, self.start_spread)
        boxes = check_boxes(boxes)
        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        corners = transform(boxes.reshape(-1, 2, 2), matrices)
        unit = np.empty((len(boxes), len(self.mean_), 2))

        def place(rows: slice) -> None:
            cut = range(rows.start, rows.stop)
            crops = np.stack([crop_image(images[i], matrices[i], self.crop_size, grey=True) for i in cut])
            # The box lies in the middle of its crop, so it is its own mirror image.
            plain = run_trees(trees, crops, corners[rows], starts)
            mirrored = run_trees(trees, crops[:, :, ::-1], corners[rows], starts)
            mirrored = mirrored[:, :, self.mirror_] * np.float32((-1, 1)) + np.float32((1, 0))
            unit[rows] = np.median(np.concatenate([plain, mirrored], axis=1), axis=1)

        each_block(place, len(boxes), BLOCK, self.threads)
        return from_box_frame(unit, boxes)

    def restore(self, learned: dict[str, Any]) -> None:
        """Takes back what `learned` gave; raises DataError where arrays are missing or do not fit each other."""
        super().restore(learned)
        if not hasattr(self, "mirror_"):
            raise DataError("the model of ert is one of an earlier version; train it again")
        self._trees()

    def _trees(self) -> Trees:
        from fldbench.baselines.ert.trees import Trees

        return Trees(**{name: getattr(self, f"{name}_") for name in Trees.__annotations__})

    def _write_faces(self, train: FaceSet, truth: np.ndarray, folder: Path) -> list[str]:
        """Writes the crop of every copy of every face; the faces' entries in dlib's file, all first copies first."""
        mirror = list(get_scheme(train.scheme).mirror)
        entries: list[list[str]] = []
        for some in blocks(len(train), FACES):
            report("crops", some.start, len(train))

            def write(rows: slice, first: int = some.start) -> list[list[str]]:
                cut = range(first + rows.start, first + rows.stop)
                return [self._write_copies(i, train.images[i], train.boxes[i], truth[i], mirror, folder) for i in cut]

            found = each_block(write, some.stop - some.start, BLOCK, self.threads)
            entries += [entry for block in found for entry in block]
        report("crops", len(train), len(train))
        return [entry for copy in zip(*entries, strict=True) for entry in copy]

    def _write_copies(
        self, i: int, image: np.ndarray, box: np.ndarray, shape: np.ndarray, mirror: list[int], folder: Path
    ) -> list[str]:
        """Face i as it is and mirrored; its random numbers depend on the seed and on i alone, not on the thread."""
        rng = np.random.default_rng((self.random_state, i))
        jittered = jitter_box(box, rng, self.box_jitter, self.box_jitter)
        entries = []
        for box_now, flip in ((box, False), (jittered, True)):
            matrix = crop_matrix(box_now[None], self.crop_size, self.padding)[0]
            crop, points = crop_image(image, matrix, self.crop_size, grey=True), transform(shape, matrix)
            if flip:
                crop, points = crop[:, ::-1], points[mirror] * (-1, 1) + (self.crop_size - 1, 0)
            name = f"{i}-{int(flip)}.png"
            write_png(folder / name, crop)
            # The box lies in the middle of its crop, so it is its own mirror image.
            entries.append(xml_entry(name, transform(box_now.reshape(2, 2), matrix), points))
        return entries

    def _check_params(self) -> None:
        for name, (low, high) in WHOLE.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise MethodError(f"ert: {name} is {value!r}; allowed is a whole number from {low} to {high}")
        for name, (low, high) in REAL.items():
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
                raise MethodError(f"ert: {name} is {value!r}; allowed is a number from {low:g} to {high:g}")
        if self.starts % 2 == 0:
            raise MethodError(f"ert: starts is {self.starts}; allowed is an odd number, as all but one come in pairs")


def start_shapes(mean: np.ndarray, starts: int, spread: float) -> np.ndarray:
    """The first `starts` of: the mean shape; it moved right, left, down, up; larger, smaller; turned right, left.

    mean (L, 2) in the box -> (starts, L, 2) float32. Moved by `spread` sides of the box, scaled by 1 + and 1 - spread,
    turned by `spread` radians, about its centre of mass.

    >>> start_shapes(np.array([[0.25, 0.5], [0.75, 0.5]]), 3, 0.125)[1:].tolist()
    [[[0.375, 0.5], [0.875, 0.5]], [[0.125, 0.5], [0.625, 0.5]]]
    """
    move = spread * np.array([0, 1, -1, 1j, -1j, 0, 0, 0, 0])[:starts]
    factor = np.array([1, 1, 1, 1, 1, 1 + spread, 1 - spread, np.exp(1j * spread), np.exp(-1j * spread)])[:starts]
    points = mean[:, 0] + 1j * mean[:, 1]
    moved = (points - points.mean()) * factor[:, None] + points.mean() + move[:, None]
    return np.stack([moved.real, moved.imag], axis=-1).astype(np.float32)
