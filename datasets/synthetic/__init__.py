"""Synthetic faces: a built-in dataset that needs no files. Shape, pose and rendering are separate modules."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

from fldbench.dataset import Dataset
from fldbench.faces import FaceSet, Images
from fldbench.geometry import tight_box

SIZE = 160  # px, both sides
COUNTS = {"train": 2000, "test": 400}
SEEDS = {"train": 1, "test": 2}


class Synthetic(Dataset):
    """Splits train (2000 faces) and test (400), 160 px, 68 points; ids such as `test-0007`.

    Everything about face i of a split is drawn from the split's seed and i: it is the same bytes every time. Boxes are
    the tight boxes of the points; `visible` says which points face the camera. There are no persons, so each face is a
    group of its own.
    """

    scheme = "ibug-68"
    splits = ("train", "test")
    expected = COUNTS
    licence = "made by fldbench; BSD-3-Clause, may be shown anywhere"

    def load(self, root: str | Path | None, split: str) -> FaceSet:
        """The landmarks of a split; `root` is not looked at, images are rendered when they are asked for."""
        from fldbench.datasets.synthetic.sample import face_landmarks

        drawn = [face_landmarks(SEEDS[split], i, SIZE) for i in range(COUNTS[split])]
        landmarks = np.stack([points for points, _, _ in drawn])
        return FaceSet(
            ids=np.array([f"{split}-{i:04d}" for i in range(COUNTS[split])]),
            images=RenderedImages(SEEDS[split], COUNTS[split], SIZE),
            boxes=tight_box(landmarks),
            landmarks=landmarks,
            scheme=self.scheme,
            visible=np.stack([visible for _, visible, _ in drawn]),
            name="synthetic",
            split=split,
        )


class RenderedImages(Images):
    """n faces of one seed, each rendered when it is asked for: RGB uint8 (size, size, 3)."""

    def __init__(self, seed: int, n: int, size: int):
        self.seed, self.n, self.size = seed, n, size

    def __len__(self) -> int:
        return self.n

    def decode(self, i: int) -> np.ndarray:
        from fldbench.datasets.synthetic.sample import face_image

        return face_image(self.seed, i, self.size)

    def digest(self, i: int) -> bytes:
        """Of what the image is made from, so that a fingerprint needs no rendering."""
        return hashlib.sha256(f"{_generator()} {self.seed} {i} {self.size}".encode()).digest()


@cache
def _generator() -> str:
    """SHA-256 over the generator's own source: any change of it makes other images."""
    total = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()
