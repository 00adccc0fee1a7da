"""dlib's imglab XML: images, boxes and named parts in one file.

The format is what `load_image_dataset_metadata` of dlib reads (dlib/data_io/image_dataset_metadata.cpp).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

import numpy as np

from fldbench.datasets.formats.frames import stated_size
from fldbench.datasets.formats.xml_text import parse_xml
from fldbench.datasets.yours.annotation_file import (
    Annotation,
    AnnotationFile,
    declared_scheme,
    number,
    scheme_for,
)
from fldbench.errors import DataError, must_be
from fldbench.faults import Faults
from fldbench.files import contains, listed, read_bytes
from fldbench.schemes import Scheme, get_scheme
from fldbench.schemes.indices import runs

ROUNDING = 0.5 + 1e-6  # px between a whole number and the exact one beside it


class DlibXML(AnnotationFile):
    """Any imglab file with parts. Zero-based px; image paths are relative to the XML.

    A box of imglab holds the pixels left ... left + width - 1, so x1 = left + width - 1, as in dlib's own rectangle.
    Parts whose names are numbers are the points 0, 1, ... or 1, 2, ...; other names are those of the scheme if it has
    names, else they are ordered as strings. An absent part is a point that is not annotated. Boxes with ignore='1' and
    boxes without parts are left out; `parts` counts the latter. Where `fldbench data convert` wrote the unrounded
    numbers beside dlib's whole ones (attribute `exact`), these are used.
    Ids are image paths without ending, with #k for the k-th box of an image with several.

    Parameters
    ----------
    file : str or Path, optional
        As in AnnotationFile; in a folder, the file that has parts.
    scheme : str, optional
        None: the file's own (`<dataset scheme=...>`, as `fldbench data convert` writes it), or the one that its points
        fit.
    """

    name = "dlib-xml"
    ending = ".xml"
    url = "https://github.com/davisking/dlib/tree/master/tools/imglab"

    def fits(self, path: Path) -> bool:
        """Return whether any box of the file can have parts."""
        return contains(path, b"<part")

    def parse(self, path: Path) -> tuple[str, Path, list[Annotation]]:
        """Return the scheme, the folder of the images, and every box."""
        content = _Content(path, self.faults)
        content.parse(read_bytes(path))
        self.faults.check_some(len(content.boxes))
        if not content.names:
            raise DataError("no <part> in it: boxes without landmarks, or none", path)
        wanted = self.scheme or content.scheme
        index, n_points = _numbering(content.names, None if wanted is None else get_scheme(wanted), path)
        scheme = scheme_for(n_points, wanted, path)
        return scheme, path.parent, [box.annotation(index, n_points) for box in content.boxes]


def _numbering(names: dict[str, int], scheme: Scheme | None, path: Path) -> tuple[dict[str, int], int]:
    """Return part name -> point, and the number of points, of names with the lines where they stand first.

    Numbers without a gap are counted from the least. With a scheme, they are its points from 0 or 1, and some may be
    absent from the whole file; without one, a gap could be anything. Other names are those of the scheme, or in order.
    """
    if not all(name.isascii() and name.isdigit() and len(name) < 7 for name in names):
        return _named(names, scheme, path)
    known: dict[int, str] = {}
    for name in names:
        other = known.setdefault(int(name), name)
        if other != name:
            what = f"parts are named {other!r} and {name!r}, which are one number; write each point's name in one way"
            raise DataError(what, path, max(names[other], names[name]))
    least, most = min(known), max(known)
    whole = most - least + 1 == len(known)
    if scheme is None and not whole:
        found = runs(sorted(known))
        alone = known[min(found, key=len)[0]]  # the least likely to be right
        numbers = listed([str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in found])
        what = f"a part is named {alone!r}, and the parts of the file are {numbers}"
        then = "with gaps, numbers do not say which points they are; give scheme='...', or correct the name"
        raise DataError(f"{what}: {then}", path, names[alone])
    count = len(known) if scheme is None else scheme.n_points
    first = least if whole and count == len(known) else 0 if most < count else 1
    strange = next((name for number, name in sorted(known.items()) if not 0 <= number - first < count), None)
    if strange is not None and scheme is not None:
        allowed = f"a number from {first} to {first + count - 1}, the points of {scheme.name}"
        raise DataError(must_be("<part>", "name", strange, allowed), path, names[strange])
    return {name: number - first for number, name in known.items()}, count


def _named(names: dict[str, int], scheme: Scheme | None, path: Path) -> tuple[dict[str, int], int]:
    """Return the same for names that are not all numbers."""
    own = None if scheme is None else scheme.names
    if own is not None and set(names) <= set(own):
        return {name: own.index(name) for name in names}, len(own)
    return {name: i for i, name in enumerate(sorted(names))}, len(names)


@dataclass(frozen=True)
class _Box:
    """One <box>: names and (n, 3) x, y, visible of its parts."""

    image: str
    line: int
    box: list[float]
    group: str
    ignored: bool
    names: tuple[str, ...]
    parts: np.ndarray
    size: tuple[int, int] | None

    def annotation(self, index: dict[str, int], n_points: int) -> Annotation:
        points, visible = np.full((n_points, 2), np.nan), np.zeros(n_points, bool)
        rows = [index[name] for name in self.names]
        points[rows], visible[rows] = self.parts[:, :2], self.parts[:, 2] > 0
        return Annotation(
            image=self.image,
            points=points if rows else None,
            line=self.line,
            box=self.box,
            visible=visible,
            group=self.group,
            size=self.size,
            ignored=self.ignored,
        )


class _Content:
    """Every box of a file, gathered while expat reads it, so that errors know their line."""

    def __init__(self, path: Path, faults: Faults):
        self.boxes: list[_Box] = []
        self.names: dict[str, int] = {}  # the line of each name where it stands first
        self._same: dict[str, str] = {}  # one string object for each name, for any number of boxes
        self.scheme: str | None = None
        self._path, self._faults, self._open = path, faults, []
        self._image, self._box, self._size = "", {}, None
        self._sound = True  # no fault in the box so far
        self._parts: dict[str, tuple[float, float, float]] = {}

    def parse(self, data: bytes) -> None:
        # imglab declares ISO-8859-1 and writes file names in the bytes of the system: today UTF-8.
        encoding = "utf-8" if _is_utf8(data) else None
        self._parser = expat.ParserCreate(encoding)
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start, self._end
        parse_xml(self._parser, data, self._path)

    def _fail(self, message: str) -> DataError:
        return DataError(message, self._path, self._parser.CurrentLineNumber)

    def _refuse(self, tag: str, key: str, got: object, allowed: str) -> DataError:
        return self._fail(must_be(f"<{tag[:40]}>", key, got, allowed))

    def _start(self, tag: str, given: dict[str, str]) -> None:
        inside = self._open[-1] if self._open else None
        if inside is None and tag != "dataset":
            raise self._fail(f"the outermost tag is <{tag[:40]}>; must be <dataset>")
        if {"box": "image", "part": "box"}.get(tag, inside) != inside:
            raise self._fail(f"<{tag}> inside <{(inside or '')[:40]}>; must be image > box > part")
        self._open.append(tag)
        if inside is None and "scheme" in given:
            self.scheme = declared_scheme(given["scheme"], self._path, self._parser.CurrentLineNumber)
        elif tag == "image":
            self._image = ""
            with self._faults:
                self._image = self._text(tag, given, "file")
            self._size = stated_size(given.get("width"), given.get("height"))
        elif tag == "box" and not self._image:
            self._sound = False  # the fault is that of the image
        elif tag == "box" or (tag == "part" and self._sound):
            self._sound = False
            with self._faults:
                self._start_box(given) if tag == "box" else self._part(given)
                self._sound = True

    def _start_box(self, given: dict[str, str]) -> None:
        left, top, width, height = (self._number("box", given, key) for key in ("left", "top", "width", "height"))
        ignored = given.get("ignore", "0")
        if ignored not in ("0", "1", "false", "true"):
            raise self._refuse("box", "ignore", ignored[:40], "0 or 1")
        corners = [left, top, left + width - 1, top + height - 1]
        self._parts = {}
        self._box = {
            "line": self._parser.CurrentLineNumber,
            "box": self._exact("box", given, corners),
            "group": given.get("group", ""),
            "size": self._size,
            "ignored": ignored in ("1", "true"),
        }

    def _part(self, given: dict[str, str]) -> None:
        name = self._text("part", given, "name")
        if name in self._parts:
            raise self._fail(f"part {name[:40]!r} is given twice in one box")
        point = [self._number("part", given, "x"), self._number("part", given, "y")]
        visible = given.get("visible", "1")
        if visible not in ("0", "1"):
            raise self._refuse("part", "visible", visible[:40], "0 or 1")
        self.names.setdefault(name, self._parser.CurrentLineNumber)
        self._parts[self._same.setdefault(name, name)] = (*self._exact("part", given, point), float(visible))

    def _end(self, tag: str) -> None:
        self._open.pop()
        if tag == "box" and self._sound:
            parts = np.array(list(self._parts.values()), float).reshape(-1, 3)
            self.boxes.append(_Box(self._image, names=tuple(self._parts), parts=parts, **self._box))

    def _text(self, tag: str, given: dict[str, str], key: str) -> str:
        if not given.get(key):
            raise self._fail(f"<{tag}> must have {key}='...'")
        return given[key]

    def _number(self, tag: str, given: dict[str, str], key: str) -> float:
        word = self._text(tag, given, key)
        try:
            return number(word)
        except ValueError:
            raise self._refuse(tag, key, word[:40], "a number of pixels") from None

    def _exact(self, tag: str, given: dict[str, str], rounded: list[float]) -> list[float]:
        """Return the numbers of the attribute `exact`, which must round to those beside it; without it, the latter."""
        if "exact" not in given:
            return rounded
        try:
            exact = [number(word) for word in given["exact"].split()]
        except ValueError:
            exact = []
        if len(exact) != len(rounded) or np.abs(np.subtract(exact, rounded)).max() > ROUNDING:
            raise self._fail(
                f"<{tag}>: exact is {given['exact'][:80]!r} beside {rounded}; must be {len(rounded)} numbers that "
                "round to these; drop `exact` where a point was moved by hand"
            )
        return exact


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
