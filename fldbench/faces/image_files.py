"""Facts from the bytes of an image file without decoding it: its size, and whether its end is missing.

A decoder fills the missing part of a cut-off file with grey and says nothing, so `is_cut_off` looks for the end.
"""

from __future__ import annotations

import struct

# What OpenCV decodes, by the endings of files. Of images with one name, those of the first four are preferred.
ENDINGS = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".jp2", ".jpe", ".jfif", ".dib", ".gif", ".avif"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".pxm", ".pam", ".pfm", ".sr", ".ras", ".hdr", ".pic", ".exr"),
)

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0..SOF15 without DHT, JPG, DAC
_JPEG_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length


def header_size(encoded: bytes) -> tuple[int, int] | None:
    """Return width and height in px by the header of a JPEG, PNG or BMP file; None for another file or a broken one.

    >>> header_size(bytes.fromhex("89504e470d0a1a0a0000000d49484452000000070000000b"))
    (7, 11)
    >>> header_size(b"no image") is None
    True
    """
    if encoded.startswith(_PNG) and len(encoded) >= 24:
        return struct.unpack(">II", encoded[16:24])
    if encoded.startswith(b"BM") and len(encoded) >= 26:
        width, height = struct.unpack("<ii", encoded[18:26])
        return width, abs(height)  # negative: rows from the top
    if encoded.startswith(_JPEG):
        for marker, start in _jpeg_segments(encoded):
            if marker in _JPEG_FRAMES and len(encoded) >= start + 7:
                height, width = struct.unpack(">HH", encoded[start + 3 : start + 7])
                return width, height
    return None


def is_cut_off(encoded: bytes) -> bool:
    """Return whether a JPEG, PNG, BMP or WebP file lacks its end; False for other formats.

    >>> is_cut_off(bytes.fromhex("89504e470d0a1a0a0000000d49484452000000070000000b"))
    True
    """
    if encoded.startswith(_PNG):
        return b"IEND" not in encoded[-4096:]
    if encoded.startswith(_JPEG):
        scans = [start for marker, start in _jpeg_segments(encoded) if marker == 0xDA]
        # A thumbnail in the header has an end marker of its own: only what follows the first scan counts.
        return not scans or encoded.find(b"\xff\xd9", scans[0]) < 0
    if encoded.startswith(b"BM") and len(encoded) >= 6:
        return len(encoded) < struct.unpack("<I", encoded[2:6])[0]
    if encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP":
        return len(encoded) < struct.unpack("<I", encoded[4:8])[0] + 8
    return False


def _jpeg_segments(encoded: bytes) -> list[tuple[int, int]]:
    """Return (marker, position of its length field) of the segments up to the first scan."""
    found, at = [], 2
    while at + 4 <= len(encoded) and encoded[at] == 0xFF:
        marker = encoded[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in _JPEG_BARE:
            at += 2
            continue
        found.append((marker, at + 2))
        if marker == 0xDA:
            break
        at += 2 + struct.unpack(">H", encoded[at + 2 : at + 4])[0]
    return found
