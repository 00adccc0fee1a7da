"""Any table of faces: a CSV file with a header that names its columns."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.datasets.formats.frames import stated_size
from fldbench.datasets.formats.text import refusal
from fldbench.datasets.yours.annotation_file import Annotation, AnnotationFile, Parsed, number, scheme_for
from fldbench.datasets.yours.attribute_columns import ATTRIBUTES, Cells, attribute_columns, coded
from fldbench.datasets.yours.columns import BOX_NAMES, COLUMNS, PATH_NAMES, SIZED_NAMES, check_is_header, renamed
from fldbench.datasets.yours.missing import EMPTY, FLAGS
from fldbench.errors import DataError
from fldbench.files import read_text
from fldbench.params import FLAG, one_of, optional


class CSVTable(AnnotationFile):
    """A comma-separated table in UTF-8 with one row for each face. The names in the header decide, not their order.

    path                the image, relative to `images`; file, file_name, filename, image, image_path and image_name
                        serve as well
    x0, y0, x1, ...     points, zero-based px; both empty (or nan): not annotated
    box_x0, box_y0, box_x1, box_y1    optional, px; named so because x0 and y0 are the first point. All four empty: the
                        tight box of the points
    visible0, ...       optional, 1 or 0 for each point; empty: visible
    image_width, image_height   optional, px of the image when it was annotated: compared with the image
    id, group           optional; else the path without ending (and #k for the k-th face of an image with several)

    Other columns are ignored. Rows without any point are left out, and `parts` counts them; a row with a box and a
    known attribute is a face without landmarks.

    Parameters
    ----------
    file, scheme
        As in AnnotationFile.
    images : str or Path, optional
        The folder that paths are relative to, itself relative to the table's; None: the table's.
    columns : dict, optional
        Which columns hold what, where their names are others: `image`, `id`, `group` (a column), `points` (columns x,
        y, x, y, ...), `box` (x0, y0, x1, y1) or `box_size` (x, y, width, height). A column is its name or its number
        from 0. Columns are a list; or FIRST:LAST, from one to another; or for points a pattern such as
        "{point}_{axis}", where axis is x or y and points are ordered by number, or as in the header where they have
        names.
    attributes : dict or list, optional
        Columns that hold attributes: their names, or NAME -> {`column`: name or number, by default NAME; `classes`:
        their names, in the order of the codes 0, 1, ...; `mirrored`, `ordered`: as in `fldbench.faces.Attribute`}. A
        cell is a class or its code; empty, -1, NA or unknown: not known. Without `classes` whole numbers stay numbers,
        such as an age, and words are classes in alphabetical order.
    header : bool
        False for a table without a header; `columns` must say which columns hold what, by number.
    first : {0, 1}
        The number of the first pixel in the file.
    """

    name = "csv"
    ending = ".csv"
    rules = {
        **AnnotationFile.rules,
        **{"columns": optional(COLUMNS), "attributes": optional(ATTRIBUTES), "header": FLAG, "first": one_of((0, 1))},
    }

    def __init__(
        self,
        file: str | Path | None = None,
        scheme: str | None = None,
        images: str | Path | None = None,
        columns: dict[str, Any] | None = None,
        attributes: dict[str, Any] | list[str] | None = None,
        header: bool = True,
        first: int = 0,
    ):
        super().__init__(file, scheme)
        self.images = images
        self.columns = columns
        self.attributes = attributes
        self.header = header
        self.first = first

    def parse(self, path: Path) -> Parsed:
        """Return the scheme, the folder of the images, and every row."""
        reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
        found, cells, attributes, columns, scheme = [], [], [], None, self.scheme
        try:
            for row in reader:
                if not row:
                    continue
                if columns is None:
                    names = [name.strip() for name in row] if self.header else [str(i) for i in range(len(row))]
                    if self.header and self.columns is None:
                        check_is_header(names, path, reader.line_num)
                    named = renamed(names, self.columns, path, reader.line_num)
                    attributes = attribute_columns(self.attributes, names, path, reader.line_num)
                    columns = _Columns(named, path, reader.line_num, self.first)
                    scheme = scheme_for(columns.n_points, self.scheme, path, reader.line_num)
                    if self.header:
                        continue
                with self.faults:
                    found.append(columns.annotation(row, reader.line_num))
                    words = tuple(row[one.place].strip() for one in attributes)
                    cells.append(Cells(words, reader.line_num))
        except csv.Error as error:
            raise DataError(f"not a CSV file ({error})", path, reader.line_num) from error
        types, codes, notes = coded(attributes, cells, path, self.faults)
        faces = [replace(one, attributes=own) for one, own in zip(found, codes, strict=True) if own is not None]
        return Parsed(scheme, path.parent / (self.images or ""), faces, tuple(notes), types)


class _Columns:
    """The columns of a table by their meaning."""

    def __init__(self, header: list[str], file: Path, line: int, first: int):
        self.file, self.header, self.first = file, header, first
        place: dict[str, int] = {}
        for i, name in enumerate(self.header):
            if place.setdefault(name, i) != i and name:
                raise DataError(f"the column {name[:40]!r} is given twice", file, line)
        self.place = place
        known = [name for name in PATH_NAMES if name in place]
        self.n_points = sum(bool(re.fullmatch(r"x\d{1,6}", name)) for name in place)
        wanted = [f"{axis}{i}" for i in range(self.n_points) for axis in "xy"]
        n_y = sum(bool(re.fullmatch(r"y\d{1,6}", name)) for name in place)
        absent = [name for name in wanted if name not in place]
        if not known or not self.n_points or absent or n_y != self.n_points:
            allowed = "columns path, x0, y0, x1, y1, ... with commas between them"
            then = f"{absent[0]} is absent" if absent else ""
            raise refusal("the header", ", ".join(self.header)[:76], allowed, file, line, then)
        self.path = place[known[0]]
        self.points = [place[name] for name in wanted]
        self.box = [place[name] for name in BOX_NAMES if name in place]
        self.sized = [place[name] for name in SIZED_NAMES if name in place]
        self.size = [place.get(name) for name in ("image_width", "image_height")]
        self.visible = [place[f"visible{i}"] for i in range(self.n_points) if f"visible{i}" in place]
        for found, names in ((self.box, BOX_NAMES), (self.visible, [f"visible{i}" for i in range(self.n_points)])):
            if found and len(found) != len(names):
                raise refusal(
                    f"the number of columns {names[0]} ... {names[-1]}", len(found), f"0 or {len(names)}", file, line
                )

    def annotation(self, row: list[str], line: int) -> Annotation:
        if len(row) != len(self.header):
            raise refusal("the number of columns", len(row), f"{len(self.header)}, as in the header", self.file, line)
        points = np.array(self._numbers(row, self.points, line)).reshape(-1, 2) - self.first
        half = np.flatnonzero(np.isnan(points).sum(axis=1) == 1)
        if half.size:
            raise DataError(f"point {half[0]} has one coordinate; must have both or none", self.file, line)
        box = np.array(self._numbers(row, self.box or self.sized, line)) - self.first
        if self.sized:
            box[2:] += box[:2] + self.first
        if np.isnan(box).any() and not np.isnan(box).all():
            raise DataError("a box with an empty side; must have all four or none", self.file, line)
        if not row[self.path].strip():
            raise DataError("no path of an image; fill the cell", self.file, line)
        return Annotation(
            image=row[self.path],
            points=points,
            line=line,
            box=None if np.isnan(box).any() or not box.size else box,
            visible=self._flags(row, line),
            size=stated_size(*("" if i is None else row[i] for i in self.size)),
            id=row[self.place["id"]] if "id" in self.place else "",
            group=row[self.place["group"]] if "group" in self.place else "",
        )

    def _numbers(self, row: list[str], columns: list[int], line: int) -> list[float]:
        """Return cells as px, NaN for an empty one."""
        values = []
        for i in columns:
            word = row[i].strip()
            try:
                values.append(np.nan if word.lower() in EMPTY else number(word))
            except ValueError:
                allowed = "a number of pixels, or nothing"
                raise refusal(self.header[i], word[:40], allowed, self.file, line) from None
        return values

    def _flags(self, row: list[str], line: int) -> np.ndarray | None:
        words = [row[i].strip() for i in self.visible]
        for i, word in zip(self.visible, words, strict=True):
            if word.lower() not in FLAGS:
                raise refusal(self.header[i], word[:40], "1 or 0, true or false, visible or occluded", self.file, line)
        return np.array([FLAGS[word.lower()] for word in words]) if words else None
