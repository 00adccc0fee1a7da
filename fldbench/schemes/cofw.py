"""cofw-29."""

from __future__ import annotations

import numpy as np

from fldbench.schemes.curves import BROW, EYE, LIPS, middle, place
from fldbench.schemes.scheme import BROWS_AND_EYES, build
from fldbench.schemes.weights import Rows, mean


# fmt: off
def _template() -> np.ndarray:
    return place(
        [(-0.42, BROW), (0.42, BROW), (-0.08, BROW), (0.08, BROW)],
        [(-0.25, BROW - 0.08), (-0.25, BROW - 0.02), (0.25, BROW - 0.08), (0.25, BROW - 0.02)],
        [(-0.34, EYE), (0.34, EYE), (-0.12, EYE), (0.12, EYE)],
        [(-0.23, EYE - 0.06), (-0.23, EYE + 0.05), (0.23, EYE - 0.06), (0.23, EYE + 0.05), (-0.23, EYE), (0.23, EYE)],
        [(-0.13, 0.55), (0.13, 0.55), (0.0, 0.51), (0.0, 0.59), (-0.22, LIPS), (0.22, LIPS)],
        middle(0.67, 0.735, 0.805, 0.87, 1.0),
    )


SCHEMES = (
    build(
        name="cofw-29",
        source="COFW: Burgos-Artizzu et al., Robust Face Landmark Estimation under Occlusion, ICCV 2013",
        regions={"left_brow": [0, 4, 2, 5], "right_brow": [1, 6, 3, 7], "left_eye": [8, 12, 10, 13],
                "right_eye": [9, 14, 11, 15], "left_pupil": [16], "right_pupil": [17], "nose_base": [18, 21, 19],
                "nose_tip": [20], "outer_lip": [22, 24, 23, 27], "inner_lip": [25, 26], "chin": [28]},
        pairs=[(0, 1, 1, 1), (2, 3, 1, 1), (4, 6, 2, 1), (8, 9, 1, 1), (10, 11, 1, 1), (12, 14, 2, 1),
               (16, 17, 1, 1), (18, 19, 1, 1), (22, 23, 1, 1)],
        template=_template(), corners=(8, 9), pupils=(16, 17), closed=(*BROWS_AND_EYES, "outer_lip"),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {
    ("cofw-29", "mtfl-5"): [mean(16), mean(17), mean(20), mean(22), mean(23)],
}
# fmt: on
