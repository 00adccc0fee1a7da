"""WFLW: 98 points, a face box and six attributes on 10,000 faces of WIDER FACE.

Wu, Qian, Yang, Wang, Cai and Zhou, "Look at Boundary: A Boundary-Aware Face Alignment Algorithm", CVPR 2018.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.images import no_images
from fldbench.datasets.formats.text import numbers, read_lines, refusal, stem
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faces import ImageFiles
from fldbench.faces.attributes import NO_YES
from fldbench.faces.image_paths import ImageFolder, holds_any
from fldbench.faults import Faults

LISTS = {"train": "list_98pt_rect_attr_train.txt", "test": "list_98pt_rect_attr_test.txt"}
LIST_PLACES = (
    "WFLW_annotations/list_98pt_rect_attr_train_test",
    "WFLW_annotations",
    "list_98pt_rect_attr_train_test",
    "",
)
SUBSET_PLACES = ("WFLW_annotations/list_98pt_test", "WFLW_annotations", "list_98pt_test", "")
IMAGE_FOLDERS = ("WFLW_images", "images")
NO_IMAGES = f"folder {' or '.join(IMAGE_FOLDERS)}"
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

# The identity of a face: path, x0 and y0 of the first point, as written. The subset lists repeat them.
Key = tuple[str, str, str]


class WFLW(Dataset):
    """Splits train (7500 faces) and test (2500; subsets pose, expression, illumination, make-up, occlusion, blur).

    Boxes are the official ones, x_min y_min x_max y_max of the lists. The release does not say whether it counts pixels
    from 0 or 1; every public reader takes the numbers as they are, and so does this one.

    Attributes, of both splits: the six names above, 0 no, 1 yes. The subsets of test are its flags; where the release's
    own lists of the subsets (list_98pt_test_largepose.txt, ...) are there too, both must name the same faces.

    A photo has several faces and a face has no name. Ids of train are the photo's path without ending and the face's
    number among those of its photo, in the order of the list: `0--Parade/0_Parade_marchingband_1_116@1`. Those of test
    have the face's first point, as the lists write it, in place of the number: `PHOTO@x216.123001y264.334991`. So a
    face has one id, whether the full list or only the lists of the subsets are there. Groups are photos.

    Where the list of test is absent, the faces of the lists of the subsets are read: all six have 1,966 of the 2,500
    faces. These lists have no boxes, so boxes are the tight boxes of the points. If a list is absent, its flag is -1
    and its subset is empty.

    Without a folder WFLW_images predictions can be scored but no method can run.
    """

    name = "wflw"
    scheme = "wflw-98"
    splits = tuple(LISTS)
    expected = {"train": 7500, "test": 2500} | {name: n for name, (n, _) in SUBSETS.items()}
    folder = "wflw"
    holds = (
        *("WFLW_annotations", "WFLW_images", "list_98pt_test"),
        *(f"{place}/{name}".lstrip("/") for place in LIST_PLACES for name in LISTS.values()),
        *(f"list_98pt_test_{word}.txt" for _, word in SUBSETS.values()),
    )
    attribute_types = dict.fromkeys(SUBSETS, NO_YES)
    licence = "research only; the images may not be redistributed"
    citation = "Wu et al., Look at Boundary: A Boundary-Aware Face Alignment Algorithm, CVPR 2018"
    url = "https://wywu.github.io/projects/LAB/WFLW.html"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of the split's list, or those of the lists of the subsets."""
        path = _find(folder, LIST_PLACES, LISTS[split])
        subsets = _subset_lists(folder) if split == "test" else {}
        if path is not None:
            return _from_list(folder, path, split, subsets, self.faults)
        if subsets:
            return _from_subsets(folder, subsets, self.faults)
        raise DatasetNotFoundError(
            f"no list of the split {split!r}; looked for {LISTS[split]}"
            + (" and list_98pt_test_largepose.txt, ..." if split == "test" else ""),
            folder / LIST_PLACES[0],
        )


def _from_list(folder: Path, path: Path, split: str, subsets: Mapping[str, Path], faults: Faults) -> Columns:
    """Return the faces of a full list."""
    lines = read_lines(path)
    images = _image_folder(folder, (text.split(None, N_COLUMNS - 1)[-1] for _, text in lines))
    seen: Counter[str] = Counter()

    def face(row: tuple[int, str]) -> tuple[Key, str, list[float], list[int], str]:
        line, text = row
        what = "x0 y0 ... x97 y97, 4 of the box, 6 attributes, path"
        *words, name = _columns(text, N_COLUMNS, what, path, line)
        key = (name, words[0], words[1])
        own = _pointed(key) if split == "test" else stem(name)
        seen[own] += 1  # a faulty face keeps its number, so that the ids of the others do not depend on it
        one = own if split == "test" and seen[own] == 1 else f"{own}@{seen[own]}"
        values = numbers(words[: -len(SUBSETS)], path, line)
        flags = [_flag(key, word, path, line) for key, word in zip(SUBSETS, words[-len(SUBSETS) :], strict=True)]
        x0, y0, x1, y1 = values[2 * N_POINTS :]
        if not (x0 < x1 and y0 < y1):
            raise refusal("the box", [x0, y0, x1, y1], "x_min, y_min, x_max, y_max, each max above its min", path, line)
        return key, one, values, flags, "" if images is None else images.find(name, path, line)

    keys, ids, values, flags, files = faults.columns(face, lines)
    values = np.array(values)
    attributes = dict(zip(SUBSETS, np.array(flags).T, strict=True))
    if not faults.count:
        _check_subsets(subsets, keys, attributes)
    photos = [stem(name) for name, _, _ in keys]
    return Columns(
        ids=ids,
        images=no_images(len(ids), "wflw", NO_IMAGES) if images is None else ImageFiles(files),
        boxes=values[:, 2 * N_POINTS :],
        landmarks=values[:, : 2 * N_POINTS].reshape(-1, N_POINTS, 2),
        attributes=attributes,
        subsets={name: flag == 1 for name, flag in attributes.items()} if split == "test" else {},
        groups=photos,
    )


def _from_subsets(folder: Path, subsets: Mapping[str, Path], faults: Faults) -> Columns:
    """Return the faces of the lists of the subsets, each once, in the order in which the lists name them first."""
    faces: dict[Key, list[str]] = {}
    members: dict[str, set[Key]] = {name: set() for name in subsets}
    place_of: dict[Key, tuple[Path, int]] = {}
    for subset, path in subsets.items():
        for line, text in read_lines(path):
            with faults:
                key, words = _subset_face(text, path, line)
                if faces.setdefault(key, words) != words:
                    other, at = place_of[key]
                    raise DataError(
                        f"other points than {other.name}, line {at}, has for one face of {key[0][-80:]!r}; "
                        "fetch both lists from one release",
                        path,
                        line,
                    )
                place_of.setdefault(key, (path, line))
                members[subset].add(key)
    faults.check_some(len(faces))
    images = _image_folder(folder, (name for name, _, _ in faces))

    def face(key: Key) -> tuple[Key, list[float], str]:
        return key, numbers(faces[key], *place_of[key]), "" if images is None else images.find(key[0], *place_of[key])

    keys, points, files = faults.columns(face, faces)
    names = [name for name, _, _ in keys]
    flags = {name: np.array([int(key in members[name]) if name in members else -1 for key in keys]) for name in SUBSETS}
    return Columns(
        ids=[_pointed(key) for key in keys],
        images=no_images(len(keys), "wflw", NO_IMAGES) if images is None else ImageFiles(files),
        landmarks=np.array(points).reshape(-1, N_POINTS, 2),
        attributes=flags,
        subsets={name: flag == 1 for name, flag in flags.items()},
        groups=[stem(name) for name in names],
    )


def _find(base: Path, places: tuple[str, ...], name: str) -> Path | None:
    """Return the first of base/place/name that is there."""
    return next((base / place / name for place in places if (base / place / name).is_file()), None)


def _subset_lists(base: Path) -> dict[str, Path]:
    """Return subset -> its list, for those that are there."""
    found = {name: _find(base, SUBSET_PLACES, f"list_98pt_test_{word}.txt") for name, (_, word) in SUBSETS.items()}
    return {name: path for name, path in found.items() if path is not None}


def _subset_face(text: str, path: Path, line: int) -> tuple[Key, list[str]]:
    """Return the key and the words of the points of a line of a subset's list."""
    *words, name = _columns(text, 2 * N_POINTS + 1, "x0 y0 ... x97 y97, path", path, line)
    return (name, words[0], words[1]), words


def _columns(text: str, n: int, what: str, path: Path, line: int) -> list[str]:
    """Return the n columns of a line; the last one, a path, may hold blanks."""
    words = text.split(None, n - 1)
    if len(words) != n:
        raise refusal("the number of columns", len(words), f"{n}, with blanks between: {what}", path, line)
    return words


def _flag(key: str, word: str, path: Path, line: int) -> int:
    if word not in ("0", "1"):
        raise refusal(f"the attribute {key}", word[:40], "0 or 1", path, line)
    return int(word)


def _image_folder(base: Path, names: Iterable[str]) -> ImageFolder | None:
    """Return the folder of the images, or the dataset's own if it has any of the first ones; None without images."""
    place = next((base / folder for folder in IMAGE_FOLDERS if (base / folder).is_dir()), base)
    return None if place == base and not holds_any(base, names) else ImageFolder(place)


def _pointed(key: Key) -> str:
    """Return a face's photo with the face's first point.

    >>> _pointed(("a.jpg", "1.0", "2.0"))
    'a@x1.0y2.0'
    """
    name, x, y = key
    return f"{stem(name)}@x{x}y{y}"


def _check_subsets(subsets: Mapping[str, Path], keys: list[Key], attributes: Mapping[str, np.ndarray]) -> None:
    """Raise DataError if the subset lists do not name exactly the faces with flag 1."""
    for subset, path in subsets.items():
        flagged = {key for key, flag in zip(keys, attributes[subset], strict=True) if flag}
        listed = {_subset_face(text, path, line)[0]: line for line, text in read_lines(path)}
        advice = f"fetch both from one release, or remove {path.parent.name}/ to trust the flags"
        for key, line in listed.items():
            if key not in flagged:
                raise DataError(
                    f"a face of {key[0][-80:]!r} that {LISTS['test']} does not flag {subset}; {advice}", path, line
                )
        if len(listed) < len(flagged):
            last = max(listed.values())
            raise DataError(f"{len(listed)} faces; {LISTS['test']} flags {len(flagged)} {subset}; {advice}", path, last)
