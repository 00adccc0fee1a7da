"""cnn-small: a small CNN that regresses the landmarks from a grey crop; minutes of training on two cores."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from fldbench.cnn.layers import BatchNorm2d, Network, flat_width
from fldbench.cnn.method import NetworkMethod


class SmallCNN(NetworkMethod):
    """Direct regression of all landmarks from one grey crop around the box.

    The network answers relative to the mean shape of the training faces. Training: L1 on the annotated points, AdamW
    with a one-cycle learning rate, each face turned, scaled, shifted and mirrored anew every epoch. The weights after
    the last epoch are kept: nothing is chosen, no validation part is needed.

    size            side of the crop, px
    padding         context around the box on each end, as a share of its longer side
    epochs, batch_size, learning_rate    of the training; the rate is the peak of the cycle
    rotation        degrees, scale and shift as shares of the crop: widths of the uniform augmentation
    flip_test, weights, frozen, training   as in `NetworkMethod`
    """

    version = 3
    normalise = "instance"
    defaults = {"val_share": 0.0}
    channels, loss = 1, "l1"

    def __init__(
        self,
        size: int = 64,
        padding: float = 0.15,
        epochs: int = 40,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        rotation: float = 25.0,
        scale: float = 0.12,
        shift: float = 0.06,
        flip_test: bool = False,
        weights: str | None = None,
        frozen: int = 0,
        training: dict[str, Any] | None = None,
        random_state: int = 0,
    ):
        self.size = size
        self.padding = padding
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.rotation = rotation
        self.scale = scale
        self.shift = shift
        self.flip_test = flip_test
        self.weights = weights
        self.frozen = frozen
        self.training = training
        self.random_state = random_state

    @property
    def augmentation(self) -> dict[str, float]:
        """The ranges of the augmentation, from the parameters; light beyond what instance normalisation takes away."""
        return {"rotation": self.rotation, "scale": self.scale, "shift": self.shift, "flip": 0.5}

    def build(self, n_points: int, mean: torch.Tensor) -> LandmarkNet:
        """The network, which begins as the mean shape."""
        return LandmarkNet(self.size, mean)


class LandmarkNet(Network):
    """Grey (b, 1, size, size) -> landmarks (b, L, 2) in [-1, 1] over the crop; starts as the mean shape (L, 2)."""

    memory_format = torch.contiguous_format  # quicker for crops this small in single precision

    def __init__(self, size: int, mean: torch.Tensor):
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.body = nn.Sequential(
            *_block(1, 16, 5, stride=2),
            *_block(16, 32, 3),
            nn.MaxPool2d(2),
            *_block(32, 64, 3),
            *_block(64, 64, 3),
            nn.MaxPool2d(2),
            *_block(64, 128, 3),
            *_block(128, 128, 3),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        width = flat_width(self.body, (1, size, size), "cnn-small")
        self.head = nn.Sequential(nn.Linear(width, 256), nn.ReLU(inplace=True), nn.Linear(256, mean.numel()))
        nn.init.normal_(self.head[-1].weight, std=1e-3)
        nn.init.zeros_(self.head[-1].bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(images)).view(-1, *self.mean.shape) + self.mean


def _block(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [convolution, BatchNorm2d(outputs), nn.ReLU(inplace=True)]
