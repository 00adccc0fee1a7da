"""Settings of the training loop, checked before anything begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fldbench.errors import MethodError, near_miss
from fldbench.params import TEXT, Rule, check_rules, one_of, optional, real, whole

RULES: Mapping[str, Rule] = {
    "optimiser": one_of(("adamw", "adam", "sgd")),
    "momentum": real(0, below=1),
    "weight_decay": real(0),
    "schedule": one_of(("one-cycle", "cosine", "constant")),
    "warm_up": real(0, below=1),
    "clip": real(0),
    "ema": real(0, below=1),
    "val_share": real(0, below=1),
    "growth": real(0, 1),
    "patience": optional(whole(1)),
    "precision": one_of(("32-true", "bf16-mixed", "16-mixed")),
    "accelerator": TEXT,
    "devices": whole(1),
    "num_nodes": whole(1),
    "threads": optional(whole(0)),
    "save_seconds": real(0),
}
CHANGE_NOTHING = ("threads", "save_seconds")  # settings that never change the weights


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the loop that a family's own parameters do not name; given as the dict `training`.

    Attributes
    ----------
    optimiser : {"adamw", "adam", "sgd"}
        "sgd" has Nesterov's momentum.
    momentum : float
        Of "sgd".
    weight_decay : float
        Of the weights, not of biases and norms. In Adam and SGD it is added to the gradient.
    schedule : {"one-cycle", "cosine", "constant"}
        Of the learning rate. "one-cycle": by a cosine up to the rate and down to nothing; "cosine": a straight line up,
        then the cosine; "constant": a straight line up, then level.
    warm_up : float
        Share of all steps in which the rate rises.
    clip : float
        Largest norm of the gradient; 0 does not clip.
    ema : float
        Decay of the average of the weights, such as 0.999. The average is then validated and kept. 0 takes none.
    val_share : float
        Share of the training faces, whole groups, that chooses the epoch. 0 trains on all faces and keeps the last
        epoch.
    growth : float
        Share of the epochs in which the crops grow from half of their size to the whole, in steps of 16 px. Small crops
        cost less, so the same time has more epochs. Only for networks that answer crops of any size, as `fld-net` does.
    patience : int or None
        Epochs without a better validation NME until training stops; None never stops early.
    precision : {"32-true", "bf16-mixed", "16-mixed"}
        Of the training; predictions are always in single precision.
    accelerator : str
        As Lightning Fabric names it: "auto", "cpu", "gpu", ...
    devices, num_nodes : int
        How many. Their processes are started here, or by torchrun or SLURM.
    threads : int or None
        That prepare inputs, in each process. None is one for each core; with 0 the training thread prepares them
        itself.
    save_seconds : float
        Least time between two checkpoints, if `fit` has a folder.
    """

    optimiser: str = "adamw"
    momentum: float = 0.9
    weight_decay: float = 1e-3
    schedule: str = "one-cycle"
    warm_up: float = 0.2
    clip: float = 5.0
    ema: float = 0.0
    val_share: float = 0.1
    growth: float = 0.0
    patience: int | None = None
    precision: str = "32-true"
    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    threads: int | None = None
    save_seconds: float = 30.0


def get_settings(given: Mapping[str, Any], label: str) -> Settings:
    """Return the settings that a dict gives, the others by default.

    Raises
    ------
    MethodError
        For a key or a value that is not allowed; the message begins with `label`.
    """
    known = {field.name for field in fields(Settings)}
    for key in given:
        if key not in known:
            raise MethodError(f"{label}: training has no setting {key!r}; {near_miss(str(key), known)}")
    check_rules(f"{label}: training", given, RULES, {})
    return Settings(**given)
