"""YouTu-88: the 88 points of Tencent YouTu's face-shape service, as JSON or CSV; labels by a machine, not a person.

A public project put them on CelebA's aligned images: 39,998 to train, 2,000 to choose, 1,999 to test.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.dataset import FAR, Columns, Dataset
from fldbench.datasets.formats.images import ImageIndex
from fldbench.datasets.formats.text import Unique, numbers, read_lines, refusal, split_columns, stem
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faces import ImageFiles
from fldbench.faces.image_paths import ImageFolder
from fldbench.faults import Faults

# The scheme's order. Do not rely on the order of keys in a file: it once scrambled the project's targets.
FEATURES = {
    "face_profile": 21,
    "nose": 13,
    "mouth": 22,
    "left_eyebrow": 8,
    "left_eye": 8,
    "right_eyebrow": 8,
    "right_eye": 8,
}
N_POINTS = sum(FEATURES.values())
COLUMNS = [f"{feature}_{k}_{axis}" for feature, n in FEATURES.items() for k in range(n) for axis in "xy"]
TABLE = "landmarks.csv"


class YouTu88(Dataset):
    """Splits train, val and test, each a folder of that name, and all, the faces in the dataset's folder itself.

    There is no official layout. In the folder, either a table landmarks.csv, or one file for each face,
    `annotations/NAME.json` or `NAME.json`; images are NAME.jpg (or .png) in `images/` if there is such a folder,
    else in the folder itself.

    JSON: one object with the lists face_profile (21 points), nose (13), mouth (22), left_eyebrow, left_eye,
    right_eyebrow, right_eye (8 each), in any order, a point being [x, y] or {"x": x, "y": y}; or an answer of the
    service, which has such objects in a list `face_shape`: its first face counts. Left is image-left.
    CSV: the image's file name, then 176 numbers. With a header, the first column is `image` and the others are named
    FEATURE_K_x and FEATURE_K_y (`mouth_0_x`), in any order; without one they are x, y, x, y, ... in the order above.

    Points are zero-based pixels. Boxes are the tight boxes of the points. Ids are the image names without ending.
    """

    name = "youtu88"
    scheme = "youtu-88"
    splits = ("all", "train", "val", "test")
    expected = {"train": 39998, "val": 2000, "test": 1999}
    folder = "youtu88"
    holds = (".",)
    licence = "images: CelebA, research only; the points come from a commercial service"
    citation = "Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015 (images); Tencent YouTu (points)"
    url = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of the split's folder."""
        place = folder if split == "all" else folder / split
        files = sorted([*place.glob("*.json"), *(place / "annotations").glob("*.json")])
        if (place / TABLE).is_file():
            ids, points, images = _from_table(place, self.faults)
        elif files:
            index = ImageIndex([place / "images", place])
            ids, points, images = self.faults.columns(
                lambda path: (path.stem, read_json(path), index.of(path.stem, path)), files
            )
        else:
            raise DatasetNotFoundError(f"no {TABLE}, no annotations/NAME.json and no NAME.json in it", place)
        return Columns(ids=ids, images=ImageFiles(images), landmarks=np.stack(points))


def read_json(path: str | Path) -> np.ndarray:
    """Return the points (88, 2) px of a JSON file, in the scheme's order; raise DataError with the line."""
    lines = dict(read_lines(path))
    text = "\n".join(lines.get(number, "") for number in range(1, max(lines) + 1))
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON ({error.msg}); fetch it again", path, error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON of points ({error}); fetch it again", path, min(lines)) from None
    shape = content.get("face_shape", content) if isinstance(content, dict) else content
    shape = shape[0] if isinstance(shape, list) and shape else shape
    if not isinstance(shape, dict):
        raise DataError(f"holds no face; must hold an object with {', '.join(FEATURES)}", path, min(lines))
    points = []
    for feature in FEATURES:
        try:
            points += _feature(shape, feature)
        except ValueError as error:
            line = next((number for number, text in lines.items() if f'"{feature}"' in text), min(lines))
            raise DataError(str(error), path, line) from None
    return np.array(points)


def _feature(shape: dict[str, Any], feature: str) -> list[list[float]]:
    """Return the points of a feature; raise ValueError, which says what is wrong."""
    points = shape.get(feature)
    if not isinstance(points, list) or len(points) != FEATURES[feature]:
        got = f"{len(points)} points" if isinstance(points, list) else "no list" if feature in shape else "absent"
        raise ValueError(f"{feature!r} is {got}; must be a list of {FEATURES[feature]} points")
    return [_point(point, feature) for point in points]


def _point(point: Any, feature: str) -> list[float]:
    pair = [point.get("x"), point.get("y")] if isinstance(point, dict) else point
    if isinstance(pair, list) and len(pair) == 2 and all(type(value) in (int, float) for value in pair):
        try:
            values = [float(value) for value in pair]
        except OverflowError:
            values = [math.inf]
        if all(-FAR < value < FAR for value in values):
            return values
    raise ValueError(f"a point of {feature!r} is {str(point)[:40]}; must be [x, y], two finite numbers below {FAR:g}")


def _from_table(place: Path, faults: Faults) -> list[list[Any]]:
    """Return ids, points and images of landmarks.csv."""
    path = place / TABLE
    rows, order = read_lines(path), np.arange(2 * N_POINTS)
    line, cells = rows[0][0], [cell.strip() for cell in rows[0][1].split(",")]
    if cells[0] == "image":
        if sorted(cells[1:]) != sorted(COLUMNS):
            strange = next((cell for cell in cells[1:] if cell not in COLUMNS), "a missing or repeated column")
            allowed = f"image and {len(COLUMNS)} columns such as {COLUMNS[0]}"
            raise refusal("the header", cells[:3], allowed, path, line, f"the first wrong column is {strange[:40]!r}")
        order = np.array([cells[1:].index(column) for column in COLUMNS])
        rows = rows[1:]
    if not rows:
        raise DataError("a header and no face", path, line)
    images = ImageFolder(place / "images" if (place / "images").is_dir() else place)
    unique = Unique(path)

    def face(row: tuple[int, str]) -> tuple[str, np.ndarray, str]:
        line, text = row
        what = f"the image's file name, then {len(COLUMNS)} numbers"
        name, *words = split_columns(text, len(COLUMNS) + 1, what, path, line, ",")
        points = np.array(numbers(words, path, line))[order].reshape(N_POINTS, 2)
        file = images.find(name, path, line)
        unique.add(stem(name), line)
        return stem(name), points, file

    return faults.columns(face, rows)
