"""dlib-5: the five points of dlib's small model."""

from __future__ import annotations

from fldbench.schemes.curves import EYE, place
from fldbench.schemes.scheme import build
from fldbench.schemes.weights import Rows, mean

# fmt: off
SCHEMES = (
    build(
        name="dlib-5",
        source="dlib, shape_predictor_5_face_landmarks: King, 2017; in the order of dlib_faces_5points.tar",
        regions={"right_eye": (0, 1), "left_eye": (2, 3), "nose_base": (4, 4)},
        pairs=[(0, 2, 2, 1)],
        template=place([(0.34, EYE), (0.12, EYE), (-0.34, EYE), (-0.12, EYE), (0.0, 0.59)]), corners=(2, 0),
        names=("right_eye_outer_corner", "right_eye_inner_corner", "left_eye_outer_corner", "left_eye_inner_corner",
               "nose_base"),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {
    ("ibug-49", "dlib-5"): [mean(28), mean(25), mean(19), mean(22), mean(16)],
}
# fmt: on
