"""LaPa: 106 points on 22,168 faces of MegaFace and 300-W, with a face parsing that is not read here.

Liu et al., "A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing", AAAI 2020.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.images import ImageIndex
from fldbench.datasets.jd106 import N_POINTS, photo_of, read_counted
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import ImageFiles


class LaPa(Dataset):
    """Splits train (18,168 faces), val (2,000) and test (2,000): `SPLIT/landmarks/NAME.txt`, `SPLIT/images/NAME.jpg`.

    An annotation is a line `106`, then 106 lines `x y`. The release does not say whether it counts pixels from 0 or 1;
    the numbers are taken as they are. Boxes are the tight boxes of the points. Ids are `SPLIT/NAME`. Groups are photos:
    NAME is PHOTO_FACE, or a name of 300-W's sources such as HELEN_2977907451_1_0.
    """

    name = "lapa"
    scheme = "jd-106"
    splits = ("train", "val", "test")
    expected = {"train": 18168, "val": 2000, "test": 2000}
    folder = "LaPa"
    holds = tuple(f"{split}/landmarks" for split in ("train", "val", "test"))
    licence = "research only; the images may not be redistributed"
    citation = "Liu et al., A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing, AAAI 2020"
    url = "https://github.com/JDAI-CV/lapa-dataset"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of a split, in the order of their names."""
        place = folder / split
        paths = sorted((place / "landmarks").glob("*.txt"))
        if not paths:
            raise DatasetNotFoundError("no landmarks/NAME.txt in it", place)
        images = ImageIndex([place / "images"])
        stems, points, files = self.faults.columns(
            lambda path: (path.stem, read_counted(path, N_POINTS), images.of(path.stem, path)), paths
        )
        return Columns(
            ids=[f"{split}/{stem}" for stem in stems],
            images=ImageFiles(files),
            landmarks=np.stack(points),
            groups=[photo_of(stem) for stem in stems],
        )
