"""What methods are given, checked before anything begins: kinds of parameters, threads, weights of the faces."""

from __future__ import annotations

import os

import numpy as np

from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet
from fldbench.method import Method, parameters_of


def check_kinds(method: Method, label: str, other: tuple[str, ...] = ()) -> None:
    """Raises MethodError for a parameter that is not of the kind of its default: number, text, true or false.

    A default that is None, a list or a dict says nothing; nor is a name in `other` looked at, whose kinds are several.
    A number where a whole number stands has to be whole; `label` is the method's name in the message.
    """
    kinds = {
        str: (str, "a text"),
        int: ((int, np.integer), "a whole number"),
        float: ((int, float, np.number), "a number"),
        bool: ((bool, np.bool_), "true or false"),
    }
    for name, default in parameters_of(type(method)).items():
        if name in other or type(default) not in kinds:
            continue
        kind, allowed = kinds[type(default)]
        value = getattr(method, name)
        if not isinstance(value, kind) or (isinstance(value, bool) and type(default) is not bool):
            raise MethodError(f"{label}: {name} is {value!r}; it has to be {allowed}")


def count_threads(threads: int | None, least: int = 1) -> int:
    """How many threads a method's parameter `threads` asks for; None is one a core that this process may use.

    Raises MethodError for anything but None and whole numbers from `least`.

    >>> count_threads(3)
    3
    """
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < least:
        raise MethodError(f"threads is {threads!r}; allowed is None (one a core) or a whole number from {least}")
    return threads


def check_sample_weight(sample_weight: np.ndarray | None, train: FaceSet) -> np.ndarray:
    """The faces' weights as (n,) float, ones where none are given.

    Raises DataError for no faces at all, for another shape, for a weight that is negative or no number, and for weights
    that are all zero.

    A face of weight 2 counts like two copies of it, a face of weight 0 like none.
    """
    if not len(train):
        raise DataError(f"{train.label} has no faces; a method needs at least one face to be fitted")
    if sample_weight is None:
        return np.ones(len(train))
    weight = np.asarray(sample_weight, float)
    if weight.shape != (len(train),):
        raise DataError(f"sample_weight has the shape {weight.shape}; {train.label} needs ({len(train)},)")
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if bad.size:
        raise DataError(
            f"face {str(train.ids[bad[0]])!r} has the sample_weight {weight[bad[0]]}; allowed are 0 or more"
        )
    if not weight.any():
        raise DataError("every sample_weight is 0; a method needs at least one face to be fitted")
    return weight
