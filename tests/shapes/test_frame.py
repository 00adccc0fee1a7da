"""Shapes in the frame of their boxes: by hand, there and back, and missing points by least squares."""

import numpy as np
import pytest

from fldbench.errors import DataError
from fldbench.geometry import fit_similarity, transform
from fldbench.schemes import get_scheme
from fldbench.shapes import fill_missing, from_box_frame, mean_in_box, mirrored, symmetric, to_box_frame

MIRROR = get_scheme("mtfl-5").mirror


def boxes_and_shapes(n=6, seed=0):
    rng = np.random.default_rng(seed)
    boxes = np.concatenate([rng.uniform(-20, 50, (n, 2)), rng.uniform(100, 200, (n, 2))], axis=1)
    return boxes, from_box_frame(rng.uniform(0, 1, (n, 5, 2)), boxes)


def test_box_frame_there_and_back():
    boxes, shapes = boxes_and_shapes()
    assert np.allclose(from_box_frame(to_box_frame(shapes, boxes), boxes), shapes)


def test_the_corners_of_a_box_are_0_and_1():
    boxes = np.array([[10.0, 20, 30, 60]])
    corners = np.array([[[10.0, 20], [30, 60], [20, 30]]])
    assert to_box_frame(corners, boxes).tolist() == [[[0, 0], [1, 1], [0.5, 0.25]]]


def test_a_weighted_mean_by_copies():
    """A face of weight 2 counts like two copies of it; a missing point does not count."""
    boxes, shapes = boxes_and_shapes(3)
    shapes[1, 2] = np.nan
    rows = [0, 0, 1, 2, 2, 2]
    weighted = mean_in_box(shapes, boxes, np.array([2.0, 1.0, 3.0]))
    assert np.allclose(weighted, mean_in_box(shapes[rows], boxes[rows]))
    assert np.allclose(weighted, np.nanmean(to_box_frame(shapes, boxes)[rows], axis=0))


def test_a_point_that_no_face_has_is_named():
    boxes, shapes = boxes_and_shapes(3)
    shapes[:, 3] = np.nan
    with pytest.raises(DataError, match="toys: no face has point 3"):
        mean_in_box(shapes, boxes, label="toys")


def test_mirrored_twice_is_the_shape_and_the_type_stays():
    _, shapes = boxes_and_shapes()
    for kind in (np.float32, float):
        given = shapes.astype(kind)
        twice = mirrored(mirrored(given, MIRROR, width=9.0), MIRROR, width=9.0)
        assert twice.dtype == kind and np.allclose(twice, given, atol=1e-4)


def test_a_symmetric_shape_is_its_own_mirror_image():
    shape = np.random.default_rng(0).uniform(0, 1, (5, 2))
    found = symmetric(shape, MIRROR)
    assert np.allclose(mirrored(found, MIRROR, width=1.0), found)
    assert np.allclose(found[2], [0.5, shape[2, 1]])  # the nose is its own partner
    assert np.allclose(found[0], (shape[0] + [1 - shape[1, 0], shape[1, 1]]) / 2)


@pytest.mark.parametrize("kept", [1, 2, 3, 5])
def test_fill_missing(kept):
    rng = np.random.default_rng(kept)
    unit, boxes = rng.uniform(0, 1, (5, 2)), np.array([[5.0, 5, 25, 45]])
    mean = from_box_frame(unit, boxes)[0]
    turn = np.array([[0.0, -2, 100], [2, 0, 7]]) if kept >= 3 else np.array([[1.0, 0, 9], [0, 1, -4]])
    truth = transform(mean, turn)[None]
    gappy = truth.copy()
    gappy[0, kept:] = np.nan
    before = gappy.copy()
    assert np.allclose(fill_missing(gappy, boxes, unit, ["a"]), truth)
    assert np.array_equal(gappy, before, equal_nan=True)


def test_fill_missing_is_the_least_squares_similarity():
    rng = np.random.default_rng(0)
    unit, boxes, shape = rng.uniform(0, 1, (5, 2)), np.array([[0.0, 0, 10, 10]]), rng.uniform(0, 10, (1, 5, 2))
    shape[0, 4] = np.nan
    expected = transform(10 * unit, fit_similarity(10 * unit[:4], shape[0, :4]))[4]
    filled = fill_missing(shape, boxes, unit, ["a"])
    assert np.allclose(filled[0, 4], expected)
    assert np.array_equal(filled[0, :4], shape[0, :4])
