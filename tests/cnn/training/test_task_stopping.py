"""Task-wise early stopping: the criterion by hand, when it stops, what it says, and its state."""

import re

import pytest
import torch

from fldbench.cnn.training.checkpoint import read_checkpoint, write_checkpoint
from fldbench.cnn.training.task_stopping import TaskStopping, check_task_stopping, factors
from fldbench.errors import MethodError

TASKS = ("landmarks", "smile", "pose")
FLAT = [1.0, 0.5, 0.42, 0.4, 0.4]  # a training loss that settles


def test_factors_by_hand():
    """Of 4, 2, 1: the median 2, 3 * 2 / (7 - 6) = 6, and (1.5 - 1) / 1. Of the last three of 9, 4, 2, 1: the same."""
    assert factors([4.0, 2.0, 1.0], 1.5, 3, 1.0) == (6.0, 0.5)
    assert factors([9.0, 4.0, 2.0, 1.0], 1.5, 3, 1.0) == (6.0, 0.5)
    assert factors([4.0, 2.0, 1.0], 1.5, 3, 0.5) == (6.0, 1.0)  # a task of half the weight has twice the gap
    settled, gap = factors([0.5, 8.0, 2.0, 1.0], 1.5, 3, 1.0)  # the least loss may lie before the window
    assert (settled, gap) == (pytest.approx(6 / 5), pytest.approx(2.0))
    settled, _ = factors([1.0, 2.0, 2.5], 3.0, 3, 1.0)  # 3 * 2 / (5.5 - 6)
    assert settled == pytest.approx(-12)


def test_a_loss_that_falls_fast_has_a_small_first_factor():
    fast, slow = factors([8.0, 2.0, 1.0], 2.0, 3, 1.0)[0], factors([1.2, 1.1, 1.05], 2.0, 3, 1.0)[0]
    assert fast == pytest.approx(6 / 5) and slow == pytest.approx(66)


def test_factors_do_not_depend_on_the_unit():
    assert factors([40.0, 20.0, 10.0], 15.0, 3, 1.0) == pytest.approx(factors([4.0, 2.0, 1.0], 1.5, 3, 1.0))


@pytest.mark.parametrize("train", [[1.0] * 4, [0.0] * 4, [0.3, 0.3, 0.0, 0.0], [1e-30] * 4])
@pytest.mark.parametrize("val", [0.0, 1.0, 1e-30])
def test_no_denominator_is_zero(train, val):
    settled, gap = factors(train, val, 4, 1.0)
    assert abs(settled) < 1e12 and abs(gap) < 1e12


def test_a_loss_that_stands_still_is_settled():
    """Then the gap alone decides: it stops if the validation loss is above the training loss, and not below it."""
    above, below = TaskStopping(TASKS, [1] * 3, 3, 5.0), TaskStopping(TASKS, [1] * 3, 3, 5.0)
    for _ in range(3):
        above.after_epoch([1.0] * 3, [1.0, 1.2, 1.2])
        below.after_epoch([1.0] * 3, [1.0, 0.8, 1.0])
    assert above.stopped == {"smile": 3, "pose": 3} and not below.stopped


def run(stopping, epochs, start=0):
    """Smile overfits while its training loss settles; pose learns on; the landmarks overfit worst."""
    lines = []
    for epoch in range(start, start + epochs):
        smile = FLAT[min(epoch, 4)]
        lines += stopping.after_epoch([0.1, smile, 1 / (1 + epoch)], [9.0, 0.6, 1 / (1 + epoch)])
    return lines


def test_one_task_stops_and_says_why():
    """In epoch 4: 3 * 0.42 / (1.32 - 1.26) = 21, (0.6 - 0.4) / 0.4 = 0.5, the product 10.5 is the first above 10."""
    stopping = TaskStopping(TASKS, [1.0, 1.0, 1.0], 3, 10.0)
    assert stopping.going.tolist() == [1.0, 1.0, 1.0]
    assert run(stopping, 3) == []
    assert run(stopping, 1, 3) == [
        "smile stops after epoch 4: its training loss has settled (21 over the last 3 epochs) while its validation "
        "loss 0.6 is above its least training loss 0.4 (gap 0.5); 21 x 0.5 = 10.5 exceeds the threshold 10"
    ]
    assert stopping.stopped == {"smile": 4}
    assert stopping.going.tolist() == [1.0, 0.0, 1.0]
    assert run(stopping, 5, 4) == []  # it stops once, and the landmarks never
    assert stopping.stopped == {"smile": 4}


def test_nothing_stops_before_a_whole_window():
    stopping = TaskStopping(TASKS, [1] * 3, 5, 1e-6)
    assert run(stopping, 4) == [] and not stopping.stopped


def test_a_higher_threshold_or_weight_stops_later():
    assert run(TaskStopping(TASKS, [1] * 3, 3, 10.6), 4) == []
    assert run(TaskStopping(TASKS, [1, 2, 1], 3, 10.0), 4) == []
    assert run(TaskStopping(TASKS, [1, 0, 1], 3, 10.0), 9) == []  # a task of weight 0 does not train


def test_an_unknown_validation_loss_stops_nothing():
    stopping = TaskStopping(TASKS, [1] * 3, 2, 1e-3)
    for _ in range(4):
        stopping.after_epoch([1.0] * 3, [1.0, float("nan"), float("nan")])
    assert not stopping.stopped


def test_it_resumes_where_it_was(tmp_path):
    unbroken = TaskStopping(TASKS, [1.0] * 3, 3, 10.0)
    run(unbroken, 3)
    write_checkpoint(tmp_path / "c", {"task_stopping": unbroken.state_dict()}, {})
    parts, _ = read_checkpoint(tmp_path / "c")
    resumed = TaskStopping(TASKS, [1.0] * 3, 3, 10.0)
    resumed.load_state_dict(parts["task_stopping"])
    assert run(resumed, 2, 3) == run(unbroken, 2, 3) != []
    assert resumed.stopped == unbroken.stopped == {"smile": 4}
    again = TaskStopping(TASKS, [1.0] * 3, 3, 10.0)
    again.load_state_dict(resumed.state_dict())
    assert torch.equal(again.going, unbroken.going) and again.train == unbroken.train

    fresh = TaskStopping(TASKS, [1.0] * 3, 3, 10.0)
    fresh.load_state_dict(TaskStopping(TASKS, [1.0] * 3, 3, 10.0).state_dict())
    assert fresh.train == [] and not fresh.stopped


GOOD = {"window": 5, "threshold": 1.0}


@pytest.mark.parametrize("weighting", ["equal", "fixed", {"name": "fixed", "weights": {"pose": 2}}, {"name": "equal"}])
def test_it_works_with_constant_weights(weighting):
    check_task_stopping(GOOD, weighting, "a-net")
    check_task_stopping(None, "pcgrad", "a-net")


@pytest.mark.parametrize(
    ("value", "weighting", "message"),
    [
        (3, "equal", "a-net: task_stopping is 3; must be None or a dict with window and threshold"),
        (
            {"window": 5},
            "equal",
            "a-net: task_stopping is {'window': 5}; must be None or a dict with window and threshold; add threshold",
        ),
        ({**GOOD, "windows": 5}, "equal", "a-net: task_stopping has no setting 'windows'; did you mean 'window'?"),
        ({**GOOD, "window": 1}, "equal", "a-net: task_stopping: window is 1; must be a whole number from 2"),
        ({**GOOD, "threshold": 0}, "equal", "a-net: task_stopping: threshold is 0; must be a number above 0"),
        (
            GOOD,
            {"name": "dwa", "temperature": 1},
            "a-net: task_stopping with the weighting 'dwa', which decides itself how much each task counts; choose "
            "weighting 'equal' or 'fixed', or leave task_stopping None",
        ),
    ],
)
def test_what_cannot_be_is_told_before_the_training(value, weighting, message):
    with pytest.raises(MethodError, match=f"^{re.escape(message)}$"):
        check_task_stopping(value, weighting, "a-net")
