"""youtu-88: the points of Tencent YouTu's face-shape service."""

from __future__ import annotations

import numpy as np

from fldbench.schemes.curves import BROW, EYE, LIPS, arc, jaw, loop, middle, nose, place
from fldbench.schemes.scheme import build
from fldbench.schemes.weights import Rows, mean


# fmt: off
def _template() -> np.ndarray:
    outline = nose((-0.06, 0.34), (-0.08, 0.42), (-0.10, 0.49), (-0.13, 0.56), (-0.06, 0.58))
    return place(
        jaw(21), middle(0.50, 0.27), outline,
        loop(-0.22, 0.22, LIPS, -0.12, 0.08, 5, 5),
        arc(5, -0.14, 0.14, 0.765, -0.045), arc(5, 0.14, -0.14, 0.745, 0.02),
        loop(-0.42, -0.08, BROW, 0.02, 0.08, 3, 3), loop(-0.34, -0.12, EYE, -0.05, 0.06, 3, 3),
        loop(0.42, 0.08, BROW, 0.02, 0.08, 3, 3), loop(0.34, 0.12, EYE, -0.05, 0.06, 3, 3),
    )


SCHEMES = (
    # The order within the regions was read off answers of the API that public code quotes, the right side's too:
    # brows and eyes start at the outer end on both sides, lower edge first; the inner lip has no corner points.
    build(
        name="youtu-88",
        source="Tencent YouTu face-shape API; its keys in the order face_profile, nose, mouth, left_eyebrow, "
               "left_eye, right_eyebrow, right_eye",
        regions={"jaw": (0, 20), "nose_tip": (21, 21), "nose": (22, 33), "outer_lip": (34, 45), "inner_lip": (46, 55),
                "left_brow": (56, 63), "left_eye": (64, 71), "right_brow": (72, 79), "right_eye": (80, 87)},
        pairs=[(0, 20, 10, -1), (23, 33, 5, -1), (34, 40, 3, -1), (41, 45, 2, -1), (46, 50, 2, -1), (51, 55, 2, -1),
               (56, 72, 8, 1), (64, 80, 8, 1)],
        template=_template(), corners=(64, 80),
        closed=("nose", "outer_lip", "inner_lip", "left_brow", "left_eye", "right_brow", "right_eye"),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {
    ("youtu-88", "mtfl-5"): [mean(*range(64, 72)), mean(*range(80, 88)), mean(21), mean(34), mean(40)],
}
# fmt: on
