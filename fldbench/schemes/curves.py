"""The facts behind `fldbench.schemes`: point ranges, mirror pairs and schematic faces of every scheme, and the maps.

Data only; use it through `fldbench.schemes`. Left means image-left.
"""

from __future__ import annotations

import numpy as np

# ---- templates: curves of a schematic face, u from -0.5 (image-left) to 0.5, v from 0 (forehead) down to 1 (chin) ----

BROW, EYE, LIPS, INNER = 0.12, 0.27, 0.75, 0.755  # heights v


def arc(n: int, u0: float, u1: float, v: float, rise: float) -> np.ndarray:
    """n points on a parabola from (u0, v) to (u1, v) whose middle lies `rise` higher; (n, 2)."""
    s = np.linspace(-1.0, 1.0, n)
    return np.stack([(u0 + u1) / 2 + s * (u1 - u0) / 2, v - rise * (1 - s * s)], axis=1)


def loop(u0: float, u1: float, v: float, there: float, back: float, n_there: int, n_back: int) -> np.ndarray:
    """Closed outline: corner u0, n_there points risen by `there` up to corner u1, n_back points by `back` home."""
    return np.vstack([arc(n_there + 2, u0, u1, v, there), arc(n_back + 2, u1, u0, v, back)[1:-1]])


def jaw(n: int, reach: float = 1.0) -> np.ndarray:
    """n points from image-left over the chin to image-right; reach 1 starts at the eyes' height, less starts lower."""
    angle = np.linspace(-1.0, 1.0, n) * reach * np.pi / 2
    wide = np.sign(angle) * np.abs(np.sin(angle)) ** 0.8  # squarer than an ellipse
    return np.stack([0.5 * wide, EYE + (1 - EYE) * np.cos(angle)], axis=1)


def nose(*side: tuple[float, float]) -> np.ndarray:
    """Open outline: down the image-left side, through the base centre, up the image-right side."""
    left = np.array(side)
    return np.vstack([left, [(0.0, 0.59)], left[::-1] * (-1, 1)])


def middle(*heights: float) -> np.ndarray:
    return np.array([(0.0, v) for v in heights])


def place(*parts) -> np.ndarray:
    """Parts in the order of the numbering -> the template: into the unit box, snapped so that 1 - x is exact."""
    template = np.round((np.vstack(parts) * 0.9 + (0.0, 0.04)) * 4096) / 4096 + (0.5, 0.0)
    template.setflags(write=False)
    return template


# fmt: off
def _template_68() -> np.ndarray:
    return place(
        jaw(17), arc(5, -0.42, -0.08, BROW, 0.06), arc(5, 0.08, 0.42, BROW, 0.06),
        middle(0.27, 0.35, 0.43, 0.51), arc(5, -0.11, 0.11, 0.57, -0.02),
        loop(-0.34, -0.12, EYE, 0.06, -0.05, 2, 2), loop(0.12, 0.34, EYE, 0.06, -0.05, 2, 2),
        loop(-0.22, 0.22, LIPS, 0.08, -0.12, 5, 5), loop(-0.16, 0.16, INNER, 0.02, -0.05, 3, 3),
    )


def _template_98() -> np.ndarray:
    left, right = arc(5, -0.42, -0.08, 0.10, 0.06), arc(5, 0.08, 0.42, 0.10, 0.06)
    thick = np.array([0.0, 0.05])  # the lower line lies under the upper one but for the outer end
    return place(
        jaw(33), left, left[:0:-1] + thick, right, right[3::-1] + thick,
        middle(0.27, 0.35, 0.43, 0.51), arc(5, -0.11, 0.11, 0.57, -0.02),
        loop(-0.34, -0.12, EYE, 0.06, -0.05, 3, 3), loop(0.12, 0.34, EYE, 0.06, -0.05, 3, 3),
        loop(-0.22, 0.22, LIPS, 0.08, -0.12, 5, 5), loop(-0.16, 0.16, INNER, 0.02, -0.05, 3, 3),
        [(-0.23, EYE), (0.23, EYE)],
    )


def _template_imm_58() -> np.ndarray:
    return place(
        jaw(13, 0.75), loop(0.34, 0.12, EYE, 0.06, -0.05, 3, 3), loop(-0.34, -0.12, EYE, 0.06, -0.05, 3, 3),
        arc(5, 0.08, 0.42, BROW, 0.06), arc(5, -0.08, -0.42, BROW, 0.06),
        loop(-0.22, 0.22, LIPS, 0.06, -0.08, 3, 3),
        nose((-0.04, 0.27), (-0.07, 0.42), (-0.13, 0.50), (-0.13, 0.57), (-0.06, 0.58)),
    )


def _template_imm_frontal() -> np.ndarray:
    outline = nose((-0.04, 0.27), (-0.08, 0.43), (-0.14, 0.52), (-0.11, 0.58), (-0.06, 0.55))
    return place(
        loop(-0.42, -0.08, BROW, 0.08, 0.02, 3, 3), loop(0.42, 0.08, BROW, 0.02, 0.08, 3, 3),
        loop(-0.34, -0.12, EYE, 0.06, -0.05, 3, 3), loop(0.34, 0.12, EYE, -0.05, 0.06, 3, 3),
        [(-0.23, EYE), (0.23, EYE)], outline[::-1], middle(0.50),
        loop(-0.22, 0.22, LIPS, 0.08, -0.12, 5, 3),
        arc(3, -0.14, 0.14, 0.745, 0.01), arc(3, -0.14, 0.14, 0.765, -0.035), jaw(11, 0.75),
    )


def _template_youtu() -> np.ndarray:
    outline = nose((-0.06, 0.34), (-0.08, 0.42), (-0.10, 0.49), (-0.13, 0.56), (-0.06, 0.58))
    return place(
        jaw(21), middle(0.50, 0.27), outline,
        loop(-0.22, 0.22, LIPS, -0.12, 0.08, 5, 5),
        arc(5, -0.14, 0.14, 0.765, -0.045), arc(5, 0.14, -0.14, 0.745, 0.02),
        loop(-0.42, -0.08, BROW, 0.02, 0.08, 3, 3), loop(-0.34, -0.12, EYE, -0.05, 0.06, 3, 3),
        loop(0.42, 0.08, BROW, 0.02, 0.08, 3, 3), loop(0.34, 0.12, EYE, -0.05, 0.06, 3, 3),
    )


# fmt: on


# ---- the tables: keyword arguments of `fldbench.schemes._build` ----------------------------------------------------
# groups: name -> (first, last). pairs: (a, b, n, step): a, a+1, ... are mirrored by b, b+step, ..., n times.

# fmt: off
_IBUG = {
    "groups": {"jaw": (0, 16), "left_brow": (17, 21), "right_brow": (22, 26), "nose_bridge": (27, 30),
               "nose_base": (31, 35), "left_eye": (36, 41), "right_eye": (42, 47), "outer_lip": (48, 59),
               "inner_lip": (60, 67)},
    "pairs": [(0, 16, 8, -1), (17, 26, 5, -1), (31, 35, 2, -1), (36, 45, 4, -1), (40, 47, 2, -1), (48, 54, 3, -1),
              (55, 59, 2, -1), (60, 64, 2, -1), (65, 67, 1, -1)],
    "template": _template_68(), "corners": (36, 45), "closed": ("left_eye", "right_eye", "outer_lip", "inner_lip"),
}

SCHEMES = [
    {**_IBUG, "name": "ibug-68",
     "source": "300-W: Sagonas et al., 300 Faces in-the-Wild Challenge, ICCV Workshops 2013"},
    {**_IBUG, "name": "ibug-51", "source": "ibug-68 without the jaw: its points 17..67", "keep": range(17, 68)},
    {**_IBUG, "name": "ibug-49", "source": "ibug-68 without the jaw and the inner mouth corners 60 and 64",
     "keep": [i for i in range(17, 68) if i not in (60, 64)]},
    {
        "name": "mtfl-5",
        "source": "MTFL: Zhang et al., Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014",
        "groups": {"left_eye": (0, 0), "right_eye": (1, 1), "nose_tip": (2, 2), "mouth": (3, 4)},
        "pairs": [(0, 1, 1, 1), (3, 4, 1, 1)],
        "template": place([(-0.23, EYE), (0.23, EYE), (0.0, 0.51), (-0.22, LIPS), (0.22, LIPS)]),
    },
    {
        "name": "wflw-98",
        "source": "WFLW: Wu et al., Look at Boundary: A Boundary-Aware Face Alignment Algorithm, CVPR 2018",
        "groups": {"jaw": (0, 32), "left_brow": (33, 41), "right_brow": (42, 50), "nose_bridge": (51, 54),
                   "nose_base": (55, 59), "left_eye": (60, 67), "right_eye": (68, 75), "outer_lip": (76, 87),
                   "inner_lip": (88, 95), "left_pupil": (96, 96), "right_pupil": (97, 97)},
        "pairs": [(0, 32, 16, -1), (33, 46, 5, -1), (38, 50, 4, -1), (55, 59, 2, -1), (60, 72, 5, -1), (65, 75, 3, -1),
                  (76, 82, 3, -1), (83, 87, 2, -1), (88, 92, 2, -1), (93, 95, 1, -1), (96, 97, 1, -1)],
        "template": _template_98(), "corners": (60, 72), "pupils": (96, 97),
        "closed": ("left_brow", "right_brow", "left_eye", "right_eye", "outer_lip", "inner_lip"),
    },
    {
        "name": "imm-58",
        "source": "IMM Face Database: Nordstrøm et al., Technical University of Denmark, 2004",
        "groups": {"jaw": (0, 12), "right_eye": (13, 20), "left_eye": (21, 28), "right_brow": (29, 33),
                   "left_brow": (34, 38), "mouth": (39, 46), "nose": (47, 57)},
        "pairs": [(0, 12, 6, -1), (13, 21, 8, 1), (29, 34, 5, 1), (39, 43, 2, -1), (44, 46, 1, -1), (47, 57, 5, -1)],
        "template": _template_imm_58(), "corners": (21, 13), "closed": ("left_eye", "right_eye", "mouth"),
    },
    {
        "name": "imm-frontal-73",
        "source": "IMM Frontal Face Database: Fagertun and Stegmann, Technical University of Denmark, 2005",
        "groups": {"left_brow": (0, 7), "right_brow": (8, 15), "left_eye": (16, 23), "right_eye": (24, 31),
                   "left_pupil": (32, 32), "right_pupil": (33, 33), "nose": (34, 44), "nose_tip": (45, 45),
                   "outer_lip": (46, 55), "inner_lip": (56, 61), "jaw": (62, 72)},
        "pairs": [(0, 8, 1, 1), (1, 15, 7, -1), (16, 24, 1, 1), (17, 31, 7, -1), (32, 33, 1, 1), (34, 44, 5, -1),
                  (46, 52, 3, -1), (53, 55, 1, 1), (56, 58, 1, 1), (59, 61, 1, 1), (62, 72, 5, -1)],
        "template": _template_imm_frontal(), "corners": (16, 24), "pupils": (32, 33), "gaps": ((58, 59),),
        "closed": ("left_brow", "right_brow", "left_eye", "right_eye", "outer_lip"),
    },
    # The order within the groups was read off answers of the API that public code quotes, the right side's too:
    # brows and eyes start at the outer end on both sides, lower edge first; the inner lip has no corner points.
    {
        "name": "youtu-88",
        "source": "Tencent YouTu face-shape API; its keys in the order face_profile, nose, mouth, left_eyebrow, "
                  "left_eye, right_eyebrow, right_eye",
        "groups": {"jaw": (0, 20), "nose_tip": (21, 21), "nose": (22, 33), "outer_lip": (34, 45), "inner_lip": (46, 55),
                   "left_brow": (56, 63), "left_eye": (64, 71), "right_brow": (72, 79), "right_eye": (80, 87)},
        "pairs": [(0, 20, 10, -1), (23, 33, 5, -1), (34, 40, 3, -1), (41, 45, 2, -1), (46, 50, 2, -1), (51, 55, 2, -1),
                  (56, 72, 8, 1), (64, 80, 8, 1)],
        "template": _template_youtu(), "corners": (64, 80),
        "closed": ("nose", "outer_lip", "inner_lip", "left_brow", "left_eye", "right_brow", "right_eye"),
    },
]
# fmt: on

# ---- maps between schemes: a row a target point, {source point: weight}, weights >= 0 that sum to 1 ---------------


def mean(*points: int) -> dict[int, float]:
    return dict.fromkeys(points, 1 / len(points))


def _wflw_to_ibug() -> list[dict[int, float]]:
    def lid(near: int, middle: int) -> dict[int, float]:  # WFLW has 3 points a lid, ibug 2: at a third and two thirds
        return {near: 2 / 3, middle: 1 / 3}

    rows = [mean(i) for i in range(0, 33, 2)]
    rows += [mean(33), mean(34, 41), mean(35, 40), mean(36, 39), mean(37, 38)]
    rows += [mean(42, 50), mean(43, 49), mean(44, 48), mean(45, 47), mean(46)]
    rows += [mean(i) for i in range(51, 60)]
    for e in (60, 68):
        rows += [mean(e), lid(e + 1, e + 2), lid(e + 3, e + 2), mean(e + 4), lid(e + 5, e + 6), lid(e + 7, e + 6)]
    return rows + [mean(i) for i in range(76, 96)]


MAPS: dict[tuple[str, str], list[dict[int, float]]] = {
    ("wflw-98", "ibug-68"): _wflw_to_ibug(),
    ("ibug-68", "ibug-51"): [mean(i) for i in range(17, 68)],
    ("ibug-51", "ibug-49"): [mean(i) for i in range(51) if i not in (60 - 17, 64 - 17)],
    # eye = mean of its six points (36..41, 42..47 of 68), nose tip 30, mouth corners 48 and 54
    ("ibug-49", "mtfl-5"): [mean(*range(19, 25)), mean(*range(25, 31)), mean(13), mean(31), mean(37)],
}
