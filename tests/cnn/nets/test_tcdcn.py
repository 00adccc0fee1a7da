"""TCDCN: its weights and shapes, and the layer of local filters against numpy and torch's convolution."""

import numpy as np
import pytest
import torch
from torch import nn

from fldbench.cnn.nets.tcdcn import AbsTanh, LocalConv2d, TCDCNTrunk


def weights(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("shared", "convolutions", "total"), [(True, 51_536, 79_357), (False, 3_384_320, 3_412_141)])
def test_counts(shared, convolutions, total):
    trunk = TCDCNTrunk(shared=shared)
    heads = [nn.Linear(trunk.out_features, n) for n in (10, 2, 2, 2, 5)]
    assert weights(trunk.body) == convolutions
    assert weights(trunk) + sum(map(weights, heads)) == total
    assert trunk(torch.zeros(3, 1, 40, 40)).shape == (3, 100)


def test_the_activation_is_the_absolute_tanh():
    assert AbsTanh()(torch.tensor([-1.0, 0.0])).tolist() == pytest.approx([np.tanh(1), 0])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_local_filters_are_a_loop_over_cells(layout):
    layer = LocalConv2d((2, 5, 6), 3, 2)
    x = torch.randn(4, 2, 5, 6)
    truth = np.empty((4, 3, 4, 5))
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy().reshape(20, 3)
    for cell, (row, column) in enumerate(np.ndindex(4, 5)):
        patch = x[:, :, row : row + 2, column : column + 2].numpy().reshape(4, -1)
        truth[:, :, row, column] = patch @ weight[cell] + bias[cell]
    with torch.no_grad():
        np.testing.assert_allclose(layer(x.contiguous(memory_format=layout)).numpy(), truth, atol=1e-5)
        np.testing.assert_allclose(layer(x[:1]).numpy(), truth[:1], atol=1e-5)


def test_tied_local_filters_are_a_convolution():
    local, shared = LocalConv2d((3, 7, 6), 4, 3).double(), nn.Conv2d(3, 4, 3).double()
    with torch.no_grad():
        local.weight.copy_(shared.weight.flatten(1).T.expand_as(local.weight))
        local.bias.copy_(shared.bias.repeat(20))
    x = torch.randn(2, 3, 7, 6, dtype=torch.float64, requires_grad=True)
    seen = x.detach().clone().requires_grad_()
    found, truth = local(x), shared(seen)
    assert torch.allclose(found, truth)
    direction = torch.randn_like(truth)
    found.backward(direction)
    truth.backward(direction)
    assert torch.allclose(x.grad, seen.grad)
    # A shared weight's gradient is the sum of those of its copies.
    assert torch.allclose(local.weight.grad.sum(0).T, shared.weight.grad.flatten(1))
    assert torch.allclose(local.bias.grad.view(20, 4).sum(0), shared.bias.grad)


def test_the_gradients_of_local_filters():
    layer = LocalConv2d((2, 4, 5), 3, 2).double()
    x = torch.randn(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)

    def answer(x, weight, bias):
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(answer, (x, layer.weight, layer.bias))


def test_local_filters_begin_in_the_range_of_torchs_convolutions():
    layer, shared = LocalConv2d((16, 8, 8), 32, 3), nn.Conv2d(16, 32, 3)
    for ours, theirs in zip(layer.parameters(), shared.parameters(), strict=True):
        assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.3)
        assert ours.abs().max() <= 1 / 12


def test_the_places_of_the_inputs_are_not_saved():
    assert set(LocalConv2d((2, 5, 6), 3, 2).state_dict()) == {"weight", "bias"}
