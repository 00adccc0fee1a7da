"""The IMM Face Database: 58 points on 240 faces of 40 persons in the laboratory, six kinds of image each.

Nordstrøm, Larsen, Sierakowski and Stegmann, "The IMM Face Database: An Annotated Dataset of 240 Face Images", DTU 2004.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.asf import asf_files, folder_of_asf, read_asf
from fldbench.datasets.formats.attributes import GENDER
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import Attribute, ImageFiles

N_POINTS, N_KINDS = 58, 6
PERSONS = {"all": range(1, 41), "train": range(1, 33), "test": range(33, 41)}
# The two turned kinds are one class: the mirror image of a face that is turned to one side is of the other kind.
KIND = Attribute(("neutral", "happy", "turned", "spot light", "grimace"))
KINDS = {"1": 0, "2": 1, "3": 2, "4": 2, "5": 3, "6": 4}  # the number in the file's name -> our code
NAME = r"(\d\d)-([1-6])([mfMF])\.asf"  # person, kind of image, male or female


class IMM(Dataset):
    """Splits all (240 faces), and train (persons 1 to 32) and test (33 to 40).

    The database has no official split. train and test are those of a well-known course (CS 194-26, project 5) whose
    reports are compared here. For another split load `all` and call `faces.split(0.2)`: groups are persons, and no
    group is cut in two. Points are zero-based px; boxes are their tight boxes.

    Attributes from the file names: gender 0 male, 1 female; kind 0 frontal and neutral, 1 frontal and happy, 2 turned
    by about 30 degrees to either side (the files' numbers 3 and 4), 3 frontal with a spot light, 4 a grimace. Ids are
    file names without ending, such as `01-1m`.
    """

    name = "imm"
    scheme = "imm-58"
    splits = tuple(PERSONS)
    expected = {split: N_KINDS * len(persons) for split, persons in PERSONS.items()}
    folder = "imm"
    attribute_types = {"gender": GENDER, "kind": KIND}
    licence = "free for education and research"
    citation = "Nordstrøm et al., The IMM Face Database: An Annotated Dataset of 240 Face Images, DTU 2004"
    url = "http://www2.imm.dtu.dk/~aam/datasets/datasets.html"

    def locate(self, root: str | Path | None, split: str) -> Path:
        """Return the first of the usual folders that has .asf files."""
        return folder_of_asf(root, self.name, (self.folder, "imm/imm_face_db", "imm_face_db"), NAME)

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of the split's persons."""
        paths = asf_files(folder, NAME)
        names = [(path, re.fullmatch(NAME, path.name).groups()) for path in paths]
        names = [(path, parts) for path, parts in names if int(parts[0]) in PERSONS[split]]
        if not names:
            raise DatasetNotFoundError(f"no .asf file of a person of the split {split!r}", folder)
        ids, parts, points, files = self.faults.columns(
            lambda one: (one[0].stem, one[1], *read_asf(one[0], N_POINTS)), names
        )
        return Columns(
            ids=ids,
            images=ImageFiles(files),
            landmarks=np.stack(points),
            attributes={
                "gender": np.array([int(sex in "fF") for _, _, sex in parts]),
                "kind": np.array([KINDS[kind] for _, kind, _ in parts]),
            },
            groups=[person for person, _, _ in parts],
        )
