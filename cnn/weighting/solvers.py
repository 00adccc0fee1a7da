"""The small problems of the gradient weightings, solved for the weights of m tasks from the Gramian of their gradients.

Nash-MTL and CAGrad of torchjd need cvxpy with a solver (180 MB, 0.7 s to import; 23 ms and 4 ms a step for five tasks),
its UPGrad needs quadprog. With m unknowns a few lines of NumPy and SciPy, which are there anyway, do the same in less
time; the tests compare both where those libraries are installed.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import optimize
from torchjd.linalg import DualConeProjector, PSDMatrix

SHORTEST = 1e-4  # of g_w, as a share of all gradients: where it is shorter, it has no direction but rounding's
RIDGE = 1e-6  # added to the diagonal of a Gramian of unit vectors: two tasks may have one gradient


def nash_weights(gramian: np.ndarray) -> np.ndarray:
    """Return the a > 0 with G a = 1 / a: the Nash bargaining solution of Navon et al. 2022.

    It is where a' G a / 2 - sum log a is least. That is self-concordant, so Newton's method with Nesterov's damping
    reaches it from anywhere. Where the gradients cancel there is none, and a ridge keeps the weights below 1000.

    Parameters
    ----------
    gramian : ndarray, (m, m)
        Of gradients that are not zero.

    Returns
    -------
    ndarray, (m,)
        Under which the sum of the gradients has the length sqrt(m).

    Examples
    --------
    >>> nash_weights(np.diag([4.0, 0.25])).round(4).tolist()
    [0.5, 2.0]
    """
    norms = np.sqrt(np.diag(gramian))
    cosines = _cosines(gramian)  # the solution follows the norms
    a = np.ones(len(gramian))
    for _ in range(200):
        slope = cosines @ a - 1 / a
        step = np.linalg.solve(cosines + np.diag(a**-2.0), slope)
        decrement = np.sqrt(max(slope @ step, 0.0))
        a = a - step / (1 + decrement if decrement > 0.25 else 1)
        if decrement < 1e-10:
            break
    return a / norms


def cagrad_weights(gramian: np.ndarray, c: float) -> np.ndarray:
    """Return the weights of CAGrad (Liu et al. 2021).

    The step d that helps the task worst off most, min_i <g_i, d>, within c |g_0| of the mean gradient g_0. By its dual,
    d = g_0 + c |g_0| g_w / |g_w|, where g_w = sum w_i g_i has the w of the simplex with the least
    <g_w, g_0> + c |g_0| |g_w|.

    Parameters
    ----------
    gramian : ndarray, (m, m)
    c : float

    Returns
    -------
    ndarray, (m,)
        Of d; they sum to 1 + c |g_0| / |g_w|.

    Examples
    --------
    >>> cagrad_weights(np.eye(2), 0.5).round(4).tolist()
    [0.75, 0.75]
    """
    m = len(gramian)
    gram = gramian / np.trace(gramian)
    mean = gram.sum(1) / m
    radius = c * np.sqrt(max(mean.sum() / m, 0.0))

    def cost(w: np.ndarray) -> tuple[float, np.ndarray]:
        product = gram @ w
        norm = np.sqrt(max(w @ product, 0.0) + 1e-12)
        return float(mean @ w + radius * norm), mean + radius * product / norm

    whole = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(m)}
    start = np.full(m, 1 / m)
    found = optimize.minimize(
        cost, start, jac=True, method="SLSQP", bounds=[(0, 1)] * m, constraints=whole, options={"ftol": 1e-10}
    )
    w = found.x.clip(0) / found.x.clip(0).sum()
    return start + radius * w / max(np.sqrt(max(w @ gram @ w, 0.0)), SHORTEST)


class NonNegativeProjector(DualConeProjector):
    """torchjd's projection onto the dual cone, as least squares with coefficients that are not negative.

    The weights v >= u with the least |J' v| are u + z, z >= 0: with R' R = G, the least |R u + R z|.
    """

    def __call__(self, U: torch.Tensor, G: PSDMatrix) -> torch.Tensor:
        gramian = G.detach().cpu().double().numpy()
        norms = np.sqrt(np.diag(gramian))
        values, vectors = np.linalg.eigh(_cosines(gramian))
        root = np.sqrt(values.clip(0))[:, None] * vectors.T
        weights = U.detach().cpu().double().numpy()
        found = [u + optimize.nnls(root, -root @ (norms * u))[0] / norms for u in weights]
        return torch.as_tensor(np.array(found)).to(U)


def _cosines(gramian: np.ndarray) -> np.ndarray:
    """Return the Gramian of the gradients as unit vectors, with the ridge."""
    norms = np.sqrt(np.diag(gramian))
    return gramian / np.outer(norms, norms) + RIDGE * np.eye(len(gramian))
