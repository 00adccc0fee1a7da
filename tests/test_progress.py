"""Progress: the innermost listener hears, and the one before it is back whatever happens."""

from threading import Thread

import pytest

from fldbench import progress
from fldbench.progress import listening, printed, say_progress


def test_the_innermost_listener_hears_and_the_outer_one_is_back_afterwards():
    outer, inner = [], []
    say_progress("nobody", 0, 2)
    with listening(lambda *news: outer.append(news)):
        say_progress("fit", 1, 2)
        with pytest.raises(ValueError, match="no more"), listening(lambda *news: inner.append(news)):
            say_progress("trees", 3, 4)
            raise ValueError("no more")
        say_progress("fit", 2, 2)
    say_progress("nobody", 2, 2)
    assert outer == [("fit", 1, 2), ("fit", 2, 2)] and inner == [("trees", 3, 4)]


def test_another_thread_does_not_tell_this_one():
    heard = []
    with listening(lambda *news: heard.append(news)):
        thread = Thread(target=say_progress, args=("elsewhere", 1, 1))
        thread.start()
        thread.join()
    assert heard == []


def test_a_log_has_no_line_for_quick_steps_of_the_same_work(monkeypatch, capsys):
    now = iter([0.0, 0.1, 0.2, 2.0, 2.1, 2.2, 2.3])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with printed() as show:
        for step in (1, 2, 3, 4):
            show("images", step, 5)
        show("reused: lbf", 4, 5)
        show("images", 5, 5)
    heard = [line.partition(" after")[0] + line.partition(":")[2] for line in capsys.readouterr().err.splitlines()]
    assert heard == ["1 of 5 done images", "3 of 5 done images", "4 of 5 done reused: lbf", "5 of 5 done images"]


def test_steps_of_an_earlier_run_took_no_time_of_this_one(monkeypatch, capsys):
    """By hand: steps 102 to 104 of 160 took 30 s, so the 56 that are left take 840 s."""
    now = iter([0.0, 15.0, 45.0, 900.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with printed() as show:
        for step in (102, 104, 160):
            show("epoch", step, 160)
    assert capsys.readouterr().err.splitlines() == [
        "102 of 160 done after 15 s: epoch",
        "104 of 160 done after 45 s, about 840 s left: epoch",
        "160 of 160 done after 900 s: epoch",
    ]


def test_every_new_kind_of_work_within_a_training_gets_a_new_display():
    displays = []

    def display():
        displays.append([])
        return lambda *news: displays[-1].append(news)

    inside = progress.Inside(display)
    for news in (("epoch (loss 2)", 1, 2), ("epoch (loss 1)", 2, 2), ("epoch (loss 3)", 1, 1), ("trees", 1, 9)):
        inside(*news)
    assert displays == [
        [("epoch (loss 2)", 1, 2), ("epoch (loss 1)", 2, 2)],
        [("epoch (loss 3)", 1, 1)],
        [("trees", 1, 9)],
    ]
