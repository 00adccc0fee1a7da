"""What networks answer with: points read from maps, by hand and in half precision."""

import pytest
import torch

from fldbench.cnn.heads import MapHead, confidence, soft_argmax
from fldbench.errors import MethodError


def test_maps_are_weighed_by_where_a_point_is_expected():
    at = torch.tensor([[0.25, -0.25], [0.0, 0.0]])
    head = MapHead(2, at, 16)
    with torch.no_grad():
        head.weight.zero_()
        flat = head(torch.zeros(1, 2, 16, 16))
        assert flat["maps"].shape == (1, 2, 16, 16) and not flat["maps"].any()
        assert torch.allclose(flat["points"][0], at, atol=0.01)  # a Gaussian, a little cut off by the border
        assert flat["variance"].sqrt().flatten().tolist() == pytest.approx([0.25] * 2, rel=0.02)
        head.weight[0, 0] = 1.0
        features = torch.zeros(1, 2, 16, 16)
        features[0, 0, 3, 12] = 1.0  # row, column: evidence far from the mean wins
        seen = head(features)
        assert seen["points"][0, 0].tolist() == pytest.approx([12.5 / 8 - 1, 3.5 / 8 - 1], abs=0.01)
        assert seen["variance"][0, 0] < 0.01 * seen["variance"][0, 1]


def test_soft_argmax_of_one_peak_and_of_a_flat_map():
    logits = torch.full((1, 2, 4, 8), 0.0)
    logits[0, 0, 1, 6] = 60.0
    points, variance, maps = soft_argmax(logits)
    assert points[0, 0].tolist() == pytest.approx([(6 + 0.5) / 8 * 2 - 1, (1 + 0.5) / 4 * 2 - 1])
    assert points[0, 1].tolist() == pytest.approx([0, 0], abs=1e-6)
    flat = [(2 / n) ** 2 * (n**2 - 1) / 12 for n in (8, 4)]  # variance of n equal steps
    assert variance[0].tolist() == pytest.approx([0.0, sum(flat) / 2], abs=1e-6)
    assert maps.sum((-2, -1)).flatten().tolist() == pytest.approx([1, 1])


def test_soft_argmax_is_as_exact_under_half_precision():
    logits = torch.randn(3, 4, 16, 16, generator=torch.Generator().manual_seed(0)) * 3
    with torch.autocast("cpu", torch.bfloat16):
        half = soft_argmax(logits)
    for part, exact in zip(half, soft_argmax(logits), strict=True):
        assert torch.allclose(part, exact, atol=1e-6)


def test_confidences_by_hand():
    variance = torch.tensor([[0.0, 0.01, 0.03]])
    assert confidence({"points": variance, "variance": variance}, "toy")[0].tolist() == pytest.approx([1, 1 / 2, 1 / 4])
    maps = torch.tensor([[[[0.2, 0.7]], [[-1.0, -2.0]], [[3.0, 0.0]]]])
    assert confidence({"points": variance, "maps": maps}, "toy")[0].tolist() == pytest.approx([0.7, 0.0, 1.0])
    with pytest.raises(MethodError, match="toy gives points alone"):
        confidence({"points": variance}, "toy")
