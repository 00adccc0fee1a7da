"""Faults of the machine: a full disk, two runs in one folder, a clock that was set back, a record of the future.

Nothing that is finished is lost, nothing half or wrong is trusted, and the next call continues.
"""

import errno
import json
import os
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
from toys import Noisy

import fldbench
from fldbench.errors import StoreError
from fldbench.records.store import Store
from fldbench.run import cell
from fldbench.run.isolate import POSSIBLE


def rows(out):
    """The rows of a board without times."""
    board = fldbench.leaderboard(out)
    return [{k: v for k, v in row.items() if not any(w in k for w in ("ms", "seconds", "load"))} for row in board.rows]


def records_of(out):
    return {path: path.read_bytes() for path in Path(out).glob("records/*/*")}


@pytest.fixture
def suite(toy):
    return toy | {"seeds": [0, 1, 2, 3]}


def test_a_full_disk_ends_the_run_and_the_next_one_continues(suite, tmp_path, monkeypatch):
    out, write = tmp_path / "out", Path.write_text

    def full(path, text, **options):
        if path.name == "run.json" and len(list(out.glob("records/*/run.json"))) == 2:
            write(path, text[: len(text) // 2], **options)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, text, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(StoreError, match=r"cannot be written \(No space left on device\).*free some space"):
            fldbench.run_suite(suite, out)
    kept = records_of(out)
    assert len(list(out.glob("records/*"))) == 2 and not list(out.rglob("*.part"))
    fldbench.run_suite(suite, out)
    assert kept.items() <= records_of(out).items()  # what was finished is as it was
    fldbench.run_suite(suite, tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole")


@pytest.mark.skipif(not POSSIBLE, reason="this system cannot fork")
@pytest.mark.parametrize("room", range(4))  # one file is for the process that forks cells, three for a cell
def test_a_full_disk_for_temporary_files_is_said(suite, tmp_path, monkeypatch, room):
    made, make, before = [], tempfile.TemporaryFile, len(os.listdir("/proc/self/fd"))

    def full(*args, **kwargs):
        if len(made) == room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        made.append(None)
        return make(*args, **kwargs)

    monkeypatch.setattr("fldbench.run.isolate.tempfile.TemporaryFile", full)
    with pytest.raises(StoreError, match=r"no process can be started \(No space left on device\); free some space in"):
        fldbench.run_suite(suite, tmp_path / "out", isolate=True)
    assert len(made) == room and len(os.listdir("/proc/self/fd")) == before


def test_two_runs_in_one_folder_at_once_both_end_with_the_whole_table(suite, tmp_path):
    out, context = tmp_path / "out", get_context("fork")
    begin = context.Barrier(2)

    def work():
        begin.wait()
        fldbench.run_suite(suite, out)

    both = [context.Process(target=work) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(300)
    assert [one.exitcode for one in both] == [0, 0]
    fldbench.run_suite(suite, tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole") and not list(out.rglob("*.part"))


def test_a_clock_that_was_set_back_changes_no_number_and_nothing_is_done_twice(suite, tmp_path, monkeypatch):
    out = tmp_path / "out"
    fldbench.run_suite(suite | {"seeds": [0, 1]}, out)
    kept, fits, now = records_of(out), Noisy.fits, time.time()
    monkeypatch.setattr(cell, "now", lambda: "2001-01-01T00:00:00+00:00")
    monkeypatch.setattr(time, "time", lambda: now - 1e9)
    records = fldbench.run_suite(suite, out)
    assert Noisy.fits == fits + 2 and kept.items() <= records_of(out).items()
    assert sorted(one.ended[:4] for one in records)[:2] == ["2001", "2001"]
    fldbench.run_suite(suite, tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole")


def test_a_record_of_the_future_is_neither_read_nor_lost(suite, tmp_path):
    out = tmp_path / "out"
    key = fldbench.run_suite(suite, out)[1].key
    path = Store(out).record_path(key) / "run.json"
    future = json.dumps(json.loads(path.read_text()) | {"schema_version": 99})
    path.write_text(future)
    with pytest.raises(StoreError, match="schema_version is 99; must be 1 or 2; update fldbench"):
        fldbench.run_suite(suite, out)
    assert path.read_text() == future


def test_cut_and_edited_records_are_done_again_and_the_others_are_not(suite, tmp_path):
    out = tmp_path / "out"
    records = fldbench.run_suite(suite, out)
    before, fits = rows(out), Noisy.fits
    cut, edited, short, *sound = (Store(out).record_path(one.key) for one in records)
    (cut / "run.json").write_text((cut / "run.json").read_text()[:-200])
    text = (edited / "run.json").read_text()
    number = json.loads(text)["metrics"]
    (edited / "run.json").write_text(
        text.replace('"status": "ok"', '"status":  "ok"').replace('"seed": 1', '"seed": 7')
    )
    (short / "faces.npz").write_bytes((short / "faces.npz").read_bytes()[:-1])
    kept = [(one / "run.json").read_bytes() for one in sound]
    fldbench.run_suite(suite, out)
    assert rows(out) == before and json.loads((edited / "run.json").read_text())["metrics"] == number
    assert [(one / "run.json").read_bytes() for one in sound] == kept and Noisy.fits == fits  # models were sound
