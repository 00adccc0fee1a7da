"""`fldbench train`: the boxes that a model is fitted on, and what it then says."""

import json
import warnings

import cv2
import numpy as np
import pytest

import fldbench

POINTS = np.array([[12, 13], [28, 14], [20, 22], [14, 30], [26, 31]])  # px
BOX = np.array([2, 4, 41, 43])  # x0, y0, x1, y1: a square around them, as a detector gives it


@pytest.fixture
def folder(tmp_path):
    """An imglab file of 10 faces, each with its own box and moved by a few pixels."""
    rows = []
    for i in range(10):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((60, 70, 3), 20 * i, np.uint8))
        parts = "".join(f"<part name='{k}' x='{x + i}' y='{y}'/>" for k, (x, y) in enumerate(POINTS))
        place = f"<box top='{BOX[1]}' left='{BOX[0] + i}' width='{40 + i}' height='{40 + i}'>"
        rows.append(f"<image file='{i}.png'>{place}{parts}</box></image>")
    (tmp_path / "train.xml").write_text(f"<dataset><images>{''.join(rows)}</images></dataset>")
    return tmp_path


def train(call, folder, *more):
    one = ("train", "mean-shape", "--dataset", "dlib-xml", "--data", folder, "--option", "scheme=mtfl-5")
    status, _, err = call(*one, "-o", folder / "m", *more)
    return status, err, fldbench.load_method(folder / "m") if status == 0 else None


def test_the_boxes_of_the_file_are_used_and_said(call, folder):
    status, err, model = train(call, folder, "--faces", 1)
    assert status == 0 and "fitting on 1 faces of dlib-xml-train (mtfl-5), official boxes" in err
    assert np.allclose(model.mean_shape_, (POINTS - BOX[:2]) / (BOX[2:] - BOX[:2]))
    assert (model.fitted_on.boxes, model.fitted_on.dataset, model.fitted_on.faces) == ("official", "dlib-xml", 1)


def test_other_boxes_are_asked_for(call, folder):
    tight = POINTS.min(axis=0), np.ptp(POINTS, axis=0)
    status, err, model = train(call, folder, "--boxes", "tight")
    assert status == 0 and "tight boxes" in err and model.fitted_on.boxes == "tight"
    assert np.allclose(model.mean_shape_, (POINTS - tight[0]) / tight[1])
    status, err, model = train(call, folder, "--boxes", "jittered:.1")
    assert status == 0 and "jittered:0.10 boxes" in err and model.fitted_on.boxes == "jittered:0.10"
    status, err, _ = train(call, folder, "--boxes", "square")
    assert status == 2 and "boxes is 'square'; must be tight, official, detected:NAME, or jittered:S" in err


def test_a_model_of_tight_boxes_warns_of_the_file_s_own(call, folder):
    faces = fldbench.load_dataset("dlib-xml", folder, "train", scheme="mtfl-5")
    with pytest.warns(UserWarning, match="fitted on 10 faces of dlib-xml-train .* tight boxes.* fit it on boxes like"):
        train(call, folder, "--boxes", "tight")[2].predict(faces.images, faces.boxes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(call, folder)[2].predict(faces.images, faces.boxes)


def test_a_dataset_without_boxes_of_its_own(call, tmp_path):
    one = ("train", "mean-shape", "--dataset", "synthetic", "--option", "faces=3", "-o", tmp_path / "m")
    status, _, err = call(*one)
    assert status == 0 and "fitting on 3 faces of synthetic-train (ibug-68), tight boxes" in err
    status, _, err = call(*one, "--boxes", "official")
    assert status == 2
    assert err == (
        "fldbench: synthetic-train: --boxes is 'official'; must be tight or jittered:S; it has no boxes of its own\n"
    )


def test_faces_without_a_box_of_their_own_are_counted(call, folder):
    coco = {
        "images": [{"id": i, "file_name": f"{i}.png"} for i in range(2)],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "keypoints": [v for x, y in POINTS.tolist() for v in (x, y, 2)],
                "num_keypoints": 5,
            }
            | ({"bbox": [2, 4, 39, 39]} if i else {})
            for i in range(2)
        ],
    }
    (folder / "train.json").write_text(json.dumps(coco))
    one = ("train", "mean-shape", "--dataset", "coco-face", "--data", folder, "--option", "scheme=mtfl-5")
    status, _, err = call(*one, "-o", folder / "m")
    assert status == 0 and "official boxes (faces with a box 1 of 2)" in err, err


def test_the_data_of_a_generic_format_are_a_folder_or_their_file_in_every_command(call, folder):
    for place in (folder, folder / "train.xml", f"dlib-xml={folder / 'train.xml'}"):
        status, out, err = call(
            "data", "info", "dlib-xml", "--data", place, "--split", "all", "--option", "scheme=mtfl-5"
        )
        assert status == 0 and "faces         10" in out, err
        given = ("--dataset", "dlib-xml", "--data", place, "--option", "scheme=mtfl-5", "-o", folder / "m.safetensors")
        status, _, err = call("train", "mean-shape", *given)
        assert status == 0, err
    status, _, err = call("data", "info", "300w", "--data", folder / "train.xml")
    assert status == 2 and "train.xml' is not a folder; give --data ROOT" in err
