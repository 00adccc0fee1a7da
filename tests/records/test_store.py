"""The store: whole records or none, failures that are replaced, folders that cannot be written, damaged files."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_records import made_record

from fldbench.errors import StoreError
from fldbench.files import _machine
from fldbench.metrics import Metric
from fldbench.records.record import Metrics
from fldbench.records.store import Store, read_record, read_records

RECORD = made_record(key="k1", metrics={"nme": 1 / 3})


def test_a_record_comes_back_as_it_was(tmp_path):
    store = Store(tmp_path / "out")
    arrays = {"ids": np.array(["a", "b"]), "errors": np.array([0.1, np.nan]), "predictions": np.zeros((2, 5, 2))}
    store.write(RECORD, arrays)
    kept = store.read("k1")
    assert store.has_record("k1") and replace(kept, arrays_sha256="") == RECORD and len(kept.arrays_sha256) == 64
    assert read_records(tmp_path / "out") == read_records(tmp_path / "out/records") == [kept]
    with np.load(store.record_path("k1") / "faces.npz", allow_pickle=False) as kept:
        assert {name: kept[name].tolist() for name in ("ids",)} == {"ids": ["a", "b"]}
        assert np.array_equal(kept["errors"], arrays["errors"], equal_nan=True)


def test_a_good_record_is_never_overwritten(tmp_path):
    store = Store(tmp_path)
    store.write(RECORD)
    store.write(replace(RECORD, metrics=Metrics((Metric("nme", 9.0),))))
    assert store.read("k1") == RECORD


def test_a_failure_is_replaced_by_the_next_try_and_is_not_a_result(tmp_path):
    store = Store(tmp_path)
    for reason in ("first", "second"):
        store.write(replace(RECORD, status="failed", reason=reason))
    assert not store.has_record("k1") and store.read("k1").reason == "second"
    assert [record.reason for record in read_records(tmp_path)] == ["second"]
    store.write(RECORD)
    assert [record.status for record in read_records(tmp_path)] == ["ok"]
    store.forget(["k1"])
    assert not list((tmp_path / "records").iterdir())


def test_leftovers_of_dead_writers_are_swept_and_those_of_live_ones_kept(tmp_path):
    Store(tmp_path)
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    ).stdout
    kept, swept = (f".abc.0011aabb.{_machine()}.{pid}.part" for pid in (os.getppid(), dead.strip()))
    for name in (kept, swept):
        (tmp_path / "records" / name).mkdir()
    Store(tmp_path)
    assert [part.name for part in (tmp_path / "records").iterdir()] == [kept]


@pytest.mark.parametrize("place", ["file/out", "/proc/out"])
def test_an_output_folder_that_cannot_be_written(tmp_path, place):
    (tmp_path / "file").write_text("in the way")
    folder = Path(place) if place.startswith("/") else tmp_path / place
    with pytest.raises(
        StoreError, match=r"the output folder '.*out' cannot be written \(.*\); choose another with --out"
    ):
        Store(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"run\.json: the record is damaged \(.*\); remove its folder and run again"),
        ("[]", r"run\.json: the record is damaged \(no mapping\)"),
        (json.dumps({"schema_version": 99}), r"run\.json: schema_version is 99; must be 1 or 2; update fldbench"),
        (json.dumps({"schema_version": 1, "key": "k"}), r"run\.json: not a run record \(KeyError"),
    ],
)
def test_a_damaged_record_is_named(tmp_path, text, message):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(StoreError, match=message):
        read_record(tmp_path)


def test_a_folder_without_records_says_so(tmp_path):
    with pytest.raises(StoreError, match=r"no run record below '.*'; `fldbench run` writes them"):
        read_records(tmp_path)


def test_sound_records_of_the_same_work_are_found_the_newest_last(tmp_path):
    store = Store(tmp_path)
    for key, day in (("a", 3), ("b", 1), ("c", 2), ("edited", 4), ("damaged", 5)):
        store.write(replace(RECORD, key=key, like="w", ended=f"2026-01-0{day}T00:00:00+00:00"))
    store.write(replace(RECORD, key="other", like="v"))
    store.write(replace(RECORD, key="failed", like="w", status="failed"))
    store.write(replace(RECORD, key="nameless", like=""))
    path = tmp_path / "records/edited/run.json"
    path.write_text(path.read_text().replace('"n": 330', '"n": 331'))
    (tmp_path / "records/damaged/run.json").write_text("{")
    assert store.read("edited").edited
    found = {like: [record.key for record in records] for like, records in store.alike().items()}
    assert found == {"w": ["b", "c", "a"], "v": ["other"]}


def test_a_damaged_record_is_no_result_and_is_replaced(tmp_path):
    store = Store(tmp_path)
    place = store.record_path("k1")
    store.write(RECORD)
    good = (place / "run.json").read_text()
    for text in ("", "{", good[:-20], good.replace('"k1"', '"k2"')):
        (place / "run.json").write_text(text)
        assert not store.has_record("k1")
        store.write(RECORD)
        assert store.has_record("k1") and store.read("k1") == RECORD
    (place / "run.json").unlink()
    os.mkfifo(place / "run.json")
    store.write(RECORD)
    store.forget(["k1"])
    place.touch()
    store.write(RECORD)
    assert store.has_record("k1")
    (place / "run.json").write_text(json.dumps({"schema_version": 99}))
    with pytest.raises(StoreError, match="update fldbench"):  # it is not to be lost
        store.write(RECORD)


def test_a_record_under_the_name_of_another_is_no_result(tmp_path):
    store = Store(tmp_path)
    store.write(replace(RECORD, key="k2", metrics=Metrics((Metric("nme", 0.1),))))
    store.record_path("k2").rename(store.record_path("k1"))
    assert not store.has_record("k1") and store.read("k1").edited == "it is that of another run"


def test_reading_alone_creates_nothing_and_finds_a_place_that_cannot_be_written(tmp_path):
    Store(tmp_path / "new" / "deep", create=False)
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            StoreError, match=r"the output folder .* cannot be written \('.*file' is no folder\); choose"
        ):
            Store(place, create=False)
