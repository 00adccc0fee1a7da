"""heatmap: a light encoder-decoder that draws one map per landmark and takes the mean of it: soft-argmax.

The mean over the softmax of a map is a coordinate between the cells, without the rounding of a maximum, and can be
trained end to end (Sun et al., "Integral Human Pose Regression", ECCV 2018; Nibali et al., "Numerical Coordinate
Regression with Convolutional Neural Networks", 2018). The spread of a map is how unsure it is; the maps of
points that are marked as hidden are trained to be wide (`losses.soft_argmax_loss`), so that their confidence falls.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from fldbench.cnn.layers import BatchNorm2d, Network
from fldbench.cnn.losses import heat_maps, soft_argmax
from fldbench.cnn.method import NetworkMethod
from fldbench.errors import MethodError

# A map that was trained to be 1 at its point and 0 elsewhere (heatmap-mse, adaptive-wing) has to outweigh the sum of a
# thousand other cells when its softmax is taken: e^15 is 3 million.
SHARPNESS = 15.0
EXPECTED = 0.25  # standard deviation, in the frame, of a point about its mean: wider than it is, to decide nothing


class Heatmap(NetworkMethod):
    """A map per landmark from a grey crop; also says how sure it is of each (`predict_confidence`).

    width   channels after the first layer; 2 and 4 times as many further down
    size    a multiple of 16; the maps have a quarter of it
    loss    "soft-argmax", or "heatmap-mse" and "adaptive-wing", which draw the maps themselves; or one of coordinates
    The rest as in `NetworkMethod`.
    """

    version = 2

    def __init__(
        self,
        width: int = 32,
        size: int = 128,
        channels: int = 1,
        padding: float = 0.15,
        loss: str = "soft-argmax",
        augmentation: str | dict = "standard",
        epochs: int = 60,
        batch_size: int = 32,
        learning_rate: float = 2e-3,
        flip_test: bool = False,
        weights: str | None = None,
        frozen: int = 0,
        training: dict[str, Any] | None = None,
        random_state: int = 0,
    ):
        super().__init__(
            size,
            channels,
            padding,
            loss,
            augmentation,
            epochs,
            batch_size,
            learning_rate,
            flip_test,
            weights,
            frozen,
            training,
            random_state,
        )
        self.width = width

    def build(self, n_points: int, mean: torch.Tensor) -> HeatmapNetwork:
        """The network, which begins as about the mean shape."""
        return HeatmapNetwork(mean, self.size, self.channels, self.width)


class HeatmapNetwork(Network):
    """(b, C, size, size) -> points (b, L, 2), variance (b, L) and maps (b, L, size / 4, size / 4).

    The encoder halves the crop four times (width, 2 width, 4 width, 4 width channels), the decoder doubles it twice
    and adds what the encoder saw at that scale. The points are read from the maps by soft-argmax, whatever the loss.
    """

    def __init__(self, mean: torch.Tensor, size: int = 128, channels: int = 1, width: int = 32):
        super().__init__()
        if size < 32 or size % 16:
            raise MethodError(f"heatmap: size is {size}; it has to be a multiple of 16, at least 32")
        self.stem = nn.Sequential(*_block(channels, width, 2))  # H / 2
        self.down4 = nn.Sequential(*_block(width, 2 * width, 2), *_block(2 * width, 2 * width))
        self.down8 = nn.Sequential(*_block(2 * width, 4 * width, 2), *_block(4 * width, 4 * width))
        self.down16 = nn.Sequential(*_block(4 * width, 4 * width, 2), *_block(4 * width, 4 * width))
        self.across8 = nn.Sequential(*_block(4 * width, 2 * width, kernel=1))
        self.across16 = nn.Sequential(*_block(4 * width, 2 * width, kernel=1))
        self.up8 = nn.Sequential(*_block(2 * width, 2 * width))
        self.up4 = nn.Sequential(*_block(2 * width, 2 * width))
        self.head = MapHead(2 * width, mean, size // 4)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        quarter = self.down4(self.stem(x))
        eighth = self.down8(quarter)
        deep = self.across16(self.down16(eighth))
        eighth = self.up8(self.across8(eighth) + _doubled(deep))
        return self.head(self.up4(quarter + _doubled(eighth)))


class MapHead(nn.Conv2d):
    """Features (b, width, h, h) -> maps (b, L, h, h), and the points (b, L, 2) and variance (b, L) read from them.

    Read is the softmax of a map times where the point is to be expected at all: a wide Gaussian about its mean (L, 2).
    So an untrained network answers with about the mean shape, and a point that is not to be seen falls back to it.
    """

    def __init__(self, width: int, mean: torch.Tensor, side: int):
        super().__init__(width, len(mean), 1)
        sigma = EXPECTED * side / 2  # cells
        self.register_buffer("expected", heat_maps(mean.float(), side, side, sigma).clamp(min=1e-12).log(), False)
        nn.init.normal_(self.weight, std=0.1 / (SHARPNESS * math.sqrt(width)))
        nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = super().forward(x)
        points, variance, _ = soft_argmax(SHARPNESS * maps + self.expected)
        return {"points": points, "variance": variance, "maps": maps}


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _block(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [conv, BatchNorm2d(outputs), nn.ReLU(inplace=True)]
