"""Maps between schemes: the landmarks of one numbering as weighted means of another's."""

from __future__ import annotations

import functools

import numpy as np

from fldbench.errors import UnknownNameError
from fldbench.schemes.scheme import as_landmarks
from fldbench.schemes.table import FAMILIES, get_scheme, list_schemes
from fldbench.schemes.weights import Rows

# The NME of exact landmarks of the first scheme as points of the second, over the 400 synthetic test faces, whose
# landmarks of both schemes are read off one head; by the outer eye corners, to mtfl-5 by the eye centres.
_FLOORS = {
    ("wflw-98", "ibug-68"): 0.0039,
    ("ibug-68", "mtfl-5"): 0.0002,
    ("wflw-98", "mtfl-5"): 0.0009,
    ("youtu-88", "mtfl-5"): 0.0002,
    ("imm-frontal-73", "mtfl-5"): 0.0120,
    # These are some of the same points, by their definition.
    ("ibug-68", "ibug-51"): 0.0,
    ("ibug-68", "ibug-49"): 0.0,
    ("ibug-51", "ibug-49"): 0.0,
}
_MAPS: dict[tuple[str, str], Rows] = {pair: rows for family in FAMILIES for pair, rows in family.MAPS.items()}


def map_matrix(source: str, target: str) -> np.ndarray:
    """Return the weights of a map: target points = weights @ source points.

    Defined are jd-106 -> wflw-98 -> ibug-68 -> ibug-51 -> ibug-49 -> mtfl-5 or dlib-5; imm-frontal-73, youtu-88,
    cofw-29, aflw-19, kaggle-15 and muct-76 -> mtfl-5; every chain of these; and each scheme to itself. imm-58,
    helen-194 and webmorph-189 have no point at the tip of the nose, and menpo-39 shows one side only.

    To mtfl-5, an eye is the pupil or eye centre where the scheme has such a point (MTFL marks the centre), else the
    mean of the eye's outline. jd-106 -> wflw-98 takes the 98 points that RTMPose's Face6 configuration treats as the
    same. wflw-98 -> ibug-68 is an approximation in common use (PIPNet's conversion, for example): every second point
    of the jaw, the brow as the mean of its upper and lower line, points of a lid blended 2/3 to 1/3, the other points
    unchanged. PIPNet averages only the brow's y, keeps the upper line's x, and uses 0.666 and 0.333; here both
    coordinates are averaged and the weights are exact, so that the map does not depend on how the head is tilted. The
    jaw lines of the two annotations differ: according to the author of WFLW, models that were trained on converted
    points do badly on 300-W.

    Parameters
    ----------
    source, target : str
        Names of schemes with L_source and L_target points.

    Returns
    -------
    (L_target, L_source) float array
        Weights >= 0; each row sums to 1.

    Raises
    ------
    UnknownNameError
        For an unknown scheme, and for two schemes without a map between them.

    >>> map_matrix("ibug-68", "ibug-51").shape, float(map_matrix("ibug-68", "mtfl-5")[0, 36] * 6)
    ((51, 68), 1.0)
    """
    return _matrix(source, target).copy()


def map_landmarks(landmarks: np.ndarray, source: str, target: str) -> np.ndarray:
    """Return the landmarks of one scheme as points of another, by `map_matrix`.

    Parameters
    ----------
    landmarks : (..., L_source, 2) array
        Coordinates of the source scheme. A coordinate that is not finite makes NaN of those target points that need it.
    source, target : str
        Names of schemes.

    Returns
    -------
    (..., L_target, 2) float64 array

    Raises
    ------
    DataError
        For landmarks of another shape.
    UnknownNameError
        For an unknown scheme, and for two schemes without a map between them.

    >>> face = np.zeros((68, 2)); face[36:42] = [[0, 2], [1, 1], [2, 1], [3, 2], [2, 3], [1, 3]]; face[30] = np.nan
    >>> map_landmarks(face, "ibug-68", "mtfl-5")[:3].tolist()
    [[1.5, 2.0], [0.0, 0.0], [nan, nan]]
    """
    weights = _matrix(source, target)
    points = as_landmarks(landmarks, get_scheme(source)).astype(np.float64)
    missing = ~np.isfinite(points)
    mapped = weights @ np.where(missing, 0.0, points)
    mapped[weights @ missing > 0] = np.nan
    return mapped


def conversion_floor(source: str, target: str) -> float | None:
    """Return what an exact answer loses by a map: its NME after `map_landmarks`, as a share.

    It is measured on synthetic faces, whose landmarks of both schemes are read off one head, and divided by the
    distance of the outer eye corners (to mtfl-5: of the eye centres). wflw-98 -> ibug-68 loses all of it at the brows
    and lids. Annotators of two datasets differ by more, above all at the jaw, so it is a lower bound.

    Parameters
    ----------
    source, target : str
        Names of schemes.

    Returns
    -------
    float or None
        0 from a scheme to itself, and to one that is a part of it; None where it is not known.

    >>> tuple(conversion_floor(source, "ibug-68") for source in ("wflw-98", "ibug-68", "jd-106"))
    (0.0039, 0.0, None)
    """
    return 0.0 if source == target else _FLOORS.get((source, target))


def _reachable(source: str) -> dict[str, np.ndarray]:
    """Return target -> weights for every scheme that a chain of maps leads to (breadth first: the shortest chain)."""
    found = {source: np.eye(get_scheme(source).n_points)}
    queue = [source]
    for name in queue:
        for (start, end), rows in _MAPS.items():
            if start == name and end not in found:
                step = np.zeros((len(rows), get_scheme(start).n_points))
                for i, row in enumerate(rows):
                    step[i, list(row)] = list(row.values())
                found[end] = step @ found[name]
                queue.append(end)
    return found


@functools.cache
def _matrix(source: str, target: str) -> np.ndarray:
    found = _reachable(source)
    if get_scheme(target).name not in found:
        maps = {name: [t for t in _reachable(name) if t != name] for name in list_schemes()}
        text = "; ".join(f"{name} -> {', '.join(targets)}" for name, targets in maps.items() if targets)
        raise UnknownNameError(f"no map from scheme {source!r} to {target!r}; maps: {text}")
    return found[target]
