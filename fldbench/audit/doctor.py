"""Diagnosis of a prediction file: hypotheses about what is wrong with it, ranked by the error that they leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fldbench.audit.hypotheses import (
    LEAST_FACES,
    MUCH,
    SHIFTS,
    Alternative,
    alternatives,
    middle_of,
    orders,
    pair,
    placements,
    small_shift,
)
from fldbench.audit.predictions import median_and_nme
from fldbench.audit.renumbering import renumbering
from fldbench.faces import FaceSet
from fldbench.protocols import Protocol
from fldbench.schemes import get_scheme

SURE = 0.25  # of the median error; less is left by chance hardly ever
TO_EACH = 2  # fitted numbers for each face: what is left says little
NOTABLE = 0.8  # of the median error; less is left without the common shift of no honest file that was tried
ALIKE = 0.25  # of a shift; the largest difference between that of small and that of large faces
SHOWN = 6  # hypotheses of a table


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a file.

    Attributes
    ----------
    what : str
        What the points look like.
    remedy : str
        What mends them.
    sure : str
        certain, likely or possible, and why.
    before, after : float
        The NME in percent without and with this remedy, after those before it; NaN where nothing was scored.
    """

    what: str
    remedy: str
    sure: str
    before: float = float("nan")
    after: float = float("nan")

    def __str__(self) -> str:
        """Return it in one line."""
        numbers = "" if np.isnan(self.after) else f"; NME {self.before:.2f} -> {self.after:.2f} %"
        return f"the points look {self.what}; remedy: {self.remedy}{numbers} ({self.sure})"


@dataclass(frozen=True)
class Tried:
    """A hypothesis, and the median error and the NME that it leaves, in percent."""

    what: str
    median: float
    nme: float


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with predictions.

    Attributes
    ----------
    findings : tuple of Finding
        In the order in which their remedies are to be used; empty for a file without a fault.
    mended : ndarray of float, (n, L, 2)
        The predictions after all remedies.
    median, nme : float
        Of the predictions as they are, percent.
    tried : tuple of Tried
        The hypotheses that leave least, the best first.
    shift : (float, float)
        Median over faces of answer minus truth, px: the bias that all faces have in common.
    shift_error : (float, float)
        Its standard errors.
    """

    findings: tuple[Finding, ...]
    mended: np.ndarray
    median: float
    nme: float
    tried: tuple[Tried, ...]
    shift: tuple[float, float]
    shift_error: tuple[float, float]


def diagnose(predictions: np.ndarray, faces: FaceSet, protocol: Protocol) -> Diagnosis | None:
    """Return what is wrong with predictions, or None if no face was found or nothing can be scored.

    One mistake is tried first, and two at once if they leave less than half of what any single one leaves; then points
    that are numbered otherwise, and last a shift by a pixel or half of one, which is never more than likely: a method
    may have such a bias of its own.

    Parameters
    ----------
    predictions : ndarray of float, (n, L, 2)
        In px; NaN for a missed face.
    faces : FaceSet
        The protocol's n faces.
    protocol : Protocol
        It measures what is left.
    """
    found = np.isfinite(predictions).all(axis=(1, 2)) & np.isfinite(faces.landmarks).all(axis=2).any(axis=1)
    start = median_and_nme(predictions, faces, protocol) if found.any() else None
    if start is None:
        return None
    findings: list[Finding] = []
    points, now = predictions, start
    scored = [
        (one, left)
        for one in alternatives(points, faces, found)
        if (left := median_and_nme(one.mended, faces, protocol))
    ]
    best = _best(scored, now[0])
    least = min([now[0], *(left[0] for _, left in scored)])
    both = [
        (one, left)
        for one in _two_at_once(points, faces, found)
        if (left := median_and_nme(one.mended, faces, protocol))
    ]
    best = _best([(one, left) for one, left in both if left[0] < MUCH * least], now[0]) or best
    if best is not None:
        one, left = best
        findings.append(Finding(one.what, one.remedy, _how_sure(one, left[0] / now[0]), now[1], left[1]))
        points, now = one.mended, left
    other = renumbering(points, faces.landmarks, get_scheme(protocol.scheme))
    if other is not None:
        mended = points[:, list(other.order)]
        left = median_and_nme(mended, faces, protocol)
        if left is not None and left[1] < now[1]:
            sure = "certain: each of these points loses error, and they lose more than half of it together"
            findings.append(Finding(other.what, other.remedy, sure, now[1], left[1]))
            points, now = mended, left
    fitted_each = best is not None and best[0].fitted >= TO_EACH
    shift = None if fitted_each else small_shift(points[found], faces.landmarks[found])
    if shift is not None:
        left = median_and_nme(points + shift, faces, protocol)
        if left is not None and left[1] < now[1]:
            sure = "likely, not proven: a method may have this bias of its own; see how its files or its training count"
            findings.append(Finding(SHIFTS[shift][0], f"moving them by {pair(shift)} px", sure, now[1], left[1]))
            points = points + shift
    elif not fitted_each and not findings:
        moved = _common_shift(points, faces.landmarks)[0]
        left = median_and_nme(points - moved, faces, protocol)
        same = found.sum() >= LEAST_FACES and _same_in_every_size(points[found], faces.landmarks[found])
        if same and left is not None and left[0] < NOTABLE * now[0]:
            away = pair((-round(moved[0], 1), -round(moved[1], 1)))
            sure = "possible: the method or the annotation may have this bias; a file alone cannot tell"
            findings.append(Finding("shifted", f"moving them by {away} px", sure, now[1], left[1]))
            points = points - moved
    ranked = sorted((Tried(one.what, 100 * left[0], left[1]) for one, left in [*scored, *both]), key=lambda t: t.median)
    middle, error = _common_shift(predictions, faces.landmarks)
    return Diagnosis(tuple(findings), points, 100 * start[0], start[1], tuple(ranked[:SHOWN]), middle, error)


def _best(
    scored: list[tuple[Alternative, tuple[float, float]]], before: float
) -> tuple[Alternative, tuple[float, float]] | None:
    """Return the alternative that leaves least; one with more fitted numbers must leave half of what others leave."""
    best: tuple[Alternative, tuple[float, float]] | None = None
    for one, left in scored:
        if not left[0] < one.most * before:
            continue
        if best is None or left[0] < (1 if one.fitted <= best[0].fitted else MUCH) * best[1][0]:
            best = one, left
    return best


def _two_at_once(points: np.ndarray, faces: FaceSet, found: np.ndarray) -> Iterator[Alternative]:
    """Yield another order of coordinates, points or faces together with another place."""
    for first in orders(points, faces):
        there = found & np.isfinite(first.mended).all(axis=(1, 2))
        for second in placements(first.mended, faces, there) if there.any() else ():
            what, remedy = f"{first.what}, and {second.what}", f"{first.remedy}, then {second.remedy}"
            yield Alternative(what, remedy, min(first.most, second.most), second.fitted, second.mended)


def _how_sure(one: Alternative, left: float) -> str:
    share = f"{100 * left:.0f} % of the median error is left"
    if one.fitted >= TO_EACH:
        return f"likely: {share}, with numbers fitted to each face, which the file does not hold"
    if one.what.endswith("shifted"):
        return f"certain of the shift, not of its cause, if the annotation lies beside the faces: {share}"
    return f"certain: {share}" if left < SURE else f"likely: {share}"


def _common_shift(points: np.ndarray, truth: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    off: np.ndarray = np.where(np.isfinite(truth), points - truth, np.nan)
    there = np.isfinite(off).all(axis=2).any(axis=1)
    middle, error = middle_of(np.nanmean(off[there], axis=1))
    return (float(middle[0]), float(middle[1])), (float(error[0]), float(error[1]))


def _same_in_every_size(points: np.ndarray, truth: np.ndarray) -> bool:
    """Return whether the common shift is as many px in small faces as in large ones, and not a share of the face."""
    size = (np.nanmax(truth, axis=1) - np.nanmin(truth, axis=1)).max(axis=1)
    large = size > np.median(size)
    if large.all() or not large.any():
        return True  # all faces have one size
    halves = [np.array(_common_shift(points[half], truth[half])[0]) for half in (large, ~large)]
    return bool(np.linalg.norm(halves[0] - halves[1]) <= ALIKE * np.linalg.norm(np.mean(halves, axis=0)))


def about_shift(diagnosis: Diagnosis, n: int) -> str:
    """Return the shift that all faces have in common, in words: how large, how sure, and what it may be."""
    (x, y), (ex, ey) = diagnosis.shift, diagnosis.shift_error
    text = f"Over the faces, answer minus truth is ({x:+.2f} +- {ex:.2f}, {y:+.2f} +- {ey:.2f}) px (x right, y down)"
    if n < LEAST_FACES:
        return f"{text}; {n} faces cannot prove a shift."
    if max(abs(x) - 3 * ex, abs(y) - 3 * ey) < 0:
        return f"{text}: no shift that all faces have in common."
    if diagnosis.findings:
        return f"{text}, before the remedies."
    return f"{text}: a bias of the method or of the annotation; alone it does not prove another count of pixels."
