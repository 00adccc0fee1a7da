"""Damaged records and what people write for a run: nothing but errors of fldbench, in one line, and little memory."""

import io
import json
import os
import random
import zipfile

import numpy as np
import pytest
import yaml
from fuzz import MUTATIONS, change_value, mutate
from fuzz_formats import PROTOCOLS, SUITE
from made_records import made_record

from fldbench.curate.excludes import Exclude, read_excludes, write_excludes
from fldbench.errors import DataError, ProtocolError, StoreError, SuiteError
from fldbench.npz import FOLDED_FREELY, read_npz
from fldbench.protocols import read_protocols
from fldbench.records.sealed import digest_of
from fldbench.records.store import Store, read_record, read_records
from fldbench.report import leaderboard
from fldbench.report.evidence import check_evidence
from fldbench.run.suite import load_suite

ARRAYS = {"ids": np.array(["a", "b ü"]), "errors": np.array([0.04, np.nan]), "predictions": np.zeros((2, 5, 2))}


@pytest.fixture
def kept(tmp_path):
    store = Store(tmp_path)
    store.write(made_record(key="k1", n=2), ARRAYS)
    store.write(made_record(key="k2"))
    return tmp_path / "records/k1"


def one_line(error):
    assert "\n" not in str(error)


def test_damaged_records_raise_nothing_but_store_errors_and_the_others_are_shown(kept):
    path, draw = kept / "run.json", random.Random("record")
    good = path.read_bytes()
    for turn in range(MUTATIONS):
        if turn % 2:
            path.write_bytes(mutate(good, draw))
        else:  # with a digest that fits
            content = change_value({k: v for k, v in json.loads(good).items() if k != "digest"}, draw)
            sealed = content | {"digest": digest_of(content)} if isinstance(content, dict) else content
            path.write_text(json.dumps(sealed))
        try:
            read_record(kept)
        except StoreError as error:
            one_line(error)
        notes = []
        assert "k2" in [record.key for record in read_records(kept.parent, notes)]
        assert leaderboard(kept.parent.parent).to_csv().count("\n") >= 2
        check_evidence(kept.parent)


def test_damaged_arrays_raise_nothing_but_data_errors(kept):
    path, draw = kept / "faces.npz", random.Random("npz")
    good, refused = path.read_bytes(), 0
    for _ in range(MUTATIONS):
        path.write_bytes(mutate(good, draw))
        try:
            read_npz(path, tuple(ARRAYS))
        except DataError as error:
            refused += 1
            one_line(error)
        check_evidence(kept.parent)
    assert refused > MUTATIONS // 2


def member(header):
    """An .npz file whose only array has this header and eight bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        text = header.encode().ljust(118) + b"\n"
        archive.writestr("ids.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + b"\xff" * 8)
    return out.getvalue()


@pytest.mark.parametrize(
    ("descr", "shape", "text"),
    [
        ("'<f8'", (10**12,), "ids.npy claims 8000000000000 bytes"),
        ("'<f8'", (2**33, 2**33), "ids.npy claims"),
        ("'<f8'", (-1, -1), "ids.npy claims"),
        ("'|O'", (1,), "ids.npy holds object"),
        ("[('a', '<f8')]", (1,), "ids.npy holds"),
        ("'<U2'", (1,), "letters beyond Unicode"),
        ("'<f4'", (1,), "has not the 4 bytes that it claims"),
        ("'<U99999999'", (0,), None),
    ],
)
def test_an_array_is_what_its_header_says_before_anything_is_allocated(tmp_path, descr, shape, text):
    path = tmp_path / "a.npz"
    path.write_bytes(member(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"))
    with pytest.raises(DataError, match=rf"a\.npz: not an \.npz file of plain arrays \(.*{text or 'ids'}"):
        read_npz(path, ["ids"])


def test_a_few_bytes_do_not_unfold_to_gigabytes(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, ids=np.zeros(FOLDED_FREELY // 8 + 1))
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match=r"ids\.npy unfolds from \d+ bytes to 67109000"):
        read_npz(path, ["ids"])


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = ARRAYS | {"f": np.asfortranarray(np.arange(6).reshape(2, 3)), "none": np.empty((0, 4))}
    arrays["one"] = np.array(2.5)
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    found = read_npz(tmp_path / "a.npz", [*arrays, "absent"])
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="not a regular file"):
        read_npz(tmp_path / "pipe", ["ids"])


@pytest.mark.parametrize(
    ("content", "read", "kind"),
    [(SUITE, load_suite, SuiteError), (PROTOCOLS, read_protocols, ProtocolError)],
    ids=["suite", "protocols"],
)
def test_damaged_files_of_yaml_raise_nothing_but_their_error(tmp_path, toy, content, read, kind):
    path, draw = tmp_path / "a.yaml", random.Random("yaml of people")
    path.write_bytes(content)
    read(path)
    for turn in range(MUTATIONS):
        path.write_bytes(mutate(content, draw))
        if turn % 3 == 0:
            changed = change_value(yaml.safe_load(content), draw)
            path.write_bytes(json.dumps(changed).encode("utf-8", "surrogatepass"))
        try:
            read(path)
        except kind as error:
            one_line(error)
            assert len(str(error)) < 2000


def test_damaged_exclude_lists_raise_nothing_but_data_errors(tmp_path):
    path, draw = tmp_path / "e.txt", random.Random("excludes")
    write_excludes(path, [Exclude("a b/ü 1", "shape", "the left eye"), Exclude("c", "image", ""), Exclude("d", "", "")])
    good = path.read_bytes()
    for _ in range(MUTATIONS):
        path.write_bytes(mutate(good, draw))
        try:
            read_excludes(path)
        except DataError as error:
            one_line(error)


def test_a_record_in_a_pipe_or_without_end_is_named(kept):
    (kept / "run.json").unlink()
    os.mkfifo(kept / "run.json")
    with pytest.raises(StoreError, match=r"run\.json: cannot be read \(not a regular file\)"):
        read_record(kept)
