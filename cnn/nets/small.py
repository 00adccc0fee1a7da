"""cnn-small: a small CNN that regresses the landmarks from a grey crop; minutes of training on two cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from fldbench.cnn.layers import Network, conv_norm_relu, flat_width
from fldbench.cnn.method import NetworkMethod
from fldbench.params import real


@dataclass(kw_only=True, eq=False, repr=False)
class SmallCNN(NetworkMethod):
    """Direct regression of all landmarks from one grey crop around the box.

    The network's output is relative to the mean shape of the training faces. Training: L1 on the annotated points,
    AdamW with a one-cycle learning rate, each face newly turned, scaled, shifted and mirrored in every epoch. The
    weights after the last epoch are kept; no epoch is chosen, so there is no validation part.

    Parameters that are not named here are those of `NetworkMethod`, without channels, loss and augmentation.

    Parameters
    ----------
    rotation : float
        Half width of the uniform augmentation, degrees.
    scale, shift : float
        Half widths of the uniform augmentation, as shares of the crop.
    """

    version = 4
    defaults = {"val_share": 0.0}
    rules = {**NetworkMethod.rules, "rotation": real(0), "scale": real(0), "shift": real(0)}
    channels: ClassVar[int] = 1
    loss: ClassVar[str] = "l1"
    augmentation: ClassVar[dict[str, float]]

    size: int = 64
    epochs: int = 40
    learning_rate: float = 3e-3
    rotation: float = 25.0
    scale: float = 0.12
    shift: float = 0.06

    @property
    def augmentation(self) -> dict[str, float]:
        """The ranges of the augmentation. Instance normalisation removes the light, so light is not augmented."""
        return {"rotation": self.rotation, "scale": self.scale, "shift": self.shift, "flip": 0.5}

    def build(self, n_points: int, mean: torch.Tensor) -> LandmarkNet:
        """Return the network, which begins as the mean shape."""
        return LandmarkNet(self.size, mean)


class LandmarkNet(Network):
    """Grey (b, 1, size, size) -> landmarks (b, L, 2) in [-1, 1] over the crop; starts as the mean shape (L, 2)."""

    memory_format = torch.contiguous_format  # quicker for crops this small in single precision

    def __init__(self, size: int, mean: torch.Tensor):
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.body = nn.Sequential(
            *conv_norm_relu(1, 16, 5, stride=2),
            *conv_norm_relu(16, 32, 3),
            nn.MaxPool2d(2),
            *conv_norm_relu(32, 64, 3),
            *conv_norm_relu(64, 64, 3),
            nn.MaxPool2d(2),
            *conv_norm_relu(64, 128, 3),
            *conv_norm_relu(128, 128, 3),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        width = flat_width(self.body, (1, size, size), "cnn-small")
        self.head = nn.Sequential(nn.Linear(width, 256), nn.ReLU(inplace=True), nn.Linear(256, mean.numel()))
        nn.init.normal_(self.head[-1].weight, std=1e-3)
        nn.init.zeros_(self.head[-1].bias)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)

    def decode(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.head(encoded).view(-1, *self.mean.shape) + self.mean
