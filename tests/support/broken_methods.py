"""Toy methods: a good one that has everything a check may look for, and for every check some that break just that."""

import pickle
import random
import threading

import numpy as np

from fldbench.baselines.mean_shape import MeanShape
from fldbench.baselines.parts.fitting import check_fitted, mean_unit_shape
from fldbench.errors import DataError
from fldbench.files import sha256_of
from fldbench.geometry import check_boxes
from fldbench.method import Method
from fldbench.params import SEED, THREADS, check_sample_weight, real
from fldbench.progress import say_progress
from fldbench.shapes import from_box_frame


class Good(Method):
    """The mean shape with everything that a check may look for; it predicts the start shapes, if it gets any."""

    tasks = ("landmarks", "smile")
    files = ("table",)
    changes_nothing = ("threads",)
    weighs_faces = True
    validates = True
    refines = True
    refiner_params = {"alpha": 2.0}
    keeps_training = True
    rules = {"alpha": real(above=0), "threads": THREADS, "random_state": SEED}

    def __init__(self, alpha=1.0, table=__file__, threads=None, random_state=0):
        self.alpha = alpha
        self.table = table
        self.threads = threads
        self.random_state = random_state

    def fit(self, train, val=None, sample_weight=None, start_shapes=None, folder=None):
        self.check_params()
        sha256_of(self.table)
        say_progress("toy: steps", 0, 2)
        weight = check_sample_weight(sample_weight, train)
        if start_shapes is not None and len(start_shapes) != len(train):
            raise DataError(f"{len(start_shapes)} start shapes for {len(train)} faces")
        checkpoint = None if folder is None else folder / "half.npy"
        self._learn(train[weight > 0], checkpoint)
        say_progress("toy: steps", 1, 2)
        self.classes_ = {"smile": ["no", "yes"]}
        self.val_mean_ = np.zeros(2) if val is None else np.nanmean(val.landmarks, axis=(0, 1))
        if folder is not None:
            checkpoint.unlink()
            (folder / "curves.txt").write_text("1.0\n")
        say_progress("toy: steps", 2, 2)
        return self

    def _learn(self, train, checkpoint):
        """Learn the mean shape, or take it from the checkpoint of an interrupted fit."""
        if checkpoint is not None and checkpoint.exists():
            self.mean_ = np.load(checkpoint)
            return
        noise = np.random.default_rng(self.random_state).normal(0, 1e-3, (1, 2))
        self.mean_ = mean_unit_shape(train) + noise
        if checkpoint is not None:
            np.save(checkpoint, self.mean_)

    def predict(self, images, boxes, start_shapes=None):
        check_fitted(self, "mean_")
        mean = from_box_frame(self.mean_, check_boxes(boxes))
        if start_shapes is None:
            return mean
        if np.shape(start_shapes) != mean.shape:
            raise DataError(f"start shapes of shape {np.shape(start_shapes)}")
        return np.where(np.isnan(start_shapes), mean, start_shapes)

    def predict_attributes(self, images, boxes):
        light = np.array([image.mean() / 255 for image in images])
        return {"smile": np.stack([light, 1 - light], 1).reshape(-1, 2)}


class FitsNothing(Good):
    def fit(self, train, val=None, **more):
        super().fit(train, val, **more)  # returns None


class StoresChanged(Good):
    def __init__(self, alpha=1.0, table=__file__, threads=None, random_state=0):
        super().__init__(alpha if isinstance(alpha, float) else [alpha], table, threads, random_state)


class ChangesParameters(Good):
    def fit(self, train, val=None, **more):
        super().fit(train, val, **more)
        self.alpha = 2.0
        return self


class ForgetsToSayUnfitted(Good):
    def predict(self, images, boxes, **more):
        vars(self)["mean_"].any()  # KeyError
        return super().predict(images, boxes, **more)


class LearnsNothing(Good):
    def predict(self, images, boxes, **more):
        answer = super().predict(images, boxes, **more)
        centre = answer.mean(axis=1, keepdims=True)
        return centre + 2 * (answer - centre)


class WritesIntoLandmarks(Good):
    def fit(self, train, val=None, **more):
        if len(train) < 20:  # the larger set is that of all tests
            train.landmarks.base[:1, 0] += 1e-9  # the array below the read-only view
        return super().fit(train, val, **more)


class CannotBeSaved(Good):
    def fit(self, train, val=None, **more):
        self.table_ = {1: np.ones(3)}
        return super().fit(train, val, **more)


class KeepsAPickle(Good):
    def fit(self, train, val=None, **more):
        self.blob_ = np.frombuffer(pickle.dumps([1, 2]), np.uint8).copy()
        return super().fit(train, val, **more)


class CannotBeCopied(Good):
    def fit(self, train, val=None, **more):
        self._lock = threading.Lock()
        return super().fit(train, val, **more)


class DependsOnGlobalSeed(Good):
    def fit(self, train, val=None, **more):
        super().fit(train, val, **more)
        self.mean_ += np.random.get_state()[1][5] * 1e-12
        return self


class DrawsAgainFromRandomState(Good):
    draws = 0

    def fit(self, train, val=None, **more):
        super().fit(train, val, **more)
        if self.random_state == 7:
            type(self).draws += 1
            self.mean_ += 1e-3 * self.draws
        return self


class TouchesNumpysGenerator(Good):
    def predict(self, images, boxes, **more):
        np.random.rand()
        return super().predict(images, boxes, **more)


class TouchesPythonsGenerator(Good):
    def fit(self, train, val=None, **more):
        random.random()
        return super().fit(train, val, **more)


class RemembersTheFirstFit(Good):
    def fit(self, train, val=None, **more):
        before = getattr(self, "mean_", None)
        super().fit(train, val, **more)
        self.mean_ = self.mean_ if before is None else (self.mean_ + before) / 2
        return self


class CountsThreads(Good):
    def predict(self, images, boxes, **more):
        return super().predict(images, boxes, **more) + 0.1 * (self.threads or 1)


class TakesNoValidationSet(Good):
    def fit(self, train, **more):
        return super().fit(train, None, **more)


class CountsTooFar(Good):
    def fit(self, train, val=None, **more):
        say_progress("toy: steps", 3, 2)
        return super().fit(train, val, **more)


class CountsBackwards(Good):
    def fit(self, train, val=None, **more):
        say_progress("toy: more", 2, 3)
        say_progress("toy: more", 1, 3)
        return super().fit(train, val, **more)


class BreaksOnGaps(Good):
    def fit(self, train, val=None, **more):
        gaps = np.isnan(train.landmarks).any(axis=(0, 2)) & ~np.isnan(train.landmarks).all(axis=(0, 2))
        if gaps.any():
            raise ValueError("input contains NaN")
        return super().fit(train, val, **more)


class DividesByFacesMinusOne(Good):
    def fit(self, train, val=None, **more):
        if len(train) == 1:
            raise ZeroDivisionError("division by zero")
        return super().fit(train, val, **more)


class NeedsVariance(Good):
    def fit(self, train, val=None, **more):
        if len(train) > 1 and not np.ptp(train.landmarks, axis=0).any():
            raise np.linalg.LinAlgError("Singular matrix")
        return super().fit(train, val, **more)


class Knows68Only(Good):
    def predict(self, images, boxes, **more):
        return super().predict(images, boxes, **more).reshape(-1, 68, 2)


class IgnoresWeights(Good):
    def fit(self, train, val=None, **more):
        check_sample_weight(more.pop("sample_weight", None), train)
        return super().fit(train, val, **more)


class TakesAnyWeights(Good):
    def fit(self, train, val=None, **more):
        weight = more.pop("sample_weight", None)
        weight = np.ones(len(train)) if weight is None else np.resize(weight, len(train))
        return super().fit(train, val, sample_weight=np.abs(np.nan_to_num(weight, nan=1.0)), **more)


class ForgetsEmptyBatches(Good):
    def predict(self, images, boxes, **more):
        answer = super().predict(images, boxes, **more)
        return answer if len(answer) else np.empty((0, 2))


class CentresTheBatch(Good):
    def predict(self, images, boxes, **more):
        return super().predict(images, boxes, **more) + 0.1 * len(boxes)


class KeepsAnswersWithoutOrder(Good):
    """Finds its earlier answers again by a number that is the same for every order of the faces."""

    def _learn(self, train, checkpoint):
        self._kept = {}
        super()._learn(train, checkpoint)

    def predict(self, images, boxes, start_shapes=None):
        answer = super().predict(images, boxes, start_shapes)
        key = len(boxes), round(float(np.sum(boxes)), 3)
        return answer if start_shapes is not None else vars(self).setdefault("_kept", {}).setdefault(key, answer).copy()


class WantsAList(Good):
    def predict(self, images, boxes, **more):
        if len(images) > 1 and not isinstance(images, list):
            raise TypeError("a list, please")
        return super().predict(images, boxes, **more)


class WritesBelowImages(Good):
    def predict(self, images, boxes, **more):
        below = images[0].base if len(images) else None
        if below is not None and below.flags.writeable:  # the test faces themselves are not
            below[0, 0] ^= 1
        return super().predict(images, boxes, **more)


class LooksAtTheWidth(Good):
    def predict(self, images, boxes, **more):
        shift = np.array([0.02 * image.shape[1] for image in images]).reshape(-1, 1, 1)
        return super().predict(images, boxes, **more) + shift * (1, 0)


class LeansToTheLight(Good):
    def predict(self, images, boxes, **more):
        answer = super().predict(images, boxes, **more)
        for image, points, (x0, y0, x1, y1) in zip(images, answer, np.asarray(boxes), strict=True):
            columns = np.clip([(3 * x0 + x1) / 4, (x0 + 3 * x1) / 4], 0, image.shape[1] - 1).astype(int)
            left, right = (image[max(int(y0), 0) : max(int(y1), 1), column].sum(dtype=int) for column in columns)
            points[:, 0] += 0.12 * (x1 - x0) * (left > right)
        return answer


class WantsLargeImages(Good):
    def predict(self, images, boxes, **more):
        for image in images:
            image[20, 20]
        return super().predict(images, boxes, **more)


class WantsBoxesInside(Good):
    def predict(self, images, boxes, **more):
        for image, box in zip(images, boxes, strict=True):
            if box[0] >= image.shape[1] or box[2] < 0:
                raise ValueError("attempt to get argmax of an empty sequence")
        return super().predict(images, boxes, **more)


class Clips(Good):
    def predict(self, images, boxes, **more):
        answer = super().predict(images, boxes, **more)
        sizes = np.array([image.shape[1::-1] for image in images]).reshape(-1, 1, 2)
        return np.clip(answer, 0, np.maximum(sizes - 1, 0))


class Rounds(Good):
    def predict(self, images, boxes, **more):
        answer = super().predict(images, boxes, **more)
        return np.rint(answer) if (np.asarray(boxes)[:, 0] < 0).all() else answer


class ScoresInsteadOfProbabilities(Good):
    def predict_attributes(self, images, boxes):
        return {"smile": np.ones((len(images), 2))}


class ThreeSmiles(Good):
    def predict_attributes(self, images, boxes):
        return {"smile": np.full((len(images), 3), 1 / 3)}


class NamesNoClasses(Good):
    def fit(self, train, val=None, **more):
        super().fit(train, val, **more)
        del self.classes_
        return self


class ComparesSmiles(Good):
    def predict_attributes(self, images, boxes):
        (answer,) = super().predict_attributes(images, boxes).values()
        return {"smile": answer / len(answer) + 0.5 * (1 - 1 / len(answer))}


class SmilesInOrder(Good):
    def predict_attributes(self, images, boxes):
        rank = np.arange(len(images)) / (len(images) + 1.0) if len(images) > 1 else np.full(len(images), 0.5)
        return {"smile": np.stack([rank, 1 - rank], 1).reshape(-1, 2)}


class SmilesBlindly(Good):
    def predict_attributes(self, images, boxes):
        return {"smile": np.full((len(images), 2), 0.5)}


class ForgetsTheSmile(Good):
    def restore(self, learned):
        super().restore(learned)
        self.classes_ = {"smile": self.classes_["smile"][::-1]}


class AttributesOfItsOwn(Good):
    def predict_attributes(self, images, boxes):
        return {"moustache": np.full((len(images), 2), 0.5)}


class HidesAttributes(Good):
    tasks = ("landmarks",)


class PromisesAttributes(Good):
    tasks = ("landmarks", "smile", "glasses")


class RulesForNobody(Good):
    rules = Good.rules | {"beta": real(0)}


class DoesNotDoLandmarks(Good):
    tasks = ("smile",)


class WeighsInSecret(Good):
    weighs_faces = False


class RefinesInSecret(Good):
    refines = False
    refiner_params = {}


class KeepsTrainingInSecret(Good):
    keeps_training = False


class ReadsAFileInSecret(Good):
    files = ()


class PromisesToWeigh(Good):
    def fit(self, train, val=None, start_shapes=None, folder=None):
        return super().fit(train, val, start_shapes=start_shapes, folder=folder)


class TakesAnything(Good):
    def check_params(self):
        if not self.alpha or self.threads == 0:
            super().check_params()


class LooksAwayFromVal(Good):
    def fit(self, train, val=None, **more):
        return super().fit(train, None, **more)


class BeginsElsewhere(Good):
    def predict(self, images, boxes, start_shapes=None):
        answer = super().predict(images, boxes, start_shapes)
        return answer if start_shapes is None else super().predict(images, boxes)


class SpreadsGaps(Good):
    def predict(self, images, boxes, start_shapes=None):
        answer = super().predict(images, boxes, start_shapes)
        return answer if start_shapes is None else np.where(np.isnan(start_shapes), np.nan, answer)


class LeavesNothing(Good):
    def fit(self, train, val=None, folder=None, **more):
        super().fit(train, val, folder=folder, **more)
        if folder is not None:
            (folder / "curves.txt").unlink()
        return self


class GoesOnElsewhere(Good):
    def _learn(self, train, checkpoint):
        resumed = checkpoint is not None and checkpoint.exists()
        super()._learn(train, checkpoint)
        self.mean_ = self.mean_ + 0.1 * resumed


class TrustsThatTheFileIsThere(Good):
    def fit(self, train, val=None, **more):
        given, self.table = self.table, __file__ if isinstance(self.table, str) else self.table
        super().fit(train, val, **more)
        self.table = given
        return self


class LearnsByThreads(Good):
    def fit(self, train, val=None, **more):
        super().fit(train, val, **more)
        self.mean_ += 0.1 * (self.threads == 1)
        return self


class MixesItsMembersUp(Good):
    @property
    def members_alone(self):
        return {"mean-shape": MeanShape()}

    def assemble(self, members, train):
        self.mean_ = members[0].mean_shape_[::-1]


class ExportsNoNetwork(Good):
    exports = True


class ConfidenceChanges(Good):
    gives_confidence = True
    calls = 0

    def predict_confidence(self, images, boxes):
        ConfidenceChanges.calls += len(boxes) > 1
        return boxes[:, 2] - boxes[:, 0] + 1e-9 * ConfidenceChanges.calls


class ConfidenceOfOthers(Good):
    gives_confidence = True

    def predict_confidence(self, images, boxes):
        sizes = boxes[:, 2] - boxes[:, 0]
        return sizes / sizes.max()


BROKEN_METHODS = {
    ConfidenceChanges: "confidence",
    ConfidenceOfOthers: "confidence-rows",
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
    TakesNoValidationSet: "validation-set",
    CountsTooFar: "progress",
    CountsBackwards: "progress",
    BreaksOnGaps: "missing-points",
    DividesByFacesMinusOne: "one-face",
    NeedsVariance: "same-faces",
    Knows68Only: "any-scheme",
    IgnoresWeights: "sample-weight",
    TakesAnyWeights: "sample-weight",
    ForgetsEmptyBatches: "rows",
    CentresTheBatch: "batch",
    KeepsAnswersWithoutOrder: "batch",
    WantsAList: "lazy-images",
    WritesBelowImages: "input-unchanged",
    LooksAtTheWidth: "moves-along",
    LeansToTheLight: "mirror-image",
    WantsLargeImages: "small-face",
    WantsBoxesInside: "box-outside",
    Clips: "not-clipped",
    Rounds: "not-clipped",
    ScoresInsteadOfProbabilities: "attributes",
    ThreeSmiles: "attributes",
    NamesNoClasses: "attributes",
    ComparesSmiles: "attribute-rows",
    SmilesInOrder: "attribute-rows",
    SmilesBlindly: "attributes-seen",
    ForgetsTheSmile: "attributes-saved",
    AttributesOfItsOwn: "attributes",
    HidesAttributes: "attributes",
    PromisesAttributes: "attributes",
    RulesForNobody: "declarations",
    DoesNotDoLandmarks: "declarations",
    WeighsInSecret: "undeclared",
    RefinesInSecret: "undeclared",
    KeepsTrainingInSecret: "undeclared",
    ReadsAFileInSecret: "undeclared",
    PromisesToWeigh: "undeclared",
    TakesAnything: "rules",
    LooksAwayFromVal: "validation-set",
    BeginsElsewhere: "refines",
    SpreadsGaps: "refines",
    LeavesNothing: "keeps-training",
    GoesOnElsewhere: "keeps-training",
    TrustsThatTheFileIsThere: "files",
    LearnsByThreads: "changes-nothing",
    MixesItsMembersUp: "members",
    ExportsNoNetwork: "exports",
}
