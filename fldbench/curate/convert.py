"""A FaceSet written in a general format, so that other tools and the readers of that format can read it.

    OUT/ID.jpg, .png       one image per face: the bytes of its file if that is JPEG, PNG or BMP without an EXIF
                           orientation, else a new PNG
    OUT/ID.pts             pts: one file per face
    OUT/SPLIT.xml          dlib-xml
    OUT/SPLIT.json         coco
    OUT/SPLIT.csv          csv; attributes in columns attribute_NAME

SPLIT is train, val or test if that is the split of the FaceSet, else `faces`. `fldbench.load_dataset` reads back
what was written, to 1e-6 px: ids, points, missing points, occlusion flags, boxes and groups if the format has a
place for them. `convert` says what the format cannot hold.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from fldbench.errors import DataError, StoreError, UnknownNameError, must_be, near_miss
from fldbench.faces import FaceSet, decode_image
from fldbench.faces.attributes import UNKNOWN, any_known
from fldbench.faces.image_files import exif_orientation, header_size
from fldbench.faces.images import encode_image
from fldbench.files import folder_written_whole, listed, temporary_folder, write_text
from fldbench.geometry import check_boxes, tight_box
from fldbench.media.draw import as_rgb
from fldbench.progress import Listener
from fldbench.schemes import get_scheme, recognise

COPIED = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n\x1a\n": ".png", b"BM": ".bmp"}  # first bytes -> ending
SAME_BOX = 1e-3  # px
_COLUMN = "attribute_{}"  # of a table; the name alone may be that of a column with another meaning


def convert(faces: FaceSet, to: str, out: str | Path, progress: Listener | None = None) -> tuple[str, ...]:
    """Write faces and their images into a new or empty folder.

    dlib reads whole numbers only and refuses a file with any other, so dlib-xml has rounded ones for dlib, and the
    exact ones beside them in attributes that dlib ignores and `dlib-xml` reads. dlib also takes file names
    literally: an id with & < > or a quote makes an image that dlib cannot open.

    Parameters
    ----------
    faces : FaceSet
    to : {"pts", "dlib-xml", "coco", "csv"}
    out : str or Path
        The folder; it appears whole or not at all.
    progress : callable, optional
        Called as progress("", faces done, faces in all).

    Returns
    -------
    tuple of str
        One line for each thing that the format cannot hold.

    Raises
    ------
    UnknownNameError
        For the format.
    StoreError
        For a folder that is not empty or cannot be written.
    DataError
        For an image that cannot be read, an id that cannot be a file name, a box without size, and for pts a point that
        is not annotated.
    """
    if to not in _WRITERS:
        raise UnknownNameError(f"no format named {to!r} to convert to; {near_miss(to, _WRITERS)}")
    out = Path(out)
    _check(faces, to)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        what = "is not empty" if out.is_dir() else "is a file"
        raise StoreError(f"{out} {what}; nothing is overwritten: give a new folder, or empty this one")
    with folder_written_whole(out) as part:  # an empty folder of that name is replaced
        images = _write_images(faces, part, progress)
        sizes = [_size(part / name) for name in images] if to == "coco" else []
        _WRITERS[to](faces, images, sizes, _annotation_file(faces, part, _ENDINGS.get(to, "")))
    return _lost(faces, to)


def write_annotations(
    faces: FaceSet, to: str, images: Sequence[str], sizes: Sequence[tuple[int, int]], path: str | Path
) -> list[Path]:
    """Write the landmarks and boxes of faces beside images that stay where they are; return the files.

    Parameters
    ----------
    faces : FaceSet
        Faces of one image follow each other.
    to : {"pts", "dlib-xml", "coco", "csv"}
    images : sequence of str
        The path of each face's image as it is written, relative to the folder of the file.
    sizes : sequence of (int, int)
        Width and height of each face's image, px.
    path : str or Path
        The file; for pts, ID.pts beside it for each face.

    Raises
    ------
    DataError
        For an id that cannot be a file name, a box without size, and for pts a point that is not annotated.
    StoreError
        When it cannot be written.
    """
    path = Path(path)
    if len(faces):
        _check(faces, to)
    if to == "pts":
        with temporary_folder() as folder:  # each file appears whole
            _write_pts(faces, images, sizes, folder / path.name)
            found = [one.relative_to(folder) for one in sorted(folder.rglob("*.pts"))]
            return [write_text(path.parent / one, (folder / one).read_text(encoding="utf-8")) for one in found]
    with temporary_folder() as folder:
        _WRITERS[to](faces, images, sizes, folder / path.name)
        return [write_text(path, (folder / path.name).read_text(encoding="utf-8"))]


def _check(faces: FaceSet, to: str) -> None:
    """Raise DataError for faces that the format cannot hold."""
    if not len(faces):
        raise DataError(f"{faces.label}: no face to convert")
    for name in faces.ids.tolist():
        bad = any(ord(letter) < 32 for letter in name) or "\\" in name or _unencodable(name)
        if bad or any(word in ("", ".", "..") or word.startswith(".") for word in name.split("/")):
            allowed = "names with / between them, none beginning with a dot, without backslash or control character"
            raise DataError(must_be(faces.label, "the id", name, allowed, "it becomes the name of a file"))
    for name in faces.groups.tolist():
        if any(ord(letter) < 32 for letter in name) or _unencodable(name):
            raise DataError(must_be(faces.label, "the group", name, "a name that a text file can hold"))
    annotated = _annotated(faces)
    if to != "pts":
        check_boxes(faces.boxes, faces.ids)
    elif not annotated.all():
        row, point = np.argwhere(~annotated)[0]
        raise DataError(
            f"face {str(faces.ids[row])!r} has no point {point}, and .pts has no place for a point that is not "
            "annotated; convert to csv, coco or dlib-xml"
        )


def _unencodable(text: str) -> bool:
    return any(0xD800 <= ord(letter) < 0xE000 for letter in text)


def _annotated(faces: FaceSet) -> np.ndarray:
    """(n, L) bool."""
    return np.isfinite(faces.landmarks).all(axis=-1)


def _lost(faces: FaceSet, to: str) -> tuple[str, ...]:
    """Return what the format cannot hold, in words."""
    annotated, lost = _annotated(faces), []
    kept = any_known(faces.attributes, len(faces)) & (to == "csv")
    empty = faces.ids[~annotated.any(axis=1) & ~kept].tolist()
    if empty:
        lost.append(f"{len(empty)} faces without any point ({listed(empty)}): written, but left out by the reader")
    if to in ("pts", "csv") and not _recognised(faces):
        lost.append(f"the scheme's name: read it with scheme={faces.scheme!r}")
    if to == "pts":
        hidden = int((annotated & ~faces.visible).sum())
        if hidden:
            lost.append(f"the occlusion of {hidden} points")
        other = int((np.abs(faces.boxes - tight_box(faces.landmarks)).max(axis=1) > SAME_BOX).sum())
        if other:
            lost.append(f"the boxes of {other} faces: read back as the tight boxes of their points")
        if _has_groups(faces):
            lost.append(f"the {len(set(faces.groups.tolist()))} groups (persons, clips or photos)")
    if faces.attributes and to == "csv":
        option = json.dumps({name: _described(faces, name) for name in faces.attributes}, ensure_ascii=False)
        lost.append(f"which columns are attributes: read them with attributes={option}")
    elif faces.attributes:
        lost.append(f"the attributes {', '.join(faces.attributes)}")
    if faces.subsets:
        lost.append(f"the subsets {', '.join(faces.subsets)}")
    return tuple(lost)


def _described(faces: FaceSet, name: str) -> dict[str, Any]:
    """Return what the option `attributes` of `csv` says of an attribute."""
    kept = asdict(faces.attribute_types[name]) if name in faces.attribute_types else {}
    return {"column": _COLUMN.format(name)} | {key: value for key, value in kept.items() if value}


def _recognised(faces: FaceSet) -> bool:
    """Return whether a reader that is not told the scheme finds it."""
    try:
        return recognise(faces.landmarks[_annotated(faces).any(axis=1)]).scheme == faces.scheme
    except DataError:
        return False


def _has_groups(faces: FaceSet) -> bool:
    """Return whether the groups carry information: without a column for them, readers make one group per face."""
    return faces.groups.tolist() != faces.ids.tolist()


# ---- images --------------------------------------------------------------------------------------------------------


def _write_images(faces: FaceSet, folder: Path, progress: Listener | None) -> list[str]:
    """Write one image per face; return their paths below the folder."""
    names = []
    for i, name in enumerate(faces.ids.tolist()):
        encoded = faces.images.encoded(i) or b""
        ending = next((ending for start, ending in COPIED.items() if encoded.startswith(start)), None)
        if exif_orientation(encoded) != 1:  # other programs would show it turned, away from the points
            ending = None
        target = folder / f"{name}{ending or '.png'}"
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise StoreError(f"{name!r} is the same file name as another id's on this disk; rename one of the faces")
        target.write_bytes(encoded if ending else encode_image(as_rgb(faces.images[i]), ".png"))
        names.append(target.relative_to(folder).as_posix())
        if progress:
            progress("", i + 1, len(faces))
    return names


def _size(path: Path) -> tuple[int, int]:
    """Return width and height of a written image, px."""
    encoded = path.read_bytes()
    return header_size(encoded) or decode_image(encoded, path).shape[1::-1]


# ---- annotations ---------------------------------------------------------------------------------------------------


def _annotation_file(faces: FaceSet, folder: Path, ending: str) -> Path:
    """Return a path that is named after the split, because the readers of whole files use its name."""
    return folder / f"{faces.split_name if faces.split_name in ('train', 'val', 'test') else 'faces'}{ending}"


def _write_pts(faces: FaceSet, images: Sequence[str], sizes: Sequence[tuple[int, int]], path: Path) -> None:
    """Write iBUG's format, in which pixels count from 1, as ID.pts beside `path`."""
    for name, points in zip(faces.ids.tolist(), faces.landmarks, strict=True):
        rows = "".join(f"{x + 1:.6f} {y + 1:.6f}\n" for x, y in points.tolist())
        target = path.parent / f"{name}.pts"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{rows}}}\n", encoding="utf-8")


def _write_dlib_xml(faces: FaceSet, images: Sequence[str], sizes: Sequence[tuple[int, int]], path: Path) -> None:
    """Write imglab's format: whole numbers for dlib, the exact ones in `exact`; also group, visible and the scheme."""
    grouped, digits = _has_groups(faces), max(2, len(str(faces.landmarks.shape[1] - 1)))
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("<?xml version='1.0' encoding='UTF-8'?>\n")
        file.write(f"<dataset scheme={quoteattr(faces.scheme)}>\n<name>{_plain(faces.label)}</name>\n<images>\n")
        for i, image in enumerate(images):
            left, top, right, bottom = (_nearest(side) for side in faces.boxes[i].tolist())
            box = f"top='{top}' left='{left}' width='{right - left + 1}' height='{bottom - top + 1}'"
            box += _exact(faces.boxes[i].tolist())
            box += f" group={quoteattr(faces.groups[i])}" if grouped else ""
            if image not in images[max(i - 1, 0) : i]:
                file.write(f"  <image file={quoteattr(image)}>\n")
            file.write(f"    <box {box}>\n")
            points = zip(faces.landmarks[i].tolist(), faces.visible[i].tolist(), strict=True)
            for k, ((x, y), visible) in enumerate(points):
                if math.isfinite(x) and math.isfinite(y):
                    more = _exact([x, y]) + ("" if visible else " visible='0'")
                    file.write(f"      <part name='{k:0{digits}d}' x='{_nearest(x)}' y='{_nearest(y)}'{more}/>\n")
            file.write("    </box>\n")
            if image not in images[i + 1 : i + 2]:
                file.write("  </image>\n")
        file.write("</images>\n</dataset>\n")


def _nearest(value: float) -> int:
    """Return the nearest whole number, halves up."""
    return math.floor(value + 0.5)


def _exact(values: list[float]) -> str:
    """Return the attribute with the unrounded numbers, if rounding changes any."""
    return "" if all(value == round(value) for value in values) else f" exact='{' '.join(map(repr, values))}'"


def _plain(text: str) -> str:
    """Return a string without the characters that XML would have escaped: dlib takes escapes literally."""
    return "".join(letter for letter in text if letter not in "<>&")


def _write_coco(faces: FaceSet, images: Sequence[str], sizes: Sequence[tuple[int, int]], path: Path) -> None:
    """Write COCO keypoints of one category, with its scheme beside the names; also the group."""
    scheme, grouped = get_scheme(faces.scheme), _has_groups(faces)
    numbers = {name: k for k, name in enumerate(dict.fromkeys(images), start=1)}
    flags = np.where(_annotated(faces), np.where(faces.visible, 2, 1), 0)
    values = np.concatenate([np.where(flags[..., None] > 0, faces.landmarks, 0.0), flags[..., None]], axis=-1)
    annotations = []
    for i, (x0, y0, x1, y1) in enumerate(faces.boxes.tolist()):
        row = {
            "id": i + 1,
            "image_id": numbers[images[i]],
            "category_id": 1,
            "iscrowd": 0,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
        }
        row |= {"area": (x1 - x0) * (y1 - y0), "num_keypoints": int((flags[i] > 0).sum())}
        row |= {"keypoints": [number for x, y, v in values[i].tolist() for number in (x, y, int(v))]}
        annotations.append(row | ({"group": str(faces.groups[i])} if grouped else {}))
    of_point = {point: f"{region}_{k}" for region, points in scheme.regions.items() for k, point in enumerate(points)}
    category = {"id": 1, "name": "face", "supercategory": "person", "scheme": faces.scheme}
    category |= {"keypoints": [of_point[i] for i in range(scheme.n_points)]}
    category |= {"skeleton": [[a + 1, b + 1] for a, b in scheme.edges]}  # COCO counts the points of a skeleton from 1
    content = {
        "info": {"description": faces.label},
        "images": [
            {"id": numbers[name], "file_name": name, "width": width, "height": height}
            for name, (width, height) in dict(zip(images, sizes, strict=True)).items()
        ],
        "annotations": annotations,
        "categories": [category],
    }
    with path.open("w", encoding="utf-8", newline="\n") as file:
        json.dump(content, file, ensure_ascii=False)


def _write_csv(faces: FaceSet, images: Sequence[str], sizes: Sequence[tuple[int, int]], path: Path) -> None:
    """Write one row per face; columns visible... and group only if they carry information. Attributes in words."""
    annotated, n_points = _annotated(faces), faces.landmarks.shape[1]
    flags, grouped = bool((annotated & ~faces.visible).any()), _has_groups(faces)
    header = ["path", "box_x0", "box_y0", "box_x1", "box_y1", *(f"{axis}{i}" for i in range(n_points) for axis in "xy")]
    header += [f"visible{i}" for i in range(n_points)] if flags else []
    header += ["group"] if grouped else []
    header += map(_COLUMN.format, faces.attributes)
    words = [_words(faces, name) for name in faces.attributes]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for i, image in enumerate(images):
            points = np.where(annotated[i][:, None], faces.landmarks[i], np.nan)
            cells: list[Any] = [image, *map(repr, faces.boxes[i].tolist())]
            cells += ["" if math.isnan(value) else repr(value) for value in points.ravel().tolist()]
            cells += [int(value) for value in faces.visible[i]] if flags else []
            cells += [faces.groups[i]] if grouped else []
            writer.writerow(cells + [column[i] for column in words])


def _words(faces: FaceSet, name: str) -> list[Any]:
    """Return the class of each face, or its plain number; nothing where it is not known."""
    classes = faces.attribute_types[name].classes if name in faces.attribute_types else None
    codes = faces.attributes[name].tolist()
    return ["" if code == UNKNOWN else code if classes is None else classes[code] for code in codes]


_ENDINGS = {"dlib-xml": ".xml", "coco": ".json", "csv": ".csv"}
_WRITERS = {"pts": _write_pts, "dlib-xml": _write_dlib_xml, "coco": _write_coco, "csv": _write_csv}
