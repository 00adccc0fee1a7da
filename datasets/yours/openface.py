"""The tables of OpenFace 2: the 68 points that it found, one row for each face of a frame or photo.

Baltrusaitis, Zadeh, Lim and Morency, "OpenFace 2.0: Facial Behavior Analysis Toolkit", FG 2018.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fldbench.datasets.formats.images import ImageIndex
from fldbench.datasets.formats.text import numbers, read_lines, refusal
from fldbench.datasets.yours.annotation_file import Annotation, AnnotationFile, Parsed, scheme_for
from fldbench.datasets.yours.columns import renamed

FOUND = "success"
COUNTERS = ("frame", "face_id", "face")


class OpenFace(AnnotationFile):
    """A table with the columns frame, face_id, timestamp, confidence, success, x_0, ..., y_0, ...

    Points are px of the frame as the file has them; other columns (gaze, pose, 3-D points) are ignored. Rows with
    success 0 are left out. Boxes are tight. The points come from a machine, not a person. Groups are tables: clips.

    The image of a row is the one in the folder `images` whose name ends with the frame's number, such as `000012.jpg`
    or `frame_12.png`; that of the table of a photo lies beside it and has its name. Without images, predictions can be
    scored but no method can run. Ids are TABLE/FRAME and, for several faces of a frame, #k.

    Parameters
    ----------
    file, scheme
        As in AnnotationFile.
    images : str or Path, optional
        The folder of the frames, relative to the table's; None: the folder beside the table with its name.
    """

    name = "openface"
    ending = ".csv"
    url = "https://github.com/TadasBaltrusaitis/OpenFace/wiki/Output-Format"

    def __init__(self, file: str | Path | None = None, scheme: str | None = None, images: str | Path | None = None):
        super().__init__(file, scheme)
        self.images = images

    def parse(self, path: Path) -> Parsed:
        """Return the scheme, the folder of the table, and every row."""
        (first, text), *rows = read_lines(path)
        header = [name.strip() for name in text.split(",")]
        new = renamed(header, {"points": "{axis}_{point}"}, path, first)
        n_points = sum(bool(re.fullmatch(r"x\d+", name)) for name in new)
        scheme = scheme_for(n_points, self.scheme, path, first)
        table = _Table(
            path,
            len(header),
            [new.index(f"{axis}{i}") for i in range(n_points) for axis in "xy"],
            {name: header.index(name) for name in (*COUNTERS, FOUND) if name in header},
            _Frames(path, self.images),
        )
        found = []
        for line, text in rows:
            with self.faults:
                found.append(table.face(text, line))
        self.faults.check_some(len(found))
        return Parsed(scheme, path.parent, found)


class _Frames:
    """The images of the frames by their numbers, else the image beside the table."""

    def __init__(self, path: Path, images: str | Path | None):
        self.folder = path.parent / (images or path.stem)
        index = ImageIndex([self.folder]).paths
        names = {stem: re.search(r"(\d{1,12})$", stem) for stem in index}
        self.by_number = {int(match[1]): Path(index[stem]).name for stem, match in names.items() if match}
        self.place = self.folder.relative_to(path.parent).as_posix() if images is None else Path(images).as_posix()
        beside = ImageIndex([path.parent]).paths.get(path.stem)
        self.photo = None if beside is None or self.by_number else Path(beside).name

    def image(self, number: int) -> str | None:
        """Return the image of a frame, relative to the table's folder; None if there is none."""
        name = self.by_number.get(number)
        return self.photo if name is None else f"{self.place}/{name}"


@dataclass
class _Table:
    path: Path
    width: int
    points: list[int]
    places: dict[str, int]
    frames: _Frames

    def face(self, text: str, line: int) -> Annotation:
        cells = [cell.strip() for cell in text.split(",")]
        if len(cells) != self.width:
            raise refusal("the number of columns", len(cells), f"{self.width}, as in the header", self.path, line)
        known = dict(zip(self.places, numbers([cells[i] for i in self.places.values()], self.path, line), strict=True))
        number = int(known.get("frame", 0))
        image = self.frames.image(number)
        points = np.array(numbers([cells[i] for i in self.points], self.path, line)).reshape(-1, 2)
        return Annotation(
            image=f"{self.path.stem}/{number}" if image is None else image,
            points=points,
            line=line,
            group=self.path.stem,
            has_image=image is not None,
            ignored=known.get(FOUND, 1) == 0,
        )
