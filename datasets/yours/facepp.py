"""Face++: one answer of its detection service for each photo, with landmarks by names (https://www.faceplusplus.com)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fldbench.datasets.formats.json_text import objects, pixel, read_json
from fldbench.datasets.formats.text import refusal
from fldbench.datasets.yours.annotation_file import Annotation
from fldbench.datasets.yours.annotation_folder import AnnotationFolder
from fldbench.datasets.yours.named_points import NamedFace


class FacePlusPlus(AnnotationFolder):
    """Any folder of answers with the image beside each, or one answer.

    Points (83 or 106) are those of `landmark`, in px; boxes are `face_rectangle`. No scheme here has these points:
    register your own with their names, or give `points` and `scheme`. The points come from a machine, not a person.
    Faces without landmarks (the service gives them to the largest five) are left out and counted in `parts`. Without
    any image, predictions can be scored but no method can run.
    """

    name = "facepp"
    mark = b'"landmark"'
    url = "https://console.faceplusplus.com/documents/5679127"

    def faces(self, path: Path) -> list[NamedFace]:
        """Return the faces of one answer."""
        content = read_json(path, dict, "an object with the list faces")
        image, found = self.image_beside(path), objects(content.get("faces"), "faces", path)
        return [_face(face, f"faces[{i}]: ", image, path) for i, face in enumerate(found)]


def _face(face: dict[str, Any], where: str, image: str, path: Path) -> NamedFace:
    points = {}
    landmark = face.get("landmark", {})
    if not isinstance(landmark, dict):
        raise refusal(f"{where}landmark", type(landmark).__name__, "an object of points by names", path)
    for name, place in landmark.items():
        if not isinstance(place, dict):
            raise refusal(f"{where}{name[:40]}", place, "an object with x and y", path)
        points[name] = (
            pixel(place.get("x"), f"{where}x of {name[:40]}", path),
            pixel(place.get("y"), f"{where}y of {name[:40]}", path),
        )
    box = None
    if "face_rectangle" in face:
        sides = face["face_rectangle"] if isinstance(face["face_rectangle"], dict) else {}
        left, top, width, height = (
            pixel(sides.get(key), f"{where}face_rectangle: {key}", path) for key in ("left", "top", "width", "height")
        )
        box = [left, top, left + width, top + height]
    return NamedFace(points, Annotation(image=image, points=None, what=where, box=box))
