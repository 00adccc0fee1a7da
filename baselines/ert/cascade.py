"""The stages of the cascade, compiled: the frames of shapes, the grey values around them, and the leaves' step.

Every function releases Python's lock and writes to the caller's arrays. What it writes for a sample depends on that
sample alone, so any part of the samples can be given to any thread.
"""

from __future__ import annotations

import numpy as np

from fldbench.baselines.parts.compiled import compiled, within
from fldbench.baselines.parts.frames import SCALES

LEAST, MOST = SCALES


@compiled
def find_frames(reference, shapes, frames):
    """Write a, b of the similarities [[a, -b], [b, a]] nearest to each shape, as `parts.frames.frames_of` has them.

    reference (L, 2) px about (0, 0), shapes (n, L, 2) px, frames (n, 2).
    """
    points = len(reference)
    power = 0.0
    for p in range(points):
        power += reference[p, 0] ** 2 + reference[p, 1] ** 2
    for i in range(len(shapes)):
        shape = shapes[i]
        # The reference's centre is 0, so that of the shape need not be taken off.
        a = b = 0.0
        for p in range(points):
            a += reference[p, 0] * shape[p, 0] + reference[p, 1] * shape[p, 1]
            b += reference[p, 0] * shape[p, 1] - reference[p, 1] * shape[p, 0]
        size = np.sqrt(a * a + b * b)
        if size > 1e-9 * power:
            factor = min(max(size / power, LEAST), MOST) / size
            frames[i, 0], frames[i, 1] = factor * a, factor * b
        else:  # one landmark, or a shape turned inside out, has no direction
            frames[i, 0], frames[i, 1] = 1.0, 0.0


@compiled
def read_values(crops, which, flip, shapes, frames, anchors, deltas, columns, values):
    """Write the grey values of a stage's pixels, the nearest ones; outside the crop those of its border.

    Parameters
    ----------
    crops : ndarray of shape (faces, h, w), uint8
    which, flip : ndarray of shape (m,)
        Sample i looks at crops[which[i]], mirrored where flip[i].
    shapes : ndarray of shape (m, L, 2)
        Px of the crop, or of the mirrored crop.
    frames : ndarray of shape (m, 2)
        See `find_frames`.
    anchors : ndarray of shape (P,)
        The landmark that a pixel belongs to.
    deltas : ndarray of shape (P, 2)
        Its offset from there in the frame of the reference.
    columns : ndarray of shape (m,)
        Where each sample stands in `values`.
    values : ndarray of shape (P, n), uint8
        Written.
    """
    height, width = crops.shape[1:]
    for i in range(len(which)):
        crop, (a, b) = crops[which[i]], frames[i]
        for p in range(len(anchors)):
            x = shapes[i, anchors[p], 0] + a * deltas[p, 0] - b * deltas[p, 1]
            y = shapes[i, anchors[p], 1] + b * deltas[p, 0] + a * deltas[p, 1]
            column = int(within(x, width - 1.0) + 0.5)
            row = int(within(y, height - 1.0) + 0.5)
            values[p, columns[i]] = crop[row, width - 1 - column if flip[i] else column]


@compiled
def add_leaves(values, pixels, thresholds, leaves, sums):
    """Add to sums (n, k) int32 the leaves where the samples of values (P, n) end; the trees are those of one stage.

    pixels (K, N, 2) uint16, thresholds (K, N) int16, leaves (K, N + 1, k) int16; see `growing.grow`.
    """
    n, splits = len(sums), np.uint64(pixels.shape[1])
    nodes = np.empty(n, np.uint64)  # unsigned, since a sign would be tested at every use as an index
    two, depth = np.uint64(2), int(np.log2(pixels.shape[1] + 1))
    # Trees outside, samples inside: a tree is fetched from memory once for all of them. Level by level, and with
    # arithmetic instead of a branch, because the samples of one level do not wait for each other.
    for t in range(len(pixels)):
        pair, threshold, leaf = pixels[t], thresholds[t], leaves[t]
        nodes[:] = 0
        for _ in range(depth):
            for i in range(n):
                node = nodes[i]
                difference = np.int16(values[pair[node, 0], i]) - np.int16(values[pair[node, 1], i])
                nodes[i] = two * node + two - np.uint64(difference <= threshold[node])
        for i in range(n):
            total, step = sums[i], leaf[nodes[i] - splits]
            for j in range(len(step)):
                total[j] += step[j]


@compiled
def move(shapes, frames, flip, sums, components, biases):
    """Move shapes (n, L, 2) px in place by sums (n, k) of components (k, 2 L) and biases (2, 2 L), turned by frames.

    The first row of biases is for a face, the second one for its mirror image.
    """
    step = np.empty(components.shape[1])
    for i in range(len(shapes)):
        step[:] = biases[int(flip[i])]
        for j in range(len(components)):
            factor = np.float64(sums[i, j])
            for c in range(len(step)):
                step[c] += factor * components[j, c]
        a, b = frames[i]
        for p in range(shapes.shape[1]):
            x, y = step[2 * p], step[2 * p + 1]
            shapes[i, p, 0] += a * x - b * y
            shapes[i, p, 1] += b * x + a * y
