"""What every weighting is: how the losses of several tasks become one step of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import nn

from fldbench.params import Rule

LossesOf = Callable[[], torch.Tensor]
Run = Callable[[torch.Tensor], None]
Reduce = Callable[[torch.Tensor], torch.Tensor]


class Weighting:
    """How the losses of m tasks become one step.

    Task 0 is the landmarks. Losses are finite, not negative, and of about size one at the beginning. A loss of exactly
    0 belongs to a task of which nothing is known in the batch: every weighting leaves that task out of the step.

    Every weighting is scaled so that m tasks with the same loss and gradient make the step of "equal".

    With several processes, a loss is such that its mean over the processes is the loss of the whole batch.

    Attributes
    ----------
    tasks : tuple of str
    parameters : list of nn.Parameter
        Learned with the network, by its optimiser and without weight decay; mostly none.
    by_task : bool
        Of the class: whether it takes the gradients of the tasks one by one, by `torch.autograd.grad`. Then `backward`
        itself brings the gradients of the processes together, and the losses must come from the network itself (under
        autocast), not from a wrapper that does so, and without a gradient scaler.
    settings : dict of str to Rule
        Of the class: what a user may set.
    """

    settings: ClassVar[Mapping[str, Rule]] = {}
    by_task: ClassVar[bool] = False

    def __init__(self, tasks: Sequence[str], random_state: int = 0):
        self.tasks = tuple(tasks)
        self.random_state = random_state
        self.parameters: list[nn.Parameter] = []
        self._sum, self._steps, self._over = torch.zeros(len(self.tasks), dtype=torch.float64), 0, False

    def backward(
        self,
        losses: torch.Tensor,
        shared: Sequence[nn.Parameter],
        heads: Sequence[nn.Parameter],
        run: Run,
        reduce: Reduce,
    ) -> None:
        """Leave the gradient of one step in `.grad` of all parameters, where there is none before.

        Parameters
        ----------
        losses : Tensor, (m,)
            Of the batch, with their graph.
        shared : sequence of nn.Parameter
            What the tasks share, from the first layer to the last; those that learn.
        heads : sequence of nn.Parameter
            What belongs to one task; those that learn.
        run : callable
            Runs the backward pass of a scalar.
        reduce : callable
            Returns the mean of a tensor over the processes.
        """
        raise NotImplementedError

    def after_step(self, losses: LossesOf) -> None:
        """Learn from the losses (m,) of the same batch after the step, the mean over the processes."""

    def after_epoch(self, losses: torch.Tensor) -> None:
        """Learn from the mean training losses (m,) of the epoch that ends."""
        self._over = True

    @property
    def weights(self) -> list[float] | None:
        """The weight of each task in the gradient, the mean over the steps of the epoch; None before the first step."""
        return (self._sum / self._steps).tolist() if self._steps else None

    def to(self, device: torch.device | str) -> Weighting:
        """Move the parameters to a device, in place; all else stays in main memory."""
        for parameter in self.parameters:
            parameter.data = parameter.data.to(device)
        return self

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return everything that decides the coming steps, at the end of an epoch."""
        return {}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take what `state_dict` returned."""

    def note(self, weights: torch.Tensor) -> None:
        """Add the weights (m,) of a step to their mean over the epoch."""
        if self._over:
            self._sum, self._steps, self._over = torch.zeros_like(self._sum), 0, False
        self._sum += weights.detach().to(self._sum)
        self._steps += 1
