"""Ridge regression from sums: rows come in blocks and are never kept, so their number costs no memory.

With rows (x, 1), weights w and targets y, minimise sum w |y - x W - b|^2 + ridge trace(W' P W), b free, P the identity
unless given. The sums A = sum w (x, 1)' (x, 1) and B = sum w (x, 1)' y suffice.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from fldbench.baselines.parts.threads import each_block, limited_blas
from fldbench.errors import MethodError
from fldbench.progress import say_progress

PANEL = 512  # columns of A that one thread adds to: fixed, so that no sum depends on the number of threads


class NormalEquations:
    """The sums A (d + 1, d + 1) and B (d + 1, t) over the rows added so far; the constant is the last row.

    Parameters
    ----------
    n_features, n_targets : int
        d and t.
    dtype : type
        Of A and of the products: float32 where features are bounded and the ridge is not tiny.
    threads : int, optional
        None is one thread for each core; no sum depends on it.
    """

    def __init__(self, n_features: int, n_targets: int, dtype: type = np.float32, threads: int | None = 1):
        self._threads = threads
        self._a = np.zeros((n_features + 1, n_features + 1), dtype)  # only the upper panels are filled: half the work
        self._b = np.zeros((n_features + 1, n_targets))

    def add(self, features: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Add rows: features (m, d), targets (m, t) and weights (m,) >= 0, ones by default."""
        rows = with_constant(features, self._a.dtype)
        weighted = rows if weights is None else rows * weights[:, None].astype(rows.dtype)

        def add_panel(panel: slice) -> None:
            self._a[: panel.stop, panel] += weighted[:, : panel.stop].T @ rows[:, panel]

        with limited_blas(1):
            each_block(add_panel, len(self._a), PANEL, self._threads)
            self._b += weighted.T @ targets.astype(rows.dtype)

    def mirrored(self, order: np.ndarray, swap: np.ndarray, sign: np.ndarray) -> NormalEquations:
        """Return the sums over the rows and over their mirror images, as new sums.

        A mirrored row has the features x[order] and the targets sign * y[swap]. It therefore adds A[order][:, order]
        and the rows `order` of B with their columns swapped and signed, and nothing is computed from the rows again.
        """
        order = np.append(order, len(order))  # the constant is its own mirror image
        out = NormalEquations(len(order) - 1, len(swap), self._a.dtype.type, self._threads)
        full = np.triu(self._a) + np.triu(self._a, 1).T
        out._a = full + full[np.ix_(order, order)]
        out._b = self._b + self._b[order][:, swap] * sign
        return out

    @staticmethod
    def total(parts: Sequence[NormalEquations]) -> NormalEquations:
        """Return the sums over the rows of all parts, at least one, as new sums."""
        out = copy(parts[0])
        out._a, out._b = out._a.copy(), out._b.copy()
        for other in parts[1:]:
            out._a += other._a
            out._b += other._b
        return out

    def squared_error(self, solution: Solution) -> float:
        """Return sum w |y - f(x)|^2 over the rows of these sums, less sum w |y|^2, which no solution changes.

        It is trace(W'A W) - 2 trace(W'B), W with the bias as its last row.
        """
        coefficients = solution.coefficients.astype(self._a.dtype)
        half = np.triu(self._a)
        half[np.diag_indices(len(half))] /= 2
        return float(2 * np.vdot(coefficients, half @ coefficients) - 2 * np.vdot(coefficients, self._b))

    def solve(self, ridge: float, penalty: np.ndarray | None = None, leave_out: bool = False) -> Solution:
        """Return the minimum for a ridge above 0 and a symmetric penalty P (d, d), the identity by default.

        With `leave_out` it keeps a matrix as large as A, for `Solution.left_out`.
        """
        from scipy.linalg import cho_factor, cho_solve

        a = np.array(self._a, order="F")  # LAPACK's order, or it would work on another copy
        if penalty is None:
            a[np.diag_indices(len(a) - 1)] += ridge
        else:
            a[:-1, :-1] += (ridge * penalty).astype(a.dtype)
        with limited_blas(1):
            factor = cho_factor(a, lower=False, overwrite_a=True, check_finite=False)
            coefficients = cho_solve(factor, self._b.astype(a.dtype), check_finite=False)
        return Solution(coefficients, factor[0] if leave_out else None)


class MirroredEquations:
    """The sums over rows and their mirror images, as two systems of half the size.

    A mirrored row has the features P x = x[order] and the targets Q y = sign * y[swap]. In the even combinations
    (x + P x) / sqrt(2) and the odd ones (x - P x) / sqrt(2), and in those of the targets, a row and its mirror image
    differ only in the sign of all odd ones. So the sums of an even with an odd one are 0, and even features predict
    even targets, odd features odd ones: half the products and memory, and a quarter of the work to solve.

    Labels are not symmetric: those of 300-W lie 0.8 px further right than mirrored faces say. So the odd system has a
    constant of its own: 1 for a row, and -1 for its mirror image. The bias is that of rows that are not mirrored.

    Parameters
    ----------
    order, swap, sign : ndarray of shape (d,), (t,) and (t,)
        P and Q; each is its own inverse.
    threads : int, optional
        None is one thread for each core; no sum depends on it.
    """

    def __init__(self, order: np.ndarray, swap: np.ndarray, sign: np.ndarray, threads: int | None = 1):
        self._features = [Combinations(order, np.ones(len(order)), parity) for parity in (1, -1)]
        self._targets = [Combinations(swap, sign, parity) for parity in (1, -1)]
        pairs = zip(self._features, self._targets, strict=True)
        self._halves = [NormalEquations(len(x), len(y), np.float32, threads) for x, y in pairs]

    def add(self, features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> None:
        """Add rows and their mirror images: features (m, d) float32, targets (m, t) and weights (m,) >= 0."""
        for half, x, y in zip(self._halves, self._features, self._targets, strict=True):
            half.add(x.of(features), y.of(targets), 2 * weights)

    @staticmethod
    def total(parts: Sequence[MirroredEquations]) -> MirroredEquations:
        """Return the sums over the rows of all parts, at least one, as new sums."""
        out = copy(parts[0])
        out._halves = [NormalEquations.total(halves) for halves in zip(*(p._halves for p in parts), strict=True)]
        return out

    def squared_error(self, solution: MirroredSolution) -> float:
        """As that of `NormalEquations`, over the rows and their mirror images, each with its own constant."""
        return sum(half.squared_error(one) for half, one in zip(self._halves, solution.halves, strict=True))

    def solve(self, ridge: float) -> MirroredSolution:
        """Return the minimum for a ridge above 0."""
        return MirroredSolution([half.solve(ridge) for half in self._halves], self._features, self._targets)


class MirroredSolution:
    """The regression that minimises the sum: weights (d, t) and bias (t,), put together from its two halves."""

    def __init__(self, halves: list[Solution], features: list[Combinations], targets: list[Combinations]):
        self.halves = halves
        pairs = list(zip(halves, features, targets, strict=True))
        self.weights = sum(x.back(y.back(half.weights).T).T for half, x, y in pairs)
        self.bias = sum(y.back(half.bias) for half, _, y in pairs)


class Combinations:
    """An orthonormal basis of what a signed permutation of two cycles keeps (parity 1) or turns into its negative (-1).

    It maps v to sign * v[order] and is its own inverse.

    >>> odd = Combinations(np.array([1, 0, 2]), np.array([1.0, 1.0, -1.0]), -1)
    >>> odd.of(np.array([[3.0, 1.0, 5.0]])).round(3).tolist()  # (3 - 1) / sqrt(2), and what only changes its sign
    [[1.414, 5.0]]
    >>> odd.back(odd.of(np.array([[3.0, 1.0, 5.0]]))).round(3).tolist()
    [[1.0, -1.0, 5.0]]
    """

    def __init__(self, order: np.ndarray, sign: np.ndarray, parity: int):
        here = np.arange(len(order))
        self._size = len(order)
        self._first = np.flatnonzero((here < order) | ((here == order) & (sign == parity)))
        self._second = order[self._first]
        own = self._first == self._second
        self._factor = np.where(own, 0.5, np.sqrt(0.5)).astype(np.float32)  # its own twice, halved
        self._other = (np.where(own, 1, parity * sign[self._first]) * self._factor).astype(np.float32)

    def __len__(self) -> int:
        return len(self._first)

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Return the coordinates (..., k) of rows (..., d)."""
        return rows[..., self._first] * self._factor + rows[..., self._second] * self._other

    def back(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the rows (..., d) with these coordinates (..., k)."""
        out = np.zeros((*coordinates.shape[:-1], self._size), coordinates.dtype)
        out[..., self._first] += coordinates * self._factor
        out[..., self._second] += coordinates * self._other
        return out


class Solution:
    """The regression that minimises the sum: weights (d, t) and bias (t,)."""

    def __init__(self, coefficients: np.ndarray, factor: np.ndarray | None = None):
        self._factor = factor  # R with R'R = A + ridge P in its upper triangle
        self.coefficients = coefficients
        self.weights, self.bias = coefficients[:-1], coefficients[-1]

    def left_out(self, features: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return the errors y - f(x) of sets of fitted rows, each as if the regression were fitted without its set.

        With C = A + ridge P and G the rows of one set, taking them out of the sums gives (I - G C^-1 G' w)^-1 (y - f):
        Allen's PRESS (1974), for a whole set at once, without another fit.

        Parameters
        ----------
        features : ndarray of shape (sets, m, d)
        targets : ndarray of shape (sets, m, t)
        weights : ndarray of shape (sets, m), optional
            As they were added.

        Returns
        -------
        ndarray of shape (sets, m, t)
        """
        from scipy.linalg import solve_triangular

        assert self._factor is not None, "solved without leave_out"
        sets, m = features.shape[:2]
        rows = with_constant(features.reshape(sets * m, -1), self._factor.dtype)
        with limited_blas(1):
            errors = targets - (rows @ self.coefficients).reshape(targets.shape)
            half = solve_triangular(self._factor, rows.T, trans="T", check_finite=False).T
        half = half.reshape(sets, m, -1).astype(float)
        hat = half @ np.swapaxes(half, 1, 2)  # G C^-1 G'
        if weights is not None:
            hat *= weights[:, None]
        return np.linalg.solve(np.eye(m) - hat, errors.astype(float))


def choose_ridge(
    equations: NormalEquations,
    features: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    grid: Sequence[float],
    penalty: np.ndarray | None = None,
) -> tuple[Solution, float]:
    """Return the regression, and its ridge out of `grid`, with the smallest weighted squared error on rows left out.

    A single ridge is taken without a test.

    Parameters
    ----------
    equations : NormalEquations
    features, targets, weights : ndarray of shape (sets, m, d), (sets, m, t) and (sets, m)
        Some of the rows in `equations`, in sets that are left out together, such as the copies of one face.
    grid : sequence of float
        Ridges, in rising order.
    penalty : ndarray of shape (d, d), optional

    Raises
    ------
    MethodError
        When every ridge is too small for the precision of the sums.
    """
    best, chosen, least = None, 0.0, np.inf
    for done, ridge in enumerate(grid):
        say_progress("ridge: penalties", done, len(grid))
        try:
            solution = equations.solve(ridge, penalty, leave_out=len(grid) > 1)
        except np.linalg.LinAlgError:  # rounding in the sums is larger than the ridge
            continue
        error = 0.0
        if len(grid) > 1:
            error = float((weights[..., None] * solution.left_out(features, targets, weights) ** 2).sum())
        if error < least:
            best, chosen, least = solution, ridge, error
    say_progress("ridge: penalties", len(grid), len(grid))
    if best is None:
        raise MethodError(f"the ridge {max(grid):g} is smaller than the rounding of these sums; give a larger one")
    return best, float(chosen)


def gaussian(x: np.ndarray, y: np.ndarray, gamma: float) -> np.ndarray:
    """Return the kernels exp(-gamma |x - y|^2): (n, d), (m, d) -> (n, m).

    >>> gaussian(np.array([[0.0], [3.0]]), np.array([[3.0]]), 1 / 9).round(3).tolist()
    [[0.368], [1.0]]
    """
    return np.exp(-gamma * squared_distances(x, y))


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return |x - y|^2 for every pair of rows: (n, d), (m, d) -> (n, m), never below 0.

    >>> squared_distances(np.array([[0.0], [3.0]]), np.array([[1.0]])).tolist()
    [[1.0], [4.0]]
    """
    xx, yy = (np.einsum("ij,ij->i", rows, rows) for rows in (x, y))
    return np.maximum(xx[:, None] + yy - 2 * (x @ y.T), 0)


def median_gamma(x: np.ndarray) -> float:
    """Return 1 / median of the squared distances between different rows of x (n, d); 1 where the median is 0.

    >>> median_gamma(np.array([[0.0], [2.0]])), median_gamma(np.ones((3, 1)))
    (0.25, 1.0)
    """
    distances = squared_distances(x, x)[np.triu_indices(len(x), 1)]
    median = float(np.median(distances)) if len(distances) else 0.0
    return 1 / median if median > 1e-9 else 1.0


def with_constant(features: np.ndarray, dtype: type) -> np.ndarray:
    """Return the rows (x, 1), (m, d + 1) of the given type, for x (m, d).

    >>> with_constant(np.array([[2.0]]), np.float32).tolist()
    [[2.0, 1.0]]
    """
    return np.concatenate([features, np.ones((len(features), 1))], axis=1, dtype=dtype)


def evened(error: np.ndarray) -> np.ndarray:
    """Return weights of mean 1 for rows with these errors, in their shape: 1 / max(error, half the median error).

    >>> evened(np.array([1.0, 2.0, 4.0])).round(3).tolist()
    [1.714, 0.857, 0.429]
    """
    floor = np.median(error) / 2
    if floor == 0:
        return np.ones_like(error)
    weights = 1 / np.maximum(error, floor)
    return weights / weights.mean()
