"""Pose and camera: head frame (mm) -> pixels.

Axes are those of OpenCV: x right, y down, z away from the camera. Pixels are zero-based and the centre of the top-left
pixel is (0, 0). Angles are in degrees, each positive towards a positive image axis: yaw > 0 turns the nose to
image-right (+x), pitch > 0 turns it to image-down (+y), roll > 0 turns the head clockwise on the image (x towards y).
"""

from typing import NamedTuple

import numpy as np

PIVOT = np.array([0.0, 20.0, 75.0])  # mm, head frame: the head turns about this point, and the camera looks at it


class Camera(NamedTuple):
    """The perspective camera of one face: u = offset + scale * x * distance / depth; pixel = u * size - 0.5.

    Attributes
    ----------
    distance : float
        Distance from the pivot, mm.
    scale : float
        Scale of the plane through the pivot: sides of the image per mm.
    offset : (2,) array
        Place of the pivot on the image, in sides of the image.
    """

    distance: float
    scale: float
    offset: np.ndarray


def rotation(yaw, pitch, roll):
    """Return R = R_roll R_pitch R_yaw, (3, 3), for angles in degrees; the module states their signs.

    >>> nose = np.array([0., 0., -1.])
    >>> (rotation(30, 0, 0) @ nose).round(3).tolist(), (rotation(0, 30, 0) @ nose).round(3).tolist()
    ([0.5, 0.0, -0.866], [0.0, 0.5, -0.866])
    >>> (rotation(0, 0, 30) @ np.array([1., 0., 0.])).round(3).tolist()
    [0.866, 0.5, 0.0]
    """
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians([yaw, pitch, roll])).tolist() for f in (np.cos, np.sin))
    around_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    around_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    around_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return around_z @ around_x @ around_y


def to_camera(points, turn):
    """Turn points of the head frame into camera axes with the pivot as origin: (n, 3) mm, turn (3, 3) -> (n, 3) mm.

    >>> to_camera(PIVOT[None], np.eye(3)).tolist()
    [[0.0, 0.0, 0.0]]
    """
    return (points - PIVOT) @ turn.T


def perspective(points, distance):
    """Project points through a pinhole onto the plane through the pivot: (n, 3) mm -> (n, 2) mm.

    >>> perspective(np.array([[10., 0., -100.], [10., 0., 0.]]), 500.).tolist()
    [[12.5, 0.0], [10.0, 0.0]]
    """
    return points[:, :2] * (distance / (distance + points[:, 2:]))


def frame_camera(landmarks, distance, fill, shift, margin=0.04):
    """Return the camera that shows a face at a given place.

    Parameters
    ----------
    landmarks : (68, 3) array
        Landmarks, mm in camera axes.
    distance : float
        Distance of the camera from the pivot, mm.
    fill : float
        Longer side of the landmarks' bounding box over the side of the image.
    shift : (2,) array
        Place of that box in the room within the margin: -1 left or top, 0 middle, 1 right or bottom.
    margin : float
        Margin as a share of the side of the image.

    Examples
    --------
    >>> square = np.array([[-50., -50., 0.], [50., 50., 0.]])
    >>> c = frame_camera(square, 1000.0, 0.5, np.zeros(2)); c.scale, c.offset.tolist()
    (0.005, [0.5, 0.5])
    """
    flat = perspective(landmarks, distance)
    low, high = flat.min(0), flat.max(0)
    scale = fill / float((high - low).max())
    room = np.maximum(0.5 - margin - 0.5 * scale * (high - low), 0.0)
    return Camera(float(distance), scale, 0.5 + shift * room - scale * 0.5 * (low + high))


def to_pixels(points, camera, size):
    """Project points (n, 3) mm in camera axes to pixels (n, 2) of an image with `size` pixels per side.

    >>> camera = Camera(1000.0, 0.005, np.array([0.5, 0.5]))
    >>> to_pixels(np.zeros((1, 3)), camera, 160).tolist()
    [[79.5, 79.5]]
    """
    return (camera.offset + camera.scale * perspective(points, camera.distance)) * size - 0.5


def face_normals(points, faces):
    """Return outward normals (F, 3) of triangles; their length is twice the area. Outward is towards a camera in front.

    >>> face_normals(np.array([[0., 0., 0.], [0., 1., 0.], [1., 0., 0.]]), np.array([[0, 1, 2]])).tolist()
    [[0.0, 0.0, -1.0]]
    """
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    (ux, uy, uz), (vx, vy, vz) = (b - a).T, (c - a).T  # written out: np.cross is several times slower
    return np.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], -1)
