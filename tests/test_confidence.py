"""How sure a method says it is: declared, checked, and refused where it is no number for each face."""

import numpy as np
import pytest

import fldbench
from fldbench.checks.common import Skipped, run
from fldbench.checks.confidence import check_confidence, check_confidence_rows
from fldbench.checks.subject import quick_faces
from fldbench.confidence import predict_confidence_checked
from fldbench.errors import MethodError
from fldbench.method import make_method


class Sure(fldbench.Method):
    """Answers the box's corner; sure of large boxes."""

    gives_confidence = True
    learns = False

    def fit(self, train, val=None):
        self.points_ = np.zeros((train.landmarks.shape[1], 2))
        return self

    def predict(self, images, boxes):
        return boxes[:, None, :2] + np.zeros((1, 68, 2))

    def predict_confidence(self, images, boxes):
        return boxes[:, 2] - boxes[:, 0]


class OfPoints(Sure):
    def predict_confidence(self, images, boxes):
        return np.ones((len(boxes), 68))


class OfOthers(Sure):
    def predict_confidence(self, images, boxes):
        return (boxes[:, 2] - boxes[:, 0]) / (boxes[:, 2] - boxes[:, 0]).max()


class NeverTheSame(Sure):
    def predict_confidence(self, images, boxes):
        self.calls = getattr(self, "calls", 0) + 1
        return np.full(len(boxes), float(self.calls))


class NotFinite(Sure):
    def predict_confidence(self, images, boxes):
        return np.full(len(boxes), np.inf)


class Made:
    """What a check asks for its method."""

    def __init__(self, cls):
        self.cls = cls

    def trained(self, train):
        return self.cls().fit(train)


def result(check, cls):
    return run(check, Made(cls), *quick_faces())


def test_a_sound_method_passes():
    for check in (check_confidence, check_confidence_rows):
        found = result(check, Sure)
        assert found.status == "passed", found.reason


@pytest.mark.parametrize(
    ("check", "cls", "says"),
    [
        (
            check_confidence,
            OfPoints,
            "10 faces with float64 of shape (10, 68); must be numbers of shape (10,)",
        ),
        (check_confidence, NeverTheSame, "a second call answers otherwise"),
        (check_confidence, NotFinite, "not finite for a face that predict finds"),
        (check_confidence_rows, OfOthers, "alone"),
    ],
)
def test_what_is_wrong_is_said(check, cls, says):
    found = result(check, cls)
    assert found.status == "failed" and says in found.reason


def test_a_method_that_does_not_say_is_skipped_and_refuses():
    train, test = quick_faces()
    with pytest.raises(Skipped, match="does not say how sure it is"):
        check_confidence(Made(lambda: make_method("mean-shape")), train, test)
    method = make_method("mean-shape").fit(train)
    assert predict_confidence_checked(method, list(test.images), test.boxes) is None
    with pytest.raises(MethodError, match="mean-shape does not say how sure it is"):
        method.predict_confidence(list(test.images), test.boxes)


def test_a_face_with_an_impossible_box_has_none():
    train, test = quick_faces()
    boxes = test.boxes.copy()
    boxes[2] = [5, 5, 5, 5]
    found = predict_confidence_checked(Sure().fit(train), list(test.images), boxes)
    assert np.flatnonzero(np.isnan(found)).tolist() == [2]
