"""alexnet-elu: AlexNet with a 4 x 4 first kernel, ELU, batch norm and much dropout, for grey crops.

Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012, as the course project
changed it: order convolution, ELU, batch norm, pooling, dropout. The fifth convolution has 256 channels and is pooled
(the project's table says 384 and no pooling, which does not fit its own flatten of 6 x 6 x 256), and each of the two
dense layers has a batch norm of its own 4096 values (the project declares 96, which cannot run).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from fldbench.cnn.heads import PointHead
from fldbench.cnn.layers import BatchNorm1d, BatchNorm2d, Network, flat_width
from fldbench.cnn.method import NetworkMethod


@dataclass(kw_only=True, eq=False, repr=False)
class AlexNetELU(NetworkMethod):
    """AlexNet with ELU on a grey crop; parameters as in `NetworkMethod`.

    As in the project: a window of 227 px at a random place in 250 px, smooth L1, Adam at 1e-3, batches of 10, 50
    epochs. Unlike there, the targets are normalised by the size of the crop, not by (p - 100) / 50.
    """

    version = 3
    normalise = "unit"
    defaults = {"optimiser": "adam", "weight_decay": 0.0}

    size: int = 227
    loss: str = "smooth-l1"
    augmentation: str | dict[str, Any] = "random-crop"
    epochs: int = 50
    batch_size: int = 10

    def build(self, n_points: int, mean: torch.Tensor) -> AlexNetwork:
        """Return the network, which begins as the mean shape."""
        return AlexNetwork(mean, self.size, self.channels)


class AlexNetwork(Network):
    """(b, C, size, size) -> (b, L, 2); 58,824,168 weights for 68 points at 227 px, grey."""

    def __init__(self, mean: torch.Tensor, size: int = 227, channels: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(channels, 96, 4, 4), nn.ELU(), nn.MaxPool2d(3, 2), nn.Dropout(0.2)),
            *(nn.Conv2d(96, 256, 5, padding=2), nn.ELU(), BatchNorm2d(256), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(256, 384, 3, padding=1), nn.ELU(), BatchNorm2d(384), nn.Dropout(0.4)),
            *(nn.Conv2d(384, 384, 3, padding=1), nn.ELU(), BatchNorm2d(384), nn.Dropout(0.4)),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ELU(), BatchNorm2d(256), nn.MaxPool2d(3, 2)),
            nn.Flatten(),
        )
        flat = flat_width(self.body, (channels, size, size), "alexnet-elu")
        self.dense = nn.Sequential(
            *(nn.Linear(flat, 4096), nn.ELU(), BatchNorm1d(4096), nn.Dropout(0.6)),
            *(nn.Linear(4096, 4096), nn.ELU(), BatchNorm1d(4096), nn.Dropout(0.6)),
        )
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)
        self.head = PointHead(4096, mean)
        # Adam moves every weight by about its rate: over 4096 features of size one, a step of 1e-3 in all of them would
        # move the answer by twice the crop. So the features are divided by sqrt(4096), and the first weights are larger
        # by the same factor.
        nn.init.normal_(self.head.weight, std=0.05)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.body(x)) / math.sqrt(4096)

    def decode(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.head(encoded)
