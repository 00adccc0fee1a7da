"""Trees on pixel differences around a landmark, compiled: growing them, and the leaf where a face ends.

Ren, Cao, Wei & Sun, "Face Alignment at 3000 FPS via Regressing Local Binary Features", CVPR 2014, section 3.1. A tree
of depth d has the splits 0 .. 2^d - 2 in breadth-first order: split k leads to 2k + 1 and 2k + 2, and its leaves are
numbered 0 .. 2^d - 1 from left to right. A split compares two pixels: a face goes right where the first is brighter
than the second by more than the threshold. Both pixels are offsets from the landmark in the frame of the mean shape,
turned and scaled by the complex number `turn` that takes the mean shape to the present one.

Every function releases Python's lock and writes to the caller's arrays, so threads can work on different parts of them.
"""

from __future__ import annotations

import numpy as np

from fldbench.baselines.parts.compiled import compiled, within

GOLDEN = 0.6180339887498949  # its multiples, less their whole parts, lie spread over [0, 1)


@compiled
def _pixel(image, flip, x, y):
    """Return the pixel nearest to (x, y), of the mirrored image where flip; outside the image that of the border."""
    height, width = image.shape
    column = int(within(x, width - 1.0) + 0.5)
    row = int(within(y, height - 1.0) + 0.5)
    return image[row, width - 1 - column if flip else column]


@compiled
def pool_values(images, which, flip, points, turns, offsets, out):
    """Write the pixels around one landmark to out (p, n) uint8.

    Parameters
    ----------
    images : ndarray of shape (faces, h, w), uint8
    which, flip : ndarray of shape (n,)
        Sample i looks at images[which[i]], mirrored where flip[i].
    points : ndarray of shape (n, 2)
        The landmark of each sample, px.
    turns : ndarray of shape (n,), complex
        From the mean shape to each sample's shape.
    offsets : ndarray of shape (p, 2)
        Pixels in the frame of the mean shape.
    """
    for i in range(len(which)):
        image, a = images[which[i]], turns[i]
        for j in range(len(offsets)):
            x = points[i, 0] + a.real * offsets[j, 0] - a.imag * offsets[j, 1]
            y = points[i, 1] + a.imag * offsets[j, 0] + a.real * offsets[j, 1]
            out[j, i] = _pixel(image, flip[i], x, y)


@compiled
def _judges(members, most, out):
    """Write at most `most` of the members, spread over their whole list, to `out`; return how many."""
    n = len(members)
    if n <= most:
        out[:n] = members
        return n
    for k in range(most):
        # One from each of `most` equal parts, never at the same place of two parts in a row: the list has the start
        # shapes of a face side by side, and equal steps could meet the same of them every time.
        share = (k * GOLDEN) % 1.0
        out[k] = members[min(int((k + share) * n / most), n - 1)]
    return most


@compiled
def grow(values, steps, weights, rows, pairs, draws, depth, most):
    """Grow one tree: return the pixels of the pool that its splits compare, and their thresholds.

    A split takes the candidate that explains most of the steps' variance: the one with the greatest |S_l|^2 / W_l +
    |S_r|^2 / W_r, where S and W are the weighted sum of the steps and the weight on a side; the first of equal ones. A
    split that no sample reaches, or that no candidate can divide, sends everything left.

    Parameters
    ----------
    values : ndarray of shape (p, n), uint8
        The pool's pixels of all samples.
    steps : ndarray of shape (n, 2), float64
        From the landmark to its true place: what the leaves should tell apart.
    weights : ndarray of shape (n,), float64
    rows : ndarray of shape (m,), int64
        The samples that this tree sees.
    pairs : ndarray of shape (2^d - 1, c, 2), int32
        Each split's candidates.
    draws : ndarray of shape (2^d - 1, c)
        In [0, 1): a candidate's threshold is its difference at that place in the list of samples.
    depth : int
        d.
    most : int
        The candidates of a split are judged on so many of its samples at most.

    Returns
    -------
    chosen : ndarray of shape (2^d - 1, 2), int32
    thresholds : ndarray of shape (2^d - 1,), int16
    """
    n_splits = 2**depth - 1
    chosen = np.zeros((n_splits, 2), np.int32)
    thresholds = np.full(n_splits, 255, np.int16)
    first = np.zeros(2 * n_splits + 1, np.int64)
    last = np.zeros(2 * n_splits + 1, np.int64)
    order = rows.copy()
    spare = np.empty_like(order)
    last[0] = len(order)
    size = min(len(rows), most)
    judges = np.empty(size, np.int64)
    w, wx, wy = np.empty(size), np.empty(size), np.empty(size)
    for node in range(n_splits):
        lo, hi = first[node], last[node]
        members = order[lo:hi]
        count = _judges(members, most, judges)
        total = total_x = total_y = 0.0
        for k in range(count):
            i = judges[k]
            w[k], wx[k], wy[k] = weights[i], weights[i] * steps[i, 0], weights[i] * steps[i, 1]
            total += w[k]
            total_x += wx[k]
            total_y += wy[k]
        best = -1.0
        for c in range(pairs.shape[1] if hi - lo > 1 else 0):
            one, two = values[pairs[node, c, 0]], values[pairs[node, c, 1]]
            at = members[int(draws[node, c] * (hi - lo))]
            threshold = np.int16(one[at]) - np.int16(two[at])
            left = left_x = left_y = 0.0
            for k in range(count):
                i = judges[k]
                # A product, since a branch that goes either way half of the time costs several times as much.
                goes_left = 1.0 if np.int16(one[i]) - np.int16(two[i]) <= threshold else 0.0
                left += goes_left * w[k]
                left_x += goes_left * wx[k]
                left_y += goes_left * wy[k]
            right, right_x, right_y = total - left, total_x - left_x, total_y - left_y
            if left > 1e-9 * total and right > 1e-9 * total:
                score = (left_x**2 + left_y**2) / left + (right_x**2 + right_y**2) / right
                if score > best:
                    best = score
                    chosen[node] = pairs[node, c]
                    thresholds[node] = threshold
        one, two = values[chosen[node, 0]], values[chosen[node, 1]]
        middle, right_count = lo, 0
        for i in members:
            if np.int16(one[i]) - np.int16(two[i]) <= thresholds[node]:
                spare[middle] = i
                middle += 1
            else:
                right_count += 1
                spare[hi - right_count] = i
        order[lo:hi] = spare[lo:hi]
        first[2 * node + 1], last[2 * node + 1] = lo, middle
        first[2 * node + 2], last[2 * node + 2] = middle, hi
    return chosen, thresholds


@compiled
def find_leaves(images, which, flip, shapes, turns, offsets, thresholds, out):
    """Write the leaf of every tree at every landmark to out (L, n, t) uint8.

    images, which, flip, turns as in `pool_values`; shapes (n, L, 2) px; offsets (L, t, splits, 4) float32, x and y of
    both pixels; thresholds (L, t, splits) int16.
    """
    n_splits = offsets.shape[2]
    for point in range(len(offsets)):
        for i in range(len(which)):
            image, mirrored, a = images[which[i]], flip[i], turns[i]
            x, y = shapes[i, point, 0], shapes[i, point, 1]
            for tree in range(offsets.shape[1]):
                node = 0
                while node < n_splits:
                    o = offsets[point, tree, node]
                    one = _pixel(image, mirrored, x + a.real * o[0] - a.imag * o[1], y + a.imag * o[0] + a.real * o[1])
                    two = _pixel(image, mirrored, x + a.real * o[2] - a.imag * o[3], y + a.imag * o[2] + a.real * o[3])
                    above = np.int16(one) - np.int16(two) > thresholds[point, tree, node]
                    node = 2 * node + (2 if above else 1)
                out[point, i, tree] = node - n_splits
