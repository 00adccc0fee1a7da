"""Each weighting against a step worked out by hand, on two quadratic tasks with two shared parameters."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import nn

from fldbench.cnn.weighting.by_gradient import MGDA, CAGrad, NashMTL, PCGrad, UPGrad
from fldbench.cnn.weighting.by_loss import DWA, FAMO, Equal, Fixed, GradNorm, Uncertainty
from fldbench.cnn.weighting.choice import WEIGHTINGS

TASKS = ("landmarks", "pose")


class Quadratics:
    """Task i has the loss |theta - aim_i|^2 / 2; at theta = 0 its gradient is -aim_i.

    By default the gradients are g1 = (1, 0) and g2 = (-1, 1), which conflict, and the losses 1/2 and 1.
    """

    def __init__(self, aims=((-1.0, 0.0), (1.0, -1.0))):
        self.theta = nn.Parameter(torch.zeros(1, 2))
        self.aims = torch.tensor(aims)

    def losses(self):
        return (self.theta - self.aims).square().sum(1) / 2

    def step(self, weighting):
        """Return the gradient of the step."""
        self.theta.grad = None
        weighting.backward(self.losses(), [self.theta], [], lambda loss: loss.backward(), lambda value: value)
        return self.theta.grad.flatten().tolist()


def random_gradients(seed, n=4, size=6):
    return np.random.default_rng(seed).normal(size=(n, size))


def combined(weighting, gradients):
    """The step for given gradients, (size,) float64."""
    gradients = torch.from_numpy(gradients)
    return (weighting.combine(gradients @ gradients.T) @ gradients).numpy()


def test_equal_is_the_sum_and_runs_exactly_that():
    toy = Quadratics()
    assert toy.step(Equal(TASKS)) == [0.0, 1.0]
    ran = []
    losses = torch.tensor([0.1, 0.2, 0.7], requires_grad=True)
    Equal(("landmarks", "a", "b")).backward(losses, [], [], ran.append, None)
    assert torch.equal(ran[0], losses.sum()) and len(ran) == 1


def test_fixed():
    weighting = Fixed(TASKS, weights={"pose": 0.5})
    assert Quadratics().step(weighting) == [0.5, 0.5]  # (1, 0) + (-1, 1) / 2
    assert weighting.weights == [1.0, 0.5]


def test_uncertainty():
    """The sum of exp(-s) L + s: with s = (ln 2, 0), (1, 0) / 2 + (-1, 1); and 1 - exp(-s) L = 1 - 1/4 and 1 - 1."""
    weighting = Uncertainty(TASKS)
    weighting.log_variance.data = torch.tensor([math.log(2), 0.0])
    assert Quadratics().step(weighting) == pytest.approx([-0.5, 1.0])
    assert weighting.log_variance.grad.tolist() == pytest.approx([0.75, 0.0])
    assert weighting.weights == pytest.approx([0.5, 1.0])
    assert weighting.parameters == [weighting.log_variance]


def test_uncertainty_is_twice_that_of_torchjd():
    from torchjd.scalarization import UW

    reference, weighting, toy = UW(2), Uncertainty(TASKS), Quadratics()
    reference.log_var.data = torch.tensor([0.3, -0.7])
    weighting.log_variance.data = torch.tensor([0.3, -0.7])
    found = toy.step(weighting)
    expected = torch.autograd.grad(2 * reference(toy.losses()), [toy.theta, reference.log_var])
    assert found == pytest.approx(expected[0].flatten().tolist())
    assert weighting.log_variance.grad.tolist() == pytest.approx(expected[1].tolist())


def test_dwa():
    """Losses 2, 4 and then 1, 4: ratios 1/2 and 1, weights 2 softmax(1/4, 1/2) = 0.8757, 1.1243."""
    weighting, toy = DWA(TASKS), Quadratics()
    for losses in ([2.0, 4.0], [1.0, 4.0]):
        assert toy.step(weighting) == [0.0, 1.0]  # equal in the first two epochs
        weighting.after_epoch(torch.tensor(losses))
    small, large = 0.875647, 1.124353
    assert toy.step(weighting) == pytest.approx([small - large, large], abs=1e-5)
    weighting.after_epoch(torch.tensor([1.0, 2.0]))  # ratios 1 and 1/2
    assert toy.step(weighting) == pytest.approx([large - small, small], abs=1e-5)


def test_dwa_is_that_of_torchjd():
    from torchjd.scalarization import DWA as Reference

    weighting, reference, toy = DWA(TASKS, temperature=0.7), Reference(0.7), Quadratics()
    for epoch in range(4):
        found = toy.step(weighting)
        (expected,) = torch.autograd.grad(reference(toy.losses()), toy.theta)
        assert found == pytest.approx(expected.flatten().tolist())
        weighting.after_epoch(toy.losses())
        reference.step()
        toy.theta.data += 0.1 * epoch


def test_famo():
    """Losses 1/2 and 1 with z = 1/2 each: weights 2 (2, 1) / 3.

    The losses fall to 1/4 and 1: the gradient of the logits is z (d - z d) with d = (ln 2, 0), (0.17, -0.17), and the
    first step of Adam has the length of its rate, 0.025, in each.
    """
    weighting, toy = FAMO(TASKS), Quadratics()
    assert toy.step(weighting) == pytest.approx([4 / 3 - 2 / 3, 2 / 3])
    assert weighting.weights == pytest.approx([4 / 3, 2 / 3])
    weighting.after_step(lambda: torch.tensor([0.25, 1.0]))
    assert weighting.logits.grad.tolist() == pytest.approx([0.173287, -0.173287], abs=1e-5)
    assert weighting.logits.tolist() == pytest.approx([-0.025, 0.025], abs=1e-5)


def test_famo_is_that_of_torchjd():
    from torchjd.scalarization import FAMO as Reference

    weighting, reference, toy = FAMO(TASKS), Reference(2), Quadratics()
    for _ in range(6):
        found = toy.step(weighting)
        (expected,) = torch.autograd.grad(2 * reference(toy.losses()), toy.theta)
        assert found == pytest.approx(expected.flatten().tolist(), rel=1e-5)
        toy.theta.data -= 0.2 * toy.theta.grad
        weighting.after_step(lambda: toy.losses().detach())
        reference.update(toy.losses())


def test_gradnorm():
    """Norms 1 and sqrt 2, both at the first loss: the mean is wanted, so the first weight rises and the second falls.

    A step of Adam, 0.025, each way: 1.025 and 0.975, whose sum is 2 already.
    """
    weighting, toy = GradNorm(TASKS), Quadratics()
    assert toy.step(weighting) == [0.0, 1.0]  # the weights of this step are still 1
    assert weighting.free.tolist() == pytest.approx([1.025, 0.975], abs=1e-5)
    assert weighting.first.tolist() == [0.5, 1.0]
    assert toy.step(weighting) == pytest.approx([1.025 - 0.975, 0.975], abs=1e-5)


def test_gradnorm_by_differentiating_its_loss():
    weighting, toy = GradNorm(TASKS, alpha=0.5), Quadratics()
    weights = nn.Parameter(torch.ones(2))
    optimiser = torch.optim.Adam([weights], lr=0.025)
    first = toy.losses().detach()
    for _ in range(8):
        losses = toy.losses()
        norms = torch.stack([torch.autograd.grad(loss, toy.theta, retain_graph=True)[0].norm() for loss in losses])
        pace = (losses / first).detach()
        wanted = ((weights * norms).mean() * (pace / pace.mean()) ** 0.5).detach()
        optimiser.zero_grad()
        (weights * norms - wanted).abs().sum().backward()
        expected = (weights.detach() @ (toy.theta.detach() - toy.aims)).tolist()
        optimiser.step()
        weights.data *= 2 / weights.data.sum()
        assert toy.step(weighting) == pytest.approx(expected, abs=1e-5)
        assert weighting.free.tolist() == pytest.approx(weights.tolist(), abs=1e-5)
        toy.theta.data -= 0.3 * toy.theta.grad


def test_gradnorm_never_turns_a_loss_around():
    weighting, toy = GradNorm(TASKS), Quadratics(((-1e-3, 0.0), (30.0, 40.0)))
    least = 1.0
    for _ in range(200):
        toy.step(weighting)
        least = min(least, weighting.free.min().item())
        assert weighting.free.sum().item() == pytest.approx(2, abs=1e-5)
    assert 0 < least < 0.02


def test_pcgrad():
    """g1 + g2 / 2 = (1/2, 1/2) stands on g2, g2 + g1 = (0, 1) on g1; the step is their sum."""
    weighting = PCGrad(TASKS)
    assert Quadratics().step(weighting) == pytest.approx([0.5, 1.5])
    assert weighting.weights == pytest.approx([2.0, 1.5])
    assert Quadratics(((-1.0, 0.0), (-1.0, -1.0))).step(weighting) == pytest.approx([2.0, 1.0])  # without a conflict


def test_pcgrad_draws_its_order_from_random_state_and_step():
    gradients = random_gradients(1)
    gradients[1:] -= 2 * gradients[0]  # many conflicts

    def steps(random_state):
        weighting = PCGrad(("landmarks", "a", "b", "c"), random_state)
        return [tuple(combined(weighting, gradients).round(9)) for _ in range(6)]

    assert steps(0) == steps(0) != steps(1)
    assert len(set(steps(0))) > 1


def test_mgda():
    """The shortest point of the segment: w g1 + (1 - w) g2 with w = (g2 - g1) g2 / |g1 - g2|^2 = 3/5; twice that."""
    weighting = MGDA(TASKS)
    assert Quadratics().step(weighting) == pytest.approx([0.4, 0.8])
    assert weighting.weights == pytest.approx([1.2, 0.8])


def test_mgda_keeps_to_the_shorter_gradient_where_that_is_shortest():
    assert Quadratics(((-1.0, 0.0), (-3.0, -1.0))).step(MGDA(TASKS)) == pytest.approx([2.0, 0.0])


def test_cagrad_by_search():
    """Over w in [0, 1], g_w = w g1 + (1 - w) g2 with the least <g_w, g_0> + c |g_0| |g_w|."""
    g1, g2, c = np.array([1.0, 0.0]), np.array([-1.0, 1.0]), 0.4
    g0 = (g1 + g2) / 2
    w = np.linspace(0, 1, 100_001)[:, None]
    points = w * g1 + (1 - w) * g2
    best = points[(points @ g0 + c * np.linalg.norm(g0) * np.linalg.norm(points, axis=1)).argmin()]
    step = g0 + c * np.linalg.norm(g0) * best / np.linalg.norm(best)
    assert Quadratics().step(CAGrad(TASKS, c=c)) == pytest.approx((2 / (1 + c) * step).tolist(), abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_cagrad_helps_the_task_worst_off_most(seed):
    """The primal problem: among the steps within c |g_0| of g_0, none has a larger least gain."""
    gradients, c = random_gradients(seed), 0.4
    mean = gradients.mean(0)
    step = combined(CAGrad(TASKS * 2, c=c), gradients) * (1 + c) / 4
    assert np.linalg.norm(step - mean) == pytest.approx(c * np.linalg.norm(mean), rel=1e-4)
    least = (gradients @ step).min()
    ball = {"type": "ineq", "fun": lambda v: (c**2 * mean @ mean) - (v[:-1] - mean) @ (v[:-1] - mean)}
    gains = {"type": "ineq", "fun": lambda v: gradients @ v[:-1] - v[-1]}
    best = optimize.minimize(lambda v: -v[-1], [*mean, (gradients @ mean).min()], constraints=[ball, gains])
    assert least == pytest.approx(-best.fun, abs=1e-3)


def test_cagrad_without_a_radius_is_the_sum():
    gradients = random_gradients(7)
    assert combined(CAGrad(TASKS * 2, c=0.0), gradients) == pytest.approx(gradients.sum(0), rel=1e-5)


def test_nash_mtl():
    """a_i = 1 / (|g_i| sqrt(1 + cos)), times the root of the Gramian's norm sqrt 7; cos = -1 / sqrt 2."""
    weighting = NashMTL(TASKS)
    scale = 7**0.25 / math.sqrt(1 - 1 / math.sqrt(2))
    expected = [scale, scale / math.sqrt(2)]
    assert Quadratics().step(weighting) == pytest.approx([expected[0] - expected[1], expected[1]], rel=1e-4)
    assert weighting.weights == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_nash_mtl_is_a_bargain(seed):
    """G a = 1 / a, and a task whose loss is in another unit does not change the direction."""
    gradients = random_gradients(seed)
    step = combined(NashMTL(TASKS * 2), gradients)
    weights = NashMTL(TASKS * 2).combine(torch.from_numpy(gradients @ gradients.T)).numpy()
    product = weights * (gradients @ step)
    assert product == pytest.approx(np.full(4, np.linalg.norm(gradients @ gradients.T)), rel=1e-4)
    gradients[2] *= 100
    other = combined(NashMTL(TASKS * 2), gradients)
    assert other / np.linalg.norm(other) == pytest.approx(step / np.linalg.norm(step), abs=1e-6)


def test_nash_mtl_stays_finite_where_gradients_cancel():
    step = combined(NashMTL(TASKS), np.array([[1.0, 0.0], [-2.0, 0.0]]))
    assert np.linalg.norm(step) < 5


def test_upgrad():
    """Of two tasks, each projection stands on the other gradient: (1/2, 1/2) + (0, 1), as in PCGrad."""
    weighting = UPGrad(TASKS)
    assert Quadratics().step(weighting) == pytest.approx([0.5, 1.5], abs=1e-5)
    assert weighting.weights == pytest.approx([2.0, 1.5], abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_upgrad_projects_onto_the_dual_cone(seed):
    """Each gradient becomes the nearest step that harms no task."""
    gradients = random_gradients(seed)
    gradients[1] -= gradients[0]
    harmless = {"type": "ineq", "fun": lambda d: gradients @ d, "jac": lambda d: gradients}
    expected = sum(
        optimize.minimize(
            lambda d, g=g: ((d - g) @ (d - g), 2 * (d - g)),
            g,
            jac=True,
            method="SLSQP",
            constraints=harmless,
            tol=1e-12,
        ).x
        for g in gradients
    )
    step = combined(UPGrad(TASKS * 2), gradients)
    assert step == pytest.approx(expected, abs=2e-4)
    assert (gradients @ step).min() > -1e-4


@pytest.mark.parametrize("name", [name for name, kind in WEIGHTINGS.items() if kind.by_task])
def test_a_head_learns_from_its_own_loss_alone(name):
    """GradNorm weighs it, by 1 in the first step. A parameter without a part in the step has a gradient of 0."""
    toy, head = Quadratics(), nn.Parameter(torch.tensor([1.0]))
    idle = nn.Parameter(torch.tensor([1.0]))
    losses = toy.losses() + torch.stack([3 * head[0] + 0 * idle[0], torch.zeros(())])
    weighting = WEIGHTINGS[name](TASKS)
    weighting.backward(losses, [toy.theta], [head, idle], lambda loss: loss.backward(), lambda value: value)
    assert head.grad.tolist() == [3.0] and idle.grad.tolist() == [0.0]


@pytest.mark.parametrize("name", [name for name, kind in WEIGHTINGS.items() if kind.by_task])
def test_gradients_lie_in_memory_as_their_parameters(name):
    conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    found = conv(torch.ones(2, 3, 5, 5)).mean((1, 2, 3))
    parameters = list(conv.parameters())
    WEIGHTINGS[name](TASKS).backward(found**2, parameters, [], lambda loss: loss.backward(), lambda value: value)
    assert all(p.grad.stride() == p.stride() for p in parameters)
    torch.optim.AdamW(parameters, fused=True).step()


@pytest.mark.parametrize("name", [name for name, kind in WEIGHTINGS.items() if kind.by_task])
def test_they_train_in_bfloat16(name):
    from lightning_fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    torch.manual_seed(0)
    trunk, heads = nn.Linear(4, 3), nn.ModuleList([nn.Linear(3, 1), nn.Linear(3, 1)])
    parameters = [*trunk.parameters(), *heads.parameters()]
    _, optimiser = fabric.setup(nn.ModuleList([trunk, heads]), torch.optim.AdamW(parameters, fused=True))
    x = torch.rand(8, 4)
    weighting = WEIGHTINGS[name](TASKS)
    with fabric.autocast():
        features = trunk(x)
        losses = torch.stack([(head(features).float() - i).square().mean() for i, head in enumerate(heads)])
    weighting.backward(losses, list(trunk.parameters()), list(heads.parameters()), fabric.backward, fabric.all_reduce)
    assert all(p.grad.dtype == torch.float32 and p.grad.abs().sum() > 0 for p in parameters)
    optimiser.step()


@pytest.mark.filterwarnings("ignore:You are solving a parameterized problem")
@pytest.mark.parametrize("seed", range(3))
def test_the_solvers_agree_with_those_of_torchjd(seed):
    pytest.importorskip("cvxpy", reason="torchjd's CAGrad and Nash-MTL need cvxpy")
    pytest.importorskip("ecos", reason="torchjd's Nash-MTL needs ecos")
    pytest.importorskip("quadprog", reason="torchjd's UPGrad needs quadprog")
    from torchjd import aggregation

    gradients = random_gradients(seed)
    rows = torch.from_numpy(gradients)
    tasks = TASKS * 2
    upgrad = 4 * aggregation.UPGrad()(rows).numpy()
    assert combined(UPGrad(tasks), gradients) == pytest.approx(upgrad, rel=0.01, abs=0.01)
    cagrad = 4 / 1.4 * aggregation.CAGrad(0.4)(rows).numpy()
    assert combined(CAGrad(tasks, c=0.4), gradients) == pytest.approx(cagrad, rel=0.01, abs=0.01)
    nash = aggregation.NashMTL(4, max_norm=0)(rows).numpy() * math.sqrt(np.linalg.norm(gradients @ gradients.T))
    assert combined(NashMTL(tasks), gradients) == pytest.approx(nash, rel=0.01, abs=0.02)
