"""Packs: a FaceSet in two files, opened at once however large it is, and read by memory map.

    OUT          a header of 128 bytes, then the images one after another, encoded or raw
    OUT.index    a header of 128 bytes, a JSON text, then the columns: annotations, and where each image lies

`open_pack` reads the headers and the JSON text; nothing grows with the number of faces. A column is checked against its
CRC-32 when it is first used, an image whenever it is read, and everything else on opening, so damage is a DataError
that names the file and never a wrong number. The index appears last, by renaming: an unfinished pack has none.

Fingerprints. With size=None the images are kept losslessly, as the bytes of their files (as PNG where there are none),
and with them the digest that each had in its source: the fingerprint is that of the source. Crops are other images with
other landmarks, so a pack of crops has a fingerprint of its own: that of the same crops in image files, or, raw, in
arrays.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fldbench.errors import DataError, StoreError, UnknownNameError
from fldbench.faces.crops import crop_image
from fldbench.faces.face_set import FaceSet, Images, decode_image
from fldbench.geometry import check_boxes, crop_matrix, transform
from fldbench.schemes import get_scheme

VERSION = 1
DATA_MAGIC, INDEX_MAGIC = b"FLDPACK\n", b"FLDINDX\n"
# Magic, version, bytes of the file, identity of the pack, bytes and CRC of the JSON text (0 in OUT), zeros; own CRC.
_HEADER, _CRC = struct.Struct("<8sIQ32sQI60x"), struct.Struct("<I")
_START = _HEADER.size + _CRC.size  # where images and the JSON text begin
_CHECKED_AT_ONCE = 1 << 20  # bytes
_MAPPED_AT_ONCE = 1 << 16  # bytes that Linux maps around a page that is read
_STEPS = 100  # calls of `progress` over a whole pack


def pack(
    faces: FaceSet,
    out: str | Path,
    size: int | None = None,
    quality: int | None = None,
    padding: float = 0.25,
    progress: Callable[[str, int, int], None] | None = None,
) -> None:
    """Writes the faces to the files OUT and OUT.index; images that several faces share are kept once.

    size      None keeps the images as they are; a number makes upright square crops of that many px around the boxes,
              and landmarks and boxes move along (a pack keeps the matrices, see `PackedFaceSet`)
    quality   of crops: None keeps their pixels raw, exact and the fastest to read; 1 to 100 keeps them as JPEG, which
              at 160 px and 95 has a seventh of the size and a fourth of the speed (results/pack)
    padding   of crops: what the longer side of the box is grown by on each end, as a share of it
    progress  called as progress(what, faces done, faces in all)

    Raises DataError for an image that cannot be read, StoreError when a file is there already or cannot be written.
    """
    if quality is not None and not 1 <= quality <= 100:
        raise DataError(f"quality {quality} of JPEG crops; allowed: 1 to 100, or None for raw pixels")
    data, index = Path(out), _index_of(Path(out))
    if index.exists():
        raise StoreError(f"{index} is there already; choose another name or delete the pack")
    matrices = None if size is None else crop_matrix(check_boxes(faces.boxes, faces.ids), size, padding)
    mark = f".{os.getpid()}.{os.urandom(4).hex()}.part"
    parts = [path.with_name(path.name + mark) for path in (data, index)]
    try:
        with open(parts[0], "wb") as file:
            places = _write_images(file, faces, size, quality, matrices, progress)
            end = file.tell()
            columns = _annotations(faces, matrices) | places
            # The widest numbers first, so that each column lies aligned behind the one before.
            columns = dict(sorted(columns.items(), key=lambda item: -item[1].dtype.alignment))
            text = _describe(faces, columns, end, size, quality)
            file.seek(0)
            file.write(_header(DATA_MAGIC, end, text))
            file.flush()
            os.fsync(file.fileno())
        with open(parts[1], "wb") as file:
            total = _START + len(text) + sum(column.nbytes for column in columns.values())
            file.write(_header(INDEX_MAGIC, total, text, in_this_file=True) + text)
            for column in columns.values():
                file.write(_bytes_of(column))
            file.flush()
            os.fsync(file.fileno())
        os.replace(parts[0], data)
        os.replace(parts[1], index)
    except OSError as error:
        raise StoreError(f"the pack {data} cannot be written ({error.strerror}); choose another place") from error
    finally:
        for part in parts:
            with suppress(OSError):
                part.unlink()


def open_pack(path: str | Path) -> PackedFaceSet:
    """The faces of a pack, in constant time and memory.

    Raises DataError that names the file when one of the two is missing, is no pack, was cut off, changed, or written by
    another version of the format; damage to images and columns is found when they are used.
    """
    return PackedFaceSet.of(_Pack(path))


def _index_of(data: Path) -> Path:
    return data.with_name(data.name + ".index")


def _header(magic: bytes, size: int, text: bytes, in_this_file: bool = False) -> bytes:
    about = (len(text), zlib.crc32(text)) if in_this_file else (0, 0)
    head = _HEADER.pack(magic, VERSION, size, hashlib.sha256(text).digest(), *about)
    return head + _CRC.pack(zlib.crc32(head))


def _bytes_of(column: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(column).reshape(-1).view(np.uint8)


def _annotations(faces: FaceSet, matrices: np.ndarray | None) -> dict[str, np.ndarray]:
    """The columns of the faces, or of their crops when there are matrices."""
    columns = {"ids": faces.ids, "boxes": faces.boxes, "landmarks": faces.landmarks, "visible": faces.visible}
    if matrices is not None:
        corners = transform(faces.boxes.reshape(-1, 2, 2), matrices)
        columns |= {"boxes": corners.reshape(-1, 4), "landmarks": transform(faces.landmarks, matrices)}
        columns["matrices"] = matrices
    columns["groups"] = faces.groups
    columns |= {f"attributes/{key}": column.astype(np.int64) for key, column in faces.attributes.items()}
    return columns | {f"subsets/{key}": column for key, column in faces.subsets.items()}


def _write_images(
    file: BinaryIO,
    faces: FaceSet,
    size: int | None,
    quality: int | None,
    matrices: np.ndarray | None,
    progress: Callable[[str, int, int], None] | None,
) -> dict[str, np.ndarray]:
    """Writes header space and images; the columns that say where each lies, its CRC and its digest."""
    n, images = len(faces), faces.images
    starts, sizes, crcs = np.zeros(n, np.uint64), np.zeros(n, np.uint64), np.zeros(n, np.uint32)
    digests: list[bytes] = []
    kept: dict[bytes, tuple[int, int, int]] = {}
    file.write(bytes(_START))
    end = _START
    for i in range(n):
        if size is None:
            digest, content = images.digest(i), b""
            if digest not in kept:
                content = images.encoded(i) or _encode(images[i], ".png")
        else:
            crop = crop_image(images[i], matrices[i], size, grey=False)
            content = crop.tobytes() if quality is None else _encode(crop, ".jpg", quality)
            digest = hashlib.sha256((str(crop.shape).encode() if quality is None else b"") + content).digest()
        if digest not in kept:
            kept[digest] = end, len(content), zlib.crc32(content)
            end += file.write(content)
        digests.append(digest)
        starts[i], sizes[i], crcs[i] = kept[digest]
        if progress and ((i + 1) % max(1, n // _STEPS) == 0 or i + 1 == n):
            progress("packing", i + 1, n)
    width = max(map(len, digests), default=0)
    padded = np.frombuffer(b"".join(digest.ljust(width, b"\0") for digest in digests), np.uint8)
    return {
        "image/start": starts,
        "image/size": sizes,
        "image/crc": crcs,
        "image/digest": padded.reshape(n, width),
        "image/digest_size": np.array([len(digest) for digest in digests], np.uint8),
    }


def _encode(image: np.ndarray, ending: str, quality: int | None = None) -> bytes:
    """RGB uint8 (h, w, 3) as the bytes of an image file."""
    import cv2

    options = [] if quality is None else [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(ending, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _describe(faces: FaceSet, columns: dict[str, np.ndarray], end: int, size: int | None, quality: int | None) -> bytes:
    """The JSON text of the index; spaces fill it up so that the columns behind it lie aligned."""
    about = {
        "n": len(faces),
        "scheme": faces.scheme,
        "name": faces.name,
        "split_name": faces.split_name,
        "parts": {key: [int(found), int(expected)] for key, (found, expected) in faces.parts.items()},
        "raw_size": size if quality is None else None,
        "images_end": end,
        "columns": [
            [key, column.dtype.str, list(column.shape), zlib.crc32(_bytes_of(column))]
            for key, column in columns.items()
        ],
    }
    text = json.dumps(about).encode()
    return text.ljust(-(-len(text) // 64) * 64)


class _Pack:
    """The two mapped files, and what has been checked of them."""

    def __init__(self, path: str | Path):
        self.path = Path(os.path.abspath(path))
        self.index = _index_of(self.path)
        self._images, images = _map(self.path, DATA_MAGIC, "give the file that `pack` wrote")
        self._columns, index = _map(
            self.index, INDEX_MAGIC, f"{self.path.name} was not packed to its end, or was moved without it"
        )
        text = self._columns[_START : _START + index["text"]]
        if len(text) != index["text"] or zlib.crc32(text) != index["text_crc"]:
            raise DataError("damaged: the checksum of its description differs; restore the file", self.index)
        if images["identity"] != index["identity"]:
            raise DataError(f"is of another pack than {self.path.name}; keep the two of one pack together", self.index)
        self.identity: bytes = index["identity"]
        self.about = json.loads(text)
        self.places, end = {}, _START + len(text)
        for key, dtype, shape, crc in self.about["columns"]:
            start, end = end, end + int(np.prod(shape)) * np.dtype(dtype).itemsize
            self.places[key] = (start, end, dtype, shape, crc)
        self._check_scheme()
        self._checked: dict[str, np.ndarray] = {}

    def _check_scheme(self):
        points = self.places["landmarks"][3][-2]
        try:
            known = get_scheme(self.about["scheme"]).n_points
        except UnknownNameError as error:
            raise DataError(f"packed with a scheme that is not known here: {error}", self.index) from error
        if known != points and len(self):
            raise DataError(f"has {points} points; {self.about['scheme']} has {known} here", self.index)

    def __len__(self) -> int:
        return self.about["n"]

    def names(self, prefix: str) -> list[str]:
        """The columns `prefix/NAME`, without the prefix."""
        return [key.removeprefix(prefix) for key in self.places if key.startswith(prefix)]

    def column(self, key: str) -> np.ndarray:
        """A column as a read-only view of the file; raises DataError when it is damaged. Checked once."""
        if key not in self._checked:
            start, end, dtype, shape, crc = self.places[key]
            if self._crc(start, end) != crc:
                raise DataError(f"damaged: the checksum of the column {key!r} differs; restore the file", self.index)
            flat = np.frombuffer(self._columns, np.dtype(dtype), int(np.prod(shape)), start)
            self._checked[key] = flat.reshape(shape)
        return self._checked[key]

    def _crc(self, start: int, end: int) -> int:
        """CRC-32 of a part of the index."""
        crc, view = 0, memoryview(self._columns)
        for at in range(start, end, _CHECKED_AT_ONCE):
            stop = min(at + _CHECKED_AT_ONCE, end)
            crc = zlib.crc32(view[at:stop], crc)
            _hand_back(self._columns, at, stop)
        return crc

    def image(self, i: int) -> bytes:
        """The bytes of image i; raises DataError when they are damaged."""
        start, size = int(self.column("image/start")[i]), int(self.column("image/size")[i])
        # Reading a mapped page that the file has lost since it was opened would kill the process.
        if self._images.size() < start + size:
            raise DataError(f"was cut off while it was in use; image {i} is gone, restore the file", self.path)
        content = self._images[start : start + size]
        _hand_back(self._images, start, start + size)
        if zlib.crc32(content) != self.column("image/crc")[i]:
            raise DataError(f"damaged: the checksum of image {i} differs; restore the file", self.path)
        return content


def _map(path: Path, magic: bytes, when_missing: str) -> tuple[mmap.mmap, dict]:
    """A file as a memory map, and its header; raises DataError unless the file is as long as the header says."""
    try:
        with open(path, "rb") as file:
            length = os.fstat(file.fileno()).st_size
            mapped = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ) if length >= _START else b""
    except FileNotFoundError as error:
        raise DataError(f"no such file: {when_missing}", path) from error
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror}); a pack is two files, OUT and OUT.index", path) from error
    if not mapped:
        raise DataError(f"cut off: {length} bytes, and a pack's header alone has {_START}", path)
    head = mapped[: _HEADER.size]
    found, version, size, identity, text, text_crc = _HEADER.unpack(head)
    if found != magic:
        raise DataError(f"not a pack: it begins with {found!r} instead of {magic!r}; see `fldbench data pack`", path)
    if version != VERSION:
        raise DataError(f"a pack of version {version}; this fldbench reads version {VERSION}: pack it again", path)
    if _CRC.unpack(mapped[_HEADER.size : _START])[0] != zlib.crc32(head):
        raise DataError("damaged: the checksum of its header differs; restore the file", path)
    if length != size:
        what = "cut off" if length < size else "something was appended"
        raise DataError(f"{what}: {length} bytes instead of {size}; restore the file", path)
    return mapped, {"identity": identity, "text": text, "text_crc": text_crc}


def _hand_back(mapped: mmap.mmap, start: int, end: int) -> None:
    """Pages that were read stay in the system's cache, but no longer count as this process's memory."""
    if hasattr(mmap, "MADV_DONTNEED"):
        first = start - start % _MAPPED_AT_ONCE
        mapped.madvise(mmap.MADV_DONTNEED, first, -(-end // _MAPPED_AT_ONCE) * _MAPPED_AT_ONCE - first)


class PackedImages(Images):
    """The images of a pack; pickled as its path, so that other processes map the same file."""

    def __init__(self, pack: _Pack):
        self._pack, self._raw_size = pack, pack.about["raw_size"]

    def __len__(self) -> int:
        return len(self._pack)

    def decode(self, i: int) -> np.ndarray:
        content = self._pack.image(i)
        if self._raw_size is None:
            return decode_image(content, self._pack.path, f"image {i} cannot be decoded")
        return np.frombuffer(content, np.uint8).reshape(self._raw_size, self._raw_size, 3).copy()

    def digest(self, i: int) -> bytes:
        return self._pack.column("image/digest")[i, : self._pack.column("image/digest_size")[i]].tobytes()

    def encoded(self, i: int) -> bytes | None:
        return self._pack.image(i) if self._raw_size is None else None

    def __reduce__(self):
        return _reopened_images, (self._pack.path, self._pack.identity)


class PackedFaceSet(FaceSet):
    """All faces of a pack: a FaceSet whose columns are read-only views of the index, each checked when first used.

    matrices   of a pack of crops, (n, 2, 3) float: px of the photo -> px of the crop; None for one of whole images
    Selections and changed copies are ordinary FaceSets. Pickled as the path of the pack.
    """

    def __new__(cls, **columns):
        # dataclasses.replace builds its answer with the class of the original, and that is a FaceSet like any other.
        return FaceSet(**columns)

    @classmethod
    def of(cls, pack: _Pack) -> PackedFaceSet:
        faces = object.__new__(cls)
        about = pack.about
        # Not through __init__, whose checks of every row were made before the faces were packed.
        faces.__dict__.update(
            {key: about[key] for key in ("scheme", "name", "split_name")},
            _pack=pack,
            images=PackedImages(pack),
            parts={key: tuple(counts) for key, counts in about["parts"].items()},
        )
        return faces

    ids = cached_property(lambda self: self._pack.column("ids"))
    boxes = cached_property(lambda self: self._pack.column("boxes"))
    landmarks = cached_property(lambda self: self._pack.column("landmarks"))
    visible = cached_property(lambda self: self._pack.column("visible"))
    groups = cached_property(lambda self: self._pack.column("groups"))
    attributes = cached_property(lambda self: self._dict("attributes/"))
    subsets = cached_property(lambda self: self._dict("subsets/"))
    matrices = cached_property(lambda self: self._pack.column("matrices") if "matrices" in self._pack.places else None)

    def _dict(self, prefix: str) -> dict[str, np.ndarray]:
        return {key: self._pack.column(prefix + key) for key in self._pack.names(prefix)}

    def __len__(self) -> int:
        return len(self._pack)

    def __reduce__(self):
        return _reopened, (self._pack.path, self._pack.identity)


def _reopened(path: Path, identity: bytes) -> PackedFaceSet:
    faces = open_pack(path)
    if faces._pack.identity != identity:
        raise DataError("another pack lies here than the one that was sent to this process", path)
    return faces


def _reopened_images(path: Path, identity: bytes) -> PackedImages:
    return _reopened(path, identity).images
