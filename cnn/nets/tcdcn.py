"""tcdcn: the multi-task network: four convolutions whose filters may differ from place to place.

Zhang, Luo, Loy, Tang, "Facial Landmark Detection by Deep Multi-task Learning", ECCV 2014: grey crops of 40 px;
convolutions of 16, 48, 64 and 64 channels with kernels 5, 3, 3 and 2, without padding, 2 x 2 max pooling after the
first three, and a dense layer of 100, all with |tanh|. The paper's filters are locally connected: each cell of a map
has its own weights and bias. The project that followed it shared them, as convolutions do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from fldbench.cnn.heads import PointHead
from fldbench.cnn.layers import Network, Shape
from fldbench.cnn.method import NetworkMethod
from fldbench.errors import MethodError
from fldbench.params import FLAG

LAYERS = ((16, 5, True), (48, 3, True), (64, 3, True), (64, 2, False))  # channels, kernel, pooled


@dataclass(kw_only=True, eq=False, repr=False)
class TCDCN(NetworkMethod):
    """Four convolutions and a dense layer of 100 on a grey crop of 40 px.

    The paper trained landmarks, gender, smile, glasses and pose together:
    `tasks=("landmarks", "gender", "smile", "glasses", "pose")`, for faces that have these attributes, such as those of
    MTFL. By default, as with every network, landmarks are the only task.

    Unlike the paper: smooth L1 in place of the squared error, because a detector's box now and then holds another
    face (1 % of those of MTFL); turns, scales, shifts, changes of light, and mirror images. Boxes of a detector are
    mostly larger than the points, and 40 px are few: results/mtfl trains with padding=-0.1. Tight boxes of the points
    need the default.

    Parameters that are not named here are those of `NetworkMethod`, without channels.

    Parameters
    ----------
    shared : bool
        Share the filters over the crop, as convolutions do. False gives each place filters of its own, as in the
        paper: 43 times as many weights, and about four times as long a training.
    """

    rules = {**NetworkMethod.rules, "shared": FLAG}
    channels: ClassVar[int] = 1

    size: int = 40
    loss: str = "smooth-l1"
    augmentation: str | dict[str, Any] = "standard"
    batch_size: int = 32
    learning_rate: float = 2e-3
    shared: bool = True

    def build(self, n_points: int, mean: torch.Tensor) -> TCDCNetwork:
        """Return the network, which begins as the mean shape."""
        return TCDCNetwork(mean, self.size, self.shared)


class Abs(nn.Module):
    """|x|."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.abs()


class LocalConv2d(nn.Module):
    """A convolution without padding whose filters and biases are not shared: each of the P cells has its own.

    (b, C, H, W) -> (b, outputs, H - kernel + 1, W - kernel + 1); weight (P, C kernel^2, outputs), bias (P outputs), one
    axis as any bias, so that it does not decay. The cells are in the order of rows, the inputs of a filter as in
    nn.Conv2d.

    One crop takes little longer than reading the weights: the outputs are last, so each cell's product reads them in
    order. The inputs of all cells are gathered by their places, in a quarter of the time of `functional.unfold`, and
    the answer lies in memory with its channels last, where torch's pooling is fast.
    """

    def __init__(self, shape: Shape, outputs: int, kernel: int):
        super().__init__()
        _, height, width = shape
        self.kernel, self.cells = kernel, (height - kernel + 1, width - kernel + 1)
        places = torch.arange(math.prod(shape)).view(shape).unfold(1, kernel, 1).unfold(2, kernel, 1)
        places = places.permute(1, 2, 0, 3, 4).reshape(math.prod(self.cells), -1)  # (P, C kernel^2)
        self.register_buffer("places", places.flatten(), persistent=False)
        bound = 1 / math.sqrt(places.shape[1])
        self.weight = nn.Parameter(torch.empty(*places.shape, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(len(places) * outputs).uniform_(-bound, bound))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = x.flatten(1).index_select(1, self.places).unflatten(1, self.weight.shape[:2])  # (b, P, C kernel^2)
        bias = self.bias.view(len(self.weight), 1, -1)
        found = torch.baddbmm(bias, patches.transpose(0, 1), self.weight)  # (P, b, outputs)
        return found.transpose(0, 1).contiguous().unflatten(1, self.cells).permute(0, 3, 1, 2)


class TCDCNetwork(Network):
    """Grey (b, 1, size, size) -> (b, L, 2).

    78,246 weights for 5 points at 40 px with shared filters, 3,411,030 with local ones.
    """

    convolutions = (nn.Conv2d, LocalConv2d)

    def __init__(self, mean: torch.Tensor, size: int = 40, shared: bool = True):
        super().__init__()
        layers: list[nn.Module] = []
        shape: Shape = (1, size, size)
        for outputs, kernel, pooled in LAYERS:
            if shape[1] < kernel + pooled:
                raise MethodError(f"tcdcn: a crop of {size} x {size} px is too small; choose a larger size")
            conv = nn.Conv2d(shape[0], outputs, kernel) if shared else LocalConv2d(shape, outputs, kernel)
            # max |tanh x| = tanh max |x|: pooled first, tanh has a quarter of the work.
            layers += [conv, Abs()] + [nn.MaxPool2d(2)] * pooled + [nn.Tanh()]
            side = (shape[1] - kernel + 1) // (2 if pooled else 1)
            shape = (outputs, side, side)
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.dense = nn.Sequential(nn.Linear(math.prod(shape), 100), Abs(), nn.Tanh())
        self.head = PointHead(100, mean)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.body(x))

    def decode(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.head(encoded)
