"""The lengths that errors are divided by: a distance between two groups of points, a length of a box, or pixels.

Two names are easily confused. `inter-ocular` is the distance between the outer eye corners, `inter-pupil` the distance
between the eye centres: with the second, the same predictions have an NME 1.39 to 1.44 times as large.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fldbench import metrics
from fldbench.errors import ProtocolError, must_be
from fldbench.geometry import box_size, tight_box
from fldbench.schemes import get_scheme
from fldbench.schemes.indices import runs

Groups = tuple[tuple[int, ...], tuple[int, ...]]
MOST_DIGITS, MOST_INDICES = 5, 100_000  # of the indices in the name of a protocol
PIXELS = 100.0  # px: an error of one percent is one pixel

# name -> (in words, function of width and height (n, 2) px -> (n,) px)
BOX_LENGTHS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "box": ("sqrt(w h) of the true points' tight box", lambda size: np.sqrt(size[:, 0] * size[:, 1])),
    "diagonal": ("the diagonal of the true points' tight box", lambda size: np.hypot(size[:, 0], size[:, 1])),
    "mean-edge": ("(w + h) / 2 of the true points' tight box", lambda size: size.mean(axis=1)),
    "longer-side": ("the longer side of the true points' tight box", lambda size: size.max(axis=1)),
    "height": ("the height of the true points' tight box", lambda size: size[:, 1]),
    "given-box": ("sqrt(w h) of the dataset's own box", lambda size: np.sqrt(size[:, 0] * size[:, 1])),
    "given-diagonal": (
        "the diagonal of the dataset's own box",
        lambda size: np.hypot(size[:, 0], size[:, 1]),
    ),
    "given-height": ("the height of the dataset's own box", lambda size: size[:, 1]),
    "face-size": ("the longer side of the dataset's own box", lambda size: size.max(axis=1)),
}
# All are used on AFLW: SAN divides by the first, FaRL by the second, DCFE by the third, HRNet by the last.
OF_OFFICIAL_BOX = ("given-box", "given-diagonal", "given-height", "face-size")
EYES = ("inter-ocular", "inter-pupil")
WITHOUT_EYES = (*BOX_LENGTHS, "pixels", "points:A/B")
NORMALISERS = (*EYES, *WITHOUT_EYES)


def eyes_of(scheme: str, normaliser: str, where: str) -> Groups:
    """Return the two groups of points of an eye normaliser, in the numbering of a scheme.

    inter-ocular: the outer eye corners; inter-pupil: the pupils, or all points of an eye without a marked pupil. Raises
    ProtocolError, which names the normalisers that work, for a scheme that has no such points.

    >>> eyes_of("ibug-68", "inter-ocular", "p"), eyes_of("wflw-98", "inter-pupil", "p")
    (((36,), (45,)), ((96,), (97,)))
    """
    known = get_scheme(scheme)
    groups: Groups | None
    if normaliser == "inter-ocular":
        pair = known.outer_eye_corners
        groups = None if pair is None else ((pair[0],), (pair[1],))
    else:
        groups = known.eye_points if known.pupils is None else ((known.pupils[0],), (known.pupils[1],))
    if groups is None:
        other = [name for name in EYES if has_eyes(scheme, name)]
        allowed = ", ".join([*other, *WITHOUT_EYES])
        part = "outer eye corners" if normaliser == "inter-ocular" else "eyes"
        raise ProtocolError(
            must_be(where, "the normaliser", normaliser, f"one of {allowed}", f"{scheme} has no {part}")
        )
    return tuple(groups[0]), tuple(groups[1])


def has_eyes(scheme: str, normaliser: str) -> bool:
    """Return whether a scheme has the points of an eye normaliser.

    >>> has_eyes("mtfl-5", "inter-ocular"), has_eyes("mtfl-5", "inter-pupil")
    (False, True)
    """
    known = get_scheme(scheme)
    return bool(known.outer_eye_corners if normaliser == "inter-ocular" else known.eye_points or known.pupils)


def lengths(normaliser: str, points: Groups | None, landmarks: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return d_i of every face, (n,) px. It may be no length that can divide: see `metrics.check_normaliser`.

    Parameters
    ----------
    normaliser : str
        A name of NORMALISERS; for any other name, the points decide.
    points : two groups of indices, or None
        If given, d_i is the distance between their means.
    landmarks : ndarray of float, (n, L, 2)
        The true points.
    boxes : ndarray of float, (n, 4)
        Those that the protocol selected.
    """
    if points is not None:
        return metrics.centre_distance(landmarks, *points)
    if normaliser == "pixels":
        return np.full(len(landmarks), PIXELS)
    measured = boxes if normaliser in OF_OFFICIAL_BOX else tight_box(landmarks)
    return BOX_LENGTHS[normaliser][1](box_size(measured).reshape(-1, 2))


def in_words(normaliser: str, points: Groups | None) -> str:
    """Return what the errors are divided by, for captions.

    >>> in_words("inter-ocular", ((36,), (45,)))
    'the inter-ocular distance (points 36 to 45)'
    >>> in_words("pixels", None)
    '100 px, so that 1 % is one pixel'
    """
    if points is not None:
        name = "distance of two groups of points" if normaliser == "points" else f"{normaliser} distance"
        return f"the {name} (points {ranges(points[0], ',')} to {ranges(points[1], ',')})"
    return f"{PIXELS:g} px, so that 1 % is one pixel" if normaliser == "pixels" else BOX_LENGTHS[normaliser][0]


def ranges(points: tuple[int, ...], between: str = "+") -> str:
    """Return indices as people write them, with runs of three or more as FIRST-LAST.

    >>> ranges((36,)), ranges((36, 37, 38, 45)), ranges((1, 2, 9), ",")
    ('36', '36-38+45', '1,2,9')
    """
    words = [[f"{run[0]}-{run[-1]}"] if len(run) > 2 else list(map(str, run)) for run in runs(points)]
    return between.join(word for run in words for word in run)


def two_groups(text: str) -> Groups | None:
    """Return the two groups of points of a string `A/B`; None for any other string.

    >>> two_groups("8-9/30"), two_groups("8"), two_groups("8/a")
    (((8, 9), (30,)), None, None)
    """
    first, _, second = text.partition("/")
    one, other = indices(first), indices(second)
    return None if one is None or other is None else (one, other)


def indices(text: str) -> tuple[int, ...] | None:
    """Return the indices that `ranges` wrote, in the given order; None for any other string, and for absurdly many.

    >>> indices("36-38+45"), indices("8"), indices("5-3"), indices("a")
    ((36, 37, 38, 45), (8,), None, None)
    """
    found: list[int] = []
    for word in text.split("+"):
        first, dash, last = word.partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else True)):
            return None
        if max(len(first), len(last)) > MOST_DIGITS or (dash and int(last) < int(first)) or len(found) > MOST_INDICES:
            return None
        found += range(int(first), int(last if dash else first) + 1)
    return tuple(found)
