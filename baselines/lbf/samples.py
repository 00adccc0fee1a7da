"""Faces and mirrored faces with the shapes that they have at a stage, and their steps to where they should be.

All of it works through the samples some at a time, so that no more is in memory than the shapes themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fldbench.baselines.lbf import forest
from fldbench.baselines.parts.normalised import let_go
from fldbench.baselines.parts.threads import blocks, each_block
from fldbench.shapes import principal_axes

SHAPES_PER_TASK = 256  # shapes that one thread moves at a time
SHAPES_AT_ONCE = 4096  # whose steps are in memory at a time: fixed, so that no sum depends on the number of threads
SHAPES_BETWEEN = 65_536  # whose crops are read before their memory is given back
POINT = 1e-9  # px^2; points whose squared distances from their centre sum up to less are one point, up to rounding


def turns(reference: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Return rotation and scale of the similarity that takes the reference nearest to each shape, as complex numbers.

    reference (L, 2), shapes (n, L, 2) -> (n,): a of z -> a z + b in `geometry.fit_similarity`. It is 1 if
    the reference or the shape is (nearly) a single point, which has no rotation.

    >>> turns(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[[1.0, 1.0], [1.0, 3.0]]])).tolist()
    [2j]
    """
    source, target = _complex(reference), _complex(shapes)
    source = source - source.mean()
    power = (abs(source) ** 2).sum()
    extended = power > POINT
    a = (target - target.mean(axis=-1, keepdims=True)) @ source.conj() / (power if extended else 1.0)
    return np.where((abs(a) > 0.1) & extended, a, 1.0)


def principal_steps(parts: Iterable[tuple[np.ndarray, np.ndarray]], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean (d,) and the k <= d directions (k, d) of the greatest variance, of unit length.

    The parts are steps (m, d) and their weights (m,); only one of them need be in memory.

    >>> parts = [(np.array([[0.0, 1.0]]), np.array([3.0])), (np.array([[4.0, 1.0]]), np.array([1.0]))]
    >>> mean, directions = principal_steps(parts, 1)
    >>> mean.tolist(), abs(directions).tolist()
    ([1.0, 1.0], [[1.0, 0.0]])
    """
    total, first, second = 0.0, np.zeros(1), np.zeros(1)
    for steps, weights in parts:
        weighted = weights[:, None] * steps
        total, first, second = total + weights.sum(), first + weighted.sum(axis=0), second + weighted.T @ steps
    mean = first / total
    return mean, principal_axes(second - total * np.outer(mean, mean))[1][:, :k].T


def _complex(points: np.ndarray) -> np.ndarray:
    return points[..., 0] + 1j * points[..., 1]


def _plane(numbers: np.ndarray) -> np.ndarray:
    return np.stack([numbers.real, numbers.imag], axis=-1)


@dataclass
class Samples:
    """Faces and mirrored faces with the shapes that they have at a stage.

    Attributes
    ----------
    crops : ndarray of shape (faces, size, size), uint8
    which : ndarray of shape (n,), int64
        The crop of each sample.
    flip : ndarray of shape (n,), bool
        Whether the crop is mirrored.
    shapes : ndarray of shape (n, L, 2)
        Pixels of the crop, or of the mirrored crop.
    """

    crops: np.ndarray
    which: np.ndarray
    flip: np.ndarray
    shapes: np.ndarray

    @classmethod
    def of(cls, crops: np.ndarray, shapes: np.ndarray, mirrors: bool) -> Samples:
        """Return the samples of shapes (faces, 2, starts, L, 2): of the faces, and of their mirror images or again."""
        faces, _, starts = shapes.shape[:3]
        which, flip = np.repeat(np.arange(faces), 2 * starts), np.tile(np.repeat([False, mirrors], starts), faces)
        return cls(crops, which, flip, shapes.reshape(-1, *shapes.shape[3:]))

    def leaves(self, turn: np.ndarray, offsets: np.ndarray, thresholds: np.ndarray, threads: int | None) -> np.ndarray:
        """Return the leaves (L, n, trees) uint8, see `lbf.forest.find_leaves`."""
        out = np.empty((len(offsets), len(turn), offsets.shape[1]), np.uint8)
        for part in blocks(len(turn), SHAPES_BETWEEN):

            def find(rows: slice, first: int = part.start) -> None:
                rows = slice(first + rows.start, first + rows.stop)
                one = (self.which[rows], self.flip[rows], self.shapes[rows].astype(float), turn[rows])
                forest.find_leaves(self.crops, *one, offsets, thresholds, out[:, rows])

            each_block(find, len(turn[part]), SHAPES_PER_TASK, threads)
            let_go(self.crops)
        return out

    def pool(self, point: int, turn: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return the pixels (p, n) uint8 at offsets (p, 2) around one landmark, see `lbf.forest.pool_values`."""
        out = np.empty((len(offsets), len(turn)), np.uint8)
        for rows in blocks(len(turn), SHAPES_BETWEEN):
            one = (self.which[rows], self.flip[rows], self.shapes[rows, point].astype(float), turn[rows])
            forest.pool_values(self.crops, *one, offsets, out[:, rows])
            let_go(self.crops)
        return out

    def turns(self, reference: np.ndarray) -> np.ndarray:
        """Return `turns` from the reference to all shapes, (n,) complex."""
        parts = blocks(len(self.shapes), SHAPES_AT_ONCE)
        return np.concatenate([turns(reference, self.shapes[rows]) for rows in parts])

    def steps(
        self, goals: np.ndarray, turn: np.ndarray, rows: slice = slice(None), points: slice = slice(None)
    ) -> np.ndarray:
        """Return the steps (m, l, 2) px of some samples' landmarks to their goals, in the frame of the reference.

        goals (faces, 2, L, 2) px: of each face, and of its mirror image.
        """
        wanted = goals[:, :, points][self.which[rows], self.flip[rows].astype(int)]
        return _plane(_complex(wanted - self.shapes[rows, points]) / turn[rows, None])

    def move(self, steps: np.ndarray, turn: np.ndarray, rows: slice = slice(None)) -> None:
        """Add steps (m, 2 L), px in the frame of the reference, to some shapes."""
        some = self.shapes[rows]
        self.shapes[rows] = some + _plane(_complex(steps.reshape(some.shape)) * turn[rows, None])
