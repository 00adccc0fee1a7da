"""What is kept between runs: counted, bounded by what was used last, cleared, and shown by the command."""

import os
import tempfile

import platformdirs
import pytest
from toys import toy_faces
from typer.testing import CliRunner

from fldbench import user_cache
from fldbench.cli.app import app
from fldbench.faces.crops import cached_crops


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name, **_: str(tmp_path / name))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    return tmp_path


def write(path, size, used):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (used, used))


def test_files_are_counted_part_by_part_and_links_are_not_followed(home):
    write(home / "fldbench/crops/a.npy", 300, 1)
    write(home / "fldbench/detections/haar/ab/abc.json", 20, 1)
    write(home / "elsewhere/large", 9000, 1)
    (home / "fldbench/crops/link").symlink_to(home / "elsewhere/large")
    write(home / "temp/.fldbench.0a0b0c0d.01020304.1.part/x.npy", 7, 1)
    assert [(one.name, one.files, one.size) for one in user_cache.kept()] == [
        ("crops", 1, 300),
        ("detections", 1, 20),
        ("synthetic", 0, 0),
        ("temporary", 1, 7),
    ]


def test_the_longest_unused_goes_first(home, monkeypatch):
    monkeypatch.setattr(user_cache, "LARGEST", 1000)
    for name, used in (("old", 1), ("new", 3), ("middle", 2)):
        write(home / "fldbench/crops" / name, 400, used)
    user_cache.make_room("crops")
    assert sorted(os.listdir(home / "fldbench/crops")) == ["middle", "new"]
    user_cache.mark_used(home / "fldbench/crops/middle")
    user_cache.make_room("crops", needed=300)
    assert os.listdir(home / "fldbench/crops") == ["middle"]


def test_crops_make_room_for_themselves(home, monkeypatch):
    faces = toy_faces(4)
    monkeypatch.setattr(user_cache, "LARGEST", 4 * 16 * 16 + 200)  # and the header
    for padding in (0.1, 0.2, 0.3):
        cached_crops(faces, 16, padding)
        assert len(os.listdir(home / "fldbench/crops")) == 1


def test_the_command_shows_and_clears(home):
    write(home / "fldbench/crops/a.npy", 2_500_000, 1)
    shown = CliRunner().invoke(app, ["cache"]).output
    assert "crops              1 files  2.5 MB of at most 10,000.0 MB: normalised crops of faces, in" in shown
    assert "temporary" in shown
    cleared = CliRunner().invoke(app, ["cache", "--clear"]).output
    assert cleared.startswith("removed 2.5 MB") and "crops              0 files  0.0 MB" in cleared
    assert not (home / "fldbench/crops").exists()
