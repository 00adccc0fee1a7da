"""The parameter `weighting` of networks: its names, its settings, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fldbench.cnn.weighting.base import Weighting
from fldbench.cnn.weighting.by_gradient import MGDA, CAGrad, NashMTL, PCGrad, UPGrad
from fldbench.cnn.weighting.by_loss import DWA, FAMO, Equal, Fixed, GradNorm, Uncertainty
from fldbench.errors import MethodError, must_be, near_miss
from fldbench.params import check_rules, real

WEIGHTINGS: Mapping[str, type[Weighting]] = {
    "equal": Equal,
    "fixed": Fixed,
    "uncertainty": Uncertainty,
    "dwa": DWA,
    "gradnorm": GradNorm,
    "pcgrad": PCGrad,
    "mgda": MGDA,
    "cagrad": CAGrad,
    "nash-mtl": NashMTL,
    "famo": FAMO,
    "upgrad": UPGrad,
}


def check_weighting(
    weighting: str | Mapping[str, Any], tasks: Sequence[str], label: str, precision: str = "32-true"
) -> tuple[str, dict[str, Any]]:
    """Return the name of a weighting and its settings.

    Parameters
    ----------
    weighting : str or dict
        A name of WEIGHTINGS, or a dict with "name" and settings, such as {"name": "fixed", "weights": {"pose": 0.5}}.
    tasks : sequence of str
        What the network learns, "landmarks" first.
    label : str
        Begins the message.
    precision : str
        Of the training.

    Raises
    ------
    MethodError
        For an unknown name or setting, a value that is not allowed, a weight of a task that is none, and a weighting by
        the gradients of the tasks with precision "16-mixed".

    Examples
    --------
    >>> check_weighting({"name": "dwa", "temperature": 1}, ["landmarks", "pose"], "fld-net")
    ('dwa', {'temperature': 1})
    """
    settings = {} if isinstance(weighting, str) else dict(weighting) if isinstance(weighting, Mapping) else None
    name = weighting if settings == {} and isinstance(weighting, str) else (settings or {}).pop("name", None)
    if settings is None or not isinstance(name, str):
        raise MethodError(must_be(label, "weighting", weighting, 'a name, or a dict with "name" and settings'))
    if name not in WEIGHTINGS:
        raise MethodError(must_be(label, "weighting", name, "the name of a weighting", near_miss(name, WEIGHTINGS)))
    rules = WEIGHTINGS[name].settings
    for key in settings:
        if key not in rules:
            known = near_miss(str(key), rules) if rules else "it has none"
            raise MethodError(f"{label}: the weighting {name!r} has no setting {key!r}; {known}")
    check_rules(f"{label}: weighting {name!r}", settings, rules, {})
    if name == "fixed":
        _check_weights(settings.get("weights"), tasks, f"{label}: weighting 'fixed'")
    if WEIGHTINGS[name].by_task and len(tasks) > 1 and precision == "16-mixed":
        raise MethodError(
            f"{label}: the weighting {name!r} takes the gradient of each task, and precision '16-mixed' scales the "
            "gradient of one loss; choose precision 'bf16-mixed' or '32-true'"
        )
    return name, settings


def get_weighting(weighting: str | Mapping[str, Any], tasks: Sequence[str], random_state: int, label: str) -> Weighting:
    """Return a new weighting of tasks; see `check_weighting`. With a single task there is nothing to weigh: "equal"."""
    name, settings = check_weighting(weighting, tasks, label)
    if len(tasks) == 1:
        return Equal(tasks, random_state)
    return WEIGHTINGS[name](tasks, random_state, **settings)


def _check_weights(weights: Any, tasks: Sequence[str], label: str) -> None:
    if not weights:
        raise MethodError(must_be(label, "weights", weights, "a dict of task -> weight, such as {'pose': 0.5}"))
    for task, weight in weights.items():
        if task not in tasks:
            raise MethodError(f"{label}: weights names {task!r}, which is no task; {near_miss(str(task), tasks)}")
        if not real(0).fits(weight):
            raise MethodError(must_be(label, f"the weight of {task}", weight, real(0).allowed))
