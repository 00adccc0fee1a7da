"""CVAT: the XML that it exports as "CVAT for images 1.1", with points and skeletons (https://docs.cvat.ai)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from fldbench.datasets.formats.frames import stated_size
from fldbench.datasets.formats.xml_text import parse_xml
from fldbench.datasets.yours.annotation_file import Annotation, Parsed, number
from fldbench.datasets.yours.named_points import NamedFace, NamedPointsFile, in_order
from fldbench.errors import DataError, must_be
from fldbench.faces.image_paths import holds_any
from fldbench.files import read_bytes

YES, NO = "1", "0"


class CVAT(NamedPointsFile):
    """An XML file of images (not of a video, which has tracks).

    A skeleton is a face; its points have names. Points of one label with several places are a face, and their numbers
    from 0 are the names; points with one place each are the points of one face, named by their labels, if they share a
    `group_id` or have none. `outside` is not annotated, `occluded` is not visible. A box of the same group is the
    face's box, and so is the only box of an image with one face; else boxes are tight. Coordinates are px as the file
    has them. Where the stated size is that of the image turned by its EXIF orientation, it is turned. Parameters
    are those of NamedPointsFile.
    """

    name = "cvat"
    ending = ".xml"
    url = "https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/"

    def parse(self, path: Path) -> Parsed:
        """Return the scheme, the folder of the images, and every face."""
        content = _Content(path)
        content.parse(read_bytes(path))
        found = []
        for image in content.images:
            for shapes in image.faces():
                with self.faults:
                    found.append(_face(shapes, image, path))
        self.faults.check_some(len(found))
        if not found:
            raise DataError("no points and no skeleton in it", path)
        scheme, faces, notes = in_order(found, self.points, self.scheme, path)
        folder = path.parent / (self.images or "")
        images = [one.image for one in faces]
        if self.images is None and not holds_any(folder, images) and holds_any(folder / "images", images):
            folder /= "images"
        return Parsed(scheme, folder, faces, notes)


@dataclass
class _Shape:
    """A tag points, skeleton or box: its attributes and line, and the points within a skeleton."""

    tag: str
    given: dict[str, str]
    line: int
    inner: list[_Shape] = field(default_factory=list)


@dataclass
class _Image:
    given: dict[str, str]
    line: int
    shapes: list[_Shape] = field(default_factory=list)

    def faces(self) -> list[list[_Shape]]:
        """Return the shapes of each face."""
        faces: list[list[_Shape]] = []
        by_group: dict[str, list[_Shape]] = {}
        for shape in self.shapes:
            group = shape.given.get("group_id", "")
            if shape.tag == "box":
                continue
            if shape.tag == "points" and ";" not in shape.given.get("points", ""):
                if group not in by_group:
                    by_group[group] = []
                    faces.append(by_group[group])
                by_group[group].append(shape)
            else:
                faces.append([shape])
        boxes = [shape for shape in self.shapes if shape.tag == "box"]
        for face in faces:
            group = face[0].given.get("group_id", "")
            own = [box for box in boxes if group and box.given.get("group_id", "") == group]
            face.extend(own or (boxes if len(faces) == len(boxes) == 1 else []))
        return faces


class _Content:
    """Every image of a file, gathered while expat reads it, so that errors know their line."""

    def __init__(self, path: Path):
        self.images: list[_Image] = []
        self._path = path
        self._open: list[str] = []
        self._skeleton: _Shape | None = None

    def parse(self, data: bytes) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start, self._end
        parse_xml(self._parser, data, self._path)

    def _start(self, tag: str, given: dict[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        if not self._open and tag != "annotations":
            raise DataError(f"the outermost tag is <{tag[:40]}>; must be <annotations>", self._path, line)
        if tag == "track":
            raise DataError('a track of a video; export it as "CVAT for images 1.1"', self._path, line)
        self._open.append(tag)
        if tag == "image":
            self.images.append(_Image(given, line))
        elif tag in ("points", "skeleton", "box") and "image" in self._open:
            shape = _Shape(tag, given, line)
            if self._skeleton is not None:
                self._skeleton.inner.append(shape)
            else:
                self.images[-1].shapes.append(shape)
                self._skeleton = shape if tag == "skeleton" else None

    def _end(self, tag: str) -> None:
        self._open.pop()
        if tag == "skeleton":
            self._skeleton = None


def _face(shapes: list[_Shape], image: _Image, path: Path) -> NamedFace:
    first = shapes[0]
    if not image.given.get("name"):
        raise DataError("<image> must have name='...'", path, image.line)
    points: dict[str, tuple[float, float]] = {}
    hidden = set()
    box = None
    marks = [one for shape in shapes for one in (shape.inner if shape.tag == "skeleton" else [shape])]
    for shape in marks:
        if shape.tag == "box":
            box = [_number(shape, key, shape.given.get(key, ""), path) for key in ("xtl", "ytl", "xbr", "ybr")]
            continue
        if shape.given.get("outside", NO) == YES:
            continue
        places = shape.given.get("points", "").split(";")
        for i, place in enumerate(places):
            name = shape.given.get("label", "") if len(places) == 1 else str(i)
            words = place.split(",")
            if len(words) != 2 or not name:
                raise DataError(must_be(f"<{shape.tag}>", "a point", place[:40], "x,y under a label"), path, shape.line)
            if name in points:
                what = f"two points of one face are labelled {name[:40]!r}"
                raise DataError(f"{what}; give the points of each face a group of their own", path, shape.line)
            points[name] = _number(shape, "x", words[0], path), _number(shape, "y", words[1], path)
            if shape.given.get("occluded", first.given.get("occluded", NO)) == YES:
                hidden.add(name)
    size = stated_size(image.given.get("width"), image.given.get("height"))
    face = Annotation(image=image.given["name"], points=None, line=first.line, box=box, size=size)
    return NamedFace(points, face, frozenset(hidden))


def _number(shape: _Shape, key: str, word: str, path: Path) -> float:
    try:
        return number(word)
    except ValueError:
        raise DataError(must_be(f"<{shape.tag}>", key, word[:40], "a number of pixels"), path, shape.line) from None
