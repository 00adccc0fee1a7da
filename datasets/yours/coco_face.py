"""Faces in COCO's JSON: the face points of COCO-WholeBody, or plain keypoints of any category.

Jin et al., "Whole-Body Human Pose Estimation in the Wild", ECCV 2020; its data_format.md says what the fields hold.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.dataset import FAR
from fldbench.datasets.formats.frames import stated_size
from fldbench.datasets.formats.text import refusal
from fldbench.datasets.yours.annotation_file import (
    Annotation,
    AnnotationFile,
    Parsed,
    declared_scheme,
    scheme_for,
)
from fldbench.datasets.yours.coco_category import by_names, chosen_category, names_of
from fldbench.errors import DataError
from fldbench.faces.image_paths import holds_any
from fldbench.files import read_text
from fldbench.params import kind, optional

WHOLE_BODY = "ibug-68"  # the scheme of face_kpts, by COCO-WholeBody's data_format.md
HIDDEN, SEEN = 1, 2  # v of COCO's keypoints; 0 is not annotated


class CocoFace(AnnotationFile):
    """A COCO JSON file. Points and boxes are zero-based px; boxes are x, y, width, height there.

    With `face_kpts` in any annotation it is COCO-WholeBody: 68 points from `face_kpts`, the box from `face_box`, and
    only annotations with `face_valid`; its v > 0 says that a point is reliable, not that it is in sight, so all such
    points are visible. Otherwise `keypoints` and `bbox`, where v = 1 is hidden and v = 2 visible; in a file without any
    v = 2, v = 1 is visible. v = 0 is not annotated. The names of the keypoints decide their order where a scheme has
    the same ones; annotations with iscrowd = 1 are left out. Ids are the images' file names without ending, with #k
    for the k-th annotation of an image with several.

    Parameters
    ----------
    file : str or Path, optional
        As in AnnotationFile.
    scheme : str, optional
        None: the category's own (`fldbench data convert` writes it), or the one that the names of the keypoints and
        the points fit.
    category : int or str, optional
        Id or name of the category to read, where annotations of several have keypoints.
    images : str or Path, optional
        The folder of the images, relative to the JSON's; None: the JSON's own, `images` or `SPLIT2017` beside it, or
        those beside its folder, whichever holds any of the first images.
    """

    name = "coco-face"
    ending = ".json"
    citation = "Jin et al., Whole-Body Human Pose Estimation in the Wild, ECCV 2020 (the face points of COCO-WholeBody)"
    url = "https://github.com/jin-s13/COCO-WholeBody"

    rules = {**AnnotationFile.rules, "category": optional(kind(int, str, allowed="the id or the name of a category"))}

    def __init__(
        self,
        file: str | Path | None = None,
        scheme: str | None = None,
        images: str | Path | None = None,
        category: int | str | None = None,
    ):
        super().__init__(file, scheme)
        self.images = images
        self.category = category

    def parse(self, path: Path) -> Parsed:
        """Return the scheme, the folder of the images, and every annotation of a face, valid or not."""
        content = _json(path)
        annotations = _rows(content, "annotations", path)
        names = {}
        for where, row in _rows(content, "images", path):
            with self.faults:
                size = stated_size(row.get("width"), row.get("height"))
                names[_key(row, "id", where, path)] = row.get("file_name"), size
        whole = any("face_kpts" in row for _, row in annotations)
        points_key, box_key = ("face_kpts", "face_box") if whole else ("keypoints", "bbox")
        found, n_points, crowds = [], None, 0
        with_points = [(where, row) for where, row in annotations if points_key in row]
        category = None
        if self.category is not None or not whole:
            used = [row.get("category_id") for _, row in with_points]
            category = chosen_category(content, used, self.category, path)
        for where, row in with_points:
            if category is not None and row.get("category_id") != category:
                continue
            if row.get("iscrowd") == 1:
                crowds += 1
                continue
            with self.faults:
                image, size = names.get(_key(row, "image_id", where, path), (None, None))
                if not isinstance(image, str) or not image:
                    raise DataError(f"{where}: no file_name for its image_id {row['image_id']!r} in `images`", path)
                values = _numbers(row[points_key], f"{where}: {points_key}", path)
                count = n_points or len(values) // 3
                if len(values) != 3 * count or not count:
                    allowed = "three for each point: x, y, v"
                    raise refusal(f"{where}: the number of numbers in {points_key}", len(values), allowed, path)
                n_points = count
                face = _annotation(row, where, image, values.reshape(-1, 3), box_key, whole, path)
                found.append(replace(face, size=size))
        self.faults.check_some(len(found))
        if n_points is None:
            raise DataError("no annotation with face_kpts or keypoints", path)
        notes = [f"{crowds} annotations of crowds (iscrowd) left out"] if crowds else []
        seen = [(one.visible & _annotated(one)).any() for one in found]
        if not whole and not any(seen) and any(_annotated(one).any() for one in found):
            # mmpose writes v = 1 at every point of 300-W, WFLW and AFLW.
            found = [replace(one, visible=_annotated(one)) for one in found]
            notes.append("v = 1 taken as visible: no point of the file has v = 2")
        stated = self.scheme or (WHOLE_BODY if whole else _scheme_of(content, path))
        names = names_of(content, category, n_points)
        if names and not whole and (self.scheme is not None or stated is None):
            stated, order = by_names(names, np.stack([one.points for one in found]), stated, path)
            if order is not None and order != list(range(n_points)):
                found = [replace(one, points=one.points[order], visible=one.visible[order]) for one in found]
                notes.append(f"points in the order of {stated}, by the names of the keypoints")
        scheme = scheme_for(n_points, stated, path)
        return Parsed(scheme, self._folder(path, [one.image for one in found]), found, tuple(notes))

    def _folder(self, path: Path, images: list[str]) -> Path:
        """Return where the images are, judged by the first ones."""
        if self.images is not None:
            return path.parent / self.images
        inside = ("", "images", "train2017", "val2017")
        places = [base / name for base in (path.parent, path.parent.parent) for name in inside]
        return next((place for place in places if holds_any(place, images)), path.parent)


def _annotated(one: Annotation) -> np.ndarray:
    return np.isfinite(one.points).all(axis=1)


def _annotation(row, where: str, image: str, values: np.ndarray, box_key: str, whole: bool, path: Path) -> Annotation:
    box = row.get(box_key)
    if box is not None:
        box = _numbers(box, f"{where}: {box_key}", path)
        if len(box) != 4:
            allowed = "4: x, y, width, height"
            raise refusal(f"{where}: the number of numbers in {box_key}", len(box), allowed, path)
        box = np.concatenate([box[:2], box[:2] + box[2:]])
    annotated = values[:, 2] > 0
    # COCO has people without annotated points, COCO-WholeBody unclear faces: neither counts as a missing face.
    return Annotation(
        image=image,
        points=np.where(annotated[:, None], values[:, :2], np.nan),
        what=f"{where}: ",
        box=box,
        visible=annotated if whole else values[:, 2] >= SEEN,
        group=row["group"] if isinstance(row.get("group"), str) else "",
        ignored=not annotated.any() or (whole and not row.get("face_valid", True)),
    )


def _json(path: Path) -> dict[str, Any]:
    text = read_text(path)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON ({error.msg})", path, error.lineno) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise DataError(f"not JSON of a COCO file ({error})", path) from error
    if not isinstance(content, dict):
        raise DataError("not a COCO file: the outermost value must be an object with images and annotations", path)
    return content


def _rows(content: dict[str, Any], key: str, path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of a list, each with the place to name in an error."""
    rows = content.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"not a COCO file: {key!r} must be a list of objects", path)
    return [(f"{key}[{i}]", row) for i, row in enumerate(rows)]


def _key(row: dict[str, Any], key: str, where: str, path: Path) -> int | str:
    value = row.get(key)
    if not isinstance(value, (int, str)):
        raise refusal(f"{where}: {key}", value, "a number or a string", path)
    return value


def _numbers(values: Any, where: str, path: Path) -> np.ndarray:
    """Return a list of finite numbers below a million as floats."""
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise DataError(f"{where} must be a list of numbers", path)
    if not all(abs(value) < FAR for value in values):
        raise DataError(f"{where} has a number outside of any image; must be below {FAR:g}", path)
    return np.array(values, float)


def _scheme_of(content: dict[str, Any], path: Path) -> str | None:
    """Return the scheme that the category with keypoints names, as `fldbench data convert` writes it."""
    categories = content.get("categories")
    for one in categories if isinstance(categories, list) else ():
        if isinstance(one, dict) and "keypoints" in one and isinstance(one.get("scheme"), str):
            return declared_scheme(one["scheme"], path)
    return None
