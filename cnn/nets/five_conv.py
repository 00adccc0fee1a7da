"""five-conv: the course report's network of five small convolutions for all points of a grey face.

Layers as the report has them, (in, out, kernel): (1, 6, 5), (6, 12, 5), (12, 12, 3), (12, 24, 3), (24, 24, 3), without
padding, a ReLU after each, 2 x 2 max pooling after all but the fourth; then dense 256, ReLU, dense 2 L. Its flatten of
576 values fits only crops 160 px wide and 120 px high; here crops may have any size, and the width follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from fldbench.cnn.heads import PointHead
from fldbench.cnn.layers import Network, flat_width, for_relu
from fldbench.cnn.oblong import OblongMethod


@dataclass(kw_only=True, eq=False, repr=False)
class FiveConv(OblongMethod):
    """Five small convolutions and two dense layers on a grey crop; parameters as in `OblongMethod`.

    As in the report: mean squared error, Adam at 1e-3, small batches, turns of 15 degrees and shifts of 10 px, and the
    square around the box stretched as the report stretched its photos. Added are enough epochs, and a rate that falls.
    """

    normalise = "half"
    defaults = {"optimiser": "adam", "weight_decay": 0.0}

    width: int = 160
    height: int = 120
    loss: str = "l2"
    augmentation: str | dict[str, Any] = "course"
    epochs: int = 100
    batch_size: int = 16

    def build(self, n_points: int, mean: torch.Tensor) -> FiveConvNetwork:
        """Return the network, which begins as the mean shape."""
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

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.body(x)).relu()

    def decode(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.head(encoded)
