"""Which scheme annotated points follow, judged by their geometry: never by their number alone.

Measured on 300-W, WFLW, MTFL, IMM Frontal, London, YouTube Faces, COFW-68 and synthetic faces, up to 400 of each: the
residual of the right numbering is 3 to 17 %, that of numberings shifted by one, mirrored, with exchanged eyes or
permuted at least 34 %. The mean shape differs from its mirror image by at most 3 %, that of ten faces by at most 22 %
in 99 draws of 100, and by at least 44 % if numbers are shifted (helen-194, whose points lie close: 30 %). Of single
faces one in six is turned too far to be recognised.

Another numbering of a few points, as of eyes that begin at the inner corner, changes the residual little. If each point
of the mean shape may take the nearest number, the residual falls to 87 % or more of itself for the right numbering
(1 to 2000 faces of the same sets), and to at most 83 % if two points of the jaw, the eyes, the nose, the brows or the
lips are exchanged or begin elsewhere (20 faces and more).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fldbench.errors import DataError
from fldbench.files import listed
from fldbench.geometry import FAR
from fldbench.schemes.scheme import Scheme
from fldbench.schemes.table import get_scheme, list_schemes
from fldbench.shapes import align_to, mirrored, unit_size

MIRRORED = 4.0  # times as far from the template, in squared distance, as with left and right exchanged
OTHERWISE = 0.85  # of the residual; less is left if points that are numbered otherwise are exchanged
RESIDUAL = 0.25  # at most; the root of the summed squares, of shapes of size 1
ASYMMETRY, OF_ONE = 0.15, 0.5  # at most ASYMMETRY + OF_ONE / sqrt(faces): a few faces may look to one side
FEW = 10  # faces
SAMPLE = 300  # faces that are looked at, evenly spread
ROUNDS = 3
SHOWN = 6  # points that a message names
OWN = "or register your own scheme (register_scheme, --schemes FILE)"


class Fit(NamedTuple):
    """How well annotated points fit a scheme.

    Attributes
    ----------
    scheme : str
    residual : float
        Distance between the mean shape and the scheme's template, both of size 1; NaN if it cannot be computed.
    asymmetry : float
        Distance between the mean shape and its mirror image; NaN for a scheme without mirror pairs.
    upright : bool
        Whether most faces stand upright.
    faces : int
        How many were looked at.
    otherwise : tuple of int
        The points that lie where other points of the scheme belong; empty if the numbering is that of the scheme.
    """

    scheme: str
    residual: float
    asymmetry: float
    upright: bool
    faces: int
    otherwise: tuple[int, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the points can be taken for those of the scheme."""
        return self.residual <= RESIDUAL and self.upright and not self._lopsided and not self.otherwise

    def __str__(self) -> str:
        if np.isnan(self.residual):
            return f"{self.scheme} (too few points to compare)"
        return f"{self.scheme} (residual {_percent(self.residual)}{self._fault()})"

    def _fault(self) -> str:
        if self.residual <= RESIDUAL and not self.upright:
            return ", upside down"
        if self.residual <= RESIDUAL and self.otherwise:
            return f", but points {listed([str(point) for point in self.otherwise], SHOWN)} lie where others belong"
        far = self.residual <= RESIDUAL and self._lopsided
        return f", {_percent(self.asymmetry)} from its own mirror image" if far else ""

    @property
    def _lopsided(self) -> bool:
        return self.asymmetry > ASYMMETRY + OF_ONE / np.sqrt(max(self.faces, 1))


def fit_to(landmarks: np.ndarray, scheme: Scheme | str) -> Fit:
    """Return how well annotated points (n, L, 2) px, NaN where missing, fit a scheme with a template.

    >>> fit = fit_to(100 * get_scheme("mtfl-5").template[None], "mtfl-5")
    >>> fit.good, round(fit.residual, 6), round(fit.asymmetry, 6)
    (True, 0.0, 0.0)
    >>> fit_to(100 * get_scheme("mtfl-5").template[None, [1, 0, 2, 4, 3]], "mtfl-5").good
    False
    """
    scheme = get_scheme(scheme) if isinstance(scheme, str) else scheme
    points = np.asarray(landmarks, float)
    points = points[_spread(len(points))]
    points = np.where(np.abs(points) < FAR, points, np.nan)  # a reader may let damaged numbers pass
    if scheme.template is None or not len(points):
        return Fit(scheme.name, np.nan, np.nan, True, len(points))
    template = unit_size(np.asarray(scheme.template, float))
    if scheme.shows_one_side:
        points = np.where(_turned(points, template)[:, None, None], points * (-1, 1), points)
    mean = mean_of(points, template)
    known = np.isfinite(mean).all(axis=1)
    if known.sum() < max(3, len(mean) / 2):
        return Fit(scheme.name, np.nan, np.nan, True, len(points))
    angles = align_to(points, np.where(known[:, None], template, np.nan))[1][:, 0, 0]
    upright = float(np.nanmean(angles > 0)) >= 0.5
    residual, asymmetry = _distance(mean, template), asymmetry_of(mean, scheme)
    otherwise = _numbered_otherwise(mean, template) if residual <= RESIDUAL else ()
    return Fit(scheme.name, residual, asymmetry, upright, len(points), otherwise)


def mean_of(points: np.ndarray, upright: np.ndarray) -> np.ndarray:
    """Return the median shape (L, 2) of faces (n, L, 2), aligned to it: of size 1, NaN for a point that no face has."""
    mean = upright
    for _ in range(ROUNDS):
        aligned = align_to(points, mean)[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a point that no face has
            mean = np.nanmedian(aligned, axis=0)
        known = np.isfinite(mean).all(axis=1)
        if not known.any():
            return mean
        mean[known] = unit_size(mean[known])
    return mean


def usual_shape(landmarks: np.ndarray) -> np.ndarray:
    """Return the median shape (L, 2) of faces (n, L, 2) px, turned like the face with the most points, of size 1.

    A point that no face has is NaN.
    """
    points = np.asarray(landmarks, float)
    first = points[np.isfinite(points).all(axis=2).sum(axis=1).argmax()]
    # Points that this face lacks join from faces that have them once those are aligned.
    return mean_of(points, first - np.nanmean(first, axis=0))


def asymmetry_of(mean: np.ndarray, scheme: Scheme) -> float:
    """Return the distance between a shape (L, 2) and its mirror image; NaN without mirror pairs."""
    return np.nan if scheme.mirror is None or scheme.shows_one_side else _distance(mirrored(mean, scheme.mirror), mean)


def recognise(
    landmarks: np.ndarray, file: str | Path | None = None, line: int | None = None, among: Iterable[str] | None = None
) -> Fit:
    """Return the one scheme whose template annotated points fit.

    Parameters
    ----------
    landmarks : (n, L, 2) array
        Pixels; NaN where a point is missing.
    file, line
        The place, for the message.
    among : iterable of str, optional
        Names of schemes; by default all of them.

    Raises
    ------
    DataError
        If none or several fit: it names the schemes with L points, their residuals, and what to do. If one fits, but
        some faces are mirrored.
    """
    fits = [fit_to(landmarks, name) for name in candidates(landmarks.shape[1], among)]
    good = [fit for fit in fits if fit.good]
    if len(good) == 1:
        rows = mirrored_faces(landmarks, good[0].scheme)
        if len(rows):
            which = f"{len(rows)} of {len(landmarks)} faces (from 0: {listed(rows.tolist(), SHOWN)})"
            what = f"the points fit {good[0]}, but {which} only with left and right exchanged: their numbering"
            then = f"correct them, or give scheme='{good[0].scheme}' to take them as they are"
            raise DataError(f"{what} or their images are mirrored; {then}", file, line)
        return good[0]
    raise DataError(_refusal(landmarks, fits, good), file, line)


def mirrored_faces(landmarks: np.ndarray, scheme: Scheme | str) -> np.ndarray:
    """Return the rows of the faces (n, L, 2) that fit a scheme's template much better with left and right exchanged.

    Of 21,000 faces of the sets above none fits twice as well so, in squared distance, and of their mirror images 99.7 %
    fit more than four times as well (WFLW's, which are turned far: 99.5 %).
    """
    scheme = get_scheme(scheme) if isinstance(scheme, str) else scheme
    if scheme.template is None or scheme.mirror is None or scheme.shows_one_side or not len(landmarks):
        return np.arange(0)
    template = unit_size(np.asarray(scheme.template, float))
    points = np.where(np.abs(landmarks) < FAR, landmarks, np.nan)
    known = np.isfinite(points).all(axis=2).sum(axis=1)
    own, other = (_squares(view, template) for view in (points, points[:, list(scheme.mirror)]))
    wrong = (own * known > RESIDUAL**2) & (own > MIRRORED * other)
    return np.flatnonzero(wrong & (known >= max(3, scheme.n_points / 2)))


def candidates(n_points: int, among: Iterable[str] | None = None) -> list[str]:
    """Return the names of the schemes with that number of points.

    >>> candidates(5), candidates(21)
    (['mtfl-5', 'dlib-5'], [])
    """
    return [name for name in (list_schemes() if among is None else among) if get_scheme(name).n_points == n_points]


def no_such_number(n_points: int) -> str:
    """Return the message about a number of points that no scheme has."""
    known = ", ".join(f"{name} ({get_scheme(name).n_points})" for name in list_schemes())
    return f"{n_points} points per face; no scheme has that number; give scheme='...', one of {known}, {OWN}"


def _refusal(landmarks: np.ndarray, fits: list[Fit], good: list[Fit]) -> str:
    n_points, n = landmarks.shape[1], len(landmarks)
    if not fits:
        return no_such_number(n_points)
    blind = [fit.scheme for fit in fits if get_scheme(fit.scheme).template is None]
    shown = " or ".join(
        f"{fit.scheme} (no template to compare with)" if fit.scheme in blind else str(fit) for fit in fits
    )
    what = f"{n_points} points per face; they could be {shown}"
    if good:
        what += ", and more than one fits"
    elif len(blind) < len(fits):
        few = f" ({n} face{'s' if n > 1 else ''} may be too few)" if n < FEW else ""
        what += f"; a fit is at most {_percent(RESIDUAL)}{few}{_exchanged(landmarks, fits)}"
    choice = " or ".join(f"scheme='{fit.scheme}'" for fit in fits)
    return f"{what}; if you know that they are, give {choice}, {OWN}"


def _exchanged(landmarks: np.ndarray, fits: list[Fit]) -> str:
    """Return what to say where the points fit once left and right numbers are exchanged."""
    for fit in fits:
        scheme = get_scheme(fit.scheme)
        if scheme.mirror is not None and fit_to(landmarks[:, list(scheme.mirror)], scheme).good:
            return f"; with left and right exchanged they fit {fit.scheme}: the numbering or the images are mirrored"
    return ""


def _spread(n: int) -> np.ndarray:
    """Return the rows to look at, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(int)) if n else np.arange(0)


def _turned(points: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Return which profiles (n,) fit the template better when mirrored."""
    first, second = (np.nan_to_num(_squares(one, template), nan=np.inf) for one in (points, points * (-1, 1)))
    return second < first


def _squares(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the mean squared distances (n,) from a reference after alignment; NaN where nothing can be aligned."""
    squared = ((align_to(points, reference)[0] - reference) ** 2).sum(axis=2)
    there = np.isfinite(squared)
    return np.where(
        there.any(axis=1), np.where(there, squared, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1), np.nan
    )


def _distance(shape: np.ndarray, other: np.ndarray) -> float:
    """Return the distance of two shapes (L, 2) of size 1 over the points that both have, after alignment."""
    known = np.isfinite(shape).all(axis=1) & np.isfinite(other).all(axis=1)
    if known.sum() < 3:
        return np.nan
    reference = unit_size(other[known])
    moved = align_to(shape[None, known], reference)[0][0]
    return float(np.sqrt(((moved - reference) ** 2).sum()))


def _numbered_otherwise(shape: np.ndarray, template: np.ndarray) -> tuple[int, ...]:
    """Return the points of a shape (L, 2) that lie where others of a template belong, if that explains its residual."""
    from scipy.optimize import linear_sum_assignment  # takes a moment to import

    known = np.flatnonzero(np.isfinite(shape).all(axis=1) & np.isfinite(template).all(axis=1))
    reference = unit_size(template[known])
    moved = align_to(shape[None, known], reference)[0][0]
    squares = ((moved[:, None] - reference) ** 2).sum(axis=2)
    points, places = linear_sum_assignment(squares)
    left = np.sqrt(squares[points, places].sum() / max(np.trace(squares), np.finfo(float).tiny))
    return tuple(known[points[points != places]].tolist()) if left < OTHERWISE else ()


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"
