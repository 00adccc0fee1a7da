"""What may be wrong with predictions, each as the points that would be right: orders, shifts, scales, turned images."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fldbench.faces import FaceSet
from fldbench.schemes import get_scheme
from fldbench.shapes import from_box_frame

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


class Alternative(NamedTuple):
    """What the points look like, what would mend it, the share of the error that may be left, and the mended points.

    `fitted` is 0 if no number is fitted to the truth, 1 if some are for all faces, 2 or 3 if two or four are for each.
    """

    what: str
    remedy: str
    most: float
    fitted: int
    mended: np.ndarray


def alternatives(points: np.ndarray, faces: FaceSet, found: np.ndarray) -> Iterator[Alternative]:
    """Yield what may be wrong; the simplest come first: one with more fitted numbers must be much better."""
    yield from orders(points, faces)
    yield from placements(points, faces, found)


def orders(points: np.ndarray, faces: FaceSet) -> list[Alternative]:
    """Return the points with other orders of coordinates, points and faces."""
    n, n_points, _ = points.shape
    mirror = list(get_scheme(faces.scheme).mirror or range(n_points))
    apart = points.reshape(n, 2, n_points).transpose(0, 2, 1)
    pairs = points.transpose(0, 2, 1).reshape(n, n_points, 2)
    found = [
        ("swapped", "taking x for y and y for x", points[..., ::-1]),
        ("numbered as in a mirror", "exchanging left and right points", points[:, mirror]),
        ("reversed", "taking the points from the last to the first", points[:, ::-1]),
        ("to be x1, x2, ... y1, y2, ...", "taking all x first and then all y", apart),
        ("to be x1, y1, x2, y2, ... read as all x and then all y", "taking them as pairs", pairs),
        ("to be those of the face before", "moving them by one face", np.roll(points, -1, axis=0)),
        ("to be those of the face after", "moving them by one face", np.roll(points, 1, axis=0)),
    ]
    return [Alternative(what, remedy, MUCH, 0, mended) for what, remedy, mended in found]


def placements(points: np.ndarray, faces: FaceSet, found: np.ndarray) -> Iterator[Alternative]:
    """Yield the points elsewhere: in their boxes, or under a shift and a scale, of all faces or of each."""
    with np.errstate(over="ignore", invalid="ignore"):
        shares = "to be shares of the box", "multiplying them by its width and height and adding its corner"
        yield Alternative(*shares, MUCH, 0, from_box_frame(points, faces.boxes))
        halves = "to be shares of the box from -1 to 1", "adding 1, halving, and putting them into the box"
        yield Alternative(*halves, MUCH, 0, from_box_frame((points + 1) / 2, faces.boxes))
    yield from fitted(points, faces.landmarks, found)
    if found.sum() >= LEAST_FACES:  # numbers for each face fit any few faces
        mirror = list(get_scheme(faces.scheme).mirror or range(points.shape[1]))
        yield from _fitted_to_each(points, faces.landmarks, mirror)
        yield from _of_other_faces(points, faces.landmarks, found)


def _common(points: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and guess at the points that both have; points that are not annotated do not count."""
    truth = np.where(np.isfinite(points), landmarks, np.nan)
    return truth, np.where(np.isfinite(truth), points, np.nan)


def fitted(points: np.ndarray, landmarks: np.ndarray, found: np.ndarray) -> list[Alternative]:
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
        Alternative(shifted, f"moving them by {pair(tuple(shift.tolist()))} px", MUCH, 1, mended[0]),
        Alternative("to be those of resized images", by_scale, SCALED, 1, mended[1]),
    ]


def _fitted_to_each(points: np.ndarray, landmarks: np.ndarray, mirror: list[int]) -> Iterator[Alternative]:
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
    yield Alternative("to be those of images resized one by one", f"scaling each face {own}", SCALED, 2, scaled)
    yield Alternative("to be those of crops", f"moving and scaling each face {own}", SCALED, 3, moved)
    yield Alternative("to be those of mirrored images", f"mirroring each face {own}", SCALED, 2, flipped)
    both = f"mirroring each face, and exchanging left and right points, {own}"
    yield Alternative("to be those of mirrored images", both, SCALED, 2, renumbered)
    for text, mended in turned:
        yield Alternative(f"to be those of images {text}", f"turning each face back {own}", SCALED, 2, mended)


def _of_other_faces(points: np.ndarray, landmarks: np.ndarray, found: np.ndarray) -> Iterator[Alternative]:
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
        yield Alternative(*what, SCALED, 2, mended)


def _scale_of_each(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return what x and y of each face must be multiplied by, (n, 1, 2)."""
    return (np.nansum(truth * guess, axis=1) / np.nansum(guess**2, axis=1))[:, None]


def _onto(points: np.ndarray, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the points moved so that the mean of each face's guess is that of its truth."""
    return points - np.nanmean(guess, axis=1, keepdims=True) + np.nanmean(truth, axis=1, keepdims=True)


def small_shift(points: np.ndarray, truth: np.ndarray) -> tuple[float, float] | None:
    """Return a key of SHIFTS that the points (n, L, 2) are certainly off by, or None."""
    if len(points) < LEAST_FACES:
        return None
    away = truth - points
    annotated = np.isfinite(away).all(axis=2).any(axis=0)
    of_face, of_point = np.nanmean(away, axis=1), np.nanmedian(away[:, annotated], axis=0)
    size = (np.nanmax(truth, axis=1) - np.nanmin(truth, axis=1)).max(axis=1)
    large = size > np.median(size)
    halves = [middle_of(half)[0] for half in (of_face[large], of_face[~large]) if len(half)]
    middle, error = middle_of(of_face)
    for shift, (_, share) in SHIFTS.items():
        wanted = np.array(shift)
        exact = np.abs(middle - wanted) <= EXACT * np.abs(wanted)
        certain = error <= CERTAIN * np.abs(wanted)
        alike = [np.abs(half - wanted) <= 2 * EXACT * np.abs(wanted) for half in halves]
        everywhere = (of_point * wanted > 0).mean(axis=0) > share
        if exact.all() and certain.all() and np.all(alike) and everywhere.all():
            return shift
    return None


def middle_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the median of (n, 2) values and its standard error, from the median absolute deviation."""
    middle = np.median(values, axis=0)
    return middle, 1.25 * 1.4826 * np.median(np.abs(values - middle), axis=0) / np.sqrt(len(values))


def pair(shift: tuple[float, ...]) -> str:
    return f"({shift[0]:g}, {shift[1]:g})"
