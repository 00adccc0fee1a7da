"""dlib's trees as arrays: the file's layout, the answers by hand and against dlib itself."""

import math

import numpy as np
import pytest

from fldbench.baselines.pretrained.trees import Trees, read_trees, run_trees
from fldbench.errors import DataError


def random_trees(seed=0, stages=3, trees=20, depth=3, points=6, pool=30):
    """Untrained trees that move the shape by a few hundredths of the box each."""
    rng = np.random.default_rng(seed)
    splits = 2**depth - 1
    return Trees(
        rng.uniform(0.2, 0.8, (points, 2)).astype(np.float32),
        rng.integers(0, pool, (stages, trees, splits, 2)).astype(np.uint16),
        rng.uniform(-64, 64, (stages, trees, splits)).astype(np.float32),
        rng.normal(0, 0.02, (stages, trees, splits + 1, 2 * points)).astype(np.float32),
        rng.integers(0, points, (stages, pool)).astype(np.uint16),
        rng.normal(0, 0.2, (stages, pool, 2)).astype(np.float32),
    )


def whole(value):
    value = int(value)
    magnitude = abs(value).to_bytes(max(1, (abs(value).bit_length() + 7) // 8), "little")
    return bytes([len(magnitude) | (0x80 if value < 0 else 0)]) + magnitude


def real(value):
    mantissa, exponent = math.frexp(float(value))
    return whole(mantissa * 2**24) + whole(exponent - 24)


def matrix(values):
    return whole(-len(values)) + whole(-1) + b"".join(map(real, values))


def vector(values, write):
    return whole(len(values)) + b"".join(map(write, values))


def as_dlib_file(trees):
    """The layout, written independently."""
    out = whole(1) + matrix(trees.mean.ravel()) + whole(len(trees.pixels))
    for pixels, thresholds, leaves in zip(trees.pixels, trees.thresholds, trees.leaves, strict=True):
        out += whole(len(pixels))
        for pairs, limits, steps in zip(pixels, thresholds, leaves, strict=True):
            splits = list(zip(pairs, limits, strict=True))
            out += vector(splits, lambda split: whole(split[0][0]) + whole(split[0][1]) + real(split[1]))
            out += vector(steps, matrix)
    out += vector(trees.anchors, lambda stage: vector(stage, whole))
    return out + vector(trees.deltas, lambda stage: vector(stage, lambda delta: real(delta[0]) + real(delta[1])))


def noise(n, seed=1, size=(90, 120)):
    """Smooth enough that no grey value depends on a rounded coordinate alone."""
    import cv2

    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (n, size[0] // 6, size[1] // 6)).astype(np.uint8)
    return np.stack([cv2.resize(image, size[::-1], interpolation=cv2.INTER_CUBIC) for image in small])


def test_what_was_written_is_read():
    trees = random_trees()
    again = read_trees(as_dlib_file(trees))
    for name, value in vars(trees).items():
        assert getattr(again, name).dtype == value.dtype
        assert np.array_equal(getattr(again, name), value), name


@pytest.mark.parametrize("points", [1, 2, 6])
def test_it_answers_as_dlib_does(points, tmp_path):
    """Second route. dlib rounds its answers to whole pixels; boxes lie inside, across the border and outside."""
    dlib = pytest.importorskip("dlib", reason="dlib is not installed")
    trees = random_trees(points, points=points)
    (tmp_path / "model.dat").write_bytes(as_dlib_file(trees))
    predictor = dlib.shape_predictor(str(tmp_path / "model.dat"))
    images = noise(8)
    rng = np.random.default_rng(2)
    low = rng.integers(-40, 90, (8, 2))
    corners = np.stack([low, low + rng.integers(20, 100, (8, 2))], axis=1)
    answer = run_trees(trees, images, corners, trees.mean[None])[:, 0]
    answer = corners[:, :1] + answer * (corners[:, 1:] - corners[:, :1])
    for image, corner, shape in zip(images, corners, answer, strict=True):
        parts = predictor(image, dlib.rectangle(*corner.ravel().tolist())).parts()
        # dlib rounds halves up; 1e-3 px for numbers on the border between two pixels
        assert np.abs(shape - [(part.x, part.y) for part in parts]).max() < 0.5 + 1e-3


def test_by_hand():
    """One landmark in the middle of the box; its first pixel lies on it, its second one half a box to the right."""
    trees = Trees(
        mean=np.array([[0.5, 0.5]], np.float32),
        pixels=np.array([[[[0, 1]]]], np.uint16),
        thresholds=np.array([[[20.5]]], np.float32),
        leaves=np.array([[[[0.25, 0.0], [0.0, -0.25]]]], np.float32),
        anchors=np.zeros((1, 2), np.uint16),
        deltas=np.array([[[0.0, 0.0], [0.5, 0.0]]], np.float32),
    )
    # The box is 8 px from (1, 1), so the pixels are (5, 5) and (9, 5).
    corners = np.array([[[1, 1], [9, 9]]])
    image = np.zeros((1, 10, 10), np.uint8)
    starts = np.array([[[0.5, 0.5]]], np.float32)
    assert run_trees(trees, image, corners, starts).tolist() == [[[[0.5, 0.25]]]]
    image[0, 5, 5], image[0, 5, 9] = 121, 100  # 21 brighter: over the threshold
    assert run_trees(trees, image, corners, starts).tolist() == [[[[0.75, 0.5]]]]
    image[0, 5, 9] = 101
    assert run_trees(trees, image, corners, starts).tolist() == [[[[0.5, 0.25]]]]
    # Outside the image everything is 0: with a shape further right only the first pixel is seen.
    right = np.array([[[0.625, 0.5]]], np.float32)
    image[0, 5, 6] = 22
    assert run_trees(trees, image, corners, right).tolist() == [[[[0.875, 0.5]]]]


def test_a_turned_shape_turns_its_pixels():
    trees = random_trees(points=4, stages=1)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])  # a quarter, about the middle of the box
    images, corners = noise(1, size=(100, 100)), np.array([[[20, 20], [79, 79]]])
    turned = np.ascontiguousarray(np.rot90(images, -1, axes=(1, 2)))
    plain = run_trees(trees, images, corners, trees.mean[None])[0, 0] - trees.mean
    start = ((trees.mean - 0.5) @ turn.T + 0.5).astype(np.float32)
    # The same leaves are found; leaves themselves are not turned.
    assert np.allclose(run_trees(trees, turned, corners, start[None])[0, 0] - start, plain, atol=1e-6)


def test_starts_and_faces_do_not_touch_each_other():
    trees = random_trees()
    images, corners = noise(5), np.tile([[[10, 10], [70, 80]]], (5, 1, 1))
    starts = (trees.mean + np.random.default_rng(4).normal(0, 0.05, (3, 1, 2))).astype(np.float32)
    together = run_trees(trees, images, corners, starts)
    assert together.shape == (5, 3, 6, 2)
    for i in range(5):
        for j in range(3):
            alone = run_trees(trees, images[i : i + 1], corners[i : i + 1], starts[j : j + 1])
            assert np.array_equal(alone[0, 0], together[i, j])
    assert run_trees(trees, images[:0], corners[:0], starts).shape == (0, 3, 6, 2)


def test_other_bytes_are_refused():
    good = as_dlib_file(random_trees(stages=2, trees=3, depth=2, points=3, pool=5))
    rng = np.random.default_rng(0)
    cuts = [good[:n] for n in [*range(0, 60), *range(60, len(good), 37), len(good) - 1]]
    others = [good + b"\0", b"\0" * 500, b"\x08" + b"\xff" * 500, *(rng.bytes(400) for _ in range(50))]
    for data in [*cuts, *others]:
        with pytest.raises(DataError, match="not a shape predictor of dlib"):
            read_trees(data)
    for at in rng.integers(0, len(good), 400):  # one damaged byte: refused, or read with other numbers
        data = bytearray(good)
        data[at] ^= 1 << rng.integers(8)
        try:
            found = read_trees(bytes(data))
        except DataError:
            continue
        assert found.pixels.max() < 5 and found.anchors.max() < 3
