"""The growing state of a training, and its file on disk, so that an interrupted training can continue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn

from fldbench.cnn.training.checkpoint import (
    Tensors,
    optimiser_tensors,
    read_checkpoint,
    restore_optimiser,
    write_checkpoint,
)
from fldbench.cnn.training.objective import Objective
from fldbench.errors import CheckpointError

CHECKPOINT = "checkpoint.safetensors"


class State:
    """The history of a training and, with validation, the best weights so far.

    Attributes
    ----------
    history : list of dict
        One row per epoch, see `training_run.Trained`.
    best : dict of Tensor
        Weights of the best epoch; empty without a validation.
    best_epoch : int
        From 1; the last epoch without a validation.
    """

    def __init__(self):
        self.history: list[dict[str, Any]] = []
        self.best: Tensors = {}
        self.best_epoch = 0

    def add(self, row: dict[str, Any], network: nn.Module) -> None:
        """Add a row to the history, and keep the weights if its validation NME is the lowest so far."""
        nme = row["val_nme"]
        self.history.append(row)
        if nme is None:
            self.best_epoch = row["epoch"]
        elif not self.best_epoch or nme < self.history[self.best_epoch - 1]["val_nme"]:
            self.best, self.best_epoch = weights_of(network), row["epoch"]

    def stale(self, patience: int | None) -> bool:
        """Tell whether the best epoch lies `patience` epochs back."""
        return patience is not None and len(self.history) - self.best_epoch >= patience

    def keep(
        self,
        folder: Path,
        key: str,
        network: nn.Module,
        average: nn.Module,
        optimiser: torch.optim.Optimizer,
        objective: Objective,
    ) -> None:
        """Write the checkpoint of the training that `key` names; `average` may be the network itself."""
        parts = {
            "network": weights_of(network),
            "average": weights_of(average) if average is not network else {},
            "best": self.best,
            "optimiser": optimiser_tensors(optimiser),
            "objective": objective.state_dict(),
        }
        facts = {"key": key, "history": self.history, "best_epoch": self.best_epoch}
        write_checkpoint(folder / CHECKPOINT, parts, facts)

    @classmethod
    def resumed(
        cls,
        folder: Path,
        key: str,
        network: nn.Module,
        average: nn.Module,
        optimiser: torch.optim.Optimizer,
        objective: Objective,
    ) -> State:
        """Return the state in the folder's checkpoint and put its weights into place; a new state without a checkpoint.

        Raises
        ------
        CheckpointError
            For a checkpoint under another key.
        """
        state, path = cls(), folder / CHECKPOINT
        if not path.exists():
            return state
        parts, facts = read_checkpoint(path)
        if facts.get("key") != key:
            raise CheckpointError(
                f"{path} belongs to another training (other faces, parameters or version); "
                "delete it, or choose another folder"
            )
        try:
            known = _Progress.model_validate(facts)
            network.load_state_dict(parts["network"])
            if average is not network:
                average.load_state_dict(parts["average"])
            restore_optimiser(optimiser, parts.get("optimiser", {}))
            objective.load_state_dict(parts.get("objective", {}))
        except (KeyError, IndexError, ValueError, RuntimeError, TypeError, AttributeError) as error:
            why = " ".join(str(error).split())[:200]
            raise CheckpointError(f"{path} does not fit this network ({why}); delete it to restart") from error
        history = [row.model_dump() for row in known.history]
        state.history, state.best, state.best_epoch = history, parts.get("best", {}), known.best_epoch
        return state


class _Row(BaseModel):
    """One epoch in the history of a checkpoint; its other columns are numbers for the curves."""

    model_config = ConfigDict(extra="allow", strict=True)

    epoch: int
    val_nme: float | None


class _Progress(BaseModel):
    """The JSON values of a checkpoint."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: str
    history: list[_Row]
    best_epoch: int = Field(ge=0)

    @model_validator(mode="after")
    def _within(self) -> _Progress:
        if self.best_epoch > len(self.history):
            raise ValueError("the best epoch is none of the history's")
        return self


def weights_of(network: nn.Module) -> Tensors:
    """Return a copy, in main memory, of weights and statistics."""
    return {name: value.detach().to("cpu", copy=True) for name, value in network.state_dict().items()}
