"""Ensemble of regression trees: dlib's shape predictor.

Kazemi & Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR 2014; trained and run by
dlib (King, "Dlib-ml: A Machine Learning Toolkit", JMLR 10, 2009), whose names the options keep.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.baselines.mean_shape import check_fitted, fill_missing, mean_unit_shape
from fldbench.errors import DataError, MethodError, MissingDependencyError
from fldbench.faces import FaceSet
from fldbench.geometry import check_boxes, crop_matrix, invert, jitter_box, to_grey, transform, warp
from fldbench.method import Method
from fldbench.schemes import get_scheme

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


class ERT(Method):
    """dlib's shape predictor on faces normalised to one size, with mirrored copies.

    cascade_depth, tree_depth, num_trees_per_cascade_level, nu, oversampling_amount, oversampling_translation_jitter,
    feature_pool_size, feature_pool_region_padding, lambda_param, num_test_splits   as in dlib; a tree has
                 2 ** tree_depth leaves
    box_jitter   standard deviation of the shift (in box sides) and of the scale of the mirrored copies' boxes, so that
                 boxes that are off are met in training
    crop_size    side of the crop, px, that holds the box grown by `padding` of its longer side on each end; dlib rounds
                 landmarks to whole pixels of it, so it should not be small
    threads      of the training. Another number gives a slightly different model, each number always the same
                 (measured; presumably dlib sums in as many parts), so it is fixed here, not "all there are"
    """

    def __init__(
        self,
        cascade_depth: int = 10,
        tree_depth: int = 4,
        num_trees_per_cascade_level: int = 500,
        nu: float = 0.1,
        oversampling_amount: int = 5,
        oversampling_translation_jitter: float = 0.0,
        feature_pool_size: int = 400,
        feature_pool_region_padding: float = 0.0,
        lambda_param: float = 0.1,
        num_test_splits: int = 20,
        box_jitter: float = 0.05,
        crop_size: int = 300,
        padding: float = 0.2,
        threads: int = 2,
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
        self.crop_size = crop_size
        self.padding = padding
        self.threads = threads
        self.random_state = random_state

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> ERT:
        """Trains dlib's predictor; model_ is the file that dlib saves, as (bytes,) uint8."""
        dlib = _dlib()
        mean = mean_unit_shape(train)
        truth = fill_missing(train.landmarks, train.boxes, mean, train.ids)
        mirror = list(get_scheme(train.scheme).mirror)
        rng = np.random.default_rng(self.random_state)
        jittered = np.array([jitter_box(box, rng, self.box_jitter, self.box_jitter) for box in train.boxes])
        with tempfile.TemporaryDirectory() as folder:
            entries = []
            for boxes, flip in ((train.boxes, False), (jittered, True)):
                matrices = crop_matrix(boxes, self.crop_size, self.padding)
                points, corners = transform(truth, matrices), transform(boxes.reshape(-1, 2, 2), matrices)
                if flip:
                    points = points[:, mirror] * (-1, 1) + (self.crop_size - 1, 0)
                for image, matrix, shape, corner in zip(train.images, matrices, points, corners, strict=True):
                    crop = self._crop(image, matrix)
                    name = f"{len(entries)}.png"
                    _write_png(Path(folder) / name, crop[:, ::-1] if flip else crop)
                    # The box lies in the middle of its crop, so it is its own mirror image.
                    entries.append(_xml_entry(name, corner, shape))
            self.model_ = _train(dlib, Path(folder), entries, self._options(dlib))
        self.n_points_ = len(mirror)
        self._predictor = _load(self.model_)
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """n images, boxes (n, 4) px -> (n, L, 2) px."""
        check_fitted(self, "model_")
        dlib = _dlib()
        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        corners = transform(check_boxes(boxes).reshape(-1, 2, 2), matrices)
        shapes = np.empty((len(images), self.n_points_, 2))
        for i, (image, matrix, corner) in enumerate(zip(images, matrices, corners, strict=True)):
            parts = self._predictor(self._crop(image, matrix), dlib.rectangle(*_whole(corner))).parts()
            shapes[i] = [(part.x, part.y) for part in parts]
        return transform(shapes, invert(matrices))

    def learned(self) -> dict[str, Any]:
        """model_: dlib's own saved file, (bytes,) uint8; n_points_: L."""
        if not hasattr(self, "model_"):
            return {}
        return {"model_": self.model_, "n_points_": self.n_points_}

    def restore(self, learned: dict[str, Any]) -> None:
        """Takes back what `learned` gave; raises DataError when the bytes are no predictor of dlib's."""
        super().restore(learned)
        self._predictor = _load(self.model_)

    @property
    def n_parameters(self) -> int:
        """Numbers in the trees: a shape update in every leaf, two pixels and a threshold in every split."""
        leaves = 2**self.tree_depth
        return self.cascade_depth * self.num_trees_per_cascade_level * (leaves * 2 * self.n_points_ + (leaves - 1) * 3)

    def __getstate__(self) -> dict[str, Any]:
        # So that copies and worker processes get it: the bytes say everything, and dlib's object cannot be deep-copied.
        return {name: value for name, value in vars(self).items() if name != "_predictor"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if "model_" in state:
            self._predictor = _load(self.model_)

    def _options(self, dlib) -> Any:
        options = dlib.shape_predictor_training_options()
        for name in DLIB_OPTIONS:
            try:
                setattr(options, name, getattr(self, name))
            except TypeError as error:
                wanted = type(getattr(options, name)).__name__
                raise MethodError(f"ert: {name} is {getattr(self, name)!r}; dlib wants one {wanted}") from error
        options.num_threads = self.threads
        options.random_seed = str(self.random_state)
        options.be_verbose = False
        return options

    def _crop(self, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        return to_grey(warp(image, matrix, self.crop_size))


def _dlib() -> Any:
    """The dlib module, imported when it is needed."""
    try:
        import dlib
    except ImportError as error:
        raise MissingDependencyError(f"the method ert needs dlib ({error}); install dlib-bin") from error
    return dlib


def _train(dlib, folder: Path, entries: list[str], options: Any) -> np.ndarray:
    """The predictor that dlib trains on imglab's XML, as the file that it saves, uint8 (bytes,).

    Not through dlib's function for arrays: its threads share the arrays' reference counts without a lock, and numpy
    then reports "Reference count error detected" (dlib 20.0.1). The model is the same, byte for byte.
    """
    (folder / "faces.xml").write_text(f"<?xml version='1.0'?><dataset><images>{''.join(entries)}</images></dataset>")
    try:
        dlib.train_shape_predictor(str(folder / "faces.xml"), str(folder / "model.dat"), options)
    except (RuntimeError, ValueError) as error:
        raise MethodError(f"ert: dlib refused to train ({' '.join(str(error).split())})") from error
    return np.frombuffer((folder / "model.dat").read_bytes(), np.uint8).copy()


def _write_png(path: Path, grey: np.ndarray) -> None:
    """Writes a grey image without loss, quickly rather than small: it is read once."""
    import cv2

    encoded = cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    path.write_bytes(encoded.tobytes())


def _xml_entry(name: str, corners: np.ndarray, shape: np.ndarray) -> str:
    """One face of an imglab file: corners (2, 2) and points (L, 2) px, rounded since dlib reads whole numbers only.

    Numbers of one width as names, because dlib sorts the points by name.

    >>> _xml_entry("0.png", np.array([[1.0, 2.0], [4.0, 6.0]]), np.array([[3.2, 4.9]]))
    "<image file='0.png'><box top='2' left='1' width='4' height='5'><part name='0000' x='3' y='5'/></box></image>"
    """
    left, top, right, bottom = _whole(corners)
    points = [_whole(point) for point in shape]
    parts = "".join(f"<part name='{i:04d}' x='{x}' y='{y}'/>" for i, (x, y) in enumerate(points))
    # Both border pixels belong to a box of dlib's, hence + 1.
    box = f"top='{top}' left='{left}' width='{right - left + 1}' height='{bottom - top + 1}'"
    return f"<image file='{name}'><box {box}>{parts}</box></image>"


def _whole(values: np.ndarray) -> list[int]:
    return [round(value) for value in values.ravel().tolist()]


def _load(model: np.ndarray) -> Any:
    """The inverse of `_dump`; raises DataError for other bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.dat"
        path.write_bytes(model.tobytes())
        try:
            return _dlib().shape_predictor(str(path))
        except RuntimeError as error:
            raise DataError(f"the model of ert is nothing that dlib can read ({error}); train it again") from error
