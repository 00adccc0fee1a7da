"""Machines without a common disk share their finished work by a URL; a lost connection loses nothing."""

import pytest
from fsspec.implementations.memory import MemoryFile
from toys import Noisy

import fldbench
from fldbench.errors import StoreError

URL = "memory://share/of-this-test"


@pytest.fixture(autouse=True)
def empty():
    from fsspec.implementations.memory import MemoryFileSystem

    yield
    MemoryFileSystem.store.clear()


def numbers(records):
    return {(record.key, record.metrics["nme"]) for record in records}


def test_two_shards_and_a_last_call_that_fits_nothing(toy, tmp_path):
    suite = toy | {"methods": ["noisy", "mean-shape"], "seeds": [0, 1]}
    whole = fldbench.run_suite(suite, tmp_path / "whole")
    for i in (1, 2):
        fldbench.run_suite(suite, tmp_path / str(i), shard=(i, 2), share=URL)
    fits = Noisy.fits
    events = []
    last = fldbench.run_suite(suite, tmp_path / "third", on_event=lambda *event: events.append(event), share=URL)
    assert numbers(last) == numbers(whole) and Noisy.fits == fits and not events


def test_earlier_work_is_brought_and_a_fresh_run_takes_none(toy, tmp_path):
    fldbench.run_suite(toy, tmp_path / "one")
    fldbench.run_suite(toy, tmp_path / "one", share=URL)
    fits = Noisy.fits
    fldbench.run_suite(toy, tmp_path / "two", share=URL)
    assert Noisy.fits == fits
    fldbench.run_suite(toy, tmp_path / "two", share=URL, fresh=True)
    assert Noisy.fits == fits + 1


def test_failures_stay_where_they_happened(toy, tmp_path):
    records = fldbench.run_suite(toy | {"methods": ["broken"]}, tmp_path / "one", share=URL)
    assert [record.status for record in records] == ["failed"]
    fldbench.run_suite(toy | {"methods": ["broken"]}, tmp_path / "two", share=URL, on_event=lambda *event: None)
    from fsspec.implementations.memory import MemoryFileSystem

    assert [name.rpartition("/")[2] for name in MemoryFileSystem.store] == ["fldbench.txt"]


def test_a_lost_connection_is_said_once_the_run_ends_its_work_and_the_same_command_continues(
    toy, tmp_path, monkeypatch
):
    suite = toy | {"methods": ["noisy"], "seeds": [0, 1, 2]}
    notes, commit = [], MemoryFile.commit

    def lost(self):
        if self.path.endswith(".zip"):
            raise ConnectionError("the network is gone")
        commit(self)

    monkeypatch.setattr(MemoryFile, "commit", lost)
    with pytest.raises(StoreError, match=r"'memory://share/of-this-test' .*\(the network is gone\); nothing"):
        fldbench.run_suite(suite, tmp_path / "one", share=URL, on_note=notes.append)
    assert [note for note in notes if "the network is gone" in note] == notes and len(notes) == 1
    assert notes[0].endswith("The run goes on, and tries again after each model")
    assert Noisy.fits == 3
    monkeypatch.setattr(MemoryFile, "commit", commit)
    fldbench.run_suite(suite, tmp_path / "one", share=URL)
    fldbench.run_suite(suite, tmp_path / "two", share=URL)
    assert Noisy.fits == 3
