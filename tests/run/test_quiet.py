"""A cell measures its latency while the others stand still, and what they stood still is no time of theirs."""

import io
import os
import subprocess
import time
from pathlib import Path

import pytest
from toys import TOY_TEST

import fldbench
from fldbench.run import timing
from fldbench.run.cell_process import ENDED, TOO_LONG, _watched
from fldbench.run.isolate import POSSIBLE, Running
from fldbench.run.jobs import _next_quiet
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


def test_the_others_stand_still_while_one_measures(tmp_path, monkeypatch):
    monkeypatch.setenv("TICKS", str(tmp_path / "ticks"))
    monkeypatch.setenv("MEASURED", str(tmp_path / "measured"))
    ticks, measures = run(tmp_path, "ticks", "measures", jobs=2, limits=Limits(seconds=120))
    assert (ticks.status, measures.status) == ("ok", "ok")
    first, *asked, last = map(float, (tmp_path / "measured").read_text().split())
    *moments, end = (tmp_path / "ticks").read_text().splitlines()
    moments = [float(one) for one in moments]
    assert len(asked) == TOY_TEST - 2  # each face alone
    assert not [one for one in moments if first < one < last] and min(moments) < first and max(moments) > last
    stood = float(end.removeprefix("stood "))
    assert stood > last - first
    assert ticks.timings.latency_alone and measures.timings.latency_alone


def test_two_that_wish_it_at_once_get_it_one_after_the_other(tmp_path):
    assert [one.timings.latency_alone for one in run(tmp_path, "talks", "moves", jobs=2)] == [True, True]


def test_nobody_is_alone_where_others_cannot_be_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("fldbench.run.jobs.KNOWN", False)
    for jobs, alone in ((2, False), (1, True)):
        (record,) = run(tmp_path / str(jobs), "talks", jobs=jobs, limits=Limits(seconds=120))
        assert record.timings.latency_alone is alone


def test_a_cell_that_has_not_begun_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("fldbench.run.isolate.descendants", lambda pid: [])
    with open(tmp_path / "asks", "w+b") as first, open(tmp_path / "begins", "w+b") as second:
        asks, begins = (Running(None, Limits(), -1, -1, io.BytesIO(), file) for file in (first, second))
        asks._watcher, asks.wishes_quiet = 1, True
        assert _next_quiet(None, [asks, begins]) is None and not read_state(first.fileno()).granted
        begins._watcher = 2
        assert _next_quiet(None, [asks, begins]) is asks and read_state(first.fileno()).granted
        assert read_state(second.fileno()).since and not read_state(first.fileno()).since


def test_what_is_stood_still_is_no_time_of_a_block(monkeypatch):
    """By hand: from 10 to 20 s by the clock, of which 4 - 1 = 3 s stood still."""
    monkeypatch.setattr(timing.time, "perf_counter", iter([10.0, 20.0]).__next__)
    monkeypatch.setattr(timing, "stood_still", iter([1.0, 4.0]).__next__)
    with (clock := timing.Clock()):
        pass
    assert clock.seconds == 7.0


@pytest.mark.parametrize(("stood", "how"), [(1000.0, ENDED), (0.0, TOO_LONG)])
def test_what_is_stood_still_does_not_count_towards_the_limit(tmp_path, stood, how):
    cell = subprocess.Popen(["sleep", "1" if how == ENDED else "1000"])
    never, wanted = os.pipe()
    with open(tmp_path / "state", "w+b") as file:
        write_state(file, State(stood))
        assert _watched(cell.pid, never, file.fileno(), Limits(seconds=0.01))[0] == how
    cell.kill()
    cell.wait()
    os.close(never)
    os.close(wanted)


def test_what_is_stood_still_is_no_time_of_a_cell(tmp_path):
    with open(tmp_path / "state", "w+b") as file:
        assert read_state(file.fileno()) == State()
        write_state(file, State(2.0, time.monotonic() - 3.0, 1.0))
        assert read_state(file.fileno()).stood_still() == pytest.approx(5.0, abs=0.5)
    assert stood_still() == 0.0
    with quiet() as alone:
        assert alone  # a process that is no cell's


def test_a_cell_that_dies_while_it_measures_lets_the_others_go_on(tmp_path):
    dies, talks = run(tmp_path, "dies-measuring", "talks", jobs=2)
    assert dies.reason == "its process died with signal 9 (SIGKILL); perhaps there was too little memory"
    assert talks.status == "ok"
