"""Losses: values by hand, gradients by differences, masks, and what each refuses."""

import math

import pytest
import torch

from fldbench.cnn.heads import as_output, heat_maps, soft_argmax
from fldbench.cnn.losses import (
    COORDINATE_LOSSES,
    MAP_LOSSES,
    PIXEL_LOSSES,
    REFERENCE,
    adaptive_wing,
    adaptive_wing_loss,
    check_loss,
    heat_map_mse,
    l1,
    l2,
    masked_mean,
    pixel_loss,
    point_losses,
    smooth_l1,
    soft_argmax_loss,
    wing,
)
from fldbench.errors import MethodError

# Wing of a constant error, worked out by hand: px -> Wing(5, 0.5), Wing(10, 2).
WING = {
    0.5: (3.47, 2.23),
    1: (5.49, 4.05),
    2: (8.05, 6.93),
    3: (9.73, 9.16),
    4: (10.99, 10.99),
    5: (11.99, 12.53),
    10: (16.99, 17.92),
}


def values(n=3, points=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((n, points, 2), generator=generator, dtype=torch.float64) * 1.6 - 0.8


@pytest.mark.parametrize(("error", "expected"), WING.items())
def test_wing_by_hand(error, expected):
    d = torch.tensor([error, -error], dtype=torch.float64)
    assert wing(d, 5.0, 0.5).tolist() == pytest.approx([expected[0]] * 2, abs=0.006)
    assert wing(d).tolist() == pytest.approx([expected[1]] * 2, abs=0.006)


def test_l1_l2_and_smooth_l1_by_hand():
    d = torch.tensor([-0.5, 0.0, 2.0])
    assert l1(d).tolist() == [0.5, 0.0, 2.0]
    assert l2(d).tolist() == [0.25, 0.0, 4.0]
    assert smooth_l1(d, 1.0).tolist() == [0.125, 0.0, 1.5]
    assert torch.allclose(smooth_l1(d, 1.0), torch.nn.functional.smooth_l1_loss(d, d * 0, reduction="none"))


@pytest.mark.parametrize("name", COORDINATE_LOSSES)
def test_gradients_of_the_coordinate_losses(name):
    target = values(seed=1)
    points = (target + 0.3 * values(seed=2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: point_losses(name, {"points": p}, target), (points,))


@pytest.mark.parametrize("name", ["heatmap-mse", "adaptive-wing"])
def test_gradients_of_the_map_losses(name):
    target = values(2, 3)
    maps = (heat_maps(target, 6, 7) + 0.1 + 0.2 * torch.rand(2, 3, 6, 7, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: point_losses(name, {"points": target, "maps": m}, target), (maps,))


def test_gradients_through_soft_argmax():
    target = values(2, 3)
    logits = torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()

    def loss(x):
        points, variance, _ = soft_argmax(x)
        return soft_argmax_loss({"points": points, "variance": variance}, target)

    assert torch.autograd.gradcheck(loss, (logits,))


def test_soft_argmax_loss_by_hand():
    target = torch.zeros(1, 1, 2)
    answer = {"points": target.clone(), "variance": torch.tensor([[0.13**2]])}
    assert soft_argmax_loss(answer, target).item() == pytest.approx(0.1 * (0.13 - 0.03), abs=1e-5)


def test_a_hidden_point_is_drawn_to_a_wide_map():
    target = torch.zeros(1, 2, 2)
    answer = {"points": target, "variance": torch.tensor([[0.15**2, 0.15**2]])}
    both = soft_argmax_loss(answer, target, torch.tensor([[True, False]]))[0].tolist()
    assert both == pytest.approx([0.1 * (0.15 - 0.03), 0.0], abs=1e-5)
    assert point_losses("soft-argmax", answer, target, torch.tensor([[True, False]]))[0].tolist() == both


def test_heat_maps_by_hand():
    target = torch.tensor([[[-1 + 1 / 4, 0.0]]])  # the centre of the first of 4 columns, between the two rows
    found = heat_maps(target, 2, 4, sigma=1.0)[0, 0]
    expected = [[math.exp(-(x**2 + 0.25) / 2) for x in range(4)]] * 2
    assert torch.allclose(found, torch.tensor(expected))
    assert heat_map_mse({"maps": heat_maps(target, 2, 4)}, target).item() == 0
    shifted = heat_maps(target, 2, 4) + 0.5
    assert heat_map_mse({"maps": shifted}, target).item() == pytest.approx(0.25)
    outside = torch.tensor([[[1.2, 0.0]]])
    assert heat_map_mse({"maps": shifted}, outside).item() == 0
    assert adaptive_wing_loss({"maps": shifted}, outside).item() == 0


def test_adaptive_wing_by_hand_and_without_a_step():
    # y = 1: power 1.1; below theta 14 ln(1 + d^1.1)
    one = torch.ones(1, dtype=torch.float64)
    assert adaptive_wing(one - 0.3, one).item() == pytest.approx(14 * math.log(1 + 0.3**1.1))
    slope = 14 / (1 + 0.5**1.1) * 1.1 * 0.5**0.1
    constant = 0.5 * slope - 14 * math.log(1 + 0.5**1.1)
    assert adaptive_wing(one - 0.8, one).item() == pytest.approx(slope * 0.8 - constant)
    for truth in (0.0, 0.4, 1.0):
        below, above = (adaptive_wing(one * (truth + 0.5 + d), one * truth).item() for d in (-1e-7, 1e-7))
        assert below == pytest.approx(above, abs=1e-5)


def test_cells_around_a_point_weigh_eleven_times():
    target = torch.zeros(1, 1, 2)
    truth = heat_maps(target, 9, 9)
    far, near = truth.clone(), truth.clone()
    far[0, 0, 0, 0] += 0.2
    near[0, 0, 4, 4] -= 0.2
    by_hand = adaptive_wing(near, truth)[0, 0, 4, 4] * 11 / 81
    assert adaptive_wing_loss({"maps": near}, target).item() == pytest.approx(by_hand.item(), rel=1e-5)
    assert adaptive_wing_loss({"maps": far}, target).item() == pytest.approx(
        (adaptive_wing(far, truth)[0, 0, 0, 0] / 81).item(), rel=1e-5
    )


def test_a_missing_point_counts_nowhere():
    target, points = values(), values(seed=5).requires_grad_()
    weight = torch.ones(3, 4)
    weight[1, 2] = 0
    loss = masked_mean(point_losses("wing", {"points": points}, target), weight)
    loss.backward()
    assert points.grad[1, 2].tolist() == [0, 0] and points.grad[0].abs().min() > 0
    moved = target.clone()
    moved[1, 2] = 100.0
    assert masked_mean(point_losses("wing", {"points": points}, moved), weight).item() == loss.item()
    assert masked_mean(torch.ones(1, 2), torch.zeros(1, 2)).item() == 0


def test_wing_in_the_frame_is_wing_in_pixels_of_the_reference_crop():
    target = torch.zeros(1, 1, 2, dtype=torch.float64)
    points = target + 3 / (REFERENCE / 2)
    value = point_losses("wing-5", {"points": points}, target).item()
    assert value * REFERENCE / 2 == pytest.approx(9.73, abs=0.006)
    weight = torch.ones(1, 1)
    assert pixel_loss("wing-5", points, target, weight, REFERENCE, REFERENCE).item() == pytest.approx(9.73, abs=0.006)


def test_losses_in_pixels_by_hand():
    target = torch.zeros(1, 2, 2)
    points = torch.tensor([[[0.1, 0.0], [5.0, 5.0]]])
    weight = torch.tensor([[1.0, 0.0]])
    assert set(PIXEL_LOSSES) == set(COORDINATE_LOSSES)
    assert pixel_loss("l2", points, target, weight, 160, 120).item() == pytest.approx(8.0**2 / 2)
    assert pixel_loss("l1", points, target, weight, 160, 120).item() == pytest.approx(4.0)
    assert pixel_loss("smooth-l1", points, target, weight, 160, 120).item() == pytest.approx(7.5 / 2)


def test_names_and_answers_that_do_not_fit():
    check_loss("wing")
    assert as_output(torch.zeros(1, 1, 2))["points"].shape == (1, 1, 2)
    with pytest.raises(MethodError, match="toy: loss is 'wnig'; must be the name of a loss; did you mean 'wing'"):
        check_loss("wnig", "toy")
    for name, part in {
        "soft-argmax": "variance",
        "heatmap-mse": "maps",
        "adaptive-wing": "maps",
        "marginals": "shares",
    }.items():
        assert name in MAP_LOSSES
        with pytest.raises(MethodError, match=f"the loss '{name}' needs a network that answers with '{part}'"):
            point_losses(name, {"points": torch.zeros(1, 1, 2)}, torch.zeros(1, 1, 2))
