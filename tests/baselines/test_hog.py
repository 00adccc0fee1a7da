"""HOG features against a slow loop, and their laws."""

import numpy as np
import pytest

from fldbench.baselines.parts import hog


def texture(h=40, w=36, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w]
    waves = 50 * np.sin(x / 3 + rng.uniform(0, 6)) + 40 * np.cos(y / 4 - x / 7)
    return (120 + waves + rng.normal(0, 4, (h, w))).clip(0, 255)


UPRIGHT = np.array([[1.0, 0.0]])


def features_of(grey, shape, cell, grid=4, bins=8, frame=UPRIGHT):
    return hog.landmark_features(hog.orientation_channels(grey, bins), shape[None], frame, cell, grid)[0]


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
    fast = features_of(grey, shape, cell, grid, bins)
    # OpenCV's arctangent is good to 0.3 degrees.
    assert np.allclose(fast, slow_features(grey, shape, cell, grid, bins), atol=5e-3)


def test_channels_add_up_to_the_magnitude():
    channels = hog.orientation_channels(texture(), 8)
    assert channels.min() >= 0
    assert channels.sum(axis=-1).mean() == pytest.approx(1, rel=1e-5)


def test_contrast_and_brightness_do_not_matter():
    grey = texture()
    shape = np.random.default_rng(1).uniform(0, 40, (4, 2))
    plain, changed = (features_of(g, shape, 5) for g in (grey, 0.4 * grey + 90))
    assert np.allclose(plain, changed, atol=1e-4)


def test_a_flat_crop_has_no_features():
    assert not features_of(np.full((20, 20), 7, np.uint8), np.full((3, 2), 9.0), 3).any()


@pytest.mark.parametrize("frame", [(1.0, 0.0), (0.9, 0.4)])
def test_a_mirrored_face_permutes_its_features(frame):
    grey, mirror = texture(), np.array([1, 0, 2])
    shape = np.random.default_rng(2).uniform(-5, 45, (3, 2))  # outside the crop too
    flipped = shape[mirror] * (-1, 1) + (grey.shape[1] - 1, 0)
    one = features_of(grey, shape, 5, 4, 6, np.array([frame]))
    other = features_of(np.ascontiguousarray(grey[:, ::-1]), flipped, 5, 4, 6, np.array([frame]) * (1, -1))
    index = hog.mirror_features(mirror, 4, 6)
    assert np.allclose(other, one[index], atol=2e-3)
    assert np.array_equal(index[index], np.arange(len(index)))


def test_a_turned_face_in_its_frame_has_the_features_of_an_upright_one():
    """A quarter turn moves every pixel to a pixel, so the two agree to rounding."""
    grey = texture(41, 41)
    shape = np.random.default_rng(3).uniform(12, 28, (4, 2))
    turned = np.stack([40 - shape[:, 1], shape[:, 0]], axis=1)  # (x, y) -> (40 - y, x), which is +90 degrees, y down
    quarter = features_of(np.ascontiguousarray(np.rot90(grey, -1)), turned, 3, frame=np.array([[0.0, 1.0]]))
    assert np.allclose(quarter, features_of(grey, shape, 3), atol=5e-3)
    assert not np.allclose(features_of(np.ascontiguousarray(np.rot90(grey, -1)), turned, 3), quarter, atol=0.05)


def test_a_frame_scales_the_distance_between_cells():
    """Twice the frame at half the cell: the same places, sampled from channels that are smoothed less."""
    y, x = np.mgrid[:60, :60]
    grey = 100 + 2 * x + 0.5 * y  # the same direction everywhere: smoothing changes nothing
    shape = np.array([[30.0, 30.0]])
    assert np.allclose(features_of(grey, shape, 6, 3, 8), features_of(grey, shape, 3, 3, 8, 2 * UPRIGHT), atol=1e-5)


def test_many_shapes_at_once():
    channels = hog.orientation_channels(texture(), 8)
    rng = np.random.default_rng(3)
    shapes, frames = rng.uniform(0, 35, (5, 4, 2)), rng.uniform(0.5, 1.2, (5, 2))
    together = hog.landmark_features(channels, shapes, frames, 3)
    assert together.dtype == np.float32
    one_by_one = [hog.landmark_features(channels, s[None], f[None], 3)[0] for s, f in zip(shapes, frames, strict=True)]
    assert np.allclose(together, one_by_one, atol=1e-6)


@pytest.mark.parametrize(("cell", "grid", "bins"), [(5, 3, 8), (3, 1, 6), (7, 4, 4)])
def test_smoothing_around_the_cells_is_smoothing_everywhere(cell, grid, bins):
    """Beyond the border too, in turned frames: what decides which of the two is done are costs alone."""
    from fldbench.baselines.parts.hog_kernels import sample_patches

    rng = np.random.default_rng(9)
    channels = rng.uniform(0, 2, (40, 36, bins)).astype(np.float32)
    shapes, frames = rng.uniform(-6, 46, (3, 5, 2)), rng.normal(0, 1, (3, 2))
    more = (shapes, frames, float(cell), grid, hog.CLIP, hog.FLAT)
    around = sample_patches(channels, *more, hog.tent_of(cell), (0,) * bins)
    everywhere = sample_patches(hog.smooth_cells(channels, cell), *more, hog.tent_of(1), (0,) * bins)
    assert np.allclose(around, everywhere, atol=1e-6)
    assert np.allclose(hog.landmark_features(channels, shapes, frames, cell, grid), everywhere, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (4, 6)])
def test_small_crops(size):
    channels = hog.orientation_channels(np.random.default_rng(4).integers(0, 255, size).astype(np.uint8), 4)
    features = hog.landmark_features(channels, np.array([[[0.0, 0.0], [9.0, -3.0]]]), UPRIGHT, 3)
    assert features.shape == (1, 2 * 16 * 4) and np.isfinite(features).all()


def test_halved_channels_are_means_of_four():
    from fldbench.baselines.parts.hog_kernels import halve

    channels = np.random.default_rng(5).uniform(size=(7, 8, 3)).astype(np.float32)
    expected = channels[:6].reshape(3, 2, 4, 2, 3).mean(axis=(1, 3))
    assert np.allclose(halve(channels), expected, atol=1e-6)
