"""Weightings that multiply each loss by a number: one backward pass, whatever the number of tasks.

The formulas of DWA and FAMO are short, and are written here in place of torchjd's (`torchjd.scalarization`), which do
not know tasks that are missing in a batch, several processes or a state that can be kept; the tests compare both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from fldbench.cnn.training.checkpoint import optimiser_tensors, restore_optimiser
from fldbench.cnn.weighting.base import LossesOf, Reduce, Run, Weighting
from fldbench.params import kind, real

TINY = 1e-8
LEARNING_RATE = 0.025  # of the weights of GradNorm and FAMO, as in both papers
LEAST = 0.01  # weight of a task in GradNorm: a step must not turn a loss around


class Equal(Weighting):
    """The sum of the losses, or unitary scalarisation: what all others are measured against."""

    def backward(
        self,
        losses: torch.Tensor,
        shared: Sequence[nn.Parameter],
        heads: Sequence[nn.Parameter],
        run: Run,
        reduce: Reduce,
    ) -> None:
        self.note(torch.ones(len(losses)))
        run(losses.sum())


class LossWeighting(Weighting):
    """The sum of the losses times weights that are constants of the step; a child writes `weigh`."""

    def weigh(self, losses: torch.Tensor) -> torch.Tensor:
        """Return the weights (m,) for the losses (m,) of the whole batch, both in main memory."""
        raise NotImplementedError

    def backward(
        self,
        losses: torch.Tensor,
        shared: Sequence[nn.Parameter],
        heads: Sequence[nn.Parameter],
        run: Run,
        reduce: Reduce,
    ) -> None:
        weights = self.weigh(_whole(losses, reduce))
        self.note(weights)
        run((weights.to(losses) * losses).sum())


class Fixed(LossWeighting):
    """Weights that the user gives; 1 for the tasks that are not named."""

    settings = {"weights": kind(dict, allowed="a dict of task -> number from 0")}

    def __init__(self, tasks: Sequence[str], random_state: int = 0, weights: Mapping[str, float] | None = None):
        super().__init__(tasks, random_state)
        self.fixed = torch.tensor([float((weights or {}).get(task, 1)) for task in self.tasks])

    def weigh(self, losses: torch.Tensor) -> torch.Tensor:
        return self.fixed


class DWA(LossWeighting):
    """Dynamic weight average (Liu, Johns & Davison 2019): m softmax(r / T), r the ratio of a task's last two losses.

    The losses are the means of the last two epochs; in the first two epochs all weights are 1.
    """

    settings = {"temperature": real(above=0)}

    def __init__(self, tasks: Sequence[str], random_state: int = 0, temperature: float = 2.0):
        super().__init__(tasks, random_state)
        self.temperature = temperature
        self.epochs = torch.zeros(0, len(self.tasks))  # mean losses of the last two epochs, the older first

    def weigh(self, losses: torch.Tensor) -> torch.Tensor:
        if len(self.epochs) < 2:
            return torch.ones(len(self.tasks))
        older, newer = self.epochs
        ratio = torch.where(older > 0, newer / older.clamp(min=TINY), 1.0)
        return len(self.tasks) * torch.softmax(ratio / self.temperature, 0)

    def after_epoch(self, losses: torch.Tensor) -> None:
        super().after_epoch(losses)
        self.epochs = torch.cat([self.epochs, losses.detach().cpu().float()[None]])[-2:]

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"epochs": self.epochs.clone()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        self.epochs = state["epochs"].clone()


class FAMO(LossWeighting):
    """Fast adaptive multi-task optimisation (Liu et al. 2023): losses fall at one rate, as shares of themselves.

    The weights are m c z_i / L_i with z = softmax(logits) and c such that they sum to m. After the step, one step of
    Adam raises the logits of the tasks whose logarithm of the loss fell least in it.
    """

    def __init__(self, tasks: Sequence[str], random_state: int = 0):
        super().__init__(tasks, random_state)
        self.logits = nn.Parameter(torch.zeros(len(self.tasks)))
        self.optimiser = torch.optim.Adam([self.logits], lr=LEARNING_RATE, weight_decay=1e-3)
        self.before = torch.zeros(len(self.tasks))

    def weigh(self, losses: torch.Tensor) -> torch.Tensor:
        self.before, known = losses, losses > 0
        share = torch.softmax(self.logits.detach(), 0) * known / (losses + TINY)
        return known.sum() * share / share.sum().clamp(min=TINY)

    def after_step(self, losses: LossesOf) -> None:
        after = losses().detach().cpu().float()
        fell = torch.where(self.before > 0, torch.log(self.before + TINY) - torch.log(after + TINY), 0.0)
        with torch.enable_grad():
            (self.logits.grad,) = torch.autograd.grad(torch.softmax(self.logits, 0), self.logits, fell)
        self.optimiser.step()

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"logits": self.logits.detach().clone(), **_memory(self.optimiser)}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        _restore(self.logits, "logits", self.optimiser, state)


class Uncertainty(Weighting):
    """One learned log-variance s per task (Kendall, Gal & Cipolla 2018): the sum of exp(-s) L + s.

    Twice the paper's, whose halves would halve the first steps; the paper's further factor of 2 between regression and
    classification has no meaning for losses of one size.
    """

    def __init__(self, tasks: Sequence[str], random_state: int = 0):
        super().__init__(tasks, random_state)
        self.log_variance = nn.Parameter(torch.zeros(len(self.tasks)))
        self.parameters = [self.log_variance]

    def backward(
        self,
        losses: torch.Tensor,
        shared: Sequence[nn.Parameter],
        heads: Sequence[nn.Parameter],
        run: Run,
        reduce: Reduce,
    ) -> None:
        known = _whole(losses, reduce).to(losses) > 0
        weights = torch.exp(-self.log_variance)
        self.note(weights)
        run((weights * losses + self.log_variance * known).sum())
        self.log_variance.grad = reduce(self.log_variance.grad)

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"log_variance": self.log_variance.detach().clone()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        self.log_variance.data.copy_(state["log_variance"])


class GradNorm(Weighting):
    """Weights under which the tasks' gradients have norms that fit how far each has learned (Chen et al. 2018).

    The norms are those of w_i grad L_i at the last shared layer (the last weights of `shared` that are no bias): a
    backward pass through the heads and that layer alone. The wanted norm is their mean times (L_i / L_i(0))^alpha, as a
    share of its mean. One step of Adam lowers the sum of the absolute differences, and the weights are scaled to sum
    to m.
    """

    settings = {"alpha": real(0)}
    by_task = True

    def __init__(self, tasks: Sequence[str], random_state: int = 0, alpha: float = 1.5):
        super().__init__(tasks, random_state)
        self.alpha = alpha
        self.free = nn.Parameter(torch.ones(len(self.tasks)))
        self.optimiser = torch.optim.Adam([self.free], lr=LEARNING_RATE)
        self.first = torch.zeros(len(self.tasks))  # the first loss of each task; 0 where there was none yet

    def backward(
        self,
        losses: torch.Tensor,
        shared: Sequence[nn.Parameter],
        heads: Sequence[nn.Parameter],
        run: Run,
        reduce: Reduce,
    ) -> None:
        values, weights = _whole(losses, reduce), self.free.detach().clone()
        self.note(weights)
        layer = next((p for p in reversed(shared) if p.ndim > 1), None)
        if layer is not None:
            rows = [
                torch.autograd.grad(loss, layer, retain_graph=True, allow_unused=True, materialize_grads=True)[
                    0
                ].flatten()
                for loss in losses
            ]
            self._learn(values, torch.linalg.vector_norm(reduce(torch.stack(rows)).float(), dim=1).cpu())
        run((weights.to(losses) * losses).sum())
        for p in (*shared, *heads):
            p.grad.copy_(reduce(p.grad))

    def _learn(self, losses: torch.Tensor, norms: torch.Tensor) -> None:
        """Update the weights from the losses (m,) and the norms (m,) of their gradients without weights."""
        known = (losses > 0) & (norms > 0)
        self.first = torch.where(known & (self.first == 0), losses, self.first)
        if known.sum() < 2:
            return
        weighted = (self.free.detach() * norms)[known]
        pace = losses[known] / self.first[known]
        wanted = weighted.mean() * (pace / pace.mean()).pow(self.alpha)
        self.free.grad = torch.zeros_like(self.free)
        self.free.grad[known] = torch.sign(weighted - wanted) * norms[known]
        self.optimiser.step()
        with torch.no_grad():
            self.free.clamp_(min=LEAST)
            self.free.mul_(len(self.tasks) / self.free.sum())

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"weights": self.free.detach().clone(), "first": self.first.clone(), **_memory(self.optimiser)}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        _restore(self.free, "weights", self.optimiser, state)
        self.first = state["first"].clone()


def _whole(losses: torch.Tensor, reduce: Reduce) -> torch.Tensor:
    """Return the losses of the whole batch, in main memory."""
    return reduce(losses.detach()).cpu().float()


def _memory(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in optimiser_tensors(optimiser).items()}


def _restore(
    parameter: nn.Parameter, name: str, optimiser: torch.optim.Optimizer, state: Mapping[str, torch.Tensor]
) -> None:
    parameter.data.copy_(state[name])
    restore_optimiser(optimiser, {key: value for key, value in state.items() if key.startswith("0.")})
