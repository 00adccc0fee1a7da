"""Settings of the training loop: each has a rule, and a value outside it is an error that names the setting."""

from dataclasses import fields

import pytest

from fldbench.cnn.training.augment import RULES as RANGES
from fldbench.cnn.training.augment import Ranges
from fldbench.cnn.training.settings import CHANGE_NOTHING, RULES, Settings, get_settings
from fldbench.errors import MethodError

WRONG = {
    "optimiser": ("adagrad", "one of 'adamw', 'adam', 'sgd'"),
    "momentum": (1.0, "a number from 0 and below 1"),
    "weight_decay": (-0.1, "a number from 0"),
    "schedule": ("linear", "one of 'one-cycle', 'cosine', 'constant'"),
    "warm_up": (1, "a number from 0 and below 1"),
    "clip": (float("inf"), "a number from 0"),
    "ema": (True, "a number from 0 and below 1"),
    "val_share": (-0.1, "a number from 0 and below 1"),
    "growth": (2, "a number from 0 to 1"),
    "patience": (0, "None or a whole number from 1"),
    "precision": ("16", "one of '32-true', 'bf16-mixed', '16-mixed'"),
    "accelerator": (3, "a string"),
    "devices": (0, "a whole number from 1"),
    "num_nodes": (1.5, "a whole number from 1"),
    "threads": (-1, "None or a whole number from 0"),
    "save_seconds": ("soon", "a number from 0"),
}


def test_every_setting_and_every_range_has_a_rule():
    names = {field.name for field in fields(Settings)}
    assert RULES.keys() == WRONG.keys() == names and set(CHANGE_NOTHING) < names
    assert RANGES.keys() == {field.name for field in fields(Ranges)}
    assert get_settings(vars(Settings()), "toy") == get_settings({}, "toy") == Settings()
    assert get_settings({"threads": 0, "patience": 1, "clip": 0}, "toy") == Settings(threads=0, patience=1, clip=0)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_named(name):
    value, allowed = WRONG[name]
    with pytest.raises(MethodError) as error:
        get_settings({name: value}, "toy")
    assert str(error.value) == f"toy: training: {name} is {value!r}; must be {allowed}"


def test_an_unknown_setting_is_named_with_the_nearest_one():
    with pytest.raises(MethodError, match="toy: training has no setting 'warmup'; did you mean 'warm_up'"):
        get_settings({"warmup": 0.1}, "toy")
