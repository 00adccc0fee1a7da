"""muct-76."""

from __future__ import annotations

import numpy as np

from fldbench.schemes.curves import BROW, EYE, LIPS, arc, jaw, loop, middle, nose, place
from fldbench.schemes.scheme import BROWS_AND_EYES, LIP_RINGS, build
from fldbench.schemes.weights import Rows, mean


# fmt: off
def _template() -> np.ndarray:
    left, right = loop(-0.34, -0.12, EYE, 0.06, -0.05, 3, 3), loop(0.34, 0.12, EYE, 0.06, -0.05, 3, 3)
    return place(
        jaw(15), loop(0.42, 0.08, BROW, 0.08, 0.02, 2, 2), loop(-0.42, -0.08, BROW, 0.08, 0.02, 2, 2),
        left[::2], [(-0.23, EYE)], right[::2], [(0.23, EYE)],
        nose((-0.06, 0.30), (-0.08, 0.42), (-0.13, 0.52), (-0.10, 0.585)), [(-0.05, 0.555), (0.05, 0.555)],
        loop(-0.22, 0.22, LIPS, 0.08, -0.12, 5, 5),
        arc(3, -0.14, 0.14, 0.765, -0.045), arc(3, 0.14, -0.14, 0.745, 0.02), middle(0.765, 0.50),
        left[1::2], right[1::2],
    )


SCHEMES = (
    build(
        name="muct-76",
        source="MUCT: Milborrow et al., The MUCT Landmarked Face Database, PRASA 2010 (68 points of XM2VTS, and 8)",
        regions={"jaw": (0, 14), "right_brow": (15, 20), "left_brow": (21, 26),
                "left_eye": [27, 68, 28, 69, 29, 70, 30, 71], "left_pupil": [31],
                "right_eye": [32, 72, 33, 73, 34, 74, 35, 75], "right_pupil": [36], "nose": (37, 45),
                "nostrils": (46, 47), "nose_tip": [67], "outer_lip": (48, 59), "inner_lip": (60, 66)},
        pairs=[(0, 14, 7, -1), (15, 21, 6, 1), (27, 32, 5, 1), (37, 45, 4, -1), (46, 47, 1, 1), (48, 54, 3, -1),
               (55, 59, 2, -1), (60, 62, 1, 1), (63, 65, 1, 1), (68, 72, 4, 1)],
        template=_template(), corners=(27, 32), pupils=(31, 36),
        closed=(*BROWS_AND_EYES, *LIP_RINGS),
        # the inner lip is a ring without its corners, and 66 lies in its middle
        gaps=((46, 47), (65, 66), (66, 60)), bridges=((65, 60), (46, 67), (67, 47)),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {
    ("muct-76", "mtfl-5"): [mean(31), mean(36), mean(67), mean(48), mean(54)],
}
# fmt: on
