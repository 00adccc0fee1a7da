"""Growing one tree: by hand, and against plain loops over lists."""

import numpy as np

from fldbench.baselines.ert.growing import grow


def grown(values, rest, pairs, draws, judges=1000, nu=0.5, begin=0):
    """Return pixels, thresholds and leaves as lists, and what is left."""
    rest = rest.copy()
    splits = len(pairs)
    pixels, thresholds = np.ones((splits, 2), np.uint16), np.ones(splits, np.int16)
    leaves = np.ones((splits + 1, rest.shape[1]), np.int16)
    grow(values, rest, begin, np.asarray(pairs, np.int32), draws, judges, nu, pixels, thresholds, leaves)
    return pixels.tolist(), thresholds.tolist(), leaves.tolist(), rest


def test_a_split_by_hand():
    """Pixel 0 - pixel 1 is 1, 2, 3, 4 and what is left 10, 10, 20, 40: it is best to part after the third."""
    values = np.array([[1, 2, 3, 4], [0, 0, 0, 0], [0, 9, 0, 9]], np.uint8)
    rest = np.array([[10], [10], [20], [40]], np.int16)
    # The first pair tries the differences of samples 0, 2 and 3: 1 | 3 gives 10^2 / 1 + 70^2 / 3 = 1733.3,
    # 3 | 1 gives 40^2 / 3 + 40^2 / 1 = 2133.3, and 4 leaves nobody on the right. The second pair parts 0 and 2 from
    # 1 and 3: 30^2 / 2 + 50^2 / 2 = 1700.
    pairs, draws = [[[0, 1], [2, 1]]], np.array([[[0.0, 0.5, 0.75], [0.0, 0.0, 0.0]]])
    pixels, thresholds, leaves, left = grown(values, rest, pairs, draws)
    assert (pixels, thresholds) == ([[0, 1]], [3])
    assert leaves == [[7], [20]]  # half of 40 / 3 = 6.67, rounded, and half of 40
    assert left.ravel().tolist() == [3, 3, 13, 20]


def test_the_first_of_equal_candidates_wins():
    values = np.array([[1, 1, 5, 5], [0, 0, 0, 0], [2, 2, 9, 9]], np.uint8)
    rest = np.array([[-1], [-1], [1], [1]], np.int16)
    for pairs, first in (([[[0, 1], [2, 1]]], [0, 1]), ([[[2, 1], [0, 1]]], [2, 1])):
        assert grown(values, rest, pairs, np.zeros((1, 2, 1)))[0] == [first]


def test_judges_choose_and_all_samples_make_the_leaves():
    """The first two judges, from sample 2 on, see a difference between 2 and 3 only; the leaves are means of all."""
    values = np.array([[0, 9, 0, 9], [0, 0, 0, 0], [0, 0, 9, 9]], np.uint8)
    rest = np.array([[0], [0], [-100], [-60]], np.int16)
    pairs, draws = [[[2, 1], [0, 1]]], np.zeros((1, 2, 1))
    assert grown(values, rest, pairs, draws, nu=1.0)[:3] == ([[2, 1]], [0], [[0], [-80]])
    assert grown(values, rest, pairs, draws, nu=1.0, judges=2, begin=2)[:3] == ([[0, 1]], [0], [[-50], [-30]])


def test_what_no_candidate_divides_goes_left():
    values, rest = np.zeros((2, 3), np.uint8), np.array([[3, 0], [6, 0], [9, 3]], np.int16)
    pixels, thresholds, leaves, left = grown(values, rest, np.zeros((3, 2, 2), int), np.zeros((3, 2, 2)), nu=1.0)
    assert thresholds == [255] * 3 and pixels == [[0, 0]] * 3
    assert leaves == [[6, 1], [0, 0], [0, 0], [0, 0]]
    assert left.tolist() == [[-3, -1], [0, -1], [3, 2]]


def test_what_is_left_stays_within_its_type():
    values = np.array([[0, 9], [0, 0]], np.uint8)
    rest = np.array([[32767], [-32767]], np.int16)
    left = grown(np.zeros((2, 2), np.uint8), -rest, [[[0, 1]]], np.zeros((1, 1, 1)))[3]
    assert left.ravel().tolist() == [-32767, 32767]  # their mean is 0
    assert grown(values, rest, [[[0, 1]]], np.zeros((1, 1, 1)), nu=1.0)[3].ravel().tolist() == [0, 0]


def plainly(values, rest, pairs, draws, judges, nu, begin):
    """Second route: sets of samples, sums in exact fractions."""
    from fractions import Fraction

    n, k = rest.shape
    reach = {0: [(begin + i) % n for i in range(n)]}
    pixels, thresholds = [], []
    difference = lambda i, pair: int(values[pair[0], i]) - int(values[pair[1], i])  # noqa: E731
    for node in range(len(pairs)):
        members = reach[node][:judges]
        best, pixel, limit = Fraction(-1), [0, 0], 255
        for pair, places in zip(pairs[node].tolist(), draws[node].tolist(), strict=True):
            for place in places if len(members) > 1 else ():
                threshold = difference(members[int(place * len(members))], pair)
                left = [i for i in members if difference(i, pair) <= threshold]
                right = [i for i in members if difference(i, pair) > threshold]
                if not right:
                    continue
                sums = [(sum(int(rest[i, j]) for i in side), len(side)) for side in (left, right) for j in range(k)]
                score = sum(Fraction(total**2, count) for total, count in sums)
                if score > best:
                    best, pixel, limit = score, pair, threshold
        pixels.append(pixel)
        thresholds.append(limit)
        reach[2 * node + 1] = [i for i in reach[node] if difference(i, pixel) <= limit]
        reach[2 * node + 2] = [i for i in reach[node] if difference(i, pixel) > limit]
    leaves, left = [], rest.astype(int)
    for leaf in range(len(pairs) + 1):
        members = reach[len(pairs) + leaf]
        leaves.append([round(nu * sum(int(rest[i, j]) for i in members) / max(len(members), 1)) for j in range(k)])
        left[members] -= leaves[-1]
    return pixels, thresholds, leaves, left


def test_a_tree_is_that_of_plain_loops():
    rng = np.random.default_rng(0)
    for judges in (7, 1000):
        values = rng.integers(0, 256, (12, 90)).astype(np.uint8)
        rest = rng.integers(-900, 900, (90, 3)).astype(np.int16)
        given = (values, rest, rng.integers(0, 12, (7, 5, 2)), rng.random((7, 5, 2)), judges, 0.3, 33)
        mine, other = grown(*given), plainly(*given)
        assert mine[:3] == other[:3]
        assert np.array_equal(mine[3], other[3])
