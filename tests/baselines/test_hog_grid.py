"""The HOG of a whole crop: a slow loop, the laws of mirrored and brighter crops, and hog's own cells."""

import numpy as np
import pytest

from fldbench.baselines.parts import hog, hog_grid


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(0).integers(0, 256, (3, 24, 24), np.uint8)


def slow_cells(crop, cell, bins):
    """Cells by the definition, from the directions of every pixel and one tent for each cell."""
    channels = hog.orientation_channels(crop, bins)
    side = len(crop) // cell
    out = np.zeros((side, side, bins))
    for row in range(side):
        for column in range(side):
            centre = np.array([(column + 0.5) * cell - 0.5, (row + 0.5) * cell - 0.5])
            for y in range(len(crop)):
                for x in range(len(crop)):
                    tent = np.maximum(0, 1 - np.abs(np.array([x, y]) - centre) / cell).prod()
                    out[row, column] += tent * channels[y, x] / cell**2
    return out


@pytest.mark.parametrize(("cell", "bins"), [(6, 8), (4, 6)])
def test_cells_by_a_slow_loop(crops, cell, bins):
    assert np.allclose(hog_grid.grid_cells(crops, cell, bins)[1], slow_cells(crops[1], cell, bins), atol=1e-4)


def test_inner_cells_are_those_of_hog(crops):
    smooth = hog.smooth_cells(hog.orientation_channels(crops[0], 8), 3)  # an odd cell has its centre on a pixel
    assert np.allclose(hog_grid.grid_cells(crops[:1], 3, 8)[0, 1:-1, 1:-1], smooth[4:-3:3, 4:-3:3], atol=1e-4)


def test_blocks_are_neighbouring_cells_in_order(crops):
    cells = hog_grid.grid_cells(crops, 6, 4)
    features = hog_grid.grid_features(crops, 6, 4).reshape(3, 3, 3, 16)
    assert np.allclose(features[2, 1, 2], hog.normalise(cells[2, 1:3, 2:4].reshape(-1)), atol=1e-6)


@pytest.mark.parametrize(("cell", "bins"), [(6, 8), (8, 6)])
def test_a_mirrored_crop_permutes_its_features(crops, cell, bins):
    index = hog_grid.mirror_grid(24 // cell, bins)
    flipped = hog_grid.grid_features(crops[:, :, ::-1], cell, bins)
    assert np.allclose(flipped, hog_grid.grid_features(crops, cell, bins)[:, index], atol=1e-5)
    assert np.array_equal(index[index], np.arange(len(index)))


def test_contrast_does_not_matter_and_a_flat_crop_gives_zeros(crops):
    half = (crops // 4) * 2
    assert np.allclose(hog_grid.grid_features(half, 6, 8), hog_grid.grid_features(half // 2, 6, 8), atol=1e-5)
    assert not hog_grid.grid_features(np.full((1, 24, 24), 9, np.uint8), 6, 8).any()


def test_a_crop_does_not_depend_on_its_batch(crops):
    single = [hog_grid.grid_features(crop[None], 6, 8)[0] for crop in crops]
    assert np.array_equal(hog_grid.grid_features(crops, 6, 8), np.stack(single))
