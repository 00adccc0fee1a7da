"""300-VW: 68 points on every frame of 114 clips.

Shen et al., "The First Facial Landmark Tracking in-the-Wild Challenge: Benchmark and Results", ICCV Workshops 2015.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.images import ImageIndex, no_images
from fldbench.datasets.formats.pts import read_pts
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import ImageFiles

N_POINTS, N_CLIPS = 68, 114
ANNOTATIONS, FRAMES = "annot", ("imgs", "frames", "images")
# The clips of test, by category: 1 well lit, 2 unconstrained light, 3 everything, occlusion included.
CATEGORIES = {
    "category-1": (
        *(114, 124, 125, 126, 150, 158, 401, 402, 505, 506, 507, 508, 509, 510, 511, 514, 515, 518, 519, 520, 521, 522),
        *(524, 525, 537, 538, 540, 541, 546, 547, 548),
    ),
    "category-2": (*(203, 208, 211, 212, 213, 214, 218, 224, 403, 404, 405, 406, 407, 408, 409, 412, 550, 551, 553),),
    "category-3": (410, 411, 516, 517, 526, 528, 529, 530, 531, 533, 557, 558, 559, 562),
}
TEST = {f"{clip:03d}" for clips in CATEGORIES.values() for clip in clips}


class IBug300VW(Dataset):
    """Splits train (50 clips) and test (64; subsets category-1, category-2, category-3).

    `CLIP/annot/NUMBER.pts`, one file for each frame, and the frames as `CLIP/imgs/NUMBER.jpg` (also in `frames/` or
    `images/`, also .png): extract them from `CLIP/vid.avi`. A frame without an annotation is left out. If no clip
    has frames, predictions can be scored but no method can run. Points are 1-based in the files and zero-based here;
    boxes are their tight boxes. Ids are `CLIP/NUMBER`, groups are clips, and `parts` counts clips.
    """

    name = "300vw"
    scheme = "ibug-68"
    splits = ("train", "test")
    folder = "300vw"
    holds = (*(f"{clip:03d}" for clip in (1, 2, 3, 4)), "114", "203", "401", "410", "300VW_Dataset_2015_12_14")
    licence = "research only; the videos may not be redistributed"
    citation = "Shen et al., The First Facial Landmark Tracking in-the-Wild Challenge, ICCV Workshops 2015"
    url = "https://ibug.doc.ic.ac.uk/resources/300-VW/"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the frames of a split, clip by clip."""
        place = folder / self.holds[-1] if (folder / self.holds[-1]).is_dir() else folder
        clips = [path.parent for path in sorted(place.glob(f"*/{ANNOTATIONS}")) if _is_of(path.parent.name, split)]
        paths = [path for clip in clips for path in sorted((clip / ANNOTATIONS).glob("*.pts"))]
        if not paths:
            raise DatasetNotFoundError(f"no CLIP/{ANNOTATIONS}/NUMBER.pts of the split {split!r}", place)
        frames = {clip: ImageIndex([clip / name for name in FRAMES], "frame") for clip in clips}
        with_frames = any(frames.values())

        def face(path: Path) -> tuple[str, str, np.ndarray, str]:
            clip = path.parent.parent
            points = read_pts(path, N_POINTS)
            return clip.name, path.stem, points, frames[clip].of(path.stem, path) if with_frames else ""

        clip_of, stems, points, files = self.faults.columns(face, paths)
        members = {name: {f"{clip:03d}" for clip in numbers} for name, numbers in CATEGORIES.items()}
        found, wanted = len(set(clip_of)), len(TEST) if split == "test" else N_CLIPS - len(TEST)
        return Columns(
            ids=[f"{clip}/{stem}" for clip, stem in zip(clip_of, stems, strict=True)],
            images=ImageFiles(files) if with_frames else no_images(len(stems), "300vw", f"frames in CLIP/{FRAMES[0]}/"),
            landmarks=np.stack(points),
            subsets={}
            if split == "train"
            else {name: np.array([clip in numbers for clip in clip_of]) for name, numbers in members.items()},
            groups=clip_of,
            parts={"clips": (found, wanted)},
        )


def _is_of(clip: str, split: str) -> bool:
    """Return whether a folder is a clip of the split."""
    return len(clip) == 3 and clip.isascii() and clip.isdigit() and (clip in TEST) == (split == "test")
