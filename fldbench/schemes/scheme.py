"""Landmark schemes: what each point of a face is, which points are mirror images, how schemes map onto each other.

A scheme is a numbering. "Left" in every name means image-left, the viewer's left (the person's right), whatever
word a dataset's own page uses. Indices start at 0. Pixels follow the house's convention: x right, y down, the
centre of the top-left pixel at (0, 0), so that mirroring an image of width w sends x to w - 1 - x.

>>> get_scheme("wflw-98").n_points, get_scheme("wflw-98").outer_eye_corners
(98, (60, 72))

Group names, over all schemes: jaw, chin, left_brow, right_brow, left_eye, right_eye, left_pupil, right_pupil, nose,
nose_bridge, nose_base, nose_tip, nostrils, outer_lip, inner_lip, mouth; brow and eye in a profile, which shows one of
each. `nose` is one outline where the scheme has no separate base; `mouth` is used where a scheme has one ring or less;
`chin` is one point, where there is no jaw line.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fldbench import scheme_tables, scheme_tables_more
from fldbench.errors import DataError, UnknownNameError, near_miss


@dataclass(frozen=True)
class Scheme:
    """One numbering of facial points.

    name               such as "ibug-68"
    groups             group name -> its points, along the outline; every point is in exactly one group
    eye_points         the points whose means are the two eye centres (image-left, image-right); None for a profile
    mirror             point i of a mirrored face is point mirror[i] of the face; the identity for a profile: the mirror
                       image of a face turned to the left is a face turned to the right, with the same numbers
    edges              lines to draw, pairs of points
    source             who defined the numbering
    template           (L, 2) float, a schematic frontal face in the unit box, x right, y down, exactly left-right
                       symmetric about x = 0.5 (a profile: turned to image-right); for pictures, not a mean shape
    outer_eye_corners  (image-left, image-right); None where the scheme has no eye corners
    pupils             (image-left, image-right); None where the scheme has no pupils

    A plug-in may make its own: the constructor refuses tables that contradict each other.
    """

    name: str
    groups: Mapping[str, tuple[int, ...]] = field(hash=False)
    eye_points: tuple[tuple[int, ...], tuple[int, ...]] | None
    mirror: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    source: str
    template: np.ndarray = field(repr=False, compare=False)
    outer_eye_corners: tuple[int, int] | None = None
    pupils: tuple[int, int] | None = None

    def __post_init__(self):
        points = list(range(len(self.mirror)))
        named = [i for eye in self.eye_points or () for i in eye] + [i for edge in self.edges for i in edge]
        named += [*(self.outer_eye_corners or ()), *(self.pupils or ())]
        if sorted(i for group in self.groups.values() for i in group) != points:
            raise DataError(f"scheme {self.name!r}: every point 0..{len(points) - 1} must be in exactly one group")
        if sorted(self.mirror) != points or any(self.mirror[self.mirror[i]] != i for i in points):
            raise DataError(f"scheme {self.name!r}: mirror must swap points in pairs (mirror[mirror[i]] == i)")
        if not set(named) <= set(points):
            raise DataError(f"scheme {self.name!r}: edges, eyes or pupils name points outside 0..{len(points) - 1}")
        if np.shape(self.template) != (len(points), 2):
            raise DataError(f"scheme {self.name!r}: template must be ({len(points)}, 2), got {np.shape(self.template)}")

    @property
    def n_points(self) -> int:
        """L, the number of points."""
        return len(self.mirror)

    def flip(self, landmarks, width: float) -> np.ndarray:
        """The landmarks of the mirrored image: x -> width - 1 - x, then every point takes its partner's number.

        landmarks (..., L, 2) px, width of the image in px; returns a new array, floating like the input. Visibility
        flags of a mirrored face are `visible[..., scheme.mirror]`.

        >>> get_scheme("mtfl-5").flip([[30, 40], [70, 41], [50, 60], [35, 80], [65, 81]], width=100).tolist()
        [[29.0, 41.0], [69.0, 40.0], [49.0, 60.0], [34.0, 81.0], [64.0, 80.0]]
        """
        points = _checked(landmarks, self)
        flipped = points[..., list(self.mirror), :]  # a copy: fancy indexing
        flipped[..., 0] = (width - 1) - flipped[..., 0]
        return flipped


def _checked(landmarks, scheme: Scheme) -> np.ndarray:
    """landmarks as a floating array (..., L, 2), or DataError."""
    points = np.asarray(landmarks)
    if points.shape[-2:] != (scheme.n_points, 2):
        raise DataError(f"landmarks of {scheme.name} must be (..., {scheme.n_points}, 2), got {points.shape}")
    return points if np.issubdtype(points.dtype, np.floating) else points.astype(np.float64)


def _build(
    name: str,
    source: str,
    groups: dict[str, tuple[int, int] | list[int]],
    pairs: Iterable[tuple[int, int, int, int]],
    template: np.ndarray,
    closed: Iterable[str] = (),
    gaps: Iterable[tuple[int, int]] = (),
    bridges: Iterable[tuple[int, int]] = (),
    eyes: tuple[tuple[int, ...], tuple[int, ...]] | None = None,
    corners: tuple[int, int] | None = None,
    pupils: tuple[int, int] | None = None,
    keep: Iterable[int] | None = None,
) -> Scheme:
    """A scheme from ranges.

    groups: name -> (first, last), or a list of points. pairs: (a, b, n, step), points a, a+1, ... mirror b, b+step, ...
    n times. Edges join neighbours within a group, and last to first in a closed one, but for `gaps`, with `bridges`.
    eyes: the eye points, where they are not the groups left_eye and right_eye. keep: the points that remain,
    renumbered; a closed outline stays closed over the points left out.
    """
    mirror = list(range(len(template)))
    for a, b, n, step in pairs:
        for k in range(n):
            mirror[a + k], mirror[b + step * k] = b + step * k, a + k
    keep = range(len(template)) if keep is None else keep
    new = {old: i for i, old in enumerate(keep)}
    points = {g: p if isinstance(p, list) else range(p[0], p[1] + 1) for g, p in groups.items()}
    kept = {g: [i for i in p if i in new] for g, p in points.items() if any(i in new for i in p)}
    edges = [(a, b) for g, p in kept.items() for a, b in zip(p, p[1:] + (p[:1] if g in closed else []), strict=False)]
    kept_template = template[list(new)]
    kept_template.setflags(write=False)
    final = {g: tuple(new[i] for i in p) for g, p in kept.items()}
    if eyes is None and "left_eye" in final:
        eyes = (final["left_eye"], final["right_eye"])
    return Scheme(
        name=name,
        groups=final,
        eye_points=eyes,
        mirror=tuple(new[mirror[i]] for i in new),
        edges=tuple((new[a], new[b]) for a, b in [*edges, *bridges] if (a, b) not in set(gaps)),
        source=source,
        template=kept_template,
        outer_eye_corners=None if corners is None else (new[corners[0]], new[corners[1]]),
        pupils=pupils,
    )


_SCHEMES = {row["name"]: _build(**row) for row in (*scheme_tables.SCHEMES, *scheme_tables_more.SCHEMES)}

_MAPS = scheme_tables.MAPS | scheme_tables_more.MAPS


def list_schemes() -> list[str]:
    """Names of the schemes.

    >>> list_schemes()[:6]
    ['ibug-68', 'ibug-51', 'ibug-49', 'mtfl-5', 'wflw-98', 'imm-58']
    """
    return list(_SCHEMES)


def get_scheme(name: str) -> Scheme:
    """The scheme of that name; UnknownNameError with the nearest known name otherwise."""
    if name not in _SCHEMES:
        raise UnknownNameError(f"no scheme named {name!r}; {near_miss(name, _SCHEMES)} (see `fldbench list schemes`)")
    return _SCHEMES[name]


def _reachable(source: str) -> dict[str, np.ndarray]:
    """target -> weights, for every scheme that a chain of maps leads to (breadth first: the shortest chain)."""
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


def map_matrix(source: str, target: str) -> np.ndarray:
    """Weights (L_target, L_source) >= 0, rows sum to 1: target points = weights @ source points.

    Defined: jd-106 -> wflw-98 -> ibug-68 -> ibug-51 -> ibug-49 -> mtfl-5; imm-frontal-73, youtu-88, cofw-29, aflw-19,
    kaggle-15 and muct-76 -> mtfl-5; every chain of these, and each scheme to itself. Other pairs raise
    UnknownNameError: imm-58 and helen-194 have no tip of the nose, menpo-39 shows one side only.

    To mtfl-5, an eye is the scheme's pupil or eye centre where it has such a point (MTFL marks the centre), else the
    mean of its outline. jd-106 -> wflw-98 takes the 98 points that RTMPose's Face6 configuration holds to be the same.
    wflw-98 -> ibug-68 is an approximation in common use (PIPNet's conversion, for one): every second jaw point, the
    brow as the mean of its upper and lower line, lid points blended 2/3 to 1/3, the rest as it is. (PIPNet averages
    only the brow's y and keeps the upper line's x, and uses 0.666 and 0.333; here both coordinates are averaged and
    weights are exact, so that the map does not depend on how the head is tilted.) The contours differ between the
    two annotations: by the word of WFLW's author, models trained on points converted so do badly on 300-W.

    >>> map_matrix("ibug-68", "ibug-51").shape, float(map_matrix("ibug-68", "mtfl-5")[0, 36] * 6)
    ((51, 68), 1.0)
    """
    return _matrix(source, target).copy()


def map_landmarks(landmarks, source: str, target: str) -> np.ndarray:
    """Landmarks (..., L_source, 2) of one scheme as points (..., L_target, 2) of another, by `map_matrix`; float64.

    A missing (not finite) coordinate makes NaN of those target points alone that need it.

    >>> face = np.zeros((68, 2)); face[36:42] = [[0, 2], [1, 1], [2, 1], [3, 2], [2, 3], [1, 3]]; face[30] = np.nan
    >>> map_landmarks(face, "ibug-68", "mtfl-5")[:3].tolist()
    [[1.5, 2.0], [0.0, 0.0], [nan, nan]]
    """
    weights = _matrix(source, target)
    points = _checked(landmarks, get_scheme(source)).astype(np.float64)
    missing = ~np.isfinite(points)
    mapped = weights @ np.where(missing, 0.0, points)
    mapped[weights @ missing > 0] = np.nan
    return mapped
