"""Landmark schemes: what each point of a face is, which points are mirror images, how schemes map onto each other.

A scheme is a numbering. "Left" in every name means image-left, the viewer's left (the person's right), whatever word a
dataset's own page uses. Indices start at 0. Pixels follow the convention of `fldbench.geometry`: x right, y down, the
centre of the top-left pixel at (0, 0), so that mirroring an image of width w sends x to w - 1 - x.

>>> get_scheme("wflw-98").n_points, get_scheme("wflw-98").outer_eye_corners
(98, (60, 72))

Group names, over all schemes: jaw, chin, left_brow, right_brow, left_eye, right_eye, left_pupil, right_pupil,
nose, nose_bridge, nose_base, nose_tip, nostrils, outer_lip, inner_lip, mouth; brow and eye in a profile, which shows
one of each. `nose` is one outline where the scheme has no separate base; `mouth` is used where a scheme has at most one
ring; `chin` is one point, where there is no jaw line. webmorph-189 has more: iris, lid, under_eye, ear, smile_line,
cheek and philtrum of either side, hairline, hair, chin_middle, chin_crease and neck.
"""

from fldbench.schemes.maps import conversion_floor, map_landmarks, map_matrix
from fldbench.schemes.own import guess_mirror, make_scheme, read_schemes, register_scheme, schemes_in
from fldbench.schemes.recognise import Fit, fit_to, recognise
from fldbench.schemes.scheme import GIVE_MIRROR, Scheme
from fldbench.schemes.table import content_of, get_scheme, identity_of, list_schemes, own_schemes, remember

__all__ = [
    "GIVE_MIRROR",
    "Fit",
    "Scheme",
    "content_of",
    "conversion_floor",
    "fit_to",
    "get_scheme",
    "guess_mirror",
    "identity_of",
    "list_schemes",
    "make_scheme",
    "map_landmarks",
    "map_matrix",
    "own_schemes",
    "read_schemes",
    "recognise",
    "register_scheme",
    "remember",
    "schemes_in",
]
