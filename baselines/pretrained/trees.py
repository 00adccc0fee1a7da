"""dlib's shape predictor as plain arrays: read from the file that dlib saves, and run.

A predictor is a cascade of stages. A stage is a forest whose trees compare pairs of grey values and each add a whole
shape. Shapes are (L, 2) in units of the box: (0, 0) is its top-left and (1, 1) its bottom-right corner. The pixels of a
stage move with the current shape: each is a landmark (`anchors`) plus an offset (`deltas`), turned and scaled by the
linear part of the similarity from the mean shape to the current shape.

The file is written by the `serialize` functions of dlib's shape_predictor.h: version, mean shape, forests, anchors,
deltas. A whole number is a byte with its sign (0x80) and length (0x0f), then that many bytes, lowest first. A real
number is two whole numbers, mantissa and exponent to base 2. A vector is its length and its values, a matrix is -rows,
-columns and its values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fldbench.baselines.parts.compiled import compiled
from fldbench.errors import DataError

MARGIN = 16  # bytes behind the end, so that no number reaches beyond the array
NO_PREDICTOR = "not a shape predictor of dlib, or cut off"


@dataclass(frozen=True)
class Trees:
    """A predictor with T stages of K trees with N splits and N + 1 leaves, P pixels for each stage and L landmarks.

    Attributes
    ----------
    mean : ndarray of shape (L, 2), float32
        The start shape.
    pixels : ndarray of shape (T, K, N, 2), uint16
        The two pixels of a split; the children of split i are 2 i + 1 and 2 i + 2.
    thresholds : ndarray of shape (T, K, N), float32
        A face goes to the first child where the first grey value exceeds the second one by more than this.
    leaves : ndarray of shape (T, K, N + 1, 2 L), float32
        What a leaf adds to the shape: x0, y0, x1, y1, ...
    anchors : ndarray of shape (T, P), uint16
        The landmark that a pixel belongs to.
    deltas : ndarray of shape (T, P, 2), float32
        Its offset from there in the mean shape.
    """

    mean: np.ndarray
    pixels: np.ndarray
    thresholds: np.ndarray
    leaves: np.ndarray
    anchors: np.ndarray
    deltas: np.ndarray

    def __post_init__(self):
        # The compiled code does not check bounds: it would read memory outside the arrays.
        if not self._fits():
            raise DataError(f"{NO_PREDICTOR}: their arrays do not fit each other")

    def _fits(self) -> bool:
        if (self.pixels.ndim, self.anchors.ndim, self.pixels.dtype, self.anchors.dtype) != (4, 2, np.uint16, np.uint16):
            return False
        (stages, trees, splits, _), pool, points = self.pixels.shape, self.anchors.shape[1], len(self.mean)
        shapes = {
            "mean": (points, 2),
            "pixels": (stages, trees, splits, 2),
            "thresholds": (stages, trees, splits),
            "leaves": (stages, trees, splits + 1, 2 * points),
            "anchors": (stages, pool),
            "deltas": (stages, pool, 2),
        }
        return bool(
            all(getattr(self, name).shape == wanted for name, wanted in shapes.items())
            and splits & (splits + 1) == 0  # every level of a tree is full
            and self.pixels.size
            and self.pixels.max() < pool
            and self.anchors.max() < points
        )


def read_trees(data: bytes) -> Trees:
    """Return the predictor in a file of dlib's; raise DataError for other bytes.

    All stages have the same numbers of trees and pixels, and all trees the same number of leaves, as dlib trains them.
    """
    padded = np.concatenate([np.frombuffer(data, np.uint8), np.zeros(MARGIN, np.uint8)])
    version, at = _whole(padded, 0)
    rows, at = _whole(padded, at)
    columns, at = _whole(padded, at)
    # A damaged length must not ask for memory: every number takes at least two bytes.
    if version != 1 or columns != -1 or rows % 2 or not 0 < -rows <= len(data) // 2:
        raise DataError(NO_PREDICTOR)
    mean = np.empty((-rows // 2, 2), np.float32)
    stages, at = _whole(padded, _reals(padded, at, mean.ravel()))
    trees, ahead = _whole(padded, at)
    splits, ahead = _whole(padded, ahead)
    shape = (stages, trees, splits)
    if min(shape) < 1 or stages * trees * (3 * splits + (splits + 1) * -rows) > len(data) // 2:
        raise DataError(NO_PREDICTOR)
    pixels, thresholds = np.empty((*shape, 2), np.uint16), np.empty(shape, np.float32)
    leaves = np.empty((stages, trees, splits + 1, -rows), np.float32)
    at = _forests(padded, at, pixels, thresholds, leaves)
    pool, _ = _whole(padded, _whole(padded, at)[1])
    if at < 0 or not 1 <= pool <= min(len(data) // 2, 2**16):
        raise DataError(NO_PREDICTOR)
    anchors, deltas = np.empty((stages, pool), np.uint16), np.empty((stages, pool, 2), np.float32)
    if _pools(padded, at, anchors, deltas) != len(data):
        raise DataError(NO_PREDICTOR)
    return Trees(mean, pixels, thresholds, leaves, anchors, deltas)


def run_trees(trees: Trees, images: np.ndarray, corners: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Take every start shape of every face through the cascade.

    A pixel is read at the nearest whole position; outside the image it is 0.

    Parameters
    ----------
    trees : Trees
    images : ndarray of shape (n, h, w), uint8
        Grey.
    corners : ndarray of shape (n, 2, 2)
        Top-left and bottom-right corners of the boxes, px.
    starts : ndarray of shape (s, L, 2)
        In the box frame.

    Returns
    -------
    ndarray of shape (n, s, L, 2), float32
        In the box frame.
    """
    n, s, points = len(images), len(starts), len(trees.mean)
    shapes = np.empty((n * s, 2 * points), np.float32)
    shapes[:] = np.tile(starts.reshape(s, -1), (n, 1))
    _run(
        np.ascontiguousarray(images), np.ascontiguousarray(corners, float), s, trees.mean.ravel(), trees.pixels,
        trees.thresholds, trees.leaves, trees.anchors, trees.deltas, shapes,
    )  # fmt: skip
    return shapes.reshape(n, s, points, 2)


@compiled
def _whole(data, at):
    """Return a whole number and where the next one begins: -1 behind the end, or after a number of no known length."""
    if at < 0 or at >= len(data) - MARGIN:
        return 0, -1
    head = data[at]
    length = head & 0x0F
    if length < 1 or length > 8:
        return 0, -1
    value = np.int64(0)
    for i in range(length, 0, -1):
        value = (value << 8) | np.int64(data[at + i])
    return (-value if head & 0x80 else value), at + 1 + length


@compiled
def _index(data, at):
    """Return a whole number that fits uint16, which would otherwise be cut to its lowest bits."""
    value, at = _whole(data, at)
    return (value, at) if 0 <= value < 2**16 else (0, -1)


@compiled
def _real(data, at):
    mantissa, at = _whole(data, at)
    exponent, at = _whole(data, at)
    # An exponent from 32000 on means infinity or NaN, which no trained tree contains.
    value = np.float32(mantissa * 2.0**exponent) if exponent < 1024 else np.float32(np.inf)
    return (value, at) if np.isfinite(value) else (np.float32(0.0), -1)


@compiled
def _reals(data, at, out):
    for i in range(len(out)):
        out[i], at = _real(data, at)
    return at


@compiled
def _forests(data, at, pixels, thresholds, leaves):
    """Fill the arrays; return the place behind the forests, or -1 where their lengths are not those of the arrays."""
    stages, trees, splits, _ = pixels.shape
    for t in range(stages):
        length, at = _whole(data, at)
        if length != trees:
            return -1
        for k in range(trees):
            length, at = _whole(data, at)
            if length != splits:
                return -1
            for i in range(splits):
                pixels[t, k, i, 0], at = _index(data, at)
                pixels[t, k, i, 1], at = _index(data, at)
                thresholds[t, k, i], at = _real(data, at)
            length, at = _whole(data, at)
            if length != splits + 1:
                return -1
            for i in range(splits + 1):
                rows, at = _whole(data, at)
                columns, at = _whole(data, at)
                if -rows != leaves.shape[3] or columns != -1:
                    return -1
                at = _reals(data, at, leaves[t, k, i])
    return at


@compiled
def _pools(data, at, anchors, deltas):
    """Fill the arrays; return the place behind both, or -1 where their lengths are not those of the arrays."""
    stages, pool = anchors.shape
    length, at = _whole(data, at)
    if length != stages:
        return -1
    for t in range(stages):
        length, at = _whole(data, at)
        if length != pool:
            return -1
        for i in range(pool):
            anchors[t, i], at = _index(data, at)
    length, at = _whole(data, at)
    if length != stages:
        return -1
    for t in range(stages):
        length, at = _whole(data, at)
        if length != pool:
            return -1
        for i in range(pool):
            at = _reals(data, at, deltas[t, i])
    return at


@compiled
def _run(images, corners, starts, mean, pixels, thresholds, leaves, anchors, deltas, shapes):
    """Move shapes (n * starts, 2 L) in place; row i belongs to image i // starts."""
    splits, pool = np.uint64(pixels.shape[2]), anchors.shape[1]
    values = np.empty((len(shapes), pool), np.uint8)
    nodes = np.empty(len(shapes), np.uint64)  # unsigned, since a sign would be tested at every use as an index
    two, depth = np.uint64(2), int(np.log2(pixels.shape[2] + 1))
    for t in range(len(pixels)):
        for i in range(len(shapes)):
            face = i // starts
            _read_pixels(images[face], corners[face], mean, shapes[i], anchors[t], deltas[t], values[i])
        # Trees outside, shapes inside: a tree is fetched from memory once for all of them. Level by level, and with
        # arithmetic instead of a branch, because the shapes of one level do not wait for each other.
        for k in range(pixels.shape[1]):
            pair, threshold, leaf = pixels[t, k], thresholds[t, k], leaves[t, k]
            nodes[:] = 0
            for _ in range(depth):
                for i in range(len(shapes)):
                    node = nodes[i]
                    difference = np.int32(values[i, pair[node, 0]]) - np.int32(values[i, pair[node, 1]])
                    nodes[i] = two * node + two - np.uint64(np.float32(difference) > threshold[node])
            for i in range(len(shapes)):
                shape, step = shapes[i], leaf[nodes[i] - splits]
                for j in range(len(step)):
                    shape[j] += step[j]


@compiled
def _read_pixels(image, corners, mean, shape, anchors, deltas, values):
    """Write the grey values of one stage's pixels for one shape to `values` (P,)."""
    real, imaginary = _turn(mean, shape)
    height, width = image.shape
    left, top = corners[0]
    across, down = corners[1, 0] - left, corners[1, 1] - top
    for i in range(len(anchors)):
        dx, dy = deltas[i]
        x = real * dx - imaginary * dy + shape[2 * anchors[i]]
        y = imaginary * dx + real * dy + shape[2 * anchors[i] + 1]
        column, row = np.floor(left + across * x + 0.5), np.floor(top + down * y + 0.5)
        inside = 0 <= column < width and 0 <= row < height
        values[i] = image[int(row), int(column)] if inside else 0


@compiled
def _turn(mean, shape):
    """Return the linear part of the similarity from `mean` to `shape` as a complex number."""
    points = len(mean) // 2
    mx = my = sx = sy = 0.0
    for i in range(points):
        mx += mean[2 * i]
        my += mean[2 * i + 1]
        sx += shape[2 * i]
        sy += shape[2 * i + 1]
    mx, my, sx, sy = mx / points, my / points, sx / points, sy / points
    power = real = imaginary = 0.0
    for i in range(points):
        x, y = mean[2 * i] - mx, mean[2 * i + 1] - my
        u, v = shape[2 * i] - sx, shape[2 * i + 1] - sy
        power += x * x + y * y
        real += x * u + y * v
        imaginary += x * v - y * u
    if power == 0:  # one landmark has no direction
        return np.float32(1.0), np.float32(0.0)
    return np.float32(real / power), np.float32(imaginary / power)
