"""Files: whole or not at all, UTF-8 with the bad line named, digests that are known from elsewhere."""

import os
import stat
import subprocess
import sys
import tempfile

import pytest

from fldbench.errors import DataError, PredictionsError, StoreError
from fldbench.files import (
    _machine,
    contains,
    folder_written_whole,
    listed,
    parse_json,
    read_bytes,
    read_text,
    sha256_of,
    sweep,
    temporary_folder,
    write_text,
    written_whole,
)
from fldbench.plugin_files import load_plugin


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
        assert first.name.startswith(".store.") and first.name.endswith(f".{_machine()}.{os.getpid()}.part")
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


def dead_process():
    return int(subprocess.check_output([sys.executable, "-c", "import os; print(os.getpid())"], text=True))


def test_leftovers_of_dead_writers_alone_are_swept(tmp_path):
    dead, here = dead_process(), _machine()
    (tmp_path / f".a.npy.0011aabb.{here}.{dead}.part").write_text("half")
    (tmp_path / f".store.0011aabb.{here}.{dead}.part").mkdir()
    (tmp_path / f".store.0011aabb.{here}.{dead}.part" / "a").write_text("half")
    kept = [f".a.npy.0011aabb.{here}.{os.getpid()}.part", f".a.0011aabb.{here}.{10**30}.part", ".a.word.part", "a.part"]
    kept += [f".a.0011aabb.{dead}.part", "..part", ".a.0011aabb.0011aabb.\u0664.part", f".b.0011aabb.{'9' * 18}.part"]
    for name in kept:
        (tmp_path / name).write_text("of somebody else")
    stray = os.fsencode(tmp_path) + b"/.\xe4.0011aabb.part"
    open(stray, "wb").close()
    (tmp_path / ".folder.part").mkdir(mode=0)
    sweep(tmp_path)
    os.remove(stray)
    assert names(tmp_path) == sorted([*kept, ".folder.part"])
    sweep(tmp_path / "absent")
    sweep(tmp_path / "a.part")


def test_a_writer_in_another_container_has_a_day(tmp_path):
    """Its process id means nothing here, and may be free."""
    elsewhere, dead = "0" * 8, dead_process()
    for name in ("young", "old"):
        part = tmp_path / f".{name}.0011aabb.{elsewhere}.{dead}.part"
        part.mkdir()
        (part / "a").write_text("half")
        if name == "old":
            for path in (part / "a", part):
                os.utime(path, (0, 0))
    sweep(tmp_path)
    assert names(tmp_path) == [f".young.0011aabb.{elsewhere}.{dead}.part"]


def test_the_process_of_another_user_runs(tmp_path, monkeypatch):
    def refused(pid, signal):
        raise PermissionError(1, "not yours")

    monkeypatch.setattr(os, "kill", refused)
    (tmp_path / f".a.0011aabb.{_machine()}.7.part").write_text("half")
    sweep(tmp_path)
    assert names(tmp_path) == [f".a.0011aabb.{_machine()}.7.part"]


def test_a_temporary_folder_is_removed_and_so_are_those_of_killed_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f".fldbench.0011aabb.{_machine()}.{dead_process()}.part" / "crops").mkdir(parents=True)
    with pytest.raises(ValueError, match="mine"), temporary_folder() as folder:
        assert names(tmp_path) == [folder.name] and stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "a").write_text("half")
        raise ValueError("mine")
    assert not names(tmp_path)


def test_what_is_written_has_the_mode_that_the_user_chose(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "x")
        with folder_written_whole(tmp_path / "folder") as part:
            write_text(part / "b.txt", "x")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.txt", "folder", "folder/b.txt")]
    assert modes == [0o640, 0o750, 0o640]


def test_a_name_as_long_as_the_system_allows_is_written(tmp_path):
    write_text(tmp_path / ("n" * 255), "x")
    assert names(tmp_path) == ["n" * 255]


def test_pipes_devices_and_folders_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(
            DataError, match=r": cannot be read \((not a regular file|Is a directory)\); check the path"
        ):
            read_bytes(path)
        with pytest.raises(DataError, match="cannot be read"):
            sha256_of(path)
        if path != tmp_path:
            with pytest.raises(DataError, match="cannot be read"):
                load_plugin(path)
    with pytest.raises(DataError, match="embedded null byte"):
        read_bytes("a\0b")


def test_a_mark_is_looked_for_in_files_that_can_be_read(tmp_path):
    (tmp_path / "a").write_bytes(b"<part/>")
    (tmp_path / "b").touch()
    (tmp_path / "c").write_bytes(b"<parts")
    assert [contains(tmp_path / name, b"<part>") for name in "abc"] == [False] * 3
    assert [contains(tmp_path / name, b"<part") for name in "abc"] == [True, False, True]
    with pytest.raises(DataError, match="cannot be read"):
        contains("/dev/zero", b"<part")


def test_a_file_that_is_too_large_for_its_kind_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_text(tmp_path / "a", most=5) == "12345"
    with pytest.raises(DataError, match="a: more than 4 bytes, too many for a file of this kind; check the path"):
        read_bytes(tmp_path / "a", most=4)
    os.truncate(tmp_path / "a", 10**12)  # a sparse file, which takes no room
    with pytest.raises(DataError, match="a: more than 2147483648 bytes"):
        read_bytes(tmp_path / "a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1,\n2", "Expecting ',' delimiter, line 2"),
        ("[NaN]", "NaN is not a finite number"),
        ("[-Infinity]", "-Infinity is not a finite number"),
        ("[1e999]", "1e999 is not a finite number"),
        ("9" * 5000, "Exceeds the limit"),
        ("1" + "0" * 400, "10000000000000000000 is too large a number"),
        ("[" * 100_000, "brackets are nested too deeply"),
        (b'"\xe4"', "not UTF-8 text"),
    ],
)
def test_json_that_is_none_is_a_value_error_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_json(text)
    assert "\n" not in str(error.value)


def test_text_that_utf8_cannot_hold_is_written_by_escapes(tmp_path):
    assert write_text(tmp_path / "a.txt", os.fsdecode(b"M\xfc")).read_bytes() == rb"M\udcfc"


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
