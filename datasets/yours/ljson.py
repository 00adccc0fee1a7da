"""LJSON of menpo and landmarker.io: one file for each photo, with points as [y, x] (https://www.landmarker.io)."""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Any

from fldbench.dataset import Columns
from fldbench.datasets.formats.json_text import objects, pair, read_json
from fldbench.datasets.formats.text import refusal
from fldbench.datasets.yours.annotation_file import Annotation
from fldbench.datasets.yours.annotation_folder import AnnotationFolder
from fldbench.datasets.yours.named_points import NamedFace
from fldbench.errors import DataError


class LJSON(AnnotationFolder):
    """Any folder of .ljson (or .ljson.json) files of versions 1 to 3 with the image beside each, or one file.

    Points are [y, x] in the file, zero-based px; null is a point that is not annotated. Version 1 has groups of points,
    taken one after the other; version 3 may have several sets of points, of which there must be one. Boxes are tight.
    Without any image, predictions can be scored but no method can run.
    """

    name = "ljson"
    endings = (".ljson", ".json")
    mark = b'"landmarks"'
    url = "https://www.landmarker.io"

    _n_points = 0

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces in the order of the paths of their files; all have as many points as the first."""
        self._n_points = 0
        return super().read(folder, split)

    def faces(self, path: Path) -> list[NamedFace]:
        """Return the face of one file."""
        content = read_json(path, dict, "an object with landmarks or groups")
        places = [_place(value, path) for value in _values(content, path)]
        points = {str(i): place for i, place in enumerate(places) if place is not None}
        if not points:
            raise DataError("a face without any point; remove the file", path)
        self._n_points = self._n_points or len(places)
        if len(places) != self._n_points:
            raise refusal("the number of points", len(places), f"{self._n_points}, as in the first file", path)
        points.setdefault(str(len(places) - 1), (nan, nan))  # keeps the number of points where the last is null
        return [NamedFace(points, Annotation(image=self.image_beside(path), points=None))]


def _values(content: dict[str, Any], path: Path) -> list[Any]:
    """Return the points of a file, as they are."""
    if isinstance(content.get("groups"), dict):  # version 3
        if len(content["groups"]) != 1:
            raise refusal("the number of sets of points", len(content["groups"]), "1", path)
        content = next(iter(content["groups"].values()))
    elif "groups" in content:  # version 1
        groups = objects(content["groups"], "groups", path)
        return [row.get("point") for one in groups for row in objects(one.get("landmarks"), "landmarks", path)]
    landmarks = content.get("landmarks") if isinstance(content, dict) else None
    if not isinstance(landmarks, dict) or not isinstance(landmarks.get("points"), list):
        raise DataError("not LJSON: landmarks must be an object with the list points", path)
    return landmarks["points"]


def _place(value: Any, path: Path) -> tuple[float, float] | None:
    if value is None or value == [None, None]:
        return None
    y, x = pair(value, "a point", path)
    return x, y
