"""What is drawn on a face beside, or instead of, its points: overlays, the axes of the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fldbench.found import FoundFace
from fldbench.geometry import tight_box
from fldbench.media.draw import as_rgb, draw_landmarks
from fldbench.media.overlay import Overlay, face_frame, get_overlay, lay_over
from fldbench.media.photo import draw, likeliest, write_beside
from fldbench.media.pose import draw_pose, head_pose
from fldbench.media.track import Track
from fldbench.schemes import get_scheme
from fldbench.schemes.head import head_map

COLOURS = ((0, 255, 0), (255, 120, 0), (0, 200, 255), (255, 0, 200), (255, 255, 0), (160, 120, 255))


@dataclass(frozen=True)
class Marks:
    """What is drawn on each face; `marks_for` makes it.

    Attributes
    ----------
    overlays : tuple of Overlay
        Pictures, in this order; with any, no points and boxes are drawn.
    pose : bool
        The axes of the head.
    """

    overlays: tuple[Overlay, ...] = ()
    pose: bool = False


def marks_for(scheme: str, overlays: Sequence[str] = (), pose: bool = False) -> Marks:
    """Return the marks for faces of a scheme, from names of overlays.

    Raises
    ------
    DataError
        For an unknown overlay, and a scheme whose points do not tell where it goes, or the pose.

    >>> len(marks_for("ibug-68", ["sunglasses"]).overlays)
    1
    """
    pictures = tuple(get_overlay(name) for name in overlays)
    if pictures:
        face_frame(np.full((get_scheme(scheme).n_points, 2), np.nan), scheme)
    if pose:
        head_map(scheme)
    return Marks(pictures, pose)


def draw_photo(image: np.ndarray, faces: Sequence[FoundFace], marks: Marks) -> np.ndarray:
    """Return a new RGB image with the faces of a photo: their points, boxes and words, or their overlays."""
    canvas = as_rgb(image) if marks.overlays else draw(image, faces)
    return _marked(canvas, [(face.landmarks, face.scheme) for face in faces], marks)


def draw_tracks(image: np.ndarray, tracks: Sequence[Track], scheme: str, marks: Marks) -> np.ndarray:
    """Return a new RGB image with the faces of a frame: points in a colour for each identity, or their overlays.

    The likeliest class of each attribute stands below the points.
    """
    canvas = as_rgb(image)
    for track in tracks if not marks.overlays else ():
        colour = COLOURS[(track.identity - 1) % len(COLOURS)]
        canvas = draw_landmarks(canvas, track.shown, scheme, colour=colour)
    for track in tracks if not marks.overlays else ():
        write_beside(canvas, tight_box(track.shown), likeliest(track.attributes))
    return _marked(canvas, [(track.shown, scheme) for track in tracks], marks)


def _marked(canvas: np.ndarray, faces: Sequence[tuple[np.ndarray, str]], marks: Marks) -> np.ndarray:
    for landmarks, scheme in faces:
        for overlay in marks.overlays:
            canvas = lay_over(canvas, landmarks, scheme, overlay)
        if marks.pose:
            canvas = draw_pose(canvas, head_pose(landmarks, scheme))
    return canvas
