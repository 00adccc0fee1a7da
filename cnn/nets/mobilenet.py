"""mobilenet-0.3: MobileNet v1 with few channels and few blocks, for speed.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017. A separable
block is a depthwise 3 x 3 convolution and a pointwise 1 x 1 one, each with batch norm and ReLU6. As the project built
it in Keras: channels int(c alpha), TensorFlow's "same" padding, Glorot-uniform weights, batch norm with eps 1e-3 and
momentum 0.6 (torch counts the other share: 0.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from fldbench.cnn.heads import PointHead
from fldbench.cnn.layers import BatchNorm2d, Network, same_padding
from fldbench.cnn.method import NetworkMethod
from fldbench.params import real

# Channels and stride of the separable blocks; the shallow network leaves out the five in the middle.
BEFORE = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2))
MIDDLE = ((512, 1),) * 5
AFTER = ((1024, 2), (1024, 1))


@dataclass(kw_only=True, eq=False, repr=False)
class MobileNet(NetworkMethod):
    """MobileNet v1, thin and shallow, on a coloured crop.

    As in the project: mean squared error, Adam at 1e-3, batches of 64. The project augmented nothing and had 40,000
    faces; here faces are augmented.

    Parameters that are not named here are those of `NetworkMethod`.

    Parameters
    ----------
    alpha : float
        Share of the channels that is kept; at least 1/32, which leaves one of the first layer's 32.
    shallow : bool
        Leave out the five blocks in the middle.
    """

    normalise = "unit"
    defaults = {"optimiser": "adam", "weight_decay": 0.0}
    rules = {**NetworkMethod.rules, "alpha": real(1 / 32)}

    alpha: float = 0.3
    shallow: bool = True
    size: int = 160
    channels: int = 3
    loss: str = "l2"
    epochs: int = 200
    batch_size: int = 64

    def build(self, n_points: int, mean: torch.Tensor) -> MobileNetwork:
        """Return the network, which begins as the mean shape."""
        return MobileNetwork(mean, self.alpha, self.shallow, self.size, self.channels)


class MobileNetwork(Network):
    """(b, C, size, size) -> (b, L, 2).

    For 88 points and RGB, batch norm's statistics counted in: 231,700 numbers at alpha 0.3 and shallow, 361,750 full,
    2,055,024 at alpha 1 and shallow, 3,409,264 full.
    """

    memory_format = torch.contiguous_format  # a third faster on CPUs, for convolutions of single channels

    def __init__(
        self, mean: torch.Tensor, alpha: float = 0.3, shallow: bool = True, size: int = 160, channels: int = 3
    ):
        super().__init__()
        inputs = int(32 * alpha)
        layers = [*_conv(channels, inputs, 3, 2, size)]
        size = -(-size // 2)
        for outputs, stride in BEFORE + (() if shallow else MIDDLE) + AFTER:
            outputs = int(outputs * alpha)
            layers += _conv(inputs, inputs, 3, stride, size, groups=inputs)
            layers += _conv(inputs, outputs, 1, 1, size)
            inputs, size = outputs, -(-size // stride)
        self.body = nn.Sequential(*layers)
        for module in self.body:
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
        self.head = PointHead(inputs, mean)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x).mean((2, 3))

    def decode(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.head(encoded)


def _conv(inputs: int, outputs: int, kernel: int, stride: int, size: int, groups: int = 1) -> list[nn.Module]:
    """Return convolution, norm and ReLU6 for a square map of `size` x `size` cells."""
    before, after = same_padding(size, kernel, stride)
    pad = [nn.ZeroPad2d((before, after, before, after))] if before != after else []
    inner = before if before == after else 0
    conv = nn.Conv2d(inputs, outputs, kernel, stride, inner, groups=groups, bias=False)
    return [*pad, conv, BatchNorm2d(outputs, eps=1e-3, momentum=0.4), nn.ReLU6(inplace=True)]
