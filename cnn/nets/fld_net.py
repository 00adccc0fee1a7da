"""fld-net: a residual trunk, a feature pyramid, and maps with means at the landmarks, for 330 million multiply-adds.

Residual blocks (He et al. 2016) in four scales; the two finest, of 64 and 32 px, keep the detail, because landmarks
need pixel precision. A pyramid carries what the coarse scales know about the face back to the map of 32 px (Lin et al.,
"Feature Pyramid Networks", CVPR 2017). The answer is the integral over each map's softmax (Sun et al., ECCV 2018),
trained by Wing on the place and by the map's marginals on the shape (`losses.marginals_loss`).
results/fld-net/README.md says what was compared, and how much each part contributes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import interpolate, relu

from fldbench.cnn.heads import Output, soft_argmax
from fldbench.cnn.layers import FOUR_TIMES_HALVED, Network, conv_norm, conv_norm_relu
from fldbench.cnn.method import NetworkMethod
from fldbench.params import whole

DEPTHS = (1, 2, 2, 2)  # residual blocks of each scale
FEW = 16  # channels; PyTorch's gradient of a strided 1 x 1 convolution of 9 and fewer ends the process on some CPUs


@dataclass(kw_only=True, eq=False, repr=False)
class FldNet(NetworkMethod):
    """One map per landmark from a coloured crop; `confidence_of_points` gives the confidence in each.

    Parameters that are not named here are those of `NetworkMethod`.

    Parameters
    ----------
    width : int
        Channels of the first scale; the further scales have 2, 4 and 8 times as many.
    head : int
        Channels of the pyramid.
    size : int
        A multiple of 16, at least 32; the maps have a quarter of it.
    """

    normalise = "half"
    defaults = {"weight_decay": 0.05, "schedule": "cosine", "warm_up": 0.02, "ema": 0.999, "val_share": 0.0}
    gives_confidence = True
    any_size = True
    rules = {**NetworkMethod.rules, "size": FOUR_TIMES_HALVED, "width": whole(1), "head": whole(1)}

    width: int = 24
    head: int = 64
    channels: int = 3
    padding: float = 0.08
    loss: str = "marginals"
    epochs: int = 120
    batch_size: int = 64
    learning_rate: float = 3e-3

    def build(self, n_points: int, mean: torch.Tensor) -> FldNetwork:
        """Return the network; its maps need no mean shape."""
        return FldNetwork(n_points, self.channels, self.width, self.head)


class FldNetwork(Network):
    """(b, C, size, size) -> points (b, L, 2), variance (b, L), shares (b, L, size / 4, size / 4); 16 divides size."""

    def __init__(self, n_points: int, channels: int = 3, width: int = 24, head: int = 64):
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.stem = nn.Sequential(*conv_norm_relu(channels, width, stride=2))
        scales, inputs = [], width
        for i, (outputs, depth) in enumerate(zip(widths, DEPTHS, strict=True)):
            blocks = [Residual(inputs, outputs, 1 if i == 0 else 2)]
            scales.append(nn.Sequential(*blocks, *(Residual(outputs, outputs) for _ in range(depth - 1))))
            inputs = outputs
        self.scales = nn.ModuleList(scales)
        self.across = nn.ModuleList(nn.Conv2d(outputs, head, 1) for outputs in widths[1:])
        self.smooth8, self.smooth4 = (nn.Sequential(*conv_norm_relu(head, head)) for _ in range(2))
        self.head = nn.Conv2d(head, n_points, 1)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, seen = self.stem(x), []
        for scale in self.scales:
            x = scale(x)
            seen.append(x)
        quarter, eighth, sixteenth = (layer(part) for layer, part in zip(self.across, seen[1:], strict=True))
        eighth = self.smooth8(eighth + _as_large(sixteenth, eighth))
        return self.smooth4(quarter + _as_large(eighth, quarter)), seen[-1]

    def decode(self, encoded: tuple[torch.Tensor, torch.Tensor]) -> Output:
        points, variance, shares = soft_argmax(self.head(encoded[0]))
        return {"points": points, "variance": variance, "shares": shares}

    def describe(self, encoded: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Return the mean of the coarsest scale, which sees the whole face."""
        return encoded[1].mean((2, 3))


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; where the size changes, the shortcut is a 1 x 1 convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.first = nn.Sequential(*conv_norm_relu(inputs, outputs, stride=stride))
        self.second = nn.Sequential(*conv_norm(outputs, outputs))
        self.short = nn.Identity()
        self.every = stride if inputs < FEW else 1  # pixels that the shortcut sees: the same as a stride of its own
        if stride > 1 or inputs != outputs:
            self.short = nn.Sequential(*conv_norm(inputs, outputs, 1, stride // self.every))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return relu(self.second(self.first(x)) + self.short(x[..., :: self.every, :: self.every]))


def _as_large(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
