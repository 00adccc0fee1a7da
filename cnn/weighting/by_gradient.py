"""Weightings that combine the gradients of the tasks: m backward passes.

All of them need only the Gramian of the gradients with respect to the shared parameters. torchjd computes the weights
of PCGrad, MGDA and UPGrad from it, and `solvers` those that would need more than torch and SciPy. A head learns from
its own loss alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torchjd.aggregation import MGDAWeighting, PCGradWeighting, UPGradWeighting

from fldbench.cnn.weighting.base import Reduce, Run, Weighting
from fldbench.cnn.weighting.solvers import NonNegativeProjector, cagrad_weights, nash_weights
from fldbench.params import real

VANISHED = 1e-12  # squared norm of a gradient, as a share of the largest: such a task has no direction


class GradientWeighting(Weighting):
    """A weighted sum of the gradients of the tasks; a child writes `weigh`."""

    by_task = True

    def weigh(self, gramian: torch.Tensor) -> torch.Tensor:
        """Return weights (k,) for the Gramian (k, k) of the k tasks that have a gradient, in main memory."""
        raise NotImplementedError

    def backward(
        self,
        losses: torch.Tensor,
        shared: Sequence[nn.Parameter],
        heads: Sequence[nn.Parameter],
        run: Run,
        reduce: Reduce,
    ) -> None:
        matrix = torch.empty((len(losses), sum(p.numel() for p in shared)), device=losses.device)
        own = torch.zeros(sum(p.numel() for p in heads), device=losses.device)
        for i, loss in enumerate(losses):
            last = i + 1 == len(losses)
            found = torch.autograd.grad(
                loss, [*shared, *heads], retain_graph=not last, allow_unused=True, materialize_grads=True
            )
            matrix[i] = _flat(found[: len(shared)])
            own += _flat(found[len(shared) :])
        matrix = reduce(matrix)
        weights = self.combine((matrix @ matrix.T).cpu())
        self.note(weights)
        _put(shared, weights.to(matrix) @ matrix)
        _put(heads, reduce(own))

    def combine(self, gramian: torch.Tensor) -> torch.Tensor:
        """Return the weights (m,) for a Gramian (m, m); 0 for tasks without a gradient."""
        size = gramian.diagonal()
        known = torch.nonzero(size > VANISHED * size.max()).flatten()
        weights = torch.zeros_like(size)
        if len(known) == 1:
            weights[known] = 1.0
        elif len(known):
            weights[known] = self.weigh(gramian[known][:, known]).to(weights)
        return weights


class PCGrad(GradientWeighting):
    """Each gradient without its parts that conflict with the others, in random order (Yu et al. 2020).

    The order comes from random_state and the number of the step, the same in all processes.
    """

    def __init__(self, tasks: Sequence[str], random_state: int = 0):
        super().__init__(tasks, random_state)
        self.step = 0
        self.solve = PCGradWeighting()

    def weigh(self, gramian: torch.Tensor) -> torch.Tensor:
        seed = int(np.random.SeedSequence((self.random_state, self.step)).generate_state(1)[0])
        self.step += 1
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(seed)
            return self.solve(gramian)

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"step": torch.tensor(self.step)}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        self.step = int(state["step"])


class MGDA(GradientWeighting):
    """The shortest convex combination of the gradients, times the number of tasks (Sener & Koltun 2018)."""

    def __init__(self, tasks: Sequence[str], random_state: int = 0):
        super().__init__(tasks, random_state)
        self.solve = MGDAWeighting()

    def weigh(self, gramian: torch.Tensor) -> torch.Tensor:
        return len(gramian) * self.solve(gramian / gramian.diagonal().max())


class CAGrad(GradientWeighting):
    """The step, near the mean gradient, that helps the task worst off most (Liu et al. 2021).

    Times m / (1 + c), which makes it as long as the sum where the tasks agree.
    """

    settings = {"c": real(0, below=1)}

    def __init__(self, tasks: Sequence[str], random_state: int = 0, c: float = 0.4):
        super().__init__(tasks, random_state)
        self.c = c

    def weigh(self, gramian: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(len(gramian) / (1 + self.c) * cagrad_weights(gramian.double().numpy(), self.c))


class NashMTL(GradientWeighting):
    """The bargaining solution: every task gains the same share of what it can gain (Navon et al. 2022).

    The solution's step has the length sqrt(m), whatever the gradients are. It is scaled by the root of the Gramian's
    norm: so the step becomes small as the gradients do, and is the sum where the tasks agree.
    """

    def weigh(self, gramian: torch.Tensor) -> torch.Tensor:
        gram = gramian.double().numpy()
        return torch.from_numpy(np.sqrt(np.linalg.norm(gram)) * nash_weights(gram))


class UPGrad(GradientWeighting):
    """The sum of the gradients, each projected so that it conflicts with none (Quinton & Rey 2024)."""

    def __init__(self, tasks: Sequence[str], random_state: int = 0):
        super().__init__(tasks, random_state)
        self.solve = UPGradWeighting(projector=NonNegativeProjector())

    def weigh(self, gramian: torch.Tensor) -> torch.Tensor:
        return len(gramian) * self.solve(gramian)


def _flat(gradients: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients]) if gradients else torch.zeros(0)


def _put(parameters: Sequence[nn.Parameter], gradient: torch.Tensor) -> None:
    """Set the gradients of parameters from one vector, laid out in memory as the parameters (fused optimisers)."""
    for p, part in zip(parameters, gradient.split([p.numel() for p in parameters]), strict=True):
        p.grad = torch.empty_like(p).copy_(part.view(p.shape))
