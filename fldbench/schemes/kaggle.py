"""kaggle-15: the points of Kaggle's Facial Keypoints Detection."""

from __future__ import annotations

import numpy as np

from fldbench.schemes.curves import BROW, EYE, LIPS, place
from fldbench.schemes.scheme import build
from fldbench.schemes.weights import Rows, mean


# fmt: off
def _template() -> np.ndarray:
    return place(
        [(0.23, EYE), (-0.23, EYE), (0.12, EYE), (0.34, EYE), (-0.12, EYE), (-0.34, EYE)],
        [(0.08, BROW), (0.42, BROW), (-0.08, BROW), (-0.42, BROW)],
        [(0.0, 0.51), (0.22, LIPS), (-0.22, LIPS), (0.0, 0.67), (0.0, 0.87)],
    )


SCHEMES = (
    # The columns of the file name the person's own left and right: left_eye_center, point 0, is at image-right.
    build(
        name="kaggle-15",
        source="Kaggle, Facial Keypoints Detection, 2013; the points in the order of training.csv",
        regions={"right_eye": [2, 0, 3], "left_eye": [4, 1, 5], "right_brow": (6, 7), "left_brow": (8, 9),
                "nose_tip": (10, 10), "mouth": [12, 13, 11, 14]},
        pairs=[(0, 1, 1, 1), (2, 4, 2, 1), (6, 8, 2, 1), (11, 12, 1, 1)],
        template=_template(), corners=(5, 3), eyes=((1,), (0,)), closed=("mouth",),
        names=("right_eye", "left_eye", "right_eye_inner_corner", "right_eye_outer_corner", "left_eye_inner_corner",
               "left_eye_outer_corner", "right_brow_inner_end", "right_brow_outer_end", "left_brow_inner_end",
               "left_brow_outer_end", "nose_tip", "right_mouth_corner", "left_mouth_corner", "upper_lip", "lower_lip"),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {
    ("kaggle-15", "mtfl-5"): [mean(1), mean(0), mean(10), mean(12), mean(11)],
}
# fmt: on
