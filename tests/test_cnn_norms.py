"""Norms behind dropout: statistics by hand, and which networks need them anew."""

import torch
from torch import nn

from fldbench.cnn.norms import drops_before_norms, settle_norms


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 3), nn.ELU(), nn.BatchNorm1d(3), nn.Dropout(0.5))


def test_statistics_are_those_without_dropout():
    net, batches = network().eval(), [torch.randn(16, 4) for _ in range(3)]
    net[3].momentum = 0.3
    settle_norms(net, batches)
    behind = [net[2](net[1](batch)) for batch in batches]
    assert torch.allclose(net[3].running_mean, torch.stack([x.mean(0) for x in behind]).mean(0), atol=1e-6)
    assert torch.allclose(net[3].running_var, torch.stack([x.var(0) for x in behind]).mean(0), atol=1e-6)
    assert net[3].momentum == 0.3 and not net.training and not net[0].training


def test_frozen_norms_stay_and_training_goes_on():
    net = network().train()
    net[3].eval()
    before = net[3].running_mean.clone()

    def train(mode=True, plain=net.train):
        plain(mode)
        net[3].eval()  # as Network does it for what is frozen
        return net

    net.train = train
    settle_norms(net, [torch.randn(16, 4)])
    assert torch.equal(net[3].running_mean, before) and net.training and net[0].training


def test_only_networks_with_both_need_it():
    assert drops_before_norms(network())
    assert not drops_before_norms(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    assert not drops_before_norms(nn.Sequential(nn.Dropout(), nn.Linear(2, 2)))
