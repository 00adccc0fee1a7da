"""Checks of the attributes that a fitted method answers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from fldbench.attribute_answers import predict_attributes_checked
from fldbench.attribute_metrics import Answered, improper
from fldbench.checks.common import Skipped, should
from fldbench.checks.subject import Maker
from fldbench.errors import MethodError
from fldbench.faces import FaceSet
from fldbench.method import Method, load_method
from fldbench.params import LANDMARKS

SAME = 1e-4  # of a probability, between the answers for a face alone and among others


def check_attributes(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """predict_attributes answers the attributes in `tasks` and no others, as probabilities of the classes in fit."""
    fitted = make.with_attributes(train)
    declared = {task for task in fitted.tasks if task != LANDMARKS}
    found = _found(fitted, test)
    assert found.keys() <= declared, f"it answers {', '.join(found)}; declare tasks = {(LANDMARKS, *found)!r}"
    missing = declared - found.keys()
    assert not missing, f"tasks has {', '.join(sorted(missing))}, which it does not answer"
    if not found:
        raise Skipped("it declares no attributes")
    classes = getattr(fitted, "classes_", {})
    for name, answer in found.items():
        answer = np.asarray(answer)
        assert name in train.attributes, f"no training face has the attribute {name!r}"
        known = list(train.attribute_type(name).classes)
        shape = len(test), len(known)
        assert answer.shape == shape, f"{name} has the shape {answer.shape}, not {shape}, for {', '.join(known)}"
        assert not improper(answer).any(), f"{name} does not add up to 1, or is negative"
        assert list(classes.get(name, ())) == known, f"classes_[{name!r}] is {classes.get(name)!r}, not {known!r}"


def check_attribute_rows(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """The attributes of a face do not depend on the other faces or on their order."""
    fitted = _answering(make, train)
    whole, back = _answers(fitted, test), _answers(fitted, test[::-1])
    single = [_answers(fitted, test[i : i + 1]) for i in range(len(test))]
    for name, answer in whole.items():
        alone = np.concatenate([one[name].probabilities for one in single])
        for other, what in ((alone, "alone"), (back[name].probabilities[::-1], "in reverse order")):
            off = np.abs(other - answer.probabilities).max()
            assert off <= SAME, f"{name} is off by {off:.3g} {what}"


@should
def check_attributes_seen(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """The attributes depend on what is in the image: not all faces have the same answers."""
    answers = _answers(_answering(make, train), test)
    spread = {name: np.ptp(answer.probabilities, axis=0).max() for name, answer in answers.items()}
    # A few steps of training may not move every head.
    assert any(spread.values()), f"{', '.join(spread)} have the same answer for all {len(test)} faces"


def check_attributes_saved(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Saved and loaded, it answers the same attributes with the same classes."""
    fitted = _answering(make, train)
    with tempfile.TemporaryDirectory() as folder:
        try:
            loaded = load_method(fitted.save(Path(folder) / "m.safetensors"))
        except Exception as error:
            raise Skipped("it cannot be saved and loaded at all") from error
        again = _answers(loaded, test)
    for name, answer in _answers(fitted, test).items():
        assert again[name].classes == answer.classes, f"{name} has other classes: {', '.join(again[name].classes)}"
        same = np.array_equal(again[name].probabilities, answer.probabilities, equal_nan=True)
        assert same, f"{name} has other answers"


def _answering(make: Maker, train: FaceSet) -> Method:
    """Return a fitted method that answers attributes; skip the check for one that answers landmarks alone."""
    fitted = make.with_attributes(train)
    if set(fitted.tasks) <= {LANDMARKS}:
        raise Skipped("it declares no attributes")
    return fitted


def _answers(fitted: Method, test: FaceSet) -> dict[str, Answered]:
    """Return the checked answers; skip the check where `check_attributes` says what is wrong with them."""
    try:
        return predict_attributes_checked(fitted, list(test.images), test.boxes.copy())
    except MethodError as error:
        raise Skipped(str(error)) from error


def _found(fitted: Method, test: FaceSet) -> dict[str, np.ndarray]:
    """Return its predictions beyond landmarks; nothing if it has none, or refuses with these parameters."""
    try:
        return fitted.predict_attributes(list(test.images), test.boxes.copy()) or {}
    except MethodError:
        return {}


CHECKS = (
    check_attributes,
    check_attribute_rows,
    check_attributes_seen,
    check_attributes_saved,
)
