"""MATLAB 5 files (all versions before 7.3), read so that a damaged one is an error and never a crash.

scipy.io.loadmat ends the whole process with a segmentation fault on some damaged files; a reader in plain Python
cannot. It reads what datasets use: numeric arrays, text and cells. "MAT-File Level 5 File Format", The MathWorks, 2015.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.files import read_bytes

HEADER = 128  # bytes
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
TEXT = {2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
CELL, STRUCT, CHAR, FIRST_NUMERIC, LAST_NUMERIC = 1, 2, 4, 6, 15
DEEPEST = 8  # cells within cells
LARGEST = 2**28  # bytes that all compressed variables of a file may unfold to


def read_matlab(path: str | Path, *names: str) -> list[Any]:
    """Return the named variables of a MATLAB 5 file.

    A numeric variable comes as a float or integer array of its own shape, text as a str, a cell as an object array of
    these.

    Raises
    ------
    DatasetNotFoundError
        For a file that is absent.
    DataError
        For a file that is damaged, is not a MATLAB 5 file or lacks a variable.
    """
    if not Path(path).exists():
        raise DatasetNotFoundError("this file of the dataset is absent", path)
    content = read_bytes(path)
    try:
        found = _variables(content)
    except (ValueError, struct.error, zlib.error, UnicodeError, MemoryError, OverflowError) as error:
        raise DataError(f"damaged, or not a MATLAB 5 file ({error}); fetch it again", path) from error
    for name in names:
        if found.get(name) is None:
            raise DataError(f"has no variable {name!r} that can be read; it holds {', '.join(found) or 'none'}", path)
    return [found[name] for name in names]


def read_numbers(path: str | Path, *names: str) -> list[np.ndarray]:
    """Return the named variables as float arrays.

    Raises what `read_matlab` raises, and DataError for a variable that is not numeric.
    """
    values = read_matlab(path, *names)
    for name, value in zip(names, values, strict=True):
        if isinstance(value, str) or value.dtype.kind not in "iuf":
            raise DataError(f"the variable {name!r} is not numeric; fetch the file again", path)
    return [value.astype(float) for value in values]


def _variables(content: bytes) -> dict[str, Any]:
    order = {b"IM": "<", b"MI": ">"}.get(content[126:HEADER])
    if len(content) < HEADER or order is None:
        raise ValueError("no MATLAB 5 header")
    found, left = {}, LARGEST
    for kind, data in _elements(content[HEADER:], order):
        if kind == COMPRESSED:
            unfold = zlib.decompressobj()
            data = unfold.decompress(data, left + 1)
            left -= len(data)
            if left < 0 or not unfold.eof:
                what = "is cut off" if left >= 0 else f"unfolds to more than {LARGEST} bytes"
                raise ValueError(f"a compressed variable {what}")
            ((kind, data),) = list(_elements(data, order))
        if kind == MATRIX:
            name, value = _matrix(data, order)
            found[name] = value
    return found


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the tagged elements in a run of bytes: type, content; each must end within it."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from(order + "II", data, at)
        if kind >> 16:  # small element: size and type share four bytes, the content fits into the next four
            kind, size, start, step = kind & 0xFFFF, kind >> 16, at + 4, 8
            if size > 4:
                raise ValueError(f"a small element of {size} bytes")
        else:
            start = at + 8
            step = 8 + size + (-size % 8 if kind != COMPRESSED else 0)
        if start + size > len(data):
            raise ValueError(f"an element of {size} bytes where {len(data) - start} are left")
        yield kind, data[start : start + size]
        at += step


def _matrix(data: bytes, order: str, depth: int = 0) -> tuple[str, Any]:
    """Return name and value of a matrix element; None for a class that is not read (struct, sparse, object)."""
    if depth > DEEPEST:
        raise ValueError("cells within cells without end")
    parts = _elements(data, order)
    (_, flags), (_, dims), (_, name) = (next(parts, (0, b"")) for _ in range(3))
    kind = struct.unpack_from(order + "I", flags)[0] & 0xFF
    shape = np.frombuffer(dims, order + "i4").tolist()
    count = 1
    for side in shape:
        count *= side
    if len(shape) < 2 or min(shape) < 0:
        raise ValueError(f"a variable of the shape {shape}")
    label = name.decode("ascii")
    if kind == CELL:
        values = [_matrix(part, order, depth + 1)[1] for part_kind, part in parts if part_kind == MATRIX]
        if len(values) != count:
            raise ValueError(f"{label}: {len(values)} cells for the shape {shape}")
        cells = np.empty(count, object)
        cells[:] = values
        return label, cells.reshape(shape, order="F")
    if kind != CHAR and not FIRST_NUMERIC <= kind <= LAST_NUMERIC:
        return label, None
    stored, raw = next(parts, (0, b""))
    if kind == CHAR:
        if stored not in TEXT:
            raise ValueError(f"{label}: text of the type {stored}")
        width = {2: 1, 16: 1, 4: 2, 17: 2, 18: 4}[stored]
        byte_order = "" if width == 1 else "-le" if order == "<" else "-be"
        return label, raw.decode(TEXT[stored] + byte_order)
    if stored not in NUMBERS:
        raise ValueError(f"{label}: numbers of the type {stored}")
    numbers = np.frombuffer(raw, order + NUMBERS[stored])
    if numbers.size != count:
        raise ValueError(f"{label}: {numbers.size} numbers for the shape {shape}")
    return label, numbers.astype(numbers.dtype.newbyteorder("=")).reshape(shape, order="F")
