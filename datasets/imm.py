"""The IMM Face Database: 58 points on 240 faces of 40 persons in the laboratory, six kinds of image each.

Nordstrøm, Larsen, Sierakowski and Stegmann, "The IMM Face Database: An Annotated Dataset of 240 Face Images", DTU 2004.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fldbench.dataset import Dataset
from fldbench.datasets.formats.asf import find_asf, read_asf
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import FaceSet, ImageFiles
from fldbench.geometry import tight_box

N_POINTS, N_KINDS = 58, 6
PERSONS = {"all": range(1, 41), "train": range(1, 33), "test": range(33, 41)}
NAME = r"(\d\d)-([1-6])([mfMF])\.asf"  # person, kind of image, male or female


class IMM(Dataset):
    """Splits all (240 faces), and train (persons 1 to 32) and test (33 to 40).

    The database has no official split. train and test are those of a well-known course (CS 194-26, project 5) whose
    reports are compared here; for another one load `all` and split it by person, which its groups stand for
    (`faces.split(0.2)`; groups are never cut in two). Points are zero-based px; boxes are their tight boxes.

    Attributes from the file names: gender 0 male, 1 female; kind, the file's number less 1: 0 frontal and neutral,
    1 frontal and happy, 2 and 3 turned by about 30 degrees to either side, 4 frontal with a spot light, 5 any grimace.
    Ids are file names without ending, such as `01-1m`.
    """

    scheme = "imm-58"
    splits = tuple(PERSONS)
    expected = {split: N_KINDS * len(persons) for split, persons in PERSONS.items()}
    folder = "imm"
    licence = "free for education and research"
    citation = "Nordstrøm et al., The IMM Face Database: An Annotated Dataset of 240 Face Images, DTU 2004"
    url = "http://www2.imm.dtu.dk/~aam/datasets/datasets.html"

    def load(self, root: str | Path | None, split: str) -> FaceSet:
        """The faces of the split's persons. Raises DatasetNotFoundError, and DataError that names file and line."""
        paths = find_asf(root, "imm", (self.folder, "imm/imm_face_db", "imm_face_db"), NAME)
        names = [(path, re.fullmatch(NAME, path.name).groups()) for path in paths]
        names = [(path, parts) for path, parts in names if int(parts[0]) in PERSONS[split]]
        if not names:
            raise DatasetNotFoundError(f"no .asf file of a person of the split {split!r}", paths[0].parent)
        read = [read_asf(path, N_POINTS) for path, _ in names]
        landmarks = np.stack([points for points, _ in read])
        return FaceSet(
            ids=np.array([path.stem for path, _ in names]),
            images=ImageFiles([image for _, image in read]),
            boxes=tight_box(landmarks),
            landmarks=landmarks,
            scheme=self.scheme,
            attributes={
                "gender": np.array([int(sex in "fF") for _, (_, _, sex) in names]),
                "kind": np.array([int(kind) - 1 for _, (_, kind, _) in names]),
            },
            groups=np.array([person for _, (person, _, _) in names]),
            name="imm",
            split_name=split,
            parts={split: (len(names), self.expected[split])},
        )
