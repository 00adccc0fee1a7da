"""Whether the points lie on the face in the picture: a regressor that has not seen the face says where they should.

Each face is turned and scaled upright by its own points into a small grey frame. A ridge regression from HOG features
of that frame to the points, trained on the other faces under small shifts, turns and scales, answers where the face's
points are; the mean distance from the annotated ones is the misfit. No other check finds a plausible shape on the wrong
face, such as the annotation of another file.
"""

from __future__ import annotations

import numpy as np

from fldbench.curate.verify.shape_model import folds_of, unit
from fldbench.errors import DataError
from fldbench.geometry import invert, transform
from fldbench.shapes import align_to as align

FRAME = 80  # px, what is cut out of the picture
MIN_FACES = 100
_WINDOW = 64  # px, what the features see
_RADIUS = 19.0  # px in the frame, root mean squared distance of the points from their centre
_COPIES = 5  # shifted views of a face to train on
_PASSES = 2
_SHIFT, _TURN, _SCALE = 4.0, 0.12, 0.10  # standard deviations: px, radians, log
_RIDGE = 100.0
_FOLDS = 3
_TRAINED = 4000  # faces; more add memory, not precision


def frames(landmarks: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the maps (n, 2, 3) from picture px to the frame's px, 80 x 80, that make each face upright.

    landmarks (n, L, 2) px, mean (L, 2) an upright shape. NaN where a face has too few points.
    """
    return align(landmarks, _placed(mean))[1]


def _placed(mean: np.ndarray) -> np.ndarray:
    return unit(mean) * _RADIUS + (FRAME - 1) / 2


def misfit(crops: np.ndarray, landmarks: np.ndarray, mean: np.ndarray, groups: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return how far the points of each face are from where a regressor sees them in the picture.

    Parameters
    ----------
    crops : ndarray
        (n, 80, 80) grey uint8, cut by `frames`.
    landmarks : ndarray
        (n, L, 2) px of the pictures.
    mean : ndarray
        (L, 2), an upright shape.
    groups : ndarray
        (n,): a face is judged by a regressor that saw nobody of its group.
    seed : int
        Of the folds and of the shifted views to train on.

    Returns
    -------
    ndarray
        (n,) misfit over the 95 % quantile of all misfits: above 1 for some faces of every set. NaN where it is unknown.

    Raises
    ------
    DataError
        For fewer than 100 faces.
    """
    target = align(landmarks, _placed(mean))[0]
    usable = np.flatnonzero(np.isfinite(target).all(axis=2).sum(axis=1) > 1)
    if len(usable) < MIN_FACES:
        raise DataError(f"{len(usable)} faces are too few to learn where points lie; must be {MIN_FACES} or more")
    rng = np.random.default_rng(seed)
    fold = folds_of(groups[usable], _FOLDS, rng)
    # Missing points are learnt as lying where the mean has them; they do not count in the misfit.
    filled = np.where(np.isfinite(target), target, _placed(mean))
    trained = rng.permutation(len(usable))[:_TRAINED]
    views = np.stack([_view(rng) for _ in range(_COPIES * len(trained))])
    source = np.repeat(trained, _COPIES)
    features = _hogs(crops[usable[source]], views)
    answers = transform(filled[source], views)
    distance = np.full(len(usable), np.nan)
    for k in np.unique(fold):
        chosen, judged = fold[source] != k, np.flatnonzero(fold == k)
        model = _ridge(features[chosen], answers[chosen])
        guess = _answer(model, crops[usable[judged]], transform(_placed(mean), _view(None)))
        distance[judged] = np.nanmean(np.linalg.norm(guess - target[usable[judged]], axis=2), axis=1)
    out = np.full(len(crops), np.nan)
    out[usable] = distance / max(float(np.quantile(distance, 0.95)), 1e-9)
    return out


def _answer(model: tuple[np.ndarray, ...], crops: np.ndarray, upright: np.ndarray) -> np.ndarray:
    """Return where the points are, (n, L, 2) px of the frame.

    The first answer is given through the middle of the frame, the second one through the window in which the first
    answer is upright, so that a face is judged from where it is.
    """
    weights, seen_mean, middle = model
    views = np.repeat(_view(None)[None], len(crops), axis=0)
    for _ in range(_PASSES):
        guess = ((_hogs(crops, views) - seen_mean) @ weights).reshape(len(crops), -1, 2) + middle
        guess = transform(guess, invert(views))
        views = align(guess, upright)[1]
    return guess


def _view(rng: np.random.Generator | None) -> np.ndarray:
    """Return a map (2, 3) from the frame to the window: its middle, or a randomly shifted, turned and scaled one."""
    if rng is None:
        linear, shift = np.eye(2), np.zeros(2)
    else:
        turn, scale, shift = rng.normal(0, _TURN), np.exp(rng.normal(0, _SCALE)), rng.normal(0, _SHIFT, 2)
        linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    centre = np.full(2, (FRAME - 1) / 2)
    return np.column_stack([linear, (_WINDOW - 1) / 2 + shift - linear @ centre])


def _hogs(crops: np.ndarray, views: np.ndarray) -> np.ndarray:
    """Return the features, (n, 1764) float32, of crops (n, 80, 80) seen through views (n, 2, 3).

    9 directions, cells of 8 px, blocks of 2 x 2 cells.
    """
    import cv2

    hog, side = cv2.HOGDescriptor((_WINDOW, _WINDOW), (16, 16), (8, 8), (8, 8), 9), (_WINDOW, _WINDOW)
    seen = (
        cv2.warpAffine(crop, view, side, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for crop, view in zip(crops, views, strict=True)
    )
    return np.stack([np.ravel(hog.compute(window)) for window in seen])


def _ridge(features: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit the ridge regression of (n, L, 2) on (n, f): weights (f, 2L), mean features (f,), mean answer (L, 2)."""
    mean, middle = features.mean(axis=0), answers.mean(axis=0)
    x, y = features - mean, (answers - middle).reshape(len(answers), -1).astype(np.float32)
    gram = x.T @ x
    gram[np.diag_indices(len(gram))] += _RIDGE
    return np.linalg.solve(gram, x.T @ y), mean, middle
