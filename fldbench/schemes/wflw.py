"""wflw-98, and its map to ibug-68."""

from __future__ import annotations

import numpy as np

from fldbench.schemes.curves import EYE, INNER, LIPS, arc, jaw, loop, middle, place
from fldbench.schemes.scheme import BROWS_AND_EYES, LIP_RINGS, build
from fldbench.schemes.weights import Rows, mean


# fmt: off
def _template() -> np.ndarray:
    left, right = arc(5, -0.42, -0.08, 0.10, 0.06), arc(5, 0.08, 0.42, 0.10, 0.06)
    thick = np.array([0.0, 0.05])  # the lower line lies under the upper one but for the outer end
    return place(
        jaw(33), left, left[:0:-1] + thick, right, right[3::-1] + thick,
        middle(0.27, 0.35, 0.43, 0.51), arc(5, -0.11, 0.11, 0.57, -0.02),
        loop(-0.34, -0.12, EYE, 0.06, -0.05, 3, 3), loop(0.12, 0.34, EYE, 0.06, -0.05, 3, 3),
        loop(-0.22, 0.22, LIPS, 0.08, -0.12, 5, 5), loop(-0.16, 0.16, INNER, 0.02, -0.05, 3, 3),
        [(-0.23, EYE), (0.23, EYE)],
    )


def _to_ibug() -> Rows:
    def lid(near: int, middle: int) -> dict[int, float]:  # WFLW has 3 points on a lid, ibug 2: at 1/3 and 2/3
        return {near: 2 / 3, middle: 1 / 3}

    rows = [mean(i) for i in range(0, 33, 2)]
    rows += [mean(33), mean(34, 41), mean(35, 40), mean(36, 39), mean(37, 38)]
    rows += [mean(42, 50), mean(43, 49), mean(44, 48), mean(45, 47), mean(46)]
    rows += [mean(i) for i in range(51, 60)]
    for e in (60, 68):
        rows += [mean(e), lid(e + 1, e + 2), lid(e + 3, e + 2), mean(e + 4), lid(e + 5, e + 6), lid(e + 7, e + 6)]
    return rows + [mean(i) for i in range(76, 96)]


SCHEMES = (
    build(
        name="wflw-98",
        source="WFLW: Wu et al., Look at Boundary: A Boundary-Aware Face Alignment Algorithm, CVPR 2018",
        regions={"jaw": (0, 32), "left_brow": (33, 41), "right_brow": (42, 50), "nose_bridge": (51, 54),
                "nose_base": (55, 59), "left_eye": (60, 67), "right_eye": (68, 75), "outer_lip": (76, 87),
                "inner_lip": (88, 95), "left_pupil": (96, 96), "right_pupil": (97, 97)},
        pairs=[(0, 32, 16, -1), (33, 46, 5, -1), (38, 50, 4, -1), (55, 59, 2, -1), (60, 72, 5, -1), (65, 75, 3, -1),
               (76, 82, 3, -1), (83, 87, 2, -1), (88, 92, 2, -1), (93, 95, 1, -1), (96, 97, 1, -1)],
        template=_template(), corners=(60, 72), pupils=(96, 97),
        closed=(*BROWS_AND_EYES, *LIP_RINGS),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {("wflw-98", "ibug-68"): _to_ibug()}
# fmt: on
