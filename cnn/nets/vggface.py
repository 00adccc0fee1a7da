"""vggface-transfer: the convolutions of VGG-16, usually frozen, and a small dense net that learns the landmarks.

Parkhi, Vedaldi, Zisserman, "Deep Face Recognition", BMVC 2015 (VGG-Face has VGG-16's layers), as the project used it:
13 convolutions on crops of 160 px, flattened, dense 1024 with ReLU, dense 2 L. No weights come with the library: give a
file of VGG-Face's or of torchvision's VGG-16, or train all of it from the beginning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import nn

from fldbench.cnn.heads import PointHead
from fldbench.cnn.layers import Network, flat_width
from fldbench.cnn.method import NetworkMethod

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions before the pooling


@dataclass(kw_only=True, eq=False, repr=False)
class VGGFaceTransfer(NetworkMethod):
    """VGG-16's convolutions on a coloured crop, and a dense layer that learns.

    As in the project: mean squared error, Adam, batches of 64. The project augmented nothing and had 40,000 faces; here
    faces are augmented. The rate is 1e-4 instead of 1e-3: at 1e-3, 13 convolutions without norms and without
    pretrained weights do not learn.

    Parameters that are not named here are those of `NetworkMethod`.

    Parameters
    ----------
    weights : str, optional
        A file of VGG-Face's or torchvision's VGG-16; its own classifier is left out.
    frozen : int
        How many of the first convolutions keep the file's weights; -1 for all 13. Without a file there is nothing to
        transfer, and everything is trained.
    normalise : str
        See `view.normalised`. "unit", [0, 1], is the project's; torchvision's weights need "imagenet".
    """

    defaults = {"optimiser": "adam", "weight_decay": 0.0}

    size: int = 160
    channels: int = 3
    normalise: str = "unit"
    loss: str = "l2"
    epochs: int = 100
    batch_size: int = 64
    learning_rate: float = 1e-4
    frozen: int = -1

    def build(self, n_points: int, mean: torch.Tensor) -> VGGNetwork:
        """Return the network, which begins as the mean shape."""
        return VGGNetwork(mean, self.size, self.channels)

    def _begun(self, n_points: int) -> nn.Module:
        return self._built(n_points) if self.weights is None else super()._begun(n_points)


class VGGNetwork(Network):
    """(b, C, size, size) -> (b, L, 2); 28,003,312 weights for 88 points at 160 px, 14,714,688 of them in the trunk."""

    def __init__(self, mean: torch.Tensor, size: int = 160, channels: int = 3):
        super().__init__()
        layers: list[nn.Module] = []
        self._names = {}  # Caffe's name of a convolution: its place in `features`, which is torchvision's too
        inputs = channels
        for i, (outputs, n) in enumerate(STAGES, 1):
            for j in range(1, n + 1):
                self._names[f"conv{i}_{j}"] = len(layers)
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = outputs
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        for module in self.features:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)
        flat = flat_width(self.features, (channels, size, size), "vggface-transfer")
        self.head = nn.Sequential(nn.Linear(flat, 1024), nn.ReLU(), PointHead(1024, mean))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.features(x).flatten(1)

    def decode(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.head(encoded)

    def own_names(self, found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Know the names of torchvision (features.0), Caffe (conv1_1, conv_1_1) and Torch (0), without dense layers."""
        own = {}
        for name, value in found.items():
            layer, _, kind = name.rpartition(".")
            caffe = re.sub(r"^conv_?(?=\d_\d$)", "conv", layer)
            if caffe in self._names:
                own[f"features.{self._names[caffe]}.{kind}"] = value
            elif layer.isdecimal() and int(layer) in self._names.values():
                own[f"features.{layer}.{kind}"] = value
            elif not (re.match(r"(classifier\.\d+|fc\d)$", layer) or layer.isdecimal()):
                own[name] = value
        return own
