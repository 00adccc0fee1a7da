"""Histograms of oriented gradients on a dense grid of cells over a whole crop, compiled.

Dalal & Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005: soft directions, soft cells, and
blocks of 2 x 2 neighbouring cells, each with a clipped L2 norm. `hog` samples cells anywhere and therefore keeps every
pixel's directions; here the cells are fixed, so each pixel is added to its four cells at once and nothing else is kept.
"""

from __future__ import annotations

import numpy as np

from fldbench.baselines.parts import hog
from fldbench.baselines.parts.compiled import compiled

BLOCK_SIDE = 2  # cells along each side of a block


def grid_features(crops: np.ndarray, cell: int, bins: int) -> np.ndarray:
    """Return the features of whole crops (n, s, s) uint8, s a multiple of `cell`: (n, d) float32.

    d = (s / cell - 1)^2 4 bins. The order is block row, block column, cell row, cell column, direction; every block has
    a length below 1.

    >>> grid_features(np.zeros((3, 16, 16), np.uint8), cell=4, bins=6).shape
    (3, 216)
    """
    cells = grid_cells(np.ascontiguousarray(crops), cell, bins)
    n, side = cells.shape[:2]
    blocks = np.lib.stride_tricks.sliding_window_view(
        cells, (BLOCK_SIDE, BLOCK_SIDE), axis=(1, 2)
    )  # n, rows, columns, bins, 2, 2
    blocks = np.moveaxis(blocks, 3, 5)
    return hog.normalise(blocks.reshape(n, side - 1, side - 1, BLOCK_SIDE * BLOCK_SIDE * bins)).reshape(n, -1)


@compiled
def grid_cells(crops: np.ndarray, cell: int, bins: int) -> np.ndarray:
    """Return the histograms of the cells: (n, s, s) uint8 -> (n, s // cell, s // cell, bins) float32.

    Bin k is the direction 2 pi k / bins, from +x towards +y; a gradient (centred difference, the border pixel repeated)
    is shared linearly between two bins, and between the cells whose centres it lies between, by its distance from them.
    A cell is divided by its number of pixels and by the crop's mean gradient, so contrast and exposure do not matter.
    """
    n, size = crops.shape[0], crops.shape[1]
    side = size // cell
    out = np.zeros((n, side, side, bins), np.float32)
    for i in range(n):
        total = 0.0
        for y in range(size):
            above, below = max(y - 1, 0), min(y + 1, size - 1)
            v = (y + 0.5) / cell - 0.5
            row = int(np.floor(v))
            down = v - row
            for x in range(size):
                dx = (float(crops[i, y, min(x + 1, size - 1)]) - float(crops[i, y, max(x - 1, 0)])) / 2
                dy = (float(crops[i, below, x]) - float(crops[i, above, x])) / 2
                if dx == 0 and dy == 0:
                    continue
                magnitude = np.sqrt(dx * dx + dy * dy)
                total += magnitude
                place = np.arctan2(dy, dx) * (bins / (2 * np.pi))
                low = int(np.floor(place))
                share = place - low
                u = (x + 0.5) / cell - 0.5
                column = int(np.floor(u))
                right = u - column
                for r in range(2):
                    if not 0 <= row + r < side:
                        continue
                    for c in range(2):
                        if not 0 <= column + c < side:
                            continue
                        weight = magnitude * (down if r else 1 - down) * (right if c else 1 - right)
                        out[i, row + r, column + c, low % bins] += weight * (1 - share)
                        out[i, row + r, column + c, (low + 1) % bins] += weight * share
        out[i] /= cell * cell * max(total / (size * size), 1e-3)
    return out


def mirror_grid(side: int, bins: int) -> np.ndarray:
    """Return the features of a crop that equal those of its mirror image, as indices (d,), for side x side cells.

    Columns of blocks and of cells are reversed, and direction a becomes pi - a, which is a bin because `bins` is even:
    grid_features(mirrored) == grid_features(crop)[index].

    >>> mirror_grid(2, 2).tolist()
    [3, 2, 1, 0, 7, 6, 5, 4]
    """
    blocks = side - 1
    index = np.arange(blocks * blocks * BLOCK_SIDE * BLOCK_SIDE * bins).reshape(
        blocks, blocks, BLOCK_SIDE, BLOCK_SIDE, bins
    )
    turned = (bins // 2 - np.arange(bins)) % bins
    return index[:, ::-1, :, ::-1][..., turned].ravel()
