"""What a method of members declares follows from its members; a validation set goes to those that use one."""

import warnings

import numpy as np
import pytest

import fldbench
from fldbench.baselines.average import Average
from fldbench.baselines.hybrid import Hybrid
from fldbench.method import Method, make_method
from fldbench.registry import register_method


class Chooses(Method):
    """Takes a validation set, and remembers it."""

    validates = True

    def fit(self, train, val=None):
        self.seen_ = -1 if val is None else len(val)
        self.shape_ = make_method("mean-shape").fit(train).mean_shape_
        return self

    def predict(self, images, boxes):
        return self.shape_ * (boxes[:, None, 2:] - boxes[:, None, :2]) + boxes[:, None, :2]


class ByThread(Method):
    """Declares nothing of its threads, so that another number of them may be another model."""

    def __init__(self, threads=None):
        self.threads = threads


@pytest.fixture(autouse=True)
def registered():
    register_method("chooses", Chooses)
    register_method("by-thread", ByThread)


@pytest.fixture(scope="module")
def faces():
    return fldbench.load_dataset("synthetic", split="train")[:12]


@pytest.mark.parametrize(
    ("members", "validates", "nothing"),
    [
        (("mean-shape", "linear"), False, ("threads",)),
        (("mean-shape", "chooses"), True, ("threads",)),
        (("lbf", "by-thread"), False, ()),
        (("no-such-method",), False, ("threads",)),
    ],
)
def test_declarations_follow_from_the_members(members, validates, nothing):
    method = Average(members)
    assert (method.validates, method.changes_nothing) == (validates, nothing)


def test_what_a_member_has_seen_the_whole_has_seen():
    assert "300w-test" in make_method("dlib-68").trained_on
    both = Hybrid(
        "average", "opencv-lbf", first_params={"methods": ["mean-shape", "dlib-68"]}, second_params={"model": "x"}
    )
    assert both.trained_on == make_method("dlib-68").trained_on
    assert Average(("mean-shape", "linear")).trained_on == ()


def test_a_validation_set_goes_to_the_members_that_use_one(faces):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method = Average(("mean-shape", "chooses")).fit(faces[:8], faces[8:])
    assert method.members_[1].seen_ == 4


def test_one_warning_where_no_member_uses_it(faces):
    with pytest.warns(UserWarning, match="^average does not use a validation set") as said:
        Average(("mean-shape", "mean-shape")).fit(faces[:8], faces[8:])
    assert len(said) == 1


def test_assembled_members_answer_like_fitted_ones(faces):
    fitted = Average(("mean-shape", "chooses")).fit(faces)
    assembled = Average(("mean-shape", "chooses"))
    assembled.assemble([member.fit(faces) for member in assembled.members_alone.values()], faces)
    answers = [method.predict(list(faces.images), faces.boxes) for method in (fitted, assembled)]
    assert np.array_equal(*answers)


def test_a_refiner_has_the_parameters_that_it_declares():
    refiner = Hybrid("mean-shape", "sdm", threads=1).members[1]
    assert (refiner.stages, refiner.first_patch, refiner.threads) == (3, 0.2, 1)
    assert Hybrid("mean-shape", "sdm", second_params={}).members[1].stages == 5
    assert Hybrid("mean-shape", "lbf").members[1].get_params() == make_method("lbf").get_params()
