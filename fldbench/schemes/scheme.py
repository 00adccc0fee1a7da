"""Scheme: one numbering of facial points; `build` makes one from ranges."""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from fldbench.errors import DataError, must_be

# Groups that are closed outlines in many schemes.
EYES = ("left_eye", "right_eye")
BROWS_AND_EYES = ("left_brow", "right_brow", *EYES)
LIP_RINGS = ("outer_lip", "inner_lip")

GIVE_MIRROR = "give its mirror pairs; `fldbench.schemes.guess_mirror` finds them in annotated faces"


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
    mirror : (L,) tuple of int, or None
        Point i of a mirrored face is point mirror[i] of the face. The identity for a profile: the mirror image of a
        face turned to the left is a face turned to the right, with the same numbers. None where it is not known:
        methods then learn without mirrored faces.
    edges : tuple of pairs of int
        Lines to draw.
    source : str
        Who defined the numbering.
    template : (L, 2) float array, or None
        A schematic frontal face in the unit box, x right, y down, exactly symmetric about x = 0.5 (a profile is turned
        to image-right). For pictures, and to recognise the numbering; it is no mean shape. None where there is none.
    outer_eye_corners : pair of int, or None
        (image-left, image-right). None where the scheme has no eye corners.
    pupils : pair of int, or None
        (image-left, image-right). None where the scheme has no pupils.
    names : (L,) tuple of str, or None
        What files call the points, where that is settled. Left and right are image-left and image-right.

    Raises
    ------
    DataError
        For tables that do not fit each other.
    """

    name: str
    regions: Mapping[str, tuple[int, ...]] = field(hash=False)
    eye_points: tuple[tuple[int, ...], tuple[int, ...]] | None
    mirror: tuple[int, ...] | None
    edges: tuple[tuple[int, int], ...]
    source: str
    template: np.ndarray | None = field(repr=False, compare=False)
    outer_eye_corners: tuple[int, int] | None = None
    pupils: tuple[int, int] | None = None
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        name = self.name
        if not isinstance(name, str) or not name or name != name.strip() or not name.isprintable():
            raise DataError(must_be("a scheme", "its name", name, "a printable string without blanks at its ends"))
        points = list(range(self.n_points))
        pairs = [*self.edges, *(pair for pair in (self.outer_eye_corners, self.pupils) if pair is not None)]
        eyes = self.eye_points is None or (len(self.eye_points) == 2 and all(self.eye_points))
        if not eyes or any(len(pair) != 2 for pair in pairs):
            what = "edges, eye corners and pupils must be pairs of points, and eyes two lists of points"
            raise DataError(f"scheme {name!r}: {what}")
        named = [i for eye in self.eye_points or () for i in eye] + [i for edge in self.edges for i in edge]
        named += [*(self.outer_eye_corners or ()), *(self.pupils or ())]
        if sorted(i for region in self.regions.values() for i in region) != points:
            raise DataError(f"scheme {self.name!r}: every point 0..{len(points) - 1} must be in exactly one region")
        mirror = self.mirror
        if mirror is not None and (sorted(mirror) != points or any(mirror[mirror[i]] != i for i in points)):
            raise DataError(f"scheme {self.name!r}: mirror must swap points in pairs (mirror[mirror[i]] == i)")
        if not set(named) <= set(points):
            raise DataError(f"scheme {self.name!r}: edges, eyes or pupils name points outside 0..{len(points) - 1}")
        if self.template is not None and np.shape(self.template) != (len(points), 2):
            raise DataError(f"scheme {self.name!r}: template must be ({len(points)}, 2), got {np.shape(self.template)}")
        if not all(isinstance(one, str) and one for one in self.names or ()):
            raise DataError(must_be(f"scheme {self.name!r}", "names", list(self.names or ()), "a list of strings"))
        if self.names is not None and (len(self.names) != len(points) or len(set(self.names)) != len(points)):
            raise DataError(f"scheme {self.name!r}: names must be {len(points)} different ones, one for each point")

    @cached_property
    def n_points(self) -> int:
        """L, the number of points."""
        return sum(len(region) for region in self.regions.values())

    @property
    def shows_one_side(self) -> bool:
        """Whether no point has a mirror partner: a profile, which may look to either side."""
        return self.mirror == tuple(range(self.n_points))

    def to_dict(self) -> dict[str, Any]:
        """Return the scheme as JSON values, which `Scheme.from_dict` reads."""
        pairs = {name: getattr(self, name) for name in ("eye_points", "mirror", "edges", "outer_eye_corners", "pupils")}
        shape = None if self.template is None else np.asarray(self.template, float).tolist()
        content = {"name": self.name, "regions": dict(self.regions), "source": self.source, "template": shape}
        return json.loads(json.dumps(content | pairs | {"names": self.names}))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Scheme:
        """Return the scheme that `to_dict` wrote; raise DataError for anything else."""
        try:
            tuples = {key: _tuples(content[key]) for key in ("eye_points", "mirror", "edges", "outer_eye_corners")}
            shape, names = content["template"], content["names"]
            return cls(
                name=content["name"],
                regions={str(name): _tuples(points) for name, points in content["regions"].items()},
                source=str(content["source"]),
                template=None if shape is None else np.array(shape, float),
                pupils=_tuples(content["pupils"]),
                names=None if names is None else tuple(names),
                **tuples,
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise DataError(f"not a scheme that fldbench wrote ({type(error).__name__}: {error})") from error

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything but the source, as 64 hex digits: what tells schemes of one name apart."""
        content = {key: value for key, value in self.to_dict().items() if key != "source"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

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
            For landmarks of another shape, and for a scheme whose mirror pairs are not known.

        >>> from fldbench.schemes import get_scheme
        >>> get_scheme("mtfl-5").flip([[30, 40], [70, 41], [50, 60], [35, 80], [65, 81]], width=100).tolist()
        [[29.0, 41.0], [69.0, 40.0], [49.0, 60.0], [34.0, 81.0], [64.0, 80.0]]
        """
        if self.mirror is None:
            raise DataError(f"scheme {self.name!r} does not say which points are mirror images; {GIVE_MIRROR}")
        points = as_landmarks(landmarks, self)
        flipped = points[..., list(self.mirror), :]  # a copy: fancy indexing
        flipped[..., 0] = (width - 1) - flipped[..., 0]
        return flipped


def _tuples(value: Any) -> Any:
    """Points in lists within lists as tuples within tuples; raise TypeError for a point that is no whole number."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_tuples, value))
    return None if value is None else int(operator.index(value))


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
    names: tuple[str, ...] | None = None,
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
    names : tuple of str, optional
        As in Scheme.
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
        names=names,
    )
