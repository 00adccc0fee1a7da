"""COCO-WholeBody's face points and plain COCO keypoints: the official fields, and what is refused."""

import json

import cv2
import numpy as np
import pytest

from fldbench.datasets.yours.coco_face import CocoFace
from fldbench.errors import DataError

RNG = np.random.default_rng(0)
FACE = RNG.uniform(5, 55, (68, 2)).round(2)


def write_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".jpg", np.full((60, 70, 3), 90, np.uint8))[1].tobytes())


def flat(points, v):
    """Return x, y, v, x, y, v, ... with v one number, or one for each point."""
    flags = np.broadcast_to(v, len(points)).tolist()
    return [value for (x, y), flag in zip(points.tolist(), flags, strict=True) for value in (x, y, flag)]


def person(number, image, face=FACE, box=(4.0, 5.0, 52.0, 51.5), valid=True, v=1.0):
    """An annotation as in coco_wholebody_val_v1.0.json; an invalid face is all zeros there."""
    return {
        "segmentation": [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]],
        **{"num_keypoints": 3, "area": 2000.5, "iscrowd": 0, "keypoints": [10, 10, 2] * 3 + [0, 0, 0] * 14},
        **{"image_id": image, "bbox": [1.0, 1.0, 60.0, 58.0], "category_id": 1, "id": number},
        "face_box": list(box) if valid else [0.0] * 4,
        "face_kpts": flat(face, v) if valid else [0.0] * 204,
        **{"lefthand_kpts": [0.0] * 63, "face_valid": valid, "lefthand_valid": False},
    }


def coco(annotations, names=None, **more):
    images = [
        {"id": i, "file_name": name, "width": 70, "height": 60} for i, name in (names or {7: "000007.jpg"}).items()
    ]
    return {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": [], **more}


@pytest.fixture
def folder(tmp_path):
    write_image(tmp_path / "000007.jpg")
    return tmp_path


def load(root, content=None, split="all", **options):
    if content is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        (root / "coco_wholebody_val_v1.0.json").write_text(text, encoding="utf-8")
    return CocoFace(**options).load(root, split)


def test_whole_body_faces(folder):
    write_image(folder / "Zoë 2.jpg")
    v = np.where(np.arange(68) < 3, 0.0, 0.35)  # floats mean reliable, not hidden
    people = [person(31, 7), person(32, 7, valid=False), person(33, 7, FACE + 1), person(34, "b", FACE, v=v)]
    faces = load(folder, coco(people, {7: "000007.jpg", "b": "Zoë 2.jpg"}), "val")
    assert faces.ids.tolist() == ["000007#0", "000007#2", "Zoë 2"] and faces.groups.tolist()[:2] == ["000007"] * 2
    assert faces.scheme == "ibug-68" and faces.boxes[0].tolist() == [4, 5, 56, 56.5]
    assert np.array_equal(faces.landmarks[1], FACE + 1) and faces.visible[:2].all()
    assert np.isnan(faces.landmarks[2]).all(axis=1).sum() == 3 and faces.visible[2].sum() == 65
    assert faces.images[2].shape == (60, 70, 3) and faces.parts == {"faces with landmarks": (3, 3)}


def test_plain_keypoints_have_visibility(folder):
    points = np.array([[10.0, 10], [30, 10], [20, 20], [12, 30], [28, 30]])
    row = {"id": 1, "image_id": 7, "category_id": 1, "keypoints": flat(points, [2, 1, 0, 2, 2])}
    faces = load(folder, coco([row, {"id": 2, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]}]))
    assert faces.ids.tolist() == ["000007"] and faces.scheme == "mtfl-5"
    assert faces.visible[0].tolist() == [True, False, False, True, True]
    assert np.isnan(faces.landmarks[0, 2]).all() and faces.landmarks[0, 1].tolist() == [30, 10]
    assert faces.boxes[0].tolist() == [10, 10, 30, 30]  # without a bbox: tight around what is annotated
    row["bbox"] = [8, 9, 25, 24.5]
    assert load(folder, coco([row])).boxes[0].tolist() == [8, 9, 33, 33.5]


def test_the_category_may_name_the_scheme(folder):
    row = {"id": 1, "image_id": 7, "category_id": 1, "keypoints": flat(FACE, 2)}
    category = {"id": 1, "name": "face", "keypoints": [str(i) for i in range(68)], "scheme": "ibug-68"}
    assert load(folder, coco([row], categories=[category])).scheme == "ibug-68"
    with pytest.raises(DataError, match=r"no scheme named 'ibug68'; did you mean 'ibug-68'"):
        load(folder, coco([row], categories=[category | {"scheme": "ibug68"}]))
    with pytest.raises(DataError, match=r"68 points per face; wflw-98 has 98"):
        load(folder, coco([row]), scheme="wflw-98")


def test_images_are_found_where_coco_has_them(tmp_path):
    annotations, images = tmp_path / "annotations", tmp_path / "val2017"
    annotations.mkdir()
    write_image(images / "000007.jpg")
    assert len(load(annotations, coco([person(1, 7)]), "val")) == 1
    images.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"annotations\[0\]: no image '000007\.jpg' below .*annotations"):
        load(annotations)
    assert len(load(annotations, images="../elsewhere")) == 1


def change(**fields):
    return coco([person(1, 7) | fields])


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", r"v1\.0\.json, line 1: the file is empty"),
        (json.dumps(change(), indent=1)[:-100], r"v1\.0\.json, line \d\d+: not JSON \("),
        ('{\n"images": [],\n"annotations": [1;2]}', r"line 3: not JSON \(Expecting ',' delimiter\)"),
        (
            "[1, 2]",
            r"coco_wholebody_val_v1\.0\.json: not a COCO file: the outermost value must be an object with images",
        ),
        ("[" * 100_000, r"json.*not JSON"),
        ('{"images": ' + "9" * 5000 + "}", r"json: not JSON of a COCO file \(Exceeds the limit"),
        ({"images": []}, r"not a COCO file: 'annotations' must be a list of objects"),
        ({"images": {}, "annotations": []}, r"not a COCO file: 'images' must be a list of objects"),
        (coco([]), r"no annotation with face_kpts or keypoints"),
        (coco([person(1, 7, valid=False)]), r"no face with landmarks in it \(1 without\)"),
        (coco([person(1, 8)]), r"annotations\[0\]: no file_name for its image_id 8 in `images`"),
        (
            change(image_id=[7]),
            r"coco_wholebody_val_v1\.0\.json: annotations\[0\]: image_id is \[7\]; must be a number or a string",
        ),
        (coco([person(1, 7)], {7: "gone.jpg"}), r"annotations\[0\]: no image 'gone\.jpg' below "),
        (
            change(face_kpts=[1.0] * 203),
            r"coco_wholebody_val_v1\.0\.json: annotations\[0\]: the number of numbers in face_kpts is 203; must be",
        ),
        (
            coco([person(1, 7), person(2, 7, FACE[:5])]),
            r"coco_wholebody_val_v1\.0\.json: annotations\[1\]: the number of numbers in face_kpts is 15; must be ",
        ),
        (
            change(face_kpts=[1.0, "2", 1.0]),
            r"coco_wholebody_val_v1\.0\.json: annotations\[0\]: face_kpts must be a list of numbers",
        ),
        (
            change(face_kpts=None),
            r"coco_wholebody_val_v1\.0\.json: annotations\[0\]: face_kpts must be a list of numbers",
        ),
        (
            change(face_kpts=[]),
            r"coco_wholebody_val_v1\.0\.json: annotations\[0\]: the number of numbers in face_kpts is 0; must be t",
        ),
        (change(face_kpts=[float("nan")] * 204), r"annotations\[0\]: face_kpts has a number outside of any"),
        (change(face_kpts=[10**400] * 204), r"annotations\[0\]: face_kpts has a number outside of any image"),
        (
            change(face_box=[1, 2, 3]),
            r"coco_wholebody_val_v1\.0\.json: annotations\[0\]: the number of numbers in face_box is 3; must be 4:",
        ),
        (
            change(face_box=[1, 2, 0, 3]),
            r"coco_wholebody_val_v1\.0\.json: annotations\[0\]: the box is \[1\.0, 2\.0, 1\.0, 5\.0\]; must be",
        ),
        (change(face_kpts=[1.0] * 9), r"json: 3 points per face; ibug-68 has 68"),
    ],
)
def test_a_broken_file_names_its_place(folder, content, error):
    with pytest.raises(DataError, match=error) as raised:
        load(folder, content)
    assert raised.value.file.endswith("coco_wholebody_val_v1.0.json")


def test_bytes_that_are_not_utf8_name_their_line(folder):
    (folder / "a.json").write_bytes(json.dumps(change(), indent=1).encode().replace(b"000007", b"0\xff"))
    with pytest.raises(DataError, match=r"a\.json, line 7: not UTF-8 text \(byte 0xff\)"):
        load(folder)
