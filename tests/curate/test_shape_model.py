"""The shape model: alignment, conditional distances by a second route, planted outliers, missing points."""

import numpy as np
import pytest
from face_sets import shapes

from fldbench.curate.verify.shape_model import align, fit_shape_model, folds_of, implausibility, mean_shape, unit
from fldbench.errors import DataError
from fldbench.geometry import fit_similarity, transform
from fldbench.schemes import get_scheme

SCHEME = get_scheme("ibug-68")
PARTS = list(SCHEME.regions.values())


def scores(landmarks, **kwargs):
    return implausibility(landmarks, SCHEME.template, PARTS, np.arange(len(landmarks)).astype(str), **kwargs)


def test_align_is_the_least_squares_similarity_of_geometry():
    faces, reference = shapes(5), unit(SCHEME.template)
    moved, matrices = align(faces, reference)
    assert np.allclose(matrices, fit_similarity(faces, np.broadcast_to(reference, faces.shape)))
    assert np.allclose(moved, transform(faces, matrices))


def test_align_uses_the_finite_points_only_and_gives_up_on_one():
    faces, reference = shapes(4), unit(SCHEME.template)
    faces[0, 10:] = np.nan
    faces[1, 5] = np.inf, 3.0
    faces[2, 1:] = np.nan
    faces[3] = 7.0
    moved, matrices = align(faces, reference)
    assert np.allclose(matrices[0], fit_similarity(faces[0, :10], reference[:10]))
    others = np.arange(68) != 5
    assert np.allclose(matrices[1], fit_similarity(faces[1, others], reference[others]))
    assert np.isnan(moved[1, 5]).all() and np.isfinite(moved[1, others]).all()
    assert np.isnan(moved[2:]).all() and np.isnan(matrices[2:]).all()


def test_the_mean_shape_ignores_outliers_and_stays_upright():
    faces = shapes(60)
    spoilt = faces.copy()
    spoilt[:9, 48:] += 0.5 * np.ptp(faces[:9], axis=1).max(1)[:, None, None]
    mean, clean = mean_shape(spoilt, SCHEME.template), mean_shape(faces, SCHEME.template)
    mean_of_all = unit(align(spoilt, clean)[0].mean(axis=0))
    assert np.abs(mean - clean).mean() < 0.6 * np.abs(mean_of_all - clean).mean()
    assert np.abs(fit_similarity(mean, SCHEME.template)[1, 0]) < 1e-9  # no turn against the template
    assert np.sqrt((mean**2).sum(1).mean()) == pytest.approx(1.0)


def test_part_distances_are_those_of_the_conditional_gaussian():
    aligned = align(shapes(80), unit(SCHEME.template))[0]
    model = fit_shape_model(aligned)
    part = [36, 37, 38]
    own = [2 * i + k for i in part for k in (0, 1)]
    rest = np.setdiff1d(np.arange(136), own)
    gain = model.covariance[np.ix_(own, rest)] @ np.linalg.inv(model.covariance[np.ix_(rest, rest)])
    spread = model.covariance[np.ix_(own, own)] - gain @ model.covariance[np.ix_(rest, own)]
    x = aligned.reshape(80, -1) - model.mean
    error = x[:, own] - x[:, rest] @ gain.T
    by_hand = np.sqrt(np.einsum("ni,ij,nj->n", error, np.linalg.inv(spread), error) / len(own))
    assert np.allclose(model.part_distances(aligned, [part])[:, 0], by_hand)


def test_missing_points_are_filled_from_the_others():
    aligned = align(shapes(200), unit(SCHEME.template))[0]
    model = fit_shape_model(aligned[:150])
    holes = aligned[150:].copy()
    holes[:, 60:68] = np.nan
    filled = model.complete(holes)
    error = np.linalg.norm(filled[:, 60:68] - aligned[150:, 60:68], axis=2).mean()
    by_mean = np.linalg.norm(model.mean.reshape(68, 2)[60:68] - aligned[150:, 60:68], axis=2).mean()
    assert error < 0.5 * by_mean
    assert np.array_equal(filled[:, :60], aligned[150:, :60]) and np.isnan(holes[:, 60:68]).all()


def test_a_model_of_shapes_with_holes_is_near_that_of_whole_ones():
    aligned = align(shapes(300), unit(SCHEME.template))[0]
    holes = aligned.copy()
    holes[np.random.default_rng(0).random((300, 68)) < 0.1] = np.nan
    whole, patched = fit_shape_model(aligned), fit_shape_model(holes)
    assert np.abs(whole.mean - patched.mean).max() < 0.01
    assert np.abs(whole.covariance - patched.covariance).max() < 0.1 * np.abs(whole.covariance).max()


def test_planted_outliers_come_first_and_name_their_part():
    faces = shapes(200)
    side = np.ptp(faces, axis=1).max(1)
    left_eye, mouth = list(SCHEME.regions["left_eye"]), list(SCHEME.regions["outer_lip"])
    faces[3, left_eye] += 0.15 * side[3]
    faces[7, mouth] = faces[7, mouth[::-1]]
    value, part = scores(faces)
    assert set(np.argsort(-value)[:2]) == {3, 7}
    names = list(SCHEME.regions)
    assert (names[part[3]], names[part[7]]) == ("left_eye", "outer_lip")
    assert value[[3, 7]].min() > 2 * np.delete(value, [3, 7]).max()


def test_many_outliers_of_one_kind_do_not_hide_themselves():
    faces = shapes(200)
    faces[:8, 48:60] += 0.2 * np.ptp(faces[:8], axis=1).max(1)[:, None, None]
    value, _ = scores(faces)
    assert set(np.argsort(-value)[:8]) == set(range(8))


def test_scores_do_not_depend_on_place_size_or_turn():
    faces = shapes(80)
    turned = 3 * faces @ np.array([[0.8, 0.6], [-0.6, 0.8]]) + 50
    assert np.allclose(scores(faces)[0], scores(turned)[0], atol=1e-6)


def test_faces_with_too_few_points_have_no_score():
    faces = shapes(60)
    faces[0] = np.nan
    faces[1, 1:] = np.nan
    faces[2, 20:] = np.nan
    faces[:, 67] = np.nan  # a point that nobody has
    value, part = scores(faces)
    assert np.isnan(value[:2]).all() and (part[:2] == -1).all()
    assert np.isfinite(value[2:]).all() and (part[2:] >= 0).all()


def test_too_few_faces_are_refused():
    with pytest.raises(DataError, match="29 faces with points are too few for a shape model; must be 30 or more"):
        scores(shapes(29))
    with pytest.raises(DataError, match="a shape model needs at least two shapes, got 1"):
        fit_shape_model(shapes(1))


def test_folds_keep_groups_whole_unless_one_group_is_most():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 3).astype(str)
    fold = folds_of(groups, 5, rng)
    assert all(len(set(fold[groups == name])) == 1 for name in set(groups)) and set(fold) == set(range(5))
    alone = folds_of(np.array(["a"] * 40 + list("bcdefghij")), 5, rng)
    assert len(set(alone[:40])) == 5
