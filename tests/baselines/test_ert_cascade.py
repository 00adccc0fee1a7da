"""The compiled parts of a stage, against numpy."""

import numpy as np
import pytest

from fldbench.baselines.ert import cascade
from fldbench.baselines.parts.frames import frames_of


def test_frames_are_those_of_the_other_methods():
    rng = np.random.default_rng(0)
    reference = rng.normal(0, 20, (6, 2))
    reference -= reference.mean(axis=0)
    shapes = reference + rng.normal(0, 15, (40, 6, 2)) + rng.normal(0, 50, (40, 1, 2))
    shapes[1] *= 9  # larger than a frame may be
    shapes[2] = shapes[2] * 0.01 + 7
    shapes[3] = 5.0  # a point has no direction
    frames = np.empty((40, 2))
    cascade.find_frames(reference, shapes, frames)
    assert np.allclose(frames[:3], frames_of(reference, shapes[:3]))
    assert np.allclose(frames[4:], frames_of(reference, shapes[4:]))
    assert np.allclose(np.hypot(*frames[1:4].T), [2.0, 0.5, 1.0])
    cascade.find_frames(np.zeros((1, 2)), shapes[:, :1], frames)
    assert np.array_equal(frames, np.tile([1.0, 0.0], (40, 1)))


@pytest.mark.parametrize("flip", [False, True])
def test_values_are_those_of_the_nearest_pixels(flip):
    """One landmark at (3, 2), its frame turned by a quarter and doubled: the offset (1, 0) becomes (0, 2)."""
    crop = np.arange(48, dtype=np.uint8).reshape(1, 6, 8)
    seen = crop[0, :, ::-1] if flip else crop[0]
    deltas = np.array([[0.0, 0.0], [1.0, 0.0], [0.2, 0.0], [0.0, 1.0], [50.0, 0.0], [np.nan, 0.0]])
    values = np.zeros((6, 3), np.uint8)
    cascade.read_values(
        crop, np.array([0]), np.array([flip]), np.array([[[3.0, 2.0]]]), np.array([[0.0, 2.0]]), np.zeros(6, np.uint16),
        deltas, np.array([1]), values,
    )  # fmt: skip
    # The last two lie below the crop, whose lowest row is read, and nowhere.
    expected = [seen[2, 3], seen[4, 3], seen[2, 3], seen[2, 1], seen[5, 3], seen[0, 0]]
    assert values[:, 1].tolist() == expected and not values[:, [0, 2]].any()


def test_leaves_are_added_where_samples_end():
    values = np.array([[10, 20, 30], [10, 10, 10]], np.uint8)  # differences 0, 10 and 20
    pixels = np.tile(np.array([0, 1], np.uint16), (1, 3, 1))
    thresholds = np.array([[9, -1, 10]], np.int16)
    leaves = np.array([[[1, 0], [2, 0], [4, 0], [8, 1]]], np.int16)
    sums = np.array([[100, 0], [200, 0], [300, 0]], np.int32)
    cascade.add_leaves(values, pixels, thresholds, leaves, sums)
    assert sums.tolist() == [[102, 0], [204, 0], [308, 1]]


def test_shapes_are_moved_in_their_frames():
    """Components (1, 0) and (0, 1) of one landmark; the first shape is a face, the second one mirrored and turned."""
    shapes = np.array([[[1.0, 1.0]], [[0.0, 0.0]]])
    biases = np.array([[10.0, 0.0], [0.0, 10.0]], np.float32)
    sums, components = np.array([[2, 3], [2, 3]], np.int32), np.eye(2, dtype=np.float32)
    cascade.move(shapes, np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([False, True]), sums, components, biases)
    assert shapes.tolist() == [[[13.0, 4.0]], [[-13.0, 2.0]]]
