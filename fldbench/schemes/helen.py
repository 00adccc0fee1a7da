"""helen-194."""

from __future__ import annotations

import numpy as np

from fldbench.schemes.curves import BROW, EYE, INNER, LIPS, jaw, loop, nose, place
from fldbench.schemes.scheme import BROWS_AND_EYES, LIP_RINGS, build
from fldbench.schemes.weights import Rows


# fmt: off
def _template() -> np.ndarray:
    ridge = np.linspace((-0.05, 0.27), (-0.12, 0.495), 6)
    return place(
        jaw(41), nose(*ridge, (-0.13, 0.55), (-0.08, 0.58)),
        loop(-0.22, 0.22, LIPS, 0.08, -0.12, 13, 13), loop(-0.16, 0.16, INNER, 0.02, -0.05, 13, 13),
        loop(0.12, 0.34, EYE, 0.06, -0.05, 9, 9), loop(-0.12, -0.34, EYE, 0.06, -0.05, 9, 9),
        loop(0.08, 0.42, BROW, 0.08, 0.02, 9, 9), loop(-0.08, -0.42, BROW, 0.08, 0.02, 9, 9),
    )


SCHEMES = (
    # The numbering is that of the PUT face database, by the word of HELEN's page; its corners and middles are in
    # stasm's table for PUT. Brows and eyes start at the inner end, upper edge first.
    build(
        name="helen-194",
        source="HELEN: Le et al., Interactive Facial Feature Localization, ECCV 2012",
        regions={"jaw": (0, 40), "nose": (41, 57), "outer_lip": (58, 85), "inner_lip": (86, 113),
                "right_eye": (114, 133), "left_eye": (134, 153), "right_brow": (154, 173), "left_brow": (174, 193)},
        pairs=[(0, 40, 20, -1), (41, 57, 8, -1), (58, 72, 7, -1), (73, 85, 6, -1), (86, 100, 7, -1),
               (101, 113, 6, -1), (114, 134, 20, 1), (154, 174, 20, 1)],
        template=_template(), corners=(144, 124), closed=(*BROWS_AND_EYES, *LIP_RINGS),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {}
# fmt: on
