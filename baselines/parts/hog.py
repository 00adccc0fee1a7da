"""Histograms of oriented gradients around landmarks: pure functions that the HOG + ridge method builds on.

Dalal & Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005: soft orientation bins, soft cells,
and clipped L2 contrast normalisation. Here every landmark has its own patch of `grid` x `grid` cells: the channels of
a face are computed once, and then sampled at the landmarks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fldbench.errors import DataError

CLIP = 0.2  # Dalal & Triggs 2005, section 6.4 (L2-Hys): no single strong edge may rule a patch
AS_IT_IS = np.ones(1, np.float32)  # the tent of a cell of 1 px, for channels that are smooth already
FLAT = 0.04  # a patch with less gradient than this share of the crop's mean stays near zero and is not amplified


def orientation_channels(grey: np.ndarray, bins: int = 8) -> np.ndarray:
    """Return the gradient magnitude per pixel, shared linearly between the two nearest of `bins` signed directions.

    grey (h, w) uint8 or float -> (h, w, bins) float32. Bin k is the direction 2 pi k / bins, from +x towards +y. The
    magnitude is divided by its mean over the crop, so contrast and exposure do not matter; a flat crop gives zeros.
    Raise DataError for pixels that are not finite.

    >>> ramp = np.tile(np.arange(6.0), (5, 1))  # brighter to the right: direction 0
    >>> orientation_channels(ramp, bins=4)[2, 2].astype(float).round(3).tolist()  # 1, by the mean (4 x 1 + 2 x 0.5) / 6
    [1.2, 0.0, 0.0, 0.0]
    """
    import cv2

    from fldbench.baselines.parts.hog_kernels import bin_directions

    grey = np.asarray(grey, np.float32)
    kernel = np.array([-0.5, 0.0, 0.5], np.float32)  # Dalal & Triggs found the plain centred difference to be the best
    one = np.ones(1, np.float32)
    dx = cv2.sepFilter2D(grey, cv2.CV_32F, kernel, one, borderType=cv2.BORDER_REPLICATE)
    dy = cv2.sepFilter2D(grey, cv2.CV_32F, one, kernel, borderType=cv2.BORDER_REPLICATE)
    magnitude, angle = cv2.cartToPolar(dx, dy)
    mean = cv2.mean(magnitude)[0]
    if not np.isfinite(mean):  # the compiled code makes an index of every direction
        raise DataError("a crop has pixels that are not finite, or too large for float32")
    magnitude *= 1 / max(mean, 1e-3)
    angle *= np.float32(bins / (2 * np.pi))
    return bin_directions(magnitude, angle, (0,) * bins)


def smooth_cells(channels: np.ndarray, cell: int) -> np.ndarray:
    """Return for each pixel the histogram of the cell around it: (h, w, bins) -> (h, w, bins) float32.

    A pixel at distance d from the cell's centre counts max(0, 1 - |d| / cell) along each axis, Dalal & Triggs's linear
    interpolation between cells of `cell` px. Beyond the border the outermost pixel is repeated.
    """
    import cv2

    tent = tent_of(cell)
    return cv2.sepFilter2D(channels, -1, tent, tent, borderType=cv2.BORDER_REPLICATE)


def tent_of(cell: int) -> np.ndarray:
    """Return max(0, 1 - |d| / cell) for d from 1 - cell to cell - 1, divided by its sum: (2 cell - 1,) float32.

    >>> (9 * tent_of(3)).tolist()
    [1.0, 2.0, 3.0, 2.0, 1.0]
    """
    tent = 1 - np.abs(np.arange(1 - cell, cell)) / cell
    return (tent / tent.sum()).astype(np.float32)


def cell_offsets(cell: int, grid: int) -> np.ndarray:
    """Return the centres of a patch's cells relative to its landmark, row by row: (grid * grid, 2) px.

    >>> cell_offsets(4, 2).tolist()
    [[-2.0, -2.0], [2.0, -2.0], [-2.0, 2.0], [2.0, 2.0]]
    """
    steps = (np.arange(grid) - (grid - 1) / 2) * cell
    return np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)


def normalise(patches: np.ndarray) -> np.ndarray:
    """Normalise each patch by its clipped L2 norm: (..., d) >= 0 -> (..., d), of length below 1.

    >>> normalise(np.array([[30.0, 40.0], [0.0, 0.0]])).round(2).tolist()
    [[0.71, 0.71], [0.0, 0.0]]
    """
    d = patches.shape[-1]
    length = np.sqrt(np.einsum("...i,...i->...", patches, patches) + FLAT**2 * d)
    patches = np.minimum(patches / length[..., None], CLIP)
    return patches / np.sqrt(np.einsum("...i,...i->...", patches, patches) + 1e-6)[..., None]


def landmark_features(
    channels: np.ndarray, shapes: np.ndarray, frames: np.ndarray, cell: int, grid: int = 4
) -> np.ndarray:
    """Return the HOG around every landmark, (m, L * grid * grid * bins) float32.

    The order is landmark, cell row, cell column, direction. A landmark's patch is grid * cell px wide.

    Parameters
    ----------
    channels : ndarray of shape (h, w, bins)
    shapes : ndarray of shape (m, L, 2)
        Pixels of the channels.
    frames : ndarray of shape (m, 2)
        (a, b): the patches of a shape are turned and scaled by [[a, -b], [b, a]], and their directions are counted from
        the turned axis, so that a turned face has the features of an upright one. (1, 0) changes nothing.
    cell, grid : int
    """
    from fldbench.baselines.parts.hog_kernels import sample_patches

    shapes, frames = np.asarray(shapes, float), np.asarray(frames, float)
    field, tent = np.ascontiguousarray(channels, np.float32), tent_of(cell)
    height, width, bins = field.shape
    # Pixels that are added up: all of them along both axes, or those around the cells that are looked at.
    if 2 * height * width * len(tent) < shapes[..., 0].size * grid**2 * (len(tent) + 1) ** 2:
        field, tent = smooth_cells(field, cell), AS_IT_IS
    return sample_patches(field, shapes, frames, float(cell), grid, CLIP, FLAT, tent, (0,) * bins)


def mirror_features(mirror: Sequence[int], grid: int, bins: int) -> np.ndarray:
    """Return the features of a face that equal those of the mirrored face, as indices (L * grid * grid * bins,).

    Landmark l of the mirrored face is mirror[l], its columns are reversed, and direction a becomes pi - a, which is a
    bin again because `bins` is even: landmark_features(mirrored) == landmark_features(face)[index].

    >>> mirror_features([0], grid=1, bins=4).tolist()
    [2, 1, 0, 3]
    """
    index = np.arange(len(mirror) * grid * grid * bins).reshape(len(mirror), grid, grid, bins)
    turned = (bins // 2 - np.arange(bins)) % bins
    return index[np.asarray(mirror)][:, :, ::-1][..., turned].ravel()
