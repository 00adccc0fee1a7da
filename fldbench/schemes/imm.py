"""imm-58 and imm-frontal-73: the two databases of the Technical University of Denmark."""

from __future__ import annotations

import numpy as np

from fldbench.schemes.curves import BROW, EYE, LIPS, arc, jaw, loop, middle, nose, place
from fldbench.schemes.scheme import BROWS_AND_EYES, build
from fldbench.schemes.weights import Rows, mean


# fmt: off
def _template_58() -> np.ndarray:
    return place(
        jaw(13, 0.75), loop(0.34, 0.12, EYE, 0.06, -0.05, 3, 3), loop(-0.34, -0.12, EYE, 0.06, -0.05, 3, 3),
        arc(5, 0.08, 0.42, BROW, 0.06), arc(5, -0.08, -0.42, BROW, 0.06),
        loop(-0.22, 0.22, LIPS, 0.06, -0.08, 3, 3),
        nose((-0.04, 0.27), (-0.07, 0.42), (-0.13, 0.50), (-0.13, 0.57), (-0.06, 0.58)),
    )


def _template_frontal() -> np.ndarray:
    outline = nose((-0.04, 0.27), (-0.08, 0.43), (-0.14, 0.52), (-0.11, 0.58), (-0.06, 0.55))
    return place(
        loop(-0.42, -0.08, BROW, 0.08, 0.02, 3, 3), loop(0.42, 0.08, BROW, 0.02, 0.08, 3, 3),
        loop(-0.34, -0.12, EYE, 0.06, -0.05, 3, 3), loop(0.34, 0.12, EYE, -0.05, 0.06, 3, 3),
        [(-0.23, EYE), (0.23, EYE)], outline[::-1], middle(0.50),
        loop(-0.22, 0.22, LIPS, 0.08, -0.12, 5, 3),
        arc(3, -0.14, 0.14, 0.745, 0.01), arc(3, -0.14, 0.14, 0.765, -0.035), jaw(11, 0.75),
    )


SCHEMES = (
    build(
        name="imm-58",
        source="IMM Face Database: Nordstrøm et al., Technical University of Denmark, 2004",
        regions={"jaw": (0, 12), "right_eye": (13, 20), "left_eye": (21, 28), "right_brow": (29, 33),
                "left_brow": (34, 38), "mouth": (39, 46), "nose": (47, 57)},
        pairs=[(0, 12, 6, -1), (13, 21, 8, 1), (29, 34, 5, 1), (39, 43, 2, -1), (44, 46, 1, -1), (47, 57, 5, -1)],
        template=_template_58(), corners=(21, 13), closed=("left_eye", "right_eye", "mouth"),
    ),
    build(
        name="imm-frontal-73",
        source="IMM Frontal Face Database: Fagertun and Stegmann, Technical University of Denmark, 2005",
        regions={"left_brow": (0, 7), "right_brow": (8, 15), "left_eye": (16, 23), "right_eye": (24, 31),
                "left_pupil": (32, 32), "right_pupil": (33, 33), "nose": (34, 44), "nose_tip": (45, 45),
                "outer_lip": (46, 55), "inner_lip": (56, 61), "jaw": (62, 72)},
        pairs=[(0, 8, 1, 1), (1, 15, 7, -1), (16, 24, 1, 1), (17, 31, 7, -1), (32, 33, 1, 1), (34, 44, 5, -1),
               (46, 52, 3, -1), (53, 55, 1, 1), (56, 58, 1, 1), (59, 61, 1, 1), (62, 72, 5, -1)],
        template=_template_frontal(), corners=(16, 24), pupils=(32, 33), gaps=((58, 59),),
        closed=(*BROWS_AND_EYES, "outer_lip"),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {
    ("imm-frontal-73", "mtfl-5"): [mean(32), mean(33), mean(45), mean(46), mean(52)],
}
# fmt: on
