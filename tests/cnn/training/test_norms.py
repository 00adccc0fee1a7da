"""Norms behind dropout: statistics by hand, alone and in a training, and which networks need new ones."""

import numpy as np
import pytest
import torch
from torch import nn
from toy_networks import QUICK, Interrupted, ToyMethod, interrupted_after, same
from toys import toy_faces

from fldbench.cnn.training.norms import needs_settling, settle_norms


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
    assert needs_settling(network())
    assert not needs_settling(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    assert not needs_settling(nn.Sequential(nn.Dropout(), nn.Linear(2, 2)))


class NormNet(nn.Module):
    """A dense layer behind dropout, and a norm behind that."""

    def __init__(self, mean, size):
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.before = nn.Sequential(nn.Flatten(), nn.Linear(size * size, 16), nn.ELU())
        self.dense = nn.Sequential(nn.Dropout(0.6), nn.Linear(16, 8), nn.ELU())
        self.norm = nn.BatchNorm1d(8)
        self.head = nn.Linear(8, mean.numel())

    def forward(self, x):
        return self.head(self.norm(self.dense(self.before(x)))).view(-1, *self.mean.shape) + self.mean


class NormMethod(ToyMethod):
    def build(self, n_points, mean):
        return NormNet(mean, self.size)


def off_by(method, faces):
    """How far the norm's mean is from that of the kept network's own features on the training faces."""
    crops, _, _ = next(method._run(list(faces.images), faces.boxes))
    network = method.network_
    with torch.no_grad():
        behind = network.dense(network.before(crops))
    return (network.norm.running_mean - behind.mean(0)).abs().max().item()


def test_a_training_keeps_statistics_that_fit_prediction(monkeypatch):
    faces = toy_faces(12)
    assert off_by(NormMethod(epochs=4, batch_size=4).fit(faces), faces) < 1e-3
    monkeypatch.setattr("fldbench.cnn.training.loop.needs_settling", lambda network: False)
    assert off_by(NormMethod(epochs=4, batch_size=4).fit(faces), faces) > 1e-2


@pytest.mark.parametrize("settings", [{}, {"ema": 0.9}], ids=str)
def test_a_resumed_training_has_the_same_statistics(tmp_path, settings):
    faces, params = toy_faces(12), {"epochs": 5, "training": QUICK | settings | {"save_seconds": 0}}
    with pytest.raises(Interrupted), interrupted_after(3):
        NormMethod(**params).fit(faces, folder=tmp_path)
    resumed, unbroken = NormMethod(**params).fit(faces, folder=tmp_path), NormMethod(**params).fit(faces)
    assert same(resumed, unbroken)
    answers = [method.predict(faces.images, faces.boxes) for method in (resumed, unbroken)]
    assert np.array_equal(*answers)
