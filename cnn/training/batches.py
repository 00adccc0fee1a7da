"""From faces to batches: crops cut once into a memory map, then warped and relit in threads, ahead of the network.

A `Store` is what all processes of a training share: a file of wide crops and the points on them. `batches` gives the
training batches of one epoch, in an order and with a look that depend on seed, epoch and face alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from fldbench.cnn.training.augment import Placement, Ranges, draw_placement, generator, relit, seen_through
from fldbench.crops import crop_faces, crop_image
from fldbench.faces import FaceSet
from fldbench.geometry import crop_matrix, invert, to_grey, transform

NORMALISATIONS = {
    "unit": ([0.0], [1.0]),
    "half": ([0.5], [1.0]),
    "signed": ([0.5], [0.5]),
    "imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
}  # (v / 255 - mean) / deviation
AHEAD = 2  # batches that wait for the network, beside those in work


@dataclass(frozen=True)
class View:
    """How a network sees a face: a square around the box, grown by padding, stretched to width x height px.

    channels 1 is grey, 3 is RGB.
    """

    width: int
    height: int
    channels: int
    padding: float

    @property
    def side(self) -> int:
        """px; the square before it is stretched, which has the finer of the two resolutions."""
        return max(self.width, self.height)

    def wide(self, margin: float) -> int:
        """px; side of a crop `margin` times as wide, of the same resolution."""
        return max(round(self.side * margin), 1)

    def padded(self, margin: float) -> float:
        """The padding of that wider crop."""
        return ((1 + 2 * self.padding) * margin - 1) / 2

    def to_frame(self, points: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        """px of the photos -> [-1, 1]; `matrices` (n, 2, 3) from `square`."""
        return (transform(points, matrices) + 0.5) / self.side * 2 - 1

    def to_photo(self, points: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        """[-1, 1] -> px of the photos."""
        return transform((np.asarray(points, float) + 1) / 2 * self.side - 0.5, invert(matrices))

    def square(self, boxes: np.ndarray) -> np.ndarray:
        """px of the photos -> px of the unstretched square: (n, 2, 3)."""
        return crop_matrix(boxes, self.side, self.padding)

    def cut(self, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """A photo, grey or RGB uint8, as the network sees it: uint8 (height, width[, 3])."""
        coloured = np.repeat(image[..., None], 3, 2) if image.ndim == 2 and self.channels == 3 else image
        square = crop_image(coloured, matrix, self.side, grey=False)
        return self.stretched(to_grey(square) if self.channels == 1 else square)

    def stretched(self, square: np.ndarray) -> np.ndarray:
        """The unstretched square as the network sees it."""
        if self.width == self.height:
            return square
        return seen_through(
            square, Placement().matrix(self.side, 1.0, self.width, self.height), self.width, self.height
        )


@dataclass(frozen=True)
class Store:
    """n crops in a file and what is known about them; goes to other processes by the file's name.

    path     .npy, (n, s, s[, 3]) uint8, s = view.wide(margin)
    points   (n, L, 2) in the frame of the network's crop, [-1, 1]; NaN where a point is missing
    weight   (n,) of the faces
    visible  (n, L) bool; False where a point is hidden or missing
    """

    path: str
    points: np.ndarray
    weight: np.ndarray
    visible: np.ndarray
    view: View
    margin: float = field(default=1.0)

    def __len__(self) -> int:
        return len(self.points)

    @cached_property
    def crops(self) -> np.ndarray:
        return np.load(self.path, mmap_mode="r")

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "crops"}


def make_store(
    faces: FaceSet, view: View, margin: float, weight: np.ndarray | None, folder: str | Path, threads: int
) -> Store:
    """Cuts the crops of all faces into a file in `folder`."""
    wide = view.wide(margin)
    exact = wide / view.side  # the margin that whole pixels allow
    crops = crop_faces(faces, wide, view.padded(exact), view.channels == 1, folder, threads)
    points = ((crops.to_crop(faces.landmarks) + 0.5) / wide * 2 - 1) * exact
    weight = np.ones(len(faces)) if weight is None else np.asarray(weight, float)
    return Store(str(crops.images.filename), points, weight, faces.visible, view, exact)


class Batch(NamedTuple):
    """images (b, C, H, W) uint8, target (b, L, 2) float32 in [-1, 1] (0 where missing), weight (b, L) float32,
    visible (b, L) bool."""

    images: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor
    visible: torch.Tensor


def order(n: int, batch_size: int, random_state: int, epoch: int) -> list[np.ndarray]:
    """The faces of each batch in this epoch: a permutation in ceil(n / batch_size) parts, as equal as can be.

    Equal, because a last batch of one face has no statistics for a batch normalisation. One face alone stands twice in
    its batch for the same reason.
    """
    if n == 1:
        return [np.zeros(2, int)]
    faces = np.random.default_rng([random_state, epoch]).permutation(n)
    return np.array_split(faces, -(-n // batch_size))


def batches(
    store: Store, rows: Sequence[np.ndarray], ranges: Ranges, mirror: np.ndarray, seed: tuple[int, int], threads: int
) -> Iterator[Batch]:
    """A batch for each array of faces, in their order, made in threads while the network is busy with earlier ones.

    seed  (random_state, epoch)
    """
    if threads == 0:
        yield from (make_batch(store, faces, ranges, mirror, seed) for faces in rows)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque()
        try:
            for faces in rows:
                waiting.append(pool.submit(make_batch, store, faces, ranges, mirror, seed))
                if len(waiting) > threads + AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def make_batch(store: Store, faces: np.ndarray, ranges: Ranges, mirror: np.ndarray, seed: tuple[int, int]) -> Batch:
    """The batch of these faces, augmented; the same face twice in one batch looks different each time."""
    view = store.view
    images = np.empty((len(faces), view.channels, view.height, view.width), np.uint8)
    target = np.empty((len(faces), *store.points.shape[1:]))
    visible = np.empty(target.shape[:-1], bool)
    repeats: dict[int, int] = {}
    for i, face in enumerate(faces.tolist()):
        turn = repeats[face] = repeats.get(face, -1) + 1
        rng = generator(seed[0], seed[1], face + turn * len(store))
        image, target[i], visible[i] = augmented(store, face, ranges, mirror, rng)
        images[i] = image if image.ndim == 2 else np.moveaxis(image, -1, 0)
    seen = np.isfinite(target).all(-1)
    target[~seen] = 0.0
    weight = seen * store.weight[faces][:, None]
    return Batch(
        torch.from_numpy(images),
        torch.from_numpy(target.astype(np.float32)),
        torch.from_numpy(weight.astype(np.float32)),
        torch.from_numpy(visible),
    )


def augmented(
    store: Store, face: int, ranges: Ranges, mirror: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One face: its image uint8 (H, W[, 3]), its points (L, 2) in [-1, 1], and which of them are visible (L,).

    The points are in the scheme's order if mirrored, too.
    """
    known = np.column_stack([store.points[face], store.visible[face]])
    image, moved = augment_crop(store.crops[face], known, store.view, store.margin, ranges, mirror, rng)
    return image, moved[:, :2], moved[:, 2] > 0


def augment_crop(
    crop: np.ndarray,
    points: np.ndarray,
    view: View,
    margin: float,
    ranges: Ranges,
    mirror: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The same for a crop at hand; `points` (L, 2 or more), of which columns behind x and y are only put in order."""
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
    return image, moved


def plain_batch(store: Store, faces: np.ndarray) -> torch.Tensor:
    """Faces as prediction sees them, from a store without a margin: uint8 (b, C, H, W)."""
    return to_tensor([store.view.stretched(store.crops[face]) for face in faces])


def to_tensor(images: Sequence[np.ndarray]) -> torch.Tensor:
    """n images (H, W[, 3]) uint8 -> (n, C, H, W) uint8."""
    stacked = np.stack(images)
    # Strides as those of a plain tensor: torch would take others for a wish and use other, here slower kernels.
    return torch.from_numpy(stacked[:, None] if stacked.ndim == 3 else np.moveaxis(stacked, -1, 1).copy())


def normalised(images: torch.Tensor, kind: str) -> torch.Tensor:
    """uint8 (b, C, H, W) -> float32.

    kind  "instance": each image to zero mean and unit variance, a flat one to zeros; "unit": [0, 1]; "half":
          [-0.5, 0.5]; "signed": [-1, 1]; "imagenet": by the mean and deviation of ImageNet's channels

    >>> normalised(torch.tensor([[[[0, 255]]]], dtype=torch.uint8), "signed").flatten().tolist()
    [-1.0, 1.0]
    """
    images = images.float()
    if kind == "instance":
        centred = images - images.mean((-3, -2, -1), keepdim=True)
        return centred / (centred.std((-3, -2, -1), keepdim=True) + 1.0)
    mean, deviation = (images.new_tensor(part)[:, None, None] for part in NORMALISATIONS[kind])
    return (images / 255 - mean) / deviation
