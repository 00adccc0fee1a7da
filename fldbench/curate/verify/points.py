"""points: a point with one coordinate, a face without points, or a point far outside face or picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fldbench.curate.verify.finding import Finding, about
from fldbench.curate.verify.picture_facts import PictureFacts
from fldbench.faces import FaceSet
from fldbench.faces.attributes import any_known
from fldbench.files import listed
from fldbench.geometry import box_size, tight_box

FAR = 0.75  # of the face's size, a point's distance from the box around all others
OUTSIDE = 0.25  # of the face's size, a point's distance from the picture
FLAT = 0.15  # sides of a box; the corners of two eyes have less, the other points of any face more


def check_points(faces: FaceSet) -> Iterator[Finding]:
    """Yield impossible coordinates, and points far from all others of their face."""
    landmarks = faces.landmarks
    missing = np.isnan(landmarks)
    half = missing.any(axis=2) & ~missing.all(axis=2)
    claimed = missing.all(axis=2) & faces.visible
    for flags, text in (
        (half, "has one coordinate only"),
        (claimed, "is marked visible but has no coordinates"),
    ):
        for row in np.flatnonzero(flags.any(axis=1)):
            yield about(faces, row, "points", np.inf, f"{_named(np.flatnonzero(flags[row]))} {text}")
    for row in np.flatnonzero(missing.all(axis=(1, 2)) & ~any_known(faces.attributes, len(faces))):
        yield about(faces, row, "points", np.inf, "the face has neither a point nor a known attribute")
    clean = ~(half.any(axis=1) | missing.all(axis=(1, 2)))
    distance = np.full(landmarks.shape[:2], np.nan)
    distance[clean] = _stray(landmarks[clean])
    for row, k in zip(*_worst(distance, FAR), strict=True):
        text = f"point {k} lies {distance[row, k]:.1f} times the face's size from the box around its other points"
        yield about(faces, row, "points", distance[row, k] / FAR, text)


def check_points_outside(faces: FaceSet, facts: PictureFacts, sound: np.ndarray) -> Iterator[Finding]:
    """Yield points far outside the picture; sound (n,) bool are the faces to check."""
    for row in np.flatnonzero(sound & (facts.sizes > 0).all(axis=1)):
        points = faces.landmarks[row]
        away = np.maximum(np.maximum(-0.5 - points, points - facts.sizes[row] + 0.5), 0.0).max(axis=1)
        k = int(np.nanargmax(away))
        score = away[k] / max(float(box_size(tight_box(points)).max()), 1.0) / OUTSIDE
        if score >= 1:
            width, height = facts.sizes[row]
            text = f"point {k} lies {away[k]:.0f} px outside the picture, which has {width} x {height} px"
            yield about(faces, row, "points", score, text)


def _stray(landmarks: np.ndarray) -> np.ndarray:
    """Return (n, L) distances of each point from the tight box of the face's other points, over its longer side.

    0 for points inside; NaN with fewer than four other points, which say little about a face's size, or if they lie in
    one place or on a level line, as the corners of the eyes do.
    """
    low = np.sort(np.where(np.isnan(landmarks), np.inf, landmarks), axis=1)[:, :2]
    high = -np.sort(np.where(np.isnan(landmarks), np.inf, -landmarks), axis=1)[:, :2]
    enough = np.isfinite(landmarks).all(axis=2).sum(axis=1) > 4
    out = np.full(landmarks.shape[:2], np.nan)
    p, low, high = landmarks[enough], low[enough], high[enough]
    first = np.where(p <= low[:, :1], low[:, 1:], low[:, :1])  # without the point itself
    last = np.where(p >= high[:, :1], high[:, 1:], high[:, :1])
    side, narrow = (last - first).max(axis=2), (last - first).min(axis=2)
    away = np.maximum(np.maximum(first - p, p - last), 0.0)
    out[enough] = np.linalg.norm(away, axis=2) / np.where(narrow > FLAT * side, side, np.nan)
    return out


def _worst(scores: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows with a score above the limit, and the column of the largest score."""
    filled = np.where(np.isnan(scores), -np.inf, scores)
    rows = np.flatnonzero(filled.max(axis=1, initial=-np.inf) >= limit)
    return rows, filled[rows].argmax(axis=1)


def _named(points: np.ndarray) -> str:
    return f"point {points[0]}" if len(points) == 1 else f"each of the points {listed(points.tolist())}"
