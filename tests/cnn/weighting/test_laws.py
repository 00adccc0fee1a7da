"""Laws of every weighting: agreement, scale, order of the tasks, missing tasks, processes, and resumption."""

import threading
from itertools import combinations

import pytest
import torch
from torch import nn

from fldbench.cnn.training.checkpoint import read_checkpoint, write_checkpoint
from fldbench.cnn.weighting.choice import WEIGHTINGS

TASKS = ("landmarks", "smile", "glasses", "pose")
EACH = pytest.mark.parametrize("name", WEIGHTINGS)


class Toy(nn.Module):
    """A shared layer of 3 x 2 and one head for each task; task i is to answer `wanted[i]`, with weight `scale[i]`."""

    def __init__(self, n=4, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.trunk = nn.Linear(3, 2)
        self.heads = nn.ModuleList([nn.Linear(2, 1) for _ in range(n)])
        self.x = torch.rand(6, 3, generator=generator)
        self.wanted = torch.rand(n, 6, generator=generator) * torch.arange(1, n + 1)[:, None]
        for p in self.parameters():
            p.data = torch.rand(p.shape, generator=generator) - 0.5
        self.scale = torch.ones(n)

    def losses(self, rows=slice(None)):
        features = self.trunk(self.x[rows]).tanh()
        pairs = zip(self.heads, self.wanted, strict=True)
        return torch.stack([(head(features)[:, 0] - y[rows]).square().mean() for head, y in pairs]) * self.scale

    def ordered(self, order):
        """The same toy with its tasks in another order."""
        other = Toy(len(order))
        other.load_state_dict({k: v for k, v in self.state_dict().items() if "trunk" in k}, strict=False)
        for new, old in enumerate(order):
            other.heads[new].load_state_dict(self.heads[old].state_dict())
        other.wanted, other.scale = self.wanted[list(order)], self.scale[list(order)]
        return other

    def gradient(self, weighting, reduce=lambda value: value, run=None, rows=slice(None)):
        """Let the weighting leave its gradients; return that of the trunk (8,) and those of the heads (m, 3)."""
        self.zero_grad()
        shared, heads = list(self.trunk.parameters()), list(self.heads.parameters())
        weighting.backward(self.losses(rows), shared, heads, run or (lambda loss: loss.backward()), reduce)
        own = torch.cat([p.grad.flatten() for p in heads]).view(len(self.heads), 3)
        return torch.cat([p.grad.flatten() for p in shared]), own


def weighting_of(name, tasks=TASKS, random_state=3):
    settings = {"weights": {"landmarks": 1.0}} if name == "fixed" else {}
    return WEIGHTINGS[name](tasks, random_state, **settings)


def train(toy, weighting, epochs):
    """Train as the real loop calls a weighting; return the weights of each epoch."""
    weights = []
    for _ in range(epochs):
        for _ in range(3):
            toy.gradient(weighting)
            with torch.no_grad():
                for p in (*toy.parameters(), *weighting.parameters):
                    p -= 0.05 * p.grad
                    p.grad = None
            weighting.after_step(lambda: toy.losses().detach())
        weighting.after_epoch(toy.losses().detach())
        weights.append(weighting.weights)
    return weights


def conflicts(toy):
    """Whether the gradients of some tasks point against each other."""
    rows = [torch.autograd.grad(loss, toy.trunk.weight, retain_graph=True)[0].flatten() for loss in toy.losses()]
    return any(a @ b < 0 for a, b in combinations(rows, 2))


def test_the_toy_has_conflicts():
    assert conflicts(Toy()) and conflicts(Toy(2))


@EACH
def test_tasks_that_agree_make_the_step_of_equal(name):
    toy = Toy()
    toy.wanted[:] = toy.wanted[0]
    for head in toy.heads[1:]:
        head.load_state_dict(toy.heads[0].state_dict())
    expected = toy.gradient(weighting_of("equal"))
    weighting = weighting_of(name)
    torch.testing.assert_close(toy.gradient(weighting), expected, rtol=1e-3, atol=1e-6)
    assert sum(weighting.weights) == pytest.approx(4, rel=1e-3)


@EACH
def test_losses_twice_as_large_make_a_step_twice_as_long(name):
    toy = Toy()
    once = toy.gradient(weighting_of(name))
    toy.scale *= 2
    torch.testing.assert_close(toy.gradient(weighting_of(name)), tuple(2 * part for part in once), rtol=1e-3, atol=1e-5)


@EACH
def test_the_order_of_the_tasks_does_not_matter(name):
    """But for PCGrad, whose projections are in random order where there are more than two."""
    order = (1, 0) if name == "pcgrad" else (2, 0, 3, 1)
    toy = Toy(len(order))
    toy.wanted[0] *= -1  # makes the two conflict
    one, two = weighting_of(name, TASKS[: len(order)]), weighting_of(name, TASKS[: len(order)])
    trunk, heads = toy.gradient(one)
    other_trunk, other_heads = toy.ordered(order).gradient(two)
    torch.testing.assert_close(other_trunk, trunk, rtol=2e-3, atol=1e-4)
    torch.testing.assert_close(other_heads, heads[list(order)], rtol=1e-4, atol=1e-5)
    assert two.weights == pytest.approx([one.weights[i] for i in order], rel=2e-3, abs=1e-3)


@EACH
def test_a_task_without_known_faces_is_left_out(name):
    toy = Toy()
    three = [0, 1, 3]
    without_trunk, without_heads = toy.ordered(three).gradient(weighting_of(name, [TASKS[i] for i in three]))
    toy.scale[2] = 0
    weighting = weighting_of(name)
    trunk, heads = toy.gradient(weighting)
    torch.testing.assert_close(trunk, without_trunk, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(heads[three], without_heads, rtol=1e-5, atol=1e-6)
    assert not heads[2].any()
    for p in weighting.parameters:
        assert p.grad[2] == 0


@EACH
def test_steps_stay_finite_when_a_task_comes_and_goes(name):
    toy, weighting = Toy(), weighting_of(name)
    for scale in (0.0, 1.0, 0.0, 1.0):
        toy.scale[2] = scale
        train(toy, weighting, 1)
    assert all(torch.isfinite(p).all() for p in toy.parameters())
    assert torch.isfinite(torch.tensor(weighting.weights)).all()


@EACH
def test_nothing_known_at_all_gives_no_gradient(name):
    toy = Toy()
    toy.scale[:] = 0
    trunk, heads = toy.gradient(weighting_of(name))
    assert not trunk.any() and not heads.any()


class Pair:
    """The mean over two processes, which are threads here, of which one runs at a time."""

    def __init__(self):
        self.turn, self.given, self.means = threading.Condition(), [], []

    def reduce(self, value):
        assert not value.requires_grad
        self.given.append(value.clone())
        number = len(self.means)
        if len(self.given) == 2:
            self.means.append((self.given[0] + self.given[1]) / 2)
            self.given = []
            self.turn.notify_all()
        else:
            assert self.turn.wait_for(lambda: len(self.means) > number, timeout=20)
        return self.means[number].clone()

    def run(self, *jobs):
        """Return what the jobs return."""
        found = {}

        def one(i):
            with self.turn:
                found[i] = jobs[i]()

        threads = [threading.Thread(target=one, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return found[0], found[1]


@EACH
def test_two_processes_make_the_step_of_one(name):
    pair = Pair()

    def job(rows):
        toy, weighting = Toy(), weighting_of(name)

        def run(loss):
            loss.backward()
            if not weighting.by_task:  # the wrapper of the network does it in the backward pass
                for p in toy.parameters():
                    p.grad.copy_(pair.reduce(p.grad))

        def step():
            return *toy.gradient(weighting, pair.reduce, run, rows), *(p.grad.clone() for p in weighting.parameters)

        first = step()
        weighting.after_step(lambda: pair.reduce(toy.losses(rows).detach() / 2))
        return first, step(), weighting.weights

    one, two = pair.run(lambda: job(slice(0, 3)), lambda: job(slice(3, 6)))
    torch.testing.assert_close(one, two, rtol=0, atol=0)
    toy, alone = Toy(), weighting_of(name)
    expected = (*toy.gradient(alone), *(p.grad.clone() for p in alone.parameters))
    alone.after_step(lambda: toy.losses().detach() / 2)
    again = (*toy.gradient(alone), *(p.grad.clone() for p in alone.parameters))
    torch.testing.assert_close(one[:2], (expected, again), rtol=2e-3, atol=1e-4)


@EACH
def test_a_resumed_weighting_goes_on_bit_for_bit(name, tmp_path):
    unbroken, weighting = Toy(), weighting_of(name)
    train(unbroken, weighting, 3)
    write_checkpoint(tmp_path / "c", {"network": unbroken.state_dict(), "weighting": weighting.state_dict()}, {})
    weights = train(unbroken, weighting, 3)

    parts, _ = read_checkpoint(tmp_path / "c")
    resumed, other = Toy(), weighting_of(name)
    resumed.load_state_dict(parts["network"])
    other.load_state_dict(parts.get("weighting", {}))
    assert train(resumed, other, 3) == weights
    assert all(torch.equal(a, b) for a, b in zip(resumed.parameters(), unbroken.parameters(), strict=True))
    assert bool(weighting.state_dict()) == (name in ("dwa", "famo", "gradnorm", "pcgrad", "uncertainty"))


@EACH
def test_the_state_is_a_copy(name):
    toy, weighting = Toy(), weighting_of(name)
    train(toy, weighting, 2)
    kept = weighting.state_dict()
    before = {key: value.clone() for key, value in kept.items()}
    train(toy, weighting, 2)
    assert all(torch.equal(kept[key], value) for key, value in before.items())


@EACH
def test_the_weights_are_the_mean_over_an_epoch(name):
    toy, weighting = Toy(), weighting_of(name)
    assert weighting.weights is None
    toy.gradient(weighting)
    first = weighting.weights
    toy.scale[1] = 3
    toy.gradient(weighting)
    both = weighting.weights
    weighting.after_epoch(torch.ones(4))
    assert weighting.weights == both
    alone = weighting_of(name)
    alone.load_state_dict(weighting.state_dict())
    toy.gradient(weighting)
    toy.gradient(alone)
    assert weighting.weights == alone.weights
    assert len(first) == 4 and all(isinstance(value, float) for value in first)


@EACH
def test_torch_draws_the_same_numbers_afterwards(name):
    toy, weighting = Toy(), weighting_of(name)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    toy.gradient(weighting)
    assert torch.equal(torch.rand(3), expected)


@EACH
def test_a_frozen_trunk_leaves_the_heads_to_learn(name):
    toy = Toy()
    toy.trunk.requires_grad_(False)
    expected, weighting = [], weighting_of(name)
    for loss, head in zip(toy.losses(), toy.heads, strict=True):
        expected.append(torch.autograd.grad(loss, head.weight, retain_graph=True)[0].flatten())
    heads = list(toy.heads.parameters())
    weighting.backward(toy.losses(), [], heads, lambda loss: loss.backward(), lambda value: value)
    found = torch.stack([head.weight.grad.flatten() for head in toy.heads])
    if weighting.by_task or name != "famo":
        torch.testing.assert_close(found, torch.stack(expected))


def test_only_famo_asks_for_the_losses_after_the_step():
    def never():
        raise AssertionError

    for name in WEIGHTINGS:
        toy, weighting = Toy(), weighting_of(name)
        toy.gradient(weighting)
        if name == "famo":
            with pytest.raises(AssertionError):
                weighting.after_step(never)
        else:
            weighting.after_step(never)
