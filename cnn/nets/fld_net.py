"""fld-net: a residual trunk, a feature pyramid, and maps whose mean is the landmark; the most for 330 M multiply-adds.

Residual blocks (He et al. 2016) in four scales, the two finest of 64 and 32 px full of detail because a landmark is a
matter of pixels; a pyramid that carries what the coarse scales know about the face back to the map of 32 px (Lin et
al., "Feature Pyramid Networks", CVPR 2017); and the integral over each map's softmax (Sun et al., ECCV 2018), trained
by Wing on the place and by the map's marginals on the shape (`losses.marginals_loss`). What was compared, and how much
each part is worth, stands in results/fld-net/README.md.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import interpolate, relu

from fldbench.cnn.layers import BatchNorm2d, Network
from fldbench.cnn.losses import soft_argmax
from fldbench.cnn.method import NetworkMethod
from fldbench.errors import MethodError

DEPTHS = (1, 2, 2, 2)  # residual blocks of each scale


class FldNet(NetworkMethod):
    """A map per landmark from a coloured crop; also says how sure it is of each (`predict_confidence`).

    width   channels of the first scale; 2, 4 and 8 times as many further down
    head    channels of the pyramid
    size    a multiple of 16; the maps have a quarter of it
    The rest as in `NetworkMethod`.
    """

    normalise = "half"
    defaults = {"weight_decay": 0.05, "schedule": "cosine", "warm_up": 0.02, "ema": 0.999, "val_share": 0.0}

    def __init__(
        self,
        width: int = 24,
        head: int = 64,
        size: int = 128,
        channels: int = 3,
        padding: float = 0.08,
        loss: str = "marginals",
        augmentation: str | dict = "standard",
        epochs: int = 120,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
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
        self.head = head

    def build(self, n_points: int, mean: torch.Tensor) -> FldNetwork:
        """The network; maps need no mean shape."""
        return FldNetwork(n_points, self.size, self.channels, self.width, self.head)


class FldNetwork(Network):
    """(b, C, size, size) -> points (b, L, 2), variance (b, L), and shares (b, L, size / 4, size / 4) of one."""

    def __init__(self, n_points: int, size: int = 128, channels: int = 3, width: int = 24, head: int = 64):
        super().__init__()
        if size < 32 or size % 16:
            raise MethodError(f"fld-net: size is {size}; it has to be a multiple of 16, at least 32")
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.stem = _conv(channels, width, stride=2)
        scales, inputs = [], width
        for i, (outputs, depth) in enumerate(zip(widths, DEPTHS, strict=True)):
            blocks = [Residual(inputs, outputs, 1 if i == 0 else 2)]
            scales.append(nn.Sequential(*blocks, *(Residual(outputs, outputs) for _ in range(depth - 1))))
            inputs = outputs
        self.scales = nn.ModuleList(scales)
        self.across = nn.ModuleList(nn.Conv2d(outputs, head, 1) for outputs in widths[1:])
        self.smooth8, self.smooth4 = _conv(head, head), _conv(head, head)
        self.head = nn.Conv2d(head, n_points, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x, seen = self.stem(x), []
        for scale in self.scales:
            x = scale(x)
            seen.append(x)
        quarter, eighth, sixteenth = (layer(part) for layer, part in zip(self.across, seen[1:], strict=True))
        eighth = self.smooth8(eighth + _as_large(sixteenth, eighth))
        points, variance, shares = soft_argmax(self.head(self.smooth4(quarter + _as_large(eighth, quarter))))
        return {"points": points, "variance": variance, "shares": shares}


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut, which is a 1 x 1 convolution where the size changes."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.first = _conv(inputs, outputs, stride=stride)
        self.second = _conv(outputs, outputs, activated=False)
        self.short = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.short = _conv(inputs, outputs, kernel=1, stride=stride, activated=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return relu(self.second(self.first(x)) + self.short(x))


def _as_large(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, activated: bool = True) -> nn.Sequential:
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if activated else nn.Sequential(*layers)
