"""Settings of the training loop, checked before anything begins."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from fldbench.errors import MethodError, near_miss
from fldbench.params import count_threads

OPTIMISERS = ("adamw", "adam", "sgd")
SCHEDULES = ("one-cycle", "cosine", "constant")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class Training:
    """Settings of the loop that a family's own parameters do not name; given as the dict `training`.

    optimiser     "adamw", "adam" or "sgd" (with Nesterov's momentum)
    momentum      of "sgd"
    weight_decay  of the weights, not of biases and norms; in Adam and SGD it is added to the gradient
    schedule      "one-cycle": by a cosine up to the rate and down to nothing; "cosine": a straight line up, then the
                  cosine; "constant": a straight line up, then level
    warm_up       share of all steps in which the rate rises
    clip          largest norm of the gradient; 0 is none
    ema           decay of the average of the weights, such as 0.999, which is then validated and kept; 0 is none
    val_share     share of the training faces, whole groups, that chooses the epoch; 0 trains on all, keeps the last
    patience      epochs without a better validation NME until training stops; None never stops
    precision     "32-true", "bf16-mixed" or "16-mixed"
    accelerator   as Lightning Fabric has it: "auto", "cpu", "gpu", ...
    devices, num_nodes   how many; their processes are started here, or by torchrun or SLURM
    threads       that prepare inputs, in each process; None is one a core, 0 the training thread itself
    save_seconds  least time between two checkpoints, where `fit` was given a folder
    """

    optimiser: str = "adamw"
    momentum: float = 0.9
    weight_decay: float = 1e-3
    schedule: str = "one-cycle"
    warm_up: float = 0.2
    clip: float = 5.0
    ema: float = 0.0
    val_share: float = 0.1
    patience: int | None = None
    precision: str = "32-true"
    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    threads: int | None = None
    save_seconds: float = 30.0


def get_training(given: dict[str, Any], name: str) -> Training:
    """The settings by a dict; raises MethodError, naming the method, for a key or value that is not allowed."""
    known = {field.name for field in fields(Training)}
    for key in given:
        if key not in known:
            raise MethodError(f"{name}: training has no setting {key!r}; {near_miss(key, known)}")
    settings = Training(**given)
    for key, allowed in {"optimiser": OPTIMISERS, "schedule": SCHEDULES, "precision": PRECISIONS}.items():
        if getattr(settings, key) not in allowed:
            raise MethodError(f"{name}: {key} is {getattr(settings, key)!r}; allowed: {', '.join(allowed)}")
    limits = {
        "momentum": (0, 1),
        "weight_decay": (0, math.inf),
        "warm_up": (0, 1),
        "clip": (0, math.inf),
        "ema": (0, 1),
        "val_share": (0, 1),
        "save_seconds": (0, math.inf),
    }
    for key, (low, high) in limits.items():
        value = getattr(settings, key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value < high:
            raise MethodError(f"{name}: {key} is {value!r}; allowed is a number from {low}, below {high}")
    for key in ("devices", "num_nodes", "patience"):
        value = getattr(settings, key)
        if not (key == "patience" and value is None) and (type(value) is not int or value < 1):
            raise MethodError(f"{name}: {key} is {value!r}; allowed is a whole number from 1")
    count_threads(settings.threads, least=0)
    return settings
