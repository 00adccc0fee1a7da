"""Trees on differences of two grey values, compiled: growing them by gradient boosting.

Kazemi & Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR 2014, sections 2.2 and
2.3. A tree of depth d has the splits 0 .. 2^d - 2 in breadth-first order: split i leads to 2 i + 1 and 2 i + 2, and its
leaves are numbered 0 .. 2^d - 1 from left to right. A sample goes right where the first of the two values is greater
than the second by more than the threshold.

What is left to explain is held in whole numbers, so sums of it are exact and the loops over samples run in vectors.
"""

from __future__ import annotations

import numpy as np

from fldbench.baselines.parts.compiled import compiled

LARGEST = 32767  # what int16 holds
MOST_JUDGES = 65_536  # samples; the sum of so many numbers of int16 fits int32


@compiled
def grow(values, rest, begin, pairs, draws, judges, nu, pixels, thresholds, leaves):
    """Grow one tree on all samples, and take what its leaves say off `rest`.

    A split takes the candidate that explains most of the variance of what is left at its first `judges` samples: the
    one with the greatest |S_l|^2 / n_l + |S_r|^2 / n_r, where S is the sum and n the count on a side; the first of
    equal ones. A leaf is nu times the mean of all its samples, rounded. A split that one sample or none reaches, or
    that no candidate divides, sends everything left; an empty leaf is 0.

    Parameters
    ----------
    values : ndarray of shape (P, n), uint8
        The pixels of the samples.
    rest : ndarray of shape (n, k), int16
        What is left to explain; changed in place.
    begin : int
        The sample that comes first, from 0 to n - 1; sample 0 follows the last one. Samples in random order make the
        first ones a random part of all.
    pairs : ndarray of shape (2^d - 1, c, 2), int32
        The pairs of pixels that a split chooses from.
    draws : ndarray of shape (2^d - 1, c, t)
        In [0, 1): where in the list of judges a pair's t samples stand, whose own differences are the thresholds.
    judges : int
        From 1 to MOST_JUDGES.
    nu : float
    pixels : ndarray of shape (2^d - 1, 2), uint16
        Written: the pixels that the splits compare.
    thresholds : ndarray of shape (2^d - 1,), int16
        Written.
    leaves : ndarray of shape (2^d, k), int16
        Written.
    """
    n, k = rest.shape
    n_splits = len(pairs)
    order = np.empty(n, np.int32)
    for i in range(n):
        order[i] = begin + i if begin + i < n else begin + i - n
    spare = np.empty(n, np.int32)
    first = np.zeros(2 * n_splits + 1, np.int64)
    last = np.zeros(2 * n_splits + 1, np.int64)
    last[0] = n
    judges = min(judges, n)
    columns = np.empty((k, judges), np.int16)
    differences, left = np.empty(judges, np.int16), np.empty(judges, np.int16)
    total = np.empty(k, np.int32)
    for node in range(n_splits):
        lo, hi = first[node], last[node]
        m = min(hi - lo, judges)
        total[:] = 0
        for q in range(m):
            for j in range(k):
                columns[j, q] = rest[order[lo + q], j]
                total[j] += columns[j, q]
        best = -1.0
        pixels[node] = 0
        thresholds[node] = 255
        for c in range(pairs.shape[1] if m > 1 else 0):
            one, two = values[pairs[node, c, 0]], values[pairs[node, c, 1]]
            for q in range(m):
                differences[q] = np.int16(one[order[lo + q]]) - np.int16(two[order[lo + q]])
            for t in range(draws.shape[2]):
                threshold = differences[int(draws[node, c, t] * m)]
                count = _mark(differences[:m], threshold, left)
                if count == m:
                    continue
                score = _score(columns, left, total, count, m)
                if score > best:
                    best = score
                    pixels[node, 0], pixels[node, 1] = pairs[node, c]
                    thresholds[node] = threshold
        middle = _part(values[pixels[node, 0]], values[pixels[node, 1]], thresholds[node], order[lo:hi], spare) + lo
        first[2 * node + 1], last[2 * node + 1] = lo, middle
        first[2 * node + 2], last[2 * node + 2] = middle, hi
    for leaf in range(n_splits + 1):
        lo, hi = first[n_splits + leaf], last[n_splits + leaf]
        _settle(rest, order[lo:hi], nu, leaves[leaf])


@compiled
def _mark(differences, threshold, left):
    """Write -1, all bits set, where a sample goes left and 0 elsewhere; return how many go left."""
    count = 0
    for q in range(len(differences)):
        goes = np.int16(differences[q] <= threshold)
        left[q] = -goes
        count += goes
    return count


@compiled
def _score(columns, left, total, count, m):
    """Return |S_l|^2 / n_l + |S_r|^2 / n_r over the first m samples, of which `count` go left."""
    left_power = right_power = 0.0
    for j in range(len(columns)):
        column, s = columns[j], np.int32(0)
        for q in range(m):
            s += np.int32(column[q] & left[q])
        on_left, on_right = np.float64(s), np.float64(total[j]) - np.float64(s)
        left_power += on_left * on_left
        right_power += on_right * on_right
    return left_power / count + right_power / (m - count)


@compiled
def _part(one, two, threshold, members, spare):
    """Put those that go left first, each side in its order; return how many they are."""
    a = b = 0
    for q in range(len(members)):
        i = members[q]
        above = np.int64(np.int16(one[i]) - np.int16(two[i]) > threshold)
        members[a] = spare[b] = i  # a stands at q or before it, so nothing is overwritten that was not read
        a += 1 - above
        b += above
    members[a:] = spare[:b]
    return a


@compiled
def _settle(rest, members, nu, leaf):
    """Write the leaf of these samples and take it off them."""
    k = rest.shape[1]
    sums = np.zeros(k, np.int64)
    for q in range(len(members)):
        for j in range(k):
            sums[j] += rest[members[q], j]
    for j in range(k):
        leaf[j] = np.int16(np.rint(nu * sums[j] / max(len(members), 1)))
    for q in range(len(members)):
        for j in range(k):
            less = np.int32(rest[members[q], j]) - np.int32(leaf[j])
            rest[members[q], j] = np.int16(min(max(less, -LARGEST), LARGEST))
