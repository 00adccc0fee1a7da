"""More of the facts behind `fldbench.schemes`: the schemes of COFW, AFLW, Kaggle, MUCT, HELEN, Menpo and JD, and maps.

Data only; use it through `fldbench.schemes`. Left means image-left. The forms of the rows: `scheme_tables`.
"""

from __future__ import annotations

import numpy as np

from fldbench.scheme_tables import BROW, EYE, INNER, LIPS, arc, jaw, loop, mean, middle, nose, place


# fmt: off
def _template_cofw() -> np.ndarray:
    return place(
        [(-0.42, BROW), (0.42, BROW), (-0.08, BROW), (0.08, BROW)],
        [(-0.25, BROW - 0.08), (-0.25, BROW - 0.02), (0.25, BROW - 0.08), (0.25, BROW - 0.02)],
        [(-0.34, EYE), (0.34, EYE), (-0.12, EYE), (0.12, EYE)],
        [(-0.23, EYE - 0.06), (-0.23, EYE + 0.05), (0.23, EYE - 0.06), (0.23, EYE + 0.05), (-0.23, EYE), (0.23, EYE)],
        [(-0.13, 0.55), (0.13, 0.55), (0.0, 0.51), (0.0, 0.59), (-0.22, LIPS), (0.22, LIPS)],
        middle(0.67, 0.735, 0.805, 0.87, 1.0),
    )


def _template_aflw() -> np.ndarray:
    return place(
        arc(3, -0.42, -0.08, BROW, 0.06), arc(3, 0.08, 0.42, BROW, 0.06),
        arc(3, -0.34, -0.12, EYE, 0.0), arc(3, 0.12, 0.34, EYE, 0.0),
        arc(3, -0.13, 0.13, 0.55, 0.04), arc(3, -0.22, 0.22, LIPS, -0.01), middle(1.0),
    )


def _template_kaggle() -> np.ndarray:
    return place(
        [(0.23, EYE), (-0.23, EYE), (0.12, EYE), (0.34, EYE), (-0.12, EYE), (-0.34, EYE)],
        [(0.08, BROW), (0.42, BROW), (-0.08, BROW), (-0.42, BROW)],
        [(0.0, 0.51), (0.22, LIPS), (-0.22, LIPS), (0.0, 0.67), (0.0, 0.87)],
    )


def _template_muct() -> np.ndarray:
    left, right = loop(-0.34, -0.12, EYE, 0.06, -0.05, 3, 3), loop(0.34, 0.12, EYE, 0.06, -0.05, 3, 3)
    return place(
        jaw(15), loop(0.42, 0.08, BROW, 0.08, 0.02, 2, 2), loop(-0.42, -0.08, BROW, 0.08, 0.02, 2, 2),
        left[::2], [(-0.23, EYE)], right[::2], [(0.23, EYE)],
        nose((-0.06, 0.30), (-0.08, 0.42), (-0.13, 0.52), (-0.10, 0.585)), [(-0.05, 0.555), (0.05, 0.555)],
        loop(-0.22, 0.22, LIPS, 0.08, -0.12, 5, 5),
        arc(3, -0.14, 0.14, 0.765, -0.045), arc(3, 0.14, -0.14, 0.745, 0.02), middle(0.765, 0.50),
        left[1::2], right[1::2],
    )


def _template_helen() -> np.ndarray:
    ridge = np.linspace((-0.05, 0.27), (-0.12, 0.495), 6)
    return place(
        jaw(41), nose(*ridge, (-0.13, 0.55), (-0.08, 0.58)),
        loop(-0.22, 0.22, LIPS, 0.08, -0.12, 13, 13), loop(-0.16, 0.16, INNER, 0.02, -0.05, 13, 13),
        loop(0.12, 0.34, EYE, 0.06, -0.05, 9, 9), loop(-0.12, -0.34, EYE, 0.06, -0.05, 9, 9),
        loop(0.08, 0.42, BROW, 0.08, 0.02, 9, 9), loop(-0.08, -0.42, BROW, 0.08, 0.02, 9, 9),
    )


def _template_menpo() -> np.ndarray:
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


def _template_jd() -> np.ndarray:
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


_EYES = ("left_eye", "right_eye")
_BROWS_AND_EYES = ("left_brow", "right_brow", *_EYES)
_LIPS = ("outer_lip", "inner_lip")

SCHEMES = [
    {
        "name": "cofw-29",
        "source": "COFW: Burgos-Artizzu et al., Robust Face Landmark Estimation under Occlusion, ICCV 2013",
        "groups": {"left_brow": [0, 4, 2, 5], "right_brow": [1, 6, 3, 7], "left_eye": [8, 12, 10, 13],
                   "right_eye": [9, 14, 11, 15], "left_pupil": [16], "right_pupil": [17], "nose_base": [18, 21, 19],
                   "nose_tip": [20], "outer_lip": [22, 24, 23, 27], "inner_lip": [25, 26], "chin": [28]},
        "pairs": [(0, 1, 1, 1), (2, 3, 1, 1), (4, 6, 2, 1), (8, 9, 1, 1), (10, 11, 1, 1), (12, 14, 2, 1),
                  (16, 17, 1, 1), (18, 19, 1, 1), (22, 23, 1, 1)],
        "template": _template_cofw(), "corners": (8, 9), "pupils": (16, 17), "closed": (*_BROWS_AND_EYES, "outer_lip"),
    },
    # AFLW has 21 points; 19 are left without the ears. 7 and 10 are the eyes' centres, 13 is the tip of the nose.
    {
        "name": "aflw-19",
        "source": "AFLW-19: Zhu et al., Unconstrained Face Alignment via Cascaded Compositional Learning, CVPR 2016, "
                  "on AFLW: Köstinger et al., ICCV Workshops 2011",
        "groups": {"left_brow": (0, 2), "right_brow": (3, 5), "left_eye": (6, 8), "right_eye": (9, 11),
                   "nose": (12, 14), "mouth": (15, 17), "chin": (18, 18)},
        "pairs": [(0, 5, 3, -1), (6, 11, 3, -1), (12, 14, 1, 1), (15, 17, 1, 1)],
        "template": _template_aflw(), "corners": (6, 11), "eyes": ((7,), (10,)),
    },
    # The columns of the file name the person's own left and right: left_eye_center, point 0, is at image-right.
    {
        "name": "kaggle-15",
        "source": "Kaggle, Facial Keypoints Detection, 2013; the points in the order of training.csv",
        "groups": {"right_eye": [2, 0, 3], "left_eye": [4, 1, 5], "right_brow": (6, 7), "left_brow": (8, 9),
                   "nose_tip": (10, 10), "mouth": [12, 13, 11, 14]},
        "pairs": [(0, 1, 1, 1), (2, 4, 2, 1), (6, 8, 2, 1), (11, 12, 1, 1)],
        "template": _template_kaggle(), "corners": (5, 3), "eyes": ((1,), (0,)), "closed": ("mouth",),
    },
    {
        "name": "muct-76",
        "source": "MUCT: Milborrow et al., The MUCT Landmarked Face Database, PRASA 2010 (68 points of XM2VTS, and 8)",
        "groups": {"jaw": (0, 14), "right_brow": (15, 20), "left_brow": (21, 26),
                   "left_eye": [27, 68, 28, 69, 29, 70, 30, 71], "left_pupil": [31],
                   "right_eye": [32, 72, 33, 73, 34, 74, 35, 75], "right_pupil": [36], "nose": (37, 45),
                   "nostrils": (46, 47), "nose_tip": [67], "outer_lip": (48, 59), "inner_lip": (60, 66)},
        "pairs": [(0, 14, 7, -1), (15, 21, 6, 1), (27, 32, 5, 1), (37, 45, 4, -1), (46, 47, 1, 1), (48, 54, 3, -1),
                  (55, 59, 2, -1), (60, 62, 1, 1), (63, 65, 1, 1), (68, 72, 4, 1)],
        "template": _template_muct(), "corners": (27, 32), "pupils": (31, 36),
        "closed": (*_BROWS_AND_EYES, "outer_lip", "inner_lip"),
        # the inner lip is a ring without its corners, and 66 lies in its middle
        "gaps": ((46, 47), (65, 66), (66, 60)), "bridges": ((65, 60), (46, 67), (67, 47)),
    },
    # The numbering is that of the PUT face database, by the word of HELEN's page; its corners and middles are in
    # stasm's table for PUT. Brows and eyes start at the inner end, upper edge first.
    {
        "name": "helen-194",
        "source": "HELEN: Le et al., Interactive Facial Feature Localization, ECCV 2012",
        "groups": {"jaw": (0, 40), "nose": (41, 57), "outer_lip": (58, 85), "inner_lip": (86, 113),
                   "right_eye": (114, 133), "left_eye": (134, 153), "right_brow": (154, 173), "left_brow": (174, 193)},
        "pairs": [(0, 40, 20, -1), (41, 57, 8, -1), (58, 72, 7, -1), (73, 85, 6, -1), (86, 100, 7, -1),
                  (101, 113, 6, -1), (114, 134, 20, 1), (154, 174, 20, 1)],
        "template": _template_helen(), "corners": (144, 124), "closed": (*_BROWS_AND_EYES, *_LIPS),
    },
    # By OpenFace's table, the points from 16 on are 27..30, 33, 31, 38, 37, 36, 41, 40, 51, 50, 49, 48, 59, 58, 57, 62,
    # 61, 60, 67, 66 of ibug-68 when image-left's side is seen, else their mirror points; jaw and brow differ.
    {
        "name": "menpo-39",
        "source": "Menpo 2D, profile faces: Deng et al., The Menpo Benchmark for Multi-pose 2D and 3D Facial Landmark "
                  "Localisation and Tracking, IJCV 2019",
        "groups": {"jaw": (0, 11), "brow": (12, 15), "nose_bridge": (16, 19), "nose_base": (20, 21), "eye": (22, 26),
                   "outer_lip": (27, 33), "inner_lip": (34, 38)},
        "pairs": [], "template": _template_menpo(),
    },
    # 74 and 83 are the eyes' centres and mostly fall together with the pupils 104 and 105.
    {
        "name": "jd-106",
        "source": "JD-landmark: Liu et al., Grand Challenge of 106-Point Facial Landmark Localization, ICME Workshops "
                  "2019; the points of LaPa too: Liu et al., AAAI 2020",
        "groups": {"jaw": (0, 32), "left_brow": (33, 41), "right_brow": (42, 50), "nose_bridge": (51, 54),
                   "nose": (55, 65), "left_eye": (66, 74), "right_eye": (75, 83), "outer_lip": (84, 95),
                   "inner_lip": (96, 103), "left_pupil": (104, 104), "right_pupil": (105, 105)},
        "pairs": [(0, 32, 16, -1), (33, 46, 5, -1), (38, 50, 4, -1), (55, 65, 5, -1), (66, 79, 5, -1), (71, 82, 3, -1),
                  (74, 83, 1, 1), (84, 90, 3, -1), (91, 95, 2, -1), (96, 100, 2, -1), (101, 103, 1, 1),
                  (104, 105, 1, 1)],
        "template": _template_jd(), "corners": (66, 79), "pupils": (104, 105),
        "eyes": (tuple(range(66, 74)), tuple(range(75, 83))), "closed": (*_BROWS_AND_EYES, *_LIPS),
        "gaps": ((73, 74), (74, 66), (82, 83), (83, 75)), "bridges": ((73, 66), (82, 75)),
    },
]

# ---- maps: to eye centres, tip of the nose and mouth corners where the scheme has them ----------------------------

MAPS: dict[tuple[str, str], list[dict[int, float]]] = {
    ("imm-frontal-73", "mtfl-5"): [mean(32), mean(33), mean(45), mean(46), mean(52)],
    ("youtu-88", "mtfl-5"): [mean(*range(64, 72)), mean(*range(80, 88)), mean(21), mean(34), mean(40)],
    ("cofw-29", "mtfl-5"): [mean(16), mean(17), mean(20), mean(22), mean(23)],
    ("aflw-19", "mtfl-5"): [mean(7), mean(10), mean(13), mean(15), mean(17)],
    ("kaggle-15", "mtfl-5"): [mean(1), mean(0), mean(10), mean(12), mean(11)],
    ("muct-76", "mtfl-5"): [mean(31), mean(36), mean(67), mean(48), mean(54)],
    ("jd-106", "wflw-98"): [
        mean(i) for i in (*range(55), *range(58, 63), *range(66, 74), *range(75, 83), *range(84, 104), 104, 105)
    ],
}
# fmt: on
