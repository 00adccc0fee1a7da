"""Clips of one synthetic head with a known motion: frames, times, and the true landmarks of each frame."""

from typing import Any, NamedTuple

import numpy as np

from fldbench.datasets.synthetic.pose import to_pixels
from fldbench.datasets.synthetic.render import render
from fldbench.datasets.synthetic.sample import draw_face
from fldbench.datasets.synthetic.scene import build_scene, scene_points
from fldbench.errors import DataError, must_be

NOISE = 4.0  # standard deviation of what changes between frames of a still face, grey levels
GAP = (1.0, 1.6)  # s: the head is out of sight in the clip "away"
MOTIONS = ("still", "turn", "shake", "away")


class ClipFrame(NamedTuple):
    """One frame.

    Attributes
    ----------
    image : (size, size, 3) array
        RGB uint8.
    time : float
        Seconds.
    landmarks : (L, 2) array
        px, exact; NaN where the head is out of sight.
    """

    image: np.ndarray
    time: float
    landmarks: np.ndarray


class Placed(NamedTuple):
    """A scene of a clip: what `render` takes, the landmarks (L, 2) px (NaN out of sight) and which are visible (L,)."""

    scene: Any
    coef: np.ndarray
    look: Any
    worn: Any
    landmarks: np.ndarray
    visible: np.ndarray


def place_at(motion, time):
    """Return where the head is: (yaw, pitch, roll) in degrees and the shift (x, y) of `pose.frame_camera`.

    still: at rest. turn: yaw of 25 degrees to either side at 0.4 Hz. shake: moves to and fro at 1 Hz, about half of its
    width. away: at rest, out of sight from 1 to 1.6 s, then in another place.

    >>> place_at("turn", 0.625)
    (25.0, 0.0, 0.0, 0.0, 0.0)
    """
    if motion == "turn":
        return (25.0 * float(np.sin(2 * np.pi * 0.4 * time)), 0.0, 0.0, 0.0, 0.0)
    if motion == "shake":
        return (0.0, 0.0, 0.0, 0.8 * float(np.sin(2 * np.pi * time)), 0.0)
    return (0.0, 0.0, 0.0, 0.7 if motion == "away" and time >= GAP[1] else 0.0, 0.0)


def motion_clip(motion, seed=0, index=0, seconds=3.0, rate=25.0, size=240, scheme="ibug-68"):
    """Yield the frames of a clip as `ClipFrame`.

    The head, its look, its expression and the backdrop are those of face `index` of the stream `seed`, without what it
    would wear. Each frame has its own noise of 4 grey levels, so that a still face is no still picture.

    Parameters
    ----------
    motion : {"still", "turn", "shake", "away"}
        See `place_at`.
    seed, index : int
        Which face.
    seconds, rate : float
        Length in s, and frames a second.
    size : int
        Side of the frames, px.
    scheme : str
        Of the landmarks, one of `anchors.SCHEMES`.
    """
    for number in range(round(seconds * rate)):
        placed = place_frame(motion, seed, index, number / rate, size, scheme)
        image = frame_image(placed, seed, index, number, size)
        yield ClipFrame(image, number / rate, placed.landmarks)


def place_frame(motion, seed, index, time, size, scheme="ibug-68"):
    """Return the scene at a time, with its true landmarks, as `Placed`; parameters as for `motion_clip`."""
    if motion not in MOTIONS:
        raise DataError(must_be("motion_clip", "motion", motion, f"one of {', '.join(MOTIONS)}"))
    face = draw_face(seed, index)
    worn = face.worn._replace(glasses=0, hat=0, hand=-1)
    *angles, x, y = place_at(motion, time)
    geometry = face.geometry._replace(angles=np.array(angles), fill=0.5, shift=np.array([x, y]))
    scene = build_scene(geometry, face.look, worn)
    points, visible = scene_points(scene, scheme, angles[2], face.look, worn)
    landmarks = to_pixels(points, scene.camera, size)
    if motion == "away" and GAP[0] <= time < GAP[1]:
        scene = scene._replace(camera=scene.camera._replace(offset=np.array([9.0, 9.0])))  # far outside the image
        landmarks, visible = np.full_like(landmarks, np.nan), np.zeros_like(visible)
    return Placed(scene, geometry.coef, face.look, worn, landmarks, visible)


def frame_image(placed, seed, index, number, size):
    """Return the picture of a scene as frame `number` of its clip: (size, size, 3) RGB uint8."""
    rng = np.random.default_rng([seed, index, 2])
    clean = render(placed.scene, placed.coef, placed.look, placed.worn, rng, size)
    noise = np.random.default_rng([seed, index, 6, number]).normal(0, NOISE, clean.shape)
    return np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
