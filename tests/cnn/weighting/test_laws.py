"""Laws that hold for every weighting: agreement, order of the tasks, missing tasks, processes, and resumption."""

import pytest
import torch
from torch import nn

from fldbench.cnn.weighting.choice import WEIGHTINGS, get_weighting

TASKS = ("landmarks", "smile", "glasses", "pose")
EACH = pytest.mark.parametrize("name", WEIGHTINGS)


class Toy(nn.Module):
    """A shared layer of 3 x 2 and one head for each task; task i is to answer `wanted[i]`."""

    def __init__(self, n=4, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.trunk = nn.Linear(3, 2)
        self.heads = nn.ModuleList([nn.Linear(2, 1) for _ in range(n)])
        self.x = torch.rand(6, 3, generator=generator)
        self.wanted = torch.rand(n, 6, generator=generator) * torch.arange(1, n + 1)[:, None]
        for p in self.parameters():
            p.data = torch.rand(p.shape, generator=generator) - 0.3
        self.kept = torch.ones(n)  # 0 for a task of which nothing is known

    def losses(self, rows=slice(None)):
        features = self.trunk(self.x[rows]).tanh()
        each = [
            (head(features)[:, 0] - y[rows]).square().mean() for head, y in zip(self.heads, self.wanted, strict=True)
        ]
        return torch.stack(each) * self.kept

    def gradient(self, weighting, losses=None, reduce=lambda value: value):
        """Let the weighting leave its gradients; return them as vectors: of the trunk, of the heads."""
        self.zero_grad()
        shared, heads = list(self.trunk.parameters()), list(self.heads.parameters())
        losses = self.losses() if losses is None else losses
        weighting.backward(losses, shared, heads, lambda loss: loss.backward(), reduce)
        return [torch.cat([p.grad.flatten() for p in part]) for part in (shared, heads)]


def train(toy, weighting, epochs, rate=0.05):
    """A little training loop as the real one calls a weighting."""
    for _ in range(epochs):
        for _ in range(3):
            toy.gradient(weighting)
            with torch.no_grad():
                for p in (*toy.parameters(), *weighting.parameters):
                    p -= rate * p.grad
            weighting.after_step(lambda: toy.losses().detach())
        weighting.after_epoch(toy.losses().detach())


def weighting_of(name, tasks=TASKS, random_state=3):
    return get_weighting(
        {"name": name, "weights": {"pose": 0.5}} if name == "fixed" else name, tasks, random_state, "t"
    )


@EACH
def test_tasks_that_agree_make_the_step_of_equal(name):
    toy = Toy()
    toy.wanted[:] = toy.wanted[0]
    for head in toy.heads[1:]:
        head.load_state_dict(toy.heads[0].state_dict())
    weighting = get_weighting(name, TASKS, 0, "t") if name != "fixed" else WEIGHTINGS[name](TASKS)
    expected, own = toy.gradient(get_weighting("equal", TASKS, 0, "t"))
    trunk, heads = toy.gradient(weighting)
    torch.testing.assert_close(trunk, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(heads, own, rtol=1e-4, atol=1e-6)
    assert sum(weighting.weights) == pytest.approx(4, rel=1e-4)
