"""Pictures laid over faces: sunglasses, a moustache, a hat. Any PNG with transparent parts can be one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from fldbench.errors import DataError, must_be, near_miss
from fldbench.files import read_bytes
from fldbench.geometry import fit_similarity, transform
from fldbench.media.draw import as_rgb
from fldbench.media.drawings import moustache, sunglasses
from fldbench.schemes import Scheme, get_scheme
from fldbench.schemes.scheme import as_landmarks

# A frontal face in distances between the centres of the eyes: both eyes and the mouth, of the mean head.
FACE = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 1.1]])
LARGEST = 2**26  # pixels of a picture


class Place(NamedTuple):
    """Where a picture goes, in distances between the centres of the eyes of a frontal face.

    Attributes
    ----------
    at : (float, float)
        Where its point `point` goes, from the middle of the eyes or of the mouth: x to the right, y down.
    of_mouth : bool
        Whether it follows the mouth rather than the eyes.
    width : float
        Of the picture.
    point : float
        How far down the picture that point is: 0 its top, 0.5 its middle, 1 its bottom.
    """

    at: tuple[float, float]
    of_mouth: bool
    width: float
    point: float


PLACES = {
    "eyes": Place((0.0, 0.04), False, 2.15, 0.5),
    "lip": Place((0.0, -0.17), True, 1.25, 0.5),
    "head": Place((0.0, -0.55), False, 2.9, 1.0),
}
OWN = {"sunglasses": ("eyes", sunglasses), "moustache": ("lip", moustache)}


class Overlay(NamedTuple):
    """A picture and its place: RGBA uint8 (h, w, 4)."""

    picture: np.ndarray
    place: Place


def get_overlay(name: str) -> Overlay:
    """Return one of our own overlays, or a PNG of the user's.

    Parameters
    ----------
    name : str
        `sunglasses` or `moustache`; or FILE@PLACE with PLACE one of eyes, lip (between nose and mouth) and head (its
        lower edge lies on the forehead).

    Raises
    ------
    DataError
        For an unknown name or place, and a file that is no picture with an alpha channel.

    >>> get_overlay("sunglasses").picture.shape[2]
    4
    """
    if name in OWN:
        place, draw = OWN[name]
        return Overlay(draw(), PLACES[place])
    file, at, place = name.rpartition("@")
    if not at:
        raise DataError(f"no overlay named {name!r}; {near_miss(name, OWN)}, or a PNG as FILE.png@eyes")
    if place not in PLACES:
        raise DataError(must_be(f"overlay {name!r}", "its place", place, f"one of {', '.join(PLACES)}"))
    return Overlay(read_rgba(file), PLACES[place])


def read_rgba(path: str | Path) -> np.ndarray:
    """Return a picture with an alpha channel, uint8 (h, w, 4) RGBA; raise DataError for anything else."""
    import cv2

    content = np.frombuffer(read_bytes(path), np.uint8)
    pixels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    if pixels is None:
        raise DataError("not a picture that can be read; an overlay is a PNG with transparent parts", path)
    if pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8 or pixels[..., 0].size > LARGEST:
        got = f"{pixels.dtype} {pixels.shape}"
        raise DataError(must_be("overlay", "the picture", got, "8 bit with an alpha channel (RGBA)"), path)
    return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)


def face_frame(landmarks, scheme: Scheme | str) -> tuple[np.ndarray, np.ndarray]:
    """Return how a frontal face lies in the image: a similarity (2, 3) from distances between the eyes to px.

    It takes both eyes and the mouth of `FACE` nearest to those of the face, so that it follows roll, and hardly shrinks
    when the face turns aside and its eyes draw together.

    Returns
    -------
    frame : (2, 3) array
        Distances between the eyes -> px; NaN where the points it needs are not finite, or coincide.
    anchors : (2, 2) array
        The middle of the eyes and of the mouth, px.

    Raises
    ------
    DataError
        For landmarks of another shape, and a scheme without two eyes and a mouth.

    >>> face_frame([[30, 40], [70, 40], [50, 60], [40, 84], [60, 84]], "mtfl-5")[0].round(3).tolist()
    [[40.0, 0.0, 50.0], [0.0, 40.0, 40.0]]
    """
    own = get_scheme(scheme) if isinstance(scheme, str) else scheme
    points = as_landmarks(np.asarray(landmarks, float), own)
    lips = [list(own.regions[name]) for name in ("outer_lip", "mouth", "inner_lip") if name in own.regions]
    if own.eye_points is None or not lips:
        raise DataError(must_be("overlay", "scheme", own.name, "one with two eyes and a mouth"))
    parts = np.stack([points[list(part)].mean(axis=0) for part in (*own.eye_points, lips[0])])
    anchors = np.stack([parts[:2].mean(axis=0), parts[2]])
    usable = np.isfinite(parts).all() and np.abs(parts).max() < 1e6 and np.ptp(parts, axis=0).max() > 1e-3
    return (fit_similarity(FACE, parts) if usable else np.full((2, 3), np.nan)), anchors


def overlay_matrix(landmarks, scheme: Scheme | str, overlay: Overlay) -> np.ndarray:
    """Return the similarity (2, 3) from px of the picture to px of the image; NaN where the face does not tell it."""
    frame, anchors = face_frame(landmarks, scheme)
    place, (h, w) = overlay.place, overlay.picture.shape[:2]
    linear = frame[:, :2] * (place.width / w)
    target = anchors[int(place.of_mouth)] + frame[:, :2] @ np.array(place.at)
    source = np.array([(w - 1) / 2, place.point * h - 0.5])
    return np.column_stack([linear, target - linear @ source])


def lay_over(image, landmarks, scheme: Scheme | str, overlay: Overlay) -> np.ndarray:
    """Return a new RGB image with a picture on the face; what reaches beyond the border is cut off.

    Parameters
    ----------
    image : array_like
        uint8 (h, w, 3) RGB or (h, w) grey.
    landmarks : array_like
        (L, 2) px. Nothing is drawn where the eyes or the mouth are not finite.
    scheme : Scheme or str
        Their scheme: one with two eyes and a mouth.
    overlay : Overlay
        From `get_overlay`.

    Raises
    ------
    DataError
        For an image or landmarks of another shape, and a scheme without eyes or mouth.

    >>> grey = np.full((120, 100, 3), 128, np.uint8)
    >>> face = [[30, 40], [70, 40], [50, 60], [40, 84], [60, 84]]
    >>> worn = lay_over(grey, face, "mtfl-5", get_overlay("sunglasses"))
    >>> bool(worn[40, 32].max() < 60), worn[100, 50].tolist()
    (True, [128, 128, 128])
    """
    import cv2

    canvas = as_rgb(image)
    matrix = overlay_matrix(landmarks, scheme, overlay)
    h, w = overlay.picture.shape[:2]
    if not np.isfinite(matrix).all():
        return canvas
    corners = transform(np.array([[-1.0, -1.0], [w, -1.0], [w, h], [-1.0, h]]), matrix)
    limit = np.array(canvas.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=0)), 0, limit).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, limit).astype(int)
    if (high <= low).any():
        return canvas
    scale = float(np.linalg.norm(matrix[:, 0]))
    picture: np.ndarray = overlay.picture.astype(np.float32) / 255
    picture[..., :3] *= picture[..., 3:]  # so that transparent pixels do not bleed into the rim
    if scale < 0.5:
        small = (max(1, round(w * scale)), max(1, round(h * scale)))
        picture = np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), np.float32)
        stretch = np.array([w, h]) / small
        matrix = np.column_stack([matrix[:, :2] * stretch, transform((stretch - 1)[None] / 2, matrix)[0]])
    matrix = np.column_stack([matrix[:, :2], matrix[:, 2] - low])
    width, height = (int(side) for side in high - low)
    worn = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    part = canvas[low[1] : high[1], low[0] : high[0]]
    part[:] = np.rint(part * (1 - worn[..., 3:]) + 255 * worn[..., :3]).clip(0, 255).astype(np.uint8)
    return canvas
