"""Arrays in an .npz file, of which nothing is believed before it is compared with what is there."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from fldbench.errors import DataError
from fldbench.files import open_regular

LARGEST = 2**31  # bytes of one array
AT_ONCE = 2**24  # bytes that are read at once
FOLDED_FREELY, MOST_FOLDED = 2**26, 100  # bytes that a member may unfold to anyway, and for each of its own beyond


def read_npz(path: str | Path, names: Sequence[str], kind: type[DataError] = DataError) -> dict[str, np.ndarray]:
    """Return those of the named arrays that a file holds: numbers, flags and text, nothing pickled.

    Raises
    ------
    DataError
        Of the given kind, for a file that cannot be read, is no .npz file, or holds an array that is not what its
        header says or has more than LARGEST bytes.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            members = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
            return {name: _array(archive, members[name]) for name in names if name in members}
    except OSError as error:
        raise kind(f"cannot be read ({error.strerror or error}); check the path", path) from error
    except Exception as error:  # zip, zlib and numpy raise their own
        why = " ".join(str(error).split())[:200]
        raise kind(f"not an .npz file of plain arrays ({why}); restore the file", path) from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    # A few kilobytes can unfold to gigabytes of the same number; those of real faces do not.
    if member.file_size > max(FOLDED_FREELY, MOST_FOLDED * member.compress_size):
        raise ValueError(f"{member.filename} unfolds from {member.compress_size} bytes to {member.file_size}")
    with archive.open(member) as file:
        return array_from(file, member.filename, member.file_size)


def array_from(file: IO[bytes], name: str, length: int) -> np.ndarray:
    """Return the array of an .npy file of some length in bytes; raise ValueError, which begins with `name`."""
    major, _ = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read_header(file)
    size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or dtype.kind not in "biufUS":
        raise ValueError(f"{name} holds {dtype}")
    if min(shape, default=0) < 0 or size > min(LARGEST, length):
        raise ValueError(f"{name} claims {size} bytes, {shape}, of {length}")
    content = _content(file, size)
    if len(content) != size or file.read(1):
        raise ValueError(f"{name} has not the {size} bytes that it claims")
    if dtype.kind == "U" and size and np.frombuffer(content, f"{dtype.str[0]}u4").max() > 0x10FFFF:
        raise ValueError(f"{name} holds letters beyond Unicode")
    flat = np.frombuffer(content, dtype, math.prod(shape)) if size else np.empty(math.prod(shape), dtype)
    flat.flags.writeable = False
    return flat.reshape(shape, order="F" if by_columns else "C")


def _content(file: IO[bytes], size: int) -> bytearray:
    """Return so many bytes, or fewer if there are no more, read in parts: memory is taken for what is there alone."""
    content = bytearray()
    while len(content) < size and (part := file.read(min(AT_ONCE, size - len(content)))):
        content += part
    return content
