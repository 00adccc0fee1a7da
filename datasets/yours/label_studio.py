"""Label Studio: one JSON export, with key points in percent of the image (https://labelstud.io)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fldbench.datasets.formats.frames import stated_size
from fldbench.datasets.formats.json_text import objects, pixel, read_json
from fldbench.datasets.formats.text import refusal
from fldbench.datasets.yours.annotation_file import Annotation, Parsed
from fldbench.datasets.yours.named_points import NamedFace, NamedPointsFile, in_order
from fldbench.errors import DataError

# What stands before the path of a file.
_SERVED = re.compile(r"^/data/(?:local-files/?\?d=|upload/(?:\d+/)?)|^[a-z0-9]+://.*/")


class LabelStudio(NamedPointsFile):
    """A JSON or JSON-MIN export with one face for each task.

    Points are in percent of the image's width and height in the file, px here. Each key point has one label, its name.
    A rectangle with a label is the face's box. Cancelled annotations do not count; a task with several others is a
    fault, as is a label that a task has twice. Images are looked for by the path behind `/data/local-files/?d=`, and by
    the file name of an upload or an address. Parameters are those of NamedPointsFile.
    """

    name = "label-studio"
    ending = ".json"
    url = "https://labelstud.io/guide/export"

    def parse(self, path: Path) -> Parsed:
        """Return the scheme, the folder of the images, and every face."""
        found = []
        for i, task in enumerate(objects(read_json(path, list, "a list of tasks"), "the export", path)):
            with self.faults:
                found.append(_face(task, f"task {task.get('id', i)}: "[:60], path))
        self.faults.check_some(len(found))
        scheme, faces, notes = in_order(found, self.points, self.scheme, path)
        return Parsed(scheme, path.parent / (self.images or ""), faces, notes)


def _face(task: dict[str, Any], where: str, path: Path) -> NamedFace:
    data = task.get("data", task)
    image = data.get("image", data.get("img")) if isinstance(data, dict) else None
    if not isinstance(image, str) or not image:
        raise refusal(f"{where}image", image, "the path of an image", path)
    points: dict[str, tuple[float, float]] = {}
    box = size = None
    for value, row in _results(task, where, path):
        stated = stated_size(row.get("original_width"), row.get("original_height"))
        if stated is None or size not in (None, stated):
            raise refusal(f"{where}original_width, original_height", stated, "the size of the image", path)
        if row.get("image_rotation", 0) != 0:
            raise refusal(f"{where}image_rotation", row["image_rotation"], "0: annotate the image as it is shown", path)
        size = stated
        x, y, *sides = (
            pixel(value.get(key), f"{where}{key}", path) * side / 100
            for key, side in zip(("x", "y", "width", "height"), stated * 2, strict=True)
            if key in value or key in "xy"
        )
        if "rectanglelabels" in value:
            if len(sides) != 2 or box is not None:
                raise DataError(f"{where}a rectangle must have width and height, and a task one of them", path)
            box = [x, y, x + sides[0], y + sides[1]]
            continue
        labels = value["keypointlabels"]
        if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
            raise refusal(f"{where}keypointlabels", labels, "a list of one label", path)
        if labels[0] in points:
            raise DataError(f"{where}two points are labelled {labels[0][:40]!r}; a task must have one face", path)
        points[labels[0]] = x, y
    name = _SERVED.sub("", image).partition("?")[0]
    return NamedFace(points, Annotation(image=name, points=None, what=where, box=box, size=size))


def _results(task: dict[str, Any], where: str, path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the value of each key point and rectangle of a task, and the object with the size of its image."""
    done = task.get("annotations", task.get("completions"))
    if done is None:  # JSON-MIN: lists under the names of the control tags
        rows = [row for value in task.values() if isinstance(value, list) for row in value if isinstance(row, dict)]
        yield from ((row, row) for row in rows if "keypointlabels" in row or "rectanglelabels" in row)
        return
    valid = [one for one in objects(done, f"{where}annotations", path) if not one.get("was_cancelled")]
    if len(valid) > 1:
        raise refusal(f"{where}the number of annotations", len(valid), "1: keep the one that counts", path)
    for one in valid:
        for row in objects(one.get("result"), f"{where}result", path):
            value = row.get("value")
            if isinstance(value, dict) and ("keypointlabels" in value or "rectanglelabels" in value):
                yield value, row
