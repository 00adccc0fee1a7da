"""The content of a dataset, in numbers and as a picture: `info` and `preview`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fldbench.dataset import SOUND
from fldbench.errors import DataError, must_be
from fldbench.escape import plain
from fldbench.faces import FaceSet
from fldbench.faces.attributes import UNKNOWN
from fldbench.faces.frame import outside
from fldbench.faces.image_files import exif_orientation, header_size
from fldbench.geometry import box_size
from fldbench.media.bars import word_panel
from fldbench.media.draw import contact_sheet
from fldbench.media.harm_sheet import harm_sheet
from fldbench.media.sheet import CELL, face_picture
from fldbench.schemes import get_scheme

SAMPLE = 500  # images for the statistics of sizes
_CELL_NUMBERED = 640  # px per face of a preview with the numbers of the points


def info(faces: FaceSet, sample: int = SAMPLE) -> dict[str, Any]:
    """Count everything in a dataset; `info_text` makes lines of the result.

    Parameters
    ----------
    faces : FaceSet
    sample : int
        At most this many images, evenly spread, are looked at for their sizes, by the headers of their files.

    Returns
    -------
    dict
        JSON values:

        - name, split, faces, scheme, points
        - notes: how the files were understood, lines
        - parts: part -> [found, expected]; absent: the parts with fewer faces than expected
        - annotated: points with coordinates; missing points; hidden points (False in `visible` though annotated)
        - attributes: name -> class -> faces, of all classes, and "unknown" for -1
        - numbers: name -> {least, median, largest, unknown} of the attributes that are plain numbers
        - subsets: name -> faces
        - groups: known (whether the dataset tells), number, largest
        - box_sides: [least, median, largest] px of the longer side; None without faces
        - images: sampled, unreadable (of those), width and height [least, median, largest] px or None, oriented (with
          an EXIF orientation, read as they are stored), turned (by their EXIF orientation), outside (faces with
          more than a quarter of their points outside of their image), and why none can be read
    """
    annotated = np.isfinite(faces.landmarks).all(axis=2)
    known = bool(len(faces)) and not (faces.groups == faces.ids).all()
    sizes, typed = np.unique(faces.groups, return_counts=True)[1], faces.attribute_types
    return {
        "name": faces.name,
        "split": faces.split_name,
        "faces": len(faces),
        "scheme": faces.scheme,
        "points": get_scheme(faces.scheme).n_points,
        "notes": list(faces.notes),
        "parts": {part: list(counts) for part, counts in faces.parts.items()},
        "absent": [part for part, (n, wanted) in faces.parts.items() if n < wanted and part != SOUND],
        "annotated": int(annotated.sum()),
        "missing": int((~annotated).sum()),
        "hidden": int((annotated & ~faces.visible).sum()),
        "attributes": {name: class_counts(faces, name) for name in typed},
        "numbers": {name: _number(faces.attributes[name]) for name in faces.attributes if name not in typed},
        "subsets": {name: int(column.sum()) for name, column in faces.subsets.items()},
        "groups": {"known": known, "number": len(sizes), "largest": int(sizes.max(initial=0))},
        "box_sides": _range(box_size(faces.boxes).max(axis=1)),
        "images": _image_sizes(faces, sample) | {"outside": outside(faces, sample)[0]},
    }


def info_text(facts: dict[str, Any]) -> str:
    """Return the result of `info` as lines for a terminal."""
    lines = [
        ("dataset", f"{facts['name'] or 'unnamed'}, split {facts['split'] or 'unnamed'}"),
        ("faces", str(facts["faces"])),
        ("scheme", f"{facts['scheme']}, {facts['points']} points per face"),
        ("points", f"{facts['annotated']} annotated, {facts['missing']} missing, {facts['hidden']} hidden"),
    ]
    lines += [("note", note) for note in facts["notes"]]
    lines += [("part", f"{part}: {found} of {wanted}") for part, (found, wanted) in facts["parts"].items()]
    lines.append(("incomplete", ", ".join(facts["absent"]) or "nothing"))
    groups, images = facts["groups"], facts["images"]
    told = f"{groups['number']}, the largest with {groups['largest']} faces" if groups["known"] else "not known"
    lines.append(("groups", told))
    for name, classes in facts["attributes"].items():
        lines.append(("attribute", f"{name}: " + ", ".join(f"{key} {count}" for key, count in classes.items())))
    for name, number in facts["numbers"].items():
        known = number["least"] is not None
        told = "{least} to {largest}, median {median:g}".format(**number) if known else "none known"
        lines.append(("attribute", f"{name}: {told}, unknown {number['unknown']}"))
    lines += [("subset", f"{name}: {count}") for name, count in facts["subsets"].items()]
    lines.append(("box side", _range_text(facts["box_sides"])))
    if images["width"]:
        lines.append(("image width", _range_text(images["width"])))
        lines.append(("image height", _range_text(images["height"])))
        lines.append(("images", f"{images['sampled']} looked at, {images['unreadable']} unreadable"))
        if images["turned"]:
            lines.append(("orientation", f"{images['turned']} images are turned by their EXIF orientation"))
        if images["oriented"]:
            lines.append(("orientation", as_stored(images["oriented"], images["sampled"])))
        if images["outside"]:
            lines.append(("outside", f"{images['outside']} faces have more than a quarter of their points outside"))
    else:
        lines.append(("images", images["why"] or "none"))
    return "\n".join(f"{key:<13} {plain(value)}" for key, value in lines)


def as_stored(count: int, n: int) -> str:
    """Return what a user should know about images whose EXIF orientation is not applied."""
    return (
        f"{count} of {n} images have an EXIF orientation and are read as they are stored; if their points were set on "
        "images shown upright, give the option orientation=upright"
    )


def class_counts(faces: FaceSet, name: str) -> dict[str, int]:
    """Return class -> faces of an attribute, for all its classes in the order of their codes, then `unknown`."""
    codes = faces.attributes[name]
    counts = {meaning: int((codes == code).sum()) for code, meaning in enumerate(faces.attribute_type(name).classes)}
    return counts | {"unknown": int((codes == UNKNOWN).sum())}


def _number(codes: np.ndarray) -> dict[str, Any]:
    known = codes[codes != UNKNOWN]
    told = (int(known.min()), float(np.median(known)), int(known.max())) if known.size else (None,) * 3
    return dict(zip(("least", "median", "largest"), told, strict=True)) | {"unknown": int((codes == UNKNOWN).sum())}


def _range(values: np.ndarray) -> list[float] | None:
    finite = values[np.isfinite(values)]
    return [float(finite.min()), float(np.median(finite)), float(finite.max())] if finite.size else None


def _range_text(values: list[float] | None) -> str:
    return "unknown" if values is None else f"{values[0]:.0f} to {values[2]:.0f} px, median {values[1]:.0f}"


def _image_sizes(faces: FaceSet, sample: int) -> dict[str, Any]:
    spread = np.linspace(0, len(faces) - 1, min(sample, len(faces))) if len(faces) else np.empty(0)
    rows = np.unique(spread.astype(int)).tolist()
    sizes, why, oriented, turned = [], "", 0, 0
    for row in rows:
        try:
            encoded = faces.images.encoded(row)
            size = header_size(encoded) if encoded is not None else None
            oriented += encoded is not None and exif_orientation(encoded) != 1
            turned += faces.images.turned_by(row) != 1
            sizes.append(size or faces.images[row].shape[1::-1])
        except DataError as error:
            why = why or str(error)
    columns = np.array(sizes, float).reshape(-1, 2)
    return {
        "sampled": len(rows),
        "unreadable": len(rows) - len(sizes),
        "width": _range(columns[:, 0]),
        "height": _range(columns[:, 1]),
        "oriented": oriented,
        "turned": turned,
        "why": why if not sizes else "",
    }


def preview(
    faces: FaceSet,
    columns: int = 8,
    numbers: bool = False,
    sample: int = 48,
    ids: Sequence[str] | None = None,
    random_state: int = 0,
    attributes: bool = False,
) -> np.ndarray:
    """Return a contact sheet, RGB: each face with its surroundings, its points and the scheme's lines.

    A face whose image cannot be read shows its points on grey.

    Parameters
    ----------
    faces : FaceSet
    columns : int
        Faces in a row.
    numbers : bool
        Write the numbers of the points, in larger cells.
    sample : int
        How many faces, drawn with random_state and kept in the order of the set.
    ids : sequence of str, optional
        These faces, in this order, instead of a sample.
    random_state : int
    attributes : bool
        Write each face's id and the classes of its attributes below it.

    Returns
    -------
    ndarray
        uint8 (rows cell, columns cell, 3); a cell has 160 px, or 640 px with numbers, and is higher with attributes.

    Raises
    ------
    DataError
        For an id that the set does not have, a set without faces or, if they are to be written, without attributes, and
        columns below 1.
    """
    wanted = len(faces) if ids is None else len(ids)
    if columns < 1:
        raise DataError(must_be("preview", "columns", columns, "1 or more"))
    if not wanted:
        raise DataError(f"{faces.label}: there is no face to draw; choose at least one")
    if ids is None:
        count = min(max(sample, 1), len(faces))
        rows = np.sort(np.random.default_rng(random_state).choice(len(faces), count, replace=False)).tolist()
    else:
        rows = _rows_of(faces, ids)
    cell = _CELL_NUMBERED if numbers else CELL
    pictures = [face_picture(faces, row, cell, numbers) for row in rows]
    if not attributes:
        return contact_sheet(pictures, columns, cell)
    if not faces.attributes:
        raise DataError(f"{faces.label}: the faces have no attributes; leave them out of the sheet")
    panels = [word_panel(_attributes(faces, row), cell, str(faces.ids[row])) for row in rows]
    return contact_sheet(pictures, columns, cell, panels)


def harms_preview(faces: FaceSet, ids: Sequence[str] | None = None) -> np.ndarray:
    """Return the first face, or the faces with these ids, under every harm: a `harm_sheet` for each, RGB.

    Raises DataError for an id that the set does not have, and for a set without faces.
    """
    rows = [0][: len(faces)] if ids is None else _rows_of(faces, ids)
    if not rows:
        raise DataError(f"{faces.label}: there is no face to draw; choose at least one")
    return np.concatenate([harm_sheet(faces, row) for row in rows])


def _attributes(faces: FaceSet, row: int) -> dict[str, str]:
    """Return the attributes of a face in words: a class, a number, or a dash for an unknown one."""
    words = {}
    for name, column in faces.attributes.items():
        code, kind = int(column[row]), faces.attribute_types.get(name)
        words[name] = "–" if code == UNKNOWN else str(code) if kind is None else kind.classes[code]
    return words


def _rows_of(faces: FaceSet, ids: Sequence[str]) -> list[int]:
    row_of = {face: row for row, face in enumerate(faces.ids.tolist())}
    for one in ids:
        if one not in row_of:
            raise DataError(f"{faces.label} has no face {one!r}; its ids look like {next(iter(row_of), '')!r}")
    return [row_of[one] for one in ids]
