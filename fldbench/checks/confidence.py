"""Checks of how sure a fitted method says it is."""

from __future__ import annotations

import numpy as np

from fldbench.checks.common import Skipped
from fldbench.checks.subject import Maker, predict
from fldbench.confidence import predict_confidence_checked
from fldbench.errors import MethodError
from fldbench.faces import FaceSet
from fldbench.method import Method

SAME = 1e-3  # of the spread of the confidences, between a face alone and among others


def check_confidence(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """predict_confidence answers one finite number for each face it finds, the same each time; predictions stay."""
    fitted = _sure(make, train)
    before = predict(fitted, test)
    first, second = _answer(fitted, test), _answer(fitted, test)
    found = np.isfinite(before).all(axis=(1, 2))
    assert np.isfinite(first[found]).all(), "it is not finite for a face that predict finds"
    assert np.array_equal(first, second, equal_nan=True), "a second call answers otherwise"
    assert np.array_equal(before, predict(fitted, test), equal_nan=True), "predict answers otherwise after it"


def check_confidence_rows(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """The confidence in a face does not depend on the other faces or on their order."""
    fitted = _sure(make, train)
    whole, back = _answer(fitted, test), _answer(fitted, test[::-1])
    alone = np.concatenate([_answer(fitted, test[i : i + 1]) for i in range(len(test))])
    most = SAME * max(float(np.ptp(whole[np.isfinite(whole)])) if np.isfinite(whole).any() else 0.0, SAME)
    for other, what in ((alone, "alone"), (back[::-1], "in reverse order")):
        off = np.nanmax(np.abs(other - whole), initial=0.0)
        assert off <= most, f"it is off by {off:.3g} {what}"


def _sure(make: Maker, train: FaceSet) -> Method:
    """Return the fitted method; skip the check for one that does not say how sure it is."""
    fitted = make.trained(train)
    if not fitted.gives_confidence:
        raise Skipped("it does not say how sure it is")
    return fitted


def _answer(fitted: Method, faces: FaceSet) -> np.ndarray:
    try:
        answer = predict_confidence_checked(fitted, list(faces.images), faces.boxes.copy())
    except MethodError as error:
        raise AssertionError(str(error)) from error
    assert answer is not None
    return answer


CHECKS = (check_confidence, check_confidence_rows)
