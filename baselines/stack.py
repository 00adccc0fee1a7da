"""A weighted mean of several methods' answers, learned on faces that the methods did not see.

Wolpert, "Stacked generalization", Neural Networks 5, 1992; weights from the covariance of the errors: Bates & Granger,
"The combination of forecasts", Operational Research Quarterly 20, 1969; none below 0: Breiman, "Stacked regressions",
Machine Learning 24, 1996.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.baselines.parts.composed import SEPARATOR
from fldbench.baselines.parts.fitting import check_fitted
from fldbench.baselines.parts.out_of_fold import folds_of_groups, out_of_fold
from fldbench.baselines.parts.pose import sizes
from fldbench.baselines.parts.several import Several
from fldbench.errors import MethodError, must_be
from fldbench.faces import FaceSet
from fldbench.geometry import box_size, check_boxes
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.params import optional, real, whole

OWN = ("offsets_", "weights_")  # learned beside what the members learn


@dataclass(eq=False, repr=False)
class Stack(Several):
    """Fit every method, and predict for each landmark the weighted mean of their points.

    Everything is learned from the answers of models that did not see the face. First each method's mean error at a
    landmark, which is taken off its answers: methods that learn from mirrored faces too are wrong wherever labels are
    not symmetric. Then the weights of a landmark, at least 0 and with the sum 1: a method that errs less than the
    others, or in other directions, weighs more. If a method misses a face, the mean is over the others; if all miss it,
    the row is NaN.

    Fitting costs 1 + parts (folds - 1) / folds times as much as fitting every method once: 1.8 times by default.

    Parameters that are not named here are those of `Several`.

    Parameters
    ----------
    random_state : int
        Passed to every method that has this parameter; also draws the folds.
    boxes_from : str, optional
        The one of `methods` whose points place the box: all are asked in the tight box of its answer. Weights and mean
        errors are learned in the faces' own boxes.
    folds : int
        Parts of the training faces, with no group in two of them.
    parts : int, optional
        How many of them give the weights; each is predicted by models that were fitted to all others. None is all.
    ridge : float
        Penalty on weights that differ from each other, and on mean errors: as if so many faces more spoke for equal
        weights, and had no mean error.

    Attributes
    ----------
    members_ : list of Method
        The methods, fitted to all faces.
    weights_ : ndarray of shape (methods, L)
    offsets_ : ndarray of shape (methods, L, 2)
        What is added to a method's answers, in sizes of the answered shape (`sizes`).
    """

    rules = {**Several.rules, "folds": whole(2), "parts": optional(whole(1)), "ridge": real(0)}

    folds: int = 5
    parts: int | None = 1
    ridge: float = 50.0

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Stack:
        """Learn offsets and weights, and fit every method to all faces.

        Raises
        ------
        DataError
            For faces of fewer than two groups: they must come from models that never saw a face's group.
        MethodError
            It names the member that failed.
        """
        learned = self._learn(train)
        self.members_ = self._fit_members(train, val)
        self.offsets_, self.weights_ = learned
        return self

    def assemble(self, members: Sequence[Method], train: FaceSet) -> None:
        """Take fitted members instead of fitting them, and learn offsets and weights; see also `Several.assemble`."""
        learned = self._learn(train) if self.boxes_from is None else None
        super().assemble(members, train)
        if learned is not None:
            self.offsets_, self.weights_ = learned

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        check_fitted(self, "weights_")
        return weighted_mean(corrected(self._each(images, boxes), self.offsets_), self.weights_)

    def learned(self) -> dict[str, Any]:
        """Return what the members learned, each name behind the member's number, the offsets and the weights."""
        return super().learned() | {name: vars(self)[name] for name in OWN if name in vars(self)}

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for a value of no member, or that does not fit."""
        found = Learned(self.label, {name: value for name, value in learned.items() if SEPARATOR not in name})
        weights = found.array("weights_", "float64", (len(self.methods), None), 0.0)
        offsets = found.array("offsets_", "float64", (*weights.shape, 2))
        found.end()
        super().restore({name: value for name, value in learned.items() if name not in OWN})
        self.offsets_, self.weights_ = offsets, weights

    @property
    def n_parameters(self) -> int:
        """The sum over the members, the offsets and the weights."""
        return super().n_parameters + sum(vars(self)[name].size for name in OWN if name in vars(self))

    def _check_own(self) -> None:
        """Check the parameters, and that there are as many folds as parts."""
        super()._check_own()
        if self.parts is not None and self.parts > self.folds:
            raise MethodError(must_be(self.label, "parts", self.parts, f"at most folds ({self.folds})"))

    def _learn(self, train: FaceSet) -> tuple[np.ndarray, np.ndarray]:
        """Return offsets and weights by the errors of models fitted to other faces."""
        self._check_own()
        fold_of = folds_of_groups(train, self.folds, self.random_state, self.label)
        parts = fold_of.max() + 1 if self.parts is None else self.parts
        each = [
            out_of_fold(
                lambda rest, i=i, name=name: self._fit_member(self._make()[i], name, rest), train, fold_of, parts
            )
            for i, name in enumerate(self.methods)
        ]
        asked = fold_of < parts
        answers, truth = np.stack(each)[:, asked], train.landmarks[asked]
        offsets = mean_offsets(answers, truth, self.ridge)
        sides = np.sqrt(box_size(check_boxes(train.boxes[asked])).prod(axis=1))
        return offsets, stacking_weights(corrected(answers, offsets), truth, sides, self.ridge)


def mean_offsets(answers: np.ndarray, truth: np.ndarray, ridge: float) -> np.ndarray:
    """Return the mean of truth - answer at each landmark, in sizes of the answered shape: (members, L, 2).

    Parameters
    ----------
    answers : ndarray of shape (members, n, L, 2)
        Of models that did not see the face, px. NaN says nothing.
    truth : ndarray of shape (n, L, 2)
        NaN where a landmark is not annotated, px.
    ridge : float
        Of so many faces more the difference is 0.

    >>> answers = np.array([[[[0.0, 1.0], [6.0, 1.0]]]])
    >>> mean_offsets(answers, answers[0] + [3.0, 0.0], 1.0).tolist()  # 3 px are one size, over one face and one more
    [[[0.5, 0.0], [0.5, 0.0]]]
    """
    size = sizes(answers)
    found = np.where(size > 0, size, np.nan)[..., None, None]
    off = (truth - answers) / found
    known = np.isfinite(off).all(axis=-1)
    total = np.where(known[..., None], off, 0.0).sum(axis=1)
    return total / np.maximum(known.sum(axis=1) + ridge, 1e-9)[..., None]


def corrected(answers: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return answers (members, n, L, 2) px moved by offsets (members, L, 2) in sizes of each shape."""
    return answers + offsets[:, None] * sizes(answers)[..., None, None]


def stacking_weights(answers: np.ndarray, truth: np.ndarray, sides: np.ndarray, ridge: float) -> np.ndarray:
    """Return the weights w >= 0 of each landmark, with the sum 1, whose weighted mean is nearest to the truth.

    With E the errors of the members at a landmark, divided by the faces' sides, they minimise w' (E'E + r I) w. Without
    r, and where none becomes 0, w is in proportion to (E'E)^-1 1 (Bates & Granger 1969); r is `ridge` times the mean
    squared error of a face and member.

    Parameters
    ----------
    answers : ndarray of shape (members, n, L, 2)
        Of models that did not see the face, px. Where a member has NaN, a face says nothing.
    truth : ndarray of shape (n, L, 2)
        NaN where a landmark is not annotated, px. A landmark without any face has equal weights.
    sides : ndarray of shape (n,)
        Px.
    ridge : float

    Returns
    -------
    ndarray of shape (members, L)

    >>> answers = np.array([[[[1.0, 0.0]]], [[[0.0, 2.0]]]])  # errors that are at right angles: 1 / 1^2 to 1 / 2^2
    >>> stacking_weights(answers, np.zeros((1, 1, 2)), np.ones(1), 0.0).ravel().round(3).tolist()
    [0.8, 0.2]
    """
    from scipy.optimize import nnls

    errors = (answers - truth) / sides[:, None, None]
    known = np.isfinite(errors).all(axis=(0, 3))
    errors = np.where(known[..., None], errors, 0.0)
    products = np.einsum("knlc,mnlc->lkm", errors, errors)
    k = len(answers)
    out = np.full((k, truth.shape[1]), 1 / k)
    for landmark, (g, count) in enumerate(zip(products, known.sum(axis=0), strict=True)):
        mean = np.trace(g) / k
        if mean > 0:
            g = g / mean + (ridge / count + 1e-9) * np.eye(k)  # with the least ridge, members that agree are no trouble
            # min w'Gw with sum 1 is, but for the scale of w, min |R w - R'^-1 1|^2, where R'R = G.
            root = np.linalg.cholesky(g).T
            found, _ = nnls(root, np.linalg.solve(root.T, np.ones(k)))
            out[:, landmark] = found / found.sum()
    return out


def weighted_mean(answers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted means of the members' points, (n, L, 2); of those that found the face, NaN where none did.

    Where all members with a weight missed a face, those that found it count equally.

    Parameters
    ----------
    answers : ndarray of shape (members, n, L, 2)
    weights : ndarray of shape (members, L)

    >>> answers = np.array([[[[0.0, 0.0]], [[4.0, 0.0]]], [[[1.0, 1.0]], [[np.nan, 0.0]]]])
    >>> weighted_mean(answers, np.array([[0.25], [0.75]])).tolist()
    [[[0.75, 0.75]], [[4.0, 0.0]]]
    """
    found = np.isfinite(answers).all(axis=(2, 3))  # (members, n)
    share = np.where(found[..., None], weights[:, None], 0.0)
    share = np.where(share.sum(axis=0) > 0, share, found[..., None])
    total = share.sum(axis=0)
    known = np.where(found[..., None, None], answers, 0.0)
    with np.errstate(invalid="ignore"):
        return (share[..., None] * known).sum(axis=0) / np.where(total > 0, total, np.nan)[..., None]
