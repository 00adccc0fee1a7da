"""MTFL: five points and four attributes on 12,995 faces from the web, LFW and AFLW.

Zhang, Luo, Loy and Tang, "Facial Landmark Detection by Deep Multi-task Learning", ECCV 2014.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.attributes import GENDER, POSE
from fldbench.datasets.formats.text import Unique, box, numbers, read_lines, refusal, split_columns, stem
from fldbench.faces import ImageFiles
from fldbench.faces.attributes import NO_YES, UNKNOWN
from fldbench.faces.image_paths import ImageFolder
from fldbench.faults import Faults
from fldbench.geometry import tight_box

LISTS = {"train": "training.txt", "test": "testing.txt"}
BOX_LISTS = {"train": "training_boxes.txt", "test": "testing_boxes.txt"}
N_POINTS, N_WORDS = 5, 15
ATTRIBUTES = {"gender": GENDER, "smile": NO_YES, "glasses": NO_YES, "pose": POSE}
# The codes of the file, in the order of our codes 0, 1, ...
CODES = {"gender": (1, 2), "smile": (2, 1), "glasses": (2, 1), "pose": (1, 2, 3, 4, 5)}


class MTFL(Dataset):
    """Splits train (10,000 faces of the folders lfw_5590 and net_7876) and test (2,995 of AFLW).

    A line is `PATH x1..x5 y1..y5 gender smile glasses pose`; slashes and backslashes in the path, and blanks before
    and within it, are all read. Points: eye centres, nose tip, mouth corners. The files do not say whether they count
    pixels from 0 or 1; the numbers are taken as they are.

    Boxes are the tight boxes of the points. If the boxes of a face detector are beside a list (training_boxes.txt,
    testing_boxes.txt: `PATH x0 y0 x1 y1 score`), they replace the tight boxes, and the subset `detected` holds the
    faces that have one; a face that the detector missed keeps its tight box and is not in the subset. `parts` counts
    the boxes.

    Attributes, -1 unknown (the file's -1; the official files have none):
    gender 0 male, 1 female; smile and glasses 0 no, 1 yes; pose 0 left profile (-60 degrees), 1 left (-30), 2 frontal,
    3 right (+30), 4 right profile (+60), where left is image-left. (The file counts from 1; its 1 is yes, its 2 no.)

    Ids are the paths without ending, such as `lfw_5590/Aaron_Eckhart_0001`. Groups are persons in LFW and photos
    elsewhere: several faces were cut out of one photo.
    """

    name = "mtfl"
    scheme = "mtfl-5"
    splits = ("train", "test")
    expected = {"train": 10000, "test": 2995}
    folder = "mtfl"
    holds = tuple(LISTS.values())
    attribute_types = ATTRIBUTES
    licence = "research only; the images may not be redistributed"
    citation = "Zhang et al., Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014"
    url = "http://mmlab.ie.cuhk.edu.hk/projects/TCDCN.html"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of training.txt or testing.txt, in their order."""
        path = folder / LISTS[split]
        images, unique = ImageFolder(folder), Unique(path)

        def face(row: tuple[int, str]) -> tuple[str, list[float], list[int], str]:
            line, text = row
            name, *words = text.rsplit(None, N_WORDS - 1)
            if len(words) != N_WORDS - 1:
                allowed = f"{N_WORDS}, with blanks between: PATH x1..x5 y1..y5 gender smile glasses pose"
                raise refusal("the number of columns", len(words) + 1, allowed, path, line)
            name = name.replace("\\", "/")
            points = numbers(words[: 2 * N_POINTS], path, line)
            codes = [_code(key, word, path, line) for key, word in zip(ATTRIBUTES, words[2 * N_POINTS :], strict=True)]
            file = images.find(name, path, line)
            unique.add(stem(name), line)
            return stem(name), points, codes, file

        ids, points, codes, files = self.faults.columns(face, read_lines(path))
        landmarks = np.array(points).reshape(-1, 2, N_POINTS).transpose(0, 2, 1)
        boxes, detected = _detected(folder / BOX_LISTS[split], ids, tight_box(landmarks), self.faults)
        counted = {} if detected is None else {"boxes of a detector": (int(detected.sum()), len(ids))}
        return Columns(
            ids=ids,
            images=ImageFiles(files),
            boxes=None if detected is None else boxes,
            landmarks=landmarks,
            attributes=dict(zip(ATTRIBUTES, np.array(codes).T, strict=True)),
            subsets={} if detected is None else {"detected": detected},
            groups=[_group(one) for one in ids],
            parts={split: (len(ids), self.expected[split])} | counted,
        )


def _detected(path: Path, ids: list[str], boxes: np.ndarray, faults: Faults) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the boxes, replaced by those of a detector, and which faces have one; None without a list."""
    if not path.is_file():
        return boxes, None
    found = {}
    for line, text in read_lines(path):
        with faults:  # a face of a faulty row keeps its tight box
            # The path may hold blanks, so columns are counted from the right.
            head, *words = text.rsplit(None, 5)
            if len(words) != 5:
                split_columns(text, 6, "PATH x0 y0 x1 y1 score", path, line)
            numbers(words[4:], path, line)
            corners = box(words[:4], path, line)
            one = stem(head.replace("\\", "/"))
            if one in found:
                raise refusal("the face", one[-80:], "in one line only", path, line)
            found[one] = corners
    detected = np.array([one in found for one in ids])
    boxes[detected] = np.array([found[one] for one in ids if one in found]).reshape(-1, 4)
    return boxes, detected


_OURS = {key: {str(code): i for i, code in enumerate(codes)} for key, codes in CODES.items()}


def _code(key: str, word: str, path: Path, line: int) -> int:
    """Return our code of an attribute for the word in the file."""
    if word == str(UNKNOWN):
        return UNKNOWN
    if word not in _OURS[key]:
        meanings = sorted(zip(CODES[key], ATTRIBUTES[key].classes, strict=True))
        meant = ", ".join(f"{code} {meaning}" for code, meaning in meanings)
        raise refusal(key, word[:40], f"{meant} or {UNKNOWN} unknown", path, line)
    return _OURS[key][word]


def _group(face: str) -> str:
    """Return the person or photo of a face.

    >>> [_group(one) for one in ("lfw_5590/Al_Gore_0003", "net_7876/12_1_0", "net_7876/_-20_16_2", "AFLW/07-image9")]
    ['lfw_5590/Al_Gore', 'net_7876/12', 'net_7876/_-20_16', 'AFLW/image9']
    """
    folder, _, name = face.rpartition("/")
    if folder.endswith("lfw_5590"):
        name = re.sub(r"_\d+$", "", name)
    elif folder.endswith("net_7876"):
        name = re.sub(r"^(\d+)_\d+_\d+$|^(_-?\d+_\d+)_\d+$", lambda match: match[1] or match[2], name)
    elif folder.endswith("AFLW"):
        name = re.sub(r"^\d+-", "", name)
    return f"{folder}/{name}" if folder else name
