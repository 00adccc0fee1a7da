"""Facts from the bytes of an image file without decoding it: size, orientation, and whether its end is missing.

A decoder fills the missing part of a cut-off file with grey and says nothing, so `is_cut_off` looks for the end. Where
a file states its size more than once, the largest counts: nobody decodes more than was looked at.
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from fldbench.files import open_regular

# What OpenCV decodes, by the endings of files. Of images with one name, those of the first four are preferred.
ENDINGS = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".jp2", ".jpe", ".jfif", ".dib", ".gif", ".avif"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".pxm", ".pam", ".pfm", ".sr", ".ras", ".hdr", ".pic"),
)

FIRST = 4096  # bytes that contain the size of most photos
HEAD = 65536  # more bytes, which contain it unless a large thumbnail or colour profile precedes it
LARGEST = 2**30  # bytes of an image file
MOST_SEGMENTS = 10_000  # of a JPEG, and chunks of a PNG, that are looked at
ORIENTATION = 0x0112  # tag of EXIF and TIFF
SWAPPED = (5, 6, 7, 8)  # orientations that exchange width and height

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_TIFF = (b"II*\0", b"MM\0*")
_J2K = b"\xff\x4f\xff\x51"  # a codestream of JPEG 2000 and its size
_JPEG_MARKER = re.compile(rb"\xff([^\0\xff])")
_PAM = re.compile(rb"(WIDTH|HEIGHT)\s+(\d{1,9})\s")
_PFM = re.compile(rb"P[Ff]\s+(\d{1,9})\s+(\d{1,9})\s")
_HDR = re.compile(rb"FORMAT=32-bit_rle_rgbe\n\n-Y\s*(\d{1,9})\s*\+X\s*(\d{1,9})\s")
_PNM = re.compile(rb"P[1-6]\s(?:\s|#[^\n]*\n)*(\d{1,9})\s(?:\s|#[^\n]*\n)*(\d{1,9})\s")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0..SOF15 without DHT, JPG, DAC
_JPEG_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length


def header_size(encoded: bytes) -> tuple[int, int] | None:
    """Return width and height in px by the header of an image file, as OpenCV decodes it.

    Known are all formats in `ENDINGS`. None for another file, a broken
    one, or one whose header is not within the bytes given. No EXIF orientation is applied, except to TIFF, because
    OpenCV always turns TIFF.

    >>> header_size(bytes.fromhex("89504e470d0a1a0a0000000d49484452000000070000000b"))
    (7, 11)
    >>> header_size(b"P5 7 11 255 "), header_size(b"no image")
    ((7, 11), None)
    """
    try:
        size = _header_size(encoded)
    except struct.error:  # cut off
        return None
    return size if size is not None and min(size) > 0 else None


def _header_size(encoded: bytes) -> tuple[int, int] | None:
    if encoded.startswith(_PNG):
        return _pair(">II", encoded, 16)
    if encoded.startswith(b"BM"):
        old = struct.unpack_from("<I", encoded, 14) == (12,)  # of OS/2
        width, height = _pair("<HH" if old else "<ii", encoded, 18)
        return width, abs(height)  # negative: rows from the top
    if encoded.startswith(_JPEG):
        for marker, start in _jpeg_segments(encoded):
            if marker in _JPEG_FRAMES:
                return _pair(">HH", encoded, start + 3)[::-1]
        return None
    if encoded.startswith(b"GIF8"):
        return _pair("<HH", encoded, 6)
    if encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP":
        return _webp_size(encoded)
    if encoded.startswith(_TIFF):
        tags = _tiff_tags(encoded)
        size = tags.get(256, 0), tags.get(257, 0)
        return size[::-1] if tags.get(ORIENTATION, 1) in SWAPPED else size
    if encoded.startswith((b"\0\0\0\x0cjP  ", _J2K)):
        return _jpeg_2000_size(encoded)
    if encoded[4:8] == b"ftyp":  # AVIF: each picture in it, such as that of its alpha, has an `ispe`
        return _largest(_pair(">II", encoded, found.end() + 4) for found in re.finditer(b"ispe", encoded))
    if encoded.startswith(b"\x59\xa6\x6a\x95"):
        return _pair(">II", encoded, 4)
    if encoded.startswith(b"P7"):
        sides: dict[bytes, int] = {}
        for name, number in _PAM.findall(encoded.partition(b"ENDHDR")[0]):
            sides[name] = max(sides.get(name, 0), int(number))
        return sides.get(b"WIDTH", 0), sides.get(b"HEIGHT", 0)
    if encoded.startswith((b"#?RADIANCE", b"#?RGBE")):
        return _largest((int(width), int(height)) for height, width in _HDR.findall(encoded))
    match = _PNM.match(encoded) or _PFM.match(encoded)
    return (int(match[1]), int(match[2])) if match else None


def _largest(sizes: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    return max(sizes, key=math.prod, default=None)


def _jpeg_2000_size(encoded: bytes) -> tuple[int, int] | None:
    """Return the size by the codestream, which is what is decoded, or by the box before it where that is not given."""
    sizes = []
    for found in re.finditer(re.escape(_J2K), encoded):
        (width, height), (left, top) = (_pair(">II", encoded, found.end() + at) for at in (4, 12))
        sizes.append((width - left, height - top))
    at = encoded.find(b"ihdr")
    return _largest(sizes) if sizes or at < 0 else _pair(">II", encoded, at + 4)[::-1]


def _pair(form: str, encoded: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(form, encoded, at)
    return first, second


def _webp_size(encoded: bytes) -> tuple[int, int] | None:
    if encoded[12:16] == b"VP8X" and len(encoded) >= 30:
        return int.from_bytes(encoded[24:27], "little") + 1, int.from_bytes(encoded[27:30], "little") + 1
    if encoded[12:16] == b"VP8L":
        (bits,) = struct.unpack_from("<I", encoded, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if encoded[12:16] == b"VP8 ":
        width, height = _pair("<HH", encoded, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff_tags(block: bytes) -> dict[int, int]:
    """Return the whole numbers among the first tags of a TIFF or an EXIF block, those that have one value."""
    order = "<" if block.startswith(b"II") else ">"
    found: dict[int, int] = {}
    try:
        (at,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, at)
        for k in range(count):
            tag, kind, number = struct.unpack_from(order + "HHI", block, at + 2 + 12 * k)
            if number == 1 and kind in (3, 4):
                (value,) = struct.unpack_from(order + ("H" if kind == 3 else "I"), block, at + 10 + 12 * k)
                found.setdefault(tag, value)  # libtiff reads the first of several
    except struct.error:  # cut off, or damaged
        pass
    return found


def exif_orientation(encoded: bytes) -> int:
    """Return the EXIF orientation of a JPEG, PNG or WebP file, 1 to 8; 1, upright, where it states none.

    TIFF counts as upright: OpenCV has turned it already.

    >>> exif_orientation(bytes.fromhex("ffd8ffe100224578696600004d4d002a000000080001011200030000000100060000"))
    6
    """
    block = b""
    if encoded.startswith(_JPEG):
        parts = (encoded[at + 2 : at + 2 + 65536] for marker, at in _jpeg_segments(encoded) if marker == 0xE1)
        block = next((part for part in parts if part.startswith(b"Exif\0\0")), b"")
    elif encoded.startswith(_PNG):
        block = _chunk(encoded, b"eXIf", 8, ">")
    elif encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP":
        block = _chunk(encoded, b"EXIF", 12, "<")
    value = _tiff_tags(block.removeprefix(b"Exif\0\0")).get(ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def _chunk(encoded: bytes, name: bytes, at: int, order: str) -> bytes:
    """Return the content of a chunk of a PNG (length, name, content, checksum) or WebP (name, length, content) file."""
    for _ in range(MOST_SEGMENTS):
        if at + 8 > len(encoded):
            break
        first, last = encoded[at : at + 4], encoded[at + 4 : at + 8]
        own, length = (last, first) if order == ">" else (first, last)
        size = int.from_bytes(length, "big" if order == ">" else "little")
        if own == name:
            return encoded[at + 8 : at + 8 + size]
        if own == b"IDAT":  # programs write EXIF before the pixels of a PNG
            break
        at += 8 + size + (4 if order == ">" else size % 2)
    return b""


def turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """Return an image as its EXIF orientation shows it: (h, w, 3), or (w, h, 3) for the orientations 5 to 8.

    >>> turned(np.arange(6).reshape(2, 3, 1), 6)[..., 0].tolist()
    [[3, 0], [4, 1], [5, 2]]
    """
    if orientation in SWAPPED:
        image = image.transpose(1, 0, 2)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(image[::rows, ::columns])


def read_header(path: str | Path) -> tuple[tuple[int, int] | None, int]:
    """Return `header_size` and `exif_orientation` of a file; (None, 1) if it cannot be read."""
    try:
        with open_regular(path) as file:
            encoded = file.read(FIRST)
            if header_size(encoded) is None or not encoded.startswith((_JPEG, b"BM")):
                encoded += file.read(HEAD)
            if header_size(encoded) is None or not encoded.startswith((_JPEG, _PNG, b"BM")):
                encoded += file.read() if os.fstat(file.fileno()).st_size <= LARGEST else b""
    except (OSError, ValueError):
        return None, 1
    return header_size(encoded), exif_orientation(encoded)


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
    """Return (marker, position of its length field) of the segments up to the first scan.

    What stands between them is skipped, as decoders do.
    """
    found, at = [], 2
    for _ in range(MOST_SEGMENTS):
        match = _JPEG_MARKER.search(encoded, at)
        if match is None or match.end() + 2 > len(encoded):
            break
        marker, at = match[1][0], match.end()
        if marker in _JPEG_BARE:
            continue
        found.append((marker, at))
        if marker == 0xDA:
            break
        at += struct.unpack_from(">H", encoded, at)[0]
    return found
