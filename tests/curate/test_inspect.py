"""info and preview: counts by hand, sizes from headers, and pictures with points in the right places."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from toys import toy_faces

from fldbench.curate.inspect import info, info_text, preview
from fldbench.errors import DataError
from fldbench.faces import Attribute, ImageArrays, ImageFiles, NoImages
from fldbench.media.bars import word_panel


def rich():
    faces = toy_faces(6)
    landmarks = faces.landmarks.copy()
    landmarks[0, 2] = landmarks[3, 4] = np.nan
    visible = np.isfinite(landmarks).all(axis=2)
    visible[1, :3] = False
    return replace(
        faces,
        landmarks=landmarks,
        visible=visible,
        boxes=np.array([[0, 0, 10, side] for side in (12, 14, 16, 18, 20, 40)]),
        groups=np.array(list("aaabbc")),
        attributes={"smile": np.array([0, 1, 1, -1, 1, 0]), "age": np.array([30, -1, 7, 8, 61, -1])},
        attribute_types={"smile": Attribute(("no", "little", "much"))},
        parts={"one": (6, 6), "two": (0, 9)},
    )


def test_info_counts_everything():
    facts = info(rich())
    assert facts | {"images": None} == {
        "name": "toy",
        "split": "test",
        "faces": 6,
        "scheme": "mtfl-5",
        "points": 5,
        "notes": [],
        "parts": {"one": [6, 6], "two": [0, 9]},
        "absent": ["two"],
        "annotated": 28,
        "missing": 2,
        "hidden": 3,
        "attributes": {"smile": {"no": 2, "little": 3, "much": 0, "unknown": 1}},
        "numbers": {"age": {"least": 7, "median": 19.0, "largest": 61, "unknown": 2}},
        "subsets": {"even": 3, "odd": 3, "none": 0},
        "groups": {"known": True, "number": 3, "largest": 3},
        "box_sides": [12.0, 17.0, 40.0],
        "images": None,
    }
    assert facts["images"] == {
        "sampled": 6,
        "unreadable": 0,
        "width": [40.0] * 3,
        "height": [48.0] * 3,
        "oriented": 0,
        "turned": 0,
        "outside": 0,
        "why": "",
    }
    assert json.loads(json.dumps(facts)) == facts


def test_info_as_text():
    lines = info_text(info(rich())).splitlines()
    for line in (
        "dataset       toy, split test",
        "scheme        mtfl-5, 5 points per face",
        "points        28 annotated, 2 missing, 3 hidden",
        "part          two: 0 of 9",
        "incomplete    two",
        "groups        3, the largest with 3 faces",
        "attribute     smile: no 2, little 3, much 0, unknown 1",
        "attribute     age: 7 to 61, median 19, unknown 2",
        "box side      12 to 40 px, median 17",
        "image width   40 to 40 px, median 40",
        "images        6 looked at, 0 unreadable",
    ):
        assert line in lines
    bare = info_text(info(replace(toy_faces(2), images=NoImages(2, "there are none"), name="", split_name="")))
    assert "dataset       unnamed, split unnamed" in bare and "images        there are none" in bare
    assert "groups        not known" in bare and "incomplete    nothing" in bare


class Sealed(ImageFiles):
    """Fails when an image is decoded."""

    def decode(self, i):
        raise AssertionError("an image was decoded")


def test_sizes_come_from_headers_of_a_sample(tmp_path):
    paths = []
    for i, shape in enumerate([(10, 20), (30, 40), (50, 60), (70, 80)]):
        paths.append(tmp_path / f"{i} ü.png")
        paths[-1].write_bytes(cv2.imencode(".png", np.zeros((*shape, 3), np.uint8))[1].tobytes())
    faces = replace(toy_faces(4), images=Sealed(paths))
    assert info(faces)["images"]["width"] == [20.0, 50.0, 80.0]
    assert info(faces, sample=2)["images"] == {
        "sampled": 2,
        "unreadable": 0,
        "width": [20.0, 50.0, 80.0],
        "height": [10.0, 40.0, 70.0],
        "oriented": 0,
        "turned": 0,
        "outside": 1,  # the image of 20 x 10 px has points of a face of 40 x 48
        "why": "",
    }
    paths[1].unlink()
    images = info(faces)["images"]
    assert (images["sampled"], images["unreadable"], images["height"]) == (4, 1, [10.0, 50.0, 70.0])


def test_no_faces_are_no_error():
    facts = info(toy_faces(0))
    assert facts["faces"] == 0 and facts["box_sides"] is None and facts["images"]["sampled"] == 0
    assert "faces         0" in info_text(facts)


def green(picture):
    """Mean position (x, y) px of pure green, the colour of the points."""
    rows, cols = np.nonzero((picture[..., 1] > 200) & (picture[..., 0] < 60) & (picture[..., 2] < 60))
    return cols.mean(), rows.mean()


def test_points_are_drawn_where_they_are():
    faces = toy_faces(1)
    light = np.full((48, 40, 3), 128, np.uint8)
    light[10, 8] = 255
    landmarks = np.tile([[8.0, 10.0]], (5, 1))[None] + [[[0, 0], [0, 0], [0, 0], [-8, 20], [24, 20]]]
    sheet = preview(replace(faces, images=ImageArrays([light]), landmarks=landmarks), columns=1)
    assert sheet.shape == (160, 160, 3)
    # The face spans 32 px; the picture is the image from x = 0, y = 0 (clipped) to 40 x 40, so one px is 4 px.
    top = sheet[:80]
    assert np.allclose(green(top), (8.5 * 4 - 0.5, 10.5 * 4 - 0.5), atol=1.0)


def test_columns_cells_and_ids():
    faces = toy_faces(7)
    assert preview(faces, columns=3).shape == (3 * 160, 3 * 160, 3)
    assert preview(faces, columns=3, sample=2).shape == (160, 2 * 160, 3)
    assert preview(faces, columns=2, numbers=True, sample=2).shape == (640, 1280, 3)
    by_name = preview(faces, columns=2, ids=["test4", "test1"])
    assert np.array_equal(by_name[:, :160], preview(faces, ids=["test4"]))
    assert np.array_equal(by_name[:, 160:], preview(faces, ids=["test1"]))
    assert np.array_equal(preview(faces, sample=3, random_state=1), preview(faces, sample=3, random_state=1))
    assert not np.array_equal(preview(faces, sample=3, random_state=1), preview(faces, sample=3, random_state=2))


def test_faces_at_the_edge_without_image_points_or_box_are_drawn():
    faces = toy_faces(5)
    landmarks = faces.landmarks.copy()
    landmarks[1] = np.nan
    landmarks[2, 0] = 9000.0, -9000.0
    landmarks[3] += 500.0
    boxes = faces.boxes.copy()
    boxes[1] = np.nan
    odd = replace(faces, landmarks=landmarks, boxes=boxes, visible=None)
    assert preview(odd, columns=5).shape == (160, 800, 3)
    blind = preview(replace(odd, images=NoImages(5, "none")), columns=5)
    assert blind.shape == (160, 800, 3) and green(blind[:, :160])[0] > 0


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(DataError, match="toy-test has no face 'tst1'; its ids look like 'test0'"):
        preview(toy_faces(3), ids=["tst1"])
    with pytest.raises(DataError, match="preview: columns is 0; must be 1 or more"):
        preview(toy_faces(3), columns=0)
    with pytest.raises(DataError, match="toy-test: there is no face to draw; choose at least one"):
        preview(toy_faces(0))
    with pytest.raises(DataError, match="toy-test: there is no face to draw; choose at least one"):
        preview(toy_faces(3), ids=[])


def test_preview_writes_attributes_in_words():
    faces = replace(
        toy_faces(3),
        attributes={"pose": [1, -1, 0], "age": [34, 20, -1]},
        attribute_types={"pose": Attribute(("left", "right"))},
    )
    plain, sheet = preview(faces), preview(faces, attributes=True)
    assert plain.shape[:2] == (160, 480) and np.array_equal(sheet[:160], plain)
    words = [{"pose": "right", "age": "34"}, {"pose": "–", "age": "20"}, {"pose": "left", "age": "–"}]
    panels = [word_panel(one, title=f"test{i}") for i, one in enumerate(words)]
    assert np.array_equal(sheet[160:], np.concatenate(panels, axis=1))
    with pytest.raises(DataError, match="toy-test: the faces have no attributes; leave them out of the sheet"):
        preview(toy_faces(3), attributes=True)
