"""Scheme: one numbering of facial points; `build` makes one from ranges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fldbench.errors import DataError, must_be

# Groups that are closed outlines in many schemes.
EYES = ("left_eye", "right_eye")
BROWS_AND_EYES = ("left_brow", "right_brow", *EYES)
LIP_RINGS = ("outer_lip", "inner_lip")


@dataclass(frozen=True)
class Scheme:
    """One numbering of L facial points. A plug-in may make its own: tables that contradict each other are refused.

    Attributes
    ----------
    name : str
        Such as "ibug-68".
    regions : dict of str to tuple of int
        Part of the face, such as "left_eye" -> its points, along the outline. Every point is in exactly one region.
    eye_points : two tuples of int, or None
        The points whose means are the eye centres (image-left, image-right). None for a profile.
    mirror : (L,) tuple of int
        Point i of a mirrored face is point mirror[i] of the face. The identity for a profile: the mirror image of a
        face turned to the left is a face turned to the right, with the same numbers.
    edges : tuple of pairs of int
        Lines to draw.
    source : str
        Who defined the numbering.
    template : (L, 2) float array
        A schematic frontal face in the unit box, x right, y down, exactly symmetric about x = 0.5 (a profile is turned
        to image-right). For pictures; it is no mean shape.
    outer_eye_corners : pair of int, or None
        (image-left, image-right). None where the scheme has no eye corners.
    pupils : pair of int, or None
        (image-left, image-right). None where the scheme has no pupils.

    Raises
    ------
    DataError
        For tables that do not fit each other.
    """

    name: str
    regions: Mapping[str, tuple[int, ...]] = field(hash=False)
    eye_points: tuple[tuple[int, ...], tuple[int, ...]] | None
    mirror: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    source: str
    template: np.ndarray = field(repr=False, compare=False)
    outer_eye_corners: tuple[int, int] | None = None
    pupils: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        points = list(range(len(self.mirror)))
        named = [i for eye in self.eye_points or () for i in eye] + [i for edge in self.edges for i in edge]
        named += [*(self.outer_eye_corners or ()), *(self.pupils or ())]
        if sorted(i for region in self.regions.values() for i in region) != points:
            raise DataError(f"scheme {self.name!r}: every point 0..{len(points) - 1} must be in exactly one region")
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

    def flip(self, landmarks: np.ndarray, width: float) -> np.ndarray:
        """Return the landmarks of the mirrored image: x -> width - 1 - x, then every point takes its partner's number.

        Visibility flags of a mirrored face are `visible[..., scheme.mirror]`.

        Parameters
        ----------
        landmarks : (..., L, 2) array
            Pixels.
        width : float
            Width of the image, in pixels.

        Returns
        -------
        (..., L, 2) array
            A new array, of the input's type where that is floating, else float64.

        Raises
        ------
        DataError
            For landmarks of another shape.

        >>> from fldbench.schemes import get_scheme
        >>> get_scheme("mtfl-5").flip([[30, 40], [70, 41], [50, 60], [35, 80], [65, 81]], width=100).tolist()
        [[29.0, 41.0], [69.0, 40.0], [49.0, 60.0], [34.0, 81.0], [64.0, 80.0]]
        """
        points = as_landmarks(landmarks, self)
        flipped = points[..., list(self.mirror), :]  # a copy: fancy indexing
        flipped[..., 0] = (width - 1) - flipped[..., 0]
        return flipped


def as_landmarks(landmarks: np.ndarray, scheme: Scheme) -> np.ndarray:
    """Return landmarks (..., L, 2) as a floating array; raise DataError for another shape."""
    points = np.asarray(landmarks)
    if points.shape[-2:] != (scheme.n_points, 2):
        raise DataError(must_be(scheme.name, "the shape of landmarks", points.shape, f"(..., {scheme.n_points}, 2)"))
    return points if np.issubdtype(points.dtype, np.floating) else points.astype(np.float64)


def build(
    name: str,
    source: str,
    regions: Mapping[str, tuple[int, int] | list[int]],
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
    """Return a scheme that is described by ranges.

    Parameters
    ----------
    name, source : str
        As in Scheme.
    regions : dict
        Name -> (first, last), or a list of points.
    pairs : iterable of (a, b, n, step)
        Points a, a + 1, ... and b, b + step, ... are mirror images, n times.
    template : (L, 2) float array
        As in Scheme, before `keep`.
    closed, gaps, bridges : iterables
        Edges join neighbours within a region, and last to first in a closed one; not those in `gaps`, and those in
        `bridges` too.
    eyes : two tuples of int, optional
        The eye points, where they are not the regions left_eye and right_eye.
    corners, pupils : pairs of int, optional
        As in Scheme; corners are numbered as before `keep`.
    keep : iterable of int, optional
        The points that remain, renumbered. A closed outline stays closed over the points left out.
    """
    mirror = list(range(len(template)))
    for a, b, n, step in pairs:
        for k in range(n):
            mirror[a + k], mirror[b + step * k] = b + step * k, a + k
    keep = range(len(template)) if keep is None else keep
    new = {old: i for i, old in enumerate(keep)}
    points = {g: p if isinstance(p, list) else range(p[0], p[1] + 1) for g, p in regions.items()}
    kept = {g: [i for i in p if i in new] for g, p in points.items() if any(i in new for i in p)}
    edges = [(a, b) for g, p in kept.items() for a, b in zip(p, p[1:] + (p[:1] if g in closed else []), strict=False)]
    kept_template = template[list(new)]
    kept_template.setflags(write=False)
    final = {g: tuple(new[i] for i in p) for g, p in kept.items()}
    if eyes is None and "left_eye" in final:
        eyes = (final["left_eye"], final["right_eye"])
    return Scheme(
        name=name,
        regions=final,
        eye_points=eyes,
        mirror=tuple(new[mirror[i]] for i in new),
        edges=tuple((new[a], new[b]) for a, b in [*edges, *bridges] if (a, b) not in set(gaps)),
        source=source,
        template=kept_template,
        outer_eye_corners=None if corners is None else (new[corners[0]], new[corners[1]]),
        pupils=pupils,
    )
