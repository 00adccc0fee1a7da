"""The objective of a training: losses of landmarks and attributes, and the gradient that a weighting makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from fldbench.cnn.heads import Output, as_output
from fldbench.cnn.layers import in_head
from fldbench.cnn.training.checkpoint import Tensors
from fldbench.cnn.training.side_tasks import means_of, side_losses
from fldbench.cnn.training.task_stopping import TaskStopping
from fldbench.cnn.training.training_run import TrainingRun
from fldbench.cnn.training.validation import Validation, unseen_loss
from fldbench.cnn.weighting.choice import check_weighting, get_weighting
from fldbench.params import LANDMARKS

if TYPE_CHECKING:
    from lightning_fabric import Fabric

BALANCED = "val_balanced_accuracy:"  # begins the columns of the history that hold it, percent


class Objective:
    """What a step of training follows. Without side tasks it is the loss of the landmarks alone.

    Parameters
    ----------
    run : TrainingRun

    Attributes
    ----------
    parameters : list of nn.Parameter
        Those of the weighting, which are learned with the network.
    """

    def __init__(self, run: TrainingRun):
        self._run, self._tasks = run, run.side_tasks
        self._names = (LANDMARKS, *(task.name for task in run.side_tasks))
        self._weighting = get_weighting(run.weighting, self._names, run.random_state, run.name) if self._tasks else None
        self._stopping = None
        if self._tasks and run.task_stopping is not None:
            _, settings = check_weighting(run.weighting, self._names, run.name)
            weights = [settings.get("weights", {}).get(name, 1.0) for name in self._names]
            self._stopping = TaskStopping(self._names, weights, **run.task_stopping)
        self.parameters: list[nn.Parameter] = [] if self._weighting is None else self._weighting.parameters

    def begin(self, network: nn.Module, fabric: Fabric, layout: torch.memory_format) -> None:
        """Take the network as it is before the first step, which says on what scale side tasks are trained."""
        self._fabric = fabric
        if self._weighting is None:
            return
        self._scale = unseen_loss(network, self._run, layout)
        free = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        self._shared = [p for name, p in free if not in_head(name)]
        self._heads = [p for name, p in free if in_head(name)]
        self._weighting.to(fabric.device)
        self._sums = torch.zeros(2, len(self._tasks), device=fabric.device)  # of losses and of weights, this epoch

    def answer(self, network: nn.Module, plain: nn.Module, crops: torch.Tensor) -> Output:
        """Return the network's answer for a step: of the network as Fabric wrapped it, or of the plain one.

        The gradients of single tasks can only be taken through the latter.
        """
        if self._weighting is None or not self._weighting.by_task:
            return as_output(network(crops))
        with self._fabric.autocast():
            answer = as_output(plain(crops))
        return {name: value.float() for name, value in answer.items()}

    def backward(self, loss: torch.Tensor, output: Output, codes: torch.Tensor, face_weight: torch.Tensor) -> None:
        """Leave the gradient of a step in the parameters.

        Parameters
        ----------
        loss : Tensor
            Of the landmarks: this process's share of the mean over the whole batch.
        output : dict of Tensor
        codes : Tensor of int64, (b, T)
        face_weight : Tensor, (b,)
        """
        shares = self._fabric.world_size  # Fabric takes the mean over the processes
        if self._weighting is None:
            self._fabric.backward(loss * shares)
            return
        losses, sums = self._losses(loss, output, codes, face_weight)
        self._sums += sums
        self._weighting.backward(losses * shares, self._shared, self._heads, self._fabric.backward, self._mean)

    def after_step(self, again: Callable[[], tuple[torch.Tensor, Output, torch.Tensor, torch.Tensor]]) -> None:
        """Tell the weighting, if it asks, the losses of the same batch after the step.

        Parameters
        ----------
        again : callable
            Returns the arguments of `backward` for the network as it is now.
        """

        def losses() -> torch.Tensor:
            with torch.no_grad():
                found, _ = self._losses(*again())
            return self._fabric.all_reduce(found, reduce_op="sum")

        if self._weighting is not None:
            self._weighting.after_step(losses)

    def after_epoch(self, loss: float, found: Validation) -> dict[str, Any]:
        """End an epoch, and return the columns of its row in the history; none without side tasks.

        Parameters
        ----------
        loss : float
            Mean loss of the landmarks in the epoch.
        found : Validation

        Returns
        -------
        dict
            loss:NAME of each attribute in units of h_a (see `side_tasks`), val_loss:NAME and
            val_balanced_accuracy:NAME (percent; None without validation), weight:NAME of each task where the weighting
            has weights, and stopped: a line on the attributes that are not trained from now on, or an empty string.
        """
        if self._weighting is None:
            return {}
        sums = self._fabric.all_reduce(self._sums, reduce_op="sum")
        self._sums = torch.zeros_like(self._sums)
        means = (sums[0] / sums[1].clamp(min=1e-6)).tolist()
        weights = self._weighting.weights  # in this epoch
        self._weighting.after_epoch(torch.tensor([loss, *(self._scale * mean for mean in means)]))
        row: dict[str, Any] = {}
        for i, task in enumerate(self._tasks):
            row[f"loss:{task.name}"] = means[i]
            row[f"val_loss:{task.name}"] = _number(found.losses, i)
            row[BALANCED + task.name] = _number(found.balanced_accuracies, i)
        if weights is not None:
            row |= {f"weight:{name}": weight for name, weight in zip(self._names, weights, strict=True)}
        row["stopped"] = ""
        if self._stopping is not None:
            sides = [row[f"val_loss:{task.name}"] for task in self._tasks]
            val = [math.nan if one is None else one for one in (found.nme, *sides)]
            row["stopped"] = "; ".join(self._stopping.after_epoch([loss, *means], val))
        return row

    def state_dict(self) -> Tensors:
        """Return everything that decides the coming epochs, for a checkpoint."""
        parts = {"weighting": self._weighting, "stopping": self._stopping}
        return {
            f"{part}.{name}": value
            for part, owner in parts.items()
            if owner is not None
            for name, value in owner.state_dict().items()
        }

    def load_state_dict(self, state: Tensors) -> None:
        """Take back what `state_dict` gave."""
        for part, owner in {"weighting.": self._weighting, "stopping.": self._stopping}.items():
            if owner is not None:
                mine = {name.removeprefix(part): value for name, value in state.items() if name.startswith(part)}
                owner.load_state_dict(mine)

    def _losses(
        self, loss: torch.Tensor, output: Output, codes: torch.Tensor, face_weight: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the losses of all tasks, (1 + T,), and the sums of those of the attributes and of weights, (2, T)."""
        values, counted = side_losses(self._tasks, output, codes, face_weight)
        own = counted.sum(0)
        totals = self._fabric.all_reduce(own.clone(), reduce_op="sum")  # it changes what it is given
        side = means_of(values, counted, totals)
        sums = torch.stack([side.detach() * totals, own])
        if self._stopping is not None:  # without a graph, so that the optimiser leaves their heads alone
            going = [name not in self._stopping.stopped for name in self._names[1:]]
            side = torch.stack([one if on else 0 * one.detach() for one, on in zip(side, going, strict=True)])
        return torch.cat([loss[None], self._scale * side]), sums

    def _mean(self, x: torch.Tensor) -> torch.Tensor:
        return self._fabric.all_reduce(x.clone(), reduce_op="mean")


def _number(values: Sequence[float], i: int) -> float | None:
    """Return a value of the validation, None where there is none."""
    return float(values[i]) if i < len(values) and values[i] == values[i] else None
