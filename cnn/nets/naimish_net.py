"""naimish-net: four convolutions with growing dropout, one network per landmark or one for all.

Naimish Agarwal, Artus Krohn-Grimberghe, Ranjana Vyas, "Facial Key Points Detection using Deep Convolutional Neural
Network - NaimishNet", 2017: convolutions of 32, 64, 128 and 256 channels with kernels 4, 3, 2 and 1, without padding,
each with ELU, 2 x 2 max pooling and dropout 0.1 to 0.4; dense 1000 ELU dropout 0.5, dense 1000 linear dropout 0.6, and
the answer. The paper trains one such network for each of its 15 landmarks, on grey crops of 96 px.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from fldbench.cnn.heads import PointHead
from fldbench.cnn.layers import Network, flat_width
from fldbench.cnn.method import NetworkMethod


@dataclass(kw_only=True, eq=False, repr=False)
class NaimishNet(NetworkMethod):
    """Four convolutions with much dropout, one network for all landmarks or one for each.

    As in the paper: mean squared error, Adam at 1e-3, batches of 128, a fifth of the faces for validation, and a stop
    after 30 epochs without improvement. The paper's faces were not augmented; here they are.

    Parameters that are not named here are those of `NetworkMethod`.

    Parameters
    ----------
    joint : bool
        One network answers all landmarks. False makes one network for each, as in the paper, of 7.5 million weights
        each at 96 px: for schemes of few points.
    """

    normalise = "unit"
    defaults = {"optimiser": "adam", "weight_decay": 0.0, "val_share": 0.2, "patience": 30}

    joint: bool = True
    size: int = 96
    loss: str = "l2"
    epochs: int = 300
    batch_size: int = 128

    def build(self, n_points: int, mean: torch.Tensor) -> NaimishNetwork | NaimishNetworks:
        """Return the network or networks, which begin as the mean shape."""
        return (NaimishNetwork if self.joint else NaimishNetworks)(mean, self.size, self.channels)


class NaimishNetwork(Network):
    """(b, C, size, size) -> (b, L, 2); 7,488,962 weights for one point at 96 px, grey, and 7,623,096 for 68."""

    def __init__(self, mean: torch.Tensor, size: int = 96, channels: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            *_block(channels, 32, 4, 0.1),
            *_block(32, 64, 3, 0.2),
            *_block(64, 128, 2, 0.3),
            *_block(128, 256, 1, 0.4),
            nn.Flatten(),
        )
        self.dense = nn.Sequential(
            *(nn.Linear(flat_width(self.body, (channels, size, size), "naimish-net"), 1000), nn.ELU(), nn.Dropout(0.5)),
            *(nn.Linear(1000, 1000), nn.Dropout(0.6)),
        )
        for module in self.body.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.uniform_(module.weight, -0.05, 0.05)  # Keras' "uniform", which the paper trained with
                nn.init.zeros_(module.bias)
        for module in self.dense.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        self.head = PointHead(1000, mean)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.body(x))

    def decode(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.head(encoded)


class NaimishNetworks(Network):
    """(b, C, size, size) -> (b, L, 2) by one NaimishNetwork for each landmark, as in the paper.

    No weight is shared, so the loss over all points trains each network as it would be trained alone, on the same
    batches. They only share the epoch that is kept.
    """

    def __init__(self, mean: torch.Tensor, size: int = 96, channels: int = 1):
        super().__init__()
        self.nets = nn.ModuleList(NaimishNetwork(point[None], size, channels) for point in mean)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([net.encode(x) for net in self.nets], 1)

    def decode(self, encoded: torch.Tensor) -> torch.Tensor:
        return torch.cat([net.decode(encoded[:, i]) for i, net in enumerate(self.nets)], 1)

    def describe(self, encoded: torch.Tensor) -> torch.Tensor:
        """Return the mean of what the networks see, since attributes belong to no landmark."""
        return encoded.mean(1)


def _block(inputs: int, outputs: int, kernel: int, dropout: float) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel), nn.ELU(), nn.MaxPool2d(2), nn.Dropout(dropout)]
