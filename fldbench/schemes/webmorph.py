"""webmorph-189: the template of Face Research Lab, which WebMorph writes into .tem files."""

from __future__ import annotations

import numpy as np

from fldbench.schemes.curves import arc, place
from fldbench.schemes.scheme import BROWS_AND_EYES, build
from fldbench.schemes.weights import Rows


def _both(*left: tuple[float, float]) -> list[np.ndarray]:
    """Return points of the image-left side, and their mirror images in the same order."""
    return [np.array(left), np.array(left) * (-1, 1)]


def _across(*left: tuple[float, float]) -> np.ndarray:
    """Return points from image-left to the middle, which is the last, and on to image-right."""
    points = np.array(left)
    return np.vstack([points, points[-2::-1] * (-1, 1)])


# fmt: off
def _template() -> np.ndarray:
    turn = np.arange(8) * np.pi / 4
    iris = 0.024 * np.stack([np.sin(turn), -np.cos(turn)], axis=1)  # from the top, clockwise in both eyes
    left, right = (-0.24, -0.06), (0.06, 0.24)
    return place(
        [(-0.15, 0.42), (0.15, 0.42)], np.add(iris, (-0.15, 0.42)), np.add(iris, (0.15, 0.42)),
        arc(5, *left, 0.42, 0.05), arc(5, *right, 0.42, 0.05),
        arc(5, *left, 0.42, -0.04)[1:-1], arc(5, *right, 0.42, -0.04)[1:-1],
        arc(5, -0.25, -0.05, 0.395, 0.06), arc(5, 0.05, 0.25, 0.395, 0.06),
        arc(3, -0.20, -0.08, 0.485, -0.01), arc(3, 0.08, 0.20, 0.485, -0.01),
        [(-0.035, 0.40), (-0.025, 0.445), (-0.025, 0.49), (-0.028, 0.535), (-0.035, 0.58), (0.0, 0.645)],
        [(0.035, 0.40), (0.025, 0.445), (0.025, 0.49), (0.028, 0.535), (0.035, 0.58)],
        *_both((-0.08, 0.575), (-0.095, 0.605), (-0.095, 0.635), (-0.07, 0.655), (-0.065, 0.63)),
        arc(6, -0.27, -0.06, 0.33, 0.04), arc(6, 0.06, 0.27, 0.33, 0.04),
        [(-0.20, 0.325), (-0.13, 0.325), (0.13, 0.325), (0.20, 0.325)],
        arc(7, -0.12, 0.12, 0.76, 0.05), arc(7, -0.12, 0.12, 0.765, 0.012)[1:-1],
        arc(7, -0.12, 0.12, 0.77, -0.012)[1:-1], arc(7, -0.12, 0.12, 0.76, -0.08)[1:-1],
        *_both((-0.335, 0.44), (-0.335, 0.52), (-0.315, 0.60)),
        *_both((-0.385, 0.42), (-0.40, 0.465), (-0.395, 0.52), (-0.375, 0.575), (-0.345, 0.615)),
        _across((-0.29, 0.70), (-0.255, 0.78), (-0.19, 0.85), (-0.10, 0.90), (0.0, 0.925)),
        _across((-0.32, 0.34), (-0.30, 0.27), (-0.26, 0.21), (-0.19, 0.17), (-0.10, 0.145), (0.0, 0.14)),
        _across((-0.24, 0.95), (-0.36, 0.76), (-0.45, 0.55), (-0.43, 0.33), (-0.36, 0.17), (-0.20, 0.06), (0.0, 0.03)),
        *_both((-0.12, 0.65), (-0.145, 0.69), (-0.165, 0.74)), *_both((-0.29, 0.52), (-0.24, 0.56), (-0.18, 0.58)),
        *_both((-0.028, 0.672), (-0.03, 0.692)), [(0.0, 0.88), (0.0, 0.90)],
        [(-0.06, 0.865), (0.0, 0.86), (0.06, 0.865)],
        [(-0.045, 0.635), (-0.025, 0.65), (0.025, 0.65), (0.045, 0.635)], *_both((-0.12, 1.02)),
        *_both((-0.337, 0.48), (-0.328, 0.56)),
    )


SCHEMES = (
    # Which points mirror each other was found by matching the mean of 102 faces with its mirror image; the lines of
    # the files map onto each other under it. The tip of the nose has no point of its own.
    build(
        name="webmorph-189",
        source="WebMorph, the template `frl`: DeBruine and Jones, Face Research Lab London Set, 2017",
        regions={"left_pupil": [0], "right_pupil": [1], "left_iris": (2, 9), "right_iris": (10, 17),
                "left_eye": [*range(18, 23), 30, 29, 28], "right_eye": [*range(23, 28), 33, 32, 31],
                "left_lid": (34, 38), "right_lid": (39, 43), "left_under_eye": (44, 46), "right_under_eye": (47, 49),
                "nose_bridge": [50, 51, 52, 53, 54, 60, 59, 58, 57, 56],
                "nose": [61, 62, 63, 64, 65, 179, 180, 55, 181, 182, 70, 69, 68, 67, 66],
                "left_brow": [*range(71, 77), 84, 83], "right_brow": [*range(77, 83), 86, 85],
                "outer_lip": [*range(87, 94), *range(108, 103, -1)],
                "inner_lip": [*range(94, 99), *range(103, 98, -1)],
                "left_ear": [109, 185, 110, 186, 111, *range(119, 114, -1)],
                "right_ear": [112, 187, 113, 188, 114, *range(124, 119, -1)],
                "jaw": (125, 133), "hairline": (134, 144), "hair": (145, 157), "left_smile_line": (158, 160),
                "right_smile_line": (161, 163), "left_cheek": (164, 166), "right_cheek": (167, 169),
                "left_philtrum": (170, 171), "right_philtrum": (172, 173), "chin_middle": (174, 175),
                "chin_crease": (176, 178), "neck": (183, 184)},
        pairs=[(0, 1, 1, 1), (2, 10, 1, 1), (3, 17, 7, -1), (18, 27, 5, -1), (28, 33, 3, -1), (34, 43, 5, -1),
               (44, 49, 3, -1), (50, 56, 5, 1), (61, 66, 5, 1), (71, 82, 6, -1), (83, 86, 2, -1), (87, 93, 3, -1),
               (94, 98, 2, -1), (99, 103, 2, -1), (104, 108, 2, -1), (109, 112, 3, 1), (115, 120, 5, 1),
               (125, 133, 4, -1), (134, 144, 5, -1), (145, 157, 6, -1), (158, 161, 3, 1), (164, 167, 3, 1),
               (170, 172, 2, 1), (176, 178, 1, 1), (179, 182, 2, -1), (183, 184, 1, 1), (185, 187, 2, 1)],
        template=_template(), corners=(18, 27), pupils=(0, 1),
        closed=(*BROWS_AND_EYES, "left_iris", "right_iris", "outer_lip", "left_ear", "right_ear"),
        gaps=((54, 60), (98, 103)),
        bridges=((54, 55), (60, 55), (87, 94), (98, 93), (87, 99), (103, 93), (111, 125), (133, 114), (109, 134),
                 (144, 112), (126, 145), (132, 157), (145, 183), (184, 157)),
    ),
)

MAPS: dict[tuple[str, str], Rows] = {}
# fmt: on
