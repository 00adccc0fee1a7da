"""LaPa: 106 points on 22,168 faces of MegaFace and 300-W, with a face parsing that is not read here.

Liu et al., "A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing", AAAI 2020.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fldbench.dataset import Dataset, find_folder
from fldbench.datasets.formats.images import images_of
from fldbench.datasets.jd106 import N_POINTS, photo_of, read_counted
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import FaceSet
from fldbench.geometry import tight_box


class LaPa(Dataset):
    """Splits train (18,168 faces), val (2,000) and test (2,000): `SPLIT/landmarks/NAME.txt`, `SPLIT/images/NAME.jpg`.

    An annotation is a line `106`, then 106 lines `x y`. The release does not say from where it counts pixels; the
    numbers are taken as they are. Boxes are the tight boxes of the points. Ids are `SPLIT/NAME`. Groups are photos:
    NAME is PHOTO_FACE, or a name of 300-W's sources such as HELEN_2977907451_1_0.
    """

    scheme = "jd-106"
    splits = ("train", "val", "test")
    expected = {"train": 18168, "val": 2000, "test": 2000}
    folder = "LaPa"
    licence = "research only; the images may not be redistributed"
    citation = "Liu et al., A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing, AAAI 2020"
    url = "https://github.com/JDAI-CV/lapa-dataset"

    def load(self, root: str | Path | None, split: str) -> FaceSet:
        """The faces of a split. Raises DatasetNotFoundError, and DataError with file and line."""
        base = find_folder(root, "lapa", self.folder, tuple(f"{name}/landmarks" for name in self.splits))
        place = base / split
        paths = sorted((place / "landmarks").glob("*.txt"))
        if not paths:
            raise DatasetNotFoundError("no landmarks/NAME.txt in it", place)
        stems = [path.stem for path in paths]
        landmarks = np.stack([read_counted(path, N_POINTS) for path in paths])
        return FaceSet(
            ids=np.array([f"{split}/{stem}" for stem in stems]),
            images=images_of(paths, stems, [place / "images"]),
            boxes=tight_box(landmarks),
            landmarks=landmarks,
            scheme=self.scheme,
            groups=np.array([photo_of(stem) for stem in stems]),
            name="lapa",
            split_name=split,
            parts={split: (len(stems), self.expected[split])},
        )
