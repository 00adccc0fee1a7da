"""The parameter `weighting`: every name, and the text of every error."""

import re

import pytest

from fldbench.cnn.weighting.by_loss import DWA, Equal, Fixed
from fldbench.cnn.weighting.choice import WEIGHTINGS, check_weighting, get_weighting
from fldbench.errors import MethodError

TASKS = ("landmarks", "smile", "pose")
WEIGHTS = {"name": "fixed", "weights": {"pose": 0.5, "landmarks": 2}}


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_every_name_makes_its_weighting(name):
    value = WEIGHTS if name == "fixed" else name
    found = get_weighting(value, TASKS, 4, "a-net")
    assert type(found) is WEIGHTINGS[name]
    assert found.tasks == TASKS and found.random_state == 4
    assert type(get_weighting({"name": name}, TASKS, 4, "a-net") if name != "fixed" else found) is WEIGHTINGS[name]


def test_settings_reach_the_weighting():
    dwa = get_weighting({"name": "dwa", "temperature": 3}, TASKS, 0, "a-net")
    assert isinstance(dwa, DWA) and dwa.temperature == 3
    fixed = get_weighting(WEIGHTS, TASKS, 0, "a-net")
    assert isinstance(fixed, Fixed) and fixed.fixed.tolist() == [2.0, 1.0, 0.5]
    assert get_weighting({"name": "gradnorm", "alpha": 0.5}, TASKS, 0, "a-net").alpha == 0.5
    assert get_weighting({"name": "cagrad", "c": 0.2}, TASKS, 0, "a-net").c == 0.2


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_landmarks_alone_are_never_weighed(name):
    value = {"name": "fixed", "weights": {"landmarks": 2}} if name == "fixed" else name
    assert type(get_weighting(value, ["landmarks"], 0, "a-net")) is Equal


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, 'a-net: weighting is 3; must be a name, or a dict with "name" and settings'),
        (None, 'a-net: weighting is None; must be a name, or a dict with "name" and settings'),
        ({}, 'a-net: weighting is {}; must be a name, or a dict with "name" and settings'),
        ({"name": 3}, "a-net: weighting is {'name': 3}; must be a name, or a dict with \"name\" and settings"),
        ("pcgard", "a-net: weighting is 'pcgard'; must be the name of a weighting; did you mean 'pcgrad'?"),
        ({"name": "equal", "c": 1}, "a-net: the weighting 'equal' has no setting 'c'; it has none"),
        ({"name": "dwa", "temp": 1}, "a-net: the weighting 'dwa' has no setting 'temp'; known: temperature"),
        ({"name": "dwa", "temperature": 0}, "a-net: weighting 'dwa': temperature is 0; must be a number above 0"),
        ({"name": "gradnorm", "alpha": -1}, "a-net: weighting 'gradnorm': alpha is -1; must be a number from 0"),
        ({"name": "cagrad", "c": 1}, "a-net: weighting 'cagrad': c is 1; must be a number from 0 and below 1"),
        (
            "fixed",
            "a-net: weighting 'fixed': weights is None; must be a dict of task -> weight, such as {'pose': 0.5}",
        ),
        (
            {"name": "fixed", "weights": [1, 2]},
            "a-net: weighting 'fixed': weights is [1, 2]; must be a dict of task -> number from 0",
        ),
        (
            {"name": "fixed", "weights": {"pse": 1}},
            "a-net: weighting 'fixed': weights names 'pse', which is no task; did you mean 'pose'?",
        ),
        (
            {"name": "fixed", "weights": {"pose": -0.5}},
            "a-net: weighting 'fixed': the weight of pose is -0.5; must be a number from 0",
        ),
        (
            {"name": "fixed", "weights": {"pose": "much"}},
            "a-net: weighting 'fixed': the weight of pose is 'much'; must be a number from 0",
        ),
    ],
)
def test_what_cannot_be_is_told_before_the_training(value, message):
    with pytest.raises(MethodError, match=f"^{re.escape(message)}$"):
        check_weighting(value, TASKS, "a-net")


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_gradients_of_tasks_and_a_gradient_scaler_exclude_each_other(name):
    value = WEIGHTS if name == "fixed" else name
    if not WEIGHTINGS[name].by_task:
        check_weighting(value, TASKS, "a-net", "16-mixed")
        return
    message = (
        f"a-net: the weighting {name!r} takes the gradient of each task, and precision '16-mixed' scales the gradient "
        "of one loss; choose precision 'bf16-mixed' or '32-true'"
    )
    with pytest.raises(MethodError, match=f"^{re.escape(message)}$"):
        check_weighting(value, TASKS, "a-net", "16-mixed")
    check_weighting(value, TASKS, "a-net", "bf16-mixed")
    check_weighting(value, ["landmarks"], "a-net", "16-mixed")


def test_the_given_dict_is_left_alone():
    value = {"name": "dwa", "temperature": 1.0}
    assert check_weighting(value, TASKS, "a-net") == ("dwa", {"temperature": 1.0})
    assert value == {"name": "dwa", "temperature": 1.0}
