"""MUCT: 76 points on 3,755 photos of 276 persons, taken by five cameras at once.

Milborrow, Morkel and Nicolls, "The MUCT Landmarked Face Database", PRASA 2010.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.attributes import GENDER
from fldbench.datasets.formats.images import no_images
from fldbench.datasets.formats.text import Unique, numbers, read_lines, refusal, split_columns
from fldbench.errors import DataError
from fldbench.faces import ImageFiles
from fldbench.faces.attributes import NO_YES
from fldbench.faces.image_paths import ImageFolder

N_POINTS = 76
TABLE = "muct76-opencv.csv"
HEADER = "name,tag,x00,y00"
CAMERAS = "abcde"
_NAME = re.compile(
    r"i(?P<mirrored>r?)(?P<person>\d{3})(?P<light>[q-z])(?P<camera>[a-e])-(?P<gender>[fm])(?P<glasses>[ng])"
)


class MUCT(Dataset):
    """One split, all (3,755 faces); split it by person: `faces.split(0.2)`.

    `muct-landmarks/muct76-opencv.csv`: a header, then one row `name,tag,x00,y00,...,x75,y75` for each face. The origin
    is the top-left pixel. A point 0,0 is unavailable (behind the nose or the side of the face; only in views b and c):
    NaN and not visible. The table's second half, mirrored faces with names in `ir...`, is left out. Images are
    `jpg/NAME.jpg`; without that folder predictions can be scored but no method can run.

    A name is i000qa-fn: person 000, lighting q, camera a, female or male (f, m), glasses or none (g, n). Hence the
    groups (persons; 247 and 248 are twins), the attributes gender (0 male, 1 female) and glasses (0 no, 1 yes), and
    the subsets camera-a to camera-e. Boxes are the tight boxes of the points.
    """

    name = "muct"
    scheme = "muct-76"
    splits = ("all",)
    expected = {"all": 3755}
    folder = "muct"
    holds = (f"muct-landmarks/{TABLE}", TABLE)
    attribute_types = {"gender": GENDER, "glasses": NO_YES}
    licence = "free for research; the images may not be reproduced in public"
    citation = "Milborrow, Morkel and Nicolls, The MUCT Landmarked Face Database, PRASA 2010"
    url = "https://github.com/StephenMilborrow/muct"

    def read(self, folder: Path, split: str) -> Columns:
        """Return all faces, without the mirrored ones."""
        path = next(folder / name for name in self.holds if (folder / name).exists())
        images = ImageFolder(folder / "jpg") if (folder / "jpg").is_dir() else None
        unique, rows = Unique(path), []
        for line, text in _lines(path):
            with self.faults:
                parts, points = _face(text, path, line)
                if parts["mirrored"]:
                    continue
                file = "" if images is None else images.find(f"{parts.string}.jpg", path, line)
                unique.add(parts.string, line)
                rows.append((parts, points, file))
        self.faults.check_some(len(rows))
        if not rows:
            raise DataError("holds no face, only mirrored ones; fetch it again", path, 1)
        parts, points, files = zip(*rows, strict=True)
        return Columns(
            ids=[one.string for one in parts],
            images=no_images(len(rows), "muct", "folder jpg/") if images is None else ImageFiles(files),
            landmarks=np.stack(points),
            attributes={
                "gender": np.array([one["gender"] == "f" for one in parts]),
                "glasses": np.array([one["glasses"] == "g" for one in parts]),
            },
            subsets={f"camera-{camera}": np.array([one["camera"] == camera for one in parts]) for camera in CAMERAS},
            groups=[one["person"] for one in parts],
        )


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines behind the header, also those of the mirrored faces."""
    (line, header), *rows = read_lines(path)
    if not header.startswith(HEADER):
        raise refusal("the header", header[:40], f"'{HEADER},...'", path, line)
    return rows


def _face(text: str, path: Path, line: int) -> tuple[re.Match[str], np.ndarray]:
    """Return the match of the name and the points (76, 2) px of a row."""
    name, *words = split_columns(text, 2 + 2 * N_POINTS, "name,tag,x00,y00,...", path, line, ",")
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise refusal("a name", name[:40], "one such as i000qa-fn", path, line)
    points = np.array(numbers(words[1:], path, line)).reshape(N_POINTS, 2)
    points[(points == 0).all(axis=1)] = np.nan
    if np.isnan(points).all():
        raise DataError("a face without any available point; leave the row out", path, line)
    return parts, points
