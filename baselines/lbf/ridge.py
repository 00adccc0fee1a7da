"""Ridge regression on the leaves of many trees, compiled: a row of features has a single 1 for every tree.

With one-hot features X (n, d), X W is a sum of rows of W and X' R adds up rows of R, so no array of the size n x d is
ever made. The compiled functions release Python's lock. Rows go to threads in fixed parts and no sum crosses
two parts, so no bit of the result depends on the number of threads.
"""

from __future__ import annotations

import numpy as np

from fldbench.baselines.parts.compiled import compiled
from fldbench.baselines.parts.threads import each_block

SAMPLES_PER_TASK = 128  # samples that one thread works on at a time
CONVERGED = 1e-10  # of the first gradient's square; float32 does not get much further


@compiled
def add_weights(leaves, rows, weights, out):
    """Add to out (m, k) the weights (L, t, leaves, k) that leaves (L, n, t) name at the samples rows (m,)."""
    for point in range(leaves.shape[0]):
        for m in range(len(rows)):
            total = out[m]
            for tree in range(leaves.shape[2]):
                add = weights[point, tree, leaves[point, rows[m], tree]]
                for j in range(len(total)):
                    total[j] += add[j]


@compiled
def add_rows(leaves, rows, values, out):
    """Add values (m, k) to the places of out (t, leaves, k) that leaves (n, t) name at the samples rows (m,)."""
    for m in range(len(rows)):
        add = values[m]
        for tree in range(leaves.shape[1]):
            total = out[tree, leaves[rows[m], tree]]
            for j in range(len(add)):
                total[j] += add[j]


@compiled
def spread(sums, components, bias):
    """Return sums (m, k) times components (k, d) plus bias (d,), in float64, (m, d).

    It is not computed by BLAS, whose rounding depends on the number of rows.
    """
    out = np.empty((len(sums), len(bias)))
    for i in range(len(sums)):
        out[i] = bias
        for j in range(len(components)):
            for column in range(len(bias)):
                out[i, column] += sums[i, j] * np.float64(components[j, column])
    return out


def times(leaves: np.ndarray, rows: np.ndarray, weights: np.ndarray, threads: int | None) -> np.ndarray:
    """Return X W of some samples, (m, k): leaves (L, n, t) uint8, rows (m,) int64, weights (L, t, leaves, k) float32.

    >>> leaves = np.array([[[0, 1], [1, 1]]], np.uint8)  # one landmark, two samples, two trees
    >>> weights = np.array([[[[1.0], [2.0]], [[10.0], [20.0]]]], np.float32)
    >>> times(leaves, np.arange(2), weights, 1).tolist()
    [[21.0], [22.0]]
    """
    out = np.zeros((len(rows), weights.shape[-1]), np.float32)
    each_block(lambda part: add_weights(leaves, rows[part], weights, out[part]), len(rows), SAMPLES_PER_TASK, threads)
    return out


def transposed_times(
    leaves: np.ndarray, rows: np.ndarray, values: np.ndarray, n_leaves: int, threads: int | None
) -> np.ndarray:
    """Return X' V of some samples, (L, t, n_leaves, k) float32: leaves (L, n, t), rows (m,), values (m, k).

    >>> leaves = np.array([[[0, 1], [1, 1]]], np.uint8)
    >>> transposed_times(leaves, np.arange(2), np.array([[1.0], [2.0]], np.float32), 2, 1).tolist()
    [[[[1.0], [2.0]], [[0.0], [3.0]]]]
    """
    out = np.zeros((leaves.shape[0], leaves.shape[2], n_leaves, values.shape[1]), np.float32)
    each_block(lambda one: add_rows(leaves[one.start], rows, values, out[one.start]), len(leaves), 1, threads)
    return out


class LeafRidge:
    """The weighted, centred normal equations of some samples.

    Parameters
    ----------
    leaves : ndarray of shape (L, n, t), uint8
        Below n_leaves.
    rows : ndarray of shape (m,), int64
        The samples that count.
    weights : ndarray of shape (n,)
        0 or more, and not all of them 0.
    n_leaves : int
    threads : int, optional
        None is one thread for each core; no bit of the result depends on it.
    """

    def __init__(
        self, leaves: np.ndarray, rows: np.ndarray, weights: np.ndarray, n_leaves: int, threads: int | None = None
    ):
        self.leaves, self.rows, self.n_leaves, self.threads = leaves, rows, n_leaves, threads
        self.weights = weights[rows].astype(np.float32)[:, None]
        self.total = float(self.weights.sum(dtype=float))
        self.counts = self._transposed(self.weights)
        self.mean = self.counts / np.float32(self.total)  # of each feature, (L, t, leaves, 1)

    def solve(self, targets: np.ndarray, ridge: float, iterations: int) -> tuple[np.ndarray, np.ndarray]:
        """Return W (L, t, leaves, k) and b (k,), float32, of the least sum_i w_i |y_i - x_i W - b|^2 + ridge |W|^2.

        b is not penalised. Conjugate gradients from W = 0, with the diagonal as preconditioner, work on all columns at
        once but with step lengths of their own. They end when no gradient is left or after `iterations`; to end early
        means a little more shrinkage, not a wrong answer. targets (n, k) has one row for each sample.
        """
        y = targets[self.rows].astype(np.float32)
        centre = (self.weights * y).sum(axis=0, dtype=float) / self.total
        rest = self._centred((y - centre.astype(np.float32)) * self.weights)
        scale = 1 / (self.counts * (1 - self.mean) + np.float32(ridge))
        solution = np.zeros_like(rest)
        direction = scale * rest
        power = _dots(rest, direction)
        enough = CONVERGED * power
        for _ in range(iterations):
            if np.all(power <= enough):
                break
            moved = self._normal(direction, ridge)
            curvature = _dots(direction, moved)
            # A column that is done takes steps of 0, so that it stays while others go on.
            step = np.divide(power, curvature, out=np.zeros_like(power), where=power > enough).astype(np.float32)
            solution += step * direction
            rest -= step * moved
            better = scale * rest
            before, power = power, _dots(rest, better)
            direction *= np.divide(power, before, out=np.zeros_like(power), where=before > 0).astype(np.float32)
            direction += better
        return solution, (centre - self._mean_of(solution)).astype(np.float32)

    def _normal(self, weights: np.ndarray, ridge: float) -> np.ndarray:
        """Return (X - mean)' D (X - mean) W + ridge W, D the samples' weights."""
        values = times(self.leaves, self.rows, weights, self.threads)
        values -= self._mean_of(weights).astype(np.float32)
        out = self._centred(values * self.weights)
        out += np.float32(ridge) * weights
        return out

    def _centred(self, values: np.ndarray) -> np.ndarray:
        """Return (X - mean)' V."""
        out = self._transposed(values)
        out -= self.mean * values.sum(axis=0, dtype=float).astype(np.float32)
        return out

    def _mean_of(self, weights: np.ndarray) -> np.ndarray:
        """Return mean' W, (k,) float64."""
        return (self.mean * weights).sum(axis=(0, 1, 2), dtype=float)

    def _transposed(self, values: np.ndarray) -> np.ndarray:
        return transposed_times(self.leaves, self.rows, values, self.n_leaves, self.threads)


def _dots(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a_j . b_j of every column j, (k,) float64."""
    return (a * b).sum(axis=(0, 1, 2), dtype=float)
