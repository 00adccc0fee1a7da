"""What a network costs: weights, multiply-adds, bytes, milliseconds; and the same network with its norms folded in."""

from __future__ import annotations

import copy
import re
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from torch.utils.flop_counter import FlopCounterMode

from fldbench.cnn.layers import Shape

BATCH = 64
_KINDS = (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d)
_FUSE = {(nn.Conv2d, nn.BatchNorm2d): fuse_conv_bn_eval, (nn.Linear, nn.BatchNorm1d): fuse_linear_bn_eval}


@dataclass(frozen=True)
class Cost:
    """What a network costs.

    Attributes
    ----------
    parameters : int
        Trained numbers.
    multiply_adds : int
        Of one crop.
    weight_bytes : int
        Of parameters and buffers.
    ms_one, ms_each_of_64 : float
        Median milliseconds of one crop, alone and in a batch of 64.
    threads : int
        That torch had.
    """

    parameters: int
    multiply_adds: int
    weight_bytes: int
    ms_one: float
    ms_each_of_64: float
    threads: int


def cost(network: nn.Module, shape: Shape, seconds: float = 2.0) -> Cost:
    """Count and time the network as it is, in evaluation.

    Times are medians of the runs within `seconds` for one crop and as long again for a batch, at least three of each,
    on the device where the network is and with the threads that torch has now.

    Parameters
    ----------
    network : nn.Module
    shape : tuple of int
        Channels, height and width of a crop, px.
    seconds : float
    """
    return Cost(
        parameters=sum(p.numel() for p in network.parameters()),
        multiply_adds=multiply_adds(network, shape),
        weight_bytes=weight_bytes(network),
        ms_one=latency(network, shape, 1, seconds),
        ms_each_of_64=latency(network, shape, BATCH, seconds) / BATCH,
        threads=torch.get_num_threads(),
    )


def size_of(method: Any, n_points: int) -> str:
    """Return the size of an unfitted network method in words: parameters, multiply-adds for one crop, and bytes."""
    network = method.build(n_points, torch.zeros(n_points, 2)).eval()
    width, height = method.input_size
    count = multiply_adds(network, (method.channels, height, width))
    return (
        f"{sum(p.numel() for p in network.parameters()):,} parameters, {count / 1e6:,.0f} million multiply-adds, "
        f"{weight_bytes(network) / 1e6:.1f} MB for {n_points} points and a crop of {width} x {height} px"
    )


def multiply_adds(network: nn.Module, shape: Shape) -> int:
    """Return the multiplications with an addition in the convolutions and matrix products for one crop (C, H, W).

    Biases, norms, activations and pooling are not counted, as usual. Nothing is computed; only shapes are propagated.

    >>> multiply_adds(nn.Conv2d(3, 8, 3, padding=1, groups=1), (3, 10, 10)) == 10 * 10 * 8 * 3 * 9
    True
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        copy.deepcopy(network).to("meta").eval()(torch.zeros(1, *shape, device="meta"))
    return counter.get_total_flops() // 2  # it counts the multiplication and the addition


def weight_bytes(network: nn.Module) -> int:
    """Return the bytes of the network's parameters and buffers, as they are saved.

    >>> weight_bytes(nn.Linear(3, 2))
    32
    """
    return sum(value.numel() * value.element_size() for value in network.state_dict().values())


def latency(network: nn.Module, shape: Shape, batch: int, seconds: float) -> float:
    """Return the median ms of a run on a batch of noise (batch, C, H, W), after one run to warm up."""
    where = next(network.parameters()).device
    crops = torch.from_numpy(np.random.default_rng(0).normal(size=(batch, *shape))).float().to(where)
    training = network.training
    network.eval()
    spent: list[float] = []
    try:
        with torch.inference_mode():
            _run(network, crops)
            while len(spent) < 3 or sum(spent) < seconds:
                begin = time.perf_counter()
                _run(network, crops)
                spent.append(time.perf_counter() - begin)
    finally:
        network.train(training)
    return float(np.median(spent)) * 1000


def _run(network: nn.Module, crops: torch.Tensor) -> None:
    network(crops)
    if crops.is_cuda:
        torch.cuda.synchronize(crops.device)


def fused(network: nn.Module) -> nn.Module:
    """Return a copy for prediction: every batch norm right after a convolution or a dense layer is folded into it.

    With fixed statistics, convolution and norm are one affine map: the answers are the same, to rounding, with half the
    layers. Pairs are neighbours in an nn.Sequential, and modules named conv1 and bn1 (conv2 and bn2, ...). Kernels lie
    with their channels last, which is the fastest layout for convolutions of CPUs.
    """
    network = copy.deepcopy(network).eval()
    for module in list(network.modules()):
        children = dict(module.named_children())
        if isinstance(module, nn.Sequential):
            pairs = list(zip(children, list(children)[1:], strict=False))
        else:
            pairs = [(name, re.sub("^conv", "bn", name)) for name in children if re.fullmatch(r"conv\d+", name)]
        for layer, norm in pairs:
            fuse = _FUSE.get((_kind(children.get(layer)), _kind(children.get(norm))))
            if fuse:
                setattr(module, layer, fuse(children[layer], children[norm]))
                setattr(module, norm, nn.Identity())
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            kept = [child for child in module if not isinstance(child, (nn.Identity, nn.Dropout))]
            if len(kept) < len(module):
                module._modules.clear()
                module.extend(kept)
    return network.requires_grad_(False).to(memory_format=torch.channels_last)


def _kind(module: nn.Module | None) -> type | None:
    return next((kind for kind in _KINDS if isinstance(module, kind)), None)
