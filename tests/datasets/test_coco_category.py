"""COCO: categories, crowds, the names of keypoints, and v = 1 as a mark of presence."""

import json

import numpy as np
import pytest
import writers

import fldbench
from fldbench.errors import DataError

FIVE = [[60, 80], [120, 80], [90, 110], [70, 140], [110, 140]]  # eyes, nose, corners of the mouth
NAMES = ["left_eye", "right_eye", "nose", "left_mouth", "right_mouth"]


def row(k, points, category=1, v=2, **more):
    flat = [value for x, y in points for value in (x, y, v)]
    return {"id": k, "image_id": k, "category_id": category, "iscrowd": 0, "keypoints": flat, **more}


@pytest.fixture
def load(tmp_path):
    for k in range(3):
        writers.write_image(tmp_path / f"i{k}.png")

    def load(rows, categories, **options):
        images = [{"id": k, "file_name": f"i{k}.png"} for k in range(3)]
        content = {"images": images, "annotations": rows, "categories": categories}
        (tmp_path / "f.json").write_text(json.dumps(content))
        return fldbench.load_dataset("coco-face", tmp_path, "all", **options)

    return load


FACE = {"id": 1, "name": "face", "keypoints": NAMES}


def test_one_of_several_categories_is_chosen(load):
    hand = {"id": 2, "name": "hand", "keypoints": list("abcde")}
    rows = [row(0, FIVE), row(1, FIVE, category=2)]
    with pytest.raises(DataError, match=r"f\.json: keypoints of several categories: 'face' \(1 annotations\), 'hand'"):
        load(rows, [FACE, hand])
    for category in (1, "face"):
        assert load(rows, [FACE, hand], category=category).ids.tolist() == ["i0"]
    with pytest.raises(
        DataError, match=r"category is 'foot'; with keypoints there are 'face' \(1 annotations\), 'hand"
    ):
        load(rows, [FACE, hand], category="foot")
    many = row(1, [[50, 50]] * 21, category=2)  # another number of points
    assert load([row(0, FIVE), many], [FACE, hand], category="face").ids.tolist() == ["i0"]
    without = {"id": 2, "image_id": 1, "category_id": 3, "bbox": [1, 1, 9, 9]}
    assert load([row(0, FIVE), without], [FACE, {"id": 3, "name": "car"}]).ids.tolist() == ["i0"]


def test_names_decide_the_order(load):
    order = [2, 3, 4, 0, 1]
    faces = load([row(0, [FIVE[i] for i in order])], [FACE | {"keypoints": [NAMES[i] for i in order]}])
    assert faces.scheme == "mtfl-5" and faces.landmarks[0].tolist() == FIVE
    assert "points in the order of mtfl-5, by the names of the keypoints" in faces.notes
    # the person's own left: what COCO itself means
    own = ["nose", "right_eye", "left_eye", "mouth_right", "MouthLeft"]
    faces = load([row(0, [FIVE[i] for i in (2, 0, 1, 3, 4)])], [FACE | {"keypoints": own}])
    assert faces.scheme == "mtfl-5" and faces.landmarks[0].tolist() == FIVE
    given = load([row(0, [FIVE[i] for i in order])], [FACE | {"keypoints": [NAMES[i] for i in order]}], scheme="mtfl-5")
    assert given.landmarks[0].tolist() == FIVE


def test_names_that_contradict_the_points_are_said(load):
    with pytest.raises(DataError, match=r"the keypoints are named left_eye, .* but do not lie so: mtfl-5 \(residual"):
        load([row(0, [FIVE[i] for i in (2, 0, 1, 3, 4)])], [FACE])


def test_unknown_names_leave_the_order_to_the_points(load):
    faces = load([row(0, FIVE)], [FACE | {"keypoints": list("abcde")}])
    assert faces.scheme == "mtfl-5" and faces.landmarks[0].tolist() == FIVE
    with pytest.raises(DataError, match=r"5 points per face; they could be mtfl-5 \(residual \d+ %, upside down\) or"):
        load([row(0, FIVE[::-1])], [FACE | {"keypoints": list("abcde")}])


def test_crowds_are_left_out_and_counted(load):
    faces = load([row(0, FIVE), row(1, FIVE) | {"iscrowd": 1}], [FACE])
    assert faces.ids.tolist() == ["i0"] and "1 annotations of crowds (iscrowd) left out" in faces.notes


def test_v_1_is_visible_where_no_v_is_2(load):
    """As mmpose writes 300-W, WFLW and AFLW; where both stand, 1 is hidden."""
    plain = FACE | {"keypoints": []}
    faces = load([row(0, FIVE, v=1), row(1, FIVE, v=1)], [plain])
    assert faces.visible.all() and "v = 1 taken as visible: no point of the file has v = 2" in faces.notes
    mixed = row(0, FIVE, v=1)
    mixed["keypoints"][2] = 2
    assert load([mixed], [plain]).visible.tolist() == [[True, False, False, False, False]]
    absent = row(0, FIVE, v=1)
    absent["keypoints"][2] = 0
    faces = load([absent], [plain])
    assert faces.visible.tolist() == [[False, True, True, True, True]] and np.isnan(faces.landmarks[0, 0]).all()


def test_a_category_whose_id_is_a_list_is_none(load):
    assert load([row(0, FIVE)], [{"id": [1], "name": "x"}, FACE]).ids.tolist() == ["i0"]
