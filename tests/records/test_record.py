"""Records: typed parts that come back as they were, a digest that notices edits, and upgrades of old ones."""

import json
import math
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from made_records import failed, made_record

from fldbench.errors import StoreError
from fldbench.metrics import Metric
from fldbench.protocols import get_protocol
from fldbench.records import machine
from fldbench.records.machine import machine_facts
from fldbench.records.record import Metrics
from fldbench.records.sealed import from_json, to_json
from fldbench.records.store import Store, read_record

# As version 1 wrote it, shortened.
OLD = {
    "schema_version": 1,
    "key": "k0",
    "status": "ok",
    "method": {
        "name": "lbf",
        "label": "lbf",
        "params": {"depth": 5},
        "version": 2,
        "code": "0123456789abcdef",
        "parameters": 7,
        "multiply_adds": None,
        "model_bytes": 99,
    },
    "train": {"label": "t", "dataset": "d", "split": "train", "faces": 5, "n_expected": 9, "parts": {"afw": [5, 9]}}
    | {"left_out": 0, "left_out_reasons": [], "fingerprint": "f"},
    "seed": 3,
    "test": {
        "n": 330,
        "missed": 0,
        "left_out": 0,
        "complete": True,
        "ids_sha256": "i",
        "fingerprint": "g",
        "parts": {},
    },
    "metrics": {"nme": 4.0, "fr08": 10.0, "fr10": 0.0, "auc08": 65.0},
    "timings": {"fit_seconds": 2.0, "ms_per_face": 0.5, "ms_one_face": None, "device": "cpu", "threads": 2},
    "machine": {"platform": "p", "python": "3", "cores": "2", "numpy": "2.4.6"},
    "reason": "",
    "traceback": "",
    "started": "2026-01-01T00:00:00+00:00",
    "ended": "2026-01-01T00:00:01+00:00",
}


def through_text(content):
    return json.loads(json.dumps(content))


def test_every_part_comes_back_through_json():
    record = made_record(machine=machine_facts(), like="l", metrics={"nme": None, "fr08": 100.0})
    assert record.metrics["nme"] is None and math.isnan(record.metrics.values_[0].value)
    back = from_json(through_text(to_json(record)), "here")
    assert back == record and back.metrics.values_[1] == Metric("fr", 100.0, 0.08)
    assert back.protocol == record.protocol and back.protocol.hash == record.protocol.hash
    bad = failed(traceback="Traceback ...")
    assert from_json(through_text(to_json(bad)), "here") == bad


def test_metrics_know_threshold_and_rule_and_do_not_collide():
    rules = replace(get_protocol("300w-helen"), thresholds=(0.075, 0.08))
    numbers = Metrics((Metric("fr", 1.0, 0.075), Metric("fr", 2.0, 0.08), Metric("auc", 3.0, 0.08, "menpo")))
    back = from_json(through_text(to_json(made_record(protocol=rules, metrics=numbers))), "here")
    assert dict(back.metrics) == {"fr07.5": 1.0, "fr08": 2.0, "auc08:menpo": 3.0}


@pytest.mark.parametrize("path", [("metrics", 0, "value"), ("protocol", "normaliser"), ("test", "missed"), ("seed",)])
def test_an_edited_number_is_noticed(path):
    content = to_json(made_record())
    place = content
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = 1 if isinstance(place[path[-1]], (int, float)) else "inter-pupil"
    assert from_json(through_text(content), "here").edited == "its content does not fit its digest"
    assert not from_json(through_text(to_json(made_record())), "here").edited


def test_edited_faces_are_noticed_and_the_record_is_not_a_result(tmp_path):
    store = Store(tmp_path)
    for key in ("a", "b", "c"):
        store.write(made_record(key=key), {"errors": np.array([0.1, 0.2])})
    np.savez(tmp_path / "records/a/faces.npz", errors=np.array([0.0, 0.0]))
    (tmp_path / "records/b/faces.npz").unlink()
    assert read_record(tmp_path / "records/a").edited == "its faces.npz does not fit its digest"
    assert read_record(tmp_path / "records/b").edited == "its faces.npz is gone"
    assert [store.has_record(key) for key in "abc"] == [False, False, True]
    store.write(made_record(key="a"), {"errors": np.array([0.1, 0.2])})
    assert store.has_record("a")


def test_a_record_of_version_1_is_upgraded():
    rules = get_protocol("300w-helen")
    old = through_text(OLD | {"protocol": rules.to_dict() | {"hash": "old"}})
    record = from_json(old, "here")
    assert dict(record.metrics) == OLD["metrics"] and record.metrics.values_[3].rule == "exact"
    assert (record.method.label, record.method.params, record.method.version) == ("lbf", {"depth": 5}, 2)
    assert record.method.code == {"all": "0123456789abcdef"} and record.seed == 3 and not record.edited
    assert record.train.parts == {"afw": (5, 9)} and record.test.complete and record.timings.fit_seconds == 2.0
    assert record.machine.cores == 2 and record.machine.libraries == {"numpy": "2.4.6"}
    assert record.protocol == rules
    assert from_json(through_text(to_json(record)), "here") == record


def test_an_error_in_the_content_names_the_field():
    content = to_json(made_record())
    del content["method"]["label"]
    with pytest.raises(StoreError, match=r"here: not a run record \(MethodFacts.label: Field required\)"):
        from_json(content, "here")
    with pytest.raises(StoreError, match="here: schema_version is 3; must be 1 or 2; update fldbench"):
        from_json({"schema_version": 3}, "here")


def test_machine_facts_say_what_the_process_may_use():
    facts = machine_facts()
    assert 1 <= facts.cores_usable <= facts.cores and facts.memory_gb > 0.5
    assert facts.cpu and "threads" in facts.blas and facts.libraries["numpy"] == np.__version__


def test_what_is_not_known_of_a_machine_is_absent_or_empty(monkeypatch):
    def installed(name):
        if name not in ("dlib", "opencv-python"):
            raise machine.PackageNotFoundError(name)
        return "9.1"

    monkeypatch.setattr(machine, "version", installed)
    assert machine._first(("dlib-bin", "dlib")) == "9.1" and machine._first(("torch",)) == "absent"

    def refused(*_, **__):
        raise OSError("not here")

    monkeypatch.setattr(machine.subprocess, "run", refused)
    monkeypatch.setattr(machine.os, "sysconf", refused)
    monkeypatch.setattr(machine.Path, "read_text", refused)
    assert machine._commit() == "" and machine._memory_gb() is None and machine._cpu()


def test_the_commit_has_a_plus_where_tracked_files_differ(monkeypatch):
    for changed, expected in (("", "0123456789ab"), (" M fldbench/digest.py\n", "0123456789ab+")):
        answers = {"ls-files": "machine.py\n", "rev-parse": "0123456789ab\n", "status": changed}
        monkeypatch.setattr(
            machine.subprocess,
            "run",
            lambda command, answers=answers, **_: subprocess.CompletedProcess(command, 0, answers[command[3]]),
        )
        assert machine._commit() == expected
    outside = subprocess.CompletedProcess([], 1, "")
    monkeypatch.setattr(machine.subprocess, "run", lambda command, **_: outside)
    assert machine._commit() == ""
