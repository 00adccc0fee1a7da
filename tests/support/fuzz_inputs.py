"""Damaged inputs drawn by hypothesis: edits of good bytes that it can shrink, and changed values in sound files."""

import re
import struct
from random import Random

from fuzz import TOKENS
from hypothesis import strategies as st

MOST = 1 << 16  # bytes that repeating may make of an input
_DIGITS = re.compile(rb"\d+")
_NUMBERS = [b"0", b"-1", b"1e400", b"nan", b"4294967295", b"9223372036854775808", b"1" * 5000, b"0x10", b"1e-320"]
_WIDTHS = {1: "B", 2: "H", 4: "I", 8: "Q"}


def _kinds(longest):
    """The kinds of edits of an input of at most `longest` bytes, and what each part of one is chosen from."""
    place = range(longest + 1)
    fields = [0, 1, -1, -2, 1 << 30, (1 << 31) - 1, 1 << 31, 255, 65_535]
    return {
        "cut": (place,),
        "drop": (place, range(1, 61)),
        "put": (place, range(9), TOKENS),
        "noise": (place, range(1, 13), range(1 << 32)),
        "flip": (place, range(8)),
        "number": (place, _NUMBERS),
        "field": (place, sorted(_WIDTHS), fields, (False, True)),
        "repeat": (place, range(1, 41), [2, 3, 100, 10_000]),
        "line": (place, place),
    }


def edits(longest):
    """Strategy of a few edits of an input of at most `longest` bytes."""
    kinds = [st.tuples(st.just(kind), *map(st.sampled_from, parts)) for kind, parts in _kinds(longest).items()]
    return st.lists(st.one_of(kinds), min_size=1, max_size=4)


def drawn_edits(longest, draw):
    """What `edits` is a strategy of, drawn by a `Random`: so much quicker that reading takes most of the time."""
    kinds = list(_kinds(longest).items())
    chosen = draw.choices(kinds, k=draw.choice([1, 1, 2, 3, 4]))
    return [(kind, *map(draw.choice, parts)) for kind, parts in chosen]


def edited(good, changes):
    """The bytes after some edits."""
    content = good
    for kind, at, *rest in changes:
        at = min(at, len(content))
        if kind == "cut":
            content = content[:at]
        elif kind == "drop":
            content = content[:at] + content[at + rest[0] :]
        elif kind == "put":
            content = content[:at] + rest[1] + content[at + rest[0] :]
        elif kind == "noise":
            content = content[:at] + Random(rest[1]).randbytes(rest[0]) + content[at + rest[0] :]
        elif kind == "flip" and at < len(content):
            content = content[:at] + bytes([content[at] ^ 1 << rest[0]]) + content[at + 1 :]
        elif kind == "number" and (found := _DIGITS.search(content, at)):
            content = content[: found.start()] + rest[0] + content[found.end() :]
        elif kind == "field":
            width, value, little = rest
            own = struct.pack(("<" if little else ">") + _WIDTHS[width], value & ((1 << 8 * width) - 1))
            content = content[:at] + own + content[at + width :]
        elif kind == "repeat":
            length, times = rest
            part = content[at : at + length]
            content = content[:at] + part * min(times, MOST // max(len(part), 1)) + content[at + length :]
        elif kind == "line":
            lines = content.split(b"\n")
            lines.insert(rest[0] % (len(lines) + 1), lines[at % len(lines)])
            content = b"\n".join(lines)
    return content


def damaged(good, sealed=None):
    """Strategy of damaged inputs: edits, a few bytes of nothing, and where there is `sealed`, what it makes."""
    ways = [edits(len(good)).map(lambda changes: edited(good, changes))] * 3
    ways.append(st.binary(max_size=200))
    if sealed is not None:
        ways += [st.integers(0, 2**32 - 1).map(lambda seed: sealed(Random(seed)))] * 3
    return st.one_of(*ways)


def drawn(good, sealed, draw):
    """What `damaged` is a strategy of, one input after another, drawn by a `Random`."""
    ways = [
        lambda: edited(good, drawn_edits(len(good), draw)),
        lambda: sealed(Random(draw.randrange(2**32))),
        lambda: draw.randbytes(draw.randrange(201)),
    ]
    while True:
        yield draw.choices(ways, (6, 6 if sealed else 0, 1))[0]()
