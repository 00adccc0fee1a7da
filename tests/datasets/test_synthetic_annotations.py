"""Annotations of synthetic faces, kept between runs: the same numbers, never those of other code or a damaged file."""

import os

import numpy as np
import platformdirs
import pytest

import fldbench
from fldbench.datasets.synthetic import annotations as module
from fldbench.datasets.synthetic.annotations import Annotations, annotations
from fldbench.datasets.synthetic.dose import Dose

ASKED = (2, 5, 160, "mtfl-5", None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of kept annotations; from 3 faces on they are kept, and nothing is remembered."""
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name, **_: str(tmp_path / name))
    monkeypatch.setattr(module, "LEAST", 3)
    annotations.cache_clear()
    yield tmp_path / "fldbench" / "synthetic"
    annotations.cache_clear()


def again(*asked):
    annotations.cache_clear()
    return annotations(*asked)


def same(one, other):
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_they_are_drawn_once(folder, monkeypatch):
    first = annotations(*ASKED)
    (file,) = folder.iterdir()
    os.utime(file, (1, 1))
    monkeypatch.setattr(module, "_drawn", None)
    assert same(again(*ASKED), first) and file.stat().st_mtime > 1, "the cache knows what was used last"
    assert [one.shape for one in first] == [(5, 5, 2), (5, 5), (5, 4), (5, 6)]
    monkeypatch.undo()
    faces = fldbench.load_dataset("synthetic", split="test", scheme="mtfl-5")
    assert np.array_equal(faces.landmarks[:5], first.landmarks)


def test_what_is_asked_for_and_the_code_are_in_the_name(folder, monkeypatch):
    given = [ASKED, (1, *ASKED[1:]), (2, 4, *ASKED[2:]), (2, 5, 80, *ASKED[3:]), (*ASKED[:3], "imm-58", None)]
    given += [(*ASKED[:4], Dose("yaw", amount)) for amount in (0, 1)]
    for number, asked in enumerate(given, 1):
        annotations(*asked)
        assert len(os.listdir(folder)) == number
    for name in ("code_of", "libraries_of"):
        monkeypatch.setattr(module, name, lambda cls, name=name: {name: "other"})
        again(*ASKED)
        number += 1
        assert len(os.listdir(folder)) == number


def test_a_few_faces_are_not_kept(folder):
    annotations(2, 2, 160, "mtfl-5", None)
    assert not folder.exists()


@pytest.mark.parametrize("damage", ["empty", "half", "no archive", "shape", "type", "nan", "pickle", "less", "locked"])
def test_a_damaged_file_is_drawn_again(damage, folder):
    first = annotations(*ASKED)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    changed = {
        "shape": {"visible": first.visible[:, :4]},
        "type": {"attributes": first.attributes.astype(float)},
        "nan": {"landmarks": np.full_like(first.landmarks, np.nan)},
        "pickle": {"visible": np.array([print, None], object)},
    }
    if damage in changed:
        np.savez(file, **first._asdict() | changed[damage])
    elif damage == "locked":  # the flag of an encrypted member, in its own header and in the list at the end
        at = whole.index(b"PK\x01\x02") + 8
        file.write_bytes(whole[:6] + b"\x01" + whole[7:at] + b"\x01" + whole[at + 1 :])
    elif damage == "less":
        np.savez(file, landmarks=first.landmarks)
    else:
        file.write_bytes({"empty": b"", "half": whole[: len(whole) // 2], "no archive": b"PK" + bytes(200)}[damage])
    assert same(again(*ASKED), first)
    assert same(Annotations(**np.load(file)), first), "the file is whole again"


def test_a_folder_that_cannot_be_written_takes_nothing_away(folder):
    first = annotations(*ASKED)
    (file,) = folder.iterdir()
    file.unlink()
    folder.rmdir()
    folder.write_text("a file in its place")
    assert same(again(*ASKED), first)
