"""Answers for training faces by models that never saw them: what a second method learns from a first one's answers.

Predictions for faces that a model was fitted to are too good; those out of fold have the errors of new faces. This is
the first rule of stacking (Wolpert, "Stacked generalization", Neural Networks 5, 1992).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from fldbench.errors import DataError
from fldbench.faces import FaceSet
from fldbench.faces.images import decoded
from fldbench.method import Method, predict_checked

FACES_IN_MEMORY = 256  # faces with photos in memory at once while the training faces are predicted


def folds_of_groups(train: FaceSet, folds: int, random_state: int, label: str) -> np.ndarray:
    """Return the fold of each face, (n,) from 0, no group in two of them; fewer folds if there are fewer groups.

    Raises
    ------
    DataError
        For faces of fewer than two groups, of which `label` can leave none out.
    """
    n_groups = len(np.unique(train.groups))
    if n_groups < 2:
        raise DataError(f"{train.label}: {n_groups} group(s) of faces; {label} needs two, to predict each by the other")
    return train.fold_of(min(folds, n_groups), random_state)


def out_of_fold(
    fit: Callable[[FaceSet], Method], train: FaceSet, fold_of: np.ndarray, parts: int | None = None
) -> np.ndarray:
    """Return the answers (n, L, 2) px for the faces of the first `parts` folds, of all by default; other rows are NaN.

    Parameters
    ----------
    fit : callable
        Returns a new model, fitted to the faces that it is given; called once for each of these folds.
    train : FaceSet
    fold_of : ndarray of shape (n,)
        See `folds_of_groups`.
    parts : int, optional
    """
    shapes = np.full(train.landmarks.shape, np.nan)
    for fold in range(fold_of.max() + 1)[:parts]:
        apart = fit(train[fold_of != fold])
        shapes[fold_of == fold] = np.concatenate(list(answers_in_parts(apart, train[fold_of == fold])))
    return shapes


def answers_in_parts(method: Method, faces: FaceSet) -> Iterator[np.ndarray]:
    """Yield the method's predictions for the faces, some faces at a time."""
    for rows, images in decoded(faces.images, FACES_IN_MEMORY):
        yield predict_checked(method, images, faces.boxes[rows], faces.landmarks.shape[1])
        del images  # before the next ones are decoded
