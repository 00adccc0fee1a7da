"""Side tasks: the attributes that a network learns beside the landmarks, their losses and what these are measured by.

The objective is the sum of the losses of all tasks, or what a weighting makes of them (`fldbench.cnn.weighting`):

    landmarks   l, the loss of the points
    attribute   c l_a / h_a

l_a is the loss of an attribute (`fldbench.cnn.attribute_losses`), h_a that of the best answer that does not look at the
face, the frequencies of the classes, and c the loss of the points of a network that does not look either and answers
with the mean shape. So all tasks begin with about the same loss, whatever the loss of the points and the number of
classes, and the landmarks are trained on the same scale as alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from fldbench.cnn.attribute_losses import attribute_loss, class_weights, loss_of_frequencies
from fldbench.cnn.heads import LOGITS, Output
from fldbench.cnn.losses import masked_mean
from fldbench.cnn.training.batches import CropTable
from fldbench.faces import Attribute


@dataclass(frozen=True)
class SideTask:
    """One attribute as it is trained.

    Attributes
    ----------
    name, loss : str
        Of the attribute, and of its loss.
    class_weight : ndarray of float32, (k,)
        Those of the loss "balanced".
    frequencies : ndarray of float32, (k,)
        Shares of the classes among the training faces; with "balanced", under its weights.
    unseen : float
        h_a, the loss of answering with these frequencies.
    """

    name: str
    loss: str
    class_weight: np.ndarray
    frequencies: np.ndarray
    unseen: float


def side_tasks(
    table: CropTable, attributes: Mapping[str, Attribute], losses: Mapping[str, str]
) -> tuple[SideTask, ...]:
    """Return the side tasks of a training.

    Parameters
    ----------
    table : CropTable
        The training faces, with codes of the attributes in the same order.
    attributes : mapping of str to Attribute
    losses : mapping of str to str
        Of each attribute, as `check_attribute_loss` returns it.
    """
    tasks = []
    for column, (name, attribute) in enumerate(attributes.items()):
        kind, codes, k = losses[name], table.codes[:, column], len(attribute.classes)
        by_class = class_weights(codes, k, table.weight)
        known = codes >= 0
        shares = np.bincount(codes[known], table.weight[known], minlength=k) / table.weight[known].sum()
        shares = shares * by_class if kind == "balanced" else shares
        unseen = loss_of_frequencies(kind, codes, k, table.weight)
        tasks.append(SideTask(name, kind, by_class.astype(np.float32), shares.astype(np.float32), unseen))
    return tuple(tasks)


def begin_heads(network: nn.Module, tasks: Sequence[SideTask]) -> None:
    """Let the heads of a network begin with the frequencies of the classes."""
    for head, task in zip(network.attribute_heads if tasks else (), tasks, strict=True):
        head.begin_at(torch.from_numpy(task.frequencies))


def side_losses(
    tasks: Sequence[SideTask], output: Output, codes: torch.Tensor, weight: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of each side task for each face, in units of h_a, and what the face counts in it.

    Parameters
    ----------
    tasks : sequence of SideTask
    output : dict of Tensor
        The network's answer, with the logits of all tasks.
    codes : Tensor of int64, (b, T)
        -1 where it is not known.
    weight : Tensor, (b,)
        How much each face counts.

    Returns
    -------
    values, counted : Tensor, (b, T)
        Both 0 for a face whose code is not known. The loss of a task is sum(values * counted) / sum(counted).
    """
    values, counted = [], []
    for column, task in enumerate(tasks):
        mine, by_class = codes[:, column], torch.from_numpy(task.class_weight)
        values.append(attribute_loss(task.loss, output[LOGITS + task.name], mine, by_class) / task.unseen)
        counted.append((mine >= 0) * weight)
    return torch.stack(values, 1), torch.stack(counted, 1)


def means_of(values: torch.Tensor, counted: torch.Tensor, totals: torch.Tensor) -> torch.Tensor:
    """Return the loss of each side task, (T,): the weighted means of `side_losses`, by the given sums of weights (T,).

    A task that no face of the batch knows has the loss 0 and no gradient.
    """
    columns = range(values.shape[1])
    return torch.stack([masked_mean(values[:, i], counted[:, i], totals[i]) for i in columns])
