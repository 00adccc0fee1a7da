"""The pixel convention: boxes, maps and warps by hand, by a second route and by laws."""

import cv2
import numpy as np
import pytest

from fldbench import geometry as g
from fldbench.errors import DataError

RNG = np.random.default_rng(0)


def test_tight_box_and_its_parts():
    points = np.array([[[1, 2], [5, 4]], [[0, 0], [-2, 8]]], float)
    box = g.tight_box(points)
    assert box.tolist() == [[1, 2, 5, 4], [-2, 0, 0, 8]]
    assert g.box_size(box).tolist() == [[4, 2], [2, 8]]
    assert g.box_centre(box).tolist() == [[3, 3], [-1, 4]]
    with pytest.raises(DataError, match="without any annotated landmark"):
        g.tight_box(np.full((1, 3, 2), np.nan))


@pytest.mark.parametrize(
    ("box", "text"),
    [
        ([5, 5, 5, 9], r"face 'b': the box is \[5.0, 5.0, 5.0, 9.0\]; must be x0, y0, x1, y1"),
        ([9, 5, 5, 9], "face 'b': the box is"),
        ([0, 0, np.nan, 1], "face 'b': the box is"),
        ([0, 0, 1e-9, 1], r"face 'b': the box is \[0.0, 0.0, 1e-09, 1.0\]"),
        ([0, 0, 1e-320, 1], "face 'b': the box is"),
        ([0, 0, 1e30, 1], "face 'b': the box is"),
        ([2e6, 0, 2e6 + 9, 9], r"face 'b': the box is .*; must be .* sides from 0.1 px and no number beyond 1e6"),
    ],
)
def test_a_box_without_size_is_refused_by_name(box, text):
    with pytest.raises(DataError, match=text):
        g.check_boxes(np.array([[0, 0, 1, 1], box], float), ["a", "b"])
    with pytest.raises(DataError, match="face number 1"):
        g.crop_matrix(np.array([[0, 0, 1, 1], box], float), 10)
    with pytest.raises(DataError, match=rf"{text}.*; 3 faces have such boxes$"):
        g.check_boxes(np.array([[0, 0, 1, 1], box, box, box], float), ["a", "b", "c", "d"])


def test_boxes_of_a_wrong_shape_are_refused():
    with pytest.raises(DataError, match=r"boxes: the shape is \(4,\); must be \(n, 4\)"):
        g.check_boxes(np.zeros(4))


def test_jitter_has_the_stated_spread():
    box = np.array([10.0, 20.0, 50.0, 100.0])
    rng = np.random.default_rng(1)
    boxes = np.array([g.jitter_box(box, rng) for _ in range(20000)])
    assert (g.box_centre(boxes).std(0) / [40, 80]).round(3) == pytest.approx([0.05, 0.05], abs=0.002)
    scale = g.box_size(boxes) / [40, 80]
    assert np.allclose(scale[:, 0], scale[:, 1])
    assert scale[:, 0].mean() == pytest.approx(1, abs=0.002) and scale[:, 0].std() == pytest.approx(0.05, abs=0.002)


def test_transform_and_invert_are_inverse():
    matrix = RNG.normal(size=(4, 2, 3))
    points = RNG.normal(size=(4, 6, 2))
    assert np.allclose(g.transform(g.transform(points, matrix), g.invert(matrix)), points)
    homogeneous = np.concatenate([points, np.ones((4, 6, 1))], -1)
    assert np.allclose(g.transform(points, matrix), np.einsum("nij,nlj->nli", matrix, homogeneous))


def test_fit_similarity_recovers_a_similarity_and_agrees_with_least_squares():
    source = RNG.normal(size=(8, 2))
    angle, scale = 0.7, 2.5
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([linear, [3.0, -1.0]])
    assert np.allclose(g.fit_similarity(source, g.transform(source, matrix)), matrix)
    target = RNG.normal(size=(8, 2))
    x, y, one, zero = source[:, 0], source[:, 1], np.ones(8), np.zeros(8)
    rows = np.concatenate([np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])])
    a, b, tx, ty = np.linalg.lstsq(rows, target.T.ravel(), rcond=None)[0]
    assert np.allclose(g.fit_similarity(source, target), [[a, -b, tx], [b, a, ty]])
    with pytest.raises(DataError, match="all coincide"):
        g.fit_similarity(np.ones((3, 2)), target[:3])


def test_crop_matrix_puts_the_box_into_the_crop():
    box = np.array([[10.0, 20.0, 30.0, 60.0]])
    matrix = g.crop_matrix(box, 100, padding=0.25)[0]  # side 40 * 1.5 = 60 px around (20, 40)
    corners = g.transform(np.array([[-10.0, 10.0], [50.0, 70.0], [20.0, 40.0]]), matrix)
    assert np.allclose(corners, [[-0.5, -0.5], [99.5, 99.5], [49.5, 49.5]])


def test_warp_moves_pixels_to_where_transform_moves_points():
    image = np.zeros((60, 80), np.uint8)
    image[33, 21] = 255
    matrix = g.crop_matrix(np.array([[10.0, 20.0, 34.0, 44.0]]), 72)[0]  # three times as large
    crop = g.warp(image, matrix, 72).astype(float)
    rows, cols = np.mgrid[:72, :72]
    centre = np.array([(cols * crop).sum(), (rows * crop).sum()]) / crop.sum()
    assert centre == pytest.approx(g.transform(np.array([[21.0, 33.0]]), matrix)[0], abs=0.05)


def test_warp_at_unit_scale_is_the_image_and_shrinking_averages():
    image = RNG.integers(0, 256, (40, 40, 3), np.uint8)
    assert np.array_equal(g.warp(image, np.array([[1.0, 0, 0], [0, 1, 0]]), 40), image)
    quarter = g.warp(image, g.crop_matrix(np.array([[-0.5, -0.5, 39.5, 39.5]]), 10)[0], 10)
    assert np.abs(quarter.astype(int) - cv2.resize(image, (10, 10), interpolation=cv2.INTER_AREA)).max() <= 1


def test_to_grey_keeps_grey_and_weighs_rgb():
    grey = RNG.integers(0, 256, (5, 6), np.uint8)
    assert g.to_grey(grey) is grey
    rgb = RNG.integers(0, 256, (5, 6, 3), np.uint8)
    assert np.abs(g.to_grey(rgb) - rgb @ [0.299, 0.587, 0.114]).max() <= 1
