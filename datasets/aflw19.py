"""AFLW-19: 19 points on 24,386 faces of AFLW in all poses, the annotation that papers call AFLW-full.

Zhu, Li, Loy and Tang, "Unconstrained Face Alignment via Cascaded Compositional Learning", CVPR 2016.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.images import no_images
from fldbench.datasets.formats.matlab import read_matlab, read_numbers
from fldbench.datasets.formats.text import refusal, stem
from fldbench.errors import DataError
from fldbench.faces import ImageFiles
from fldbench.faces.image_paths import ImageFolder

N_POINTS, N_TRAIN, N_FACES = 19, 20000, 24386
FILE = "AFLWinfo_release.mat"
IMAGE_FOLDERS = ("data/flickr", "flickr", "aflw/data/flickr", "aflw/flickr", "images")


class AFLW19(Dataset):
    """Splits train (20,000 faces) and test (4,386), the first 20,000 and the rest of the file's permutation `ra`.

    Variables of AFLWinfo_release.mat, one row for each face: bbox (left, right, top, bottom), data (x1..x19, y1..y19),
    mask_new (1 where a point is visible), nameList (the image below flickr/, such as 0/image00002.jpg), ra (row numbers
    from 1). Points that cannot be seen have estimated positions: they keep these positions, with visible False, and
    protocols count them unless they say otherwise. No source states whether points and boxes count pixels from 0 or 1;
    they are taken as they are, as in all public code. Images are optional; without them predictions can be scored but
    no method can run.

    Subset of test: frontal, the 1,314 faces with all 19 points visible. Ids are the image's name without ending
    and the row from 0, such as `0/image00002-57`. Groups are photos.
    """

    name = "aflw19"
    scheme = "aflw-19"
    splits = ("train", "test")
    expected = {"train": N_TRAIN, "test": N_FACES - N_TRAIN, "frontal": 1314}
    folder = "aflw19"
    holds = (FILE,)
    licence = "research only; the images may not be redistributed"
    citation = "Zhu et al., Unconstrained Face Alignment via Cascaded Compositional Learning, CVPR 2016"
    url = "http://mmlab.ie.cuhk.edu.hk/projects/compositional.html"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of a split, in the order of `ra`."""
        path = folder / FILE
        boxes, data, mask, names, order = _read(path)
        place = next((folder / name for name in IMAGE_FOLDERS if (folder / name).is_dir()), None)
        images = None if place is None else ImageFolder(place)
        rows = order[:N_TRAIN] if split == "train" else order[N_TRAIN:]
        if not rows.size:
            raise refusal("the number of faces", len(order), f"above {N_TRAIN}, where {split!r} begins", path)

        def face(row: int) -> tuple[int, str, str]:
            _check_face(row, boxes, data, mask, names, path)
            return row, names[row], "" if images is None else images.find(names[row], path, what=f"row {row + 1}: ")

        rows, chosen, files = self.faults.columns(face, rows.tolist())
        visible = mask[rows] != 0
        return Columns(
            ids=[f"{stem(name)}-{row}" for name, row in zip(chosen, rows, strict=True)],
            images=no_images(len(rows), "aflw19", f"folder {' or '.join(IMAGE_FOLDERS)}")
            if images is None
            else ImageFiles(files),
            boxes=boxes[rows][:, [0, 2, 1, 3]],
            landmarks=data[rows].reshape(-1, 2, N_POINTS).transpose(0, 2, 1),
            visible=visible,
            subsets={"frontal": visible.all(axis=1)} if split == "test" else {},
            groups=[stem(name) for name in chosen],
        )


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str], np.ndarray]:
    """Return bbox (n, 4), data (n, 38), mask_new (n, 19), names, and ra as n row numbers from 0, all checked."""
    boxes, data, mask, order = read_numbers(path, "bbox", "data", "mask_new", "ra")
    order = order.ravel() - 1
    names = [cell if isinstance(cell, str) else "" for cell in np.ravel(read_matlab(path, "nameList")[0])]
    n = len(order)
    shapes = (boxes.shape, data.shape, mask.shape, len(names))
    if shapes != ((n, 4), (n, 2 * N_POINTS), (n, N_POINTS), n):
        wanted = f"({n}, 4), ({n}, {2 * N_POINTS}), ({n}, {N_POINTS}), {n} for the {n} rows in ra"
        raise refusal("the size of bbox, data, mask_new, nameList", shapes, wanted, path)
    if not np.array_equal(np.sort(order), np.arange(n)):
        raise DataError(f"ra must be a permutation of 1 to {n}; fetch the file again", path)
    return boxes, data, mask, names, order.astype(int)


def _check_face(row: int, boxes: np.ndarray, data: np.ndarray, mask: np.ndarray, names: list[str], path: Path) -> None:
    left, right, top, bottom = boxes[row]
    finite = all(np.isfinite(table[row]).all() for table in (boxes, data, mask))
    if not (finite and left < right and top < bottom and names[row]):
        raise DataError(f"row {row + 1} lacks a name, a box with a size or finite numbers; fetch the file again", path)
