"""menpo-39: a face in profile."""

from __future__ import annotations

import numpy as np

from fldbench.schemes.scheme import build
from fldbench.schemes.weights import Rows


# fmt: off
def _template() -> np.ndarray:
    """A face turned to image-right: its jaw line runs from the ear to the chin (9) and rises in front of it."""
    return np.array([
        (0.12, 0.35), (0.125, 0.43), (0.14, 0.51), (0.165, 0.59), (0.205, 0.665), (0.265, 0.735), (0.335, 0.795),
        (0.415, 0.85), (0.505, 0.905), (0.60, 0.95), (0.69, 0.935), (0.74, 0.875),
        (0.50, 0.17), (0.58, 0.125), (0.66, 0.12), (0.73, 0.15),
        (0.78, 0.28), (0.82, 0.37), (0.87, 0.46), (0.92, 0.54), (0.80, 0.61), (0.70, 0.58),
        (0.70, 0.27), (0.63, 0.265), (0.57, 0.30), (0.62, 0.325), (0.69, 0.33),
        (0.83, 0.69), (0.77, 0.68), (0.70, 0.705), (0.64, 0.75), (0.69, 0.785), (0.75, 0.81), (0.81, 0.81),
        (0.81, 0.74), (0.755, 0.735), (0.68, 0.75), (0.75, 0.765), (0.80, 0.765),
    ])


SCHEMES = (
    # By OpenFace's table, the points from 16 on are 27..30, 33, 31, 38, 37, 36, 41, 40, 51, 50, 49, 48, 59, 58, 57, 62,
    # 61, 60, 67, 66 of ibug-68 when image-left's side is seen, else their mirror points; jaw and brow differ.
    build(
        name="menpo-39",
        source="Menpo 2D, profile faces: Deng et al., The Menpo Benchmark for Multi-pose 2D and 3D Facial Landmark "
               "Localisation and Tracking, IJCV 2019",
        regions={"jaw": (0, 11), "brow": (12, 15), "nose_bridge": (16, 19), "nose_base": (20, 21), "eye": (22, 26),
                "outer_lip": (27, 33), "inner_lip": (34, 38)},
        pairs=[], template=_template(),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {}
# fmt: on
