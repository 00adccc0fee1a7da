"""Face number `index` of the stream `seed`: every parameter drawn, landmarks without an image, and the image.

Geometry comes from `default_rng([seed, index])`, the look from `[seed, index, 1]`, backdrop and grain from `[seed,
index, 2]`: a face is the same whatever was drawn before it, in any process, and a new field of the look moves no
landmark.

Distributions of the geometry (degrees; N is the normal distribution): yaw N(0, 18) cut at +-50, pitch N(0, 8) cut
at +-25, roll N(0, 9) cut at +-35; identity coefficients N(0, 1) cut at +-2.5; mouth shut in 45 % of the faces,
smiling in 45 %, other coefficients in `draw_expression`; distance of the camera log-uniform in 0.5 to 2 m; the
landmarks' box takes 45 to 65 % of the image's side and lies anywhere within the margin, mostly near the middle.
"""

from typing import NamedTuple

import numpy as np

from fldbench.datasets.synthetic.deform import EXPRESSION, IDENTITY
from fldbench.datasets.synthetic.head import head_near
from fldbench.datasets.synthetic.look import draw_look
from fldbench.datasets.synthetic.pose import facing, frame_camera, rotation, to_camera, to_pixels

ANGLE_SD, ANGLE_LIMIT = np.array([18.0, 8.0, 9.0]), np.array([50.0, 25.0, 35.0])
DEFAULT_SIZE = 160


class Geometry(NamedTuple):
    """coef (42,) of `head`; angles (3,) yaw, pitch, roll in degrees; distance mm; fill and shift (2,) of
    `pose.frame_camera`."""

    coef: np.ndarray
    angles: np.ndarray
    distance: float
    fill: float
    shift: np.ndarray


def draw_expression(rng):
    """The 12 coefficients of `deform.EXPRESSION`.

    >>> draw_expression(np.random.default_rng(0)).shape
    (12,)
    """
    e = dict.fromkeys(EXPRESSION, 0.0)
    smiling, open_mouth = rng.random(2) < (0.45, 0.45)
    e["smile"] = rng.beta(2, 2) * 1.2 if smiling else rng.normal(0.0, 0.12)
    e["lips_part"] = rng.uniform(0.1, 1.4) if smiling and rng.random() < 0.8 else 0.0
    if open_mouth and not smiling:
        e["lips_part"] = rng.uniform(0.0, 0.8)
    if open_mouth:
        e["jaw_open"] = min(rng.exponential(0.28), 1.0)
    e["upper_lip_raise"] = abs(rng.normal(0, 0.25)) if smiling or open_mouth else 0.0
    e["pucker"] = abs(rng.normal(0, 0.35)) if not smiling else 0.0
    e["mouth_frown"] = rng.normal(0.0, 0.35) if not smiling else 0.0
    e["mouth_shift"] = rng.normal(0, 0.3)
    e["brow_raise"] = rng.normal(-0.2, 0.5)
    e["brow_frown"] = abs(rng.normal(0, 0.4)) - 0.15
    e["brow_skew"] = rng.normal(0, 0.35)
    both = rng.choice(3, p=[0.86, 0.08, 0.06])  # open, half shut, shut
    lids = (rng.normal(-0.05, 0.13), rng.uniform(0.3, 0.8), rng.uniform(0.85, 1.0))[both]
    e["eye_close_left"], e["eye_close_right"] = np.clip(lids + rng.normal(0, 0.04, size=2), -0.3, 1.0)
    if both == 0 and rng.random() < 0.02:
        e["eye_close_left" if rng.random() < 0.5 else "eye_close_right"] = rng.uniform(0.8, 1.0)
    return np.array([e[name] for name in EXPRESSION])


def draw_geometry(seed, index):
    """The `Geometry` of one face (distributions: see the module)."""
    rng = np.random.default_rng([seed, index])
    angles = np.clip(rng.normal(0, ANGLE_SD), -ANGLE_LIMIT, ANGLE_LIMIT)
    distance = float(np.exp(rng.uniform(np.log(500), np.log(2000))))
    fill = float(rng.uniform(0.45, 0.65))
    shift = np.clip(rng.normal(0, 0.35, size=2), -0.9, 0.9)
    identity = np.clip(rng.normal(0, 1, size=len(IDENTITY)), -2.5, 2.5)
    return Geometry(np.concatenate([identity, draw_expression(rng)]), angles, distance, fill, shift)


def _place(geometry):
    """(points (M, 3) mm in camera axes, the 68 landmarks first; their triangles; the camera)."""
    points, faces = head_near(geometry.coef)
    points = to_camera(points, rotation(*geometry.angles))
    return points, faces, frame_camera(points[:68], geometry.distance, geometry.fill, geometry.shift)


def face_landmarks(seed, index, size=DEFAULT_SIZE):
    """Landmarks of face `index`, without drawing it.

    Returns (landmarks (68, 2) float64, pixels, zero-based centres, x right, y down, all inside the image; visible (68,)
    bool, whether the surface there faces the camera; pose (3,) yaw, pitch, roll in degrees, signs as in `pose`).

    >>> points, visible, pose = face_landmarks(0, 7)
    >>> points.shape, visible.shape, pose.shape
    ((68, 2), (68,), (3,))
    >>> bool(np.allclose(face_landmarks(0, 7, 320)[0], (points + 0.5) * 2 - 0.5))
    True
    """
    geometry = draw_geometry(seed, index)
    points, faces, camera = _place(geometry)
    visible = facing(points, faces, camera.distance) > 0.0
    return to_pixels(points[:68], camera, size), visible, geometry.angles


def face_image(seed, index, size=DEFAULT_SIZE):
    """The picture of face `index`, (size, size, 3) uint8 RGB, to which `face_landmarks` belongs."""
    from fldbench.datasets.synthetic.render import render

    geometry = draw_geometry(seed, index)
    _, _, camera = _place(geometry)
    look = draw_look(np.random.default_rng([seed, index, 1]))
    return render(geometry.coef, geometry.angles, camera, look, np.random.default_rng([seed, index, 2]), size)
