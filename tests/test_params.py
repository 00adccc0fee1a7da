"""What methods are given: kinds of parameters, threads, weights of the faces."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces

import fldbench
from fldbench.errors import DataError, MethodError
from fldbench.faces import Attribute
from fldbench.params import (
    FLAG,
    TASKS,
    Rule,
    also,
    check_attributes,
    check_rules,
    check_sample_weight,
    check_tasks,
    count_threads,
    one_of,
    optional,
    parameters_of,
    real,
    usable_cores,
    whole,
)


class Toy(fldbench.Method):
    def __init__(self, size=8, share=0.5, kind="a", weights=None, sizes=(1, 2), fast=True):
        self.size, self.share, self.kind, self.weights, self.sizes, self.fast = size, share, kind, weights, sizes, fast


def check(params, rules=None):
    check_rules("toy", Toy(**params).get_params(), rules or {}, parameters_of(Toy))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"size": np.int64(3), "share": np.float32(0.1), "kind": "b"},
        {"share": 1},
        {"weights": "a file", "sizes": 3},  # their defaults say nothing of numbers and texts
        {"fast": False},
    ],
)
def test_the_kind_of_the_default_is_right(params):
    check(params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"size": "zwei"}, "toy: size is 'zwei'; must be a whole number"),
        ({"size": 2.0}, "toy: size is 2.0; must be a whole number"),
        ({"size": True}, "toy: size is True"),
        ({"share": "0.5"}, "toy: share is '0.5'; must be a number"),
        ({"kind": 3}, "toy: kind is 3; must be a string"),
        ({"fast": "False"}, "toy: fast is 'False'; must be true or false"),
        ({"fast": 1}, "toy: fast is 1; must be true or false"),
    ],
)
def test_another_kind_is_an_error(params, message):
    with pytest.raises(MethodError, match=message):
        check(params)
    anything = Rule("anything", lambda value: True)
    check(params, dict.fromkeys(params, anything))  # a rule stands before the kind


def test_threads():
    assert count_threads(3) == 3 and count_threads(None) >= 1 and count_threads(0, least=0) == 0
    for bad in (0, -1, 1.5, True, "2"):
        with pytest.raises(MethodError, match="must be None"):
            count_threads(bad)
    with pytest.raises(MethodError, match="a whole number from 0"):
        count_threads(-1, least=0)


def test_weights():
    faces = toy_faces(3)
    assert check_sample_weight(None, faces).tolist() == [1, 1, 1]
    assert check_sample_weight([0, 2, 1], faces).tolist() == [0, 2, 1]
    for bad, message in {
        (1.0, 1.0): "shape",
        (1.0, 1.0, -1.0): str(faces.ids[2]),
        (np.nan, 1.0, 1.0): str(faces.ids[0]),
        (0.0, 0.0, 0.0): "every sample_weight is 0",
        (1.0, 1e300, 1.0): r"face 'test1': sample_weight is 1e\+300; must be 0, or a number from 1e-6 to 1e6",
        (1.0, np.inf, 1.0): str(faces.ids[1]),
        (1e-300, 1.0, 1.0): str(faces.ids[0]),
    }.items():
        with pytest.raises(DataError, match=message):
            check_sample_weight(np.array(bad), faces)
    with pytest.raises(DataError, match="no faces"):
        check_sample_weight(None, faces[:0])


@pytest.mark.parametrize(
    ("rule", "good", "bad", "words"),
    [
        (whole(1, 8), [1, 8, np.int64(3)], [0, 9, 1.0, True, "1", None], "a whole number from 1 to 8"),
        (whole(high=2), [-5, 2], [3], "a whole number up to 2"),
        (real(0, 1), [0, 1, 0.5, np.float32(0.5)], [-0.1, 1.1, float("nan"), True, "0"], "a number from 0 to 1"),
        (real(above=0, below=1), [0.5], [0, 1, float("inf"), 10**400], "a number above 0 and below 1"),
        (real(above=0, high=1), [1], [0, 1.5], "a number above 0 up to 1"),
        (optional(whole(1)), [None, 1], [0, "none"], "None or a whole number from 1"),
        (one_of((1, 3)), [1, 3], [2, True, 1.0, "1"], "one of 1, 3"),
        (FLAG, [True, np.bool_(False)], [0, 1, "yes"], "true or false"),
        (also(whole(2), "and even", lambda v: v % 2 == 0), [2, 4], [0, 3], "a whole number from 2 and even"),
    ],
)
def test_a_rule_says_what_it_allows(rule, good, bad, words):
    assert rule.allowed == words
    assert all(rule.fits(value) for value in good) and not any(rule.fits(value) for value in bad)
    message = f"toy: size is {bad[0]!r}; must be {words}"
    with pytest.raises(MethodError) as error:
        check_rules("toy", {"size": bad[0]}, {"size": rule}, {})
    assert str(error.value) == message


def test_cores_are_those_that_the_process_may_use():
    assert count_threads(None) == usable_cores() >= 1


def test_the_attributes_among_the_tasks_keep_their_order():
    assert check_tasks(("landmarks",), "net") == ()
    assert check_tasks(["pose", "landmarks", "gender"], "net") == ("pose", "gender")


@pytest.mark.parametrize(
    "tasks",
    [(), ("pose",), ("landmarks", "pose", "pose"), ("landmarks", "landmarks"), "landmarks", None, ["landmarks", 3]],
)
def test_tasks_are_names_given_once_with_the_landmarks_among_them(tasks):
    message = f"net: tasks is {tasks!r}; must be a list of names, each of them once, with 'landmarks' among them"
    for check in (
        lambda: check_tasks(tasks, "net"),
        lambda: check_rules("net", {"tasks": tasks}, {"tasks": TASKS}, {}),
    ):
        with pytest.raises(MethodError) as error:
            check()
        assert str(error.value) == message


PARTY = Attribute(("none", "hat", "cake"))


def party(codes):
    return replace(
        toy_faces(len(codes)), attributes={"party": codes, "age": [30] * len(codes)}, attribute_types={"party": PARTY}
    )


def test_attributes_of_the_training_faces():
    faces = party([0, -1, 2, 2])  # a class that no face has is no fault
    assert check_attributes(faces, ("party", "landmarks"), "net") == {"party": PARTY}
    assert check_attributes(faces, ("landmarks",), "net") == {}
    with pytest.raises(DataError, match=r"^toy-test has no attribute 'parti'; did you mean 'party'\?$"):
        check_attributes(faces, ("landmarks", "parti"), "net")
    with pytest.raises(
        DataError, match="attribute 'age' is a number without classes; choose one that has classes: party"
    ):
        check_attributes(faces, ("landmarks", "age"), "net")
    with pytest.raises(MethodError, match="net: tasks is"):
        check_attributes(faces, ("party",), "net")


@pytest.mark.parametrize(("codes", "known"), [([1, 1, -1], "['hat']"), ([-1, -1], "[]")])
def test_an_attribute_needs_two_known_classes(codes, known):
    with pytest.raises(DataError) as error:
        check_attributes(party(codes), ("landmarks", "party"), "net")
    assert str(error.value) == (
        f"toy-test: the known classes of party is {known}; must be two or more; "
        "take party out of the tasks of net, or choose other faces"
    )
