"""Systematic errors of predictions: one mistake of a file that would explain most of what a protocol measured."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fldbench.errors import FldbenchError
from fldbench.faces import FaceSet
from fldbench.protocols import Protocol
from fldbench.schemes import get_scheme

MUCH = 0.5  # an explanation leaves at most this share of the median error
SCALED = 0.25  # the same for explanations with two free numbers
LEAST_FACES = 20  # for shifts of a pixel, which only the mean of many faces shows, and for numbers of each face
MOSTLY, MOST_FACES = 0.9, 5000  # each answer has a nearest face of its own; so many are compared with each other
EXACT, CERTAIN = 0.2, 0.1  # of such a shift: how near the measured one must be, and its largest standard error
SHIFTS = {  # px to be added -> what the points look like; more than this share of them must agree
    (-1.0, -1.0): ("1-based", 0.8),
    (1.0, 1.0): ("as if 1 had been subtracted from zero-based ones", 0.8),
    (-0.5, -0.5): ("half a pixel too far right and down", 0.9),
    (0.5, 0.5): ("half a pixel too far left and up", 0.9),
}


@dataclass(frozen=True)
class Explanation:
    """A mistake that would explain most of the errors, or a small one that is certain.

    Attributes
    ----------
    what : str
        What the points look like.
    remedy : str
        What would mend them.
    before, after : float
        The NME as it is, and after the remedy, in percent.
    """

    what: str
    remedy: str
    before: float
    after: float

    def __str__(self) -> str:
        """Return it in one line, such as `your points look 1-based: moving them by (-1, -1) px lowers the NME ...`."""
        return (
            f"your points look {self.what}: {self.remedy} lowers the NME from {self.before:.2f} to {self.after:.2f} %"
        )


def explain(predictions: np.ndarray, faces: FaceSet, protocol: Protocol) -> Explanation | None:
    """Return the one mistake that explains the errors of predictions best, or None, as for every honest method.

    Tried are other orders of coordinates, points and faces, a common shift, a scale, mirrored and turned images, and a
    shift and a scale of each face, as in a crop; they must leave less than half or a fourth of the median error. Shifts
    by a pixel or half of one are reported if they are that exactly, in small and in large faces, and at nearly all
    points. The predictions are not changed.

    Parameters
    ----------
    predictions : ndarray of float, (n, L, 2)
        Px, as the protocol scored them; NaN where a face was missed.
    faces : FaceSet
        The n faces that the protocol selected.
    protocol : Protocol
        It measures before and after.
    """
    found = np.isfinite(predictions).all(axis=(1, 2)) & np.isfinite(faces.landmarks).all(axis=2).any(axis=1)
    if not found.any():
        return None
    before = _median_and_nme(predictions, faces, protocol)
    if before is None:
        return None
    best: tuple[float, int, Explanation] | None = None
    for one in _alternatives(predictions, faces, found):
        after = _median_and_nme(one.mended, faces, protocol)
        if after is None or not after[0] < one.most * before[0]:
            continue
        if best is None or after[0] < (1 if one.fitted == best[1] else MUCH) * best[0]:
            best = after[0], one.fitted, Explanation(one.what, one.remedy, before[1], after[1])
    if best is not None:
        return best[2]
    shift = _small_shift(predictions[found], faces.landmarks[found])
    if shift is None:
        return None
    after = _median_and_nme(predictions + shift, faces, protocol)
    if after is None or not after[1] < before[1]:
        return None
    return Explanation(SHIFTS[shift][0], f"moving them by {_pair(shift)} px", before[1], after[1])


def _median_and_nme(predictions: np.ndarray, faces: FaceSet, protocol: Protocol) -> tuple[float, float] | None:
    """Return the median error of the found faces as a fraction, and the NME in percent; None where nothing is found."""
    try:
        score = protocol.score(predictions, faces)
    except FldbenchError:
        return None
    errors = score.errors[np.isfinite(score.errors)]
    return (float(np.median(errors)), score.metrics["nme"]) if errors.size else None


class _Alternative(NamedTuple):
    """What the points look like, what would mend it, the share of the error that may be left, and the mended points.

    `fitted` is 0 if no number is fitted to the truth, 1 if some are for all faces, 2 or 3 if two or four are for each.
    """

    what: str
    remedy: str
    most: float
    fitted: int
    mended: np.ndarray


def _alternatives(points: np.ndarray, faces: FaceSet, found: np.ndarray) -> Iterator[_Alternative]:
    """Yield what may be wrong; the simplest come first: one with more fitted numbers must be much better."""
    n, n_points, _ = points.shape
    mirror = list(get_scheme(faces.scheme).mirror or range(n_points))
    apart = points.reshape(n, 2, n_points).transpose(0, 2, 1)
    pairs = points.transpose(0, 2, 1).reshape(n, n_points, 2)
    orders = [
        ("swapped", "taking x for y and y for x", points[..., ::-1]),
        ("numbered as in a mirror", "exchanging left and right points", points[:, mirror]),
        ("reversed", "taking the points from the last to the first", points[:, ::-1]),
        ("to be x1, x2, ... y1, y2, ...", "taking all x first and then all y", apart),
        ("to be x1, y1, x2, y2, ... read as all x and then all y", "taking them as pairs", pairs),
        ("to be those of the face before", "moving them by one face", np.roll(points, -1, axis=0)),
        ("to be those of the face after", "moving them by one face", np.roll(points, 1, axis=0)),
    ]
    for what, remedy, mended in orders:
        yield _Alternative(what, remedy, MUCH, 0, mended)
    yield from _fitted(points, faces.landmarks, found)
    if found.sum() >= LEAST_FACES:  # numbers for each face fit any few faces
        yield from _fitted_to_each(points, faces.landmarks, mirror)
        yield from _of_other_faces(points, faces.landmarks, found)


def _common(points: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and guess at the points that both have; points that are not annotated do not count."""
    truth = np.where(np.isfinite(points), landmarks, np.nan)
    return truth, np.where(np.isfinite(truth), points, np.nan)


def _fitted(points: np.ndarray, landmarks: np.ndarray, found: np.ndarray) -> list[_Alternative]:
    """Return a shift and a scale that are the same for all faces."""
    truth, guess = _common(points, landmarks)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # faces without any point have no mean
        shift = np.nanmedian(np.nanmean((truth - guess)[found], axis=1), axis=0)
        known = next((one for one in SHIFTS if (np.abs(shift - one) <= EXACT * np.abs(one)).all()), None)
        shift = shift.round(1) if known is None else np.array(known)
        scale = np.nanmedian(_scale_of_each(truth, guess)[found], axis=0)
        mended = points + shift, points * scale
    shifted = "shifted" if known is None else SHIFTS[known][0]
    by_scale = f"multiplying x by {scale[0, 0]:.4g} and y by {scale[0, 1]:.4g}"
    return [
        _Alternative(shifted, f"moving them by {_pair(tuple(shift.tolist()))} px", MUCH, 1, mended[0]),
        _Alternative("to be those of resized images", by_scale, SCALED, 1, mended[1]),
    ]


def _fitted_to_each(points: np.ndarray, landmarks: np.ndarray, mirror: list[int]) -> Iterator[_Alternative]:
    """Yield a scale, or a shift and a scale, of each face, and its photo mirrored or turned, where the truth lies."""
    own = "into its photo (fitted to the truth)"
    truth, guess = _common(points, landmarks)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        factor = (np.nanmax(truth, axis=1) - np.nanmin(truth, axis=1)) / (
            np.nanmax(guess, axis=1) - np.nanmin(guess, axis=1)
        )
        scaled = points * _scale_of_each(truth, guess)
        moved = _onto(points * factor[:, None], guess * factor[:, None], truth)
        flipped = _onto(points * (-1, 1), guess * (-1, 1), truth)
        other = points[:, mirror] * (-1, 1)
        renumbered = _onto(other, _common(other, landmarks)[1], truth)
        turned = [
            (text, _onto(points[..., axes] * signs, guess[..., axes] * signs, truth))
            for text, axes, signs in (
                ("turned upside down", [0, 1], (-1, -1)),
                ("turned to the right", [1, 0], (1, -1)),
                ("turned to the left", [1, 0], (-1, 1)),
            )
        ]
    yield _Alternative("to be those of images resized one by one", f"scaling each face {own}", SCALED, 2, scaled)
    yield _Alternative("to be those of crops", f"moving and scaling each face {own}", SCALED, 3, moved)
    yield _Alternative("to be those of mirrored images", f"mirroring each face {own}", SCALED, 2, flipped)
    both = f"mirroring each face, and exchanging left and right points, {own}"
    yield _Alternative("to be those of mirrored images", both, SCALED, 2, renumbered)
    for text, mended in turned:
        yield _Alternative(f"to be those of images {text}", f"turning each face back {own}", SCALED, 2, mended)


def _of_other_faces(points: np.ndarray, landmarks: np.ndarray, found: np.ndarray) -> Iterator[_Alternative]:
    """Yield the points in another order of faces, if nearly every one is nearest to the truth of a face of its own."""
    rows = np.flatnonzero(found)
    everywhere = np.isfinite(landmarks[rows]).all(axis=(0, 2))
    if len(rows) > MOST_FACES or not everywhere.any():
        return
    guess, truth = (array[rows][:, everywhere].reshape(len(rows), -1) for array in (points, landmarks))
    middle = truth.mean(axis=0)  # numbers stay small, and their products exact
    guess, truth = guess - middle, truth - middle
    nearest = ((truth**2).sum(axis=1) - 2 * guess @ truth.T).argmin(axis=1)
    if len(np.unique(nearest)) >= MOSTLY * len(rows):
        mended = np.full(points.shape, np.nan)
        mended[rows[nearest]] = points[rows]
        what = "to be those of other faces", "giving each to the face that it fits best (fitted to the truth)"
        yield _Alternative(*what, SCALED, 2, mended)


def _scale_of_each(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return what x and y of each face must be multiplied by, (n, 1, 2)."""
    return (np.nansum(truth * guess, axis=1) / np.nansum(guess**2, axis=1))[:, None]


def _onto(points: np.ndarray, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the points moved so that the mean of each face's guess is that of its truth."""
    return points - np.nanmean(guess, axis=1, keepdims=True) + np.nanmean(truth, axis=1, keepdims=True)


def _small_shift(points: np.ndarray, truth: np.ndarray) -> tuple[float, float] | None:
    """Return a key of SHIFTS that the points (n, L, 2) are certainly off by, or None."""
    if len(points) < LEAST_FACES:
        return None
    away = truth - points
    annotated = np.isfinite(away).all(axis=2).any(axis=0)
    of_face, of_point = np.nanmean(away, axis=1), np.nanmedian(away[:, annotated], axis=0)
    size = (np.nanmax(truth, axis=1) - np.nanmin(truth, axis=1)).max(axis=1)
    large = size > np.median(size)
    halves = [_middle(half)[0] for half in (of_face[large], of_face[~large]) if len(half)]
    middle, error = _middle(of_face)
    for shift, (_, share) in SHIFTS.items():
        wanted = np.array(shift)
        exact = np.abs(middle - wanted) <= EXACT * np.abs(wanted)
        certain = error <= CERTAIN * np.abs(wanted)
        alike = [np.abs(half - wanted) <= 2 * EXACT * np.abs(wanted) for half in halves]
        everywhere = (of_point * wanted > 0).mean(axis=0) > share
        if exact.all() and certain.all() and np.all(alike) and everywhere.all():
            return shift
    return None


def _middle(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the median of (n, 2) values and its standard error, from the median absolute deviation."""
    middle = np.median(values, axis=0)
    return middle, 1.25 * 1.4826 * np.median(np.abs(values - middle), axis=0) / np.sqrt(len(values))


def _pair(shift: tuple[float, ...]) -> str:
    return f"({shift[0]:g}, {shift[1]:g})"
