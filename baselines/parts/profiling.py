"""Face profiling: faces turned aside, made from those that there are.

Zhu, Lei, Liu, Shi and Li, "Face Alignment Across Large Poses: A 3D Solution", CVPR 2016, section 4: an image with its
points in 3-D is cut into triangles, the head is turned, and each triangle is drawn where its corners come to lie. The
paper fits a 3-D face to each image; here the depth of a point is that of the mean head (`fldbench.schemes.head`).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from fldbench.errors import DataError, must_be
from fldbench.faces import FaceSet, Images
from fldbench.geometry import tight_box
from fldbench.schemes import Scheme, get_scheme
from fldbench.schemes.head import mean_head

LEAST = 20  # points of a scheme, and of a face, that say how a head is turned
AXIS = (0.0, 40.0, 85.0)  # mm, a point on the neck's axis: below and behind the root of the nose
GROW = 1.9  # radius of the still ring around a face, in half sides of its points' box
RING = 16  # points on it
MARGIN = 0.02  # heights of a face between the outline and what it encloses
FRONTAL, FURTHER = 5.0, 5.0  # degrees: a face that looks to neither side, and by which another is turned at least
SMALLEST = 0.2  # px^2: a triangle that is seen from its edge
DRAWN = "profiling 1"  # stands for the pictures in digests: other pictures need another value


class Pose(NamedTuple):
    """A head as a camera far away sees it: image = scale (rotation head)[:2] + shift, depth = scale (rotation head)[2].

    Attributes
    ----------
    scale : float
        px per mm.
    rotation : ndarray of shape (3, 3)
    shift : ndarray of shape (2,)
        px.
    """

    scale: float
    rotation: np.ndarray
    shift: np.ndarray

    @property
    def yaw(self) -> float:
        """Degrees by which the face is turned to the right of the image."""
        x, _, z = self.rotation @ (0.0, 0.0, -1.0)
        return float(np.degrees(np.arctan2(x, -z)))

    def seen(self, head: np.ndarray) -> np.ndarray:
        """Return points (n, 3) mm of the head as px of the image and px of depth, (n, 3); greater is further away."""
        return self.scale * head @ self.rotation.T + (*self.shift, 0.0)


def pose_of(landmarks: np.ndarray, head: np.ndarray) -> Pose:
    """Return the pose of a head (L, 3) mm that shows these landmarks (L, 2) px; both finite.

    The affine camera with the least squared error, and the scaled rotation nearest to it: from U S V^T of its
    matrix, U V^T and the mean of S.

    >>> head = mean_head("ibug-68")
    >>> pose = pose_of(2.0 * head[:, :2] + 100.0, head)
    >>> round(pose.scale, 6), abs(round(pose.yaw, 6)), pose.shift.round(6).tolist()
    (2.0, 0.0, [100.0, 100.0])
    """
    camera, *_ = np.linalg.lstsq(np.column_stack([head, np.ones(len(head))]), landmarks, rcond=None)
    left, sizes, right = np.linalg.svd(camera[:3].T, full_matrices=False)
    rows, scale = left @ right, float(sizes.mean())
    rotation = np.vstack([rows, np.cross(*rows)])
    return Pose(scale, rotation, landmarks.mean(axis=0) - scale * (head @ rows.T).mean(axis=0))


def turned_aside(image: np.ndarray, landmarks: np.ndarray, scheme: Scheme, yaw: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a face as it might look when its head is turned to this yaw about its own axis, and its landmarks.

    Landmarks of the jaw that the face then hides lie on the outline that is seen, as annotators set them.

    Parameters
    ----------
    image : ndarray of shape (h, w, 3)
        RGB uint8.
    landmarks : ndarray of shape (L, 2)
        px; those that are NaN stay NaN. At least 20 are finite.
    scheme : Scheme
        One with at least 20 points whose places on the mean head are known.
    yaw : float
        Degrees, positive to the right of the image.

    Returns
    -------
    image : ndarray of shape (h, w, 3)
    landmarks : ndarray of shape (L, 2)

    Raises
    ------
    DataError
        For another scheme, and too few points.
    """
    turn = _turn(landmarks, scheme, yaw)
    return _drawn(image, turn), turn.landmarks


class _Turn(NamedTuple):
    """Corners of triangles before and after a turn, (n, 2) px, their depth after it, and the landmarks after it."""

    start: np.ndarray
    end: np.ndarray
    depth: np.ndarray
    landmarks: np.ndarray


def _turn(landmarks: np.ndarray, scheme: Scheme, yaw: float) -> _Turn:
    head, there = _head(scheme), np.isfinite(landmarks).all(axis=1)
    if there.sum() < LEAST:
        raise DataError(must_be("a face to turn", "its number of points", int(there.sum()), f"{LEAST} or more"))
    pose = pose_of(landmarks[there], head[there])
    own = np.column_stack([landmarks[there], pose.seen(head[there])[:, 2]])
    before = np.concatenate([own, pose.seen(_beside())])
    centre = pose.seen(np.array([AXIS]))
    after = (before - centre) @ _about(pose, yaw).T + centre
    moved = np.full_like(landmarks, np.nan)
    moved[there] = after[: len(own), :2]
    still = _still(landmarks[there])
    return _Turn(
        start=np.concatenate([before[:, :2], still]),
        end=np.concatenate([after[:, :2], still]),
        depth=np.concatenate([after[:, 2], np.full(len(still), after[:, 2].max() + 1)]),
        landmarks=_outlined(moved, head, scheme, yaw),
    )


def _head(scheme: Scheme) -> np.ndarray:
    if scheme.n_points < LEAST:
        allowed = f"one with at least {LEAST} points, to tell how a head is turned"
        raise DataError(must_be("faces to turn", "scheme", scheme.name, allowed))
    return mean_head(scheme.name)


def _beside() -> np.ndarray:
    """Return points beside the landmarks that turn with the head, (n, 3) mm: forehead, crown, temples and neck."""
    head = mean_head("ibug-68")
    moved = (
        (head[17:27], (0, -45, 18)),  # forehead
        (head[17:27], (0, -80, 50)),
        (head[4:13:2], (0, 35, 35)),  # neck
        (head[[0, 2, 14, 16]] * (1.12, 1, 1), (0, 0, 45)),  # behind the ears
    )
    return np.concatenate([points + np.array(by) for points, by in moved])


def _about(pose: Pose, yaw: float) -> np.ndarray:
    """Return the rotation about the head's own upright axis that brings its pose to a yaw, or nearest to it."""
    (x, y, z), angle = pose.rotation[:, 1], np.radians(yaw - pose.yaw)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    # Rodrigues: R = I + sin(a) K + (1 - cos(a)) K^2
    both = [np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross for a in (angle, -angle)]
    return min(both, key=lambda turn: abs(pose._replace(rotation=turn @ pose.rotation).yaw - yaw))


def _still(landmarks: np.ndarray) -> np.ndarray:
    """Return points (n, 2) px that do not move: a ring around the face, and the corners of a square around that."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    centre, radius = (low + high) / 2, GROW * (high - low).max() / 2
    angles = np.linspace(0, 2 * np.pi, RING, endpoint=False)
    corners = 3 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    return centre + radius * np.concatenate([np.column_stack([np.cos(angles), np.sin(angles)]), corners])


def _drawn(image: np.ndarray, turn: _Turn) -> np.ndarray:
    """Return the image with each triangle drawn where it comes to lie, the furthest first."""
    import cv2
    from scipy.spatial import Delaunay

    triangles = Delaunay(turn.start).simplices
    before, after = (corners[triangles].astype(np.float32) for corners in (turn.start, turn.end))
    faces_us = (_area(before) * _area(after) > 0) & (np.abs(_area(after)) > SMALLEST)
    size = np.array(image.shape[1::-1])
    lows = np.clip(np.floor(after.min(axis=1)).astype(int), 0, size)
    highs = np.clip(np.ceil(after.max(axis=1)).astype(int) + 1, 0, size)
    out = image.copy()
    for i in np.argsort(-turn.depth[triangles].mean(axis=1), kind="stable"):
        (x0, y0), (x1, y1) = lows[i], highs[i]
        if not faces_us[i] or x1 <= x0 or y1 <= y0:
            continue
        corners = after[i] - lows[i].astype(np.float32)
        back = cv2.getAffineTransform(corners, before[i])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        part = cv2.warpAffine(image, back, (int(x1 - x0), int(y1 - y0)), flags=flags, borderMode=cv2.BORDER_REFLECT)
        inside = np.zeros(part.shape[:2], np.uint8)
        cv2.fillConvexPoly(inside, np.round(corners * 16).astype(np.int32), 1, shift=4)
        out[y0:y1, x0:x1][inside > 0] = part[inside > 0]
    return out


def _area(triangles: np.ndarray) -> np.ndarray:
    """Return twice the signed areas of triangles (n, 3, 2)."""
    a, b = (triangles[:, k] - triangles[:, 0] for k in (1, 2))
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _outlined(moved: np.ndarray, head: np.ndarray, scheme: Scheme, yaw: float) -> np.ndarray:
    """Return landmarks (L, 2) px with those of the jaw's far side no further in than the other points and the chin."""
    jaw = list(scheme.regions.get("jaw", ()))
    side = 1.0 if yaw > 0 else -1.0
    far = [point for point in jaw if side * head[point, 0] > 1e-6]
    chin = [min(jaw, key=lambda point: abs(head[point, 0]))] if jaw else []
    inner = sorted(set(range(len(moved))) - set(jaw)) + chin
    out, (x, y) = moved.copy(), moved[[i for i in inner if np.isfinite(moved[i]).all()]].T
    if not len(x):  # nothing is known that could hide the jaw
        return out
    margin = MARGIN * np.ptp(moved[np.isfinite(moved).all(axis=1), 1])
    for point in far:
        if np.isfinite(moved[point]).all():
            edge = _edge(side * x, y, moved[point, 1]) + margin
            out[point, 0] = side * max(side * moved[point, 0], edge)
    return out


def _edge(x: np.ndarray, y: np.ndarray, height: float) -> float:
    """Return the greatest x of the convex hull of points at a height; beyond the hull that of its end."""
    height = np.clip(height, y.min(), y.max())
    above, below = np.flatnonzero(y <= height), np.flatnonzero(y >= height)
    # Every point of the hull at this height lies between one point above and one below.
    rise = y[below][None] - y[above][:, None]
    share = np.where(rise > 0, (height - y[above][:, None]) / np.where(rise > 0, rise, 1.0), 0.0)
    return float((x[above][:, None] + share * (x[below][None] - x[above][:, None])).max())


class _Profiled(Images):
    """The images of some faces, each as it is where its yaw is NaN, or turned to that yaw."""

    def __init__(self, base: Images, landmarks: np.ndarray, scheme: Scheme, yaws: np.ndarray):
        self._base, self._landmarks, self._scheme, self._yaws = base, landmarks, scheme, yaws

    def __len__(self) -> int:
        return len(self._base)

    def decode(self, i: int) -> np.ndarray:
        image = self._base[i]
        if np.isnan(self._yaws[i]):
            return image
        return turned_aside(image, self._landmarks[i], self._scheme, self._yaws[i])[0]

    def digest(self, i: int) -> bytes:
        own = self._base.digest_once(i)
        if np.isnan(self._yaws[i]):
            return own
        drawn = f"{DRAWN} {self._yaws[i]!r}".encode() + self._landmarks[i].tobytes()
        return hashlib.sha256(own + drawn).digest()


def with_profiles(faces: FaceSet, share: float, low: float, high: float, rng: np.random.Generator) -> FaceSet:
    """Return the faces, and behind them a part of them once more, turned aside to yaws that are drawn.

    A face is turned to the side to which it looks already, by at least 5 degrees more than it is. Its box lies about
    the new landmarks as the old one about the old landmarks, and what it says of its pose is not known any more; all
    else of it stays.

    Parameters
    ----------
    faces : FaceSet
    share : float
        Which part of the faces is turned: those with the least draws, so that a greater share turns the same and more.
        Faces with fewer than 20 points, and those whose points lie on one spot, are left out.
    low, high : float
        Degrees between which the yaws are drawn.
    rng : Generator

    Raises
    ------
    DataError
        For a scheme that `turned_aside` does not know.
    """
    scheme = get_scheme(faces.scheme)
    head, n = _head(scheme), len(faces)
    lots, sides, drawn = rng.random(n), rng.random(n), rng.uniform(low, high, n)
    there = np.isfinite(faces.landmarks).all(axis=2)
    rows = np.argsort(lots, kind="stable")[: round(share * n)]
    rows = np.sort(rows[there[rows].sum(axis=1) >= LEAST])
    tight = tight_box(faces.landmarks[rows])
    rows = rows[(tight[:, 2:] > tight[:, :2]).all(axis=1)]
    both = np.concatenate([np.arange(n), rows])
    yaws = np.full(len(both), np.nan)
    landmarks, boxes = faces.landmarks[both].copy(), faces.boxes[both].copy()
    for i, row in enumerate(rows, start=n):
        points, known = faces.landmarks[row], there[row]
        own = pose_of(points[known], head[known]).yaw
        side = np.sign(own) if abs(own) > FRONTAL else np.sign(sides[row] - 0.5) or 1.0
        yaws[i] = side * max(drawn[row], abs(own) + FURTHER)
        landmarks[i] = _turn(points, scheme, yaws[i]).landmarks
        (old,), (new,) = tight_box(points[None]), tight_box(landmarks[i][None])
        ratio = (new[2:] - new[:2]) / (old[2:] - old[:2])
        boxes[i] = new + (faces.boxes[row] - old) * np.tile(ratio, 2)
    attributes = {name: codes[both].copy() for name, codes in faces.attributes.items()}
    for name, kind in faces.attribute_types.items():
        if kind.mirrored:  # it is about left and right
            attributes[name][n:] = -1
    return replace(
        faces,
        ids=np.concatenate([faces.ids, [f"{faces.ids[row]} turned aside" for row in rows]]),
        images=_Profiled(faces.images[both], faces.landmarks[both], scheme, yaws),
        landmarks=landmarks,
        boxes=boxes,
        visible=faces.visible[both],
        attributes=attributes,
        subsets={name: member[both] for name, member in faces.subsets.items()},
        groups=faces.groups[both],
    )
