"""The attributes that a method answers, checked: probabilities of named classes, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fldbench.attribute_metrics import Answered, improper
from fldbench.errors import MethodError, must_be, shown
from fldbench.geometry import usable_boxes
from fldbench.method import Method, filled
from fldbench.params import check_tasks


def predict_attributes_checked(method: Method, images: Sequence[np.ndarray], boxes: np.ndarray) -> dict[str, Answered]:
    """Return `method.predict_attributes`, with its answers checked: attribute -> its classes, and probabilities.

    The attributes are those of its `tasks`, in their order, and the classes those of its `classes_`. If a number of a
    row is not finite, the whole row becomes NaN: a face is either answered or not. So does the row of a face whose box
    is impossible. Probabilities are float32, as they are kept.

    Raises
    ------
    MethodError
        For attributes other than those of the tasks, classes that are not named, and what are no probabilities: another
        shape, a negative number, or a row that does not sum to 1. Also what `predict_attributes` raises.
    """
    label, tasks = method.label, check_tasks(method.tasks, method.label)
    if not tasks:
        return {}
    n, boxes = len(images), np.asarray(boxes, float).reshape(-1, 4)
    rows = np.flatnonzero(usable_boxes(boxes)).tolist()
    chosen = images if len(rows) == n else [images[row] for row in rows]
    found = method.predict_attributes(chosen, boxes[rows])
    if not isinstance(found, Mapping) or found.keys() != set(tasks):
        got = list(found) if isinstance(found, Mapping) else found
        raise MethodError(must_be(label, "what predict_attributes answers", got, f"a dict of {', '.join(tasks)}"))
    answers = {}
    for name in tasks:
        classes = _classes(method, name)
        probabilities = np.full((n, len(classes)), np.nan, np.float32)
        probabilities[rows] = _probabilities(found[name], (len(rows), len(classes)), f"{label}: {name}")
        answers[name] = Answered(classes, probabilities)
    return answers


def _classes(method: Method, name: str) -> tuple[str, ...]:
    known = getattr(method, "classes_", {})
    classes = known.get(name, ()) if isinstance(known, Mapping) else ()
    if not isinstance(classes, (list, tuple)) or len(classes) < 2 or not all(isinstance(one, str) for one in classes):
        allowed = "the names of its classes; fit takes them from train.attribute_type"
        raise MethodError(must_be(method.label, f"classes_[{name!r}]", classes or None, allowed))
    return tuple(classes)


def _probabilities(answer: Any, shape: tuple[int, int], where: str) -> np.ndarray:
    """Return the answer as float32, (n, k), with rows that are all finite or all NaN."""
    try:
        found = np.asarray(filled(answer))
    except ValueError:  # rows of different lengths
        found = np.empty((), object)
    if found.shape != shape or found.dtype.kind not in "fiu":
        came = f"{found.dtype} of shape {found.shape}" if found.ndim else " ".join(shown(answer).split())
        raise MethodError(f"{where}: predict_attributes answered with {came}; must be probabilities of shape {shape}")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is no answer
        found = found.astype(np.float32)
    found[~np.isfinite(found).all(axis=1)] = np.nan
    wrong = np.flatnonzero(improper(found))
    if len(wrong):
        row = found[wrong[0]].tolist()
        allowed = "at least 0 and sum to 1, or all of them NaN"
        raise MethodError(must_be(where, f"the probabilities of face {wrong[0]}", row, allowed))
    return found
