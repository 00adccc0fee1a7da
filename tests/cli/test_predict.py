"""`fldbench predict` as a user types it."""

import warnings

import cv2
import numpy as np
import pytest
from toy_attributes import Heads, Moody, moody_faces
from toys import Noisy, toy_faces, toy_protocol

from fldbench import load_dataset, make_method, registry
from fldbench.run.predict import predict_protocol
from fldbench.run.prediction_formats import read_answers


@pytest.fixture
def model(toy, tmp_path):
    return Noisy().fit(toy_faces(12, 1)).save(tmp_path / "model.safetensors")


def test_predict_writes_a_file_and_a_sheet(call, model, tmp_path):
    out, sheet = tmp_path / "a.csv", tmp_path / "a.png"
    status, text, err = call("predict", model, "--protocol", "toy-test", "-o", out, "--sheet", sheet, "--faces", 3)
    assert status == 0, err
    assert text.splitlines() == ["8 faces of toy-test, 0 missed; attributes: none", str(out), str(sheet)]
    assert len(read_answers(out, 5, "toy").ids) == 8
    assert cv2.imread(str(sheet)).shape[1] == 3 * 160
    status, _, _ = call("predict", model, "--protocol", "toy-test", "--sheet", tmp_path / "b.png", "--worst")
    assert status == 0 and cv2.imread(str(tmp_path / "b.png")).shape[1] == 8 * 160


def test_predict_answers_attributes(call, tmp_path):
    registry.register_dataset("moody", Moody)
    registry.register_method("heads", Heads)
    registry.register("protocol", "moody-test", toy_protocol("moody-test", dataset="moody"))
    heads = Heads().fit(moody_faces(12, 1, "train"))
    path, out, sheet = heads.save(tmp_path / "heads.safetensors"), tmp_path / "a.json", tmp_path / "a.png"
    status, text, err = call(
        "predict", path, "--protocol", "moody-test", "-o", out, "--sheet", sheet, "--faces", 3, "--seed", 5
    )
    assert status == 0, err
    attributes = "mood (sad, glad), pose (left, frontal, right)"
    assert text.splitlines()[0] == f"8 faces of moody-test, 0 missed; attributes: {attributes}"
    assert '"mood": {' in out.read_text() and '"frontal": ' in out.read_text()
    expected = predict_protocol(heads, "moody-test").sheet(3, random_state=5)
    assert np.array_equal(cv2.imread(str(sheet))[..., ::-1], expected)


class Warns(Noisy):
    """Says something whenever it predicts."""

    def predict(self, images, boxes):
        warnings.warn("the boxes are strange", stacklevel=2)
        return super().predict(images, boxes)


def test_warnings_of_a_method_are_lines_for_the_user(call, toy, tmp_path):
    registry.register_method("warns", Warns)
    path = Warns().fit(toy_faces(12, 1)).save(tmp_path / "warns.safetensors")
    status, _, err = call("predict", path, "--protocol", "toy-test", "-o", tmp_path / "a.csv")
    assert status == 0 and err.count("the boxes are strange") == err.count("fldbench: the boxes are strange") == 1


def test_predict_says_what_it_needs(call, model, tmp_path):
    status, _, err = call("predict", model, "--protocol", "toy-test")
    assert status == 2 and "predict: nothing to write; give -o FILE, --sheet FILE, or both" in err
    status, _, err = call("predict", model, "--protocol", "toy-test", "-o", tmp_path / "a.xls")
    assert status == 2 and "a.xls: the ending is '.xls'; must be .csv, .json, .npz" in err
    status, _, err = call("predict", tmp_path / "no", "--protocol", "toy-test", "-o", tmp_path / "a.csv")
    assert status == 2 and "no" in err


def test_a_sheet_names_the_licence_of_its_faces(call, tmp_path):
    model = make_method("mean-shape").fit(load_dataset("synthetic", split="train", faces=20)).save(tmp_path / "m")
    sheet = tmp_path / "a.png"
    status, _, err = call("predict", model, "--protocol", "synthetic-test@first=4", "--sheet", sheet, "--faces", 2)
    assert status == 0 and "a.png shows faces of synthetic; licence: made by fldbench; BSD-3-Clause" in err
