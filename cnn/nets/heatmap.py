"""heatmap: a light encoder-decoder that draws one map per landmark and takes the mean of it: soft-argmax.

The mean over the softmax of a map is a coordinate between the cells, without the rounding of a maximum, and can be
trained end to end (Sun et al., "Integral Human Pose Regression", ECCV 2018; Nibali et al., "Numerical Coordinate
Regression with Convolutional Neural Networks", 2018). The spread of a map says how unsure the network is. The maps of
points that are marked as hidden are trained to be wide (`losses.soft_argmax_loss`), so that their confidence falls.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from fldbench.cnn.heads import MapHead, Output
from fldbench.cnn.layers import FOUR_TIMES_HALVED, Network, conv_norm_relu
from fldbench.cnn.method import NetworkMethod
from fldbench.params import whole


@dataclass(kw_only=True, eq=False, repr=False)
class Heatmap(NetworkMethod):
    """One map per landmark from a grey crop; `confidence_of_points` gives the confidence in each.

    Parameters that are not named here are those of `NetworkMethod`.

    Parameters
    ----------
    width : int
        Channels after the first layer; 2 and 4 times as many further down.
    size : int
        A multiple of 16, at least 32; the maps have a quarter of it.
    loss : str
        "soft-argmax"; "heatmap-mse" or "adaptive-wing", which draw the maps themselves; or a loss of coordinates.
    """

    version = 3
    gives_confidence = True
    rules = {**NetworkMethod.rules, "size": FOUR_TIMES_HALVED, "width": whole(1)}

    width: int = 32
    loss: str = "soft-argmax"
    learning_rate: float = 2e-3

    def build(self, n_points: int, mean: torch.Tensor) -> HeatmapNetwork:
        """Return the network, which begins as about the mean shape."""
        return HeatmapNetwork(mean, self.size, self.channels, self.width)


class HeatmapNetwork(Network):
    """(b, C, size, size) -> points (b, L, 2), variance (b, L) and maps (b, L, size / 4, size / 4).

    The encoder halves the crop four times (width, 2 width, 4 width, 4 width channels), the decoder doubles it twice
    and adds the encoder's features of that scale. The points are read from the maps by soft-argmax, with any loss.
    """

    def __init__(self, mean: torch.Tensor, size: int = 128, channels: int = 1, width: int = 32):
        super().__init__()
        self.stem = nn.Sequential(*conv_norm_relu(channels, width, stride=2))  # H / 2
        self.down4 = nn.Sequential(*conv_norm_relu(width, 2 * width, stride=2), *conv_norm_relu(2 * width, 2 * width))
        self.down8 = nn.Sequential(
            *conv_norm_relu(2 * width, 4 * width, stride=2), *conv_norm_relu(4 * width, 4 * width)
        )
        self.down16 = nn.Sequential(
            *conv_norm_relu(4 * width, 4 * width, stride=2), *conv_norm_relu(4 * width, 4 * width)
        )
        self.across8 = nn.Sequential(*conv_norm_relu(4 * width, 2 * width, kernel=1))
        self.across16 = nn.Sequential(*conv_norm_relu(4 * width, 2 * width, kernel=1))
        self.up8 = nn.Sequential(*conv_norm_relu(2 * width, 2 * width))
        self.up4 = nn.Sequential(*conv_norm_relu(2 * width, 2 * width))
        self.head = MapHead(2 * width, mean, size // 4)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        quarter = self.down4(self.stem(x))
        eighth = self.down8(quarter)
        sixteenth = self.down16(eighth)
        eighth = self.up8(self.across8(eighth) + _doubled(self.across16(sixteenth)))
        return self.up4(quarter + _doubled(eighth)), sixteenth

    def decode(self, encoded: tuple[torch.Tensor, torch.Tensor]) -> Output:
        return self.head(encoded[0])

    def describe(self, encoded: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Return the mean of the encoder's deepest features, which see the whole face."""
        return encoded[1].mean((2, 3))


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
