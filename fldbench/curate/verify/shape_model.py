"""A shape model that finds implausible shapes; an outlier cannot hide itself, because it is not part of its model.

Shapes are aligned by similarities to a common reference and modelled as a Gaussian, x ~ N(m, C) with
C = V diag(v) V' + s I (probabilistic PCA), fitted to the plausible faces only. Each face is judged by a model that has
not seen it (leave-out by folds), and each part of it by how well it fits the rest of the same face. Points that are NaN
are left out. Shapes are (n, L, 2) px on the way in and unit size (root mean squared distance from the centre 1) inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fldbench.errors import DataError
from fldbench.shapes import align_to as align
from fldbench.shapes import fold_of, principal_axes

MIN_FACES = 30  # with fewer faces, usual shapes are not known
_FOLDS, _ROUNDS = 5, 3
_TRIMMED = 0.05  # share of the least plausible faces, which a model is not fitted to
_KEPT = 0.95  # of the variance; the rest is the noise s


def unit(shape: np.ndarray) -> np.ndarray:
    """A shape (L, 2) centred on its finite points and scaled to a root mean squared distance of 1.

    >>> unit(np.array([[3.0, 3.0], [5.0, 3.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    centred = shape - np.nanmean(shape, axis=0)
    return centred / np.sqrt(np.nanmean((centred**2).sum(axis=1)))


def mean_shape(landmarks: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The median of the aligned shapes, unit size, upright as `start` (L, 2); points that no face has stay as there."""
    reference = unit(np.asarray(start, float))
    for _ in range(_ROUNDS):
        moved = align(landmarks, reference)[0]
        known = np.isfinite(moved).all(axis=2).any(axis=0)
        reference[known] = np.nanmedian(moved[:, known], axis=0)
        reference = unit(align(reference[None], unit(np.asarray(start, float)))[0][0])
    return reference


@dataclass(frozen=True)
class Gaussian:
    """N(mean, covariance) over aligned shapes as vectors x0, y0, x1, y1, ...; mean (2L,), covariance (2L, 2L)."""

    mean: np.ndarray
    covariance: np.ndarray

    def part_distances(self, aligned: np.ndarray, parts: Sequence[Sequence[int]]) -> np.ndarray:
        """Return how badly each part fits the rest of its face: (n, L, 2) -> (n, parts).

        The squared Mahalanobis distance of the part's points from their conditional mean given all others, divided by
        their number of coordinates, and its root: about 1 for a usual part. With the precision P = C^-1 it is
        (P x)_g' (P_gg)^-1 (P x)_g for x = shape - mean. NaN if the face has none of its points, or no others.
        """
        out = np.full((len(aligned), len(parts)), np.nan)
        for rows, points in _patterns(aligned):
            seen = np.stack([2 * points, 2 * points + 1], axis=1).ravel()
            x = aligned[rows].reshape(len(rows), -1)[:, seen] - self.mean[seen]
            precision = np.linalg.inv(self.covariance[np.ix_(seen, seen)])
            pull = x @ precision
            for k, part in enumerate(parts):
                own = np.flatnonzero(np.isin(seen // 2, list(part)))
                if 0 < len(own) < len(seen):
                    block = np.linalg.solve(precision[np.ix_(own, own)], pull[:, own].T).T
                    out[rows, k] = np.sqrt((pull[:, own] * block).sum(axis=1).clip(0) / len(own))
        return out

    def complete(self, aligned: np.ndarray) -> np.ndarray:
        """The shapes with their NaN points replaced by the conditional mean given the others; a new array."""
        full = aligned.copy()
        for rows, points in _patterns(aligned):
            if len(points) == aligned.shape[1]:
                continue
            seen = np.stack([2 * points, 2 * points + 1], axis=1).ravel()
            lost = np.setdiff1d(np.arange(len(self.mean)), seen)
            vectors = full[rows].reshape(len(rows), -1)
            weights = np.linalg.solve(self.covariance[np.ix_(seen, seen)], self.covariance[np.ix_(seen, lost)])
            vectors[:, lost] = self.mean[lost] + (vectors[:, seen] - self.mean[seen]) @ weights
            full[rows] = vectors.reshape(len(rows), -1, 2)
        return full


def fit_shape_model(aligned: np.ndarray) -> Gaussian:
    """The model of aligned shapes (n, L, 2); NaN points are filled by the model itself, in a few rounds.

    Raises DataError for fewer than two shapes.
    """
    if len(aligned) < 2:
        raise DataError(f"a shape model needs at least two shapes, got {len(aligned)}")
    vectors = aligned.reshape(len(aligned), -1)
    known = np.isfinite(vectors)
    mean = np.where(known, vectors, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, vectors, mean)
    model = _gaussian(filled)
    if not known.all():
        for _ in range(_ROUNDS):
            model = _gaussian(model.complete(aligned).reshape(len(aligned), -1))
    return model


def _gaussian(vectors: np.ndarray) -> Gaussian:
    """Probabilistic PCA: the components that hold 95 % of the variance, the mean of the rest as noise."""
    mean = vectors.mean(axis=0)
    values, axes = principal_axes(np.cov(vectors, rowvar=False))
    total = values.sum()
    count = int(np.searchsorted(np.cumsum(values), _KEPT * total)) + 1
    # The floor keeps a model of faces that are all alike, or fewer than its dimensions, from dividing by zero.
    noise = max(float(values[count:].mean()) if count < len(values) else 0.0, 1e-4 * total / len(values), 1e-12)
    kept = np.maximum(values[:count], noise)
    return Gaussian(mean, (axes[:, :count] * (kept - noise)) @ axes[:, :count].T + noise * np.eye(len(values)))


def folds_of(groups: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return the number of each face's fold, (n,) int.

    A group is in one fold, unless there are fewer groups than folds or one group is more than half of all faces.

    >>> folds_of(np.array(["a", "b", "a", "b"]), 2, np.random.default_rng(0)).tolist()
    [0, 1, 0, 1]
    """
    _, sizes = np.unique(groups, return_counts=True)
    if len(sizes) < k or sizes.max() > len(groups) / 2:
        groups = np.arange(len(groups))
    return fold_of(groups, k, rng, balance="groups")


def implausibility(
    landmarks: np.ndarray, start: np.ndarray, parts: Sequence[Sequence[int]], groups: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """How implausible each face is, and where: scores (n,), worst part (n,) int.

    landmarks (n, L, 2) px, start (L, 2) an upright face of the scheme, parts the groups of points to judge, groups
    (n,) the faces' persons or clips. A score is the largest over the parts of distance / 95 % quantile of that part's
    distances over all faces: above 1 for some faces of every set, far above for faults. NaN, part -1, where a face has
    too few points. A face is judged by a model fitted without its fold, drawn by group with `seed`, and without the
    least plausible 5 % of the others. Raises DataError for fewer than 30 faces.
    """
    n = len(landmarks)
    reference = mean_shape(landmarks, start)
    aligned = align(landmarks, reference)[0]
    usable = np.isfinite(aligned).all(axis=2).any(axis=1)
    if usable.sum() < MIN_FACES:
        raise DataError(f"{usable.sum()} faces with points are too few for a shape model; must be {MIN_FACES} or more")
    deviation = np.abs(aligned[usable] - reference)
    deviation[:, np.isnan(deviation).all(axis=(0, 2))] = 0.0  # points that no face has
    off = np.full(n, np.inf)
    off[usable] = np.nanmax(deviation / (np.nanmedian(deviation, axis=0) + 1e-9), axis=(1, 2))
    fold = folds_of(groups, _FOLDS, np.random.default_rng(seed))
    distances = np.full((n, len(parts)), np.nan)
    for _ in range(_ROUNDS):
        plausible = usable & (off <= np.quantile(off[usable], 1 - _TRIMMED))
        # Missing points are filled once for all folds: that reveals nothing about the annotated points.
        filled = fit_shape_model(aligned[plausible]).complete(aligned)
        for k in np.unique(fold):
            model = fit_shape_model(filled[plausible & (fold != k)])
            distances[fold == k] = model.part_distances(aligned[fold == k], parts)
        usual = np.array([_quantile(column) for column in distances.T])
        ratio = distances / usual
        off = np.where(np.isfinite(ratio), ratio, -np.inf).max(axis=1)
        usable = np.isfinite(off)
        off[~usable] = np.inf
    worst = np.where(usable, np.where(np.isfinite(ratio), ratio, -np.inf).argmax(axis=1), -1)
    return np.where(usable, off, np.nan), worst


def _quantile(column: np.ndarray) -> float:
    finite = column[np.isfinite(column)]
    return max(float(np.quantile(finite, 0.95)), 1e-9) if finite.size else 1.0


def _patterns(shapes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows that share which points they have, and those points; faces without any point are left out."""
    there = np.isfinite(shapes).all(axis=2)
    kinds, which = np.unique(there, axis=0, return_inverse=True)
    for k, kind in enumerate(kinds):
        if kind.any():
            yield np.flatnonzero(which.ravel() == k), np.flatnonzero(kind)
