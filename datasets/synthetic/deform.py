"""How heads differ and move: one displacement field (V, 3) mm for each named coefficient.

A field is a plain function of the vertices of the mean head (mm, head frame of `template`). It is smooth, moves
landmarks and surface together, and fields can be added. Identity fields are scaled so that 1.0 is about one standard
deviation between adults; expression fields so that 1.0 is the full movement. `IDENTITY` and `EXPRESSION` fix the order
of the coefficients.
"""

import numpy as np

from fldbench.datasets.synthetic.template import MOUTH_INNER, closed_curve, eye_curve

IDENTITY = (
    "face_width", "face_length", "side_width", "jaw_width", "chin_length", "chin_width", "jaw_angle",
    "brow_height", "brow_tilt", "brow_arch", "brow_length", "brow_spacing", "eye_spacing", "eye_width",
    "eye_opening", "eye_tilt", "eye_height", "eye_depth", "nose_length", "nose_width", "nose_tip", "nose_bridge",
    "mouth_height", "mouth_width", "upper_lip", "lower_lip", "cheek", "forehead", "profile", "nose_bend",
    "jaw_bend",
)  # fmt: skip
EXPRESSION = (
    "lips_part", "jaw_open", "smile", "pucker", "mouth_frown", "upper_lip_raise", "mouth_shift", "brow_raise",
    "brow_frown", "brow_skew", "eye_close_left", "eye_close_right",
)  # fmt: skip


def smoothstep(x, low, high):
    """Return 0 below `low`, 1 above `high`, and 3t^2 - 2t^3 between.

    >>> smoothstep(np.array([0., 1., 2.]), 0, 2).tolist()
    [0.0, 0.5, 1.0]
    """
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def window(p, x, y, wide, high):
    """Return a Gaussian of (|x|, y) around (x, y), on the front of the head only: p (V, 3) mm -> (V,) in [0, 1].

    >>> window(np.array([[-30., 5., 0.]]), 30, 5, 10, 10).tolist()
    [1.0]
    """
    front = 1 - smoothstep(p[:, 2], 75, 110)
    return front * np.exp(-0.5 * (((np.abs(p[:, 0]) - x) / wide) ** 2 + ((p[:, 1] - y) / high) ** 2))


def opening(p, loop):
    """Return the edges of a slit (lids or lips) at the |x| of each point: upper y (V,) and lower y (V,), mm.

    The closed curve `loop`, (m, 2 or 3) mm, outlines the slit on x >= 0. Outside the slit both edges are equal.
    """
    half = loop[loop[:, 0] >= -1e-9]
    left, right = half[:, 0].argmin(), half[:, 0].argmax()
    middle = np.interp(half[:, 0], half[[left, right], 0], half[[left, right], 1])
    ax, edges = np.abs(p[:, 0]), []
    for keep in (half[:, 1] <= middle + 1e-9, half[:, 1] >= middle - 1e-9):
        side = half[keep]
        side = side[np.argsort(side[:, 0])]
        edges.append(np.interp(ax, side[:, 0], side[:, 1]))
    return np.minimum(*edges), np.maximum(*edges)


def towards_line(p, upper, lower, line, above, below):
    """Return the vertical displacement (V,) mm that shuts a slit on `line`, fading out over `above` and `below` mm."""
    y = p[:, 1]
    rise = (line - upper) * np.exp(-0.5 * ((upper - y) / above) ** 2)
    fall = (line - lower) * np.exp(-0.5 * ((y - lower) / below) ** 2)
    return np.where(y < upper, rise, np.where(y > lower, fall, line - y))


def jaw_share(p, upper, lower, half_width):
    """Return the share (V,) in [0, 1] of the lower jaw's motion in each point: 0 at the upper lip, 1 at the lower.

    Between the lips it follows an oval of `half_width` mm.
    """
    y = p[:, 1]
    oval = np.sqrt(np.clip(1 - (np.abs(p[:, 0]) / half_width) ** 2, 0, 1))
    top, bottom = 0.42 * (1 - oval), 0.42 + 0.58 * oval
    between = top + (bottom - top) * np.clip((y - upper) / np.maximum(lower - upper, 1e-6), 0, 1)
    over = top * np.exp(-0.5 * ((upper - y) / 14) ** 2)
    under = 1 - (1 - bottom) * np.exp(-0.5 * ((y - lower) / 14) ** 2)
    return np.where(y < upper, over, np.where(y > lower, under, between))


def identity_fields(p):
    """Return displacements (31, V, 3) mm of `IDENTITY`, one standard deviation each, at mean vertices p (V, 3) mm."""
    x, y, z = p.T
    ax, sx, o = np.abs(x), np.sign(x), np.zeros(len(p))
    low = smoothstep(y, 25, 95)
    brow, eye = window(p, 36, -17, 22, 9), window(p, 32, 2, 14, 9)
    wing, tip = window(p, 14, 45, 7, 7), window(p, 0, 40, 11, 11)
    below_nose = smoothstep(y, 0, 48)
    upper_lip, lower_lip = window(p, 0, 64, 18, 3.5), window(p, 0, 84, 16, 5)
    chin = window(p, 0, 112, 30, 16)
    rows = {
        "face_width": (0.045 * x, o, o),
        "face_length": (o, 0.05 * y, o),
        "side_width": (0.05 * x * smoothstep(z, 25, 85), o, o),
        "jaw_width": (0.07 * x * low, o, o),
        "chin_length": (o, 4.5 * smoothstep(y, 80, 119) * (1 - smoothstep(z, 60, 100)), o),
        "chin_width": (4.5 * sx * window(p, 26, 110, 16, 14), o, o),
        "jaw_angle": (2.5 * sx * window(p, 60, 82, 25, 18), 5 * window(p, 58, 85, 20, 22), o),
        "brow_height": (o, -2.2 * brow, o),
        "brow_tilt": (o, -2.0 * brow * (ax - 34) / 16, o),
        "brow_arch": (o, 1.6 * brow * (((ax - 40) / 16) ** 2 - 0.8), o),
        "brow_length": (0.09 * sx * (ax - 22) * brow, o, o),
        "brow_spacing": (1.8 * sx * window(p, 26, -18, 24, 10), o, o),
        "eye_spacing": (1.8 * sx * window(p, 33, -3, 20, 16), o, o),
        "eye_width": (0.06 * sx * (ax - 32) * window(p, 32, 2, 22, 9), o, o),
        "eye_opening": (o, 0.16 * (y - 2.5) * window(p, 32, 2, 13, 7), o),
        "eye_tilt": (o, -0.1 * (ax - 30) * window(p, 33, 0, 24, 12), o),
        "eye_height": (o, 1.5 * window(p, 32, 0, 24, 14), o),
        "eye_depth": (o, o, 2.0 * eye),
        "nose_length": (o, 2.6 * below_nose * (1 - smoothstep(y, 52, 75)) * (1 - smoothstep(z, 10, 40)), o),
        "nose_width": (2.0 * np.clip(x / 8, -1, 1) * wing, o, o),
        "nose_tip": (o, -1.2 * tip, -2.2 * tip),
        "nose_bridge": (o, o, -2.2 * window(p, 0, 12, 9, 14)),
        "mouth_height": (o, 2.5 * window(p, 0, 73, 40, 15), o),
        "mouth_width": (2.2 * np.clip(x / 27, -1, 1) * window(p, 20, 72, 16, 13), o, o),
        "upper_lip": (o, -1.5 * upper_lip, -1.0 * upper_lip),
        "lower_lip": (o, 1.7 * lower_lip, -1.2 * lower_lip),
        "cheek": (2.2 * sx * window(p, 58, 40, 16, 20), o, -2.0 * window(p, 48, 42, 18, 20)),
        "forehead": (o, -5 * smoothstep(-y, 35, 105), -2.5 * window(p, 0, -60, 50, 22)),
        "profile": (o, o, 3.0 * chin),
        "nose_bend": (1.1 * window(p, 0, 38, 16, 15), o, o),
        "jaw_bend": (2.3 * smoothstep(y, 45, 115) * (1 - smoothstep(z, 40, 100)), o, o),
    }
    return np.stack([np.stack(rows[name], -1) for name in IDENTITY])


def expression_fields(p, landmarks):
    """Return the displacements (12, V, 3) mm of `EXPRESSION` at mean vertices.

    The coefficient "lips_part" = -1 shuts the mouth of the mean face; an eye_close of 1 shuts that eye. The left eye is
    at image-left.

    Parameters
    ----------
    p : (V, 3) array
        Mean vertices, mm.
    landmarks : (68, 3) array
        Mean landmarks, mm.
    """
    x, y, z = p.T
    ax, sx, o = np.abs(x), np.sign(x), np.zeros(len(p))
    lips = closed_curve(landmarks[list(MOUTH_INNER)], 4)
    front = 1 - smoothstep(z, 60, 100)
    upper, lower = opening(p, lips)
    shut = towards_line(p, upper, lower, upper + 0.45 * (lower - upper), 9, 14) * front * (ax < 40)
    share = jaw_share(p, upper, lower, lips[:, 0].max())
    lever = np.clip((112 - z) / 95, 0, 1) * smoothstep(y, 30, 72)
    corner, mouth = window(p, 27, 71, 11, 12), window(p, 0, 73, 22, 13)
    brow = window(p, 36, -20, 28, 13)
    lid_up, lid_low = opening(p, eye_curve(landmarks, 1))
    lids = towards_line(p, lid_up, lid_low, lid_up + 0.82 * (lid_low - lid_up), 4.5, 4) * front
    lids = np.where((ax > 19) & (ax < 46), lids, 0)
    rows = {
        "lips_part": (o, -shut, o),
        "jaw_open": (-0.10 * x * mouth, 26 * share * lever, 9 * share * lever * smoothstep(y, 70, 120)),
        "smile": (
            6.5 * sx * corner,
            -5.5 * corner
            - 2.2 * window(p, 0, 64, 18, 6)
            - 3.5 * window(p, 46, 38, 14, 14)
            - 1.3 * window(p, 32, 8, 14, 4),
            6.0 * corner - 3.0 * window(p, 46, 38, 14, 14),
        ),
        "pucker": (-0.34 * x * window(p, 0, 73, 26, 13), 0.12 * (73 - y) * mouth, -6.0 * mouth),
        "mouth_frown": (o, 4.5 * corner + 2.0 * window(p, 40, 88, 14, 12), o),
        "upper_lip_raise": (o, -4.5 * window(p, 8, 64, 17, 7) * (y < lower), o),
        "mouth_shift": (4.0 * window(p, 0, 76, 34, 20), o, o),
        "brow_raise": (o, -6.5 * brow - 2.5 * window(p, 30, -38, 40, 14), o),
        "brow_frown": (-3.0 * sx * window(p, 14, -16, 12, 10), 3.8 * window(p, 12, -16, 14, 11), o),
        "brow_skew": (o, 3.0 * brow * np.clip(x / 20, -1, 1), o),
        "eye_close_left": (o, np.where(x < 0, lids, 0), o),
        "eye_close_right": (o, np.where(x > 0, lids, 0), o),
    }
    return np.stack([np.stack(rows[name], -1) for name in EXPRESSION])
