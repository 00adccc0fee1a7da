"""fld-net: its weights counted by hand, its answer read from its maps, its loss by hand, and what it refuses."""

import copy
import math

import pytest
import torch
from torch.nn.functional import conv2d, relu
from toys import toy_faces

from fldbench.cnn.cost import multiply_adds
from fldbench.cnn.losses import point_losses
from fldbench.cnn.nets.fld_net import FldNet, FldNetwork, Residual
from fldbench.errors import MethodError


def conv(inputs, outputs, kernel=3):
    """Weights of a convolution without bias and of the norm behind it."""
    return inputs * outputs * kernel**2 + 2 * outputs


def residual(inputs, outputs):
    short = conv(inputs, outputs, 1) if inputs != outputs else 0
    return conv(inputs, outputs) + conv(outputs, outputs) + short


def test_the_weights_by_hand():
    w, head, points = 24, 64, 68
    trunk = conv(3, w) + residual(w, w)
    for i, o in ((w, 2 * w), (2 * w, 4 * w), (4 * w, 8 * w)):
        trunk += residual(i, o) + residual(o, o)
    across = sum(c * head + head for c in (2 * w, 4 * w, 8 * w))
    expected = trunk + across + 2 * conv(head, head) + head * points + points
    assert sum(p.numel() for p in FldNetwork(points).parameters()) == expected == 1_662_908


def test_the_multiply_adds_of_the_first_layers_by_hand():
    network = FldNetwork(5, channels=1, width=4, head=8)
    assert multiply_adds(network.stem, (1, 32, 32)) == 16 * 16 * 4 * 9
    assert multiply_adds(network.scales[1], (4, 16, 16)) == 8 * 8 * (4 * 8 * 9 + 8 * 8 * 9 + 4 * 8 + 2 * 8 * 8 * 9)


def test_points_and_variance_are_the_moments_of_the_maps():
    torch.manual_seed(0)
    answer = FldNetwork(5, width=4, head=8).eval()(torch.randn(2, 3, 32, 32))
    maps = answer["shares"].double()
    assert maps.shape == (2, 5, 8, 8) and torch.allclose(maps.sum((-2, -1)), torch.ones(2, 5).double())
    place = (torch.arange(8).double() + 0.5) / 4 - 1
    x, y = (maps.sum(-2) * place).sum(-1), (maps.sum(-1) * place).sum(-1)
    assert torch.allclose(answer["points"].double(), torch.stack([x, y], -1), atol=1e-6)
    spread = ((maps.sum(-2) * place**2).sum(-1) - x**2 + (maps.sum(-1) * place**2).sum(-1) - y**2) / 2
    assert torch.allclose(answer["variance"].double(), spread, atol=1e-6)


def test_marginals_loss_by_hand():
    """Flat maps of 4 x 8 cells: the cross-entropy is log 4 + log 8 wherever the target lies well inside."""
    target = torch.tensor([[[0.0, 0.0]]])
    flat = {"points": target, "shares": torch.full((1, 1, 4, 8), 1 / 32)}
    assert point_losses("marginals", flat, target).item() == pytest.approx(math.log(32) / 64, rel=1e-4)
    sharp = torch.zeros(1, 1, 4, 8)
    sharp[..., 1:3, 3:5] = 0.25
    assert point_losses("marginals", {"points": target, "shares": sharp}, target) > 0  # narrower than the Gaussian
    beside = {"points": target + 0.1, "shares": torch.full((1, 1, 4, 8), 1 / 32)}
    extra = point_losses("marginals", beside, target) - point_losses("marginals", flat, target)
    assert extra.item() == pytest.approx(point_losses("wing", {"points": target + 0.1}, target).item(), rel=1e-5)


def test_gradients_of_the_marginals_loss():
    torch.manual_seed(1)
    target = torch.rand(2, 3, 2).double() - 0.5
    logits = torch.randn(2, 3, 30).double().requires_grad_()

    def loss(logits):
        maps = logits.softmax(-1).view(2, 3, 5, 6)
        return point_losses("marginals", {"points": target, "shares": maps}, target)

    assert torch.autograd.gradcheck(loss, (logits,))


@pytest.mark.parametrize("size", [16, 40])
def test_sizes_that_do_not_fit(size):
    with pytest.raises(MethodError, match=f"fld-net: size is {size}; must be .* from 32 to 2048 and a multiple of 16"):
        FldNet(size=size).fit(toy_faces(2))


@pytest.mark.parametrize("width", [8, 16])
def test_a_shortcut_of_few_channels_is_a_strided_convolution(width):
    """By a second route, in double precision; the gradient for 8 channels has ended the process (`FEW`)."""
    torch.manual_seed(0)
    block = Residual(width, 2 * width, 2).to(memory_format=torch.channels_last)
    other, x = copy.deepcopy(block).double(), torch.randn(16, width, 64, 64).to(memory_format=torch.channels_last)
    relu(block(x)).square().sum().backward()
    long, (weight, norm) = x.double(), (other.short[0].weight, other.short[1])
    expected = relu(other.second(other.first(long)) + norm(conv2d(long, weight, stride=2)))
    expected.square().sum().backward()
    assert torch.allclose(block(x).double(), expected, atol=1e-4)
    for one, two in zip(block.parameters(), other.parameters(), strict=True):
        assert (one.grad - two.grad).norm() < 1e-3 * two.grad.norm()
