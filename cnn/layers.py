"""What the networks share: the base of them all, the layer that answers, and widths that are derived, never typed.

A network takes crops (b, C, H, W) float32 and answers (b, L, 2) in the frame where the crop covers [-1, 1] in x and in
y: a point p px of a crop of `size` px is (p + 0.5) / size * 2 - 1.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from fldbench.errors import MethodError

Shape = tuple[int, int, int]  # channels, height, width


class Network(nn.Module):
    """Base of the networks: what of it depends on the scheme, which foreign key names it knows, what is frozen.

    The layer that answers is called `head` in every network, at any depth; everything else is the trunk.
    """

    # How kernels and crops lie in memory while it trains: what the convolutions of CPUs and GPUs want, as a rule.
    memory_format = torch.channels_last

    def __init__(self):
        super().__init__()
        self._frozen: list[nn.Module] = []

    def own_names(self, found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The tensors of a foreign weight file under this network's names; what it does not know stays as it is."""
        return found

    def freeze(self, n_convs: int) -> Network:
        """Keeps the first n convolutions, and the norms after them, as they are in training; -1: all of the trunk's.

        A frozen norm also keeps its running statistics. Raises MethodError where there are fewer convolutions.
        """
        convs = [m for m in self._trunk() if isinstance(m, nn.Conv2d)]
        if not -1 <= n_convs <= len(convs):
            raise MethodError(f"frozen is {n_convs}; this network has {len(convs)} convolutions, and -1 is all of them")
        seen = 0
        for module in self._trunk():
            seen += isinstance(module, nn.Conv2d)
            if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)) and seen and (n_convs < 0 or seen <= n_convs):
                module.requires_grad_(False)
                self._frozen.append(module.eval())
        return self

    def train(self, mode: bool = True) -> Network:
        """As torch does it, but a frozen norm stays in evaluation."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def _trunk(self) -> list[nn.Module]:
        return [module for name, module in self.named_modules() if "head" not in name.split(".")]


class PointHead(nn.Linear):
    """(b, width) -> (b, L, 2): a dense layer that answers where the points are, relative to their mean (L, 2).

    Every network begins near the mean shape: the same functions as with a bias that begins anywhere, without the epochs
    that finding the mean costs. Features of size one begin with answers a twentieth of the frame from it; smaller
    weights would hold the gradient back from the layers below.
    """

    def __init__(self, width: int, mean: torch.Tensor):
        super().__init__(width, mean.numel())
        self.register_buffer("mean", mean.clone().float())
        nn.init.normal_(self.weight, std=0.05 / math.sqrt(width))
        nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).unflatten(1, self.mean.shape) + self.mean


def for_relu(network: nn.Module) -> None:
    """Draws the weights so that activations keep their size from layer to layer of ReLUs (He et al. 2015, eq. 10).

    torch's own way shrinks them by about half a layer, after six of which a crop hardly moves the answer.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)


class _OneValue:
    """Batch norm that takes its running statistics where a channel has one value only, which has no variance.

    So a batch of one face, and of faces so small that the map is one cell, can be trained on.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and x.numel() == x.shape[1]:
            stats = self.running_mean, self.running_var
            return nn.functional.batch_norm(x, *stats, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(x)


class BatchNorm1d(_OneValue, nn.BatchNorm1d):
    """nn.BatchNorm1d for batches of any size."""


class BatchNorm2d(_OneValue, nn.BatchNorm2d):
    """nn.BatchNorm2d for batches of any size."""


def flat_width(body: nn.Module, shape: Shape, name: str) -> int:
    """How many numbers a body makes of one crop of the shape (C, H, W), flattened; computes shapes only.

    Raises MethodError, naming the network, for a crop that the body shrinks to nothing.

    >>> flat_width(nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2)), (1, 8, 10), "a-net")
    48
    """
    try:
        with torch.no_grad():
            out = copy.deepcopy(body).to("meta").eval()(torch.zeros(1, *shape, device="meta"))
    except RuntimeError as error:
        channels, height, width = shape
        raise MethodError(
            f"{name}: a crop of {width} x {height} px and {channels} channel(s) is too small for its layers; "
            "choose a larger size"
        ) from error
    if not out.numel():
        raise MethodError(
            f"{name}: a crop of {shape[2]} x {shape[1]} px leaves nothing to flatten; choose a larger size"
        )
    return out.numel()


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after a side of `size` px so that ceil(size / stride) come out, as TensorFlow's "same" pads.

    An odd zero goes behind: a 3-wide kernel with stride 2 on an even side pads only right and bottom.

    >>> same_padding(160, 3, 2), same_padding(15, 3, 2), same_padding(80, 3, 1)
    ((0, 1), (1, 1), (1, 1))
    """
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
