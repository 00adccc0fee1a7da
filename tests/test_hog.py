"""HOG features against a slow loop, and their laws."""

import numpy as np
import pytest

from fldbench.baselines import hog


def texture(h=40, w=36, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w]
    waves = 50 * np.sin(x / 3 + rng.uniform(0, 6)) + 40 * np.cos(y / 4 - x / 7)
    return (120 + waves + rng.normal(0, 4, (h, w))).clip(0, 255)


def slow_features(grey, shape, cell, grid, bins):
    """Pixel by pixel, with whole landmarks on whole pixels."""
    h, w = grey.shape
    at = lambda y, x: grey[min(max(y, 0), h - 1), min(max(x, 0), w - 1)]  # noqa: E731
    channels = np.zeros((h, w, bins))
    for y in range(h):
        for x in range(w):
            dx, dy = (at(y, x + 1) - at(y, x - 1)) / 2, (at(y + 1, x) - at(y - 1, x)) / 2
            place = np.arctan2(dy, dx) % (2 * np.pi) * bins / (2 * np.pi)
            low, share = int(place), place - int(place)
            channels[y, x, low % bins] += np.hypot(dx, dy) * (1 - share)
            channels[y, x, (low + 1) % bins] += np.hypot(dx, dy) * share
    channels /= channels.sum() / (h * w)
    features = []
    for px, py in shape:
        patch = []
        for oy in (np.arange(grid) - (grid - 1) / 2) * cell:
            for ox in (np.arange(grid) - (grid - 1) / 2) * cell:
                total = np.zeros(bins)
                for dy in range(1 - cell, cell):
                    for dx in range(1 - cell, cell):
                        y, x = min(max(int(py + oy) + dy, 0), h - 1), min(max(int(px + ox) + dx, 0), w - 1)
                        total += (1 - abs(dy) / cell) * (1 - abs(dx) / cell) / cell**2 * channels[y, x]
                patch.append(total)
        patch = np.concatenate(patch)
        patch = np.minimum(patch / np.sqrt((patch**2).sum() + hog.FLAT**2 * len(patch)), hog.CLIP)
        features.append(patch / np.sqrt((patch**2).sum() + 1e-6))
    return np.concatenate(features)


@pytest.mark.parametrize(("cell", "grid", "bins"), [(5, 3, 8), (3, 1, 6)])
def test_features_by_a_slow_loop(cell, grid, bins):
    grey = texture()
    shape = np.array([[18.0, 20.0], [17.0, 22.0], [20.0, 16.0]])
    fast = hog.landmark_features(hog.orientation_channels(grey, bins), shape, cell, grid)
    # OpenCV's arctangent is good to 0.3 degrees.
    assert np.allclose(fast, slow_features(grey, shape, cell, grid, bins), atol=5e-3)


def test_channels_add_up_to_the_magnitude():
    channels = hog.orientation_channels(texture(), 8)
    assert channels.min() >= 0
    assert channels.sum(axis=-1).mean() == pytest.approx(1, rel=1e-5)


def test_contrast_and_brightness_do_not_matter():
    grey = texture()
    shape = np.random.default_rng(1).uniform(0, 40, (4, 2))
    plain, changed = (hog.landmark_features(hog.orientation_channels(g, 8), shape, 5) for g in (grey, 0.4 * grey + 90))
    assert np.allclose(plain, changed, atol=1e-4)


def test_a_flat_crop_has_no_features():
    flat = hog.landmark_features(hog.orientation_channels(np.full((20, 20), 7, np.uint8), 8), np.full((3, 2), 9.0), 3)
    assert not flat.any()


def test_a_mirrored_face_permutes_its_features():
    grey, mirror = texture(), np.array([1, 0, 2])
    shape = np.random.default_rng(2).uniform(-5, 45, (3, 2))  # outside the crop too
    flipped = shape[mirror] * (-1, 1) + (grey.shape[1] - 1, 0)
    one = hog.landmark_features(hog.orientation_channels(grey, 6), shape, 5, 4)
    other = hog.landmark_features(hog.orientation_channels(np.ascontiguousarray(grey[:, ::-1]), 6), flipped, 5, 4)
    index = hog.mirror_features(mirror, 4, 6)
    assert np.allclose(other, one[index], atol=2e-3)
    assert np.array_equal(index[index], np.arange(len(index)))


def test_many_shapes_at_once():
    channels = hog.orientation_channels(texture(), 8)
    shapes = np.random.default_rng(3).uniform(0, 35, (5, 4, 2))
    together = hog.landmark_features(channels, shapes, 3)
    assert together.dtype == np.float32
    assert np.allclose(together, [hog.landmark_features(channels, s, 3) for s in shapes], atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (4, 6)])
def test_sample_small_fields(size):
    field = np.random.default_rng(4).uniform(size=(*size, 2))
    y, x = np.mgrid[: size[0], : size[1]]
    assert np.allclose(hog.sample(field, np.stack([x, y], axis=-1)), field, atol=1e-6)


def test_sample_is_linear_between_pixels():
    y, x = np.mgrid[:7, :9].astype(float)
    field = np.stack([3 * x - 2 * y + 1, y], axis=-1)
    points = np.random.default_rng(5).uniform(0, 6, (50, 2))
    expected = np.stack([3 * points[:, 0] - 2 * points[:, 1] + 1, points[:, 1]], axis=-1)
    assert np.allclose(hog.sample(field, points), expected, atol=1e-5)
