"""Shared by the methods that look at a grey crop: crops in bounded memory, and start shapes for training."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from fldbench.baselines.parts.threads import blocks, each_block
from fldbench.faces import FaceSet
from fldbench.faces.crops import cached_crops, crop_image
from fldbench.files import temporary_folder
from fldbench.params import count_threads

CROPS_PER_TASK = 16  # crops that one thread cuts at a time
SHAPES_AT_ONCE = 4096  # shapes that are moved at a time, in float64


@contextmanager
def training_crops(train: FaceSet, size: int, padding: float, threads: int | None) -> Iterator[np.ndarray]:
    """Yield grey crops of all faces, (n, size, size) uint8, as a memory map of a temporary file, removed at the end.

    A training set of any size then needs no more memory than the part that is being worked on (`let_go`).
    """
    with temporary_folder() as folder:
        yield cached_crops(train, size, padding, cache=folder, jobs=count_threads(threads)).images


def let_go(crops: np.ndarray) -> None:
    """Give back the memory of mapped crops that were read; they are read from the file again when they are needed.

    Without it a pass over all crops makes the process as large as their file.
    """
    if isinstance(crops.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        crops.base.madvise(mmap.MADV_DONTNEED)


def grey_crops(images: Sequence[np.ndarray], matrices: np.ndarray, size: int, threads: int | None) -> np.ndarray:
    """Return the grey crops (n, size, size) uint8 of n images of any sizes by their maps (n, 2, 3)."""
    out = np.empty((len(matrices), size, size), np.uint8)

    def cut(rows: slice) -> None:
        for i in range(rows.start, rows.stop):
            out[i] = crop_image(images[i], matrices[i], size, grey=True)

    each_block(cut, len(matrices), CROPS_PER_TASK, threads)
    return out


def perturbed(
    shapes: np.ndarray,
    sides: np.ndarray,
    starts: int,
    shift: float,
    scale: float,
    rotation: float,
    rng: np.random.Generator,
    dtype: type = np.float64,
) -> np.ndarray:
    """Return start shapes for training: each shape as it is, and starts - 1 times moved by a random similarity.

    A copy is shifted by N(0, shift) sides, scaled by exp(N(0, scale)) and turned by N(0, rotation) degrees about its
    centre of mass.

    Parameters
    ----------
    shapes : ndarray of shape (n, L, 2)
        Pixels.
    sides : ndarray of shape (n, 2)
        Width and height of the boxes, px.
    starts : int
    shift, scale, rotation : float
    rng : numpy.random.Generator
    dtype : type
        Of the start shapes; they are computed in float64.

    Returns
    -------
    ndarray of shape (n, starts, L, 2)
        Pixels.

    >>> perturbed(np.ones((1, 3, 2)), np.ones((1, 2)), 2, 0.1, 0.1, 5.0, np.random.default_rng(0)).shape
    (1, 2, 3, 2)
    """
    size = (len(shapes), starts)
    turn = np.deg2rad(rng.normal(0.0, rotation, size))
    factor = np.exp(rng.normal(0.0, scale, size))
    move = rng.normal(0.0, shift, (*size, 2)) * sides[:, None]
    turn[:, 0], factor[:, 0], move[:, 0] = 0.0, 1.0, 0.0
    cos, sin = factor * np.cos(turn), factor * np.sin(turn)
    linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    out = np.empty((len(shapes), starts, *shapes.shape[1:]), dtype)
    for rows in blocks(len(shapes), SHAPES_AT_ONCE):
        centre = shapes[rows].mean(axis=1, keepdims=True)
        turned = (shapes[rows] - centre)[:, None] @ np.swapaxes(linear[rows], -1, -2)
        out[rows] = turned + centre[:, None] + move[rows, :, None]
    return out


def lend_errors(truth: np.ndarray, shapes: np.ndarray, rng: np.random.Generator, copies: slice) -> None:
    """Replace these copies of each face by the truth, moved by the error of a shape drawn from all; in place.

    truth (n, L, 2), shapes (n, copies, L, 2) px.
    """
    errors = (shapes - truth[:, None]).reshape(-1, *truth.shape[1:])
    lent = shapes[:, copies]
    drawn = errors[rng.permutation(len(errors))[: lent.shape[0] * lent.shape[1]]]
    lent[...] = truth[:, None] + drawn.reshape(lent.shape)
