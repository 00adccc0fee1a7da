"""What goes into a training, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fldbench.cnn.training.augment import Ranges
from fldbench.cnn.training.batches import CropTable
from fldbench.cnn.training.settings import Settings
from fldbench.cnn.training.side_tasks import SideTask


@dataclass
class TrainingRun:
    """One whole training: everything that `train_network` and its other processes need.

    Attributes
    ----------
    name : str
        Of the method, for messages.
    network : nn.Module
    train : CropTable
    val : CropTable or None
        Crops without a margin.
    val_scale : ndarray, (n_val,), or None
        Normaliser of each validation face's error, in units of the frame.
    ranges : Ranges
        Of the augmentation.
    mirror : ndarray of int, (L,)
        The point that each point becomes in the mirror image.
    normalise, loss : str
        Names, see `view.normalised` and `losses`.
    epochs, batch_size : int
    learning_rate : float
        The peak of the schedule.
    random_state : int
    settings : Settings
    side_tasks : tuple of SideTask
        The attributes that are learned beside the landmarks.
    weighting, task_stopping
        The parameters of `NetworkMethod`.
    folder : Path or None
        For the checkpoint; None keeps none.
    key : str
        Digest of everything that decides the weights: a checkpoint with another key is refused.
    """

    name: str
    network: nn.Module
    train: CropTable
    val: CropTable | None
    val_scale: np.ndarray | None
    ranges: Ranges
    mirror: np.ndarray
    normalise: str
    loss: str
    epochs: int
    batch_size: int
    learning_rate: float
    random_state: int
    settings: Settings
    side_tasks: tuple[SideTask, ...]
    weighting: str | dict[str, Any]
    task_stopping: dict[str, Any] | None
    folder: Path | None
    key: str


@dataclass
class Trained:
    """The result of a training.

    Attributes
    ----------
    weights : dict of Tensor
        In main memory.
    history : list of dict
        One row per epoch: epoch, loss of the landmarks, loss_px (None for losses of maps), val_nme (percent, None
        without validation), learning_rate at its end, seconds and images_per_second of its training. With attributes
        also what `objective.Objective.row` adds.
    best_epoch : int
    device : str
    """

    weights: dict[str, torch.Tensor]
    history: list[dict[str, Any]]
    best_epoch: int
    device: str
