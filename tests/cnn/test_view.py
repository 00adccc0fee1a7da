"""How a network sees a face: the frame by hand, grey and colour, the border, and the values of pixels."""

import numpy as np
import pytest
import torch

from fldbench.cnn.view import Placement, View, normalised, seen_through


def test_the_frame_by_hand():
    view = View(100, 50, 1, 0.0)
    matrices = view.square(np.array([[10.0, 20.0, 30.0, 40.0]]))
    corners = np.array([[[10.0, 20.0], [30.0, 40.0], [20.0, 30.0]]])
    assert np.allclose(view.to_frame(corners, matrices), [[[-1, -1], [1, 1], [0, 0]]])
    assert View(100, 50, 1, 0.25).side == 100 and View(64, 64, 1, 0.1).padded(1.5) == pytest.approx(0.4)


def test_grey_photos_in_colour_and_the_other_way_round():
    image = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    matrix = View(24, 24, 3, 0.0).square(np.array([[5.0, 5, 30, 30]]))[0]
    grey = View(24, 24, 1, 0.0).cut(image, matrix)
    coloured = View(24, 24, 3, 0.0).cut(image, matrix)
    assert grey.shape == (24, 24) and coloured.shape == (24, 24, 3)
    assert (coloured == grey[..., None]).all()


def test_normalisations_by_hand():
    images = torch.tensor([0, 255], dtype=torch.uint8).repeat(1, 3, 1, 1)
    by_hand = {
        "unit": ([0, 1],) * 3,
        "half": ([-0.5, 0.5],) * 3,
        "signed": ([-1, 1],) * 3,
        "imagenet": ([-0.485 / 0.229, 0.515 / 0.229], [-0.456 / 0.224, 0.544 / 0.224], [-0.406 / 0.225, 0.594 / 0.225]),
    }
    for kind, expected in by_hand.items():
        assert torch.allclose(normalised(images, kind)[0, :, 0], torch.tensor(expected, dtype=torch.float32)), kind
    lit = torch.randint(0, 100, (2, 1, 20, 20), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    one = normalised(lit, "instance")
    assert one.mean((1, 2, 3)).abs().max() < 1e-5 and (one.std((1, 2, 3)) - 1).abs().max() < 0.05
    assert (normalised(lit * 2 + 10, "instance") - one).abs().max() < 0.05
    assert normalised(torch.full((1, 1, 4, 4), 9, dtype=torch.uint8), "instance").abs().max() == 0


def test_stretched_images_reach_from_0_to_1():
    images = torch.tensor([[[[10, 60], [35, 10]]], [[[0, 255], [51, 255]]], [[[7, 7], [7, 7]]]], dtype=torch.uint8)
    assert normalised(images, "stretched").flatten(1).tolist() == [
        pytest.approx(row) for row in ([0, 1, 0.5, 0], [0, 1, 0.2, 1], [0, 0, 0, 0])
    ]


def test_shrinking_and_border():
    crop = np.full((20, 20), 77, np.uint8)
    assert np.array_equal(seen_through(crop, Placement(x=3.0).matrix(20, 1.0, 10, 12), 10, 12), np.full((12, 10), 77))
