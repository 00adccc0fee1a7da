"""The contract of detectors: what `detect` checks, boxes that methods expect, registered classes and objects."""

import pickle

import numpy as np
import pytest

from fldbench import Detector, MethodError, UnknownNameError, list_detectors, make_detector, register_detector
from fldbench.checks import check_detector
from fldbench.detector import fit_frame, off_by, tight_in_frame
from fldbench.errors import DataError
from fldbench.geometry import jitter_box


class Fixed(Detector):
    """Finds what it was told to find."""

    def __init__(self, boxes=((1.0, 2.0, 5.0, 8.0),), scores=(0.5,), tight=None):
        self.boxes, self.scores, self.tight = boxes, scores, tight

    def find(self, image):
        assert image.ndim == 3 and image.shape[2] == 3 and not image.flags.writeable
        return self.boxes, self.scores


class Framed(Fixed):
    """One whose frame was measured."""

    frame = (0.0, 0.25, 1.0, 1.0)


def test_the_surest_face_comes_first():
    boxes = [[0, 0, 1, 1], [2, 2, 4, 4], [5, 5, 9, 9]]
    found = Fixed(boxes, [0.2, 0.9, 0.5]).detect(np.zeros((9, 9), np.uint8))
    assert found.scores.tolist() == [0.9, 0.5, 0.2] and found.boxes[:, 0].tolist() == [2, 5, 0]
    assert Fixed([], []).detect(np.zeros((9, 9, 4), np.uint8)).boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("boxes", "scores"),
    [
        ([[0, 0, 1, 1]], []),
        ([[0, 0, np.nan, 1]], [1]),
        ([[0, 0, 0, 1]], [1]),
        ([[0, 0, 1, 1]], [np.inf]),
        ("boxes", [1]),
        ([[0, 0, 1]], [1]),
    ],
)
def test_answers_that_are_none_are_refused(boxes, scores):
    with pytest.raises(MethodError, match="Fixed: what find answers is"):
        Fixed(boxes, scores).detect(np.zeros((9, 9, 3), np.uint8))


def test_what_is_no_image_is_refused():
    with pytest.raises(DataError, match="Fixed: the dtype is 'float64'"):
        Fixed().detect(np.zeros((9, 9, 3)))


def test_boxes_are_mapped_by_the_measured_frame_unless_another_is_given():
    box = np.array([[10.0, 10.0, 20.0, 30.0]])
    assert Fixed().tight_boxes(box).tolist() == box.tolist()
    assert Framed().tight_boxes(box).tolist() == [[10.0, 15.0, 20.0, 30.0]]
    assert Framed(tight=[0, 0, 0.5, 1]).tight_boxes(box).tolist() == [[10.0, 10.0, 15.0, 30.0]]
    assert Framed().tight_boxes(np.zeros((0, 4))).shape == (0, 4)


def test_a_measured_frame_gives_back_what_made_the_boxes():
    rng = np.random.default_rng(0)
    boxes = np.stack([jitter_box(np.array([50.0, 50.0, 90.0, 110.0]), rng, 0.3, 0.3) for _ in range(40)])
    frame = (0.1, 0.3, 0.8, 1.1)
    tight = tight_in_frame(boxes, frame)
    tight[:5] += 100  # wrong pairs
    fit = fit_frame(boxes, tight)
    assert fit.frame == frame and fit.n == 40 and max(fit.spread) == 0.0
    assert np.allclose(off_by(tight_in_frame(boxes, frame)[5:], tight[5:]), 0)
    with pytest.raises(DataError, match=r"the number of pairs is \(1, 1\); must be two or more"):
        fit_frame(boxes[:1], tight[:1])


def test_classes_and_objects_are_registered():
    register_detector("fixed", Fixed)
    register_detector("mine", Fixed(scores=(0.7,)))
    assert {"fixed", "mine", "dlib-hog"} <= set(list_detectors())
    assert make_detector("mine").scores == (0.7,) and make_detector("mine", tight=(0, 0, 1, 1)).scores == (0.7,)
    assert make_detector("fixed").label == "fixed" and make_detector("mine").label == "mine"
    with pytest.raises(MethodError, match="detector 'fixed' has no parameter 'score'; did you mean 'scores'"):
        make_detector("fixed", score=1)
    with pytest.raises(UnknownNameError, match=r"no detector named 'dlib-hogg'; did you mean 'dlib-hog'.*register_det"):
        make_detector("dlib-hogg")
    register_detector("none", dict)
    with pytest.raises(MethodError, match=r"what is registered is <class 'dict'>; must be a subclass of fldbench\.Det"):
        make_detector("none")


def test_identities_tell_parameters_apart():
    assert Fixed().identity == Fixed().identity == pickle.loads(pickle.dumps(Fixed())).identity
    assert len({one.identity for one in (Fixed(), Framed(), Fixed(scores=(0.6,)))}) == 3


def test_the_checks_find_what_breaks_the_contract():
    class Forgets(Fixed):
        """Changes its answer whenever it is asked."""

        licence = 7

        def find(self, image):
            self.scores = (self.scores[0] / 2,)
            return super().find(image)

    Forgets.find = Forgets.__dict__["find"]
    register_detector("forgets", Forgets)
    failed = {one.check: one.reason for one in check_detector("forgets") if one.status == "failed"}
    assert failed["declarations"] == "licence is 7, not a text"
    assert {"same-answer", "any-image"} <= failed.keys()
