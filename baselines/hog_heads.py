"""hog-heads: the classical rival of networks with heads: HOG of the aligned face, then logistic regressions.

hog-ridge places the landmarks. The similarity from them to the mean shape turns every face upright and to one size; the
histograms of oriented gradients of that crop (Dalal & Triggs, CVPR 2005) go to one logistic regression an attribute.

What was measured on MTFL's training faces, each on a half that was cut off by person:

- The training crops are aligned by the landmarks that the fitted hog-ridge predicts for its own training faces. Crops
  by predictions out of fold, as `hybrid` makes them, and by the true landmarks give the same accuracy, so the simplest
  stays: a similarity hardly follows the errors of single points.
- Mirrored crops help every attribute. They cost no second crop: their features are a permutation of the face's own.
- Balanced class weights cost glasses and pose some accuracy, and gain more balanced accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.parts.composed import SEPARATOR, Composed, checked_params
from fldbench.baselines.parts.fitting import EVEN, LARGEST_CROP, PADDING, PENALTY, check_fitted, check_whole_cells
from fldbench.baselines.parts.normalised import grey_crops
from fldbench.baselines.parts.threads import each_block, limited_blas
from fldbench.errors import DataError, must_be
from fldbench.faces import Attribute, FaceSet
from fldbench.faces.images import decoded
from fldbench.geometry import check_boxes, crop_matrix, fit_similarity, tight_box, transform, usable_boxes
from fldbench.method import Method, predict_checked
from fldbench.model_file import Learned
from fldbench.params import SEED, TASKS, THREADS, check_attributes, check_tasks, one_of, whole
from fldbench.progress import say_progress
from fldbench.schemes import get_scheme
from fldbench.shapes import from_box_frame

LANDMARKER = "hog-ridge"
FACES_IN_MEMORY = 256  # faces with photos in memory at once while the training faces are cut
FACES_PER_TASK = 16  # faces whose features one thread computes at a time
LEAST_SPREAD = 1e-3  # a feature that varies less is not blown up; most vary by 0.03 to 0.1
STEPS = 1000  # at most, of the solver; a head of MTFL needs 40 to 300
HEADS = ("weights_", "biases_", "seen_", "classes_")


@dataclass(eq=False, repr=False)
class HogHeads(Composed):
    """Landmarks by hog-ridge, and a logistic regression an attribute on HOG of the face that they align.

    Each attribute's head learns from the faces whose class is known; other faces change nothing in it. A face without
    landmarks teaches the heads all the same, since the landmarks that align it are predicted. A class that no training
    face has gets the probability 0. A suite that fits hog-ridge with the same parameters has its model used here.

    Memory: some 20 d bytes for each training face, d = (crop_size / cell - 1)^2 4 bins features.

    Parameters
    ----------
    tasks : sequence of str
        "landmarks", and names of attributes that the training faces have.
    landmark_params : dict, optional
        The parameters of hog-ridge that differ from its defaults.
    crop_size : int
        Side of the aligned crop, px, a multiple of `cell` and at least twice as much.
    padding : float
        The crop holds the tight box of the mean shape, grown by this share of its longer side on each end. The default
        suits five points within the face; points along the chin need less.
    cell, bins : int
        Side of a HOG cell, px, and its directions, an even number; blocks have 2 x 2 cells.
    class_weight : {"balanced", "none"}
        "balanced" gives every class that is there the same weight in all, "none" every face. Balanced answers are
        right more often on rare classes and less often over all faces, and their probabilities are those of a world
        where all classes are equally frequent.
    penalty : float
        Factor of |w|^2 / 2 beside the sum of the faces' losses; the features have variance 1.
    threads : int, optional
        None is one thread for each core; the numbers do not depend on it.
    random_state : int
        Of hog-ridge.

    Attributes
    ----------
    members_ : list of HogRidge
        The one that places the landmarks.
    classes_ : dict of str to list of str
        Attribute -> its classes, in the order of the columns of `predict_attributes`.
    weights_, biases_ : ndarray of shape (d, k) and (k,)
        Of the heads, one after the other, on features that are not standardised; k is the number of all classes.
    seen_ : ndarray of shape (k,)
        Whether a training face had the class.
    """

    of_tasks = ("crop_size", "padding", "cell", "bins", "class_weight", "penalty")
    rules = {
        "tasks": TASKS,
        "crop_size": whole(2, LARGEST_CROP),
        "padding": PADDING,
        "cell": whole(1),
        "bins": EVEN,
        "class_weight": one_of(("balanced", "none")),
        "penalty": PENALTY,
        "threads": THREADS,
        "random_state": SEED,
    }

    tasks: Sequence[str] = ("landmarks",)
    landmark_params: dict[str, Any] | None = None
    crop_size: int = 96
    padding: float = 0.75
    cell: int = 8
    bins: int = 8
    class_weight: str = "balanced"
    penalty: float = 1000.0
    threads: int | None = None
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> HogHeads:
        """Fit hog-ridge to the faces that have landmarks, and the heads to those that have attributes.

        Raises
        ------
        DataError
            For an attribute that the faces lack, or know one class of, before anything is fitted.
        """
        check_attributes(train, self.tasks, self.label)
        with_points = np.isfinite(train.landmarks).all(axis=-1).any(axis=-1)
        [member] = self._make()
        self._fit_member(member, LANDMARKER, train if with_points.all() else train[with_points])
        self.assemble([member], train)
        return self

    def assemble(self, members: Sequence[Method], train: FaceSet) -> None:
        """Take a fitted hog-ridge instead of fitting it, and fit the heads."""
        attributes = check_attributes(train, self.tasks, self.label)
        super().assemble(members, train)
        if attributes and not np.ptp(self._landmarker.reference_, axis=0).all():
            shape = self._landmarker.mean_shape_.tolist()
            raise DataError(
                must_be(train.label, "the mean shape", shape, "of some width and height, to align faces by")
            )
        taught = np.any([np.zeros(len(train), bool), *(train.attributes[name] >= 0 for name in attributes)], axis=0)
        features = self._training_features(train[taught])
        mirror = get_scheme(train.scheme).mirror is not None
        heads = []
        say_progress("hog-heads: attributes", 0, len(attributes))
        with limited_blas(1):
            for name, attribute in attributes.items():
                heads.append(self._head(features, train.attributes[name][taught], attribute, mirror))
                say_progress("hog-heads: attributes", len(heads), len(attributes))
        nothing = np.empty((self._inputs, 0), np.float32), np.empty(0, np.float32), np.empty(0, bool)
        weights, biases, seen = (np.concatenate(part, axis=-1) for part in zip(nothing, *heads, strict=True))
        self.weights_, self.biases_, self.seen_ = np.ascontiguousarray(weights), biases, seen
        self.classes_ = {name: list(attribute.classes) for name, attribute in attributes.items()}

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        check_fitted(self, "members_")
        return self._landmarker.predict(images, boxes)

    def predict_attributes(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> dict[str, np.ndarray]:
        """Return attribute -> the probabilities (n, k) of its classes, of n images with boxes (n, 4) px."""
        check_fitted(self, "members_")
        if not self.classes_:
            return {}
        scores = self._hog(images, check_boxes(boxes), self.weights_) + self.biases_
        seen = by_attribute(self.seen_, self.classes_)
        return {name: softmax(some, seen[name]) for name, some in by_attribute(scores, self.classes_).items()}

    @property
    def members_alone(self) -> dict[str, Method]:
        """hog-ridge; empty if it cannot be made."""
        return dict(zip([LANDMARKER], self.members, strict=False))

    @property
    def n_parameters(self) -> int:
        """The sum over hog-ridge and the heads."""
        return super().n_parameters + (self.weights_.size + self.biases_.size if self._fitted else 0)

    def learned(self) -> dict[str, Any]:
        """Return what hog-ridge and the heads learned."""
        return super().learned() | {name: vars(self)[name] for name in HEADS if name in vars(self)}

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for values that do not fit each other."""
        found = Learned(self.label, {name: value for name, value in learned.items() if SEPARATOR not in name})
        names = check_tasks(self.tasks, self.label)
        classes = found.classes("classes_", names)
        k = sum(len(some) for some in classes.values())
        heads: dict[str, Any] = {
            "weights_": found.array("weights_", "float32", (self._inputs, k)),
            "biases_": found.array("biases_", "float32", (k,)),
            "seen_": found.array("seen_", "bool", (k,)),
            "classes_": classes,
        }
        for name, seen in by_attribute(heads["seen_"], classes).items():
            if seen.sum() < 2:
                raise DataError(must_be(f"the model of {self.label}", f"seen_ of {name}", seen.tolist(), "true twice"))
        found.end()
        super().restore({name: value for name, value in learned.items() if SEPARATOR in name})
        vars(self).update(heads)

    def _check_own(self) -> None:
        """Check the parameters, and that the crop consists of whole cells."""
        super()._check_own()
        check_whole_cells(self.label, self.crop_size, self.cell)
        checked_params(self.label, "landmark_params", self.landmark_params)

    def _make(self) -> list[Method]:
        self._check_own()
        return [self._member(LANDMARKER, dict(self.landmark_params or {}))]

    @property
    def _landmarker(self) -> Any:
        return self.members_[0]

    @property
    def _inputs(self) -> int:
        return 4 * (self.crop_size // self.cell - 1) ** 2 * self.bins

    def _training_features(self, faces: FaceSet) -> np.ndarray:
        """Return the features (n, d) float32 of the faces, some photos at a time."""
        features = np.empty((len(faces), self._inputs), np.float32)
        for rows, images in decoded(faces.images, FACES_IN_MEMORY):
            features[rows] = self._hog(images, faces.boxes[rows])
            say_progress("hog-heads: faces", rows.stop, len(faces))
            del images  # before the next ones are decoded
        return features

    def _hog(self, images: Sequence[np.ndarray], boxes: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return the features (n, d) float32 of aligned faces, or their products (n, k) with `weights` (d, k)."""
        from fldbench.baselines.parts.hog_grid import grid_features  # numba takes a second to import

        matrices = self._aligned(images, boxes)
        out = np.empty((len(boxes), self._inputs if weights is None else weights.shape[1]), np.float32)

        def work(rows: slice) -> None:
            some = [images[i] for i in range(rows.start, rows.stop)]
            features = grid_features(grey_crops(some, matrices[rows], self.crop_size, 1), self.cell, self.bins)
            out[rows] = features if weights is None else features @ weights

        with limited_blas(1):  # waiting threads of BLAS would take the cores from these threads
            each_block(work, len(boxes), FACES_PER_TASK, self.threads)
        return out

    def _aligned(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the maps (n, 2, 3) from px of the images to px of the crops, by the predicted landmarks."""
        landmarker = self._landmarker
        mean = from_box_frame(landmarker.mean_shape_, boxes)
        shapes = predict_checked(landmarker, images, boxes, mean.shape[1])
        missed = ~np.isfinite(shapes).all(axis=(1, 2))
        shapes[missed] = mean[missed]
        flat = ~usable_boxes(tight_box(shapes))  # by which nothing can be aligned
        shapes[flat] = mean[flat]
        reference = landmarker.reference_
        return fit_similarity(
            shapes, transform(reference, crop_matrix(tight_box(reference[None]), self.crop_size, self.padding)[0])
        )

    def _head(
        self, features: np.ndarray, codes: np.ndarray, attribute: Attribute, mirror: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the head of one attribute, as `logistic_head`, from features (n, d) of all faces and their codes."""
        from fldbench.baselines.parts.hog_grid import mirror_grid

        known = codes >= 0
        features, codes = features[known], codes[known]
        if mirror:
            order = mirror_grid(self.crop_size // self.cell, self.bins)
            features = np.concatenate([features, features[:, order]])
            codes = np.concatenate([codes, np.array(attribute.mirror)[codes]])
        balanced = self.class_weight == "balanced"
        return logistic_head(features, codes, len(attribute.classes), self.penalty, balanced)


def by_attribute(values: np.ndarray, classes: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
    """Return attribute -> its columns (..., k) of values (..., sum of all k), one column for each class.

    >>> by_attribute(np.arange(5), {"smile": ["no", "yes"], "pose": ["left", "frontal", "right"]})
    {'smile': array([0, 1]), 'pose': array([2, 3, 4])}
    """
    ends = np.cumsum([len(some) for some in classes.values()])
    return dict(zip(classes, np.split(values, ends[:-1], axis=-1), strict=True)) if classes else {}


def logistic_head(
    features: np.ndarray, codes: np.ndarray, n_classes: int, penalty: float, balanced: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the multinomial logistic regression of classes on features, by scikit-learn.

    With standardised features z it minimises sum_i c_i (-log p_i) + penalty |w|^2 / 2, where p_i is the probability of
    face i's class, and c_i is 1, or n / (classes that are there * faces of its class) if `balanced`.

    Parameters
    ----------
    features : ndarray of shape (n, d), float32
    codes : ndarray of shape (n,)
        From 0 to below `n_classes`, at least two different ones.
    n_classes : int
    penalty : float
    balanced : bool

    Returns
    -------
    weights : ndarray of shape (d, n_classes), float32
        On features that are not standardised; 0 for a class that no face has.
    biases : ndarray of shape (n_classes,), float32
    seen : ndarray of shape (n_classes,), bool
        Which classes a face has.

    >>> features = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)
    >>> weights, biases, seen = logistic_head(features, np.array([0, 0, 2, 2]), 3, 1.0, balanced=False)
    >>> softmax(features @ weights + biases, seen).argmax(axis=1).tolist(), seen.tolist()
    ([0, 0, 2, 2], [True, False, True])
    """
    from sklearn.linear_model import LogisticRegression

    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    standard = features - mean
    power = np.einsum("ij,ij->j", standard, standard, dtype=np.float64) / len(features)  # needs no copy, unlike std
    spread = np.maximum(np.sqrt(power), LEAST_SPREAD).astype(np.float32)
    standard /= spread
    weighted = "balanced" if balanced else None
    model = LogisticRegression(C=1 / penalty, class_weight=weighted, max_iter=STEPS).fit(standard, codes)
    slopes, intercepts = model.coef_.astype(float), model.intercept_.astype(float)
    if len(slopes) == 1:  # of two classes scikit-learn gives the second one's score; the first one's is 0
        slopes, intercepts = np.concatenate([0 * slopes, slopes]), np.append(0.0, intercepts)
    slopes = slopes / spread
    weights, biases = np.zeros((features.shape[1], n_classes), np.float32), np.zeros(n_classes, np.float32)
    seen = np.zeros(n_classes, bool)
    weights[:, model.classes_], biases[model.classes_] = slopes.T, intercepts - slopes @ mean
    seen[model.classes_] = True
    return weights, biases, seen


def softmax(scores: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return probabilities (n, k) of scores (n, k), 0 for classes that were not seen, (k,) bool.

    >>> softmax(np.log([[1.0, 3.0, 5.0]]), np.array([True, True, False])).round(6).tolist()
    [[0.25, 0.75, 0.0]]
    """
    scores = np.where(seen, scores.astype(float), -np.inf)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
