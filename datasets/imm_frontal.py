"""The IMM Frontal Face Database: 73 points on 120 frontal faces, ten of each of twelve persons.

Fagertun and Stegmann, "The IMM Frontal Face Database", Technical University of Denmark, 2005.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.asf import asf_files, folder_of_asf, read_asf
from fldbench.faces import ImageFiles

N_POINTS, N_FACES = 73, 120
NAME = r"\d\d_\d\d\.asf"  # person, image


class IMMFrontal(Dataset):
    """Split all: 120 faces.

    There is no official split. Call `faces.split(0.25)`: groups are persons, and no group is cut in two.

    Points are zero-based px, boxes are their tight boxes. Ids are PERSON_IMAGE, such as `01_10`.
    """

    name = "imm-frontal"
    scheme = "imm-frontal-73"
    splits = ("all",)
    expected = {"all": N_FACES}
    folder = "imm_frontal"
    licence = "free for education and research"
    citation = "Fagertun and Stegmann, The IMM Frontal Face Database, DTU 2005"
    url = "http://www2.imm.dtu.dk/~aam/datasets/datasets.html"

    def locate(self, root: str | Path | None, split: str) -> Path:
        """Return the first of the usual folders that has .asf files."""
        return folder_of_asf(root, self.name, (self.folder, "imm_frontal_face_db"), NAME)

    def read(self, folder: Path, split: str) -> Columns:
        """Return all faces."""
        ids, points, files = self.faults.columns(
            lambda path: (path.stem, *read_asf(path, N_POINTS)), asf_files(folder, NAME)
        )
        return Columns(
            ids=ids,
            images=ImageFiles(files),
            landmarks=np.stack(points),
            groups=[one[:2] for one in ids],
        )
