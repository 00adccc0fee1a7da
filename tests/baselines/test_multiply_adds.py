"""Multiply-adds of classical methods: the products of their regressions, counted from the shapes of what goes in."""

import pytest

from fldbench.checks import quick_faces
from fldbench.method import make_method


@pytest.fixture(scope="module")
def few():
    return quick_faces()[0][:16]


def test_linear_multiplies_its_features_with_two_coordinates_of_each_point(few):
    method = make_method("linear", crop_size=32, cell=8, copies=2)
    assert method.multiply_adds is None
    method.fit(few)
    features = method._hog(list(few.images[:1]), few.boxes[:1])
    assert method.multiply_adds == features.shape[1] * 2 * 68


def test_a_kernel_multiplies_a_crop_and_its_mirror_image_with_the_supports(few):
    method = make_method("linear", crop_size=32, cell=8, copies=2, kernel="rbf", supports=5).fit(few)
    inputs = method._hog(list(few.images[:1]), few.boxes[:1]).shape[1]
    # 5 supports, and the 5 kernels of the crop and 5 of its mirror image are the inputs of the regression.
    assert method.multiply_adds == 2 * 5 * inputs + 10 * 2 * 68


def test_hog_ridge_multiplies_at_each_stage(few):
    method = make_method("hog-ridge", stages=2, starts=1, crop_size=48, grid=2, bins=4, folds=1)
    assert method.multiply_adds is None
    assert method.fit(few).multiply_adds == 2 * (68 * 2 * 2 * 4) * (2 * 68)


def test_the_mean_shape_scales_each_coordinate(few):
    assert make_method("mean-shape").fit(few).multiply_adds == 136


def test_methods_that_add_up_trees_say_nothing(few):
    assert make_method("lbf", stages=1, trees=1, depth=2).fit(few).multiply_adds is None


def test_what_is_asked_again_counts_again(few):
    once = make_method("mean-shape").fit(few).multiply_adds
    assert make_method("two-pass", method="mean-shape", passes=3).fit(few).multiply_adds == 3 * once
    pair = {"methods": ["mean-shape", "mean-shape"]}
    assert make_method("average", **pair).fit(few).multiply_adds == 2 * once
    placed = make_method("average", **pair, boxes_from="mean-shape", passes=3)
    assert placed.multiply_adds is None
    assert placed.fit(few).multiply_adds == 4 * once
