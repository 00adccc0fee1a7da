"""mirrored, eyes: left and right numbers are exchanged, of all points or of the eyes alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fldbench.curate.verify.finding import Finding, about, unchecked
from fldbench.curate.verify.shape_model import unit
from fldbench.faces import FaceSet
from fldbench.schemes import Scheme, get_scheme
from fldbench.schemes.recognise import usual_shape
from fldbench.shapes import align_to as align

SWAPPED = 1.1  # the fit to an upright face improves by this factor when the numbers are exchanged
_MESSAGES = {
    "mirrored": "left and right numbers are exchanged",
    "eyes": "the eyes have each other's numbers",
}


def check_sides(faces: FaceSet, sound: np.ndarray) -> Iterator[Finding]:
    """Yield the faces that another numbering fits better to an upright face; sound (n,) bool are those to check."""
    scheme = get_scheme(faces.scheme)
    if scheme.mirror is None:
        yield unchecked("left and right", f"the scheme {scheme.name} does not say which points are mirror images")
        return
    if scheme.shows_one_side:
        yield unchecked("left and right", f"the scheme {scheme.name} has one side only")
        return
    mirror = np.array(scheme.mirror)
    swaps = {"mirrored": mirror}
    if scheme.eye_points:
        pair = [i for eye in scheme.eye_points for i in eye]
        swaps["eyes"] = np.arange(len(mirror))
        swaps["eyes"][pair] = mirror[pair]
    rows = np.flatnonzero(sound)
    landmarks = faces.landmarks[rows]
    if not len(rows):
        return
    upright = unit(upright_face(landmarks, scheme))
    as_is = _residual(landmarks, upright)
    gains = {kind: as_is / _residual(landmarks[:, swap], upright) for kind, swap in swaps.items()}
    for i, row in enumerate(rows):
        kind = max(gains, key=lambda one: gains[one][i])
        if gains[kind][i] >= SWAPPED:
            better = f"exchanged back, the points fit an upright face {gains[kind][i]:.1f} times better"
            yield about(faces, row, kind, gains[kind][i] / SWAPPED, f"{_MESSAGES[kind]}: {better}")


def upright_face(landmarks: np.ndarray, scheme: Scheme) -> np.ndarray:
    """Return an upright face (L, 2) of a scheme: its template, or the usual shape of some landmarks (n, L, 2)."""
    if scheme.template is not None:
        return scheme.template
    usual = usual_shape(landmarks) if np.isfinite(landmarks).all(axis=2).any() else np.zeros((scheme.n_points, 2))
    return np.where(np.isfinite(usual), usual, 0.0)  # a point that no face has


def one_sided(landmarks: np.ndarray, scheme: Scheme) -> np.ndarray:
    """Turn all profiles to the side of the template, because their numbers show no side; other schemes are unchanged.

    landmarks (n, L, 2) -> (n, L, 2).
    """
    if not scheme.shows_one_side or not len(landmarks):
        return landmarks
    upright, turned = unit(upright_face(landmarks, scheme)), landmarks * (-1, 1)
    other = _residual(turned, upright) < _residual(landmarks, upright)
    return np.where(other[:, None, None], turned, landmarks)


def _residual(landmarks: np.ndarray, upright: np.ndarray) -> np.ndarray:
    """Return (n,) root mean squared distances from an upright face (L, 2) after alignment; NaN without alignment."""
    squared = ((align(landmarks, upright)[0] - upright) ** 2).sum(axis=2)
    count = np.isfinite(squared).sum(axis=1)
    mean = np.nansum(squared, axis=1) / np.maximum(count, 1)
    # Two points can always be aligned exactly, so they show no side.
    return np.sqrt(np.where(count > 2, mean + 1e-12, np.nan))
