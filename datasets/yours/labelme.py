"""labelme: one JSON file for each photo, with points or polygons under labels (https://github.com/wkentaro/labelme)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fldbench.datasets.formats.frames import stated_size
from fldbench.datasets.formats.json_text import objects, pair, read_json
from fldbench.datasets.formats.text import refusal
from fldbench.datasets.yours.annotation_file import Annotation
from fldbench.datasets.yours.annotation_folder import AnnotationFolder
from fldbench.datasets.yours.named_points import NamedFace
from fldbench.errors import DataError

KINDS = ("point", "points", "polygon", "linestrip", "line")


class Labelme(AnnotationFolder):
    """Any folder of labelme's files, or one of them. Points are px as the file has them.

    A shape of one point is the point of its label. A polygon or line of several has the points `LABEL 0`, `LABEL 1`,
    ...; if it is the face's only shape, they are `0`, `1`, ... Shapes with one `group_id` are one face; those without
    are one face too. A rectangle of the same group is the face's box; without it, boxes are tight. Circles, ellipses
    and masks are left out. The image is `imagePath`; where the size that the file states is that of the image turned by
    its EXIF orientation, it is turned.
    """

    name = "labelme"
    mark = b'"shapes"'
    url = "https://github.com/wkentaro/labelme"

    def faces(self, path: Path) -> list[NamedFace]:
        """Return the faces of one file, by their group_id."""
        content = read_json(path, dict, "an object with shapes and imagePath")
        image = content.get("imagePath")
        if not isinstance(image, str) or not image:
            raise refusal("imagePath", image, "the path of an image", path)
        groups: dict[Any, list[dict[str, Any]]] = {}
        for shape in objects(content.get("shapes"), "shapes", path):
            group = shape.get("group_id")
            if not isinstance(group, (int, str, type(None))):
                raise refusal("group_id", group, "a number or null", path)
            groups.setdefault(group, []).append(shape)
        size = stated_size(content.get("imageWidth"), content.get("imageHeight"))
        return [_face(shapes, image, size, path) for shapes in groups.values()]


def _face(shapes: list[dict[str, Any]], image: str, size: tuple[int, int] | None, path: Path) -> NamedFace:
    points: dict[str, tuple[float, float]] = {}
    box = None
    marks = [shape for shape in shapes if shape.get("shape_type", "polygon") in KINDS]
    for shape in shapes:
        label = shape.get("label")
        if not isinstance(label, str):
            raise refusal("the label of a shape", label, "a string", path)
        if shape not in marks and shape.get("shape_type") != "rectangle":
            continue
        if not isinstance(shape.get("points"), list):
            raise refusal(f"the points of {label[:40]!r}", shape.get("points"), "a list", path)
        places = [pair(place, f"a point of {label[:40]!r}", path) for place in shape["points"]]
        if shape.get("shape_type") == "rectangle":
            box = _box(places, path)
            continue
        single, alone = len(places) == 1, len(marks) == 1
        for i, place in enumerate(places):
            name = label if single else str(i) if alone else f"{label} {i}"
            if name in points:
                then = "give the shapes of each face a group_id of their own"
                raise DataError(f"two points of one face are labelled {name[:40]!r}; {then}", path)
            points[name] = place
    return NamedFace(points, Annotation(image=image, points=None, box=box, size=size))


def _box(corners: list[tuple[float, float]], path: Path) -> list[float]:
    if len(corners) != 2:
        raise refusal("the number of points of a rectangle", len(corners), "2, or 1 rectangle for each group", path)
    (x0, y0), (x1, y1) = corners
    return [min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)]
