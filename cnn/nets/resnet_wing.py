"""resnet50-wing: a ResNet with coordinates as its output, trained with the Wing loss.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, with the stride in a bottleneck's 3 x 3
convolution, and with the names of torchvision's weights, so that their files fit. Feng et al., "Wing Loss for
Robust Facial Landmark Localisation with Convolutional Neural Networks", CVPR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from fldbench.cnn.heads import PointHead
from fldbench.cnn.layers import BatchNorm2d, Network, conv_norm
from fldbench.cnn.method import NetworkMethod
from fldbench.params import one_of

LAYERS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}  # depth: blocks in each of the four layers


@dataclass(kw_only=True, eq=False, repr=False)
class ResNetWing(NetworkMethod):
    """A ResNet on a coloured crop, trained with Wing.

    As in the project: Wing of width 5 and curvature 0.5, Adam at 1e-3, batches of 64, a fifth of the faces to choose
    the epoch by. The project augmented nothing and overfitted; here faces are augmented.

    Parameters that are not named here are those of `NetworkMethod`.

    Parameters
    ----------
    depth : {18, 34, 50}
        Layers with weights.
    normalise : str
        See `view.normalised`. "signed", [-1, 1], is the project's; torchvision's weights need "imagenet".
    """

    defaults = {"optimiser": "adam", "weight_decay": 0.0, "val_share": 0.2}
    rules = {**NetworkMethod.rules, "depth": one_of(tuple(LAYERS))}

    depth: int = 50
    size: int = 224
    channels: int = 3
    normalise: str = "signed"
    padding: float = 0.1
    loss: str = "wing-5"
    epochs: int = 200
    batch_size: int = 64

    def build(self, n_points: int, mean: torch.Tensor) -> ResidualNetwork:
        """Return the network, which begins as the mean shape."""
        return ResidualNetwork(mean, self.depth, self.channels)


class ResidualNetwork(Network):
    """(b, C, H, W) of any size -> (b, L, 2); depth 50 has 23,909,636 weights for 98 points."""

    def __init__(self, mean: torch.Tensor, depth: int = 50, channels: int = 3):
        super().__init__()
        block = Bottleneck if depth >= 50 else BasicBlock
        self.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
        self.bn1 = BatchNorm2d(64)
        inputs = 64
        for i, n_blocks in enumerate(LAYERS[depth]):
            layer = []
            for j in range(n_blocks):
                layer.append(block(inputs, 64 * 2**i, stride=2 if i and not j else 1))
                inputs = 64 * 2**i * block.expansion
            setattr(self, f"layer{i + 1}", nn.Sequential(*layer))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.head = PointHead(inputs, mean)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu_(), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))

    def decode(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.head(encoded)

    def own_names(self, found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Leave out torchvision's classifier `fc`; all other names are this network's own."""
        return {name: value for name, value in found.items() if not name.startswith("fc.")}


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut past them, (b, inputs, H, W) -> (b, width, H / stride, W / stride)."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False), BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu_()))
        return (y + self.downsample(x)).relu_()


class Bottleneck(nn.Module):
    """Convolutions 1 x 1, 3 x 3 and 1 x 1 to four times the width, and a shortcut past them."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = width * self.expansion
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu_())).relu_()
        return (self.bn3(self.conv3(y)) + self.downsample(x)).relu_()


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(*conv_norm(inputs, outputs, 1, stride))
