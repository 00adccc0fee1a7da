"""convert: what is written is read back by the readers of each format, dlib reads its own, and what is refused."""

import csv
import errno
import json
import shutil
from dataclasses import replace
from functools import cache

import cv2
import dlib
import numpy as np
import pytest
from toys import toy_faces

import fldbench
from fldbench.curate.convert import convert
from fldbench.datasets.ibug300w import IBug300W
from fldbench.datasets.yours.coco_face import CocoFace
from fldbench.datasets.yours.csv_table import CSVTable
from fldbench.datasets.yours.dlib_xml import DlibXML
from fldbench.datasets.yours.pts_folder import PtsFolder
from fldbench.errors import DataError, StoreError, UnknownNameError
from fldbench.faces import Attribute, FaceSet, ImageArrays, ImageFiles, NoImages
from fldbench.geometry import tight_box
from fldbench.schemes import get_scheme

READERS = {"pts": PtsFolder, "dlib-xml": DlibXML, "coco": CocoFace, "csv": CSVTable}
WHOLE = ("dlib-xml", "coco", "csv")
TOLERANCE = 1e-3  # px


def read_back(to, out, faces, **options):
    """The faces as the format's reader has them, in their old order."""
    back = READERS[to](**options).load(out, "all")
    assert sorted(back.ids) == sorted(faces.ids)
    return back[[back.ids.tolist().index(one) for one in faces.ids]]


def assert_same(back, faces, boxes=True, visible=True):
    assert back.scheme == faces.scheme and back.ids.tolist() == faces.ids.tolist()
    assert np.allclose(back.landmarks, faces.landmarks, atol=TOLERANCE, rtol=0, equal_nan=True)
    if boxes:
        assert np.allclose(back.boxes, faces.boxes, atol=TOLERANCE, rtol=0)
    if visible:
        assert np.array_equal(back.visible, faces.visible)
    for one, other in zip(back.images, faces.images, strict=True):
        assert np.array_equal(one, other)


@pytest.fixture(scope="module")
def synthetic():
    faces = fldbench.load_dataset("synthetic", split="test")[:20]
    # rendered once; no format keeps attributes and subsets, which other tests are about
    return replace(faces, images=ImageArrays(list(faces.images)), attributes={}, subsets={})


@pytest.fixture
def spotted():
    """Toy faces with everything that a format may have to hold."""
    faces = toy_faces(6)
    landmarks, visible = faces.landmarks.copy(), np.ones((6, 5), bool)
    landmarks[1, 3] = landmarks[4, :4] = np.nan
    visible[0, 2] = visible[5] = False
    return replace(
        faces,
        ids=np.array(["a", "b/Zoë 1", "b/c.d", "b/e#1", "-x", "b/f"]),
        landmarks=landmarks,
        visible=visible & np.isfinite(landmarks).all(axis=2),
        boxes=tight_box(faces.landmarks) + np.array([-1.25, -2.0, 3.5, 0.125]),
        groups=np.array(["p1", "p1", "Ann O'Neil, <3", 'p "2"', "p3", "p3"]),
        attributes={"smile": np.arange(6) % 2},
    )


@pytest.mark.parametrize("to", READERS)
def test_synthetic_faces_come_back(synthetic, tmp_path, to):
    lost = convert(synthetic, to, tmp_path / "new/out")
    assert_same(read_back(to, tmp_path / "new/out", synthetic), synthetic, visible=to != "pts")
    hidden = (~synthetic.visible).sum()
    assert lost == ((f"the occlusion of {hidden} points",) if to == "pts" else ())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


@pytest.mark.parametrize("to", WHOLE)
def test_missing_hidden_groups_boxes_and_names_come_back(spotted, tmp_path, to):
    lost = convert(spotted, to, tmp_path)
    attributes = "the attributes smile"
    if to == "csv":
        attributes = 'which columns are attributes: read them with attributes={"smile": {"column": "attribute_smile"}}'
    assert lost == (attributes, "the subsets even, odd, none")
    back = read_back(to, tmp_path, spotted)
    assert_same(back, spotted)
    assert back.groups.tolist() == spotted.groups.tolist()


def test_attributes_in_a_table_come_back_with_the_option_that_is_told(spotted, tmp_path):
    """Of a face without landmarks, and with names that columns and cells may have for other reasons."""
    landmarks = spotted.landmarks.copy()
    landmarks[2] = np.nan
    attributes = {"id": [0, 1, -1, 2, 0, 1], "x0": [-1, 30, 0, 7, 100_000, 5], "smile": [1, 0, 1, 0, -1, 0]}
    types = {"id": Attribute(("nan", "0", 'a, "b"'), mirrored=True), "smile": Attribute(("no", "yes"), ordered=True)}
    faces = replace(spotted, landmarks=landmarks, visible=None, attributes=attributes, attribute_types=types)
    lost = convert(faces, "csv", tmp_path)
    option = next(line for line in lost if line.startswith("which columns")).partition("attributes=")[2]
    back = READERS["csv"](scheme="mtfl-5", attributes=json.loads(option)).load(tmp_path, "test")
    assert back.ids.tolist() == faces.ids.tolist() and np.isnan(back.landmarks[2]).all()
    assert {name: codes.tolist() for name, codes in back.attributes.items()} == attributes
    assert back.attribute_types == types and not any("without any point" in line for line in lost)


@pytest.mark.parametrize("to", WHOLE)
@pytest.mark.parametrize("split", ["train", "val", "test", "folds"])
def test_the_file_is_named_after_the_split(tmp_path, to, split):
    convert(replace(toy_faces(2), split_name=split), to, tmp_path)
    asked = split if split != "folds" else "train"
    assert READERS[to]().load(tmp_path, asked).split_name == asked


def test_pts_says_what_it_loses_and_refuses_a_missing_point(spotted, tmp_path):
    with pytest.raises(
        DataError, match=r"face 'b/Zoë 1' has no point 3, and \.pts has no place for .*; convert to csv"
    ):
        convert(spotted, "pts", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    whole = spotted[[0, 2, 5]]
    assert convert(whole, "pts", tmp_path / "out") == (
        "the occlusion of 6 points",
        "the boxes of 3 faces: read back as the tight boxes of their points",
        "the 3 groups (persons, clips or photos)",
        "the attributes smile",
        "the subsets even, odd, none",
    )
    assert_same(read_back("pts", tmp_path / "out", whole), whole, boxes=False, visible=False)
    first = (tmp_path / "out/a.pts").read_text().splitlines()
    x, y = whole.landmarks[0, 0]
    assert first[:4] == ["version: 1", "n_points: 5", "{", f"{x + 1:.6f} {y + 1:.6f}"] and first[-1] == "}"


def test_a_face_without_any_point_is_named_as_lost(spotted, tmp_path):
    landmarks = spotted.landmarks.copy()
    landmarks[2] = np.nan
    faces = replace(spotted, landmarks=landmarks, visible=None, attributes={})
    for to in WHOLE:
        lost = convert(faces, to, tmp_path / to)
        assert lost[0] == "1 faces without any point (b/c.d): written, but left out by the reader"
        assert "b/c.d" not in READERS[to]().load(tmp_path / to, "all").ids


@pytest.mark.parametrize("to", WHOLE)
def test_a_point_that_no_face_has_and_a_scheme_of_its_own_survive(tmp_path, to):
    """73 points, the last and one more never annotated."""
    scheme = get_scheme("imm-frontal-73")
    landmarks = np.stack([scheme.template * 40 + (3.5, 2.25), scheme.template * 41.7])
    boxes = tight_box(landmarks)
    landmarks[:, [7, 72]] = np.nan
    images = ImageArrays([np.full((50, 50, 3), k, np.uint8) for k in (10, 200)])
    faces = FaceSet(np.array(["01_01", "02_01"]), images, boxes, landmarks, scheme.name, groups=np.array(["01", "02"]))
    assert convert(faces, to, tmp_path) == ()
    back = read_back(to, tmp_path, faces)
    assert_same(back, faces)
    assert back.groups.tolist() == ["01", "02"]


def test_files_are_copied_and_other_images_become_png(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (48, 40, 3), np.uint8)
    sources = []
    for i, ending in enumerate((".jpg", ".png", ".bmp", ".webp")):
        # the name does not say what is in the file
        path = tmp_path / f"{i}.jpg"
        path.write_bytes(cv2.imencode(ending, pixels)[1].tobytes())
        sources.append(path)
    faces = replace(toy_faces(4), images=ImageFiles(sources)[[0, 1, 2, 3]])
    convert(faces, "csv", tmp_path / "out")
    for i, ending in enumerate((".jpg", ".png", ".bmp")):
        assert (tmp_path / f"out/test{i}{ending}").read_bytes() == sources[i].read_bytes()
    assert_same(read_back("csv", tmp_path / "out", faces), faces)
    assert (tmp_path / "out/test3.png").exists()


def test_dlib_reads_what_is_written_for_it(spotted, tmp_path):
    convert(spotted, "dlib-xml", tmp_path)
    images = dlib.image_dataset_metadata.load_image_dataset_metadata(str(tmp_path / "test.xml")).images
    assert [image.filename for image in images] == [f"{one}.png" for one in spotted.ids]
    for i, image in enumerate(images):
        (box,) = image.boxes
        sides = [box.rect.left(), box.rect.top(), box.rect.right(), box.rect.bottom()]
        assert np.abs(sides - spotted.boxes[i]).max() <= 0.5
        annotated = np.flatnonzero(np.isfinite(spotted.landmarks[i]).all(axis=1))
        assert sorted(box.parts) == [f"{k:02d}" for k in annotated]
        found = np.array([[box.parts[f"{k:02d}"].x, box.parts[f"{k:02d}"].y] for k in annotated])
        assert np.abs(found - spotted.landmarks[i, annotated]).max() <= 0.5


def test_dlib_refuses_numbers_that_are_not_whole(tmp_path):
    """The reason for the attribute `exact`."""
    convert(toy_faces(2), "dlib-xml", tmp_path)
    path = tmp_path / "test.xml"
    path.write_text(path.read_text().replace("x='", "x='0.5", 1))
    with pytest.raises(RuntimeError, match="string cast error"):
        dlib.image_dataset_metadata.load_image_dataset_metadata(str(path))


def test_coco_has_the_fields_that_its_tools_ask_for(spotted, tmp_path):
    convert(spotted, "coco", tmp_path)
    content = json.loads((tmp_path / "test.json").read_text(encoding="utf-8"))
    assert content["images"][1] == {"id": 2, "file_name": "b/Zoë 1.png", "width": 40, "height": 48}
    row, (category,) = content["annotations"][1], content["categories"]
    x0, y0, x1, y1 = spotted.boxes[1]
    assert row["bbox"] == pytest.approx([x0, y0, x1 - x0, y1 - y0]) and row["area"] == pytest.approx(
        (x1 - x0) * (y1 - y0)
    )
    assert (row["image_id"], row["category_id"], row["iscrowd"], row["num_keypoints"]) == (2, category["id"], 0, 4)
    assert row["keypoints"][9:12] == [0, 0, 0]
    assert [one["keypoints"][8] for one in content["annotations"]] == [1, 2, 2, 2, 0, 1]
    assert len(set(category["keypoints"])) == 5 and category["keypoints"][0] == "left_eye_0"
    assert all(1 <= point <= 5 for edge in category["skeleton"] for point in edge)


def test_csv_columns_appear_where_they_say_something(spotted, tmp_path):
    convert(toy_faces(2), "csv", tmp_path / "plain")
    convert(spotted, "csv", tmp_path / "full")
    plain, full = (
        list(csv.reader((tmp_path / one / "test.csv").read_text(encoding="utf-8").splitlines()))
        for one in ("plain", "full")
    )
    points = ["x0", "y0", "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"]
    assert plain[0] == ["path", "box_x0", "box_y0", "box_x1", "box_y1", *points]
    assert full[0] == [*plain[0], *(f"visible{i}" for i in range(5)), "group", "attribute_smile"]
    assert full[2][5 + 6 : 5 + 8] == ["", ""]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"is not empty; nothing is overwritten: give a new folder, or empty this one"):
        convert(toy_faces(2), "csv", tmp_path)
    with pytest.raises(StoreError, match=r"notes\.txt is a file; nothing is overwritten: give a new folder"):
        convert(toy_faces(2), "csv", tmp_path / "notes.txt")
    with pytest.raises(StoreError, match=r"out: cannot be written \(Not a directory\); choose another place"):
        convert(toy_faces(2), "csv", tmp_path / "notes.txt/out")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_what_cannot_be_converted_leaves_nothing_behind(tmp_path):
    faces, out = toy_faces(3), tmp_path / "out"
    with pytest.raises(UnknownNameError, match="no format named 'dlib' to convert to; did you mean 'dlib-xml'"):
        convert(faces, "dlib", out)
    with pytest.raises(DataError, match="toy-test: no face to convert"):
        convert(faces[:0], "csv", out)
    for bad in ("../a", "/a", "a//b", "a/", "", ".a", "a\\b", "a\nb", "\ud800"):
        with pytest.raises(DataError, match=r"toy-test: the id is '.*'; must be names with / .* the name of a file"):
            convert(replace(faces, ids=np.array(["x", "y", bad])), "csv", out)
    with pytest.raises(DataError, match=r"toy-test: the group is 'a\\x07'; must be a name that a text file can hold"):
        convert(replace(faces, groups=np.array(["x", "y", "a\a"])), "csv", out)
    with pytest.raises(DataError, match=r"face 'test0': the box is \[0.0, 0.0, 0.0, 0.0\]"):
        convert(faces.with_boxes(np.zeros((3, 4))), "coco", out)
    with pytest.raises(DataError, match="no photos here"):
        convert(replace(faces, images=NoImages(3, "no photos here")), "csv", out)
    gone = replace(faces, images=ImageFiles([tmp_path / "gone.jpg"] * 3))
    with pytest.raises(DataError, match=r"gone\.jpg: cannot be read \(No such file or directory\); restore the image"):
        convert(gone, "csv", out)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_in_an_empty_folder_is_an_error_and_leaves_it_empty(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "out").mkdir()
    monkeypatch.setattr("fldbench.curate.convert.Path.write_bytes", full)
    with pytest.raises(StoreError, match=r"out: cannot be written \(No space left on device\); choose another place"):
        convert(toy_faces(3), "csv", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"] and not list((tmp_path / "out").iterdir())


def test_progress_counts_the_faces(tmp_path):
    seen = []
    convert(toy_faces(3), "csv", tmp_path, lambda what, done, total: seen.append((what, done, total)))
    assert seen == [("", 1, 3), ("", 2, 3), ("", 3, 3)]


@cache
def ibug300w(root, split):
    return IBug300W().load(root, split)


@pytest.mark.parametrize("to", READERS)
def test_real_faces_come_back(data_root, tmp_path, to):
    for faces in (ibug300w(data_root, "train")[::100], ibug300w(data_root, "test")[::40]):
        lost = convert(faces, to, tmp_path / "out")
        back = read_back(to, tmp_path / "out", faces)
        assert_same(back, faces)
        sources = [faces.images.encoded(i) for i in range(len(faces))]
        assert [back.images.encoded(i) for i in range(len(faces))] == sources
        if to == "pts":
            assert lost[0].endswith("groups (persons, clips or photos)")
        else:
            assert back.groups.tolist() == faces.groups.tolist()
        shutil.rmtree(tmp_path / "out")


def test_real_imglab_faces_come_back_whole(data_root, tmp_path):
    faces = DlibXML().load(data_root / "dlib_faces", "train")
    assert convert(faces, "dlib-xml", tmp_path) == ()
    back = read_back("dlib-xml", tmp_path, faces)
    assert np.array_equal(back.boxes, faces.boxes) and np.array_equal(back.landmarks, faces.landmarks)
    assert back.fingerprint == faces.fingerprint and back.groups.tolist() == faces.groups.tolist()
    assert "exact" not in (tmp_path / "train.xml").read_text()
