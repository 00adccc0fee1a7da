"""Cells on a cluster: a real scheduler and real workers on this machine give the tables of a serial run."""

import re
import runpy
from pathlib import Path

import pytest
from clusters import Cluster

import fldbench
from fldbench.errors import StoreError, SuiteError
from fldbench.run import cluster

Client = pytest.importorskip("distributed", reason="the extra dask is not installed").Client
HARMFUL = Path(__file__).parents[1] / "support" / "harmful_methods.py"


@pytest.fixture
def workers(tmp_path):
    (tmp_path / "cluster").mkdir()
    with Cluster(tmp_path / "cluster") as one:
        yield one


def suite_of(*methods):
    train, protocols = [{"dataset": "harmful-dots"}], ["harmful-test"]
    return {"name": "c", "plugins": [str(HARMFUL)], "train": train, "methods": list(methods), "protocols": protocols}


def with_numpy(version):
    facts = cluster.machine_facts()
    other = fldbench.records.record.Machine(**vars(facts) | {"libraries": facts.libraries | {"numpy": version}})
    return lambda: other


def numbers(records):
    return [(one.key, one.status, one.metrics) for one in records]


def test_two_workers_give_the_records_of_a_serial_run_in_a_shared_folder_or_through_the_scheduler(
    workers, tmp_path, monkeypatch
):
    workers.work(2)
    suite = suite_of("mean-shape", "talks", "segfault")
    serial = fldbench.run_suite(suite, tmp_path / "serial", isolate=True)
    said = []
    shared = fldbench.run_suite(suite, tmp_path / "shared", scheduler=workers.address, on_note=said.append)
    assert numbers(shared) == numbers(serial)
    assert shared[2].reason == "its process died with signal 11 (SIGSEGV)"
    assert any(line.startswith("dashboard of the cluster: http") for line in said)
    monkeypatch.setattr(cluster, "_mark_in", unseen_mark)
    apart = fldbench.run_suite(suite, tmp_path / "apart", scheduler=workers.address)
    assert numbers(apart) == numbers(serial)
    assert len(list((tmp_path / "apart" / "models").iterdir())) == 2
    assert not list(tmp_path.glob("*/shared-*"))


@cluster.contextmanager
def unseen_mark(store):
    yield Path("a-file-that-no-worker-sees")


def test_a_worker_that_is_killed_in_the_middle_loses_nothing(workers, tmp_path):
    first, _ = workers.work(2)
    killed = []

    def kill_one(what, done, total):
        if done == 1 and not killed:
            first.kill()
            killed.append(what)

    suite = suite_of("talks", "waits", "mean-shape", "moves")
    records = fldbench.run_suite(suite, tmp_path / "out", scheduler=workers.address, on_event=kill_one)
    assert killed and [one.status for one in records] == ["ok"] * 4


def test_a_lost_scheduler_is_said_and_the_run_goes_on_with_another(workers, tmp_path):
    workers.work(1)
    suite = suite_of("talks", "waits", "mean-shape")

    def stop(what, done, total):
        if done == 1:
            workers.stop()

    with pytest.raises(StoreError, match="is gone; what came back is kept, and the same command continues"):
        fldbench.run_suite(suite, tmp_path / "out", scheduler=workers.address, on_event=stop)
    done = []
    records = fldbench.run_suite(suite, tmp_path / "out", on_event=lambda *event: done.append(event))
    assert [one.status for one in records] == ["ok"] * 3 and done[-1][2] < 3


def test_no_scheduler_and_other_versions_are_said_before_anything_runs(workers, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with pytest.raises(SuiteError, match=r"no scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        fldbench.run_suite(suite_of("talks"), tmp_path, scheduler="tcp://127.0.0.1:9")
    monkeypatch.setattr(cluster, "PATIENCE", 30)
    workers.work(1)
    with Client(workers.address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
    monkeypatch.setattr(cluster, "machine_facts", with_numpy("1.0"))
    with pytest.raises(SuiteError, match=r"has numpy .+ for 1\.0; results depend on these versions"):
        fldbench.run_suite(suite_of("talks"), tmp_path, scheduler=workers.address)


def test_a_worker_that_comes_later_with_other_versions_runs_nothing(workers, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "machine_facts", with_numpy("1.0"))
    notes = []

    def note(line):
        notes.append(line)
        if "dashboard" in line:
            workers.work(1)
        elif "sent away" in line:  # the next one is as it should be
            monkeypatch.undo()
            workers.work(1)

    (record,) = fldbench.run_suite(suite_of("mean-shape"), tmp_path, scheduler=workers.address, on_note=note)
    assert record.status == "ok" and record.machine.libraries["numpy"] != "1.0"
    (away,) = [line for line in notes if "sent away" in line]
    assert re.search(r"worker tcp://127\.0\.0\.1:\d+ came with numpy [\d.]+ for 1\.0; it is sent away", away)


def test_the_benchmark_of_two_workers_gives_the_records_of_both_runs(capsys):
    scale = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks/scale.py"))
    one, two = scale["on_workers"](2, faces=12, crop_size=24, copies=1)
    assert one.status == two.status == "ok" and one.seed != two.seed
    assert re.fullmatch(
        r"2 cells on 1 worker\(s\): [\d.]+ s\n2 cells on 2 worker\(s\): [\d.]+ s\n[\d.]+ times faster\n",
        capsys.readouterr().out,
    )
