"""Modifiers: each varies one thing in a protocol, and together they determine its canonical name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from fldbench.errors import ProtocolError, must_be
from fldbench.faces.harm import HARMS
from fldbench.protocols import boxes, harms, legacy, normalisers
from fldbench.protocols.names import FLAGS, SHORT, decimals, number, suggestion
from fldbench.protocols.protocol import Protocol
from fldbench.schemes import get_scheme

LARGEST_OFFSET = 100.0  # px

# Sets of points that papers name by their number: 51 without the jaw, 49 without jaw and corners of the inner mouth, 66
# without these corners.
NUMBERED = {
    "ibug-68": {
        "49": tuple(i for i in range(17, 68) if i not in (60, 64)),
        "51": tuple(range(17, 68)),
        "66": tuple(i for i in range(68) if i not in (60, 64)),
    }
}


def modified(base: Protocol, modifiers: Mapping[str, str], asked: str) -> Protocol:
    """Return a base with modifiers, under its canonical name.

    Parameters
    ----------
    base : Protocol
    modifiers : mapping of str to str
        Key to value, as `names.parse` gives them. One that changes nothing does not enter the name. A modifier
        beside a legacy twin replaces that of the twin.
    asked : str
        The requested name, for messages.

    Raises
    ------
    ProtocolError
        For a value that is not allowed.
    """
    twin = modifiers.get("twin")
    own = {key: value for key, value in modifiers.items() if key != "twin"}
    start = base if twin is None else _applied(base, legacy.TWINS[twin], asked)
    whole = _applied(base, (legacy.TWINS[twin] if twin else {}) | own, asked)
    words = [*([twin] if twin else []), *_differences(start, whole)]
    return replace(whole, name="@".join([base.name, *([",".join(words)] if words else [])]))


def _applied(base: Protocol, values: Mapping[str, str], asked: str) -> Protocol:
    changes: dict[str, Any] = {"name": asked}
    where = f"protocol {asked!r}"
    for key, value in values.items():
        changes |= {key: True} if key in FLAGS else {} if key in HARMS else _READERS[key](value, base, where)
    wanted = {key: harms.strength(key, value, where) for key, value in values.items() if key in HARMS}
    if wanted:
        changes["harms"] = tuple((dict(base.harms) | wanted).items())
    return replace(base, **changes)


def _norm(value: str, base: Protocol, where: str) -> dict[str, Any]:
    name, colon, text = SHORT.get(value, value).partition(":")
    if name == "points" and colon:
        groups = normalisers.two_groups(text)
        if groups is not None:
            return _named_groups(groups, base.scheme)
    elif name in normalisers.NORMALISERS and not colon:
        return {"normaliser": name, "normaliser_points": None}
    known = normalisers.NORMALISERS
    raise ProtocolError(must_be(where, "norm", value, f"one of {', '.join(known)}", suggestion(value, known)))


def _named_groups(groups: normalisers.Groups, scheme: str) -> dict[str, Any]:
    """Return a distance between two groups in a fixed order; a distance between the eyes gets its name."""
    asked = sorted(map(sorted, groups))
    for name in normalisers.EYES:
        if normalisers.has_eyes(scheme, name):
            eyes = normalisers.eyes_of(scheme, name, scheme)
            if sorted(map(sorted, eyes)) == asked:
                return {"normaliser": name, "normaliser_points": eyes}
    return {"normaliser": "points", "normaliser_points": tuple(map(tuple, asked))}


def _boxes(value: str, base: Protocol, where: str) -> dict[str, Any]:
    source = boxes.box_source(value, where)
    boxes.check_source(source)
    if source == "official" and not (base.official_boxes or base.box_source == "official"):
        then = f"{base.dataset} has no boxes of its own; a base that has them says so in official_boxes"
        raise ProtocolError(must_be(where, "boxes", value, "tight, jittered:S or detected:NAME", then))
    return {"box_source": source}


def _points(value: str, base: Protocol, where: str) -> dict[str, Any]:
    if value == "all":
        return {"points": None}
    scheme = get_scheme(base.scheme)
    numbered = NUMBERED.get(base.scheme, {})
    if value in numbered:
        return {"points": numbered[value]}
    found: list[int] = []
    for word in value.split("+"):
        part = scheme.regions.get(word) or (normalisers.indices(word) if value != word or "-" in word else None)
        if part is None:
            known = [*numbered, "all", "indices such as 17-67 or 36+45", *scheme.regions]
            then = "one point alone is written 30-30"
            raise ProtocolError(must_be(where, "points", value, f"of {scheme.name}: {', '.join(known)}", then))
        found += part
    return {"points": tuple(dict.fromkeys(found))}


def _first(value: str, base: Protocol, where: str) -> dict[str, Any]:
    if not (value.isascii() and value.isdecimal() and int(value)):
        raise ProtocolError(must_be(where, "first", value, "a whole number from 1"))
    if int(value) >= base.n_expected:
        return {}
    return {"first": int(value), "n_expected": int(value), "ids_sha256": None, "union_of": ()}


def _thresholds(value: str, base: Protocol, where: str) -> dict[str, Any]:
    found = tuple(number(word) for word in value.split("+"))
    if not all(0 < threshold <= 1 for threshold in found):
        allowed = "fractions above 0 up to 1, such as 0.08 or 0.08+0.10"
        raise ProtocolError(must_be(where, "t", value, allowed, "8 % is 0.08"))
    return {"thresholds": found}


def _offset(value: str, base: Protocol, where: str) -> dict[str, Any]:
    shift = number(value.removeprefix("-"))
    if not abs(shift) <= LARGEST_OFFSET:
        allowed = f"a number of px from -{LARGEST_OFFSET:g} to {LARGEST_OFFSET:g}"
        raise ProtocolError(must_be(where, "offset", value, allowed, "-1 is for pixels that count from 1"))
    return {"offset": -shift if value.startswith("-") else shift}


_READERS: dict[str, Callable[[str, Protocol, str], dict[str, Any]]] = {
    "norm": _norm,
    "boxes": _boxes,
    "points": _points,
    "first": _first,
    "t": _thresholds,
    "auc": lambda value, base, where: {"auc_rule": value},
    "missed": lambda value, base, where: {"missed": value},
    "reduction": lambda value, base, where: {"reduction": value},
    "offset": _offset,
}


def _differences(start: Protocol, whole: Protocol) -> Iterator[str]:
    """Yield the modifiers that turn one protocol into the other, in canonical spelling and order."""
    if (start.normaliser, start.normaliser_points) != (whole.normaliser, whole.normaliser_points):
        yield _norm_word(whole)
    if start.box_source != whole.box_source:
        yield f"boxes={whole.box_source}"
    strengths = [dict(one.harms) for one in (start, whole)]
    for kind in HARMS:
        before, after = (one.get(kind, 0) for one in strengths)
        if before != after:
            yield f"{kind}={after}"
    if start.points != whole.points:
        yield f"points={_points_word(whole)}"
    if start.visible != whole.visible:
        yield "visible"
    if start.first != whole.first:
        yield f"first={whole.first}"
    if start.thresholds != whole.thresholds:
        yield f"t={'+'.join(map(decimals, whole.thresholds))}"
    for word, field in (("auc", "auc_rule"), ("missed", "missed"), ("reduction", "reduction")):
        if getattr(start, field) != getattr(whole, field):
            yield f"{word}={getattr(whole, field)}"
    if start.offset != whole.offset:
        yield f"offset={decimals(whole.offset)}"
    yield from (flag for flag in FLAGS if flag != "visible" and getattr(start, flag) != getattr(whole, flag))


def _norm_word(protocol: Protocol) -> str:
    if protocol.normaliser in normalisers.EYES:
        return protocol.normaliser.replace("-", "")
    if protocol.normaliser_points is None:
        return f"norm={protocol.normaliser}"
    return f"norm=points:{'/'.join(normalisers.ranges(group) for group in protocol.normaliser_points)}"


def _points_word(protocol: Protocol) -> str:
    if protocol.points is None:
        return "all"
    for word, points in NUMBERED.get(protocol.scheme, {}).items():
        if points == protocol.points:
            return word
    text = normalisers.ranges(protocol.points)
    return f"{text}-{text}" if text.isdecimal() else text
