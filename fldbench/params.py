"""The inputs of methods, checked before anything begins: parameters by rules, threads, tasks, weights of the faces."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.errors import DataError, MethodError, must_be
from fldbench.faces import Attribute, FaceSet


@dataclass(frozen=True)
class Rule:
    """What a parameter may be: `fits(value)` checks it, and `allowed` says it in words, as in "must be {allowed}"."""

    allowed: str
    fits: Callable[[Any], bool]


def _bounds(low: float | None, high: float | None) -> str:
    first = "" if low is None else f" from {low:g}"
    last = "" if high is None else f" to {high:g}" if low is not None else f" up to {high:g}"
    return first + last


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def whole(low: int | None = None, high: int | None = None) -> Rule:
    """Return the rule of a whole number within bounds, both included.

    >>> whole(1).allowed, whole(1, 8).allowed, whole(0).fits(True), whole(0).fits(0)
    ('a whole number from 1', 'a whole number from 1 to 8', False, True)
    """
    least, most = -math.inf if low is None else low, math.inf if high is None else high
    return Rule(f"a whole number{_bounds(low, high)}", lambda value: _is_whole(value) and least <= value <= most)


def real(
    low: float | None = None, high: float | None = None, above: float | None = None, below: float | None = None
) -> Rule:
    """Return the rule of a finite number within bounds: from `low` to `high`, or above and below an open bound.

    >>> real(above=0).allowed, real(0, 1).allowed, real(above=0).fits(0.0), real(0, 1).fits(1)
    ('a number above 0', 'a number from 0 to 1', False, True)
    """
    text = "a number"
    if above is not None:
        text += f" above {above:g}"
    text += _bounds(low, high)
    if below is not None:
        text += f"{' and' if text != 'a number' else ''} below {below:g}"

    def fits(value: Any) -> bool:
        return (
            _is_number(value)
            and (low is None or value >= low)
            and (high is None or value <= high)
            and (above is None or value > above)
            and (below is None or value < below)
        )

    return Rule(text, fits)


def one_of(values: Sequence[Any]) -> Rule:
    """Return the rule of a choice between values of one kind.

    >>> one_of(("adam", "sgd")).allowed
    "one of 'adam', 'sgd'"
    """
    known = tuple(values)
    return Rule(
        f"one of {', '.join(map(repr, known))}",
        lambda value: any(type(value) is type(one) and value == one for one in known),
    )


def kind(*types: type, allowed: str) -> Rule:
    """Return the rule of a value of one of some types, such as a dict; a bool is no number."""
    return Rule(allowed, lambda value: isinstance(value, types) and (bool in types or not isinstance(value, bool)))


def optional(rule: Rule) -> Rule:
    """Return the rule that allows None too.

    >>> optional(whole(1)).allowed
    'None or a whole number from 1'
    """
    return Rule(f"None or {rule.allowed}", lambda value: value is None or rule.fits(value))


def also(rule: Rule, allowed: str, fits: Callable[[Any], bool]) -> Rule:
    """Return a rule with one more condition; its words are appended to those of the rule.

    >>> even = also(whole(2), "and even", lambda value: value % 2 == 0)
    >>> even.allowed, even.fits(3), even.fits("two")
    ('a whole number from 2 and even', False, False)
    """
    return Rule(f"{rule.allowed} {allowed}", lambda value: rule.fits(value) and fits(value))


FLAG = kind(bool, np.bool_, allowed="true or false")
TEXT = kind(str, allowed="a string")
SEED = whole(0)
THREADS = optional(whole(1))


def parameters_of(cls: type[Any]) -> dict[str, Any]:
    """Return the names and defaults of a class's constructor arguments; `inspect.Parameter.empty` without a default."""
    if cls.__init__ is object.__init__:
        return {}
    return {name: p.default for name, p in inspect.signature(cls.__init__).parameters.items() if name != "self"}


def check_rules(label: str, values: Mapping[str, Any], rules: Mapping[str, Rule], defaults: Mapping[str, Any]) -> None:
    """Check parameters one by one: by their rule, or without one by the kind of their default.

    A default that is None, a list or a dict says nothing about the kind.

    Raises
    ------
    MethodError
        `{label}: {name} is {value}; must be {allowed}`, for the first parameter that does not fit.
    """
    by_kind = {str: TEXT, int: whole(), float: real(), bool: FLAG}
    for name, value in values.items():
        rule = rules.get(name) or by_kind.get(type(defaults.get(name)))
        if rule is not None and not rule.fits(value):
            raise MethodError(must_be(label, name, value, rule.allowed))


def count_threads(threads: int | None, least: int = 1) -> int:
    """Return how many threads a parameter `threads` asks for; None is one for each core that this process may use.

    Raises
    ------
    MethodError
        For anything but None and whole numbers from `least`.

    >>> count_threads(3)
    3
    """
    if threads is None:
        return usable_cores()
    if not _is_whole(threads) or threads < least:
        raise MethodError(
            must_be("parameters", "threads", threads, f"None (one per core) or a whole number from {least}")
        )
    return threads


def usable_cores() -> int:
    """Return the number of cores that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


LANDMARKS = "landmarks"  # the task that every method has


def _tasks(value: Any) -> bool:
    names = value if isinstance(value, (list, tuple)) else []
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names) and LANDMARKS in names


TASKS = Rule(f"a list of names, each of them once, with {LANDMARKS!r} among them", _tasks)


def check_tasks(tasks: Sequence[str], label: str) -> tuple[str, ...]:
    """Return the attributes among a method's tasks, in their order.

    Parameters
    ----------
    tasks : sequence of str
        The method's parameter `tasks`.
    label : str
        Of the method, for messages.

    Raises
    ------
    MethodError
        For anything but a list of names, a name that is given twice, and tasks without the landmarks.

    >>> check_tasks(["landmarks", "smile", "pose"], "tcdcn")
    ('smile', 'pose')
    """
    if not TASKS.fits(tasks):
        raise MethodError(must_be(label, "tasks", tasks, TASKS.allowed))
    return tuple(name for name in tasks if name != LANDMARKS)


def check_attributes(train: FaceSet, tasks: Sequence[str], label: str) -> dict[str, Attribute]:
    """Return what the codes of each attribute among the tasks mean, having checked that the faces can teach it.

    Parameters
    ----------
    train : FaceSet
    tasks : sequence of str
        The method's parameter `tasks`.
    label : str
        Of the method, for messages.

    Returns
    -------
    dict of str to Attribute
        In the order of the tasks.

    Raises
    ------
    MethodError
        As `check_tasks`.
    DataError
        For an attribute that the faces do not have or that is a plain number, and for one whose known codes are not of
        two classes or more.

    >>> from fldbench.faces import NoImages
    >>> smile = {"attributes": {"smile": [0, 1]}, "attribute_types": {"smile": Attribute(("no", "yes"))}}
    >>> faces = FaceSet(["a", "b"], NoImages(2, "none"), np.ones((2, 4)), np.ones((2, 5, 2)), "mtfl-5", **smile)
    >>> list(check_attributes(faces, ["landmarks", "smile"], "tcdcn"))
    ['smile']
    """
    attributes = {name: train.attribute_type(name) for name in check_tasks(tasks, label)}
    for name, attribute in attributes.items():
        codes = train.attributes[name]
        known = [attribute.classes[code] for code in np.unique(codes[codes >= 0])]
        if len(known) < 2:
            then = f"take {name} out of the tasks of {label}, or choose other faces"
            raise DataError(must_be(train.label, f"the known classes of {name}", known, "two or more", then))
    return attributes


LIGHTEST, HEAVIEST = 1e-6, 1e6  # weights of a face that counts


def check_training_faces(train: FaceSet) -> None:
    """Check that there is something to learn from, the same for all methods.

    Raises
    ------
    DataError
        For no faces, and for a point that no face has.
    """
    if not len(train):
        raise DataError(f"{train.label} has no faces; a method needs at least one face to be fitted")
    never = np.flatnonzero(~np.isfinite(train.landmarks).all(axis=-1).any(axis=0))
    if never.size:
        raise DataError(
            f"{train.label}: no face has point {never[0]} ({never.size} such point(s)); choose a scheme without it, or "
            "more faces"
        )


def check_sample_weight(sample_weight: np.ndarray | None, train: FaceSet) -> np.ndarray:
    """Return the faces' weights as (n,) float, by default ones.

    A face of weight 2 counts like two copies of it, a face of weight 0 like none. Sums over faces of smaller or larger
    weights than 1e-6 and 1e6 would lose some faces, or overflow, in single precision.

    Raises
    ------
    DataError
        For no faces, for another shape, for a weight that is neither 0 nor from 1e-6 to 1e6, and for weights that are
        all zero.
    """
    if not len(train):
        raise DataError(f"{train.label} has no faces; a method needs at least one face to be fitted")
    if sample_weight is None:
        return np.ones(len(train))
    weight = np.asarray(sample_weight, float)
    if weight.shape != (len(train),):
        raise DataError(must_be(train.label, "the shape of sample_weight", weight.shape, f"({len(train)},)"))
    bad = np.flatnonzero(~((weight == 0) | (weight >= LIGHTEST) & (weight <= HEAVIEST)))
    if bad.size:
        where = f"face {str(train.ids[bad[0]])!r}"
        raise DataError(must_be(where, "sample_weight", float(weight[bad[0]]), "0, or a number from 1e-6 to 1e6"))
    if not weight.any():
        raise DataError(f"{train.label}: every sample_weight is 0; a method needs at least one face to be fitted")
    return weight
