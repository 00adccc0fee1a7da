"""The IMM Frontal Face Database: 73 points on 120 frontal faces, ten of each of twelve persons.

Fagertun and Stegmann, "The IMM Frontal Face Database", Technical University of Denmark, 2005.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fldbench.dataset import Dataset
from fldbench.datasets.formats.asf import find_asf, read_asf
from fldbench.faces import FaceSet, ImageFiles
from fldbench.geometry import tight_box

N_POINTS, N_FACES = 73, 120
NAME = r"\d\d_\d\d\.asf"  # person, image


class IMMFrontal(Dataset):
    """Split all: 120 faces. There is no official split; split by person, which the groups stand for
    (`faces.split(0.25)`; groups are never cut in two).

    Points are zero-based px, boxes are their tight boxes. Ids are PERSON_IMAGE, such as `01_10`.
    """

    scheme = "imm-frontal-73"
    splits = ("all",)
    expected = {"all": N_FACES}
    folder = "imm_frontal"
    licence = "free for education and research"
    citation = "Fagertun and Stegmann, The IMM Frontal Face Database, DTU 2005"
    url = "http://www2.imm.dtu.dk/~aam/datasets/datasets.html"

    def load(self, root: str | Path | None, split: str = "all") -> FaceSet:
        """All faces. Raises DatasetNotFoundError, and DataError that names file and line."""
        paths = find_asf(root, "imm-frontal", (self.folder, "imm_frontal_face_db"), NAME)
        read = [read_asf(path, N_POINTS) for path in paths]
        landmarks = np.stack([points for points, _ in read])
        return FaceSet(
            ids=np.array([path.stem for path in paths]),
            images=ImageFiles([image for _, image in read]),
            boxes=tight_box(landmarks),
            landmarks=landmarks,
            scheme=self.scheme,
            groups=np.array([path.stem[:2] for path in paths]),
            name="imm-frontal",
            split_name="all",
            parts={"all": (len(paths), N_FACES)},
        )
