"""The faces of photos as files: CSV and JSON with everything, and the formats of other tools with the landmarks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.attribute_metrics import Answered
from fldbench.curate.convert import write_annotations
from fldbench.errors import MethodError
from fldbench.faces import FaceSet, ImageFiles
from fldbench.faces.image_paths import face_ids
from fldbench.method import Method
from fldbench.run.predict import Seen, write_predictions
from fldbench.schemes import get_scheme

FORMATS = {"csv": ".csv", "json": ".json", "pts": ".pts", "dlib-xml": ".xml", "coco": ".coco.json"}  # -> ending


def write_faces(kind: str, path: Path, model: Method, photos: Sequence[Any]) -> list[Path]:
    """Write the faces of photos in one format; return the files.

    Ids are those of `face_ids`: the photo's path below the folder that holds all photos, without its ending, with #k
    for the k-th face of several. Faces that the model missed have empty cells, or null, in .csv and .json, and are left
    out of the other formats, which hold landmarks alone. .pts are one file for each face, beside `path`.

    Raises
    ------
    MethodError
        For a model that does not know its points.
    StoreError
        When a file cannot be written.
    """
    if model.fitted_on is None:
        raise MethodError(f"{model.label} does not know which points it answers with; fit it, or load a model")
    scheme = model.fitted_on.scheme
    rows = [(photo, face) for photo in photos for face in photo.faces]
    if kind not in ("csv", "json"):
        rows = [(photo, face) for photo, face in rows if not face.missed]
    names = [_relative(photo.path, path.parent) for photo, _ in rows]
    base = common_folder([photo.path for photo in photos])
    empty = np.zeros((0, get_scheme(scheme).n_points, 2))
    faces = FaceSet(
        ids=face_ids([photo.path.resolve().relative_to(base).as_posix() for photo, _ in rows]),
        images=ImageFiles([photo.path for photo, _ in rows]),
        boxes=[face.box for _, face in rows],
        landmarks=np.stack([face.landmarks for _, face in rows]) if rows else empty,
        scheme=scheme,
        groups=names,
    )
    if kind in ("csv", "json"):
        scores = np.array([face.score for _, face in rows])
        return [write_predictions(path, faces, faces.landmarks, _attributes(rows), Seen(tuple(names), scores))]
    return write_annotations(faces, kind, names, [photo.size for photo, _ in rows], path)


def common_folder(paths: Sequence[Path]) -> Path:
    """Return the deepest folder that holds all files."""
    return Path(os.path.commonpath([path.resolve().parent for path in paths]))


def _attributes(rows: Sequence[tuple[Any, Any]]) -> dict[str, Answered]:
    known = rows[0][1].attributes if rows else {}
    return {
        name: Answered(tuple(classes), np.array([list(face.attributes[name].values()) for _, face in rows], np.float32))
        for name, classes in known.items()
    }


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
