"""five-conv: the course report's network of five small convolutions for all points of a grey face.

Layers as the report has them, (in, out, kernel): (1, 6, 5), (6, 12, 5), (12, 12, 3), (12, 24, 3), (24, 24, 3), without
padding, a ReLU after each, 2 x 2 max pooling after all but the fourth; then dense 256, ReLU, dense 2 L. Its flatten of
576 values fits only crops 160 px wide and 120 px high; here any size will do, and the width follows from it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from fldbench.cnn.layers import Network, PointHead, flat_width, for_relu
from fldbench.cnn.method import NetworkMethod


class FiveConv(NetworkMethod):
    """Five small convolutions and two dense layers on a grey crop.

    width, height   of the crop, px: the square around the box is stretched to them, as the report stretched its photos
    The rest as in `NetworkMethod`. As in the report: mean squared error, Adam at 1e-3, small batches, turns of 15
    degrees and shifts of 10 px; added are enough epochs, and a rate that comes down.
    """

    normalise = "half"
    defaults = {"optimiser": "adam", "weight_decay": 0.0}

    def __init__(
        self,
        width: int = 160,
        height: int = 120,
        channels: int = 1,
        padding: float = 0.15,
        loss: str = "l2",
        augmentation: str | dict = "course",
        epochs: int = 100,
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        flip_test: bool = False,
        weights: str | None = None,
        frozen: int = 0,
        training: dict[str, Any] | None = None,
        random_state: int = 0,
    ):
        self.width = width
        self.height = height
        self.channels = channels
        self.padding = padding
        self.loss = loss
        self.augmentation = augmentation
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.flip_test = flip_test
        self.weights = weights
        self.frozen = frozen
        self.training = training
        self.random_state = random_state

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the crop, px."""
        return self.width, self.height

    def build(self, n_points: int, mean: torch.Tensor) -> FiveConvNetwork:
        """The network, which begins as the mean shape."""
        return FiveConvNetwork(mean, self.width, self.height, self.channels)


class FiveConvNetwork(Network):
    """(b, C, H, W) -> (b, L, 2); 188,624 weights for 58 points at 160 x 120, grey."""

    def __init__(self, mean: torch.Tensor, width: int = 160, height: int = 120, channels: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(channels, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 12, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(12, 12, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(12, 24, 3), nn.ReLU()),
            *(nn.Conv2d(24, 24, 3), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
        )
        self.dense = nn.Linear(flat_width(self.body, (channels, height, width), "five-conv"), 256)
        for_relu(self)
        self.head = PointHead(256, mean)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.dense(self.body(x)).relu())
