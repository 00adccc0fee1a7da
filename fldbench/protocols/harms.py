"""The harms of a protocol: their strengths as names write them, their canonical order, and whole curves of them."""

from __future__ import annotations

from typing import Any

from fldbench.errors import ProtocolError, must_be
from fldbench.faces.harm import HARMS, OF_BOX, STRENGTHS
from fldbench.protocols.names import suggestion

STRENGTH = f"a whole number from 0, which is none, to {STRENGTHS[-1]}"
JITTERS = ("0.05", "0.10", "0.15", "0.20")
EVERY, KINDS = "*", "harm"  # `blur=*` are all strengths, `harm=*` all strengths of each kind


def strength(kind: str, text: str, where: str) -> int:
    """Return the strength that a name gives; raise ProtocolError, which begins with `where`, for no such one.

    >>> strength("blur", "3", "p")
    3
    """
    if text.isascii() and text.isdecimal() and int(text) <= STRENGTHS[-1]:
        return int(text)
    then = f"a suite has all of them by {kind}={EVERY}" if text == EVERY else ""
    raise ProtocolError(must_be(where, kind, text, STRENGTH, then))


def canonical(harms: Any, where: str) -> tuple[tuple[str, int], ...]:
    """Return pairs of kind and strength in the order in which they are applied, without those of strength 0.

    Raises ProtocolError, which begins with `where`, for anything else.

    >>> canonical([["noise", 1], ["blur", 2], ["jpeg", 0]], "p")
    (('blur', 2), ('noise', 1))
    """
    try:
        pairs = [(str(kind), much) for kind, much in harms]
    except (TypeError, ValueError):
        raise ProtocolError(must_be(where, "harms", harms, "pairs of a kind and a strength")) from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ProtocolError(must_be(where, "harms", harms, "kinds that stand there once"))
    for kind, much in pairs:
        if kind not in HARMS:
            raise ProtocolError(must_be(where, "a harm", kind, f"one of {', '.join(HARMS)}", suggestion(kind, HARMS)))
        if isinstance(much, bool) or not isinstance(much, int) or not 0 <= much <= STRENGTHS[-1]:
            raise ProtocolError(must_be(where, kind, much, STRENGTH))
    return tuple((kind, found[kind]) for kind in HARMS if found.get(kind))


def kinds() -> tuple[str, ...]:
    """Return all kinds of harm in their order."""
    return tuple(HARMS)


def meaning(kind: str) -> str:
    """Return what the strengths 1 to 5 of a kind are.

    >>> meaning("rotation")
    '5, 10, 20, 30, 45: degrees about the middle of the face, to the left or right'
    """
    return f"{', '.join(f'{amount:g}' for amount in HARMS[kind].amounts)}: {HARMS[kind].about}"


def of_boxes(harms: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """Return those that harm the boxes."""
    return tuple((kind, much) for kind, much in harms if kind in OF_BOX)


def curve(name: str) -> list[str]:
    """Return the names that one with a star stands for, from no harm upwards; a name without a star alone.

    `blur=*` stands for the strengths 0 to 5, `harm=*` for those of each kind, `boxes=jittered:*` for tight boxes and
    boxes jittered by 5, 10, 15 and 20 %. Raises ProtocolError for a second star.

    >>> curve("300w-helen@blur=*")[:2], len(curve("300w-helen@harm=*"))
    (['300w-helen@blur=0', '300w-helen@blur=1'], 60)
    >>> curve("p@boxes=jittered:*,strict")[-1]
    'p@boxes=jittered:0.20,strict'
    """
    base, at, rest = name.partition("@")
    words = [word.strip() for word in rest.replace("@", ",").split(",")] if at else []
    starred = [i for i, word in enumerate(words) if word.endswith(EVERY)]
    if not starred:
        return [name]
    if len(starred) > 1:
        raise ProtocolError(
            f"protocol {name!r}: two stars would be {len(STRENGTHS) + 1} x as many; write one curve each"
        )
    key = words[starred[0]].removesuffix(EVERY)
    kinds = [kind for kind in HARMS if key in (f"{kind}=", f"{KINDS}=")]
    steps = [f"{kind}={much}" for kind in kinds for much in (0, *STRENGTHS)]
    if key == "boxes=jittered:":
        steps = ["boxes=tight", *(f"boxes=jittered:{much}" for much in JITTERS)]
    if not steps:
        forms = ", ".join(f"{kind}={EVERY}" for kind in (KINDS, *HARMS, "boxes=jittered:"))
        raise ProtocolError(must_be(f"protocol {name!r}", "a curve", words[starred[0]], f"one of {forms}"))
    return [f"{base}@{','.join([*words[: starred[0]], step, *words[starred[0] + 1 :]])}" for step in steps]
