"""WFLW: 98 points, a face box and six attributes on 10,000 faces of WIDER FACE.

Wu, Qian, Yang, Wang, Cai and Zhou, "Look at Boundary: A Boundary-Aware Face Alignment Algorithm", CVPR 2018.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fldbench.dataset import Dataset, find_folder
from fldbench.datasets.formats.text import image_files, numbers, read_lines, stem
from fldbench.errors import DataError
from fldbench.faces import FaceSet

LISTS = {"train": "list_98pt_rect_attr_train.txt", "test": "list_98pt_rect_attr_test.txt"}
LIST_PLACES = (
    "WFLW_annotations/list_98pt_rect_attr_train_test",
    "WFLW_annotations",
    "list_98pt_rect_attr_train_test",
    "",
)
SUBSET_PLACES = ("WFLW_annotations/list_98pt_test", "WFLW_annotations", "list_98pt_test", "")
N_POINTS = 98
# In the order of the columns: subset -> (its faces, the word in the name of its own list)
SUBSETS = {
    "pose": (326, "largepose"),
    "expression": (314, "expression"),
    "illumination": (698, "illumination"),
    "make-up": (206, "makeup"),
    "occlusion": (736, "occlusion"),
    "blur": (773, "blur"),
}
N_COLUMNS = 2 * N_POINTS + 4 + len(SUBSETS) + 1


class WFLW(Dataset):
    """Splits train (7500 faces) and test (2500; subsets pose, expression, illumination, make-up, occlusion, blur).

    Boxes are the official ones, x_min y_min x_max y_max of the lists. The release does not say from where it counts
    pixels; every public reader takes the numbers as they are, and so does this one.

    Attributes, of both splits: the six names above, 0 or 1. The subsets of test are its flags; where the release's own
    lists of the subsets (list_98pt_test_largepose.txt, ...) are there too, both must name the same faces.

    A photo has several faces and a face has no name. Ids are the photo's path without ending and the face's number
    among those of its photo, in the order of the list: `0--Parade/0_Parade_marchingband_1_116@1`. Groups are photos.
    """

    scheme = "wflw-98"
    splits = tuple(LISTS)
    expected = {"train": 7500, "test": 2500} | {name: n for name, (n, _) in SUBSETS.items()}
    folder = "wflw"
    licence = "research only; the images may not be redistributed"
    citation = "Wu et al., Look at Boundary: A Boundary-Aware Face Alignment Algorithm, CVPR 2018"
    url = "https://wywu.github.io/projects/LAB/WFLW.html"

    def load(self, root: str | Path | None, split: str) -> FaceSet:
        """The faces of one list. Raises DatasetNotFoundError, and DataError with file and line."""
        known = [f"{place}/{name}".lstrip("/") for place in LIST_PLACES for name in LISTS.values()]
        base = find_folder(root, "wflw", self.folder, ("WFLW_annotations", "WFLW_images", *known))
        path = _find(base, LIST_PLACES, LISTS[split]) or base / LIST_PLACES[0] / LISTS[split]
        names, lines, keys, values, flags = [], [], [], [], []
        for line, text in read_lines(path):
            *words, name = _columns(text, N_COLUMNS, "x0 y0 ... x97 y97, 4 of the box, 6 attributes, path", path, line)
            keys.append((name, words[0], words[1]))
            names.append(name)
            lines.append(line)
            values.append(numbers(words[: -len(SUBSETS)], path, line))
            flags.append(
                [_flag(key, word, path, line) for key, word in zip(SUBSETS, words[-len(SUBSETS) :], strict=True)]
            )
        values = np.array(values)
        boxes = values[:, 2 * N_POINTS :]
        _check_boxes(boxes, path, lines)
        attributes = dict(zip(SUBSETS, np.array(flags).T, strict=True))
        photos = next((base / place for place in ("WFLW_images", "images") if (base / place).is_dir()), base)
        images = image_files(photos, names, path, lines)
        if split == "test":
            _check_subsets(base, keys, attributes)
        groups = [stem(name) for name in names]
        return FaceSet(
            ids=np.array(_numbered(groups)),
            images=images,
            boxes=boxes,
            landmarks=values[:, : 2 * N_POINTS].reshape(-1, N_POINTS, 2),
            scheme=self.scheme,
            attributes=attributes,
            subsets={name: flag == 1 for name, flag in attributes.items()} if split == "test" else {},
            groups=np.array(groups),
            name="wflw",
            split_name=split,
            parts={split: (len(names), self.expected[split])},
        )


def _find(base: Path, places: tuple[str, ...], name: str) -> Path | None:
    """The first of base/place/name that is there."""
    return next((base / place / name for place in places if (base / place / name).is_file()), None)


def _columns(text: str, n: int, what: str, path: Path, line: int) -> list[str]:
    """The n columns of a line; the last one, a path, may hold blanks."""
    words = text.split(None, n - 1)
    if len(words) != n:
        raise DataError(f"{len(words)} columns; needed are {n}, with blanks between: {what}", path, line)
    return words


def _flag(key: str, word: str, path: Path, line: int) -> int:
    if word not in ("0", "1"):
        raise DataError(f"the attribute {key} is {word[:40]!r}; allowed: 0, 1", path, line)
    return int(word)


def _check_boxes(boxes: np.ndarray, path: Path, lines: list[int]) -> None:
    bad = np.flatnonzero((boxes[:, 2:] <= boxes[:, :2]).any(axis=1))
    if bad.size:
        box = boxes[bad[0]].tolist()
        raise DataError(f"the box is {box}; needed is x_min y_min x_max y_max, max above min", path, lines[bad[0]])


def _numbered(photos: list[str]) -> list[str]:
    """Each face's photo and its number there.

    >>> _numbered(["a", "b", "a"])
    ['a@1', 'b@1', 'a@2']
    """
    seen: Counter[str] = Counter()
    ids = []
    for photo in photos:
        seen[photo] += 1
        ids.append(f"{photo}@{seen[photo]}")
    return ids


def _check_subsets(base: Path, keys: list[tuple[str, str, str]], attributes: Mapping[str, np.ndarray]) -> None:
    """The lists of the subsets, where they are, name the faces whose flags are 1.

    keys: path, x0 and y0 of each face, as written; together they tell faces apart, and each list repeats them.
    """
    for subset, (_, word) in SUBSETS.items():
        path = _find(base, SUBSET_PLACES, f"list_98pt_test_{word}.txt")
        if path is None:
            continue
        flagged = {key for key, flag in zip(keys, attributes[subset], strict=True) if flag}
        listed = {}
        for line, text in read_lines(path):
            words = _columns(text, 2 * N_POINTS + 1, "x0 y0 ... x97 y97, path", path, line)
            listed[words[-1], words[0], words[1]] = line
        advice = f"fetch both from one release, or remove {path.parent.name}/ to trust the flags"
        for key, line in listed.items():
            if key not in flagged:
                raise DataError(
                    f"a face of {key[0][-80:]!r} that {LISTS['test']} does not flag {subset}; {advice}", path, line
                )
        if len(listed) < len(flagged):
            raise DataError(f"{len(listed)} faces; {LISTS['test']} flags {len(flagged)} {subset}; {advice}", path, line)
