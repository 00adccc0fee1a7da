"""Columns of attributes in a table: classes that are given or found, codes, what is not known, and what is refused."""

import cv2
import numpy as np
import pytest

from fldbench.datasets.yours.csv_table import CSVTable
from fldbench.errors import DataError
from fldbench.faces import Attribute
from fldbench.faces.pack import open_pack, pack

POINTS = "1,2,3.5,4,5,6,7,8,9,10"
HEADER = "path,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4"
SIDES = ["left", "frontal", "right"]


@pytest.fixture
def folder(tmp_path):
    for name in "abcde":
        (tmp_path / f"{name}.png").write_bytes(cv2.imencode(".png", np.full((30, 40, 3), ord(name), np.uint8))[1])
    return tmp_path


def load(root, names, cells, attributes, **options):
    """Load a table whose rows have the points of one face each and, behind them, these cells."""
    rows = [f"{name}.png,{POINTS},{cell}" for name, cell in zip("abcde", cells, strict=False)]
    (root / "faces.csv").write_text("\n".join([f"{HEADER},{names}", *rows]) + "\n", encoding="utf-8")
    return CSVTable(scheme="mtfl-5", attributes=attributes, **options).load(root, "all")


def test_given_classes_by_name_or_code(folder):
    option = {"pose": {"column": "turn", "classes": SIDES, "mirrored": True, "ordered": True}}
    faces = load(folder, "turn", ["right", " 0 ", "", "frontal", "-1"], option)
    assert faces.attributes["pose"].tolist() == [2, 0, -1, 1, -1]
    assert faces.attribute_types == {"pose": Attribute(tuple(SIDES), mirrored=True, ordered=True)}
    assert faces.notes == ()


def test_found_classes_are_the_sorted_words_and_whole_numbers_stay_numbers(folder):
    cells = ["woman,31,none", "man,7,glasses", "NA,,glasses", "unknown,-1,null", "man,0,sun glasses"]
    faces = load(folder, "sex,age,wears", cells, ["sex", "age", "wears"])
    assert {name: column.tolist() for name, column in faces.attributes.items()} == {
        "sex": [1, 0, -1, -1, 0],
        "age": [31, 7, -1, -1, 0],
        "wears": [1, 0, 0, -1, 2],
    }
    assert faces.attribute_types == {
        "sex": Attribute(("man", "woman")),
        "wears": Attribute(("glasses", "none", "sun glasses")),
    }
    assert faces.notes == (
        "attribute sex: classes man, woman; give `classes` if other files have others",
        "attribute wears: classes glasses, none, sun glasses; give `classes` if other files have others",
    )


def test_classes_that_are_numbers_are_no_codes(folder):
    faces = load(folder, "pose", ["2", "1", "3"], {"pose": {"classes": [1, 2, 3], "mirrored": True}})
    assert faces.attributes["pose"].tolist() == [1, 0, 2] and faces.attribute_types["pose"].classes == ("1", "2", "3")
    with pytest.raises(DataError, match=r"line 2: the attribute pose is '0'; must be 1, 2, 3, or nothing for unknown"):
        load(folder, "pose", ["0"], {"pose": {"classes": [1, 2, 3]}})
    degrees = {"yaw": {"classes": ["-30", "-1", "30"], "ordered": True}}
    assert load(folder, "yaw", ["-1", "", "-30"], degrees).attributes["yaw"].tolist() == [1, -1, 0]


def test_without_the_option_columns_are_ignored(folder):
    faces = load(folder, "smile", ["yes", "no"], None)
    assert faces.attributes == {} and faces.attribute_types == {} and faces.notes == ()


def test_columns_by_number_in_a_table_without_a_header(folder):
    (folder / "faces.csv").write_text(f"a.png,{POINTS},m\nb.png,{POINTS},f\n")
    option = {"gender": {"column": 11, "classes": ["m", "f"]}}
    columns = {"image": 0, "points": "1:10"}
    faces = CSVTable(scheme="mtfl-5", header=False, columns=columns, attributes=option).load(folder, "all")
    assert faces.attributes["gender"].tolist() == [0, 1]


def test_a_column_may_have_a_name_that_another_meaning_takes(folder):
    """Renamed columns do not move those of the attributes: both are found by the names in the header."""
    option = {"group": {"classes": ["ann", "ben"]}}
    faces = load(folder, "group,who", ["ann,x", "ben,y"], option, columns={"group": "who"})
    assert faces.groups.tolist() == ["x", "y"] and faces.attributes["group"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("cells", "option", "error"),
    [
        (
            ["yes", "perhaps"],
            {"smile": {"classes": ["no", "yes"]}},
            "line 3: the attribute smile is 'perhaps'; must be 0 no, 1 yes, or nothing for unknown",
        ),
        (["2"], {"smile": {"classes": ["no", "yes"]}}, "line 2: the attribute smile is '2'; must be 0 no, 1 yes"),
        (["-2"], {"smile": {"classes": ["no", "yes"]}}, "line 2: the attribute smile is '-2'; must be 0 no, 1 yes"),
        (
            ["31", "3O"],
            ["smile"],
            "line 3: the attribute smile is '3O'; must be a whole number or nothing, as in",
        ),
        (["3", "-5"], ["smile"], "line 3: the attribute smile is '-5'; must be a whole number from 0, or nothing"),
        (["yes", "yes"], ["smile"], "the number of different words of the attribute smile is 1; must be 2 to 50; give"),
        (["a"], {"smile": {"column": "smiles"}}, "line 1: no column 'smiles' for the attribute smile; did you mean"),
        (["a"], {"smile": {"column": 12}}, "line 1: no column number 12 for the attribute smile"),
        (["a"], {"smile": {"classes": ["a"]}}, r"classes of the attribute smile is \['a'\]; must be two or more names"),
        (["a"], {"smile": {"classes": ["a", "unknown"]}}, "classes of the attribute smile is .*; must be two or more"),
        (["a"], {"smile": {"classes": ["a", "a"]}}, "classes of the attribute smile is .*; must be two or more names"),
    ],
)
def test_what_cannot_be_an_attribute_names_file_line_and_value(folder, cells, option, error):
    with pytest.raises(DataError, match=rf"faces\.csv(, |: ){error}"):
        load(folder, "smile", cells, option)


@pytest.mark.parametrize(
    "option",
    [
        "smile",
        {"smile": "smile"},
        {"smile": {"class": ["no", "yes"]}},
        {"smile": {"classes": [False, True]}},
        {"smile": {"mirrored": True}},
        {"smile": {"classes": ["no", "yes"], "ordered": 1}},
        {"": {}},
    ],
)
def test_options_that_say_nothing_clear_are_refused(folder, option):
    with pytest.raises(DataError, match=r"dataset 'csv': attributes is .*; must be None or names of columns, or an"):
        load(folder, "smile", ["yes"], option)


def test_a_row_with_a_wrong_code_is_a_fault_of_that_face(folder):
    option = {"smile": {"classes": ["no", "yes"]}}
    faces = CSVTable(scheme="mtfl-5", attributes=option)
    faces.faulty = "skip"
    rows = [f"{name}.png,{POINTS},{cell}" for name, cell in zip("abc", ["yes", "x", ""], strict=True)]
    (folder / "faces.csv").write_text("\n".join([f"{HEADER},smile", *rows]))
    loaded = faces.load(folder, "all")
    assert loaded.ids.tolist() == ["a", "c"] and loaded.attributes["smile"].tolist() == [1, -1]
    assert faces.faults.count == 1


def mixed(folder):
    """Two faces with everything, one without an attribute, one without landmarks, one with neither these nor a box."""
    header = f"{HEADER},box_x0,box_y0,box_x1,box_y1,smile"
    rows = [
        f"a.png,{POINTS},0,0,20,20,yes",
        f"b.png,{POINTS},0,0,20,20,no",
        f"c.png,{POINTS},,,,,",
        f"d.png,{',' * 9},2,3,30,25,yes",
        f"e.png,{',' * 9},,,,,no",
    ]
    (folder / "faces.csv").write_text("\n".join([header, *rows]))
    return CSVTable(scheme="mtfl-5", attributes={"smile": {"classes": ["no", "yes"]}}).load(folder, "all")


def test_faces_without_landmarks_and_faces_without_attributes_are_one_set(folder):
    faces = mixed(folder)
    assert faces.ids.tolist() == list("abcd")
    assert faces.attributes["smile"].tolist() == [1, 0, -1, 1]
    assert np.isnan(faces.landmarks).all(axis=(1, 2)).tolist() == [False, False, False, True]
    assert not faces.visible[3].any() and faces.visible[:3].all()
    assert faces.boxes[2:].tolist() == [[1, 2, 9, 10], [2, 3, 30, 25]]
    assert faces.parts == {"faces with landmarks": (3, 5), "faces with a box": (3, 4)}
    assert faces.notes == (
        "faces with attributes and without landmarks: 1",
        "rows with attributes, without landmarks and box, left out: 1",
    )


def test_a_pack_keeps_faces_without_landmarks(folder):
    faces = mixed(folder)
    for size in (None, 16):
        pack(faces, folder / f"pack {size}", size=size)
        opened = open_pack(folder / f"pack {size}")
        assert np.array_equal(np.isnan(opened.landmarks), np.isnan(faces.landmarks))
        assert opened.attributes["smile"].tolist() == [1, 0, -1, 1]
        assert opened.attribute_types == {"smile": Attribute(("no", "yes"))}
    assert open_pack(folder / "pack None").fingerprint == faces.fingerprint
