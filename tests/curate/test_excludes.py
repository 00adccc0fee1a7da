"""Exclude lists: written and read back, applied with a word about it, and what is refused."""

from dataclasses import replace

import pytest
from toys import toy_faces

from fldbench.curate.excludes import PART, Exclude, excludes_from, read_excludes, without, write_excludes
from fldbench.curate.verify import Finding
from fldbench.errors import DataError, StoreError


def test_written_lists_are_read_back(tmp_path):
    lines = [
        Exclude("a b/ü 1", "shape", "the left eye: 3.1 times"),
        Exclude("c", "image", ""),
        Exclude("c", "box", "x"),
    ]
    path = write_excludes(tmp_path / "e ü.txt", lines)
    assert read_excludes(path) == lines
    text = path.read_text(encoding="utf-8").splitlines()
    assert text[0].startswith("# ") and text[1] == "a b/ü 1\tshape\tthe left eye: 3.1 times"
    assert [p.name for p in tmp_path.iterdir()] == ["e ü.txt"]


def test_findings_about_faces_become_lines_and_those_about_sets_do_not():
    findings = [Finding("count", "", 0.0, "afw: 1 of 2"), Finding("image", "f1", 2.0, "is\n cut\toff")]
    assert excludes_from(findings) == [Exclude("f1", "image", "is cut off")]


def test_hand_written_lists_may_be_short(tmp_path):
    path = tmp_path / "e.txt"
    path.write_bytes("\ufeff# note\r\n\r\nid 1\r\nid2\tshape\n  \nid3\t\twhy".encode())
    assert read_excludes(path) == [Exclude("id 1", "", ""), Exclude("id2", "shape", ""), Exclude("id3", "", "why")]


def test_an_emptied_list_leaves_nobody_out(tmp_path):
    for content in (b"", b" \n\n"):
        (tmp_path / "e.txt").write_bytes(content)
        assert read_excludes(tmp_path / "e.txt") == []


def test_without_says_how_many_are_left(tmp_path):
    faces = toy_faces(6)
    rest = without(
        faces, [Exclude("test1", "shape", ""), Exclude("test1", "box", ""), Exclude("of another split", "", "")]
    )
    assert rest.ids.tolist() == ["test0", "test2", "test3", "test4", "test5"]
    assert rest.parts == {PART: (5, 6)} and faces.parts == {}
    assert rest.subsets["even"].tolist() == [True, True, False, True, False]
    again = without(rest, [Exclude("test5", "", "")])
    assert again.parts == {PART: (4, 6)}
    assert len(without(faces, [])) == 6 and len(without(toy_faces(1), [Exclude("test0", "", "")])) == 0


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (
            b"a\tb\tc\nd\tb\tc\te\n",
            r"e\.txt, line 2: exclude list: the line is 'd\\tb\\tc\\te'; must be id<TAB>kind<TAB>reason",
        ),
        (b"\tshape\twhy\n", r"e\.txt, line 1: exclude list: the line is"),
        (b"b\na\0b\n", r"e\.txt, line 2: not UTF-8 text \(byte 0x00\)"),
        (b"fine\n\xff\xfe\n", r"e\.txt, line 2: not UTF-8 text \(byte 0xff\)"),
    ],
)
def test_a_broken_list_names_file_and_line(tmp_path, content, error):
    path = tmp_path / "e.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=error):
        read_excludes(path)


def test_a_list_that_cannot_be_read_or_written_says_so(tmp_path):
    with pytest.raises(DataError, match=r"no\.txt: cannot be read \(No such file or directory\); check the path"):
        read_excludes(tmp_path / "no.txt")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"e\.txt: cannot be written \(.*\); choose another place"):
        write_excludes(tmp_path / "file/e.txt", [])
    for bad in ("", "#a", " a"):
        with pytest.raises(DataError, match=r"exclude list: the id is .*; must be a name with no # at its start"):
            write_excludes(tmp_path / "e.txt", [Exclude(bad, "shape", "")])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_names_that_a_line_cannot_hold_are_written_by_escapes_and_found_again(tmp_path):
    odd = ["a\tb", "a\nb", "M\udcfcller", "\x1b[31m"]
    faces = replace(toy_faces(6), ids=[*odd, "a", "b"])
    path = write_excludes(tmp_path / "e.txt", [Exclude(name, "mine", "no") for name in odd])
    assert rb"M\xfcller" in path.read_bytes()
    assert without(faces, read_excludes(path)).ids.tolist() == ["a", "b"]
