"""From faces to batches: crops cut once into a memory map, then warped and relit in threads, ahead of the network.

All processes of a training share one `CropTable`: a file of wide crops, and the points on them. `batches` yields the
training batches of one epoch; their order and contents depend only on seed, epoch and face.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch

from fldbench.cnn.training.augment import Ranges, draw_placement, generator, relit
from fldbench.cnn.view import View, seen_through, to_tensor
from fldbench.faces import Attribute, FaceSet
from fldbench.faces.attributes import UNKNOWN
from fldbench.faces.crops import cached_crops

AHEAD = 2  # batches that wait for the network, beside those in work


@dataclass(frozen=True)
class CropTable:
    """n crops in a file with their points and weights. It is sent to other processes by the name of its file.

    Attributes
    ----------
    path : str
        Of a .npy file, (n, s, s) or (n, s, s, 3) uint8, s = view.wide(margin).
    points : ndarray, (n, L, 2)
        In the frame of the network's crop; NaN where a point is missing.
    weight : ndarray, (n,)
        How much each face counts.
    visible : ndarray of bool, (n, L)
        False where a point is hidden or missing.
    view : View
        How the network sees a face.
    margin : float
        Side of the crops, in sides of the network's crop.
    codes : ndarray of int, (n, T)
        Of T attributes; -1 where one is not known.
    mirrored : tuple of int
        Of each attribute the largest code k if the code c becomes k - c in the mirror image, or -1 if it stays.
    """

    path: str
    points: np.ndarray
    weight: np.ndarray
    visible: np.ndarray
    view: View
    margin: float
    codes: np.ndarray
    mirrored: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    @cached_property
    def crops(self) -> np.ndarray:
        """The crops, mapped from the file."""
        return np.load(self.path, mmap_mode="r")

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "crops"}


def cut_crops(
    faces: FaceSet,
    view: View,
    margin: float,
    weight: np.ndarray | None,
    folder: str | Path,
    threads: int,
    attributes: Mapping[str, Attribute] = MappingProxyType({}),
) -> CropTable:
    """Cut the crops of all faces into a file in `folder`.

    Parameters
    ----------
    faces : FaceSet
    view : View
    margin : float
        Side of the crops, in sides of the network's crop; rounded to whole pixels.
    weight : ndarray, (n,), optional
        How much each face counts; ones by default.
    folder : str or Path
    threads : int
        That cut the crops.
    attributes : mapping of str to Attribute
        Those whose codes are wanted; all are -1 if the faces do not have one.
    """
    wide = view.wide(margin)
    exact = wide / view.side  # the margin rounded to whole pixels
    crops = cached_crops(faces, wide, view.padded(exact), view.channels == 1, folder, threads)
    points = ((crops.to_crop(faces.landmarks) + 0.5) / wide * 2 - 1) * exact
    weight = np.ones(len(faces)) if weight is None else np.asarray(weight, float)
    unknown = np.full(len(faces), UNKNOWN)
    codes = [faces.attributes.get(name, unknown) for name in attributes]
    return CropTable(
        str(crops.images.filename),
        points,
        weight,
        faces.visible,
        view,
        exact,
        np.stack(codes, 1) if codes else np.empty((len(faces), 0), int),
        tuple(len(one.classes) - 1 if one.mirrored else UNKNOWN for one in attributes.values()),
    )


class Batch(NamedTuple):
    """b faces as the training loop takes them.

    Attributes
    ----------
    images : Tensor of uint8, (b, C, H, W)
    target : Tensor of float32, (b, L, 2)
        In the frame; 0 where a point is missing.
    weight : Tensor of float32, (b, L)
        0 where a point is missing.
    visible : Tensor of bool, (b, L)
    codes : Tensor of int64, (b, T)
        Of the attributes, as they are in these images; -1 where one is not known.
    face_weight : Tensor of float32, (b,)
    """

    images: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor
    visible: torch.Tensor
    codes: torch.Tensor
    face_weight: torch.Tensor


def order(n: int, batch_size: int, random_state: int, epoch: int) -> list[np.ndarray]:
    """Return the faces of each batch in this epoch: a permutation in ceil(n / batch_size) parts of equal size.

    Sizes differ by one at most, because a last batch of one face has no statistics for a batch norm. A single face
    is twice in its batch for the same reason.
    """
    if n == 1:
        return [np.zeros(2, int)]
    faces = np.random.default_rng([random_state, epoch]).permutation(n)
    return np.array_split(faces, -(-n // batch_size))


def batches(
    table: CropTable,
    rows: Sequence[np.ndarray],
    ranges: Ranges,
    mirror: np.ndarray,
    seed: tuple[int, int],
    threads: int,
) -> Iterator[Batch]:
    """Yield a batch for each array of faces, in their order, made in threads while the network works on earlier ones.

    Parameters
    ----------
    table : CropTable
    rows : sequence of ndarray of int
        The faces of each batch.
    ranges : Ranges
        Of the augmentation.
    mirror : ndarray of int, (L,)
        The point that each point becomes in the mirror image.
    seed : tuple of int
        random_state and epoch.
    threads : int
        0 makes each batch in the calling thread.
    """
    if threads == 0:
        yield from (make_batch(table, faces, ranges, mirror, seed) for faces in rows)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque()
        try:
            for faces in rows:
                waiting.append(pool.submit(make_batch, table, faces, ranges, mirror, seed))
                if len(waiting) > threads + AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def make_batch(table: CropTable, faces: np.ndarray, ranges: Ranges, mirror: np.ndarray, seed: tuple[int, int]) -> Batch:
    """Return the batch of these faces, augmented; a face that is twice in a batch looks different each time."""
    view = table.view
    images = np.empty((len(faces), view.channels, view.height, view.width), np.uint8)
    target = np.empty((len(faces), *table.points.shape[1:]))
    visible = np.empty(target.shape[:-1], bool)
    codes = table.codes[faces]
    repeats: dict[int, int] = {}
    for i, face in enumerate(faces.tolist()):
        turn = repeats[face] = repeats.get(face, -1) + 1
        rng = generator(seed[0], seed[1], face + turn * len(table))
        image, target[i], visible[i], flipped = augmented(table, face, ranges, mirror, rng)
        if flipped:
            codes[i] = mirrored_codes(codes[i], table.mirrored)
        images[i] = image if image.ndim == 2 else np.moveaxis(image, -1, 0)
    seen = np.isfinite(target).all(-1)
    target[~seen] = 0.0
    weight = seen * table.weight[faces][:, None]
    return Batch(
        torch.from_numpy(images),
        torch.from_numpy(target.astype(np.float32)),
        torch.from_numpy(weight.astype(np.float32)),
        torch.from_numpy(visible),
        torch.from_numpy(codes.astype(np.int64)),
        torch.from_numpy(table.weight[faces].astype(np.float32)),
    )


def mirrored_codes(codes: np.ndarray, mirrored: Sequence[int]) -> np.ndarray:
    """Return the codes (T,) of the mirror image; `mirrored` as in `CropTable`. What is not known stays so.

    >>> mirrored_codes(np.array([1, 0, -1]), (-1, 4, 4)).tolist()
    [1, 4, -1]
    """
    last = np.asarray(mirrored, int)
    return np.where((last >= 0) & (codes >= 0), last - codes, codes)


def augmented(
    table: CropTable, face: int, ranges: Ranges, mirror: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Augment one face of a table.

    Returns
    -------
    image : ndarray of uint8, (H, W) or (H, W, 3)
    points : ndarray, (L, 2)
        In the frame; in the scheme's order, also when the face is mirrored.
    visible : ndarray of bool, (L,)
    flipped : bool
        Whether it is the mirror image.
    """
    known = np.column_stack([table.points[face], table.visible[face]])
    image, moved, flipped = augment_crop(table.crops[face], known, table.view, table.margin, ranges, mirror, rng)
    return image, moved[:, :2], moved[:, 2] > 0, flipped


def augment_crop(
    crop: np.ndarray,
    points: np.ndarray,
    view: View,
    margin: float,
    ranges: Ranges,
    mirror: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Augment one crop.

    Parameters
    ----------
    crop : ndarray of uint8, (s, s) or (s, s, 3)
    points : ndarray, (L, 2 or more)
        x and y in the frame. Further columns are only put in order.
    view : View
    margin : float
        Side of the crop, in sides of the network's crop.
    ranges, mirror, rng
        As in `augmented`.

    Returns
    -------
    image : ndarray of uint8, (H, W) or (H, W, 3)
    points : ndarray
        Of the shape of `points`.
    flipped : bool
        Whether it is the mirror image.
    """
    place = draw_placement(ranges, rng)
    matrix = place.matrix(crop.shape[0], margin, view.width, view.height)
    image = relit(seen_through(crop, matrix, view.width, view.height), ranges, rng)
    x, y = points[:, 0], points[:, 1]
    moved = np.array(points, float)
    moved[:, 0] = place.cos * x - place.sin * y + place.x
    moved[:, 1] = place.sin * x + place.cos * y + place.y
    if place.flipped:
        moved = moved[mirror]
        moved[:, 0] *= -1
    return image, moved, place.flipped


def plain_batch(table: CropTable, faces: np.ndarray) -> torch.Tensor:
    """Return faces of a table without a margin as prediction sees them: uint8 (b, C, H, W)."""
    return to_tensor([table.view.stretched(table.crops[face]) for face in faces])
