"""jd-106: the points of JD-landmark and of LaPa, and their map to wflw-98."""

from __future__ import annotations

import numpy as np

from fldbench.schemes.curves import EYE, INNER, LIPS, arc, jaw, loop, middle, place
from fldbench.schemes.scheme import BROWS_AND_EYES, LIP_RINGS, build
from fldbench.schemes.weights import Rows, mean


# fmt: off
def _template() -> np.ndarray:
    left, right = arc(5, -0.42, -0.08, 0.10, 0.06), arc(5, 0.08, 0.42, 0.10, 0.06)
    thick = np.array([0.0, 0.05])
    return place(
        jaw(33), left, left[:0:-1] + thick, right, right[3::-1] + thick, middle(0.27, 0.35, 0.43, 0.51),
        [(-0.06, 0.29), (-0.10, 0.45), (-0.15, 0.53)], arc(5, -0.11, 0.11, 0.57, -0.02),
        [(0.15, 0.53), (0.10, 0.45), (0.06, 0.29)],
        loop(-0.34, -0.12, EYE, 0.06, -0.05, 3, 3), [(-0.23, EYE - 0.02)],
        loop(0.12, 0.34, EYE, 0.06, -0.05, 3, 3), [(0.23, EYE - 0.02)],
        loop(-0.22, 0.22, LIPS, 0.08, -0.12, 5, 5), loop(-0.16, 0.16, INNER, 0.02, -0.05, 3, 3),
        [(-0.23, EYE), (0.23, EYE)],
    )


SCHEMES = (
    # 74 and 83 are the eyes' centres and mostly fall together with the pupils 104 and 105.
    build(
        name="jd-106",
        source="JD-landmark: Liu et al., Grand Challenge of 106-Point Facial Landmark Localization, ICME Workshops "
               "2019; the points of LaPa too: Liu et al., AAAI 2020",
        regions={"jaw": (0, 32), "left_brow": (33, 41), "right_brow": (42, 50), "nose_bridge": (51, 54),
                "nose": (55, 65), "left_eye": (66, 74), "right_eye": (75, 83), "outer_lip": (84, 95),
                "inner_lip": (96, 103), "left_pupil": (104, 104), "right_pupil": (105, 105)},
        pairs=[(0, 32, 16, -1), (33, 46, 5, -1), (38, 50, 4, -1), (55, 65, 5, -1), (66, 79, 5, -1), (71, 82, 3, -1),
               (74, 83, 1, 1), (84, 90, 3, -1), (91, 95, 2, -1), (96, 100, 2, -1), (101, 103, 1, 1),
               (104, 105, 1, 1)],
        template=_template(), corners=(66, 79), pupils=(104, 105),
        eyes=(tuple(range(66, 74)), tuple(range(75, 83))), closed=(*BROWS_AND_EYES, *LIP_RINGS),
        gaps=((73, 74), (74, 66), (82, 83), (83, 75)), bridges=((73, 66), (82, 75)),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {
    ("jd-106", "wflw-98"): [
        mean(i) for i in (*range(55), *range(58, 63), *range(66, 74), *range(75, 83), *range(84, 104), 104, 105)
    ],
}
# fmt: on
