"""Task-wise early stopping of TCDCN (Zhang, Luo, Loy & Tang 2014, eq. 5): a task leaves the training when it overfits.

A task that has learned what it can give to the landmarks would only pull the shared layers towards its own training
faces. The criterion of a task is the product of two factors:

    settled = k med(E_tr) / (sum(E_tr) - k med(E_tr)) over the last k epochs, large where its training loss stands still
    gap = (E_val - min E_tr) / (lambda min E_tr) with its last validation loss and its least training loss so far

E_tr and E_val are its mean losses of each epoch, lambda is its weight. The task stops when the product exceeds a
threshold. The landmarks never stop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import torch

from fldbench.errors import MethodError, must_be, near_miss
from fldbench.params import check_rules, real, whole

RULES = {"window": whole(2), "threshold": real(above=0)}
WITH = ("equal", "fixed")  # weightings whose weights are constants
SMALLEST = 1e-9  # of a denominator, as a share of its numerator


def factors(train: Sequence[float], val: float, window: int, weight: float) -> tuple[float, float]:
    """Return the two factors of the criterion.

    Parameters
    ----------
    train : sequence of float
        The task's mean training loss of each epoch so far, at least `window` of them.
    val : float
        Its validation loss of the last epoch.
    window : int
        k, epochs.
    weight : float
        lambda, above 0.

    Returns
    -------
    settled, gap : float
        Finite for finite losses, also where a denominator is 0.

    Examples
    --------
    >>> factors([4.0, 2.0, 1.0], 1.5, 3, 1.0)
    (6.0, 0.5)
    """
    last = list(train[-window:])
    middle, least = window * median(last), min(train)
    moved = sum(last) - middle
    if abs(moved) < (floor := SMALLEST * max(middle, SMALLEST)):
        moved = floor
    excess = val - least
    return max(middle, SMALLEST) / moved, excess / max(weight * least, SMALLEST * abs(excess), SMALLEST)


class TaskStopping:
    """Which tasks still train.

    Parameters
    ----------
    tasks : sequence of str
        "landmarks" first.
    weights : sequence of float
        Constant weights of the tasks in the loss. A task of weight 0 has nothing to stop.
    window : int
    threshold : float

    Attributes
    ----------
    stopped : dict of str -> int
        The epoch, from 1, after which each task stopped.
    """

    def __init__(self, tasks: Sequence[str], weights: Sequence[float], window: int, threshold: float):
        self.tasks, self.weights = tuple(tasks), tuple(weights)
        self.window, self.threshold = window, threshold
        self.train: list[list[float]] = []
        self.stopped: dict[str, int] = {}

    @property
    def going(self) -> torch.Tensor:
        """(m,) float: 1 for a task that trains, 0 for one that has stopped; what to multiply the losses with."""
        return torch.tensor([0.0 if task in self.stopped else 1.0 for task in self.tasks])

    def after_epoch(self, train: Sequence[float], val: Sequence[float]) -> list[str]:
        """Take the mean losses (m,) of an epoch, and return one line for each task that stops now."""
        self.train.append([float(value) for value in train])
        epoch, lines = len(self.train), []
        if epoch < self.window:
            return lines
        for i, task in enumerate(self.tasks):
            if i == 0 or task in self.stopped or self.weights[i] == 0:
                continue
            own = [row[i] for row in self.train]
            settled, gap = factors(own, val[i], self.window, self.weights[i])
            if settled * gap > self.threshold:
                self.stopped[task] = epoch
                lines.append(
                    f"{task} stops after epoch {epoch}: its training loss has settled ({settled:.3g} over the last "
                    f"{self.window} epochs) while its validation loss {val[i]:.3g} is above its least training loss "
                    f"{min(own):.3g} (gap {gap:.3g}); {settled:.3g} x {gap:.3g} = {settled * gap:.3g} exceeds the "
                    f"threshold {self.threshold:g}"
                )
        return lines

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return everything that decides the coming epochs."""
        train = torch.tensor(self.train, dtype=torch.float64).reshape(-1, len(self.tasks))
        return {"train": train, "stopped": torch.tensor([self.stopped.get(task, 0) for task in self.tasks])}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take what `state_dict` returned."""
        self.train = state["train"].tolist()
        epochs = state["stopped"].tolist()
        self.stopped = {task: epoch for task, epoch in zip(self.tasks, epochs, strict=True) if epoch}


def check_task_stopping(value: Mapping[str, Any] | None, weighting: str | Mapping[str, Any], label: str) -> None:
    """Check the parameter `task_stopping`: None, or a dict with "window" and "threshold".

    Raises
    ------
    MethodError
        For anything else, and with a weighting whose weights change: those decide themselves how much a task counts.
        The message begins with `label`.
    """
    if value is None:
        return
    allowed = "None or a dict with window and threshold"
    if not isinstance(value, Mapping):
        raise MethodError(must_be(label, "task_stopping", value, allowed))
    for key in value:
        if key not in RULES:
            raise MethodError(f"{label}: task_stopping has no setting {key!r}; {near_miss(str(key), RULES)}")
    if missing := [key for key in RULES if key not in value]:
        raise MethodError(must_be(label, "task_stopping", dict(value), allowed, f"add {missing[0]}"))
    check_rules(f"{label}: task_stopping", value, RULES, {})
    name = weighting.get("name") if isinstance(weighting, Mapping) else weighting
    if name not in WITH:
        raise MethodError(
            f"{label}: task_stopping with the weighting {name!r}, which decides itself how much each task counts; "
            f"choose weighting 'equal' or 'fixed', or leave task_stopping None"
        )
