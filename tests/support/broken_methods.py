"""Toy methods: a good one that has everything a check may ask for, and for every check some that break just that."""

import pickle
import random
import threading
from dataclasses import replace

import numpy as np

from fldbench.baselines.parts.fitting import check_fitted, mean_unit_shape
from fldbench.errors import MethodError
from fldbench.geometry import check_boxes
from fldbench.method import Method
from fldbench.params import check_sample_weight
from fldbench.progress import report
from fldbench.shapes import from_box_frame


class Good(Method):
    """The mean shape with everything that a check may ask for."""

    def __init__(self, alpha=1.0, threads=None, random_state=0):
        self.alpha = alpha
        self.threads = threads
        self.random_state = random_state

    def fit(self, train, val=None, sample_weight=None):
        if self.threads == 0:
            raise MethodError("threads is 0")
        report("toy: steps", 0, 2)
        weight = check_sample_weight(sample_weight, train)
        noise = np.random.default_rng(self.random_state).normal(0, 1e-3, (1, 2))
        self.mean_ = mean_unit_shape(train[weight > 0]) + noise
        report("toy: steps", 2, 2)
        return self

    def predict(self, images, boxes):
        check_fitted(self, "mean_")
        return from_box_frame(self.mean_, check_boxes(boxes))

    def predict_attributes(self, images, boxes):
        return {"smile": np.full((len(images), 2), 0.5)}


class FitsNothing(Good):
    def fit(self, train, val=None, sample_weight=None):
        super().fit(train, val, sample_weight)  # returns None


class StoresChanged(Good):
    def __init__(self, alpha=1.0, threads=None, random_state=0):
        super().__init__(str(alpha), threads, random_state)


class ChangesParameters(Good):
    def fit(self, train, val=None, sample_weight=None):
        self.alpha = 2.0
        return super().fit(train, val, sample_weight)


class ForgetsToSayUnfitted(Good):
    def predict(self, images, boxes):
        return from_box_frame(self.mean_, check_boxes(boxes))


class LearnsNothing(Good):
    def predict(self, images, boxes):
        answer = super().predict(images, boxes)
        centre = answer.mean(axis=1, keepdims=True)
        return centre + 2 * (answer - centre)


class WritesIntoLandmarks(Good):
    def fit(self, train, val=None, sample_weight=None):
        train.landmarks[:1, 0] += 1e-9
        return super().fit(train, val, sample_weight)


class CannotBeSaved(Good):
    def fit(self, train, val=None, sample_weight=None):
        self.table_ = {1: np.ones(3)}
        return super().fit(train, val, sample_weight)


class KeepsAPickle(Good):
    def fit(self, train, val=None, sample_weight=None):
        self.blob_ = np.frombuffer(pickle.dumps([1, 2]), np.uint8).copy()
        return super().fit(train, val, sample_weight)


class CannotBeCopied(Good):
    def fit(self, train, val=None, sample_weight=None):
        self._lock = threading.Lock()
        return super().fit(train, val, sample_weight)


class DependsOnGlobalSeed(Good):
    def fit(self, train, val=None, sample_weight=None):
        super().fit(train, val, sample_weight)
        self.mean_ += np.random.get_state()[1][5] * 1e-12
        return self


class DrawsAgainFromRandomState(Good):
    draws = 0

    def fit(self, train, val=None, sample_weight=None):
        super().fit(train, val, sample_weight)
        if self.random_state == 7:
            type(self).draws += 1
            self.mean_ += 1e-3 * self.draws
        return self


class TouchesNumpysGenerator(Good):
    def predict(self, images, boxes):
        np.random.rand()
        return super().predict(images, boxes)


class TouchesPythonsGenerator(Good):
    def fit(self, train, val=None, sample_weight=None):
        random.random()
        return super().fit(train, val, sample_weight)


class RemembersTheFirstFit(Good):
    def fit(self, train, val=None, sample_weight=None):
        before = getattr(self, "mean_", None)
        super().fit(train, val, sample_weight)
        self.mean_ = self.mean_ if before is None else (self.mean_ + before) / 2
        return self


class CountsThreads(Good):
    def predict(self, images, boxes):
        return super().predict(images, boxes) + 0.1 * (self.threads or 1)


class TakesNoThreads(Good):
    def fit(self, train, val=None, sample_weight=None):
        given, self.threads = self.threads, None
        super().fit(train, val, sample_weight)
        self.threads = given
        return self


class TakesNoValidationSet(Good):
    validates = True

    def fit(self, train, *, sample_weight=None):
        return super().fit(train, None, sample_weight)


class CountsTooFar(Good):
    def fit(self, train, val=None, sample_weight=None):
        report("toy: steps", 3, 2)
        return super().fit(train, val, sample_weight)


class CountsBackwards(Good):
    def fit(self, train, val=None, sample_weight=None):
        report("toy: more", 2, 3)
        report("toy: more", 1, 3)
        return super().fit(train, val, sample_weight)


class BreaksOnGaps(Good):
    def fit(self, train, val=None, sample_weight=None):
        gaps = np.isnan(train.landmarks).any(axis=(0, 2)) & ~np.isnan(train.landmarks).all(axis=(0, 2))
        if gaps.any():
            raise ValueError("input contains NaN")
        return super().fit(train, val, sample_weight)


class InventsPoints(Good):
    def fit(self, train, val=None, sample_weight=None):
        never = np.isnan(train.landmarks).all(axis=(0, 2))
        if len(train):
            train = replace(train, landmarks=np.where(never[:, None], 0.0, train.landmarks))
        return super().fit(train, val, sample_weight)


class DividesByFacesMinusOne(Good):
    def fit(self, train, val=None, sample_weight=None):
        if len(train) == 1:
            raise ZeroDivisionError("division by zero")
        return super().fit(train, val, sample_weight)


class NeedsVariance(Good):
    def fit(self, train, val=None, sample_weight=None):
        if len(train) > 1 and not np.ptp(train.landmarks, axis=0).any():
            raise np.linalg.LinAlgError("Singular matrix")
        return super().fit(train, val, sample_weight)


class NeedsFaces(Good):
    def fit(self, train, val=None, sample_weight=None):
        train.landmarks[0]  # IndexError
        return super().fit(train, val, sample_weight)


class Knows68Only(Good):
    def predict(self, images, boxes):
        return super().predict(images, boxes).reshape(-1, 68, 2)


class IgnoresWeights(Good):
    def fit(self, train, val=None, sample_weight=None):
        check_sample_weight(sample_weight, train)
        return super().fit(train, val)


class TakesAnyWeights(Good):
    def fit(self, train, val=None, sample_weight=None):
        weight = np.ones(len(train)) if sample_weight is None else np.resize(sample_weight, len(train))
        return super().fit(train, val, np.abs(np.nan_to_num(weight, nan=1.0)))


class ForgetsEmptyBatches(Good):
    def predict(self, images, boxes):
        answer = super().predict(images, boxes)
        return answer if len(answer) else np.empty((0, 2))


class CentresTheBatch(Good):
    def predict(self, images, boxes):
        return super().predict(images, boxes) + 0.1 * len(boxes)


class WantsAList(Good):
    def predict(self, images, boxes):
        if not isinstance(images, list):
            raise TypeError("a list, please")
        return super().predict(images, boxes)


class ScalesBoxesInPlace(Good):
    def predict(self, images, boxes):
        answer = super().predict(images, boxes)
        boxes *= 1.0
        return answer


class LooksAtTheWidth(Good):
    def predict(self, images, boxes):
        shift = np.array([0.02 * image.shape[1] for image in images]).reshape(-1, 1, 1)
        return super().predict(images, boxes) + shift * (1, 0)


class LeansToTheLight(Good):
    def predict(self, images, boxes):
        answer = super().predict(images, boxes)
        for image, points, (x0, y0, x1, y1) in zip(images, answer, np.asarray(boxes), strict=True):
            columns = np.clip([(3 * x0 + x1) / 4, (x0 + 3 * x1) / 4], 0, image.shape[1] - 1).astype(int)
            left, right = (image[max(int(y0), 0) : max(int(y1), 1), column].sum(dtype=int) for column in columns)
            points[:, 0] += 0.12 * (x1 - x0) * (left > right)
        return answer


class WantsColour(Good):
    def predict(self, images, boxes):
        for image in images:
            image[:, :, 2]
        return super().predict(images, boxes)


class WantsLargeImages(Good):
    def predict(self, images, boxes):
        for image in images:
            image[20, 20]
        return super().predict(images, boxes)


class WantsBoxesInside(Good):
    def predict(self, images, boxes):
        for image, box in zip(images, boxes, strict=True):
            if box[0] >= image.shape[1] or box[2] < 0:
                raise ValueError("attempt to get argmax of an empty sequence")
        return super().predict(images, boxes)


class Clips(Good):
    def predict(self, images, boxes):
        answer = super().predict(images, boxes)
        sizes = np.array([image.shape[1::-1] for image in images]).reshape(-1, 1, 2)
        return np.clip(answer, 0, np.maximum(sizes - 1, 0))


class Rounds(Good):
    def predict(self, images, boxes):
        answer = super().predict(images, boxes)
        return np.rint(answer) if (np.asarray(boxes)[:, 0] < 0).all() else answer


class TrustsBoxes(Good):
    def predict(self, images, boxes):
        check_fitted(self, "mean_")
        return from_box_frame(self.mean_, np.asarray(boxes, float))


class ScoresInsteadOfProbabilities(Good):
    def predict_attributes(self, images, boxes):
        return {"smile": np.ones((len(images), 2))}


class AttributesOfItsOwn(Good):
    def predict_attributes(self, images, boxes):
        return {"moustache": np.full((len(images), 2), 0.5)}


BROKEN_METHODS = {
    FitsNothing: "fits",
    StoresChanged: "constructor",
    ChangesParameters: "parameters",
    ForgetsToSayUnfitted: "unfitted",
    LearnsNothing: "learns",
    WritesIntoLandmarks: "training-set-unchanged",
    CannotBeSaved: "saved-and-loaded",
    KeepsAPickle: "saved-and-loaded",
    CannotBeCopied: "copy",
    DependsOnGlobalSeed: "repeatable",
    DrawsAgainFromRandomState: "random-state",
    TouchesNumpysGenerator: "global-state",
    TouchesPythonsGenerator: "global-state",
    RemembersTheFirstFit: "fitted-again",
    CountsThreads: "threads",
    TakesNoThreads: "threads",
    TakesNoValidationSet: "validation-set",
    CountsTooFar: "progress",
    CountsBackwards: "progress",
    BreaksOnGaps: "missing-points",
    InventsPoints: "point-of-no-face",
    DividesByFacesMinusOne: "one-face",
    NeedsVariance: "same-faces",
    NeedsFaces: "no-face",
    Knows68Only: "any-scheme",
    IgnoresWeights: "sample-weight",
    TakesAnyWeights: "sample-weight",
    ForgetsEmptyBatches: "rows",
    CentresTheBatch: "batch",
    WantsAList: "lazy-images",
    ScalesBoxesInPlace: "input-unchanged",
    LooksAtTheWidth: "moves-along",
    LeansToTheLight: "mirror-image",
    WantsColour: "grey-image",
    WantsLargeImages: "small-face",
    WantsBoxesInside: "box-outside",
    Clips: "not-clipped",
    Rounds: "not-clipped",
    TrustsBoxes: "impossible-box",
    ScoresInsteadOfProbabilities: "attributes",
    AttributesOfItsOwn: "attributes",
}
