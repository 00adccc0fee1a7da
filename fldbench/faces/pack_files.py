"""The two files of a pack: their layout, mapped and checked. `fldbench.faces.pack` says what they are for.

    OUT          a header of 128 bytes, then the images one after another, encoded or raw
    OUT.index    a header of 128 bytes, a JSON text, then the columns: annotations, and where each image lies

Headers and the JSON text are checked on opening, a column against its CRC-32 when it is first used, an image whenever
it is read. Damage is a DataError that names the file.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.blocks import hand_back
from fldbench.errors import DataError, UnknownNameError
from fldbench.faces.attributes import Attribute
from fldbench.faces.pack_about import LARGEST, is_impossible, read_about
from fldbench.files import open_regular
from fldbench.schemes import get_scheme, remember

VERSION = 1
DATA_MAGIC, INDEX_MAGIC = b"FLDPACK\n", b"FLDINDX\n"
# Magic, version, bytes of the file, identity of the pack, bytes and CRC of the JSON text (0 in OUT), zeros; own CRC.
_HEADER, _CRC = struct.Struct("<8sIQ32sQI60x"), struct.Struct("<I")
START = _HEADER.size + _CRC.size  # where images and the JSON text begin
_CHECKED_AT_ONCE = 1 << 20  # bytes


def index_of(data: Path) -> Path:
    """Return the path of the index that belongs to a pack's file of images."""
    return data.with_name(data.name + ".index")


def header(magic: bytes, size: int, text: bytes, in_this_file: bool = False) -> bytes:
    """Return the header of one of the two files.

    Parameters
    ----------
    magic : bytes
        DATA_MAGIC or INDEX_MAGIC.
    size : int
        Bytes of the whole file.
    text : bytes
        The JSON text of the index; its SHA-256 is the identity of the pack and is in both files.
    in_this_file : bool
        Whether the JSON text follows the header.
    """
    about = (len(text), zlib.crc32(text)) if in_this_file else (0, 0)
    head = _HEADER.pack(magic, VERSION, size, hashlib.sha256(text).digest(), *about)
    return head + _CRC.pack(zlib.crc32(head))


def bytes_of(column: np.ndarray) -> np.ndarray:
    """Return the bytes of a column as stored in the index."""
    return np.ascontiguousarray(column).reshape(-1).view(np.uint8)


class PackFiles:
    """The two mapped files, and which parts have been checked."""

    def __init__(self, path: str | Path):
        self.path = Path(os.path.abspath(path))
        self.index = index_of(self.path)
        self._images, images = _map(self.path, DATA_MAGIC, "give the file that `pack` wrote")
        self._columns, index = _map(
            self.index, INDEX_MAGIC, f"{self.path.name} was not packed to its end, or was moved without it"
        )
        text = self._columns[START : START + min(index["text"], LARGEST)]
        if len(text) != index["text"] or zlib.crc32(text) != index["text_crc"]:
            raise DataError("damaged: the checksum of its description differs; restore the file", self.index)
        if images["identity"] != index["identity"]:
            raise DataError(
                f"belongs to another pack than {self.path.name}; keep the two files of a pack together", self.index
            )
        self.identity: bytes = index["identity"]
        about, self.places = read_about(text, START + len(text), self._columns.size(), self.index)
        self.about = about.model_dump(exclude={"columns"})
        types = self.about.pop("attribute_types")
        self.attribute_types = {name: Attribute(**told) for name, told in types.items()}
        self._check_scheme()
        self._checked: dict[str, np.ndarray] = {}

    def _check_scheme(self) -> None:
        shape = self.places["landmarks"].shape
        points = shape[-2] if len(shape) > 1 else 0
        try:
            remember(self.about["own_scheme"])
            known = get_scheme(self.about["scheme"]).n_points
        except (UnknownNameError, DataError) as error:
            raise DataError(f"packed with a scheme that is not known here: {error}", self.index) from error
        if known != points and len(self):
            raise DataError(f"has {points} points; {self.about['scheme']} has {known} here", self.index)

    def __len__(self) -> int:
        return int(self.about["n"])

    def names(self, prefix: str) -> list[str]:
        """Return the names of the columns `prefix/NAME`, without the prefix."""
        return [key.removeprefix(prefix) for key in self.places if key.startswith(prefix)]

    def column(self, key: str) -> np.ndarray:
        """Return a column as a read-only view of the file, checked once; raise DataError when it is damaged."""
        if key not in self._checked:
            start, end, dtype, shape, crc = self.places[key]
            found, impossible = self._crc(key, start, end, dtype)
            if found != crc:
                raise DataError(f"damaged: the checksum of the column {key!r} differs; restore the file", self.index)
            if impossible:
                what = f"damaged: the column {key!r} holds values that no pack has; pack the faces again"
                raise DataError(what, self.index)
            flat = np.frombuffer(self._columns, np.dtype(dtype), math.prod(shape), start)
            self._checked[key] = flat.reshape(shape)
        return self._checked[key]

    def _crc(self, key: str, start: int, end: int, dtype: str) -> tuple[int, bool]:
        """Return the CRC-32 of a column, and whether it holds impossible values."""
        crc, impossible, view = 0, False, memoryview(self._columns)
        kind, _, name = key.partition("/")
        attribute = self.attribute_types.get(name) if kind == "attributes" else None
        for at in range(start, end, _CHECKED_AT_ONCE):
            stop = min(at + _CHECKED_AT_ONCE, end)
            crc = zlib.crc32(view[at:stop], crc)
            impossible = impossible or is_impossible(key, dtype, view[at:stop], attribute)
            hand_back(self._columns, at, stop)
        return crc, impossible

    def image(self, i: int) -> bytes:
        """Return the bytes of image i; raise DataError when they are damaged."""
        start, size = int(self.column("image/start")[i]), int(self.column("image/size")[i])
        # Reading a mapped page that the file has lost since it was opened would kill the process.
        if self._images.size() < start + size:
            raise DataError(f"was cut off while it was in use; image {i} is gone, restore the file", self.path)
        content = self._images[start : start + size]
        hand_back(self._images, start, start + size)
        if zlib.crc32(content) != self.column("image/crc")[i]:
            raise DataError(f"damaged: the checksum of image {i} differs; restore the file", self.path)
        return content


def _map(path: Path, magic: bytes, when_missing: str) -> tuple[mmap.mmap, dict[str, Any]]:
    """Map a file and return it with its header; raise DataError unless it is as long as the header says."""
    try:
        with open_regular(path) as file:
            length = os.fstat(file.fileno()).st_size
            mapped = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ) if length >= START else None
    except FileNotFoundError as error:
        raise DataError(f"no such file: {when_missing}", path) from error
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror or error}); a pack is two files, OUT and OUT.index", path
        ) from error
    if mapped is None:
        raise DataError(f"cut off: {length} bytes, and a pack's header alone has {START}", path)
    head = mapped[: _HEADER.size]
    found, version, size, identity, text, text_crc = _HEADER.unpack(head)
    if found != magic:
        raise DataError(f"not a pack: it begins with {found!r} instead of {magic!r}; see `fldbench data pack`", path)
    if version != VERSION:
        raise DataError(f"a pack of version {version}; this fldbench reads version {VERSION}: pack it again", path)
    if _CRC.unpack(mapped[_HEADER.size : START])[0] != zlib.crc32(head):
        raise DataError("damaged: the checksum of its header differs; restore the file", path)
    if length != size:
        what = "cut off" if length < size else "something was appended"
        raise DataError(f"{what}: {length} bytes instead of {size}; restore the file", path)
    return mapped, {"identity": identity, "text": text, "text_crc": text_crc}
