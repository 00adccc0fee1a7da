"""YouTu-88: JSON with keys in any order, answers of the service, tables, and what is refused."""

import json
import random

import numpy as np
import pytest
from writers import YOUTU_GROUPS, some_points, write_image, write_text, write_youtu_json, youtu_object

from fldbench import get_scheme
from fldbench.datasets.youtu88 import YouTu88, read_json
from fldbench.errors import DataError, DatasetNotFoundError

POINTS = some_points(3, 88)
NAMES = ["000001", "000002", "gesicht ü 3"]


@pytest.fixture
def files(tmp_path):
    for i, (name, points) in enumerate(zip(NAMES, POINTS, strict=True)):
        write_youtu_json(tmp_path / f"youtu88/train/annotations/{name}.json", points, answer=i == 1)
        write_image(tmp_path / f"youtu88/train/images/{name}.jpg", width=178, height=218)
    return tmp_path


def columns():
    return [f"{group}_{k}_{axis}" for group, n in YOUTU_GROUPS for k in range(n) for axis in "xy"]


def table(rows, header=None):
    lines = [] if header is None else [",".join(header)]
    return "\n".join(lines + [",".join(map(str, row)) for row in rows]) + "\n"


@pytest.fixture
def csv(tmp_path):
    write_text(tmp_path / "landmarks.csv", table([f"{n}.jpg", *p.ravel()] for n, p in zip(NAMES, POINTS, strict=True)))
    for name in NAMES:
        write_image(tmp_path / f"{name}.jpg")
    return tmp_path


def test_points_of_json_and_answers_have_the_order_of_the_scheme(files):
    faces = YouTu88().load(files, "train")
    assert faces.ids.tolist() == NAMES and np.allclose(faces.landmarks, POINTS)
    assert faces.parts == {"train": (3, 39998)} and faces.images[2].shape == (218, 178, 3)
    assert faces.scheme == "youtu-88"


def test_the_order_of_keys_does_not_matter(tmp_path):
    path = tmp_path / "a.json"
    for seed in range(20):
        items = list(youtu_object(POINTS[0]).items())
        random.Random(seed).shuffle(items)
        path.write_text(json.dumps(dict(items)))
        assert np.array_equal(read_json(path), POINTS[0])


def test_groups_by_hand_are_those_of_the_scheme(tmp_path):
    value = {"face_profile": 1, "nose": 2, "mouth": 3, "left_eyebrow": 4, "left_eye": 5}
    value |= {"right_eyebrow": 6, "right_eye": 7}
    content = {key: [[value[key], k] for k in range(n)] for key, n in reversed(YOUTU_GROUPS)}
    (tmp_path / "a.json").write_text(json.dumps(content))
    points = read_json(tmp_path / "a.json")
    groups = {key: set(points[list(rows), 0]) for key, rows in get_scheme("youtu-88").regions.items()}
    assert groups == {
        **{"jaw": {1}, "nose_tip": {2}, "nose": {2}, "outer_lip": {3}, "inner_lip": {3}},
        **{"left_brow": {4}, "left_eye": {5}, "right_brow": {6}, "right_eye": {7}},
    }
    assert points[34:36].tolist() == [[3, 0], [3, 1]] and points[87].tolist() == [7, 7]


def test_tables_with_and_without_header(csv):
    faces = YouTu88().load(csv, "all")
    assert faces.ids.tolist() == NAMES and np.allclose(faces.landmarks, POINTS) and faces.parts == {}
    order = np.random.default_rng(0).permutation(176)
    header = ["image", *np.array(columns())[order]]
    rows = [[f"{name}.jpg", *points.ravel()[order]] for name, points in zip(NAMES, POINTS, strict=True)]
    write_text(csv / "landmarks.csv", table(rows, header))
    assert np.allclose(YouTu88().load(csv, "all").landmarks, POINTS)
    assert YouTu88().load(csv, "all").images[0].shape == (100, 110, 3)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"nose": [\n[1, 2],\n[3 4]]}', r"a\.json, line 3: not JSON \(Expecting"),
        (json.dumps(youtu_object(POINTS[0]))[:500], r"a\.json, line 1: not JSON"),
        ("[]", r"a\.json, line 1: holds no face; must hold an object with face_profile, nose, mouth, left_eyebrow,"),
        ('{"face_shape": []}', r"a\.json, line 1: holds no face"),
        ("17", r"a\.json, line 1: holds no face"),
        ("{}", r"a\.json, line 1: 'face_profile' is absent; must be a list of 21 points"),
        (
            json.dumps(youtu_object(POINTS[0]) | {"nose": [[1, 2]] * 12}),
            r"a\.json, line 1: 'nose' is 12 points; must be a list of 13 points",
        ),
        (
            json.dumps(youtu_object(POINTS[0]) | {"nose": "long"}),
            r"a\.json, line 1: 'nose' is no list; must be a list of 13 points",
        ),
        (
            json.dumps(youtu_object(POINTS[0]) | {"nose": [[1, 2, 3]] * 13}),
            r"a\.json, line 1: a point of 'nose' is \[1, 2, 3\]; must be \[x, y\], two finite numbers",
        ),
        (
            json.dumps(youtu_object(POINTS[0]) | {"nose": [["1", 2]] * 13}),
            r"a\.json, line 1: a point of 'nose' is \['1', 2\]; must be \[x, y\], two finite numbers",
        ),
        (
            json.dumps(youtu_object(POINTS[0]) | {"nose": [[True, 2]] * 13}),
            r"a\.json, line 1: a point of 'nose' is \[True, 2\]; must be \[x, y\], two finite numbers",
        ),
        (
            json.dumps(youtu_object(POINTS[0]) | {"nose": [{"x": 1}] * 13}),
            r"a\.json, line 1: a point of 'nose' is \{'x': 1\}; must be \[x, y\], two finite numbers",
        ),
        (
            json.dumps(youtu_object(POINTS[0]) | {"nose": [[float("nan"), 2]] * 13}),
            r"a\.json, line 1: a point of 'nose' is \[nan, 2\]; must be \[x, y\], two finite numbers",
        ),
        (
            json.dumps(youtu_object(POINTS[0]) | {"nose": [[10**400, 2]] * 13}),
            r"a\.json, line 1: a point of 'nose' is \[100000000000000000000000000000000000000; must be \[x, y\], t",
        ),
        (
            json.dumps(youtu_object(POINTS[0]) | {"nose": []}).replace(', "', ',\n"'),
            r"a\.json, line 3: 'nose' is 0 points; must be a list of 13 points",
        ),
        ("9" * 6000, r"a\.json, line 1: not JSON of points"),
        ("[" * 100000, r"a\.json, line 1: (not JSON of points|holds no face)"),
        ("", r"a\.json, line 1: the file is empty"),
        ("\0", r"a\.json, line 1: not UTF-8 text \(byte 0x00\); save the file as UTF-8"),
    ],
)
def test_broken_json_names_file_and_line(tmp_path, content, text):
    write_text(tmp_path / "a.json", content)
    write_image(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=text):
        YouTu88().load(tmp_path, "all")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda rows: [rows[0], rows[1].rsplit(",", 1)[0]], "line 2: the number of columns is 176; must be 177, w"),
        (lambda rows: [rows[0], rows[1].replace(",", " ")], "line 2: the number of columns is 1; must be 177"),
        (lambda rows: [rows[0], rows[1].rsplit(",", 1)[0] + ",x"], "line 2: a number is 'x'; must be a finite de"),
        (lambda rows: [rows[0], rows[0]], "line 2: '000001' is in line 1 already"),
        (lambda rows: [rows[0].replace("000001", "000009")], r"line 1: no image '000009\.jpg' below"),
        (lambda rows: [",".join(["image", *columns()])], "line 1: a header and no face"),
        (
            lambda rows: [",".join(["image", *columns()[:-1], "chin"]), *rows],
            r"line 1: the header is \['image', 'face_profile_0_x', 'face_profile_0_y'\]; must be image and 176 c",
        ),
        (lambda rows: [",".join(["image", *columns()[:-1]]), *rows], r"line 1: the header is \['image', 'face_profil"),
    ],
)
def test_a_broken_table_names_file_and_line(csv, change, text):
    path = csv / "landmarks.csv"
    write_text(path, "\n".join(change(path.read_text(encoding="utf-8").splitlines())))
    with pytest.raises(DataError, match=rf"landmarks\.csv, {text}"):
        YouTu88().load(csv, "all")


def test_errors_name_what_is_absent(files):
    with pytest.raises(
        DatasetNotFoundError, match=r"val: no landmarks\.csv, no annotations/NAME\.json and no NAME\.json"
    ):
        YouTu88().load(files, "val")
    (files / "youtu88/train/images/000002.jpg").unlink()
    with pytest.raises(
        DataError, match=r"000002\.json: no image '000002' with .jpg, .jpeg, .png, .bmp and .* in .*images, "
    ):
        YouTu88().load(files, "train")
    write_youtu_json(files / "youtu88/train/000001.json", POINTS[0])
    write_image(files / "youtu88/train/images/000002.jpg")
    with pytest.raises(DataError, match="the id '000001' is used for more than one face"):
        YouTu88().load(files, "train")
