"""Each cell in a process of its own: whatever one does is a row with its reason, and the others go on."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import fldbench
from fldbench.datasets.synthetic import dataset as synthetic_dataset
from fldbench.errors import SuiteError
from fldbench.run import data as run_data
from fldbench.run.cell_process import faces_of, loaded
from fldbench.run.descendants import descendants, end_with, memory_of
from fldbench.run.limits import Limits
from fldbench.run.plan import make_plan
from fldbench.run.suite import load_suite

HARMFUL = Path(__file__).parents[1] / "support" / "harmful_methods.py"


def suite_of(*methods):
    return {
        "name": "harm",
        "plugins": [str(HARMFUL)],
        "train": [{"dataset": "harmful-dots"}],
        "methods": list(methods),
        "protocols": ["harmful-test"],
    }


def outputs(out):
    return {path.parent.name.partition(".")[0]: path.read_text() for path in out.glob("records/*/output.txt")}


def gone(pid, seconds=5.0):
    end = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.02)
    return not Path(f"/proc/{pid}").exists()


def test_crashes_are_rows_with_their_reason_and_the_rest_goes_on(tmp_path):
    suite = suite_of("segfault", "exits", "kills-watcher", "moves", "talks")
    segfault, exits, watcher, moves, talks = fldbench.run_suite(suite, tmp_path / "out", isolate=True)
    assert segfault.reason == "its process died with signal 11 (SIGSEGV)"
    assert "in string_at" in segfault.traceback  # where it was
    assert exits.reason == "its process ended with status 0 before its work was done"
    assert watcher.reason == "its process died with signal 9 (SIGKILL); perhaps there was too little memory"
    assert [one.status for one in (segfault, exits, watcher)] == ["failed"] * 3
    assert (moves.status, talks.status) == ("ok", "ok")
    again = fldbench.run_suite(suite_of("segfault", "talks"), tmp_path / "out", isolate=True)
    assert [one.status for one in again] == ["failed", "ok"]  # the same cell is tried again, and ends nothing


def test_faces_that_are_drawn_are_placed_once_and_passed_on(monkeypatch):
    few = {"dataset": "synthetic", "options": {"faces": 8}}
    rules = {"name": "same-faces", "split": "train", "normaliser": "inter-ocular"} | few
    suite = {"name": "few", "train": [few], "methods": ["mean-shape"], "protocols": ["same-faces"], "define": [rules]}
    plan = make_plan(load_suite(suite | {"allow_overlap": True}), None)
    (cell,), passed = plan.cells, faces_of(plan.cells, plan.data)
    with monkeypatch.context() as patch:
        patch.setattr(run_data, "load_dataset", lambda *given, **options: pytest.fail("they are loaded again"))
        there = loaded(passed)
        for here, faces in (
            (plan.data.train(cell.train), there.train(cell.train)),
            (plan.data.test(cell.runs[0].protocol), there.test(cell.runs[0].protocol)),
        ):
            assert faces.seal == faces.seal_now() == here.seal and faces.faces.fingerprint == here.faces.fingerprint
    assert loaded(faces_of(plan.cells)).train(cell.train).seal == there.train(cell.train).seal


def test_only_the_faces_are_drawn_that_a_cell_needs(monkeypatch):
    drawn = []
    picture = synthetic_dataset.face_image
    monkeypatch.setattr(
        synthetic_dataset, "face_image", lambda seed, i, *more: drawn.append((seed, i)) or picture(seed, i, *more)
    )
    synthetic_dataset._picture.cache_clear()
    train = [{"dataset": "synthetic", "options": {"faces": 8}}]
    protocols = ["synthetic-test@first=3", "synthetic-test@first=5"]
    plan = make_plan(
        load_suite({"name": "few", "train": train, "methods": ["mean-shape"], "protocols": protocols}), None
    )
    loaded(faces_of(plan.cells, plan.data))
    train_seed, test_seed = (synthetic_dataset.SEEDS[split] for split in ("train", "test"))
    assert sorted(drawn) == [*((train_seed, i) for i in range(8)), *((test_seed, i) for i in range(5))]


def test_numbers_are_those_of_one_process_for_all(tmp_path):
    suite = suite_of("mean-shape", "talks")
    here = fldbench.run_suite(suite, tmp_path / "here")
    apart = fldbench.run_suite(suite, tmp_path / "apart", isolate=True)
    assert [one.metrics for one in here] == [one.metrics for one in apart]
    assert [one.key for one in here] == [one.key for one in apart]


def test_what_a_cell_prints_is_kept_beside_its_record(tmp_path, capfd):
    (record,) = fldbench.run_suite(suite_of("talks"), tmp_path, isolate=True)
    assert sorted(outputs(tmp_path)[record.key].split("\n")[:3]) == ["from a child", "to stderr", "to stdout"]
    assert "to std" not in "".join(capfd.readouterr())


def test_limits_of_time_and_memory(tmp_path):
    limits = Limits(seconds=2.5, memory_gb=0.5)
    hangs, talks = fldbench.run_suite(suite_of("hangs", "talks"), tmp_path, limits=limits)
    assert hangs.reason.startswith("it took longer than its limit of 2.5 s and was ended")
    assert talks.status == "ok"
    (grows,) = fldbench.run_suite(suite_of("grows"), tmp_path, limits=Limits(memory_gb=0.5))
    assert grows.reason.startswith("it took more memory than its limit of 0.5 GB and was ended")


@pytest.mark.parametrize("wrong", [Limits(0), Limits(memory_gb=-1), Limits(float("nan"))])
def test_a_limit_that_is_none_is_refused_before_anything(tmp_path, wrong):
    with pytest.raises(SuiteError, match=r"limits of a cell: (seconds|memory_gb) is .+ must be above 0"):
        fldbench.run_suite(suite_of("talks"), tmp_path / "out", limits=wrong)
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (record,) = fldbench.run_suite(suite_of("leaves-child"), tmp_path / "out", isolate=True)
    text = outputs(tmp_path / "out")[record.key]
    assert text.endswith("it left 1 process behind, ended now\n")
    assert gone(int(text.split()[0]))
    assert not list((tmp_path / "tmp").iterdir())
    assert not [pid for pid in descendants(os.getpid()) if "cell_process" in cmdline(pid)]


def cmdline(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def start(tmp_path, *methods):
    """Start a run in a process of its own; return it when the first cell waits, with the number of that process."""
    code = f"import fldbench, sys; fldbench.run_suite({suite_of(*methods)!r}, 'out', isolate=True, on_note=print)"
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    run = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while time.monotonic() < end and run.poll() is None:
        running = [
            pid for pid in descendants(run.pid) if (tmp_path / "out").exists() and "cell_process" in cmdline(pid)
        ]
        if len(running) >= 3:  # server, watcher, cell
            return run, running
        time.sleep(0.02)
    raise AssertionError(f"the run did not begin; it ended with {run.wait()}")


def test_a_killed_runner_takes_all_its_cells_along(tmp_path):
    run, running = start(tmp_path, "hangs")
    run.kill()
    run.communicate()
    assert all(gone(pid) for pid in running)


def test_a_killed_runner_takes_a_server_along_that_cannot_see_its_end(tmp_path):
    """As while it loads the faces of a large dataset."""
    run, (server, *cells) = start(tmp_path, "hangs")
    os.kill(server, signal.SIGSTOP)
    run.kill()
    run.wait()
    with run.stdout:
        assert gone(server) and all(gone(pid) for pid in cells)


@pytest.mark.parametrize("there", [True, False])
def test_a_process_whose_parent_ended_before_it_could_say_that_it_ends_with_it(there):
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        end_with(parent if there else parent + 1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == (0 if there else signal.SIGKILL)


def test_one_interruption_finishes_what_runs_and_begins_nothing(tmp_path):
    run, _ = start(tmp_path, "waits", "talks")
    time.sleep(0.5)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate()
    assert "interrupted: 1 at work are finished first; once more, and they are ended" in said
    assert run.returncode != 0  # KeyboardInterrupt
    records = fldbench.run_suite(suite_of("waits"), tmp_path / "out", isolate=True, on_event=lambda *event: 1 / 0)
    assert records[0].status == "ok"  # it was done, so nothing runs


def test_two_interruptions_end_what_runs(tmp_path):
    run, running = start(tmp_path, "hangs", "talks")
    time.sleep(0.5)
    for _ in range(2):
        run.send_signal(signal.SIGINT)
        time.sleep(0.3)
    run.communicate(timeout=10)
    assert all(gone(pid) for pid in running)
    assert not list((tmp_path / "out" / "records").iterdir())


def test_memory_counts_shared_pages_as_their_part():
    own = memory_of([os.getpid()])
    assert 10_000_000 < own < 20_000_000_000
    assert memory_of([2**22 + 1]) == 0
