"""The fields of a protocol that are lists: checked, and in one form whatever they were given as.

Each function raises ProtocolError, which begins with `where`, for anything that is not allowed.
"""

from __future__ import annotations

import json
from typing import Any

from fldbench.errors import ProtocolError, must_be
from fldbench.faces.harm import in_words
from fldbench.params import real, whole
from fldbench.protocols import normalisers
from fldbench.protocols.harms import of_boxes
from fldbench.protocols.names import suggestion
from fldbench.schemes import get_scheme

_THRESHOLD = real(above=0, high=1)


def options(given: Any, where: str) -> tuple[tuple[str, Any], ...]:
    """Return the options of a reader, sorted by name."""
    try:
        return tuple(sorted(dict(json.loads(json.dumps(dict(given), allow_nan=False))).items()))
    except (TypeError, ValueError):
        raise ProtocolError(must_be(where, "options", given, "a mapping from names to JSON values")) from None


def names(given: Any, where: str) -> tuple[str, ...]:
    """Return the names of subsets."""
    if not isinstance(given, (tuple, list)) or not all(isinstance(name, str) for name in given):
        raise ProtocolError(must_be(where, "union_of", given, "the names of subsets"))
    return tuple(given)


def thresholds(values: Any, where: str) -> tuple[float, ...]:
    """Return one or more different thresholds, as fractions."""
    found = tuple(values) if isinstance(values, (tuple, list)) else (values,)
    if not found or len(set(found)) < len(found) or not all(_THRESHOLD.fits(value) for value in found):
        allowed = "one or more different fractions above 0 up to 1"
        raise ProtocolError(must_be(where, "thresholds", values, allowed, "8 % is 0.08"))
    return tuple(map(float, found))


def indices(points: Any, scheme: str, where: str, what: str) -> tuple[int, ...]:
    """Return points as integers: one or more, each once, and all of them in the scheme."""
    total, number = get_scheme(scheme).n_points, whole(0)
    found = tuple(points) if isinstance(points, (tuple, list)) else ()
    good = all(number.fits(point) and point < total for point in found)
    if not found or not good or len(set(found)) < len(found):
        raise ProtocolError(must_be(where, what, points, f"different points of {scheme}, from 0 to {total - 1}"))
    return tuple(int(point) for point in found)


def counted(points: Any, scheme: str, where: str) -> tuple[int, ...] | None:
    """Return the counted points in rising order; None for all of them."""
    if points is None:
        return None
    chosen = indices(points, scheme, where, "points")
    return None if len(chosen) == get_scheme(scheme).n_points else tuple(sorted(chosen))


def point_groups(name: str, groups: Any, scheme: str, where: str) -> normalisers.Groups:
    """Return the two groups of points of a normaliser, or those of the eyes that it names."""
    if groups is None and name in normalisers.EYES:
        return normalisers.eyes_of(scheme, name, where)
    if not isinstance(groups, (tuple, list)) or len(groups) != 2:
        allowed = f"one of {', '.join(normalisers.NORMALISERS)}"
        then = suggestion(name, normalisers.NORMALISERS) or "any other name needs two groups of points"
        raise ProtocolError(must_be(where, "normaliser", name, allowed, then))
    first, second = (indices(group, scheme, where, "normaliser_points") for group in groups)
    return first, second


def check_official_box(name: str, box_source: str, harms: tuple[tuple[str, int], ...], where: str) -> None:
    """Refuse other boxes than the dataset's own for a normaliser that is a length of them."""
    if box_source != "official":
        then = "it divides by the dataset's own box: use boxes=official, or the normaliser box"
        raise ProtocolError(must_be(where, "boxes", box_source, f"official for {name!r}", then))
    if of_boxes(harms):
        allowed = f"no harm of the box that {name!r} divides by"
        raise ProtocolError(must_be(where, "harms", in_words(of_boxes(harms)), allowed, "use the normaliser box"))
