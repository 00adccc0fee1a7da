"""Synthetic clips: a built-in dataset without files, of heads with a known motion (`motion`)."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.synthetic.anchors import SCHEMES
from fldbench.datasets.synthetic.dataset import GENERATOR, SEEDS
from fldbench.datasets.synthetic.motion import GAP, MOTIONS, frame_image, place_frame
from fldbench.faces import Images
from fldbench.params import one_of, whole

SECONDS, RATE, SIZE = 2.4, 25.0, 160  # of a clip; frames a second; px
FRAMES = round(SECONDS * RATE)
HEADS = 3
MOST_HEADS = 1000
SPLIT = "test"


class SyntheticVideo(Dataset):
    """One split, test: clips of 60 frames at 25 a second and 160 px, of each head one for each motion.

    The motions, which are also the subsets: still (at rest), turn (yaw of 25 degrees to either side, 0.4 Hz), shake (to
    and fro, 1 Hz) and away (out of sight from 1 to 1.6 s, then in another place). Each frame has its own noise of 4
    grey levels. Heads and looks are those of the first test faces of `synthetic`, without what they would wear. Ids are
    `MOTION-HEAD/FRAME` with frames from 0, groups are clips; frames without the head are left out. Boxes are the
    tight boxes of the points.

    Parameters
    ----------
    scheme : {"ibug-68", "mtfl-5", "imm-58", "imm-frontal-73", "youtu-88", "wflw-98"}
        The landmark scheme that is read off the head. The pictures are the same under each scheme.
    heads : int
        How many. The first ones do not depend on it.
    """

    name = "synthetic-video"
    scheme = "ibug-68"
    splits = (SPLIT,)
    rules = {"scheme": one_of(SCHEMES), "heads": whole(1, MOST_HEADS)}
    licence = "made by fldbench; BSD-3-Clause, may be shown anywhere"

    def __init__(self, scheme: str = "ibug-68", heads: int = HEADS):
        self.scheme = scheme
        self.heads = heads

    @property
    def expected(self) -> dict[str, int]:
        """Return the number of frames with a head."""
        gone = sum(GAP[0] <= number / RATE < GAP[1] for number in range(FRAMES))
        return {SPLIT: self.heads * (len(MOTIONS) * FRAMES - gone)}

    def locate(self, root: str | Path | None, split: str) -> Path:
        """Return a path that nothing reads: no file is needed."""
        return Path()

    def read(self, folder: Path, split: str) -> Columns:
        """Return the landmarks of all frames, clip by clip; images are rendered on access."""
        clips = [(motion, head) for head in range(self.heads) for motion in MOTIONS]
        rows = [
            (motion, head, *row)
            for motion, head in clips
            for row in zip(*_clip(motion, head, self.scheme), strict=True)
        ]
        motions, heads, numbers, landmarks, visible = zip(*rows, strict=True)
        groups = [f"{motion}-{head}" for motion, head in zip(motions, heads, strict=True)]
        return Columns(
            ids=[f"{group}/{number:03d}" for group, number in zip(groups, numbers, strict=True)],
            images=ClipImages(list(zip(motions, heads, numbers, strict=True))),
            landmarks=np.array(landmarks),
            visible=np.array(visible),
            subsets={motion: np.array([one == motion for one in motions]) for motion in MOTIONS},
            groups=groups,
            parts={},
        )


@lru_cache(maxsize=64)
def _clip(motion: str, head: int, scheme: str) -> tuple[list[int], list[np.ndarray], list[np.ndarray]]:
    """Return the numbers of a clip's frames with the head, its landmarks (L, 2) px and which are visible (L,)."""
    placed = [place_frame(motion, SEEDS[SPLIT], head, number / RATE, SIZE, scheme) for number in range(FRAMES)]
    there = [number for number, one in enumerate(placed) if np.isfinite(one.landmarks).all()]
    return there, [placed[number].landmarks for number in there], [placed[number].visible for number in there]


class ClipImages(Images):
    """Frames (motion, head, number), each rendered on access: RGB uint8 (160, 160, 3)."""

    rendered = True

    def __init__(self, frames: list[tuple[str, int, int]]):
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def decode(self, i: int) -> np.ndarray:
        return clip_picture(*self.frames[i])

    def digest(self, i: int) -> bytes:
        """Return a digest of the inputs of the renderer, so that a fingerprint needs no rendering."""
        return hashlib.sha256(f"{GENERATOR} clip {self.frames[i]}".encode()).digest()


@lru_cache(maxsize=1000)
def clip_picture(motion: str, head: int, number: int) -> np.ndarray:
    """Return a frame of a clip, RGB uint8, and keep it: each method reads every frame, and rendering is slow."""
    seed = SEEDS[SPLIT]
    picture = frame_image(place_frame(motion, seed, head, number / RATE, SIZE), seed, head, number, SIZE)
    picture.flags.writeable = False
    return picture
