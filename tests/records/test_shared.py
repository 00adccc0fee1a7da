"""Records at a URL: they come whole or not at all, and nothing else comes."""

import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from made_records import made_record

from fldbench.errors import MissingDependencyError, StoreError
from fldbench.records.shared import Shared
from fldbench.records.store import Store

ARRAYS = {"ids": np.array(["a", "b"]), "errors": np.array([0.1, 0.2])}
KEYS = ("k", "l")


@pytest.fixture
def url(tmp_path):
    return f"file://{tmp_path}/shared"


@pytest.fixture
def full(tmp_path, url):
    """A store with two records, which were brought to the URL."""
    store = Store(tmp_path / "full")
    for key in KEYS:
        store.write(made_record(key=key), ARRAYS)
    store.keep_output(["k"], "printed\n")
    Shared(url).push(store, [*KEYS, "another"])
    return store


def files_of(store):
    place = store.folder / "records"
    return {str(one.relative_to(place)): one.read_bytes() for one in place.rglob("*") if one.is_file()}


def pulled(url, folder, keys=KEYS):
    notes = []
    store = Store(folder)
    Shared(url).pull(store, keys, notes.append)
    return store, notes


@pytest.mark.parametrize("place", ["file", "memory"])
def test_records_come_back_byte_for_byte(full, tmp_path, url, place):
    url = url if place == "file" else "memory://somewhere/below"
    Shared(url).push(full, KEYS)
    store, notes = pulled(url, tmp_path / "other")
    assert files_of(store) == files_of(full) and len(files_of(store)) == 5 and not notes


def test_only_the_keys_that_are_asked_for_come(full, tmp_path, url):
    shutil.copyfile(tmp_path / "shared/k.zip", tmp_path / "shared/..%2Fx.zip")
    store, _ = pulled(url, tmp_path / "other", ["k", "absent"])
    assert sorted(path.name for path in (store.folder / "records").iterdir()) == ["k"]
    assert sorted(path.name for path in (tmp_path / "shared").iterdir()) == [
        *("..%2Fx.zip", "fldbench.txt", "k.zip", "l.zip")
    ]


def test_what_is_here_is_not_replaced_and_a_failure_is(full, tmp_path, url):
    store = Store(tmp_path / "other")
    store.write(made_record(key="k", seed=7), ARRAYS)
    store.write(made_record(key="l", status="failed", reason="no"))
    Shared(url).pull(store, KEYS, pytest.fail)
    assert store.read("k").seed == 7 and store.read("l").status == "ok"
    assert not store.record_path("l.failed").exists()


def test_what_is_here_and_there_is_brought_again_only_if_its_size_is_another(full, tmp_path, url):
    place = tmp_path / "shared/k.zip"
    whole = place.read_bytes()
    for new, kept in ((b"Printed", True), (b"P", False)):
        place.write_bytes(changed := whole.replace(b"printed", new))
        shared = Shared(url)
        shared.pull(full, KEYS, pytest.fail)
        shared.push(full, KEYS)
        assert place.read_bytes() == (changed if kept else whole)


def test_a_damaged_one_of_the_same_size_is_written_again(full, tmp_path, url):
    place = tmp_path / "shared/k.zip"
    whole = place.read_bytes()
    place.write_bytes(whole.replace(b"printed", b"Printed"))
    store, notes, shared = Store(tmp_path / "other"), [], Shared(url)
    shared.pull(store, KEYS, notes.append)
    assert len(notes) == 1 and not store.has_record("k")
    shared.push(full, KEYS)  # as if it had been fitted again
    assert place.read_bytes() == whole


def test_an_edited_record_here_is_replaced(full, tmp_path, url):
    store, _ = pulled(url, tmp_path / "other")
    file = store.record_path("k") / "run.json"
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    store, notes = pulled(url, tmp_path / "other")
    assert files_of(store) == files_of(full) and not notes


def zipped(members, how=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def test_what_is_not_the_sound_record_of_its_key_is_said_and_written_again(full, tmp_path, url):
    place = tmp_path / "shared/k.zip"
    whole = place.read_bytes()
    own = {name: (full.record_path("k") / name).read_bytes() for name in ("run.json", "faces.npz")}
    edited = own["run.json"].replace(b'"seed": 0', b'"seed": 1')
    failed = made_record(key="k", status="failed", reason="no")
    full.write(failed)
    bad = {
        "damaged (File is not a zip file)": b"PK",
        "damaged": whole[:-200],
        "Bad CRC-32": whole.replace(b"printed", b"Printed"),
        "more than run.json, faces.npz, output.txt, uncompressed": zipped([*own.items(), ("../../x", b"")]),
        "output.txt, uncompressed": zipped(own.items(), zipfile.ZIP_DEFLATED),
        "faces.npz, output.txt": zipped([*own.items(), ("facez.npz", b"")]).replace(b"facez.npz", b"faces.npz"),
        "its content does not fit its digest": zipped([("run.json", edited), ("faces.npz", own["faces.npz"])]),
        "faces.npz does not fit its digest": zipped([("run.json", own["run.json"]), ("faces.npz", b"PK")]),
        "faces.npz is gone": zipped([("run.json", own["run.json"])]),
        "k/run.json": zipped([("faces.npz", b"PK")]),
        "not a run record": zipped([("run.json", b'{"schema_version": 1}')]),
        "that of another run or of a failed one, l": (tmp_path / "shared/l.zip").read_bytes(),
        "that of another run or of a failed one, k": zipped(
            [("run.json", (full.record_path("k.failed") / "run.json").read_bytes())]
        ),
    }
    for i, (why, content) in enumerate(bad.items()):
        place.write_bytes(content)
        store, notes = pulled(url, tmp_path / str(i))
        assert len(notes) == 1 and why in notes[0], (why, notes)
        assert notes[0].startswith(f"{url}/k.zip is not used and will be written again: ")
        assert {path.name for path in (store.folder / "records").iterdir()} == {"l"}  # and no half folder
    assert not (tmp_path / "x").exists()
    full.record_path("k.failed").rename(tmp_path / "gone")
    Shared(url).push(full, KEYS)
    assert place.read_bytes() == whole


def test_a_record_that_is_too_large_does_not_keep_the_others_away(full, tmp_path, url, monkeypatch):
    largest = (tmp_path / "shared/l.zip").stat().st_size
    assert (tmp_path / "shared/k.zip").stat().st_size > largest
    monkeypatch.setattr("fldbench.records.shared.LARGEST", largest)
    store, notes = pulled(url, tmp_path / "other")
    assert notes == [f"{url}/k.zip is not used and will be written again: it has more than {largest} bytes"]
    assert {path.name for path in (store.folder / "records").iterdir()} == {"l"}


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda place: place.symlink_to("nowhere")])
def test_what_is_no_file_neither_ends_a_run_nor_keeps_it_waiting(full, tmp_path, url, make):
    place = tmp_path / "shared/k.zip"
    place.unlink()
    make(place)
    store, notes, shared = Store(tmp_path / "other"), [], Shared(url)
    shared.pull(store, KEYS, notes.append)
    assert notes == [f"{url}/k.zip is no file: it is left there, and not used"] and store.has_record("l")
    shared.push(full, KEYS)
    assert not place.is_file() and os.path.lexists(place)


def test_a_record_of_another_version_is_left_alone(full, tmp_path, url):
    content = json.loads((full.record_path("k") / "run.json").read_bytes()) | {"schema_version": 99}
    newer = zipped([("run.json", json.dumps(content))])
    (tmp_path / "shared/k.zip").write_bytes(newer)
    store, notes, shared = Store(tmp_path / "other"), [], Shared(url)
    shared.pull(store, KEYS, notes.append)
    assert notes == [f"{url}/k.zip is of another version of fldbench: it is left there, and not used"]
    store.write(made_record(key="k"), ARRAYS)
    shared.push(store, KEYS)
    assert (tmp_path / "shared/k.zip").read_bytes() == newer


def test_a_write_that_ends_early_leaves_nothing(full, tmp_path, monkeypatch):
    from fsspec.implementations.local import LocalFileOpener

    def no_room(self, *args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalFileOpener, "write", no_room, raising=False)
    with pytest.raises(StoreError, match="No space left on device"):
        Shared(f"file://{tmp_path}/small").push(full, KEYS)
    assert [path.name for path in (tmp_path / "small").iterdir()] == ["fldbench.txt"]


def test_no_room_to_pack_a_record_is_said_as_a_lost_connection_is(full, url, monkeypatch):
    def no_room(self, *args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", no_room)
    with pytest.raises(StoreError, match=r"\(\[Errno 28\] No space left on device\); nothing here is lost"):
        Shared(url).push(full, KEYS)


def test_places_that_cannot_be_used_are_said_at_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    for url, why in [
        (f"file://{tmp_path}/file", "exist"),
        ("nothing://user:secret@x", "Protocol not known: nothing"),
        ("nothing://user:@secret@x", "'nothing://x'"),
        ("secret://user:secret@x", "Protocol not known: …"),
    ]:
        with pytest.raises(StoreError, match="cannot be reached or written") as caught:
            Shared(url)
        assert why in str(caught.value) and "secret" not in str(caught.value)
        assert "nothing here is lost: check the address, and the same command continues" in str(caught.value)

    def absent(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", absent)
    with pytest.raises(
        MissingDependencyError, match=r"s3:// needs a package \(Install s3fs to access S3\); install fldbench\[share\]"
    ):
        Shared("s3://bucket/x")
