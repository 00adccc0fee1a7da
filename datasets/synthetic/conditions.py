"""The six subsets of WFLW: drawn independently for each face, and their strengths.

A face is in a subset if and only if its condition was drawn. The condition then has at least the strength stated here;
faces outside the subset stay below it.

pose          yaw uniform in +-35 to +-75 degrees; in one case of five, pitch +-18 to +-30 instead (outside: yaw
              N(0, 13) cut at +-34, pitch N(0, 7) cut at +-17)
expression    one of: wide open mouth (jaw 0.6 to 1.1 of 26 mm), laugh (smile 0.9 to 1.4, teeth), pucker 0.8 to 1.3,
              eyes squeezed shut, brows raised (1.2 to 1.9) or knit (1.0 to 1.6) with a matching mouth
illumination  one of: hard light from the side (60 to 85 degrees), from below, dim with noise (exposure 0.12 to 0.35
              of the usual in linear light), overexposed (1.9 to 2.8)
make-up       painted lips, eye-shadow, liner and blush at 0.6 to 1
occlusion     one of: a hand before the face, dark glasses, long fringe over the brows, a hat pulled to the brows
blur          one of: defocus of 1.5 to 3.5 px deviation at 160 px, motion of 5 to 12 px, enlarged from 35 to 60 px
"""

from typing import NamedTuple

# Probabilities: roughly the shares in WFLW's test set, but lower for pose and occlusion, which hide points.
RATES = {"pose": 0.06, "expression": 0.12, "illumination": 0.18, "make-up": 0.08, "occlusion": 0.14, "blur": 0.16}
SUBSETS = tuple(RATES)


class Conditions(NamedTuple):
    """Whether each condition of `SUBSETS` holds, in that order."""

    pose: bool
    expression: bool
    illumination: bool
    make_up: bool
    occlusion: bool
    blur: bool


NONE = Conditions(*[False] * 6)


def draw_conditions(rng):
    """Draw each condition independently with its probability in `RATES`.

    >>> import numpy as np
    >>> len(draw_conditions(np.random.default_rng(0)))
    6
    """
    return Conditions(*(bool(v) for v in rng.random(6) < list(RATES.values())))
