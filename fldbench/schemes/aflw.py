"""aflw-19."""

from __future__ import annotations

import numpy as np

from fldbench.schemes.curves import BROW, EYE, LIPS, arc, middle, place
from fldbench.schemes.scheme import build
from fldbench.schemes.weights import Rows, mean


# fmt: off
def _template() -> np.ndarray:
    return place(
        arc(3, -0.42, -0.08, BROW, 0.06), arc(3, 0.08, 0.42, BROW, 0.06),
        arc(3, -0.34, -0.12, EYE, 0.0), arc(3, 0.12, 0.34, EYE, 0.0),
        arc(3, -0.13, 0.13, 0.55, 0.04), arc(3, -0.22, 0.22, LIPS, -0.01), middle(1.0),
    )


SCHEMES = (
    # AFLW has 21 points; 19 are left without the ears. 7 and 10 are the eyes' centres, 13 is the tip of the nose.
    build(
        name="aflw-19",
        source="AFLW-19: Zhu et al., Unconstrained Face Alignment via Cascaded Compositional Learning, CVPR 2016, "
               "on AFLW: Köstinger et al., ICCV Workshops 2011",
        regions={"left_brow": (0, 2), "right_brow": (3, 5), "left_eye": (6, 8), "right_eye": (9, 11),
                "nose": (12, 14), "mouth": (15, 17), "chin": (18, 18)},
        pairs=[(0, 5, 3, -1), (6, 11, 3, -1), (12, 14, 1, 1), (15, 17, 1, 1)],
        template=_template(), corners=(6, 11), eyes=((7,), (10,)),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {
    ("aflw-19", "mtfl-5"): [mean(7), mean(10), mean(13), mean(15), mean(17)],
}
# fmt: on
