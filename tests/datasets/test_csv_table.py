"""Any table: header names decide; optional columns, splits, and what is refused."""

import cv2
import numpy as np
import pytest
from face_sets import shapes

from fldbench.datasets.yours.csv_table import CSVTable
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.schemes import get_scheme

POINTS = "1,2,3.5,4,5,6,7,8,9,10"
HEADER = "path,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4"
GOOD = f"{HEADER}\na.png,{POINTS}\nb c.png,{POINTS}\n"


@pytest.fixture
def folder(tmp_path):
    image = cv2.imencode(".png", np.full((30, 40, 3), 90, np.uint8))[1].tobytes()
    for name in ("a.png", "b c.png", "sub/Zoë.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(image)
    return tmp_path


def load(root, text=None, split="all", **options):
    if text is not None:
        (root / "faces.csv").write_text(text, encoding="utf-8")
    return CSVTable(**{"scheme": "mtfl-5"} | options).load(root, split)


def test_the_plainest_table(folder):
    faces = load(folder, GOOD, "train")
    assert faces.ids.tolist() == ["a", "b c"] and faces.scheme == "mtfl-5" and faces.name == "csv"
    assert faces.landmarks[0].tolist() == [[1, 2], [3.5, 4], [5, 6], [7, 8], [9, 10]]
    assert faces.boxes[0].tolist() == [1, 2, 9, 10]  # tight
    assert faces.images[1].shape == (30, 40, 3) and faces.parts == {"faces with landmarks": (2, 2)}


def test_every_column_in_any_order(folder):
    text = (
        "\ufeffnote,group,y4,x4,y3,x3,y2,x2,y1,x1,y0,x0,box_x1,box_y1,box_x0,box_y0,filename,id,"
        "visible4,visible3,visible2,visible1,visible0\n"
        '"a, ""quoted"" note",ann,10,9,8,7,6,5,4,3,2,1,30,31,-1.5,0,sub\\Zoë.png,first,1,,0,1,0\r\n'
        "\n"
        ",ben,10,9,nan,NaN,6,5,,, 2 ,1,,,,,sub/Zoë.png,second,1,1,1,1,1\n"
    )
    faces = load(folder, text)
    assert faces.ids.tolist() == ["first", "second"] and faces.groups.tolist() == ["ann", "ben"]
    assert faces.boxes.tolist() == [[-1.5, 0, 30, 31], [1, 2, 9, 10]]
    assert faces.landmarks[0].ravel().tolist() == list(range(1, 11))
    assert np.isnan(faces.landmarks[1]).any(axis=1).tolist() == [False, True, False, True, False]
    assert faces.visible.tolist() == [[False, True, False, True, True], [True, False, True, False, True]]


def test_several_faces_of_an_image_and_rows_without_points(folder):
    text = f"{HEADER}\na.png,{POINTS}\na.png,{',' * 9}\na.png,{POINTS}\nb c.png,{POINTS}\n"
    faces = load(folder, text)
    assert faces.ids.tolist() == ["a#0", "a#2", "b c"] and faces.groups.tolist() == ["a", "a", "b c"]
    assert faces.parts == {"faces with landmarks": (3, 4)}


def test_files_images_and_splits(folder):
    (folder / "lists").mkdir()
    (folder / "lists/train.csv").write_text(f"{HEADER}\na.png,{POINTS}\n")
    (folder / "lists/test.csv").write_text(f"{HEADER}\nZoë.png,{POINTS}\n", encoding="utf-8")
    assert load(folder, split="train", file="lists/train.csv", images="..").ids.tolist() == ["a"]
    assert load(folder / "lists", split="test", images="../sub").ids.tolist() == ["Zoë"]
    with pytest.raises(
        DatasetNotFoundError, match=r"split 'all' could be any of test.csv, train.csv; name one with file"
    ):
        load(folder / "lists")
    with pytest.raises(
        DataError, match=r"train\.csv, line 2: no image 'a\.png' below .*, or say where .* images='\.\.\.'"
    ):
        load(folder / "lists", split="train")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", r"faces\.csv, line 1: the file is empty"),
        (HEADER + "\n", r"faces\.csv: no face with landmarks in it \(0 without\)"),
        (GOOD[:-8], r"faces\.csv, line 3: the number of columns is 8; must be 11, as in the header"),
        (
            GOOD.replace("3.5,4", "3.5;4", 1),
            r"faces\.csv, line 2: the number of columns is 10; must be 11, as in the header",
        ),
        (
            GOOD.replace(",", ";"),
            r"faces\.csv, line 1: the header is 'path;x0;y0;x1;y1;x2;y2;x3;y3;x4;y4'; must be columns path, x0,",
        ),
        (
            GOOD.replace("path", "photo"),
            r"faces\.csv, line 1: the header is 'photo, x0, y0, x1, y1, x2, y2, x3, y3, x4, y4'; must be column",
        ),
        (GOOD.replace("x3", "x7", 1), r"line 1: the header is .*; x3 is absent"),
        (GOOD.replace("y3", "u3", 1), r"line 1: the header is .*; y3 is absent"),
        (GOOD.replace("y1", "x1", 1), r"line 1: the column 'x1' is given twice"),
        (GOOD.replace("3.5", "left"), r"faces\.csv, line 2: x1 is 'left'; must be a number of pixels, or nothing"),
        (GOOD.replace("3.5", "inf"), r"line 2: x1 is 'inf'"),
        (GOOD.replace("3.5", "3_5"), r"line 2: x1 is '3_5'"),
        (GOOD.replace("3.5", ""), r"faces\.csv, line 2: point 1 has one coordinate; must have both or none"),
        (GOOD.replace("b c", "gone"), r"line 3: no image 'gone\.png' below "),
        (GOOD.replace("b c.png", " "), r"line 3: no path of an image"),
        (GOOD.replace("b c.png", '"b c.png'), r"line 3: not a CSV file \(unexpected end of data\)"),
        (GOOD.replace("b c", "b\0c"), r"line 3: not UTF-8 text \(byte 0x00\)"),
        ("path,x0,y0\na.png,1,2\n", r"line 1: 1 points per face; mtfl-5 has 5"),
        (
            GOOD.replace("path", "box_x0,path").replace(".png", ",.png"),
            r"faces\.csv, line 1: the number of columns box_x0 \.\.\. box_y1 is 1; must be 0 or 4",
        ),
        (
            f"box_x0,box_y0,box_x1,box_y1,{HEADER}\n1,2,,4,a.png,{POINTS}\n",
            r"faces\.csv, line 2: a box with an empty side; must have all four or none",
        ),
        (
            f"box_x0,box_y0,box_x1,box_y1,{HEADER}\n5,2,5,4,a.png,{POINTS}\n",
            r"faces\.csv, line 2: the box is \[5\.0, 2\.0, 5\.0, 4\.0\]; must be x0, y0, x1",
        ),
        (
            f"{HEADER},{','.join(f'visible{i}' for i in range(5))}\na.png,{POINTS},1,1,2,1,1\n",
            r"faces\.csv, line 2: visible2 is '2'; must be 1 or 0, true or false, visible or occluded",
        ),
        (f"id,{HEADER}\nk,a.png,{POINTS}\nk,b c.png,{POINTS}\n", r"line 3: the id 'k' is used for more than one face"),
    ],
)
def test_a_broken_table_names_file_and_line(folder, text, error):
    with pytest.raises(DataError, match=error):
        load(folder, text)


def test_bytes_that_are_not_utf8_name_their_line(folder):
    (folder / "faces.csv").write_bytes(GOOD.encode().replace(b"b c", b"b\xffc"))
    with pytest.raises(DataError, match=r"faces\.csv, line 3: not UTF-8 text \(byte 0xff\); save the file as UTF-8"):
        load(folder)


def test_a_stated_scheme_that_the_points_do_not_look_like_is_believed_with_a_note(folder):
    def notes(order, n=24):
        points = shapes(n, scheme=get_scheme("mtfl-5"))[:, order].reshape(n, 10)
        rows = [",".join(["a.png", *map(str, row)]) for row in points.tolist()]
        faces = load(folder, "\n".join([HEADER, *rows]))
        assert faces.scheme == "mtfl-5" and len(faces) == n
        return faces.notes

    assert notes([0, 1, 2, 3, 4]) == () == notes([1, 0, 2, 4, 3], n=5)
    (note,) = notes([1, 0, 2, 4, 3])
    assert note.startswith("the points do not have the usual shape of the stated scheme: mtfl-5 (residual 1")
    assert note.endswith("; compare the order of the points")
