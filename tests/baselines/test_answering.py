"""Attributes and confidence of methods made of others are their members': whose, in which boxes, and their mean."""

import numpy as np
import pytest
from small_methods import SMALL
from toy_tasks import faces_with_attributes

import fldbench
from fldbench.baselines.average import Average
from fldbench.baselines.compact import Compact
from fldbench.baselines.hybrid import Hybrid
from fldbench.baselines.parts.several import mean_answer
from fldbench.baselines.stack import Stack
from fldbench.baselines.two_pass import TwoPass
from fldbench.checks import Maker, quick_faces
from fldbench.checks.attributes import CHECKS as OF_ATTRIBUTES
from fldbench.checks.confidence import CHECKS as OF_CONFIDENCE
from fldbench.method import Method, make_method
from fldbench.registry import register_method

HEADS = {"methods": ["hog-heads", "mean-shape"], "params": {"hog-heads": SMALL["hog-heads"]}}
WRAPPED = {
    "compact": {"method": "hog-heads", "params": SMALL["hog-heads"], "weights": "float16"},
    "two-pass": {"method": "hog-heads", "params": SMALL["hog-heads"]},
    "upright": {"method": "hog-heads", "params": SMALL["hog-heads"]},
    "hybrid": {"first": "mean-shape", "second": "hog-heads", "second_params": SMALL["hog-heads"], "folds": 2},
    "average": HEADS,
    "stack": HEADS | {"folds": 2},
}


class Tells(Method):
    """Half of the box is the face; the wider the box, the brighter the face and the surer the method."""

    tasks = ("landmarks", "bright")
    gives_confidence = True

    def __init__(self, share=0.0):
        self.share = share

    def fit(self, train, val=None):
        self.shape_ = make_method("mean-shape").fit(train).mean_shape_
        self.classes_ = {"bright": list(train.attribute_type("bright").classes)}
        return self

    def predict(self, images, boxes):
        size = boxes[:, None, 2:] - boxes[:, None, :2]
        return (0.25 + 0.5 * self.shape_) * size + boxes[:, None, :2]

    def predict_attributes(self, images, boxes):
        yes = np.clip(self.share + (boxes[:, 2] - boxes[:, 0]) / 1000, 0, 1)
        return {"bright": np.stack([1 - yes, yes], axis=1)}

    def predict_confidence(self, images, boxes):
        return boxes[:, 2] - boxes[:, 0]


class Refines(Tells):
    """The same, from start shapes."""

    refines = True

    def fit(self, train, val=None, start_shapes=None):
        return super().fit(train)

    def predict(self, images, boxes, start_shapes=None):
        return super().predict(images, boxes)


@pytest.fixture(autouse=True)
def registered():
    register_method("tells", Tells)
    register_method("tells-from-points", Refines)


@pytest.fixture(scope="module")
def faces():
    return faces_with_attributes(12)


def yes(method, faces, boxes=None):
    return method.predict_attributes(list(faces.images), faces.boxes if boxes is None else boxes)["bright"][:, 1]


def sure(method, faces, boxes=None):
    return method.predict_confidence(list(faces.images), faces.boxes if boxes is None else boxes)


@pytest.mark.parametrize("name", WRAPPED)
def test_real_heads_pass_the_checks_of_attributes_and_confidence(name):
    maker = Maker(name, **WRAPPED[name])
    for check in OF_ATTRIBUTES:
        check(maker, *quick_faces())
    if maker().gives_confidence:
        for check in OF_CONFIDENCE:
            check(maker, *quick_faces())
    fitted = maker.trained(quick_faces()[0])
    assert fitted.tasks == ("landmarks", "smile", "pose") and set(fitted.classes_) == {"smile", "pose"}


def test_compact_answers_what_its_method_answers(faces):
    own, compact = Tells().fit(faces), Compact("tells").fit(faces)
    assert compact.tasks == own.tasks and compact.classes_ == own.classes_ and compact.gives_confidence
    assert np.array_equal(yes(compact, faces), yes(own, faces))
    assert np.array_equal(sure(compact, faces), sure(own, faces))


def test_the_last_of_several_passes_answers_all(faces):
    own, thrice = Tells().fit(faces), TwoPass("tells", passes=3).fit(faces)
    boxes = faces.boxes
    for _ in range(2):
        boxes = fldbench.geometry.tight_box(own.predict(list(faces.images), boxes))
    assert np.array_equal(yes(thrice, faces), yes(own, faces, boxes))
    assert np.array_equal(sure(thrice, faces), sure(own, faces, boxes))
    assert (sure(thrice, faces) < sure(own, faces) / 2).all()


def test_the_second_of_a_hybrid_answers_where_it_can_else_the_first(faces):
    own = Tells().fit(faces)
    second = Hybrid("mean-shape", "tells", folds=2).fit(faces)
    mean = make_method("mean-shape").fit(faces).predict(list(faces.images), faces.boxes)
    handed = fldbench.geometry.tight_box(mean)
    assert np.allclose(yes(second, faces), yes(own, faces, handed)) and np.allclose(
        sure(second, faces), sure(own, faces, handed)
    )
    first = Hybrid("tells", "mean-shape", folds=2).fit(faces)
    assert np.array_equal(yes(first, faces), yes(own, faces)) and np.array_equal(sure(first, faces), sure(own, faces))
    both = Hybrid("tells", "tells", first_params={"share": 0.5}, folds=2).fit(faces)
    handed = fldbench.geometry.tight_box(own.predict(list(faces.images), faces.boxes))
    assert np.array_equal(yes(both, faces), yes(own, faces, handed))
    assert first.tasks == second.tasks == both.tasks == ("landmarks", "bright")


def test_a_refiner_is_not_asked_how_sure_it_is_without_its_start(faces):
    assert not Hybrid("mean-shape", "tells-from-points").gives_confidence
    both = Hybrid("tells", "tells-from-points", folds=2).fit(faces)
    assert np.array_equal(sure(both, faces), sure(Tells().fit(faces), faces))
    assert not Hybrid("mean-shape", "linear").gives_confidence and not TwoPass("linear").gives_confidence


@pytest.mark.parametrize("cls", [Average, Stack])
def test_probabilities_are_the_mean_of_the_members_that_answer(cls, faces):
    params = {"tells": [{"share": 0.1}, {"share": 0.3}]}
    method = cls(("tells", "mean-shape", "tells"), params).fit(faces)
    one, other = (Tells(share).fit(faces) for share in (0.1, 0.3))
    assert np.allclose(yes(method, faces), (yes(one, faces) + yes(other, faces)) / 2)
    placed = cls(("tells", "mean-shape"), boxes_from="tells").fit(faces)
    tight = fldbench.geometry.tight_box(one.predict(list(faces.images), faces.boxes))
    assert np.allclose(yes(placed, faces), yes(Tells().fit(faces), faces, tight))
    alone = cls(("mean-shape", "mean-shape")).fit(faces)
    assert alone.tasks == ("landmarks",) and alone.predict_attributes(list(faces.images), faces.boxes) == {}


def test_a_face_that_no_member_answers_has_no_answer():
    unknown = np.full((1, 2), np.nan)
    assert np.isnan(mean_answer([unknown, unknown])).all()
    assert mean_answer([unknown, np.array([[0.25, 0.75]])]).tolist() == [[0.25, 0.75]]


def test_faces_without_landmarks_still_teach_attributes(faces):
    train = faces[np.arange(12)]
    train.landmarks.setflags(write=True)
    train.landmarks[0] = np.nan
    seen = []

    class Counts(Tells):
        def fit(self, train, val=None):
            seen.append(len(train))
            return super().fit(train)

    register_method("counts", Counts)
    TwoPass("counts").fit(train)
    Average(("counts", "mean-shape")).fit(train)
    assert seen == [12, 12]


def test_saved_it_answers_the_same(faces, tmp_path):
    for method in (TwoPass("tells"), Average(("tells", "mean-shape")), Hybrid("mean-shape", "tells", folds=2)):
        loaded = fldbench.load_method(method.fit(faces).save(tmp_path / "m.safetensors"))
        assert loaded.classes_ == method.classes_ and np.array_equal(yes(loaded, faces), yes(method, faces))
