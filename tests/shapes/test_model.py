"""The point-distribution model: alignment and modes by second routes, the fit's laws, missing points, odd sets."""

import numpy as np
import pytest

from fldbench import shapes as pdm
from fldbench.geometry import fit_similarity, transform
from fldbench.schemes import get_scheme

BASE = np.array([[70.0, 60], [130, 60], [100, 95], [75, 130], [125, 130]])
MIRROR = get_scheme("mtfl-5").mirror


def drawn(n=40, noise=5.0, seed=0):
    """Noisy copies of BASE, turned, scaled and moved at random: (n, 5, 2) px."""
    rng = np.random.default_rng(seed)
    angle, factor = rng.normal(0, 0.2, n), rng.uniform(0.5, 2, n)
    linear = factor[:, None, None] * np.moveaxis(
        np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]), 2, 0
    )
    shapes = BASE + rng.normal(0, noise, (n, 5, 2))
    return transform(shapes, np.concatenate([linear, rng.normal(0, 50, (n, 2, 1))], axis=2))


def model_of(shapes, **kw):
    return pdm.fit_model(shapes, np.ones(shapes.shape[:2], bool), BASE, **kw)


def alike(points):
    return np.broadcast_to(np.eye(2), (*points.shape, 2))


def similarity(angle, factor, shift):
    c, s = factor * np.cos(angle), factor * np.sin(angle)
    return np.array([[c, -s, shift[0]], [s, c, shift[1]]])


def test_alignment_by_scipys_procrustes():
    """Every aligned shape lies where scipy's Procrustes analysis puts it, except for its size."""
    from scipy.spatial import procrustes

    shapes = drawn(12)
    aligned, mean = pdm.align(shapes, np.ones(12), BASE)
    for shape, moved in zip(shapes, aligned, strict=True):
        first, second, disparity = procrustes(mean, shape)
        assert np.allclose(first, mean)
        size = (second * mean).sum()
        assert np.allclose(second + (1 - size) * mean, moved, atol=1e-9)
        assert ((mean - moved) ** 2).sum() == pytest.approx(disparity - (1 - size) ** 2)


def test_the_mean_is_the_mean_of_the_aligned_and_upright():
    shapes = drawn(30)
    aligned, mean = pdm.align(shapes, np.ones(30), BASE)
    assert np.allclose(pdm.unit_size(aligned.mean(axis=0)), mean, atol=1e-6)
    assert fit_similarity(mean, pdm.unit_size(BASE))[1, 0] == pytest.approx(0, abs=1e-9)
    assert np.sqrt((mean**2).sum()) == pytest.approx(1)


def test_modes_by_scikit_learn():
    from sklearn.decomposition import PCA

    aligned, _ = pdm.align(drawn(50), np.ones(50), BASE)
    model = pdm.principal_modes(aligned, np.ones(50), aligned.mean(axis=0), kept=0.9)
    other = PCA(n_components=0.9, svd_solver="full").fit(aligned.reshape(50, -1))
    assert len(model.variances) == other.n_components_
    assert np.allclose(model.variances, other.explained_variance_ * 49 / 50)  # it divides by n - 1
    assert np.allclose(np.abs(model.modes.T @ other.components_.T), np.eye(len(model.variances)), atol=1e-6)


def test_modes_leave_shift_turn_and_size_to_the_pose():
    model = model_of(drawn(30), kept=1.0)
    turned = model.mean @ [[0, 1], [-1, 0]]
    for direction in (model.mean, turned, np.tile([1.0, 0], (5, 1)), np.tile([0, 1.0], (5, 1))):
        assert np.abs(direction.ravel() @ model.modes).max() < 1e-4
    assert len(model.variances) == 2 * 5 - 4


def test_a_weight_of_two_is_two_copies_and_of_zero_none():
    shapes = drawn(10)
    weight = np.array([2.0, 0.0, *np.ones(8)])
    weighed = model_of(shapes, weight=weight, kept=0.95)
    copied = model_of(np.concatenate([shapes[:1], shapes[:1], shapes[2:]]), kept=0.95)
    assert np.allclose(weighed.mean, copied.mean)
    assert np.allclose(weighed.variances, copied.variances)
    assert np.allclose(weighed.modes, copied.modes, atol=1e-6)


def test_mirrored_faces_make_a_mirrored_model():
    model = model_of(drawn(20), mirror=MIRROR, kept=0.9)
    order = list(MIRROR)
    assert len(model.variances) > 2
    assert np.allclose(model.mean, model.mean[order] * (-1, 1))
    modes = model.modes.reshape(5, 2, -1)
    mirrored = (modes[order] * np.array([-1, 1])[:, None]).reshape(10, -1)
    assert np.allclose(np.abs(np.einsum("di,di->i", mirrored, model.modes)), 1, atol=1e-6)


def test_a_shape_of_the_model_is_found_again():
    model = model_of(drawn(40), kept=0.9)
    b = np.sqrt(model.variances) * np.random.default_rng(1).normal(0, 1, (3, len(model.variances)))
    poses = np.stack([similarity(a, 80.0, (a * 50, 9.0)) for a in (-0.5, 0.0, 2.5)])
    points = pdm.shapes_of(model, poses, b)
    found_poses, found_b = pdm.fit_shapes(model, points, alike(points), rounds=15)
    assert np.allclose(found_b, b, atol=1e-6)
    assert np.allclose(found_poses, poses, atol=1e-4)


def test_the_fit_by_scipys_least_squares():
    """The weighted, penalised minimum, found by a general optimiser."""
    from scipy.optimize import minimize

    model = model_of(drawn(40), kept=0.9)
    rng = np.random.default_rng(2)
    points = drawn(1, noise=12, seed=3)
    root = rng.normal(0, 1, (1, 5, 2, 2))
    precision = root @ np.swapaxes(root, 2, 3)
    prior = 3.0

    def cost(u):
        pose = np.array([[u[0], -u[1], u[2]], [u[1], u[0], u[3]]])
        r = pdm.shapes_of(model, pose[None], u[None, 4:])[0] - points[0]
        return np.einsum("li,lij,lj", r, precision[0], r) + prior * (u[4:] ** 2 / model.variances).sum()

    poses, b = pdm.fit_shapes(model, points, precision, prior=prior, rounds=40)
    # pose and b were solved in turn at the end, so the minimum is reached only from the side of the last step
    found = np.array([poses[0, 0, 0], poses[0, 1, 0], *poses[0, :, 2], *b[0]])
    best = minimize(cost, found, method="BFGS", options={"gtol": 1e-9, "maxiter": 1000})
    assert cost(found) == pytest.approx(best.fun, rel=1e-3)


def test_similar_points_have_similar_fits():
    """Points moved by a similarity, precisions moved along: the fit moves too and b stays."""
    model = model_of(drawn(40), kept=0.9)
    points = drawn(4, noise=10, seed=5)
    weights = np.random.default_rng(0).uniform(0.2, 2, (4, 5))[..., None, None] * np.eye(2)
    matrix = similarity(0.8, 3.0, (12.0, -7.0))
    for prior, limit in ((0.0, np.inf), (40.0, 1.5)):
        poses, b = pdm.fit_shapes(model, points, weights, prior=prior, limit=limit)
        moved_poses, moved_b = pdm.fit_shapes(model, transform(points, matrix), weights / 9, prior=prior, limit=limit)
        assert np.allclose(moved_b, b, atol=1e-7)
        assert np.allclose(
            pdm.shapes_of(model, moved_poses, moved_b), transform(pdm.shapes_of(model, poses, b), matrix), atol=1e-5
        )


def test_limits_hold_and_the_prior_shrinks():
    model = model_of(drawn(40), kept=0.95)
    points = drawn(6, noise=60, seed=7)
    free = pdm.fit_shapes(model, points, alike(points))[1]
    held = pdm.fit_shapes(model, points, alike(points), limit=1.0)[1]
    bound = np.sqrt(model.variances)
    assert (np.abs(free) > bound).any()
    assert (np.abs(held) <= bound * (1 + 1e-12)).all()
    assert np.isclose(np.abs(held), bound).any()  # held at the limit, not somewhere below it
    shrunk = pdm.fit_shapes(model, points, alike(points), prior=1e9)[1]
    assert np.abs(shrunk / bound).max() < 1e-2
    each = pdm.fit_shapes(model, points, alike(points), prior=np.array([0, 1e9, 0, 0, 0, 0]))[1]
    assert np.allclose(each[1], shrunk[1], atol=1e-6) and np.allclose(each[0], free[0], atol=1e-6)


def test_points_of_weight_zero_do_not_count():
    model = model_of(drawn(40), kept=0.9)
    points = drawn(2, seed=8)
    weights = np.ones((2, 5))
    weights[:, 3] = 0
    spoiled = points.copy()
    spoiled[:, 3] += 500
    some = weights[..., None, None] * np.eye(2)
    for before, after in zip(*(pdm.fit_shapes(model, p, some, prior=1.0) for p in (points, spoiled)), strict=True):
        assert np.allclose(before, after)
    nothing = pdm.fit_shapes(model, points, np.zeros((2, 5, 2, 2)), prior=1.0)
    assert all(np.isfinite(part).all() for part in nothing)


def test_one_known_point_gives_finite_answers():
    model = model_of(drawn(40), kept=0.9)
    points = drawn(1, seed=8)
    some = np.zeros((1, 5, 2, 2))
    some[0, 2] = np.eye(2)
    assert all(np.isfinite(part).all() for part in pdm.fit_shapes(model, points, some, prior=1.0))


def test_missing_points_are_filled_by_the_model():
    """Points in impossible places that are marked as missing hardly change the model; believed, they ruin it."""
    shapes = drawn(60, noise=3)
    present = np.random.default_rng(3).random((60, 5)) > 0.15
    present[~present.any(axis=1)] = True
    aligned_mean = model_of(shapes).mean
    gappy = np.where(present[..., None], shapes, shapes.mean(axis=1, keepdims=True))
    filled = pdm.fit_model(gappy, present, BASE).mean
    believed = model_of(gappy).mean
    assert np.abs(filled - aligned_mean).max() < 0.25 * np.abs(believed - aligned_mean).max()


@pytest.mark.parametrize("n", [1, 5])
def test_faces_that_are_all_alike_have_no_modes(n):
    shapes = np.repeat(drawn(1), n, axis=0)
    model = model_of(shapes)
    assert model.modes.shape == (10, 0) and model.variances.shape == (0,)
    poses, b = pdm.fit_shapes(model, shapes, alike(shapes), prior=1.0)
    assert b.shape == (n, 0)
    assert np.allclose(pdm.shapes_of(model, poses, b), shapes)
    points = np.ones((2, 5, 2)) * 7  # no extent at all
    assert np.isfinite(pdm.align(points, np.ones(2), BASE)[0]).all()


def test_alignment_to_a_reference_by_the_similarity_of_what_is_there():
    shapes, missing = drawn(6), [3, 1]
    shapes[2, missing] = np.nan
    shapes[4, 1:] = np.nan  # one point has no scale
    aligned, matrices = pdm.align_to(shapes, BASE)
    rest = [i for i in range(5) if i not in missing]
    assert np.allclose(matrices[2], fit_similarity(shapes[2, rest], BASE[rest]))
    assert np.allclose(aligned[0], transform(shapes[0], fit_similarity(shapes[0], BASE)))
    assert np.isnan(aligned[2, missing]).all() and np.isfinite(aligned[2, rest]).all() and np.isnan(aligned[4]).all()


def test_principal_axes_give_the_covariance_back():
    covariance = np.cov(np.random.default_rng(0).normal(size=(4, 9)))
    variances, axes = pdm.principal_axes(covariance)
    assert np.allclose((axes * variances) @ axes.T, covariance)
    assert (np.diff(variances) <= 0).all() and (variances >= 0).all()


def test_the_limit_counts_standard_deviations_not_variances():
    variances = np.array([1.0, 4.0])
    clipped = pdm.clip(np.array([[9.0, 9.0], [-9.0, -9.0], [3.0, 5.9]]), variances, 3.0)
    assert clipped.tolist() == [[3.0, 6.0], [-3.0, -6.0], [3.0, 5.9]]
