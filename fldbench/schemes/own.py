"""Schemes of one's own: made of a count or of names, read from YAML, registered; mirror pairs guessed from faces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import DataError, must_be, near_miss
from fldbench.schemes.recognise import asymmetry_of, usual_shape
from fldbench.schemes.scheme import Scheme
from fldbench.schemes.table import add_scheme
from fldbench.shapes import align_to
from fldbench.yaml_text import Place, at_line, below, read_yaml

MOST = 10_000  # points of a scheme
REST = "points"  # the region of the points that no other region has
KEYS = ("points", "names", "mirror", "eyes", "outer_eye_corners", "pupils", "regions", "edges", "template", "source")
Point = int | str


def make_scheme(
    name: str,
    points: int | None = None,
    *,
    names: Sequence[str] | None = None,
    mirror: Iterable[Sequence[Point]] | None = None,
    eyes: Sequence[Iterable[Point]] | None = None,
    outer_eye_corners: Sequence[Point] | None = None,
    pupils: Sequence[Point] | None = None,
    regions: Mapping[str, Iterable[Point]] | None = None,
    edges: Iterable[Sequence[Point]] = (),
    template: Any = None,
    source: str = "",
) -> Scheme:
    """Return a scheme of one's own; only its name and the number or the names of its points are needed.

    Left and right are image-left and image-right. Points are given by their numbers from 0, or by their names.

    Parameters
    ----------
    name : str
    points : int, optional
        How many; by default as many as `names`.
    names : sequence of str, optional
        What files call the points, in the order of the scheme.
    mirror : iterable of pairs of points, optional
        The points that change places in a mirrored face; every other point is its own mirror image. Without it, the
        mirror images are not known, and methods learn without mirrored faces.
    eyes : two collections of points, optional
        Those of the left and of the right eye; their means are the eye centres.
    outer_eye_corners, pupils : pairs of points, optional
        (left, right).
    regions : mapping, optional
        Name of a part of the face -> its points, along the outline.
    edges : iterable of pairs of points
        Lines to draw.
    template : (L, 2) array, optional
        A schematic face in the unit box, x right, y down; it lets readers recognise the scheme.
    source : str
        Who defined it.

    Raises
    ------
    DataError
        For tables that do not fit each other.

    >>> scheme = make_scheme("iris-4", names=["left", "right", "top", "bottom"], mirror=[("left", "right")])
    >>> scheme.n_points, scheme.mirror
    (4, (1, 0, 2, 3))
    >>> make_scheme("coin-8", 8).mirror is None
    True
    """
    where = f"scheme {name!r}"
    names = None if names is None else tuple(names)
    count = len(names or ()) if points is None else points
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        raise DataError(must_be(where, "points", points, f"a whole number from 1 to {MOST}, unless names are given"))

    def number(point: Any) -> int:
        if isinstance(point, str) and names is not None and point in names:
            return names.index(point)
        if isinstance(point, (int, np.integer)) and not isinstance(point, bool) and 0 <= point < count:
            return int(point)
        raise DataError(must_be(where, "a point", point, f"a number from 0 to {count - 1}, or a name from `names`"))

    def pair(given: Any, what: str) -> tuple[int, int]:
        if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != 2:
            raise DataError(must_be(where, what, given, "a list of two points"))
        return number(given[0]), number(given[1])

    def several(given: Any, what: str) -> tuple[int, ...]:
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise DataError(must_be(where, what, given, "a list of points"))
        return tuple(number(point) for point in given)

    parts = {str(part): several(given, part) for part, given in (regions or {}).items()}
    sides = None if eyes is None else tuple(several(eye, "eyes") for eye in eyes)
    if sides is not None and (len(sides) != 2 or not all(sides)):
        raise DataError(must_be(where, "eyes", eyes, "two lists of points: of the left and of the right eye"))
    if sides is not None and not parts:
        parts = dict(zip(("left_eye", "right_eye"), sides, strict=True))
    known = {i for part in parts.values() for i in part}
    rest = tuple(i for i in range(count) if i not in known)
    shape = None if template is None else _template(template, count, where)
    return Scheme(
        name=name,
        regions=parts | ({REST: rest} if rest else {}),
        eye_points=sides,
        mirror=None if mirror is None else _partners([pair(one, "mirror") for one in mirror], count, where),
        edges=tuple(pair(one, "edges") for one in edges),
        source=source,
        template=shape,
        outer_eye_corners=None if outer_eye_corners is None else pair(outer_eye_corners, "outer_eye_corners"),
        pupils=None if pupils is None else pair(pupils, "pupils"),
        names=names,
    )


def register_scheme(scheme: Scheme | str, points: int | None = None, **more: Any) -> Scheme:
    """Make a scheme known, so that datasets, protocols and methods can name it; return it.

    Parameters
    ----------
    scheme : Scheme or str
        A scheme, or the name of one that is made of the other arguments, which are those of `make_scheme`.

    Raises
    ------
    DataError
        For tables that do not fit each other, and for a name that another scheme has. The same scheme may be
        registered again.
    """
    if isinstance(scheme, Scheme):
        if points is not None or more:
            raise DataError(f"scheme {scheme.name!r} is a Scheme already; other arguments go with a name alone")
        return add_scheme(scheme)
    return add_scheme(make_scheme(scheme, points, **more))


def schemes_in(content: Any, where: str, lines: Mapping[Place, int] | None = None) -> list[Scheme]:
    """Return the schemes of a `schemes` block: a mapping from their names.

    Each is a number of points, a list of their names, or a mapping with the arguments of `make_scheme`.

    Raises
    ------
    DataError
        It names the scheme and the key, the value found and the allowed values.

    >>> [one.n_points for one in schemes_in({"coin": 8, "iris": ["left", "right"]}, "own.yaml")]
    [8, 2]
    """
    return list(_schemes(content, where, lines or {}))


def read_schemes(path: str | Path) -> list[Scheme]:
    """Return the schemes of a YAML file; its content is that of `schemes_in`, with or without the key `schemes`.

    Raises DataError with the file, and the line where it is not YAML.
    """
    content, lines = read_yaml(path)
    if isinstance(content, dict) and set(content) == {"schemes"}:
        content, lines = content["schemes"], below(lines, "schemes")
    return schemes_in(content, str(path), lines)


def guess_mirror(landmarks: np.ndarray) -> tuple[list[tuple[int, int]], float]:
    """Return the mirror pairs of a numbering, guessed from annotated upright faces.

    The mean shape is laid on its mirror image; the pairs are the assignment of points with the least distances. A few
    dozen faces that look to both sides alike give a mean shape that is nearly symmetric.

    Parameters
    ----------
    landmarks : (n, L, 2) array
        Pixels; NaN where a point is missing.

    Returns
    -------
    pairs : list of (int, int)
        Points that change places; every other point is its own mirror image.
    residual : float
        Distance between the mean shape and its mirror image by these pairs, for shapes of size 1. Below 0.05 it is
        a good guess; above 0.2 the pairs mean nothing.

    Raises
    ------
    DataError
        For a point that no face has.

    >>> guess_mirror(np.array([[[10.0, 10], [50, 11], [30, 40]]]))[0]
    [(0, 1)]
    """
    points = np.asarray(landmarks, float)
    there = np.isfinite(points).all(axis=2)
    never = np.flatnonzero(~there.any(axis=0))
    if never.size or not len(points):
        what = f"no face has point {never[0]}" if len(points) else "no faces"
        raise DataError(f"{what}; mirror pairs are guessed from faces that together have all points")
    mean = usual_shape(points)
    partner = _assigned(mean)
    pairs = [(i, int(j)) for i, j in enumerate(partner) if i < j]
    return pairs, asymmetry_of(mean, make_scheme("guess", len(mean), mirror=pairs))


def _assigned(mean: np.ndarray) -> np.ndarray:
    """Return the partner (L,) of each point of a shape of size 1: the best of some turns of the mirror image."""
    from scipy.optimize import linear_sum_assignment  # takes a moment to import

    best, found = np.inf, np.arange(len(mean))
    for turn in np.linspace(-0.6, 0.6, 13):  # radians; faces are upright, but the first may be turned a little
        image = _rotated(mean * (-1, 1), turn)
        for _ in range(3):
            distance = ((mean[:, None] - image[None]) ** 2).sum(axis=2)
            distance += distance.T  # i to j and j to i
            partner = linear_sum_assignment(distance)[1]
            image = align_to(image[None], mean[np.argsort(partner)])[0][0]
        partner = np.where(partner[partner] == np.arange(len(mean)), partner, np.arange(len(mean)))
        cost = float(((mean - image[partner]) ** 2).sum())
        if cost < best:
            best, found = cost, partner
    return found


def _rotated(shape: np.ndarray, turn: float) -> np.ndarray:
    cos, sin = np.cos(turn), np.sin(turn)
    return shape @ np.array([[cos, sin], [-sin, cos]])


def _schemes(content: Any, where: str, lines: Mapping[Place, int]) -> Iterator[Scheme]:
    if not isinstance(content, dict):
        raise DataError(must_be(at_line(where, lines), "schemes", content, "a mapping from the names of schemes"))
    for name, item in content.items():
        line = at_line(where, lines, name)
        place = f"{line}: {name}"
        if isinstance(item, int):
            item = {"points": item}
        elif isinstance(item, list):
            item = {"names": item}
        if not isinstance(item, dict):
            allowed = "a number of points, a list of their names, or a mapping"
            raise DataError(must_be(place, "the scheme", item, f"{allowed} with the keys {', '.join(KEYS)}"))
        for key in item:
            if key not in KEYS:
                raise DataError(f"{place}: no key {key!r}; {near_miss(str(key), KEYS)}")
        try:
            yield make_scheme(str(name), **item)
        except DataError as error:
            raise DataError(f"{line}: {error}") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{place}: not a scheme ({error})") from error


def _partners(pairs: list[tuple[int, int]], count: int, where: str) -> tuple[int, ...]:
    mirror = list(range(count))
    for a, b in pairs:
        if mirror[a] != a or mirror[b] != b:
            raise DataError(f"{where}: point {a if mirror[a] != a else b} is in two mirror pairs; must be in one")
        mirror[a], mirror[b] = b, a
    return tuple(mirror)


def _template(given: Any, count: int, where: str) -> np.ndarray:
    try:
        shape = np.array(given, float)
    except (TypeError, ValueError):
        shape = np.empty(0)
    if shape.shape != (count, 2) or not np.isfinite(shape).all() or not np.ptp(shape, axis=0).any():
        raise DataError(must_be(where, "template", given, f"{count} pairs of numbers x, y, not all in one place"))
    shape.setflags(write=False)
    return shape
