"""The pose of a head from its landmarks, by a 3-D mean head; and how far eyes and mouth are open."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fldbench.errors import DataError
from fldbench.media.draw import as_rgb
from fldbench.schemes import Scheme, get_scheme
from fldbench.schemes.head import head_map, mean_head
from fldbench.schemes.scheme import as_landmarks

DISTANCE = 1000.0  # mm from the camera to the face, assumed: photos do not tell it, and the angles hardly depend on it
SLIDES = 30.0  # degrees of yaw from which the far side of the jaw is left out
FEWEST = 5  # points
AXES = ((255, 64, 64), (64, 220, 64), (64, 128, 255))  # RGB of x, y and the direction of the nose
LIPS = ("inner_lip", "outer_lip", "mouth")  # the first that is a ring tells
AXIS = 60.0  # mm, length of a drawn axis


class Pose(NamedTuple):
    """The pose of one head; all of it is NaN where it cannot be found.

    Attributes
    ----------
    yaw, pitch, roll : float
        Degrees, each positive towards a positive image axis: yaw > 0 turns the nose to image-right, pitch > 0 turns it
        down, roll > 0 turns the head clockwise on the image. The head is turned by yaw first, then pitch, then roll.
        Yaw and pitch are relative to the line from the camera to the face.
    centre : (2,) array
        px: the root of the nose.
    axes : (3, 2) array
        px per mm on the image: the head's x (image-right of a frontal face), its y (down), and out of the face.
    residual : float
        Root mean square distance of the points from those of the turned mean head, as a share of their own spread.
    """

    yaw: float
    pitch: float
    roll: float
    centre: np.ndarray
    axes: np.ndarray
    residual: float

    @property
    def angles(self) -> np.ndarray:
        """Yaw, pitch and roll, (3,) degrees."""
        return np.array([self.yaw, self.pitch, self.roll])


def rotation_angles(turn: np.ndarray) -> np.ndarray:
    """Return yaw, pitch, roll in degrees of a rotation R = R_roll R_pitch R_yaw, (3, 3), with the signs of `Pose`.

    >>> rotation_angles(np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])).round(6).tolist()
    [0.0, 0.0, 90.0]
    """
    level = np.hypot(turn[2, 0], turn[2, 2])
    angles = [(turn[2, 0], turn[2, 2]), (turn[2, 1], level), (-turn[0, 1], turn[1, 1])]
    return np.degrees([np.arctan2(y, x) for y, x in angles])


def head_pose(landmarks, scheme: Scheme | str) -> Pose:
    """Return the pose of the head that shows these landmarks.

    Perspective-n-point with a mean head: the pose with the least squared distance between landmarks and projected
    points, from the globally optimal SQPnP (Terzakis and Lourakis 2020) and Levenberg-Marquardt steps. The camera is
    taken to look at the face from 1 m, so that crops and whole photos of one face give the same angles. Where the head
    turns away by more than 30 degrees, annotators move the far side of the jaw along its outline: it is then left out.

    Parameters
    ----------
    landmarks : array_like
        (L, 2) px. Points that are not finite are left out.
    scheme : Scheme or str
        Their scheme; one in `fldbench.schemes.head`, or with a map to one.

    Returns
    -------
    Pose
        NaN for fewer than five finite points, or points on one line.

    Raises
    ------
    DataError
        For landmarks of another shape, and a scheme whose points on a head are not known.

    >>> from fldbench.schemes.head import mean_head
    >>> frontal = mean_head("ibug-68")
    >>> pose = head_pose(200 * frontal[:, :2] / (1000 + frontal[:, 2:]), "ibug-68")
    >>> bool(np.allclose(pose.angles, 0, atol=1)), pose.residual < 0.01
    (True, True)
    """
    own = get_scheme(scheme) if isinstance(scheme, str) else scheme
    points = as_landmarks(np.asarray(landmarks, float), own)
    if points.ndim != 2:
        raise DataError(f"head pose: landmarks have the shape {points.shape}; must be (L, 2), one face at a time")
    weights, name = head_map(own.name)
    uses = weights != 0
    there = np.isfinite(points).all(axis=1)
    usable = ~(uses & ~there).any(axis=1)
    flat, head = weights @ np.where(there[:, None], points, 0.0), mean_head(name)
    turn = _solve(head, flat, usable)
    jaw = np.array(get_scheme(name).regions.get("jaw", ()), int)
    yaw = None if turn is None else rotation_angles(turn[0])[0]
    if yaw is not None and abs(yaw) > SLIDES and len(jaw):
        kept = usable.copy()
        kept[jaw[head[jaw, 0] * np.sign(yaw) > 0]] = False
        turn, usable = _solve(head, flat, kept) or turn, kept
    return _nowhere() if turn is None else _pose(turn, head[usable], flat[usable])


_Found = tuple[np.ndarray, np.ndarray, np.ndarray]


def _nowhere() -> Pose:
    return Pose(np.nan, np.nan, np.nan, np.full(2, np.nan), np.full((3, 2), np.nan), np.nan)


def _camera(points: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Return the matrix (3, 3) of a camera that looks at the middle of the points from `DISTANCE`."""
    centre = points.mean(axis=0)
    spread = np.sqrt(((points - centre) ** 2).sum(axis=1).mean())
    size = np.sqrt(((head - head.mean(axis=0))[:, :2] ** 2).sum(axis=1).mean())
    focal = DISTANCE * spread / size
    return np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])


def _solve(head: np.ndarray, points: np.ndarray, usable: np.ndarray) -> _Found | None:
    """Return rotation (3, 3), shift (3,) mm and camera (3, 3) for the usable points, or None where there is none."""
    import cv2

    head, points = head[usable], points[usable]
    if len(points) < FEWEST or np.abs(points).max() > 1e6:
        return None
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if spread[1] <= 1e-3 * spread[0]:
        return None
    camera = _camera(points, head)
    try:
        found, turn, shift = cv2.solvePnP(head, points, camera, None, flags=cv2.SOLVEPNP_SQPNP)
        if not found:
            return None
        turn, shift = cv2.solvePnPRefineLM(head, points, camera, None, turn, shift)
    except cv2.error:
        return None
    rotation = cv2.Rodrigues(turn)[0]
    return (rotation, shift.ravel(), camera) if np.isfinite(rotation).all() and shift[2, 0] > 0 else None


def _pose(found: _Found, head: np.ndarray, points: np.ndarray) -> Pose:
    turn, shift, camera = found

    def project(places):
        seen = (places @ turn.T + shift) @ camera.T
        return seen[:, :2] / seen[:, 2:]

    scale = camera[0, 0] / shift[2]
    axes = turn.T[:, :2] * scale * np.array([[1.0], [1.0], [-1.0]])
    off = np.sqrt(((project(head) - points) ** 2).sum(axis=1).mean())
    spread = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    yaw, pitch, roll = rotation_angles(turn).tolist()
    return Pose(yaw, pitch, roll, project(np.zeros((1, 3)))[0], axes, float(off / spread))


def draw_pose(image, pose: Pose) -> np.ndarray:
    """Return a new RGB image with the axes of a head: x red, y green, and out of the face blue, each 60 mm long.

    >>> black = np.zeros((8, 8, 3), np.uint8)
    >>> pose = Pose(0.0, 0.0, 0.0, np.array([4.0, 4.0]), np.array([[0.05, 0.0], [0.0, 0.05], [0.0, 0.0]]), 0.0)
    >>> draw_pose(black, pose).any(axis=2).sum() > 3
    np.True_
    """
    import cv2

    canvas = as_rgb(image)
    if not np.isfinite(pose.centre).all():
        return canvas
    thick = max(1, round(AXIS * float(np.abs(pose.axes).max()) / 25))
    start = tuple(int(v) for v in np.round(pose.centre * 16))
    for axis, colour in zip(pose.axes, AXES, strict=True):
        end = tuple(int(v) for v in np.round((pose.centre + AXIS * axis) * 16))
        cv2.line(canvas, start, end, colour, thick, cv2.LINE_AA, 4)
    return canvas


class Openness(NamedTuple):
    """How far eyes and mouth are open: height over width; NaN where the scheme or the face does not tell."""

    left_eye: float
    right_eye: float
    mouth: float


def openness(landmarks, scheme: Scheme | str) -> Openness:
    """Return the aspect ratios of both eyes and of the mouth.

    The mean distance between opposite points of the upper and the lower line over the distance between the corners; for
    the six points of an eye in ibug-68 it is the eye aspect ratio of Soukupova and Cech (2016): about 0.3 open, below
    0.2 shut. The mouth is the inner line of the lips where the scheme has one (0 when shut), else the outer one. Both
    grow when the head turns aside, as the width shrinks. "Left" is image-left.

    Parameters
    ----------
    landmarks : array_like
        (L, 2) px.
    scheme : Scheme or str
        Their scheme.

    Raises
    ------
    DataError
        For landmarks of another shape.

    >>> face = np.zeros((68, 2)); face[36:42] = [[0, 2], [2, 1], [4, 1], [6, 2], [4, 3], [2, 3]]
    >>> round(openness(face, "ibug-68").left_eye, 4)
    0.3333
    """
    own = get_scheme(scheme) if isinstance(scheme, str) else scheme
    points = as_landmarks(np.asarray(landmarks, float), own)
    ratios = {name: _aspect(points, own, name) for name in ("left_eye", "right_eye", *LIPS)}
    mouth = next((ratios[name] for name in LIPS if ratios[name] is not None), None)
    left, right, mouth = (np.nan if one is None else one for one in (ratios["left_eye"], ratios["right_eye"], mouth))
    return Openness(left, right, mouth)


def _aspect(points: np.ndarray, scheme: Scheme, region: str) -> float | None:
    """Return the aspect ratio of a region, or None where it is no ring with as many points above as below."""
    ring = np.array(scheme.regions.get(region, ()), int)
    half = len(ring) // 2
    steps = {frozenset(edge) for edge in scheme.edges}
    joined = all(frozenset(map(int, pair)) in steps for pair in zip(ring, np.roll(ring, -1), strict=True))
    if len(ring) < 4 or len(ring) % 2 or not joined or scheme.template is None:
        return None
    x = scheme.template[ring, 0]
    first = int(x.argmin())
    if int(x.argmax()) != (first + half) % len(ring):
        return None
    ring = np.roll(ring, -first)
    upper, lower = points[ring[1:half]], points[ring[:half:-1]]
    width = np.linalg.norm(points[ring[0]] - points[ring[half]])
    height = np.linalg.norm(upper - lower, axis=1).mean()
    return float(height / width) if width > 0 else float("nan")
