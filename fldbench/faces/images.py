"""Images, decoded only on access: in files, in memory, or absent.

Everywhere an image is RGB uint8 (h, w, 3), and its content has a digest, so that results know which images they are of.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, overload

import numpy as np

from fldbench.errors import DataError
from fldbench.faces.image_files import LARGEST, header_size, read_header, turned
from fldbench.faces.pixels import is_image, refuse_image, rgb
from fldbench.files import open_regular

MOST_PIXELS = 2**28  # of one image: 800 MB decoded, and more than any camera gives
BYTES_AT_ONCE = 2**28  # of decoded images in memory together
_DIGEST = hashlib.sha256().digest_size  # bytes


def is_content_digest(digest: bytes) -> bool:
    """Return whether a digest is a SHA-256 of an image's content: that of an image that is absent is not."""
    return len(digest) == _DIGEST


class Images(Sequence[np.ndarray]):
    """n images, decoded on access: an int gives RGB uint8 (h, w, 3), read-only; a slice, mask or index array, Images.

    A subclass defines `__len__`, `decode(i)` and `digest(i)`, for i from 0 to n - 1. Callers ask for digests by
    `digest_once`, which keeps them (33 bytes per image), so that no image is read twice for its digest.

    Attributes
    ----------
    keeps_digests : bool
        Whether `digest_once` keeps what `digest` returns. False where computing it again is cheap, or where the content
        may change.
    rendered : bool
        Whether images are drawn and not read: each can be had, slowly at first, and is kept by whoever draws it.
    """

    keeps_digests: ClassVar[bool] = True
    rendered: ClassVar[bool] = False

    def decode(self, i: int) -> np.ndarray:
        """Return image i, uint8, RGB (h, w, 3), with alpha or grey; raise DataError when it cannot be decoded."""
        raise NotImplementedError

    def digest(self, i: int) -> bytes:
        """Return the bytes that identify the content of image i, such as its SHA-256; never raise DataError."""
        raise NotImplementedError

    def digest_once(self, i: int) -> bytes:
        """Return `digest(i)`, computed once per object; selections share the digests of the images they are taken from.

        A digest that is not a SHA-256 is not kept: the image cannot be read, or the digest is quick to compute.
        """
        if not self.keeps_digests:
            return self.digest(i)
        known, digests = self._kept_digests
        if known[i]:
            return digests[i].tobytes()
        return self.keep_digest(i, self.digest(i))

    def keep_digest(self, i: int, digest: bytes) -> bytes:
        """Keep a digest of image i that was computed already, so that `digest_once` need not compute it; return it."""
        known, digests = self._kept_digests
        if is_content_digest(digest):
            digests[i] = np.frombuffer(digest, np.uint8)
            known[i] = True  # last: another thread that sees it finds the digest whole
        return digest

    @property
    def _kept_digests(self) -> tuple[np.ndarray, np.ndarray]:
        """Which digests are known, (n,) bool, and the digests, (n, 32) uint8; created on first use."""
        kept = self.__dict__.get("_digests")
        if kept is None:  # `setdefault` is atomic: two threads get the same arrays
            empty = np.zeros(len(self), bool), np.zeros((len(self), _DIGEST), np.uint8)
            kept = self.__dict__.setdefault("_digests", empty)
        return kept

    def encoded(self, i: int) -> bytes | None:
        """Return image i as the bytes of an image file if it is kept as such, else None."""
        return None

    def turned_by(self, i: int) -> int:
        """Return the EXIF orientation by which image i is turned when it is decoded; 1 if it comes as it is stored."""
        return 1

    @overload
    def __getitem__(self, index: int | np.integer) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice | np.ndarray | Sequence[int]) -> Images: ...

    def __getitem__(self, index: int | np.integer | slice | np.ndarray | Sequence[int]) -> np.ndarray | Images:
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"image {index} of {len(self)}")
            image = self.decode(int(index) % len(self))
            if not is_image(image):
                raise refuse_image(image, f"image {int(index) % len(self)}")
            return rgb(image)
        return _Selection(self, np.arange(len(self))[index])


class _Selection(Images):
    """Some images of another Images, in a given order."""

    def __init__(self, base: Images, rows: np.ndarray):
        self._base, self._rows = base, rows

    @property
    def keeps_digests(self) -> bool:  # type: ignore[override]  # that of a class elsewhere, which nobody sets
        return self._base.keeps_digests

    @property
    def rendered(self) -> bool:  # type: ignore[override]  # likewise
        return self._base.rendered

    def __len__(self) -> int:
        return len(self._rows)

    def decode(self, i: int) -> np.ndarray:
        return self._base.decode(int(self._rows[i]))

    def digest(self, i: int) -> bytes:
        return self._base.digest(int(self._rows[i]))

    def digest_once(self, i: int) -> bytes:
        return self._base.digest_once(int(self._rows[i]))

    def encoded(self, i: int) -> bytes | None:
        return self._base.encoded(int(self._rows[i]))

    def turned_by(self, i: int) -> int:
        return self._base.turned_by(int(self._rows[i]))


def decoded(images: Images, most: int) -> Iterator[tuple[slice, list[np.ndarray]]]:
    """Yield the decoded images in order, some at a time, each part with its rows: at most `most` images.

    A part ends earlier when its images take more than BYTES_AT_ONCE, so that large photos do not fill the memory; let
    go of a part before the next one is decoded.
    """
    some: list[np.ndarray] = []
    held = 0
    for i in range(len(images)):
        some.append(images[i])
        held += some[-1].nbytes
        if len(some) == most or held > BYTES_AT_ONCE or i + 1 == len(images):
            part, some, held = some, [], 0
            yield slice(i + 1 - len(part), i + 1), part
            del part


def decode_image(encoded: bytes, file: str | Path, what: str = "not an image that can be decoded") -> np.ndarray:
    """Decode the bytes of an image file; the orientation in its header is ignored.

    Parameters
    ----------
    encoded : bytes
        The content of the file, in a format that OpenCV reads (see `image_files.ENDINGS`).
    file : str or Path
        The place that an error names.
    what : str
        The text of an error.

    Returns
    -------
    ndarray
        RGB uint8 (h, w, 3), of a grey image too.

    Raises
    ------
    DataError
        If the bytes are not an image, or one that claims more than MOST_PIXELS; what its header does not say is never
        decoded.
    """
    import cv2

    size = header_size(encoded)
    if size is not None and size[0] * size[1] > MOST_PIXELS:
        raise DataError(f"claims {size[0]} x {size[1]} pixels, more than a photo has; leave the face out", file)
    image = None
    if size is not None:
        # OpenCV raises its own error, such as for a header that claims more pixels than it allows.
        with suppress(cv2.error):
            image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise DataError(f"{what}; replace the file or leave the face out", file)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def encode_image(image: np.ndarray, ending: str, quality: int | None = None) -> bytes:
    """Encode an image, RGB uint8 (h, w, 3), as an image file.

    Parameters
    ----------
    image : ndarray
    ending : str
        ".png", ".jpg" or another format that OpenCV writes.
    quality : int, optional
        Of JPEG, 1 to 100.
    """
    import cv2

    options = [] if quality is None else [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(ending, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()


class ImageFiles(Images):
    """Images in files that OpenCV reads (see `image_files.ENDINGS`); grey ones come back as RGB too.

    Whenever a file is read, its digest is kept, so that decoding every image and computing every digest read each file
    once between them. Faces that share a file share its digest.

    Parameters
    ----------
    paths : sequence of str or Path
        One file per image. Files are opened only on access.
    orientations : sequence of int, optional
        The EXIF orientation by which each image is turned when it is decoded, 1 to 8; by default none is. A turned
        image has a digest of its own.
    """

    def __init__(self, paths: Sequence[str | Path], orientations: Sequence[int] | None = None):
        self.paths = tuple(str(path) for path in paths)
        self.orientations = np.ones(len(self.paths), np.uint8)
        if orientations is not None:
            self.orientations[:] = orientations
        self.orientations.flags.writeable = False
        first: dict[tuple[str, int], int] = {}
        places = zip(self.paths, self.orientations.tolist(), strict=True)
        self._first = np.array([first.setdefault(place, i) for i, place in enumerate(places)], np.intp)

    def __len__(self) -> int:
        return len(self.paths)

    def decode(self, i: int) -> np.ndarray:
        # Files go through numpy because cv2.imread cannot open every path that the system can.
        image = decode_image(self._content(i), self.paths[i])
        return image if self.orientations[i] == 1 else turned(image, int(self.orientations[i]))

    def digest(self, i: int) -> bytes:
        try:
            with open_regular(self.paths[i]) as file:
                return self._of_turned(i, hashlib.file_digest(file, "sha256").digest())
        except (OSError, ValueError) as error:
            return f"unreadable: {type(error).__name__}".encode()

    def digest_once(self, i: int) -> bytes:
        return super().digest_once(int(self._first[i]))

    def encoded(self, i: int) -> bytes | None:
        return self._content(i) if self.orientations[i] == 1 else None

    def turned_by(self, i: int) -> int:
        return int(self.orientations[i])

    def upright(self) -> ImageFiles:
        """Return the same images turned by the EXIF orientations in their headers, which are read now."""
        known = {path: read_header(path)[1] for path in set(self.paths)}
        return ImageFiles(self.paths, [known[path] for path in self.paths])

    def _of_turned(self, i: int, digest: bytes) -> bytes:
        if self.orientations[i] == 1:
            return digest
        return hashlib.sha256(digest + f"EXIF orientation {self.orientations[i]}".encode()).digest()

    def _content(self, i: int) -> bytes:
        try:
            with open_regular(self.paths[i]) as file:
                size = os.fstat(file.fileno()).st_size
                content = file.read() if size <= LARGEST else b""
        except (OSError, ValueError) as error:  # a path may hold a zero byte
            why = getattr(error, "strerror", None) or error
            raise DataError(f"cannot be read ({why}); restore the image", self.paths[i]) from error
        if size > LARGEST:
            raise DataError(f"more than {LARGEST} bytes, too many for a photo; leave the face out", self.paths[i])
        first = int(self._first[i])
        if not self._kept_digests[0][first]:
            self.keep_digest(first, self._of_turned(i, hashlib.sha256(content).digest()))
        if not content:
            raise DataError("the image file is empty; restore it or leave the face out", self.paths[i])
        return content


class ImageArrays(Images):
    """Images that are in memory already.

    Parameters
    ----------
    arrays : sequence of ndarray
        uint8 of any sizes, (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey; handed out as RGB. They are checked on access
        and never copied.
    """

    keeps_digests = False  # whoever owns the arrays may write to them

    def __init__(self, arrays: Sequence[np.ndarray]):
        self._arrays = arrays

    def __len__(self) -> int:
        return len(self._arrays)

    def decode(self, i: int) -> np.ndarray:
        return self._arrays[i]

    def digest(self, i: int) -> bytes:
        array = self._arrays[i]
        return hashlib.sha256(str(array.shape).encode() + np.ascontiguousarray(array).tobytes()).digest()


class NoImages(Images):
    """The images of a dataset that came without any: predictions can be scored on it, methods cannot run on it.

    Parameters
    ----------
    n : int
        The number of faces.
    why : str
        Why there are no images; the message of the DataError that decoding one raises.
    """

    def __init__(self, n: int, why: str):
        self._n, self.why = n, why

    def __len__(self) -> int:
        return self._n

    def decode(self, i: int) -> np.ndarray:
        raise DataError(self.why)

    def digest(self, i: int) -> bytes:
        return b"no image"
