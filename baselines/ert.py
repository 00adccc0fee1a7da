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


class ERT(Method):
    """dlib's shape predictor on faces normalised to one size, with mirrored copies.

    cascade_depth, tree_depth, num_trees_per_cascade_level, nu, oversampling_amount, oversampling_translation_jitter,
    feature_pool_size, feature_pool_region_padding, lambda_param, num_test_splits   as in dlib; a tree has
                 2 ** tree_depth leaves
    box_jitter   standard deviation of the shift (in box sides) and scale of the boxes of the mirrored copies; it teaches
                 boxes that are off
    crop_size    side of the crop, px, that holds the box grown by `padding` of its longer side on each end; dlib rounds
                 landmarks to whole pixels of it, so it should not be small
    threads      of the training; they do not change the result
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
        box_jitter: float = 0.0,
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
        crops, objects = [], []
        for boxes, flip in ((train.boxes, False), (jittered, True)):
            matrices = crop_matrix(boxes, self.crop_size, self.padding)
            points, corners = transform(truth, matrices), transform(boxes.reshape(-1, 2, 2), matrices)
            if flip:
                points = points[:, mirror] * (-1, 1) + (self.crop_size - 1, 0)
            for image, matrix, shape, corner in zip(train.images, matrices, points, corners, strict=True):
                crop = self._crop(image, matrix)
                crops.append(np.ascontiguousarray(crop[:, ::-1]) if flip else crop)
                parts = [dlib.point(round(x), round(y)) for x, y in shape.tolist()]
                # The box lies in the middle of its crop, so it is its own mirror image.
                objects.append([dlib.full_object_detection(_rectangle(dlib, corner), parts)])
        self._restore_predictor(dlib.train_shape_predictor(crops, objects, self._options(dlib)))
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """n images, boxes (n, 4) px -> (n, L, 2) px."""
        check_fitted(self, "model_")
        dlib = _dlib()
        matrices = crop_matrix(boxes, self.crop_size, self.padding)
        corners = transform(check_boxes(boxes).reshape(-1, 2, 2), matrices)
        shapes = np.empty((len(images), self.n_points_, 2))
        for i, (image, matrix, corner) in enumerate(zip(images, matrices, corners, strict=True)):
            parts = self._predictor(self._crop(image, matrix), _rectangle(dlib, corner)).parts()
            shapes[i] = [(part.x, part.y) for part in parts]
        return transform(shapes, invert(matrices))

    @property
    def n_points_(self) -> int:
        return self._predictor_points

    def learned(self) -> dict[str, Any]:
        """model_: dlib's own saved file, uint8 (bytes,); n_points_."""
        return {} if not hasattr(self, "model_") else {"model_": self.model_}
