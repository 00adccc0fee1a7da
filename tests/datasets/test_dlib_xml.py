"""imglab XML: the layout of dlib's own files, its traps, the real ones, and what is refused."""

import cv2
import numpy as np
import pytest

from fldbench import load_dataset
from fldbench.datasets.yours.dlib_xml import DlibXML
from fldbench.errors import DataError, DatasetNotFoundError, UnknownNameError
from fldbench.schemes import get_scheme

POINTS = np.array([[12, 13], [28, 14], [20, 22], [14, 30], [26, 31]])


def write_image(path, width=60, height=50):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.full((height, width, 3), 90, np.uint8))[1].tobytes())


def box(points, top=5, left=7, width=30, height=40, more="", digits=2):
    """One box as imglab writes it; points is {name: (x, y)} or an array, whose parts get padded numbers."""
    named = points if isinstance(points, dict) else {f"{i:0{digits}d}": p for i, p in enumerate(points)}
    parts = "".join(f"      <part name='{name}' x='{x}' y='{y}'/>\n" for name, (x, y) in named.items())
    head = f"    <box top='{top}' left='{left}' width='{width}' height='{height}'{more}"
    return f"{head}>\n{parts}    </box>\n" if parts else f"{head}/>\n"


def xml(images, encoding="ISO-8859-1"):
    """A whole file as imglab writes it: images is [(file, boxes), ...]."""
    rows = "".join(
        f"  <image file='{file}' width='60' height='50'>\n{''.join(boxes)}  </image>\n" for file, boxes in images
    )
    return (
        f"<?xml version='1.0' encoding='{encoding}'?>\n"
        "<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>\n"
        f"<dataset>\n<name>toy</name>\n<comment>none</comment>\n<images>\n{rows}</images>\n</dataset>"
    )


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b 1.png"):
        write_image(tmp_path / name)
    return tmp_path


def load(path, split="all", **options):
    return DlibXML(**options).load(path, split)


def test_boxes_parts_and_ids(folder):
    moved = POINTS + np.array([3, -2])
    (folder / "faces.xml").write_text(
        xml([("a.png", [box(POINTS), box(moved, top=3, left=10)]), ("b 1.png", [box(POINTS, more=" label='x'")])])
    )
    faces = load(folder, "train")
    assert faces.ids.tolist() == ["a#0", "a#1", "b 1"] and faces.groups.tolist() == ["a", "a", "b 1"]
    assert faces.scheme == "mtfl-5" and (faces.name, faces.split_name) == ("dlib-xml", "train")
    assert faces.landmarks.tolist() == [POINTS.tolist(), moved.tolist(), POINTS.tolist()]
    # imglab's box holds the pixels left ... left + width - 1
    assert faces.boxes.tolist() == [[7, 5, 36, 44], [10, 3, 39, 42], [7, 5, 36, 44]]
    assert faces.visible.all() and faces.images[2].shape == (50, 60, 3)
    assert faces.parts == {"faces with landmarks": (3, 3)}


def test_absent_parts_ignored_boxes_and_boxes_without_parts(folder):
    few = {"00": (12, 13), "02": (20, 22)}
    boxes = [box(POINTS), box(few), box(POINTS, more=" ignore='1'"), box({}), box(POINTS, more=" ignore='0'")]
    (folder / "faces.xml").write_text(xml([("a.png", boxes)]))
    faces = load(folder)
    assert faces.ids.tolist() == ["a#0", "a#1", "a#4"]  # the number is the box's place in the file
    assert np.isnan(faces.landmarks[1]).all(axis=1).tolist() == [False, True, False, True, True]
    assert faces.landmarks[1, 2].tolist() == [20, 22] and faces.visible[1].tolist() == [True, False, True, False, False]
    assert faces.parts == {"faces with landmarks": (3, 4)}


@pytest.mark.parametrize(
    "names",
    [
        ["00", "01", "02", "03", "04"],
        ["8", "9", "10", "11", "12"],  # as text, 10 would come first
        ["1", "2", "3", "4", "5"],
        ["eye_l", "eye_r", "mouth", "nose", "tip"],
    ],
)
def test_parts_are_sorted_by_name(folder, names):
    shuffled = [3, 0, 4, 2, 1]
    (folder / "f.xml").write_text(xml([("a.png", [box({names[i]: POINTS[i] for i in shuffled})])]))
    assert load(folder).landmarks[0].tolist() == POINTS.tolist()


def test_a_part_may_be_absent_from_the_whole_file_if_the_scheme_is_given(folder):
    (folder / "f.xml").write_text(xml([("a.png", [box({"00": (1, 2), "03": (3, 4)})])]))
    faces = load(folder, scheme="mtfl-5")
    assert faces.landmarks[0, 3].tolist() == [3, 4] and faces.visible[0].tolist() == [True, False, False, True, False]
    with pytest.raises(
        DataError, match=r"f\.xml, line \d+: a part is named '00', and the parts of the file are 0, 3: with gaps"
    ):
        load(folder)
    (folder / "f.xml").write_text(xml([("a.png", [box({"a": (1, 2), "b": (3, 4)})])]))
    with pytest.raises(DataError, match=r"f\.xml: 2 points per face; mtfl-5 has 5"):
        load(folder, scheme="mtfl-5")
    with pytest.raises(UnknownNameError, match="no scheme named 'mtfl5'; did you mean 'mtfl-5'"):
        load(folder, scheme="mtfl5")


def test_numbers_with_a_gap_are_refused(folder):
    """`--parts "1 2 3 41 5"`: 41 was typed for 4. Closed up, point 3 would be the fifth, point 4 the error."""
    names = {"1": POINTS[0], "2": POINTS[1], "3": POINTS[2], "41": POINTS[3], "5": POINTS[4]}
    (folder / "f.xml").write_text(xml([("a.png", [box(names)])]))
    with pytest.raises(
        DataError, match=r"f\.xml, line \d+: a part is named '5', and the parts of the file are 1 to 3, 5, 41: with"
    ):
        load(folder)
    with pytest.raises(
        DataError, match=r"f\.xml, line \d+: <part>: name is '41'; must be a number from 1 to 5, the poi"
    ):
        load(folder, scheme="mtfl-5")
    halves = [box({f"{i:02}": p for i, p in enumerate(POINTS)}), box({str(i): p for i, p in enumerate(POINTS)})]
    (folder / "f.xml").write_text(xml([("a.png", halves)]))
    with pytest.raises(DataError, match=r"parts are named '00' and '0', which are one number; write each point's name"):
        load(folder)


def test_names_of_the_scheme_decide_the_order(folder):
    own = get_scheme("mtfl-5").names
    (folder / "f.xml").write_text(xml([("a.png", [box({own[i]: POINTS[i] for i in (4, 2, 0, 1, 3)})])]))
    assert load(folder, scheme="mtfl-5").landmarks[0].tolist() == POINTS.tolist()


def test_names_are_utf8_whatever_the_file_declares(folder):
    write_image(folder / "sub dir/Zoë 1.png")
    (folder / "f.xml").write_bytes(xml([("sub dir\\Zoë 1.png", [box(POINTS)])]).encode("utf-8"))
    assert load(folder).ids.tolist() == ["sub dir/Zoë 1"]
    (folder / "f.xml").write_bytes(xml([("sub dir/Zoë 1.png", [box(POINTS)])]).encode("latin-1"))
    assert load(folder).images[0].shape == (50, 60, 3)
    (folder / "deep").mkdir()
    (folder / "deep/f.xml").write_text(xml([("../a.png", [box(POINTS)]), ("../sub dir/Zoë 1.png", [box(POINTS)])]))
    assert load(folder, file="deep/f.xml").ids.tolist() == ["a", "sub dir/Zoë 1"]
    assert load(folder / "deep/f.xml").ids.tolist() == ["a", "sub dir/Zoë 1"]
    with pytest.raises(DataError, match=r"line 8: the image '../a.png' lies outside of .*deep'; move it there, or giv"):
        load(folder / "deep")


def test_file_names_decide_the_file_and_the_split(folder):
    for name in ("training_with_face_landmarks", "testing_with_face_landmarks"):
        (folder / f"{name}.xml").write_text(xml([("a.png", [box(POINTS)])]))
    (folder / "training.xml").write_text(xml([("a.png", [box({})])]))  # has no parts: never meant
    assert load(folder, "train").split_name == "train" and load(folder, "test").split_name == "test"
    assert len(load(folder, "all", file="testing_with_face_landmarks.xml")) == 1
    assert len(load(None, "train", file=folder / "training_with_face_landmarks.xml")) == 1
    with pytest.raises(
        DatasetNotFoundError, match=r"'all' could be any of testing_with.*, training_with.*; name one with"
    ):
        load(folder, "all")
    with pytest.raises(
        DatasetNotFoundError, match=r"no file of the split 'val' among testing.*; a file's name says its"
    ):
        load(folder, "val")
    with pytest.raises(
        DatasetNotFoundError, match=r"no file of the split 'train' among testing_with_face_landmarks.xml"
    ):
        load(folder / "testing_with_face_landmarks.xml", "train")
    with pytest.raises(DatasetNotFoundError, match=r"none\.xml: there is no such file; file='...' is a path below"):
        load(folder, file="none.xml")
    (folder / "empty").mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"empty: no \.xml file in it; name one below it with file='...'"):
        load(folder / "empty")


def test_a_missing_place_is_an_error(monkeypatch):
    monkeypatch.delenv("FLDBENCH_DATA", raising=False)
    with pytest.raises(
        DatasetNotFoundError, match=r"'dlib-xml' needs a file or folder; give --data ROOT, file='...' or"
    ):
        load(None)


GOOD = xml([("a.png", [box(POINTS)])])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", r"f\.xml, line 1: the file is empty"),
        (GOOD[:400], r"f\.xml, line \d+: not XML \(unclosed token\)"),
        (GOOD[: GOOD.index("</box>")], r"f\.xml, line \d+: not XML \(no element found\)"),
        (GOOD.replace("'a.png'", "a.png"), r"f\.xml, line 7: not XML \(not well-formed"),
        (GOOD.replace("x='12'", "x='twelve'"), r"f\.xml, line 9: <part>: x is 'twelve'; must be a number of pixels"),
        (GOOD.replace("x='12'", "x='nan'"), r"f\.xml, line 9: <part>: x is 'nan'; must be a number of pixels"),
        (GOOD.replace("x='12'", "x='1e9'"), r"f\.xml, line 9: <part>: x is '1e9'; must be a number of pixels"),
        (GOOD.replace("x='12' ", ""), r"f\.xml, line 9: <part> must have x='\.\.\.'"),
        (GOOD.replace("name='00' ", ""), r"f\.xml, line 9: <part> must have name='\.\.\.'"),
        (GOOD.replace("name='01'", "name='00'"), r"line 10: part '00' is given twice in one box"),
        (
            GOOD.replace("width='30'", "width='wide'"),
            r"f\.xml, line 8: <box>: width is 'wide'; must be a number of pixels",
        ),
        (
            GOOD.replace("width='30'", "width='1'"),
            r"f\.xml, line 8: the box is \[7\.0, 5\.0, 7\.0, 44\.0\]; must be x0, y0, x1, y1 with x1 > x0 and y1 > y0",
        ),
        (
            GOOD.replace("height='40'", "height='40' ignore='maybe'"),
            r"f\.xml, line 8: <box>: ignore is 'maybe'; must be 0 or 1",
        ),
        (GOOD.replace("dataset>", "data>"), r"f\.xml, line 3: the outermost tag is <data>; must be <dataset>"),
        (
            GOOD.replace("image>", "picture>").replace("<image ", "<picture "),
            r"f\.xml, line 8: <box> inside <picture>; must be image > box > part",
        ),
        (GOOD.replace("a.png", "c.png"), r"line 8: no image 'c\.png' below .*; restore it or correct the annotation\n"),
        (GOOD.replace("a.png", ""), r"f\.xml, line 7: <image> must have file='\.\.\.'"),
        (xml([("a.png", [box({})])]), r"f\.xml: no <part> in it: boxes without landmarks, or none"),
        (xml([("a.png", [box(POINTS, more=" ignore='1'")])]), r"f\.xml: no face with landmarks in it \(1 without\)"),
        (
            GOOD.replace("<dataset>", "<dataset scheme='mtfl'>"),
            r"line 3: no scheme named 'mtfl'; did you mean 'mtfl-5'",
        ),
        (GOOD.replace("ISO-8859-1", "klingon").replace("none", "\xff"), r"line 1: unknown encoding: klingon; save the"),
        (GOOD.replace("ISO-8859-1", "utf-8").replace("none", "\xff"), r"line 5: not XML \(not well-formed"),
        (GOOD.replace("none", "\0"), r"line 5: not XML \(not well-formed"),
    ],
)
def test_a_broken_file_names_file_and_line(folder, text, error):
    (folder / "f.xml").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=error):
        load(folder)


def test_exact_numbers_are_used_if_they_round_to_the_whole_ones(folder):
    text = GOOD.replace("x='12' y='13'", "x='12' y='13' exact='11.75 13.25' visible='0'")
    (folder / "f.xml").write_text(text.replace("height='40'", "height='40' exact='6.5 5.25 36.25 44.0'"))
    faces = load(folder)
    assert faces.landmarks[0, 0].tolist() == [11.75, 13.25] and faces.visible[0].tolist() == [False] + [True] * 4
    assert faces.boxes[0].tolist() == [6.5, 5.25, 36.25, 44.0]
    for wrong in ("11.75 14.25", "11.75", "a b"):
        (folder / "f.xml").write_text(text.replace("11.75 13.25", wrong))
        with pytest.raises(DataError, match=rf"line 9: <part>: exact is '{wrong}' beside \[12.0, 13.0\]; must be 2 "):
            load(folder)
    (folder / "f.xml").write_text(text.replace("visible='0'", "visible='no'"))
    with pytest.raises(DataError, match=r"line 9: <part>: visible is 'no'; must be 0 or 1"):
        load(folder)


def test_the_real_files_have_their_counts(data_root):
    folder = data_root / "dlib_faces"
    train, test = load(folder, "train"), load(folder, "test")
    assert (len(train), len(set(train.groups))) == (18, 4) and (len(test), len(set(test.groups))) == (25, 5)
    assert train.scheme == "ibug-68" and train.visible.all()
    assert train.ids[0] == "2007_007763#0" and train.landmarks[0, 0].tolist() == [201, 107]
    assert train.boxes[0].tolist() == [194, 90, 230, 126]
    alone = load(folder / "training_with_face_landmarks.xml", "train")
    assert alone.fingerprint == train.fingerprint


@pytest.mark.parametrize("entity", ["<!ENTITY a 'b'>", "<!ENTITY a SYSTEM 'file:///etc/passwd'>", "<!ENTITY % a 'b'>"])
def test_xml_with_entities_of_its_own_is_refused(tmp_path, entity):
    text = f"<?xml version='1.0'?>\n<!DOCTYPE d [\n{entity}\n]>\n<dataset><images></images></dataset>"
    (tmp_path / "a.xml").write_text(text)
    for name in ("dlib-xml", "cvat"):
        with pytest.raises(DataError, match=r"a\.xml, line 3: defines the entity 'a'; write its text out"):
            load_dataset(name, tmp_path / "a.xml", "all", scheme="mtfl-5")
