"""Face number `index` of the stream `seed`: every parameter drawn, landmarks without an image, and the image.

Geometry comes from `default_rng([seed, index])`, the look from `[seed, index, 1]`, backdrop and grain from `[seed,
index, 2]`, the conditions from `[seed, index, 3]`, the accessories from `[seed, index, 4]`. Therefore a face does not
depend on earlier draws, on the process or on the scheme, and a new field of the look moves no landmark.

Distributions of the geometry outside the subsets of `conditions` (degrees; N is the normal distribution): yaw N(0, 13)
cut at +-34, pitch N(0, 7) cut at +-17, roll N(0, 9) cut at +-35; identity coefficients N(0, 1) cut at +-2.5; mouth shut
in 45 % of the faces, smiling in 45 %, other coefficients in `draw_expression`; distance of the camera log-uniform in
0.5 to 2 m; the landmarks' box takes 45 to 65 % of the image's side and lies anywhere within the margin, mostly near the
middle.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fldbench.datasets.synthetic.accessories import Worn, draw_worn
from fldbench.datasets.synthetic.conditions import NONE, Conditions, draw_conditions
from fldbench.datasets.synthetic.deform import EXPRESSION, IDENTITY
from fldbench.datasets.synthetic.dose import dosed_geometry, dosed_look
from fldbench.datasets.synthetic.look import Look, draw_look, strengthen
from fldbench.datasets.synthetic.pose import to_pixels
from fldbench.datasets.synthetic.scene import build_scene, scene_points

ANGLE_SD, ANGLE_LIMIT = np.array([13.0, 7.0, 9.0]), np.array([34.0, 17.0, 35.0])
SMILING = 0.35  # share of a full smile from which the attribute is 1
BEARDED = 0.3  # density of the beard from which the attribute is 1
POSE_BOUNDS = (-45.0, -15.0, 15.0, 45.0)  # degrees of yaw between the five classes of MTFL
OCCLUDERS = ("hand", "dark", "fringe", "hat")
DEFAULT_SIZE = 160


class Geometry(NamedTuple):
    """Shape, pose and camera of one face.

    Attributes
    ----------
    coef : (43,) array
        Coefficients of `head`.
    angles : (3,) array
        Yaw, pitch, roll in degrees.
    distance : float
        Distance of the camera, mm.
    fill : float
        See `pose.frame_camera`.
    shift : (2,) array
        See `pose.frame_camera`.
    """

    coef: np.ndarray
    angles: np.ndarray
    distance: float
    fill: float
    shift: np.ndarray


class Drawn(NamedTuple):
    """Everything about one face except backdrop and grain."""

    geometry: Geometry
    look: Look
    worn: Worn
    conditions: Conditions

    @property
    def attributes(self):
        """Return the attributes (4,) int in the order of `ATTRIBUTES`: smile, glasses, pose, beard."""
        smile = self.geometry.coef[len(IDENTITY) + EXPRESSION.index("smile")] > SMILING
        pose = int(np.searchsorted(POSE_BOUNDS, self.geometry.angles[0]))
        return int(smile), int(self.worn.glasses > 0), pose, int(self.look.beard >= BEARDED)


ATTRIBUTES = ("smile", "glasses", "pose", "beard")


def draw_expression(rng):
    """Draw the 12 coefficients of `deform.EXPRESSION`.

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
        e["jaw_open"] = min(rng.exponential(0.22), 0.55)
    e["upper_lip_raise"] = abs(rng.normal(0, 0.25)) if smiling or open_mouth else 0.0
    e["pucker"] = abs(rng.normal(0, 0.3)) if not smiling else 0.0
    e["mouth_frown"] = rng.normal(0.0, 0.35) if not smiling else 0.0
    e["mouth_shift"] = rng.normal(0, 0.3)
    e["brow_raise"] = np.clip(rng.normal(-0.2, 0.5), -1.2, 1.1)
    e["brow_frown"] = min(abs(rng.normal(0, 0.4)) - 0.15, 0.9)
    e["brow_skew"] = rng.normal(0, 0.35)
    both = rng.choice(3, p=[0.86, 0.08, 0.06])  # open, half shut, shut
    lids = (rng.normal(-0.12, 0.13), rng.uniform(0.3, 0.8), rng.uniform(0.85, 1.0))[both]
    e["eye_close_left"], e["eye_close_right"] = np.clip(lids + rng.normal(0, 0.04, size=2), -0.3, 1.0)
    if both == 0 and rng.random() < 0.02:
        e["eye_close_left" if rng.random() < 0.5 else "eye_close_right"] = rng.uniform(0.8, 1.0)
    return np.array([e[name] for name in EXPRESSION])


def strong_expression(rng, mild):
    """Turn the coefficients `mild` (12,) into one of the strong expressions of `conditions`."""
    e = dict(zip(EXPRESSION, mild, strict=True))
    kind = rng.choice(5, p=[0.28, 0.28, 0.12, 0.14, 0.18])
    if kind == 0:
        e |= {"jaw_open": rng.uniform(0.6, 1.1), "smile": rng.uniform(0, 0.5), "pucker": 0.0}
        e |= {"lips_part": rng.uniform(0, 0.6), "brow_raise": rng.uniform(-0.2, 1.2)}
    elif kind == 1:
        e |= {"smile": rng.uniform(0.9, 1.4), "lips_part": rng.uniform(0.6, 1.4), "pucker": 0.0, "mouth_frown": 0.0}
        e |= {"jaw_open": rng.uniform(0.0, 0.5), "upper_lip_raise": rng.uniform(0.1, 0.7)}
        e |= dict.fromkeys(("eye_close_left", "eye_close_right"), rng.uniform(0.1, 0.6))
    elif kind == 2:
        e |= {"pucker": rng.uniform(0.8, 1.3), "smile": 0.0, "lips_part": 0.0, "jaw_open": rng.uniform(0, 0.15)}
    elif kind == 3:
        e |= dict.fromkeys(("eye_close_left", "eye_close_right"), 1.0)
        e |= {"brow_frown": rng.uniform(0.6, 1.4), "smile": rng.uniform(0, 0.9), "brow_raise": rng.uniform(-1.0, -0.3)}
    elif rng.random() < 0.5:
        e |= {"brow_raise": rng.uniform(1.2, 1.9), "eye_close_left": -0.3, "eye_close_right": -0.3}
    else:
        e |= {"brow_frown": rng.uniform(1.0, 1.6), "mouth_frown": rng.uniform(0.5, 1.3), "smile": 0.0}
    return np.array([e[name] for name in EXPRESSION])


def draw_geometry(seed, index, conditions=NONE):
    """Draw the `Geometry` of one face; the module and `conditions` state the distributions."""
    rng = np.random.default_rng([seed, index])
    angles = np.clip(rng.normal(0, ANGLE_SD), -ANGLE_LIMIT, ANGLE_LIMIT)
    distance = float(np.exp(rng.uniform(np.log(500), np.log(2000))))
    fill = float(rng.uniform(0.45, 0.65))
    shift = np.clip(rng.normal(0, 0.35, size=2), -0.9, 0.9)
    identity = np.clip(rng.normal(0, 1, size=len(IDENTITY)), -2.5, 2.5)
    expression = draw_expression(rng)
    wide, tilt, side = rng.uniform(35, 75), rng.uniform(18, 30), rng.choice([-1, 1])
    nod = rng.random() < 0.2
    if conditions.pose:
        angles[int(nod)] = side * (tilt if nod else wide)
    if conditions.expression:
        expression = strong_expression(rng, expression)
    return Geometry(np.concatenate([identity, expression]), angles, distance, fill, shift)


@lru_cache(maxsize=4)
def draw_face(seed, index, dose=None):
    """Draw one `Drawn` face, by request with a `dose.Dose`."""
    rng = np.random.default_rng([seed, index, 3])
    conditions = draw_conditions(rng) if dose is None else NONE
    occluder = OCCLUDERS[rng.choice(4, p=[0.45, 0.25, 0.15, 0.15])] if conditions.occlusion else ""
    look = draw_look(np.random.default_rng([seed, index, 1]))
    look = strengthen(look, conditions, occluder, np.random.default_rng([seed, index, 5]))
    worn = draw_worn(np.random.default_rng([seed, index, 4]), occluder)
    geometry = draw_geometry(seed, index, conditions)
    if dose is not None:
        geometry, look = dosed_geometry(geometry, dose), dosed_look(look, dose)
    return Drawn(geometry, look, worn, conditions)


@lru_cache(maxsize=4)
def _scene(seed, index, dose=None):
    face = draw_face(seed, index, dose)
    return build_scene(face.geometry, face.look, face.worn)


def face_landmarks(seed, index, size=DEFAULT_SIZE, scheme="ibug-68", dose=None):
    """Return the landmarks of face `index` without drawing it.

    Parameters
    ----------
    seed, index : int
        The stream and the number of the face in it.
    size : int
        Side of the image, px.
    scheme : str
        Landmark scheme with L points. The points of ibug-68 all lie inside the image.
    dose : Dose, optional
        One cause that is varied.

    Returns
    -------
    landmarks : (L, 2) array of float64
        Pixels, zero-based centres, x right, y down.
    visible : (L,) array of bool
        False where hair, a hat, a hand, dark glasses or the head itself hide the point.
    pose : (3,) array
        Yaw, pitch, roll in degrees; signs as in `pose`.

    Examples
    --------
    >>> points, visible, pose = face_landmarks(0, 7)
    >>> points.shape, visible.shape, pose.shape
    ((68, 2), (68,), (3,))
    >>> bool(np.allclose(face_landmarks(0, 7, 320)[0], (points + 0.5) * 2 - 0.5))
    True
    """
    face, scene = draw_face(seed, index, dose), _scene(seed, index, dose)
    points, visible = scene_points(scene, scheme, face.geometry.angles[2], face.look, face.worn)
    return to_pixels(points, scene.camera, size), visible, face.geometry.angles


def face_image(seed, index, size=DEFAULT_SIZE, dose=None):
    """Return the picture of face `index`, (size, size, 3) uint8 RGB; it matches `face_landmarks`."""
    from fldbench.datasets.synthetic.render import render

    face = draw_face(seed, index, dose)
    rng = np.random.default_rng([seed, index, 2])
    return render(_scene(seed, index, dose), face.geometry.coef, face.look, face.worn, rng, size)
