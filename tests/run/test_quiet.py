"""A cell measures its latency while the others stand still, and what they stood still is no time of theirs."""

import time
from itertools import pairwise
from pathlib import Path

import pytest

import fldbench
from fldbench.run.isolate import POSSIBLE
from fldbench.run.limits import Limits
from fldbench.run.quiet import State, quiet, read_state, stood_still, write_state

HARMFUL = Path(__file__).parents[1] / "support" / "harmful_methods.py"
pytestmark = pytest.mark.skipif(not POSSIBLE, reason="this system cannot fork")


def run(tmp_path, *methods, **options):
    suite = {
        "name": "quiet",
        "plugins": [str(HARMFUL)],
        "train": [{"dataset": "harmful-dots"}],
        "methods": list(methods),
        "protocols": ["harmful-test"],
    }
    return fldbench.run_suite(suite, tmp_path / "out", **options)


def test_the_others_stand_still_while_one_measures(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("TICKS", str(tmp_path / "ticks"))
    monkeypatch.setenv("MEASURED", str(tmp_path / "measured"))
    ticks, measures = run(tmp_path, "ticks", "measures", jobs=2, limits=Limits(seconds=120))
    assert (ticks.status, measures.status) == ("ok", "ok")
    first, last = map(float, (tmp_path / "measured").read_text().split())
    *moments, end = (tmp_path / "ticks").read_text().splitlines()
    moments = [float(one) for one in moments]
    assert last - first > 0.05  # ten faces or more, one by one
    assert not [one for one in moments if first < one < last] and min(moments) < first and max(moments) > last
    took = float(end.removeprefix("took "))
    still = max(later - earlier for earlier, later in pairwise(moments))
    assert still > last - first and ticks.timings.fit_seconds == pytest.approx(took - still, abs=1)
    assert ticks.timings.latency_alone and measures.timings.latency_alone


def test_two_that_wish_it_at_once_get_it_one_after_the_other(toy, tmp_path):
    assert [one.timings.latency_alone for one in run(tmp_path, "talks", "moves", jobs=2)] == [True, True]


def test_what_is_stood_still_is_no_time_of_a_cell(tmp_path):
    with open(tmp_path / "state", "w+b") as file:
        assert read_state(file.fileno()) == State()
        write_state(file, State(2.0, time.monotonic() - 3.0, 1.0))
        assert read_state(file.fileno()).stood_still() == pytest.approx(5.0, abs=0.5)
    assert stood_still() == 0.0
    with quiet() as alone:
        assert alone  # a process that is no cell's


def test_a_cell_that_dies_while_it_measures_lets_the_others_go_on(toy, tmp_path):
    dies, talks = run(tmp_path, "dies-measuring", "talks", jobs=2)
    assert dies.reason == "its process died with signal 9 (SIGKILL); perhaps there was too little memory"
    assert talks.status == "ok"
