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


def edits(longest):
    """A few edits of an input of at most `longest` bytes."""
    place = st.integers(0, longest)
    one = st.one_of(
        st.tuples(st.just("cut"), place),
        st.tuples(st.just("drop"), place, st.integers(1, 60)),
        st.tuples(st.just("put"), place, st.integers(0, 8), st.one_of(st.sampled_from(TOKENS), st.binary(max_size=12))),
        st.tuples(st.just("flip"), place, st.integers(0, 7)),
        st.tuples(st.just("number"), place, st.sampled_from(_NUMBERS)),
        st.tuples(
            st.just("field"),
            place,
            st.sampled_from(sorted(_WIDTHS)),
            st.sampled_from([0, 1, -1, -2, 1 << 30, (1 << 31) - 1, 1 << 31, 255, 65_535]),
            st.booleans(),
        ),
        st.tuples(st.just("repeat"), place, st.integers(1, 40), st.sampled_from([2, 3, 100, 10_000])),
        st.tuples(st.just("line"), place, place),
    )
    return st.lists(one, min_size=1, max_size=4)


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
