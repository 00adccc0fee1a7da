"""Files: whole or not at all, UTF-8 with the bad line named, digests that are known from elsewhere."""

import os
import subprocess
import sys

import pytest

from fldbench.errors import DataError, PredictionsError, StoreError
from fldbench.files import (
    folder_written_whole,
    listed,
    read_bytes,
    read_text,
    sha256_of,
    sweep,
    write_text,
    written_whole,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_text_file_is_written_as_it_is_and_replaced(tmp_path):
    path = tmp_path / "new" / "a.txt"
    assert write_text(str(path), "ü\r\nb\n") == path
    assert path.read_bytes() == b"\xc3\xbc\r\nb\n"
    write_text(path, "short")
    assert path.read_text() == "short" and names(path.parent) == ["a.txt"]


def test_the_name_appears_only_when_the_block_ends(tmp_path):
    path = tmp_path / "a.bin"
    with written_whole(path, "wb") as file:
        file.write(b"\x00\r\n")
        assert not path.exists() and len(names(tmp_path)) == 1
    assert path.read_bytes() == b"\x00\r\n" and names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), StoreError("already said")])
def test_a_file_keeps_its_old_content_when_the_block_fails(tmp_path, error):
    path = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(type(error)) as raised, written_whole(path) as file:
        file.write("half")
        raise error
    assert raised.value is error
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"file/a\.txt: cannot be written \(.+\); choose another place, or free"):
        write_text(tmp_path / "file" / "a.txt", "x")
    with (
        pytest.raises(StoreError, match=r"a\.txt: cannot be written \(No space left on device\)"),
        written_whole(tmp_path / "a.txt"),
    ):
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == ["file"]


def test_a_folder_appears_whole_and_the_first_writer_wins(tmp_path):
    path = tmp_path / "deep" / "store"
    with folder_written_whole(path) as first:
        (first / "a").write_text("1")
        assert first.parent == path.parent and not path.exists()
        assert first.name.startswith(".store.") and first.name.endswith(f".{os.getpid()}.part")
        with folder_written_whole(path) as second:
            (second / "a").write_text("2")
        assert first != second
    assert (path / "a").read_text() == "2" and names(path.parent) == ["store"]


@pytest.mark.parametrize("error", [ValueError("mine"), StoreError("already said")])
def test_a_folder_does_not_appear_when_the_block_fails(tmp_path, error):
    with pytest.raises(type(error)) as raised, folder_written_whole(tmp_path / "store") as part:
        (part / "a").write_text("half")
        raise error
    assert raised.value is error and not names(tmp_path)


def test_a_folder_that_cannot_take_its_name_is_named(tmp_path):
    (tmp_path / "store").write_text("a file in the way")
    with (
        pytest.raises(StoreError, match=r"store: cannot be written \(.+\); choose another place"),
        folder_written_whole(tmp_path / "store"),
    ):
        pass
    assert names(tmp_path) == ["store"]


def test_leftovers_of_dead_writers_alone_are_swept(tmp_path):
    dead = int(subprocess.check_output([sys.executable, "-c", "import os; print(os.getpid())"], text=True))
    (tmp_path / f".a.npy.0011aabb.{dead}.part").write_text("half")
    (tmp_path / f".store.0011aabb.{dead}.part").mkdir()
    (tmp_path / f".store.0011aabb.{dead}.part" / "a").write_text("half")
    kept = [f".a.npy.0011aabb.{os.getpid()}.part", f".a.{10**30}.part", ".a.word.part", "a.part"]
    for name in kept:
        (tmp_path / name).write_text("of somebody else")
    sweep(tmp_path)
    assert names(tmp_path) == sorted(kept)


def test_the_process_of_another_user_runs(tmp_path, monkeypatch):
    def refused(pid, signal):
        raise PermissionError(1, "not yours")

    monkeypatch.setattr(os, "kill", refused)
    (tmp_path / ".a.0011aabb.7.part").write_text("half")
    sweep(tmp_path)
    assert names(tmp_path) == [".a.0011aabb.7.part"]


def test_the_digest_of_a_file_is_that_of_the_standard(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(DataError, match=r"none: cannot be read \(No such file or directory\); check the path"):
        sha256_of(tmp_path / "none")


def test_a_file_without_content_is_no_data(tmp_path):
    (tmp_path / "a").write_bytes(b" x\n")
    assert read_bytes(tmp_path / "a") == b" x\n"
    (tmp_path / "a").write_bytes(b" \n\n")
    with pytest.raises(PredictionsError, match="a, line 1: the file is empty; restore it"):
        read_bytes(tmp_path / "a", PredictionsError)
    with pytest.raises(PredictionsError, match=r"none: cannot be read \(No such file or directory\); check the path"):
        read_bytes(tmp_path / "none", PredictionsError)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a\nb\n\xe4\n", r"a\.txt, line 3: not UTF-8 text \(byte 0xe4\); save the file as UTF-8"),
        (b"\xff\xfea\x00", r"a\.txt, line 1: not UTF-8 text \(byte 0x00\)"),  # NUL is looked for first
        (b"a\n\x00\xe4", r"a\.txt, line 2: not UTF-8 text \(byte 0x00\)"),
    ],
)
def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path, content, text):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=text):
        read_text(tmp_path / "a.txt")


def test_text_has_no_byte_order_mark(tmp_path):
    for content in (b"\xef\xbb\xbfa\xc3\xa9\r\n", b"a\xc3\xa9\r\n"):
        (tmp_path / "a.txt").write_bytes(content)
        assert read_text(tmp_path / "a.txt") == "aé\r\n"


def test_lists_name_five_and_count_the_rest():
    assert listed("abcde") == "a, b, c, d, e"
    assert listed("abcdef") == "a, b, c, d, e and 1 more"
    assert listed([]) == ""
