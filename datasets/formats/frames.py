"""The size that an annotation file states for an image, compared with the image: whether points and pixels agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fldbench.datasets.formats.text import refusal
from fldbench.faces.image_files import SWAPPED, read_header

STORED, SHOWN, EITHER = "stored", "shown", "either"
LARGEST = 1_000_000  # px


class Frames:
    """The images of one annotation file, in the frame in which their sizes are stated; only headers are read.

    Tools that obey EXIF annotate an image as viewers show it, others as it is stored. Where the stated size is only
    that of the image as it is shown turned, it is turned; where it is neither, the face is refused. Where it could be
    both, as for an image turned upside down, the image follows the others of the file if all of them were shown turned,
    because one program made the file. Otherwise it comes as it is stored.
    """

    def __init__(self) -> None:
        self._headers: dict[str, tuple[tuple[int, int] | None, int]] = {}
        self._frame: dict[str, str] = {}

    def add(self, image: str, stated: tuple[int, int], file: Path, line: int | None, what: str) -> None:
        """Note an image and its stated width and height; raise DataError, with the place, if the image has others."""
        if image not in self._headers:
            self._headers[image] = read_header(image)
        size, orientation = self._headers[image]
        if size is None:  # a format without a readable header, or a broken file, which is found when it is decoded
            return
        shown = size[::-1] if orientation in SWAPPED else size
        if stated not in (size, shown):
            name, allowed = f"{what}the size of the image {image[-80:]!r}", f"{stated}, as the file states"
            then = "restore the image that was annotated, or give orientation=stored if the points fit it as it is"
            raise refusal(name, size, allowed, file, line, then)
        self._frame[image] = EITHER if size == shown else STORED if stated == size else SHOWN

    def orientations(self, images: Sequence[str]) -> list[int]:
        """Return the EXIF orientation by which each image must be turned; 1 where it comes as it is stored."""
        certain = set(self._frame.values()) - {EITHER}
        turned = {SHOWN, EITHER} if certain == {SHOWN} else {SHOWN}
        return [self._headers[image][1] if self._frame.get(image) in turned else 1 for image in images]


def stated_size(width: Any, height: Any) -> tuple[int, int] | None:
    """Return a width and height that a file states, numbers or words; None where it states none that is possible.

    >>> stated_size(180, "240"), stated_size("180.0", 240.0)
    ((180, 240), (180, 240))
    >>> stated_size(0, 240), stated_size(None, None), stated_size("wide", 3)
    (None, None, None)
    """
    try:
        size = int(float(width)), int(float(height))
    except (TypeError, ValueError, OverflowError):
        return None
    return size if all(0 < side < LARGEST for side in size) else None
