"""Damaged files: mutations of good ones, for tests that a reader raises nothing but errors of fldbench."""

import os
from random import Random

MUTATIONS = int(os.environ.get("FLDBENCH_MUTATIONS", "60"))  # of each format; 2,000 for a thorough search
TOKENS = [
    *(b"nan", b"inf", b"-1", b"1e999", b"1e308", b"abc", b"", b"\n", b"\r", b",", b" ", b"\t", b";", b'"', b"\\", b"/"),
    *(b"..", b"#", b"\0", b"\xff", b"\xe2\x80\xa8", b"9" * 400, b"_", b"\xef\xbb\xbf", b"-0", b"1_0", b"\x1c", b"\x85"),
    *(b"{", b"[", b"]", b":", b"null", b"true", b"<", b">", b"&", b"a" * 300, "１".encode()),
]


def mutate(content: bytes, draw: Random) -> bytes:
    """One to three cuts, insertions, replacements, flipped bits, doubled, lost or shuffled lines."""
    content = bytearray(content)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        start = draw.randrange(len(content) + 1)
        end = min(len(content), start + draw.choice([1, 2, 5, 40]))
        kind = draw.randrange(8)
        if kind == 0:
            del content[start:]
        elif kind == 1:
            del content[start:end]
        elif kind == 2:
            content[start:start] = draw.choice(TOKENS)
        elif kind == 3:
            content[start:end] = draw.choice(TOKENS)
        elif kind == 4 and content:
            content[min(start, len(content) - 1)] ^= 1 << draw.randrange(8)
        elif kind == 5:
            lines = bytes(content).split(b"\n")
            lines.insert(draw.randrange(len(lines)), lines[draw.randrange(len(lines))])
            content = bytearray(b"\n".join(lines))
        elif kind == 6:
            lines = bytes(content).split(b"\n")
            lines.pop(draw.randrange(len(lines)))
            content = bytearray(b"\n".join(lines))
        else:
            words = bytes(content).split(b" ")
            words[draw.randrange(len(words))] = draw.choice(TOKENS)
            content = bytearray(b" ".join(words))
    return bytes(content)


def change_value(value: object, draw: Random) -> object:
    """Return JSON values with one of them replaced by another kind, dropped, doubled or renamed."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(sorted(value))
        kind = draw.randrange(6)
        if kind == 0:
            return {k: v for k, v in value.items() if k != key}
        if kind == 1:
            return {(f"{k}x" if k == key else k): v for k, v in value.items()}
        if kind == 2:
            return value | {draw.choice(["x", "__class__", "restore", key.upper()]): draw.choice(VALUES)}
        return value | {key: change_value(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.85:
        at = draw.randrange(len(value))
        kind = draw.randrange(4)
        if kind == 0:
            return value[:at] + value[at + 1 :]
        if kind == 1:
            return [*value[:at], value[at], *value[at:]]
        return [*value[:at], change_value(value[at], draw), *value[at + 1 :]]
    return draw.choice(VALUES)


VALUES = [None, True, -1, 0, 1.5, 10**12, -(10**30), 1e308, "", "x", "\0", "../..", "a" * 300, [], {}, [[]], [None]]
VALUES += [{"x": 1}, "nan", "<i8", "|O", "<U99999999", [2**40, 2**40], [-1], "\udcff", 2**63]
