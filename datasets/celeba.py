"""CelebA: five points, persons and boxes of 202,599 photos, as text lists or as Kaggle's CSV files.

Liu, Luo, Wang and Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.images import no_images
from fldbench.datasets.formats.text import SHOWN, Unique, numbers, read_lines, refusal, stem
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import ImageFiles
from fldbench.faces.attributes import NO_YES, UNKNOWN
from fldbench.faces.image_paths import ImageFolder
from fldbench.faults import Faults
from fldbench.params import one_of

N_POINTS = 5
PARTS = {"train": "0", "val": "1", "test": "2"}
POINTS = {"aligned": "list_landmarks_align_celeba", "wild": "list_landmarks_celeba"}
FOLDERS = {
    "aligned": ("img_align_celeba/img_align_celeba", "img_align_celeba", "Img/img_align_celeba"),
    "wild": ("img_celeba", "Img/img_celeba"),
}
BOXES, PARTITION, PERSONS = "list_bbox_celeba", "list_eval_partition", "identity_CelebA"
ATTRIBUTES = "list_attr_celeba"
FLAGS = {"-1": 0, "1": 1}  # the file's -1 is no, not unknown
PLACES = ("", "Anno", "Eval")


class CelebA(Dataset):
    """Splits train (162,770), val (19,867) and test (19,962) by list_eval_partition, and all.

    Lists end in .txt, as released, or .csv, as on Kaggle, and lie in the dataset's folder, Anno/ or Eval/. Points: eye
    centres, nose tip, mouth corners, px as the files have them. Images `aligned` are those of 178 x 218 px, with the
    tight boxes of the points; `wild` the photos, with the boxes of list_bbox_celeba where it is there (some have no
    size: such faces are faulty). Groups are persons where identity_CelebA.txt is there. Without images predictions can
    be scored but no method can run. Ids are file names without ending, such as `000001`.

    Attributes, where list_attr_celeba is there, -1 unknown: those that its header names, such as Smiling, Eyeglasses
    and Male, 0 no, 1 yes.

    Parameters
    ----------
    images : {"aligned", "wild"}
    """

    name = "celeba"
    scheme = "mtfl-5"
    splits = ("train", "val", "test", "all")
    expected = {"train": 162770, "val": 19867, "test": 19962, "all": 202599}
    folder = "celeba"
    holds = tuple(
        f"{place}/{name}{ending}".lstrip("/")
        for place in PLACES
        for name in POINTS.values()
        for ending in (".txt", ".csv")
    )
    rules = {"images": one_of(("aligned", "wild"))}
    licence = "research only; the images may not be redistributed"
    citation = "Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015"
    url = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"

    def __init__(self, images: str = "aligned"):
        self.images = images

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of a split, in the order of their list."""
        path = _find(folder, POINTS[self.images])
        if path is None:
            raise DatasetNotFoundError(f"no {POINTS[self.images]}.txt or .csv", folder)
        part_of = _column(folder, PARTITION, self.faults)
        if split != "all" and part_of is None:
            raise DatasetNotFoundError(f"no {PARTITION}.txt or .csv, which says what is {split!r}", folder)
        persons = _column(folder, PERSONS, self.faults)
        boxes = _boxes(folder, self.faults) if self.images == "wild" else None
        flagged, flags = _attributes(folder, self.faults)
        place = next((folder / name for name in FOLDERS[self.images] if (folder / name).is_dir()), None)
        images, unique = None if place is None else ImageFolder(place), Unique(path)
        faces = []
        for line, (name, *words) in _rows(path):
            if split != "all" and part_of is not None and part_of.get(name) != PARTS[split]:
                continue
            with self.faults:
                if len(words) != 2 * N_POINTS:
                    allowed = f"{2 * N_POINTS + 1}: a file name and five points x y"
                    raise refusal("the number of columns", len(words) + 1, allowed, path, line)
                points = numbers(words, path, line)
                if boxes is not None and name not in boxes:
                    raise refusal("the box of a face", None, f"in {BOXES}, with a width and a height", path, line)
                file = "" if images is None else images.find(name, path, line)
                unique.add(name, line)
                faces.append((name, points, file))
        self.faults.check_some(len(faces))
        if not faces:
            raise DatasetNotFoundError(f"no face of the split {split!r} in it", path)
        names, points, files = zip(*faces, strict=True)
        return Columns(
            ids=[stem(name) for name in names],
            images=no_images(len(faces), "celeba", f"folder {FOLDERS[self.images][-1]}")
            if images is None
            else ImageFiles(files),
            landmarks=np.array(points).reshape(-1, N_POINTS, 2),
            boxes=None if boxes is None else np.array([boxes[name] for name in names]),
            attributes=dict(zip(flagged, _flags_of(names, flags, len(flagged)), strict=True)),
            attribute_types=dict.fromkeys(flagged, NO_YES),
            groups=None if persons is None else [persons.get(name, stem(name)) for name in names],
        )


def _find(base: Path, name: str) -> Path | None:
    places = (base / place / f"{name}{ending}" for place in PLACES for ending in (".txt", ".csv"))
    return next((path for path in places if path.is_file()), None)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return line and words of each row; the rows before the first image are the count and the header."""
    rows = [(line, text.replace(",", " ").split()) for line, text in read_lines(path)]
    return [(line, words) for line, words in rows if "." in words[0]]


def _column(base: Path, name: str, faults: Faults) -> dict[str, str] | None:
    """Return file name -> value of a list with two columns; None without the list."""
    path = _find(base, name)
    if path is None:
        return None
    found = {}
    for line, words in _rows(path):
        with faults:
            if len(words) != 2:
                raise refusal("a line", " ".join(words)[:SHOWN], "a file name and a number", path, line)
            found[words[0]] = words[1]
    return found


def _attributes(base: Path, faults: Faults) -> tuple[list[str], dict[str, list[int]]]:
    """Return the names of the attributes, and file name -> their codes; none without the list."""
    path = _find(base, ATTRIBUTES)
    if path is None:
        return [], {}
    rows, unique, found = _rows(path), Unique(path), {}
    heads = [(line, text.replace(",", " ").split()) for line, text in read_lines(path)]
    line, header = heads[max(len(heads) - len(rows) - 1, 0)]
    names = [name for name in header if name != "image_id"]
    if len(rows) == len(heads) or len(set(names)) < len(names):
        raise refusal("the header", " ".join(header)[:SHOWN], "the names of the attributes, each once", path, line)
    for line, (name, *words) in rows:
        with faults:  # a face of a faulty row has no attributes
            if len(words) != len(names):
                allowed = f"{len(names) + 1}: a file name and {len(names)} flags"
                raise refusal("the number of columns", len(words) + 1, allowed, path, line)
            unique.add(name, line)
            for attribute, word in zip(names, words, strict=True):
                if word not in FLAGS:
                    raise refusal(f"the attribute {attribute}", word[:SHOWN], "-1 no or 1 yes", path, line)
            found[name] = [FLAGS[word] for word in words]
    return names, found


def _flags_of(names: Sequence[str], flags: Mapping[str, list[int]], n: int) -> np.ndarray:
    """Return the codes of n attributes of the faces with these file names, (n, faces) int."""
    return np.array([flags.get(name, [UNKNOWN] * n) for name in names], int).reshape(len(names), n).T


def _boxes(base: Path, faults: Faults) -> dict[str, list[float]] | None:
    """Return file name -> x0, y0, x1, y1 of the boxes that have a size; None without the list."""
    path = _find(base, BOXES)
    if path is None:
        return None
    found = {}
    for line, (name, *words) in _rows(path):
        with faults:
            values = numbers(words, path, line)
            if len(values) != 4:
                raise refusal(
                    "the number of columns", len(words) + 1, "5: a file name, x, y, width, height", path, line
                )
            x, y, width, height = values
            if width > 0 and height > 0:  # else the face is faulty, and told with the line of its points
                found[name] = [x, y, x + width, y + height]
    return found
