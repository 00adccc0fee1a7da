"""Photos of every kind: how many faces, where, and what is written."""

import csv
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_photos import FACE, SIZE, Corners, Squares, photo, with_orientation, write
from toys import toy_faces

import fldbench
from fldbench import DataError, MethodError, StoreError, UnknownNameError, load_dataset, register_detector
from fldbench.detector import WITHIN, tight_in_frame
from fldbench.run.photos import photo_paths, predict_photos


@pytest.fixture
def model(toy):
    fldbench.register_method("corners", Corners)
    register_detector("squares", Squares)
    return Corners().fit(toy_faces(9, 1))


def box_of(x, y, side=FACE):
    """What the method is given for a square: five points lie inside of the whole face."""
    return tight_in_frame(np.array([[x, y, x + side - 1.0, y + side - 1.0]]), WITHIN["mtfl-5"])[0]


def predict(model, path, out, **more):
    return predict_photos(model, [path], out, detector="squares", **more)


def test_photos_with_no_one_and_many_faces(model, tmp_path):
    places = [(10, 10), (60, 20), (100, 80)]
    for n in (0, 1, 3):
        write(tmp_path / "in" / f"{n}.png", photo(*places[:n]))
    done = predict(model, tmp_path / "in", tmp_path / "out")
    assert [len(one.faces) for one in done.photos] == [0, 1, 3] and not any(one.problem for one in done.photos)
    assert str(done).startswith("3 photos, 4 faces (1 photo without a face); ")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png", "3.png"]
    face = done.photos[1].faces[0]
    assert np.allclose(face.box, box_of(10, 10)) and np.allclose(face.landmarks[[0, 4]].ravel(), box_of(10, 10))
    drawn = cv2.imread(str(tmp_path / "out" / "1.png"))
    assert drawn.shape == (*SIZE, 3) and (drawn != photo(*places[:1])).any()
    assert (cv2.imread(str(tmp_path / "out" / "0.png")) == photo()).all()


def cmyk(path, image):
    from PIL import Image

    Image.fromarray(image).convert("CMYK").save(path)


def animated(path, image):
    from PIL import Image

    first, second = Image.fromarray(image), Image.fromarray(photo())
    first.save(path, save_all=True, append_images=[second], duration=100)


KINDS = {
    "grey.png": lambda path, image: write(path, image[..., 0]),
    "deep.png": lambda path, image: write(path, image.astype(np.uint16) * 257),
    "deep-grey.tif": lambda path, image: write(path, image[..., 0].astype(np.uint16) * 257),
    "alpha.png": lambda path, image: write(path, np.dstack([image, np.full(SIZE, 0, np.uint8)])),
    "photo.webp": write,
    "photo.bmp": write,
    "cmyk.jpg": cmyk,
    "animated.gif": animated,
    "animated.webp": animated,
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_gives_its_face(model, tmp_path, name):
    pytest.importorskip("PIL")
    KINDS[name](tmp_path / name, photo((30, 40)))
    done = predict(model, tmp_path / name, tmp_path / "out")
    (one,) = done.photos
    assert not one.problem and len(one.faces) == 1
    assert np.allclose(one.faces[0].box, box_of(30, 40), atol=1.1)  # the edges of JPEG are soft
    (picture,) = (tmp_path / "out").iterdir()
    assert picture.name == (name if name.endswith(("png", "jpg")) else f"{Path(name).stem}.png")


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_points_are_those_of_the_photo_as_it_is_shown(model, tmp_path, orientation):
    path = with_orientation(write(tmp_path / "a.jpg", photo((30, 40)), [cv2.IMWRITE_JPEG_QUALITY, 100]), orientation)
    (one,) = predict(model, path, tmp_path / "out").photos
    far = {1: (30, 40), 3: (160 - 54, 120 - 64), 6: (120 - 64, 30), 8: (40, 160 - 54)}[orientation]
    assert np.allclose(one.faces[0].box, box_of(*far), atol=1.1)
    shown = cv2.imread(str(tmp_path / "out" / "a.jpg"))
    assert shown.shape[:2] == (SIZE if orientation < 5 else SIZE[::-1]) == one.size[::-1]
    assert one.turned == (orientation != 1)


def test_faces_that_are_tiny_or_cut_off(model, tmp_path):
    tiny, cut = write(tmp_path / "t.png", photo((50, 50), side=5)), write(tmp_path / "c.png", photo((-12, 110)))
    done = predict_photos(model, [tiny, cut], tmp_path / "out", detector="squares")
    assert [len(one.faces) for one in done.photos] == [1, 1]
    assert all(np.isfinite(one.faces[0].landmarks).all() for one in done.photos)


def test_a_bad_photo_is_one_line_and_the_others_go_on(model, tmp_path):
    write(tmp_path / "in" / "good.png", photo((10, 10)))
    (tmp_path / "in" / "bad.jpg").write_text("no photo")
    (tmp_path / "in" / "empty.png").write_bytes(b"")
    done = predict(model, tmp_path / "in", tmp_path / "out", threads=3)
    problems = {one.path.name: one.problem for one in done.photos}
    assert "bad.jpg: not an image that can be decoded" in problems["bad.jpg"]
    assert "the image file is empty" in problems["empty.png"] and problems["good.png"] == ""
    assert "1 photo, 1 face (2 files could not be used)" in str(done)


def test_scores_and_the_largest_face(model, tmp_path):
    image = photo((10, 10))
    image[60:100, 60:100] = 200
    path = write(tmp_path / "a.png", image)
    faces = {
        "all": predict(model, path, tmp_path / "out").photos[0].faces,
        "sure": predict(model, path, tmp_path / "out", min_score=30).photos[0].faces,
        "largest": predict(model, path, tmp_path / "out", largest=True).photos[0].faces,
    }
    assert [face.score for face in faces["all"]] == [39, 23]
    assert [face.score for face in faces["sure"]] == [face.score for face in faces["largest"]] == [39]
    with pytest.raises(DataError, match="min_score is nan; must be a finite number"):
        model.detect_and_predict(photo(), "squares", min_score=float("nan"))


def test_files_of_landmarks_are_read_back(model, tmp_path):
    write(tmp_path / "in" / "a" / "one.png", photo((10, 10)))
    write(tmp_path / "in" / "two.png", photo((10, 10), (60, 20)))
    write(tmp_path / "in" / "none.png", photo())
    kinds = ["csv", "json", "pts", "dlib-xml", "coco"]
    out = tmp_path / "in" / "out"
    done = predict(model, tmp_path / "in", out, formats=kinds)
    found = {f"{one.path.name}{k}": face for one in done.photos for k, face in enumerate(one.faces)}
    boxes = {"a/one": "one.png0", "two#0": "two.png0", "two#1": "two.png1"}
    with open(out / "faces.csv", encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    told = json.loads((out / "faces.json").read_text(encoding="utf-8"))
    assert rows.keys() == told.keys() == boxes.keys() and rows["a/one"]["photo"] == told["a/one"]["photo"]
    for name, key in boxes.items():
        face = found[key]
        assert np.allclose([[float(rows[name][f"{axis}{i}"]) for axis in "xy"] for i in range(5)], face.landmarks)
        assert np.allclose(told[name]["landmarks"], face.landmarks) and told[name]["score"] == face.score
        assert np.allclose([float(rows[name][f"box_{side}"]) for side in ("x0", "y0", "x1", "y1")], face.box)
    truth = {tuple(np.round(face.landmarks.ravel(), 3)) for face in found.values()}
    for reader, file in (("dlib-xml", "faces.xml"), ("coco-face", "faces.coco.json")):
        faces = load_dataset(reader, tmp_path / "in", split="all", file=f"out/{file}", scheme="mtfl-5")
        assert {tuple(np.round(points.ravel(), 3)) for points in faces.landmarks} == truth, reader
        assert faces.images[0].shape == (*SIZE, 3)
    assert sorted(path.name for path in out.rglob("*.pts")) == ["one.pts", "two#0.pts", "two#1.pts"]
    again = predict(model, tmp_path / "in", out)  # what was written is no photo to look at
    assert [one.path.name for one in again.photos] == [one.path.name for one in done.photos]


def test_single_files(model, tmp_path):
    path = write(tmp_path / "in" / "a.png", photo((10, 10)))
    assert predict(model, path, tmp_path / "b.jpg").photos[0].picture == tmp_path / "b.jpg"
    done = predict(model, path, tmp_path / "b.csv")
    assert done.files == (tmp_path / "b.csv",) and done.photos[0].picture is None
    write(tmp_path / "in" / "b.png", photo())
    with pytest.raises(DataError, match=r"number of photos for .*c\.png is 2; must be 1; give a folder"):
        predict(model, tmp_path / "in", tmp_path / "c.png")
    with pytest.raises(DataError, match="the formats beside a single file is"):
        predict(model, path, tmp_path / "c.png", formats=["csv"])
    with pytest.raises(UnknownNameError, match="no format named 'xls' to write"):
        predict(model, path, tmp_path / "out", formats=["xls"])
    with pytest.raises(DataError, match="the picture would replace the photo itself; give another output"):
        predict(model, path, tmp_path / "in")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        predict(model, path, tmp_path / "file" / "out")
    with pytest.raises(MethodError, match="does not know which points it answers with"):
        predict(Corners(), path, tmp_path / "out")


def test_which_photos_are_meant(tmp_path):
    for name in ("b/2.png", "1.jpg", "text.txt", "b/3.PNG"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    every = [tmp_path / name for name in ("1.jpg", "b/2.png", "b/3.PNG")]
    assert photo_paths([tmp_path]) == every
    assert photo_paths([tmp_path / "1.jpg", tmp_path]) == every
    assert photo_paths([str(tmp_path / "**" / "*.png")]) == every[1:2]
    assert photo_paths([tmp_path], tmp_path / "b") == every[:1]
    for text, what in (("none.jpg", "no such file or folder"), ("*.gif", "no image matches this pattern")):
        with pytest.raises(DataError, match=what):
            photo_paths([tmp_path / text])
    (tmp_path / "c").mkdir()
    with pytest.raises(DataError, match="no image in this folder"):
        photo_paths([tmp_path / "c"])


def test_drawing_leaves_the_photo_as_it_is(model):
    image = photo((10, 10), (130, 100))
    faces = model.detect_and_predict(image, "squares")
    before = image.copy()
    drawn = fldbench.draw(image, faces)
    assert (image == before).all() and drawn.shape == image.shape and (drawn != image).any()
    assert (fldbench.draw(image, []) == image).all()
    bare = fldbench.draw(image, faces, boxes=False, words=False)
    assert (bare != image).sum() < (drawn != image).sum()


COUNTS = {
    **{"2007_007763": 7, "2008_001009": 2, "2008_001322": 3, "2008_002079": 6, "2008_002470": 6, "2008_002506": 3},
    **{"2008_004176": 7, "2008_007676": 7, "2009_004587": 2, "Tom_Cruise_avp_2014_4": 1},
}  # 43 in the first nine, as many as their annotation has


def test_the_ten_photos_of_dlib():
    folder = Path(os.environ.get("FLDBENCH_DATA", "")) / "dlib_faces"
    if "FLDBENCH_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("dlib's example faces are not below FLDBENCH_DATA")
    model = fldbench.make_method("mean-shape").fit(load_dataset("synthetic", split="train", faces=20))
    images = {name: fldbench.ImageFiles([folder / f"{name}.jpg"])[0] for name in COUNTS}
    assert {name: len(model.detect_and_predict(image)) for name, image in images.items()} == COUNTS
