"""ibug-68, the numbering of 300-W, and its parts ibug-51 and ibug-49."""

from __future__ import annotations

from typing import Any

import numpy as np

from fldbench.schemes.curves import BROW, EYE, INNER, LIPS, arc, jaw, loop, middle, place
from fldbench.schemes.scheme import LIP_RINGS, build
from fldbench.schemes.weights import Rows, mean

WITHOUT_CORNERS = [i for i in range(17, 68) if i not in (60, 64)]


# fmt: off
def _template() -> np.ndarray:
    return place(
        jaw(17), arc(5, -0.42, -0.08, BROW, 0.06), arc(5, 0.08, 0.42, BROW, 0.06),
        middle(0.27, 0.35, 0.43, 0.51), arc(5, -0.11, 0.11, 0.57, -0.02),
        loop(-0.34, -0.12, EYE, 0.06, -0.05, 2, 2), loop(0.12, 0.34, EYE, 0.06, -0.05, 2, 2),
        loop(-0.22, 0.22, LIPS, 0.08, -0.12, 5, 5), loop(-0.16, 0.16, INNER, 0.02, -0.05, 3, 3),
    )


_IBUG: dict[str, Any] = {
    "regions": {"jaw": (0, 16), "left_brow": (17, 21), "right_brow": (22, 26), "nose_bridge": (27, 30),
               "nose_base": (31, 35), "left_eye": (36, 41), "right_eye": (42, 47), "outer_lip": (48, 59),
               "inner_lip": (60, 67)},
    "pairs": [(0, 16, 8, -1), (17, 26, 5, -1), (31, 35, 2, -1), (36, 45, 4, -1), (40, 47, 2, -1), (48, 54, 3, -1),
              (55, 59, 2, -1), (60, 64, 2, -1), (65, 67, 1, -1)],
    "template": _template(), "corners": (36, 45), "closed": ("left_eye", "right_eye", *LIP_RINGS),
}

SCHEMES = (
    build(**_IBUG, name="ibug-68",
          source="300-W: Sagonas et al., 300 Faces in-the-Wild Challenge, ICCV Workshops 2013"),
    build(**_IBUG, name="ibug-51", source="ibug-68 without the jaw: its points 17..67", keep=range(17, 68)),
    build(**_IBUG, name="ibug-49", source="ibug-68 without the jaw and the inner mouth corners 60 and 64",
          keep=WITHOUT_CORNERS),
)

MAPS: dict[tuple[str, str], Rows] = {
    ("ibug-68", "ibug-51"): [mean(i) for i in range(17, 68)],
    ("ibug-51", "ibug-49"): [mean(i - 17) for i in WITHOUT_CORNERS],
    # An eye is the mean of its six points (36..41 and 42..47 of ibug-68); nose tip 30, mouth corners 48 and 54.
    ("ibug-49", "mtfl-5"): [mean(*range(19, 25)), mean(*range(25, 31)), mean(13), mean(31), mean(37)],
}
# fmt: on
