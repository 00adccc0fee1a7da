"""Ridge regression from sums: scikit-learn, refits by brute force, kernels, and the law of mirrored rows."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import KernelCenterer

from fldbench.baselines.parts.ridge import MirroredEquations, NormalEquations, choose_ridge, gaussian
from fldbench.errors import MethodError


@pytest.fixture
def rows():
    """Features (40, 7), targets (40, 3), weights (40,) with one that is 0."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 7)) + 1
    targets = features @ rng.normal(size=(7, 3)) + rng.normal(size=(40, 3)) + 5
    weights = rng.uniform(0.2, 3, 40)
    weights[3] = 0
    return features, targets, weights


def equations_of(features, targets, weights=None, dtype=np.float64, threads=1):
    out = NormalEquations(features.shape[1], targets.shape[1], dtype, threads)
    for part in np.array_split(np.arange(len(features)), 3):
        out.add(features[part], targets[part], None if weights is None else weights[part])
    return out


@pytest.mark.parametrize("weighted", [False, True])
def test_ridge_by_scikit_learn(rows, weighted):
    features, targets, weights = rows
    weights = weights if weighted else None
    solution = equations_of(features, targets, weights).solve(0.7)
    expected = Ridge(0.7).fit(features, targets, weights)
    assert np.allclose(solution.weights, expected.coef_.T) and np.allclose(solution.bias, expected.intercept_)


def test_many_features_in_panels_give_the_same_for_any_number_of_threads():
    rng = np.random.default_rng(1)
    features, targets = rng.normal(size=(30, 1100)).astype(np.float32), rng.normal(size=(30, 2))
    one, two = (equations_of(features, targets, dtype=np.float32, threads=n).solve(2.0) for n in (1, 2))
    assert np.array_equal(one.weights, two.weights) and np.array_equal(one.bias, two.bias)
    assert np.allclose(one.weights, Ridge(2.0).fit(features, targets).coef_.T, atol=1e-4)


def test_a_penalty_matrix_by_whitened_features(rows):
    features, targets, weights = rows
    root = np.linalg.qr(np.random.default_rng(2).normal(size=(7, 7)))[0] * np.arange(1, 8)
    solution = equations_of(features, targets, weights).solve(0.7, root.T @ root)
    white = Ridge(0.7).fit(features @ np.linalg.inv(root), targets, weights)  # V = root W, so |V|^2 = W' P W
    assert np.allclose(solution.weights, np.linalg.inv(root) @ white.coef_.T)


@pytest.mark.parametrize("weighted", [False, True])
def test_left_out_errors_by_brute_force(rows, weighted):
    features, targets, weights = rows
    weights = weights if weighted else np.ones(40)
    groups = np.arange(40).reshape(10, 4)
    solution = equations_of(features, targets, weights).solve(0.7, leave_out=True)
    errors = solution.left_out(features[groups], targets[groups], weights[groups] if weighted else None)
    for group, error in zip(groups, errors, strict=True):
        rest = np.setdiff1d(np.arange(40), group)
        refit = Ridge(0.7).fit(features[rest], targets[rest], weights[rest])
        assert np.allclose(error, targets[group] - refit.predict(features[group]))


def test_the_ridge_with_the_smallest_left_out_error_is_chosen(rows):
    features, targets, weights = rows
    groups, grid = np.arange(40).reshape(10, 4), [0.01, 0.3, 3.0, 30.0, 1000.0]
    equations = equations_of(features, targets, weights)
    scores = [
        (
            weights[groups][..., None]
            * equations.solve(r, leave_out=True).left_out(features[groups], targets[groups], weights[groups]) ** 2
        )
        for r in grid
    ]
    solution, chosen = choose_ridge(equations, features[groups], targets[groups], weights[groups], grid)
    assert chosen == grid[int(np.argmin([score.sum() for score in scores]))]
    assert np.array_equal(solution.weights, equations.solve(chosen).weights)
    noise = np.random.default_rng(3).normal(size=targets.shape)
    pure = equations_of(features, noise, weights)
    assert choose_ridge(pure, features[groups], noise[groups], weights[groups], grid)[1] > chosen


def test_mirrored_rows_by_doubling_them(rows):
    features, targets, weights = rows
    order, swap, sign = np.array([1, 0, 2, 6, 4, 5, 3]), np.array([1, 0, 2]), np.array([-1.0, -1.0, 1.0])
    solution = equations_of(features, targets, weights).mirrored(order, swap, sign).solve(0.7)
    both = np.concatenate([features, features[:, order]])
    expected = Ridge(0.7).fit(both, np.concatenate([targets, targets[:, swap] * sign]), np.tile(weights, 2))
    assert np.allclose(solution.weights, expected.coef_.T) and np.allclose(solution.bias, expected.intercept_)


def test_mirrored_rows_in_two_halves_give_the_solution_of_the_whole(rows):
    """The whole has a feature without penalty that says which rows are mirrored."""
    features, targets, weights = rows
    order, swap, sign = np.array([1, 0, 2, 6, 4, 5, 3]), np.array([1, 0, 2]), np.array([-1.0, -1.0, -1.0])
    parts = [MirroredEquations(order, swap, sign) for _ in range(3)]
    for some, part in zip(parts, np.array_split(np.arange(40), 3), strict=True):
        some.add(features[part].astype(np.float32), targets[part], weights[part])
    side = np.repeat([1.0, -1.0], 40)[:, None]
    both = np.hstack([np.concatenate([features, features[:, order]]), side])
    whole = equations_of(both, np.concatenate([targets, targets[:, swap] * sign]), np.tile(weights, 2))
    penalty = np.diag([1.0] * 7 + [0])

    total = MirroredEquations.total(parts)
    found, expected = total.solve(0.7), whole.solve(0.7, penalty)
    assert np.allclose(found.weights, expected.weights[:-1], atol=1e-4)
    assert np.allclose(found.bias, expected.bias + expected.weights[-1], atol=1e-4)
    assert np.abs(expected.weights[-1]).max() > 0.1
    worse = total.squared_error(total.solve(70.0)) - total.squared_error(found)
    rise = whole.squared_error(whole.solve(70.0, penalty)) - whole.squared_error(expected)
    assert worse == pytest.approx(rise, rel=1e-3)
    again = MirroredEquations.total(parts).solve(0.7)  # a total changes none of its parts
    assert np.array_equal(again.weights, found.weights)


def test_kernel_ridge_by_scikit_learn(rows):
    """With every row as a support it is kernel ridge regression; the free constant centres the kernel."""
    features, targets, _ = rows
    kernel = gaussian(features, features, 0.05)
    assert np.allclose(kernel, rbf_kernel(features, gamma=0.05))
    solution = equations_of(kernel, targets).solve(0.3, kernel)
    new = features[:9] + 0.3
    centre = KernelCenterer().fit(kernel)
    model = KernelRidge(alpha=0.3, kernel="precomputed")
    model.fit(centre.transform(kernel), targets - targets.mean(axis=0))
    fresh = rbf_kernel(new, features, gamma=0.05)
    expected = model.predict(centre.transform(fresh)) + targets.mean(axis=0)
    assert np.allclose(fresh @ solution.weights + solution.bias, expected, atol=1e-6)


def test_a_ridge_below_the_rounding_is_refused_by_name():
    features = np.full((50, 3), 1e4, np.float32)
    equations = equations_of(features, np.ones((50, 1)), dtype=np.float32)
    with pytest.raises(MethodError, match="the ridge 1e-09 is smaller than the rounding"):
        choose_ridge(equations, features[None], np.ones((1, 50, 1)), np.ones((1, 50)), [1e-9])
