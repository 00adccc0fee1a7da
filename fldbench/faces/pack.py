"""Packs: a FaceSet in two files, opened at once however large it is, and read by memory map.

`pack` writes them; `open_pack` reads their headers only, so that nothing grows with the number of faces.
`fldbench.faces.pack_files` describes the layout, and how damage is found. The index appears last, by renaming: an
unfinished pack has none.

Fingerprints. With size=None the images are kept losslessly, as the bytes of their files (as PNG where there are none),
and with them the digest that each had in its source: the fingerprint is that of the source. Crops are other images with
other landmarks, so a pack of crops has a fingerprint of its own: that of the same crops in image files, or, raw, in
arrays.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np

from fldbench.errors import DataError, StoreError, must_be
from fldbench.faces.crops import crop_image
from fldbench.faces.face_set import FaceSet
from fldbench.faces.image_files import header_size
from fldbench.faces.images import Images, decode_image, encode_image
from fldbench.faces.pack_files import DATA_MAGIC, INDEX_MAGIC, START, PackFiles, bytes_of, header, index_of
from fldbench.files import written_whole
from fldbench.geometry import check_boxes, crop_matrix, transform
from fldbench.progress import Listener
from fldbench.schemes import content_of

_STEPS = 100  # calls of `progress` over a whole pack


def pack(
    faces: FaceSet,
    out: str | Path,
    size: int | None = None,
    quality: int | None = None,
    padding: float = 0.25,
    progress: Listener | None = None,
) -> None:
    """Write the faces to the files OUT and OUT.index; an image that several faces share is kept once.

    Parameters
    ----------
    faces : FaceSet
    out : str or Path
        OUT. Its folder is made if it is not there.
    size : int, optional
        None keeps the images as they are. A number makes upright square crops of that many px around the boxes, and
        landmarks and boxes move along; the pack keeps the matrices, see `PackedFaceSet`.
    quality : int, optional
        Of crops: None keeps their pixels raw, exact and the fastest to read; 1 to 100 keeps them as JPEG, which at
        160 px and 95 has a seventh of the size and a fourth of the speed (results/pack).
    padding : float
        Of crops: growth of the box on each end, as a share of its longer side.
    progress : callable, optional
        Called as progress(what, faces done, faces in all).

    Raises
    ------
    DataError
        For an image that cannot be read, and for a file that is no image.
    StoreError
        When a file is there already or cannot be written.
    """
    if quality is not None and not 1 <= quality <= 100:
        raise DataError(must_be("pack", "quality", quality, "1 to 100, or None for raw pixels"))
    data, index = Path(out), index_of(Path(out))
    if index.exists():
        raise StoreError(f"{index} is there already; choose another name or delete the pack")
    matrices = None if size is None else crop_matrix(check_boxes(faces.boxes, faces.ids), size, padding)
    # The images take their name first: a pack without an index is known to be unfinished.
    with written_whole(index, "wb") as index_file, written_whole(data, "wb") as file:
        places = _write_images(file, faces, size, quality, matrices, progress)
        end = file.tell()
        columns = _annotations(faces, matrices) | places
        # The widest numbers first, so that each column is aligned behind the one before.
        columns = dict(sorted(columns.items(), key=lambda item: -item[1].dtype.alignment))
        about = _describe(faces, columns, end, size, quality)
        file.seek(0)
        file.write(header(DATA_MAGIC, end, about))
        total = START + len(about) + sum(column.nbytes for column in columns.values())
        index_file.write(header(INDEX_MAGIC, total, about, in_this_file=True) + about)
        for column in columns.values():
            index_file.write(bytes_of(column))


def open_pack(path: str | Path) -> PackedFaceSet:
    """Return the faces of a pack, in constant time and memory.

    Raises
    ------
    DataError
        Names the file, when one of the two is missing, is not a pack, was cut off, changed, or written by another
        version of the format. Damage to images and columns is found when they are used.
    """
    return PackedFaceSet.of(PackFiles(path))


def _annotations(faces: FaceSet, matrices: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return the columns of the faces, or of their crops when there are matrices."""
    columns = {"ids": faces.ids, "boxes": faces.boxes, "landmarks": faces.landmarks, "visible": faces.visible}
    if matrices is not None:
        corners = transform(faces.boxes.reshape(-1, 2, 2), matrices)
        columns |= {"boxes": corners.reshape(-1, 4), "landmarks": transform(faces.landmarks, matrices)}
        columns["matrices"] = matrices
    columns["groups"] = faces.groups
    columns |= {f"attributes/{key}": column.astype(np.int64) for key, column in faces.attributes.items()}
    return columns | {f"subsets/{key}": column for key, column in faces.subsets.items()}


def _write_images(
    file: IO[bytes],
    faces: FaceSet,
    size: int | None,
    quality: int | None,
    matrices: np.ndarray | None,
    progress: Listener | None,
) -> dict[str, np.ndarray]:
    """Write room for the header, then the images; return the columns of their places, checksums and digests."""
    n, images = len(faces), faces.images
    starts, sizes, crcs = np.zeros(n, np.uint64), np.zeros(n, np.uint64), np.zeros(n, np.uint32)
    digests: list[bytes] = []
    kept: dict[bytes, tuple[int, int, int]] = {}
    file.write(bytes(START))
    end = START
    for i in range(n):
        if size is None or matrices is None:  # both or neither
            digest, content = images.digest_once(i), b""
            if digest not in kept:
                content = _image_file(images, i)
        else:
            crop = crop_image(images[i], matrices[i], size, grey=False)
            content = crop.tobytes() if quality is None else encode_image(crop, ".jpg", quality)
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


def _image_file(images: Images, i: int) -> bytes:
    """Return the bytes of an image file, of nothing else that annotations may name as an image."""
    content = images.encoded(i) or b""
    if min(header_size(content) or (0, 0)) < 1:  # a format whose header is not known here, or no image
        decoded = images[i]
        content = content or encode_image(decoded, ".png")
    return content


def _describe(faces: FaceSet, columns: dict[str, np.ndarray], end: int, size: int | None, quality: int | None) -> bytes:
    """Return the description of the pack as JSON; spaces fill it up so that the columns behind it lie aligned."""
    own, types = content_of(faces.scheme), faces.attribute_types
    about = {
        "n": len(faces),
        "scheme": faces.scheme,
        **({} if own is None else {"own_scheme": own}),
        "name": faces.name,
        "split_name": faces.split_name,
        **({"box_source": faces.box_source} if faces.box_source else {}),
        "parts": {key: [int(found), int(expected)] for key, (found, expected) in faces.parts.items()},
        **({"attribute_types": {key: asdict(one) for key, one in types.items()}} if types else {}),
        "raw_size": size if quality is None else None,
        "images_end": end,
        "columns": [
            [key, column.dtype.str, list(column.shape), zlib.crc32(bytes_of(column).data)]
            for key, column in columns.items()
        ],
    }
    text = json.dumps(about).encode()
    return text.ljust(-(-len(text) // 64) * 64)


class PackedImages(Images):
    """The images of a pack; pickled as its path, so that other processes map the same file."""

    keeps_digests = False  # the pack holds them

    def __init__(self, pack: PackFiles):
        self._pack, self._raw_size = pack, pack.about["raw_size"]

    def __len__(self) -> int:
        return len(self._pack)

    def decode(self, i: int) -> np.ndarray:
        content = self._pack.image(i)
        if self._raw_size is None:
            return decode_image(content, self._pack.path, f"image {i} cannot be decoded")
        if len(content) != 3 * self._raw_size**2:
            raise DataError(f"damaged: image {i} has {len(content)} bytes; pack the faces again", self._pack.path)
        return np.frombuffer(content, np.uint8).reshape(self._raw_size, self._raw_size, 3).copy()

    def digest(self, i: int) -> bytes:
        return self._pack.column("image/digest")[i, : self._pack.column("image/digest_size")[i]].tobytes()

    def encoded(self, i: int) -> bytes | None:
        return self._pack.image(i) if self._raw_size is None else None

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened_images, (self._pack.path, self._pack.identity)


class PackedFaceSet(FaceSet):
    """All faces of a pack: a FaceSet with read-only views of the index as columns, each checked when first used.

    Selections and changed copies are ordinary FaceSets. It is pickled as the path of the pack.

    Attributes
    ----------
    matrices : ndarray or None
        Of a pack of crops, (n, 2, 3) float: px of the photo -> px of the crop. None for one of whole images.
    """

    _pack: PackFiles

    # dataclasses.replace builds its result with the class of the original; the result is an ordinary FaceSet.
    def __new__(cls, **columns: Any) -> FaceSet:  # type: ignore[misc]  # of a wider class, on purpose
        return FaceSet(**columns)

    @classmethod
    def of(cls, pack: PackFiles) -> PackedFaceSet:
        """Return the faces of a pack that was opened."""
        faces = object.__new__(cls)
        about = pack.about
        # Not through __init__: its checks of every row were made before the faces were packed.
        faces.__dict__.update(
            {key: about[key] for key in ("scheme", "name", "split_name")},
            box_source=about.get("box_source", ""),  # absent where it is not known
            _pack=pack,
            images=PackedImages(pack),
            attribute_types=MappingProxyType(pack.attribute_types),
            parts=MappingProxyType({key: tuple(counts) for key, counts in about["parts"].items()}),
            notes=(),
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

    def _dict(self, prefix: str) -> Mapping[str, np.ndarray]:
        return MappingProxyType({key: self._pack.column(prefix + key) for key in self._pack.names(prefix)})

    def __len__(self) -> int:
        return len(self._pack)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._pack.path, self._pack.identity)


def _reopened(path: Path, identity: bytes) -> PackedFaceSet:
    faces = open_pack(path)
    if faces._pack.identity != identity:
        raise DataError("another pack lies here than the one that was sent to this process", path)
    return faces


def _reopened_images(path: Path, identity: bytes) -> Images:
    return _reopened(path, identity).images
