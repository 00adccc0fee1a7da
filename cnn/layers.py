"""Shared by the networks below the head: their base, and layers with computed widths.

A network takes crops (b, C, H, W) float32; `heads` describes its outputs.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from fldbench.cnn.heads import LOGITS, AttributeHead, Output, as_output
from fldbench.errors import MethodError, must_be
from fldbench.params import also, whole

Shape = tuple[int, int, int]  # channels, height, width
ATTRIBUTE_HEADS = "attribute_heads"  # the name in networks of the layers that answer attributes

# Rule for the size of a crop that a network halves four times and doubles again.
FOUR_TIMES_HALVED = also(whole(32, 2048), "and a multiple of 16", lambda size: size % 16 == 0)


class Network(nn.Module):
    """Base of the networks: trunk and heads, names in foreign weight files, frozen layers, memory layout.

    A network writes `encode`, its trunk, and `decode`, from which the points come. The output layer is called `head` in
    every network, at any depth; it and the heads of attributes are no part of the trunk.

    Attributes
    ----------
    memory_format : torch.memory_format
        Memory layout of kernels and crops in training. On CPUs and GPUs, convolutions are usually fastest with their
        channels last.
    attributes : tuple of str
        The attributes that it answers beside the points; see `add_attributes`.
    convolutions : tuple of type
        The modules that `freeze` counts as convolutions.
    """

    memory_format = torch.channels_last
    convolutions: tuple[type[nn.Module], ...] = (nn.Conv2d,)

    def __init__(self):
        super().__init__()
        self._frozen: list[nn.Module] = []
        self.attributes: tuple[str, ...] = ()
        self.attribute_heads = nn.ModuleList()

    def encode(self, x: torch.Tensor) -> Any:
        """Return the features of crops (b, C, H, W): one tensor, or several where points and attributes need others."""
        raise NotImplementedError

    def decode(self, encoded: Any) -> torch.Tensor | Output:
        """Return the points from the features, or a dict, see `heads.Output`."""
        raise NotImplementedError

    def describe(self, encoded: Any) -> torch.Tensor:
        """Return the features (b, d) for attributes: those of the points, or the means of their maps."""
        return encoded if encoded.ndim == 2 else encoded.mean((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor | Output:
        encoded = self.encode(x)
        answer = self.decode(encoded)
        if not self.attributes:
            return answer
        seen = self.describe(encoded)
        heads = zip(self.attributes, self.attribute_heads, strict=True)
        return as_output(answer) | {LOGITS + name: head(seen) for name, head in heads}

    def add_attributes(self, n_classes: Mapping[str, int], shape: Shape) -> None:
        """Add a linear layer for each attribute; the network then answers with their logits (b, k) too.

        Parameters
        ----------
        n_classes : mapping of str to int
            Number of classes of each attribute.
        shape : tuple of int
            Channels, height and width of the crop, px.

        Raises
        ------
        MethodError
            For a network that does not write `encode` and `decode`.
        """
        if type(self).encode is Network.encode:
            raise MethodError(
                f"{type(self).__name__}: tasks beyond landmarks need `encode` and `decode` instead of `forward`; "
                "see fldbench.cnn.layers.Network"
            )
        width = flat_width(_Described(self), shape, type(self).__name__)
        self.attributes = tuple(n_classes)
        self.attribute_heads.extend(AttributeHead(width, k) for k in n_classes.values())

    def own_names(self, found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the tensors of a foreign weight file under this network's names; unknown ones keep their names."""
        return found

    def freeze(self, n_convs: int) -> Network:
        """Keep the first n convolutions, and the norms after them, as they are in training.

        A frozen norm also keeps its running statistics.

        Parameters
        ----------
        n_convs : int
            -1 freezes all convolutions of the trunk.

        Raises
        ------
        MethodError
            Where there are fewer convolutions.
        """
        convs = [m for m in self._trunk() if isinstance(m, self.convolutions)]
        if not -1 <= n_convs <= len(convs):
            allowed = f"a whole number from -1 to {len(convs)}, the number of its convolutions"
            raise MethodError(must_be(type(self).__name__, "frozen", n_convs, allowed, "-1 freezes all of them"))
        seen = 0
        for module in self._trunk():
            seen += isinstance(module, self.convolutions)
            if isinstance(module, (*self.convolutions, nn.BatchNorm2d)) and seen and (n_convs < 0 or seen <= n_convs):
                module.requires_grad_(False)
                self._frozen.append(module.eval())
        return self

    def train(self, mode: bool = True) -> Network:
        """Switch between training and evaluation as torch does, but leave a frozen norm in evaluation."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def _trunk(self) -> list[nn.Module]:
        return [module for name, module in self.named_modules() if not in_head(name)]


class _Described(nn.Module):
    """What the attributes of a network are answered from."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network.describe(self.network.encode(x))


def in_head(name: str) -> bool:
    """Return whether a module or a weight belongs to the head, or to those of attributes, by its dotted name.

    >>> in_head("head.0.weight"), in_head("attribute_heads.0.bias"), in_head("body.overhead.bias")
    (True, True, False)
    """
    return not {"head", ATTRIBUTE_HEADS}.isdisjoint(name.split("."))


def for_relu(network: nn.Module) -> None:
    """Draw the weights so that activations keep their size from layer to layer of ReLUs (He et al. 2015, eq. 10).

    torch's own initialisation shrinks them by about half per layer; after six layers the output hardly depends on the
    crop.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)


class _OneValue:
    """Batch norm that uses its running statistics if a channel has a single value, which has no variance.

    So a network can be trained on a batch of one face, and on crops so small that the map is one cell.
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


def conv_norm(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """Return a convolution without bias, padded by half its kernel, and its batch norm."""
    return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), BatchNorm2d(outputs)]


def conv_norm_relu(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """Return `conv_norm` and a ReLU."""
    return [*conv_norm(inputs, outputs, kernel, stride), nn.ReLU(inplace=True)]


def flat_width(body: nn.Module, shape: Shape, name: str) -> int:
    """Return the number of flattened outputs of a body for one crop. Only shapes are computed.

    Parameters
    ----------
    body : nn.Module
    shape : tuple of int
        Channels, height and width of the crop, px.
    name : str
        Of the network, for messages.

    Raises
    ------
    MethodError
        For a crop that the body shrinks to nothing.

    Examples
    --------
    >>> flat_width(nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2)), (1, 8, 10), "a-net")
    48
    """
    channels, height, width = shape
    try:
        with torch.no_grad():
            out = copy.deepcopy(body).to("meta").eval()(torch.zeros(1, *shape, device="meta"))
    except RuntimeError as error:
        raise MethodError(
            f"{name}: a crop of {width} x {height} px and {channels} channel(s) is too small for its layers; "
            "choose a larger size"
        ) from error
    if not out.numel():
        raise MethodError(f"{name}: a crop of {width} x {height} px leaves nothing to flatten; choose a larger size")
    return out.numel()


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and after a side so that ceil(size / stride) come out, as TensorFlow's "same" pads.

    An odd zero goes behind: a kernel of 3 with stride 2 on an even side pads only right and bottom.

    Parameters
    ----------
    size, kernel, stride : int
        The side, the kernel and its step, px.

    Examples
    --------
    >>> same_padding(160, 3, 2), same_padding(15, 3, 2), same_padding(80, 3, 1)
    ((0, 1), (1, 1), (1, 1))
    """
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
