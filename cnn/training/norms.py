"""Batch norms behind dropout: their statistics are recomputed from the network in prediction."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

_DROPOUT = nn.modules.dropout._DropoutNd
_NORM = nn.modules.batchnorm._BatchNorm


def needs_settling(network: nn.Module) -> bool:
    """Tell whether a network has both dropout and batch norms that learn their statistics."""
    return all(any(isinstance(m, kind) for m in network.modules()) for kind in (_DROPOUT, _NORM))


@torch.no_grad()
def settle_norms(network: nn.Module, crops: Iterable[torch.Tensor]) -> None:
    """Set running means and variances, in place, to those over the crops with dropout off.

    With dropout, features vary more than without it, and behind an activation even their mean is different. So
    statistics from training do not fit the network in prediction, and the mismatch grows with depth (Li et al.,
    "Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift", CVPR 2019, section 4.2). A
    norm that is kept in evaluation, as a frozen one is, stays as it is.

    Parameters
    ----------
    network : nn.Module
    crops : iterable of Tensor, (b, C, H, W)
    """
    training = network.training
    network.train()
    norms = [m for m in network.modules() if isinstance(m, _NORM) and m.training]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over the batches
    for module in network.modules():
        if isinstance(module, _DROPOUT):
            module.eval()
    for batch in crops:
        network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.train(training)
