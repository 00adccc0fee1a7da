"""The frame of the annotation: EXIF orientations, and sizes that the file states, against the image."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner
from writers import with_orientation, write_image, write_pts, write_text

import fldbench
from fldbench.cli.app import app
from fldbench.curate.convert import convert
from fldbench.errors import DataError

POINTS = [(60, 80), (120, 80), (90, 110), (70, 140), (110, 140)]
DARK = 90


def picture():
    """An upright drawing, 180 x 240 px, white at each of five points."""
    image = np.full((240, 180, 3), DARK, np.uint8)
    for point in POINTS:
        cv2.circle(image, point, 3, (255, 255, 255), -1)
    return image


def photo(path, orientation=6, size=None):
    """The drawing as a phone stores it: lying, with an EXIF orientation that turns it upright."""
    stored = {1: 0, 6: 1, 8: 3, 3: 2}[orientation]  # quarter turns against the clock
    image = np.rot90(picture() if size is None else cv2.resize(picture(), size), stored)
    content = cv2.imencode(".png", np.ascontiguousarray(image))[1].tobytes()
    path.write_bytes(content if orientation == 1 else with_orientation(content, orientation))


def coco(path, images, size=(180, 240)):
    rows = [
        {"id": i, "image_id": i, "keypoints": [v for x, y in POINTS for v in (x, y, 2)], "bbox": [40, 60, 100, 100]}
        for i in range(len(images))
    ]
    stated = dict(zip(("width", "height"), size, strict=True)) if size else {}
    listed = [{"id": i, "file_name": name, **stated} for i, name in enumerate(images)]
    path.write_text(json.dumps({"images": listed, "annotations": rows}))


def brightness(faces, row=0):
    image = faces.images[row]
    return [int(image[int(y), int(x)].mean()) for x, y in faces.landmarks[row]]


def load(root, **options):
    return fldbench.load_dataset("coco-face", root, "all", scheme="mtfl-5", **options)


@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_a_photo_whose_stated_size_is_that_of_the_turned_image_is_turned(tmp_path, orientation):
    photo(tmp_path / "a.png", orientation)
    coco(tmp_path / "f.json", ["a.png"])
    faces = load(tmp_path)
    assert brightness(faces) == [255] * 5 and faces.images[0].shape == (240, 180, 3)
    if orientation != 1:
        stored = load(tmp_path, orientation="stored")
        assert stored.images[0].shape == (180, 240, 3) and stored.fingerprint != faces.fingerprint
    assert load(tmp_path, orientation="upright").fingerprint == faces.fingerprint


def test_a_photo_annotated_as_it_is_stored_is_left_as_it_is(tmp_path):
    photo(tmp_path / "a.png")
    coco(tmp_path / "f.json", ["a.png"], (240, 180))
    faces = load(tmp_path)
    assert faces.images[0].shape == (180, 240, 3)
    assert faces.fingerprint == load(tmp_path, orientation="stored").fingerprint


def test_an_image_upside_down_follows_the_others_of_its_file(tmp_path):
    photo(tmp_path / "a.png", 3)
    photo(tmp_path / "b.png", 6)
    coco(tmp_path / "f.json", ["a.png"])
    assert brightness(load(tmp_path)) != [255] * 5  # nothing tells
    coco(tmp_path / "f.json", ["a.png", "b.png"])
    faces = load(tmp_path)
    assert brightness(faces, 0) == brightness(faces, 1) == [255] * 5


def test_images_resized_after_annotation_are_refused_with_both_sizes(tmp_path):
    photo(tmp_path / "a.png", 1, (270, 360))
    photo(tmp_path / "b.png", 1)
    photo(tmp_path / "c.png", 6, (90, 120))
    coco(tmp_path / "f.json", ["a.png", "b.png", "c.png"])
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    lines = str(caught.value).splitlines()
    assert "annotations[0]: the size of the image" in lines[0] and "is (270, 360); must be (180, 240), as" in lines[0]
    assert "annotations[2]: " in lines[1] and "is (120, 90); must be (180, 240)" in lines[1]
    assert lines[2].startswith("2 of 3 faces are faulty")
    assert load(tmp_path, faulty="skip").ids.tolist() == ["b"] and len(load(tmp_path, orientation="stored")) == 3


@pytest.mark.parametrize("size", [None, (0, 0), ("?", None)])
def test_without_a_stated_size_the_option_decides(tmp_path, size):
    photo(tmp_path / "a.png")
    coco(tmp_path / "f.json", ["a.png"], size)
    assert load(tmp_path).images[0].shape == (180, 240, 3)
    assert brightness(load(tmp_path, orientation="upright")) == [255] * 5


def test_imglab_states_sizes_too(tmp_path):
    photo(tmp_path / "a.png")
    parts = "".join(f"<part name='{i}' x='{x}' y='{y}'/>" for i, (x, y) in enumerate(POINTS))
    box = f"<box top='60' left='40' width='100' height='100'>{parts}</box>"
    for stated, shape in (("width='180' height='240'", (240, 180, 3)), ("", (180, 240, 3))):
        image = f"<image file='a.png' {stated}>\n{box}</image>"
        write_text(tmp_path / "f.xml", f"<dataset><images>\n{image}\n</images></dataset>")
        assert fldbench.load_dataset("dlib-xml", tmp_path, "all", scheme="mtfl-5").images[0].shape == shape
    image = f"<image file='a.png' width='9' height='9'>\n{box}</image>"
    write_text(tmp_path / "f.xml", f"<dataset><images>\n{image}\n</images></dataset>")
    with pytest.raises(DataError, match=r"f\.xml, line 3: the size of the image .*is \(240, 180\); must be \(9, 9\)"):
        fldbench.load_dataset("dlib-xml", tmp_path, "all", scheme="mtfl-5")


def test_every_reader_of_files_has_the_option(tmp_path):
    photo(tmp_path / "a.png")
    write_pts(tmp_path / "a.pts", np.array(POINTS))
    faces = [
        fldbench.load_dataset("pts", tmp_path, "all", scheme="mtfl-5", orientation=one) for one in (None, "upright")
    ]
    assert faces[0].images[0].shape == (180, 240, 3) and brightness(faces[1]) == [255] * 5
    with pytest.raises(DataError, match="dataset 'pts': orientation is 6; must be None or one of 'stored', 'upright'"):
        fldbench.load_dataset("pts", tmp_path, "all", scheme="mtfl-5", orientation=6)
    with pytest.raises(DataError, match="dataset 'synthetic': orientation is 'upright'; must be None or 'stored'"):
        fldbench.load_dataset("synthetic", None, faces=2, orientation="upright")


def test_info_and_verify_count_images_with_an_orientation(tmp_path):
    for name in "ab":
        photo(tmp_path / f"{name}.png")
        write_pts(tmp_path / f"{name}.pts", np.array(POINTS))
    write_image(tmp_path / "c.png", 180, 240)
    write_pts(tmp_path / "c.pts", np.array(POINTS))
    given = ["pts", "--data", str(tmp_path), "--split", "all", "--option", "scheme=mtfl-5"]
    for command in ("info", "verify"):
        done = CliRunner().invoke(app, ["data", command, *given])
        assert "2 of 3 images have an EXIF orientation and are read as they are stored; if " in done.output
        done = CliRunner().invoke(app, ["data", command, *given, "--option", "orientation=upright"])
        assert "have an EXIF orientation" not in done.output
    assert (
        "2 images are turned by their EXIF orientation"
        in CliRunner().invoke(app, ["data", "info", *given, "--option", "orientation=upright"]).output
    )


@pytest.mark.parametrize("orientation", [None, "upright"])
def test_converted_images_have_no_orientation_that_other_programs_could_apply(tmp_path, orientation):
    (tmp_path / "in").mkdir()
    photo(tmp_path / "in/a.png")
    write_pts(tmp_path / "in/a.pts", np.array(POINTS))
    faces = fldbench.load_dataset("pts", tmp_path / "in", "all", scheme="mtfl-5", orientation=orientation)
    convert(faces, "coco", tmp_path / "out")
    again = load(tmp_path / "out", orientation="upright")
    assert np.array_equal(again.images[0], faces.images[0]) and np.allclose(again.landmarks, faces.landmarks)
    assert load(tmp_path / "out").images[0].shape == again.images[0].shape


def test_a_table_may_state_sizes_too(tmp_path):
    photo(tmp_path / "a.png")
    names = ",".join(f"x{i},y{i}" for i in range(5))
    row = ",".join(str(v) for point in POINTS for v in point)
    write_text(tmp_path / "f.csv", f"path,image_width,image_height,{names}\na.png,180,240,{row}\n")
    assert brightness(fldbench.load_dataset("csv", tmp_path, "all", scheme="mtfl-5")) == [255] * 5
    write_text(tmp_path / "f.csv", f"path,image_width,image_height,{names}\na.png,90.0,120.0,{row}\n")
    with pytest.raises(
        DataError, match=r"f\.csv, line 2: the size of the image .*must be \(90, 120\), as the file states"
    ):
        fldbench.load_dataset("csv", tmp_path, "all", scheme="mtfl-5")
