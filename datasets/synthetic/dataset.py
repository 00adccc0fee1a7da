"""Synthetic faces: a built-in dataset that needs no files. Shape, pose and rendering are separate modules."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from fldbench.dataset import Dataset
from fldbench.errors import DataError
from fldbench.faces import FaceSet, Images
from fldbench.geometry import tight_box

SIZE = 160  # px, both sides
COUNTS = {"train": 2000, "test": 400}
SEEDS = {"train": 1, "test": 2}
MAX_FACES = 1_000_000
# Stands for the pictures in fingerprints: a change that makes other pictures needs another value. A test pins the
# pictures. It began as the digest of the generator's source; with it the fingerprints of older records still fit.
GENERATOR = "3f5b8a576e437c419cb997da80ec7c7bcc51f0f3f2eb8d4c01ca7521bb8b1b35"


class Synthetic(Dataset):
    """Splits train and test (400 faces), 160 px; ids such as `test-0007`.

    scheme  the landmark scheme that is read off the head: ibug-68, mtfl-5, imm-58, imm-frontal-73, youtu-88, wflw-98.
            The pictures are the same under each of them
    faces   number of training faces; the first ones are the same whatever it is

    Everything about face i of a split is drawn from the split's seed and i: it is the same bytes every time. Boxes are
    the tight boxes of the points; `visible` says which points nothing stands before. Attributes: smile, glasses, beard
    (0 no, 1 yes) and pose as `mtfl` codes it (0 left profile .. 4 right profile, by the yaw at -45, -15, 15 and 45
    degrees). Subsets: those of WFLW, at the strengths that `conditions` states. There are no persons, so each face is a
    group of its own.
    """

    scheme = "ibug-68"
    splits = ("train", "test")
    licence = "made by fldbench; BSD-3-Clause, may be shown anywhere"

    def __init__(self, scheme: str = "ibug-68", faces: int = COUNTS["train"]):
        self.scheme = scheme
        self.faces = faces

    @property
    def expected(self) -> dict[str, int]:
        """Faces of each split, as asked for."""
        return COUNTS | {"train": self.faces}

    def load(self, root: str | Path | None, split: str) -> FaceSet:
        """The landmarks of a split; `root` is not looked at, images are rendered when they are asked for.

        Raises DataError for a scheme that the head does not have and for a number of faces out of range.
        """
        from fldbench.datasets.synthetic.anchors import SCHEMES
        from fldbench.datasets.synthetic.conditions import SUBSETS
        from fldbench.datasets.synthetic.sample import ATTRIBUTES

        if self.scheme not in SCHEMES:
            raise DataError(f"synthetic: scheme is {self.scheme!r}; allowed: {', '.join(SCHEMES)}")
        if isinstance(self.faces, bool) or not isinstance(self.faces, int) or not 1 <= self.faces <= MAX_FACES:
            raise DataError(f"synthetic: faces is {self.faces!r}; allowed: a whole number, 1 to {MAX_FACES}")
        n = self.faces if split == "train" else COUNTS[split]
        landmarks, visible, attributes, conditions = _annotations(SEEDS[split], n, self.scheme)
        return FaceSet(
            ids=np.array([f"{split}-{i:04d}" for i in range(n)]),
            images=RenderedImages(SEEDS[split], n, SIZE),
            boxes=tight_box(landmarks),
            landmarks=landmarks.copy(),
            scheme=self.scheme,
            visible=visible.copy(),
            attributes=dict(zip(ATTRIBUTES, attributes.T.copy(), strict=True)),
            subsets=dict(zip(SUBSETS, conditions.T.copy(), strict=True)),
            name="synthetic",
            split_name=split,
        )


@lru_cache(maxsize=4)
def _annotations(seed: int, n: int, scheme: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """landmarks (n, L, 2) px, visible (n, L), attributes (n, 4), conditions (n, 6) of the first n faces; kept for the
    next call, as some milliseconds a face add up."""
    from fldbench.datasets.synthetic.sample import draw_face, face_landmarks

    rows = []
    for i in range(n):
        points, visible, _ = face_landmarks(seed, i, SIZE, scheme)
        face = draw_face(seed, i)
        rows.append((points, visible, face.attributes, face.conditions))
    return tuple(np.array(column) for column in zip(*rows, strict=True))


class RenderedImages(Images):
    """n faces of one seed, each rendered when it is asked for: RGB uint8 (size, size, 3)."""

    def __init__(self, seed: int, n: int, size: int):
        self.seed, self.n, self.size = seed, n, size

    def __len__(self) -> int:
        return self.n

    def decode(self, i: int) -> np.ndarray:
        return _picture(self.seed, i, self.size).copy()

    def digest(self, i: int) -> bytes:
        """Of what the image is made from, so that a fingerprint needs no rendering."""
        return hashlib.sha256(f"{GENERATOR} {self.seed} {i} {self.size}".encode()).digest()


@lru_cache(maxsize=2500)
def _picture(seed: int, i: int, size: int) -> np.ndarray:
    """A face, kept: a suite looks at every face once a method, and rendering takes far longer than fitting some."""
    from fldbench.datasets.synthetic.sample import face_image

    return face_image(seed, i, size)
