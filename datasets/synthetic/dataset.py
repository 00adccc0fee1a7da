"""Synthetic faces: a built-in dataset without files. Shape, pose and rendering are in separate modules."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.attributes import POSE
from fldbench.datasets.synthetic.anchors import SCHEMES
from fldbench.datasets.synthetic.annotations import annotations
from fldbench.datasets.synthetic.conditions import SUBSETS
from fldbench.datasets.synthetic.dose import CAUSES, MOST, Dose
from fldbench.datasets.synthetic.sample import ATTRIBUTES, face_image
from fldbench.errors import DataError, must_be
from fldbench.faces import Images
from fldbench.faces.attributes import NO_YES
from fldbench.params import one_of, whole

SIZE = 160  # px, both sides
COUNTS = {"train": 2000, "test": 400}
SEEDS = {"train": 1, "test": 2}
MAX_FACES = 1_000_000
# Stands for the pictures in fingerprints. If a change makes other pictures, this value must change too; a test pins the
# pictures.
GENERATOR = "generator 2"


class Synthetic(Dataset):
    """Splits train and test (400 faces), 160 px; ids such as `test-0007`.

    Everything about face i of a split is drawn from the split's seed and i, so its bytes are always the same. Boxes are
    the tight boxes of the points; `visible` is False where something hides a point. Attributes: smile, glasses, beard
    (0 no, 1 yes) and pose as `mtfl` codes it (0 left profile .. 4 right profile, by the yaw at -45, -15, 15 and 45
    degrees). Subsets: those of WFLW, with the strengths that `conditions` states. There are no persons, so each face is
    its own group.

    Parameters
    ----------
    scheme : {"ibug-68", "mtfl-5", "imm-58", "imm-frontal-73", "youtu-88", "wflw-98"}
        The landmark scheme that is read off the head. The pictures are the same under each scheme.
    faces : int
        Number of training faces. The first faces do not depend on it.
    cause : {"", "yaw", "light", "occlusion", "skin", "size"}
        What is varied, with all else of each face fixed; empty for nothing. Such faces are in no subset.
    dose : int
        How much of it, from 0 to 4: yaw 0, 15, 30, 45, 60 degrees; light 0, 25, 50, 70, 85 degrees from the front;
        occlusion by hair, from a bare forehead to over the brows; skin from very light to very dark; size 96, 64, 43,
        29, 19 px of the landmarks' box.
    """

    name = "synthetic"
    scheme = "ibug-68"
    splits = ("train", "test")
    attribute_types = dict.fromkeys(ATTRIBUTES, NO_YES) | {"pose": POSE}
    rules = {
        "scheme": one_of(SCHEMES),
        "faces": whole(1, MAX_FACES),
        "cause": one_of(("", *CAUSES)),
        "dose": whole(0, MOST),
    }
    licence = "made by fldbench; BSD-3-Clause, may be shown anywhere"

    def __init__(self, scheme: str = "ibug-68", faces: int = COUNTS["train"], cause: str = "", dose: int = 0):
        self.scheme = scheme
        self.faces = faces
        self.cause = cause
        self.dose = dose

    @property
    def expected(self) -> dict[str, int]:
        """Return the number of faces of each split."""
        return COUNTS | {"train": self.faces}

    def locate(self, root: str | Path | None, split: str) -> Path:
        """Return a path that nothing reads: no file is needed."""
        return Path()

    def read(self, folder: Path, split: str) -> Columns:
        """Return the landmarks of a split; images are rendered on access."""
        if self.dose and not self.cause:
            raise DataError(must_be("synthetic", "cause", self.cause, f"one of {', '.join(CAUSES)} for a dose"))
        n, dose = self.expected[split], Dose(self.cause, self.dose) if self.cause else None
        found = annotations(SEEDS[split], n, SIZE, self.scheme, dose)
        return Columns(
            ids=[f"{split}-{i:04d}" for i in range(n)],
            images=RenderedImages(SEEDS[split], n, SIZE, dose),
            landmarks=found.landmarks.copy(),
            visible=found.visible.copy(),
            attributes=dict(zip(ATTRIBUTES, found.attributes.T.copy(), strict=True)),
            subsets=dict(zip(SUBSETS, found.conditions.T.copy(), strict=True)),
            parts={},
        )


class RenderedImages(Images):
    """n faces of one seed, each rendered on access: RGB uint8 (size, size, 3)."""

    rendered = True

    def __init__(self, seed: int, n: int, size: int, dose: Dose | None = None):
        self.seed, self.n, self.size, self.dose = seed, n, size, dose

    def __len__(self) -> int:
        return self.n

    def decode(self, i: int) -> np.ndarray:
        return _picture(self.seed, i, self.size, self.dose)

    def digest(self, i: int) -> bytes:
        """Return a digest of the inputs of the renderer, so that a fingerprint needs no rendering."""
        dose = "" if self.dose is None else f" {self.dose.cause} {self.dose.amount}"
        return hashlib.sha256(f"{GENERATOR} {self.seed} {i} {self.size}{dose}".encode()).digest()


@lru_cache(maxsize=2500)
def _picture(seed: int, i: int, size: int, dose: Dose | None) -> np.ndarray:
    """Return a picture and keep it: each method of a suite reads every face, and rendering is slow."""
    picture = face_image(seed, i, size, dose)
    picture.flags.writeable = False
    return picture
