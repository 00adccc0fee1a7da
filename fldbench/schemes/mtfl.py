"""mtfl-5: eye centres, tip of the nose, mouth corners."""

from __future__ import annotations

from fldbench.schemes.curves import EYE, LIPS, place
from fldbench.schemes.scheme import build
from fldbench.schemes.weights import Rows

# fmt: off
SCHEMES = (
    build(
        name="mtfl-5",
        source="MTFL: Zhang et al., Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014",
        regions={"left_eye": (0, 0), "right_eye": (1, 1), "nose_tip": (2, 2), "mouth": (3, 4)},
        pairs=[(0, 1, 1, 1), (3, 4, 1, 1)],
        template=place([(-0.23, EYE), (0.23, EYE), (0.0, 0.51), (-0.22, LIPS), (0.22, LIPS)]),
        names=("left_eye", "right_eye", "nose_tip", "left_mouth_corner", "right_mouth_corner"),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {}
# fmt: on
