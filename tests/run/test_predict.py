"""What a model answers for a protocol: the arrays, the files to every digit, and the faces of the sheet."""

import json

import numpy as np
import pytest
from toy_attributes import Heads, Moody, moody_faces
from toys import GivesUp, Noisy, toy_faces, toy_protocol

from fldbench import evaluate_file, get_protocol, load_dataset, registry
from fldbench.attribute_metrics import Answered
from fldbench.errors import DatasetNotFoundError, MethodError, PredictionsError, StoreError
from fldbench.media.sheet import answer_sheet
from fldbench.run.predict import Predicted, check_ending, predict_protocol, write_predictions
from fldbench.run.prediction_formats import read_answers


def test_the_answers_are_those_of_the_model_on_the_boxes_of_the_protocol(toy):
    faces = get_protocol("toy-jittered").select(load_dataset("toy", split="test"))
    darkest = np.median([image.mean() / 255 for image in faces.images])
    model = Heads(darkest=darkest).fit(moody_faces(12, 1))
    found = predict_protocol(model, "toy-jittered")
    assert np.array_equal(found.faces.boxes, faces.boxes) and found.faces.ids.tolist() == faces.ids.tolist()
    assert np.array_equal(found.landmarks, model.predict(list(faces.images), faces.boxes))
    expected = model.predict_attributes(list(faces.images), faces.boxes)
    assert {name: one.classes for name, one in found.attributes.items()} == {
        "mood": ("sad", "glad"),
        "pose": ("left", "frontal", "right"),
    }
    for name, answer in found.attributes.items():
        assert np.allclose(answer.probabilities, expected[name], equal_nan=True, atol=1e-7)
        assert 0 < np.isnan(answer.probabilities).all(axis=1).sum() < len(faces)
    eyes = np.linalg.norm(faces.landmarks[:, 0] - faces.landmarks[:, 1], axis=1)
    errors = np.linalg.norm(found.landmarks - faces.landmarks, axis=2).mean(axis=1) / eyes
    assert np.allclose(found.errors, errors) and found.notes == ()


def test_faces_that_the_model_was_trained_on_are_noted(toy):
    (note,) = predict_protocol(Noisy().fit(toy_faces(8, 2)), "toy-even").notes
    assert note == (
        "toy-even has faces that the model was trained on (toy-test: these are its faces): its errors there are no test"
    )
    assert predict_protocol(Noisy().fit(toy_faces(12, 1, split="train")), "toy-even").notes == ()


def test_what_cannot_be_predicted(toy):
    model = Noisy().fit(toy_faces(12, 1))
    with pytest.raises(DatasetNotFoundError, match="0 of 3 faces of toy-none are there"):
        predict_protocol(model, "toy-none")
    with pytest.raises(MethodError, match="has not been fitted"):
        predict_protocol(Noisy(), "toy-test")
    with pytest.raises(MethodError, match="noisy model: the scheme that it was fitted on is 'mtfl-5'; must be ibug-68"):
        predict_protocol(model, "synthetic-test")


def answers():
    faces = toy_faces(3)
    points = faces.landmarks / 3
    points[1] = np.nan
    moods = np.array([[0.1, 0.2, 0.7], [np.nan] * 3, [1.0, 0.0, 0.0]], np.float32)
    return faces, points, {"mood": Answered(("glad", "sad", "so, so"), moods)}


def test_csv_has_a_column_for_each_point_and_class(tmp_path):
    faces, points, attributes = answers()
    lines = write_predictions(tmp_path / "a.csv", faces, points, attributes).read_text().splitlines()
    assert lines[0] == 'id,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4,mood:glad,mood:sad,"mood:so, so"'
    assert lines[2] == "test1" + "," * 13
    cells = lines[1].split(",")
    assert cells[0] == "test0" and [float(cell) for cell in cells[1:11]] == points[0].reshape(-1).tolist()
    assert [np.float32(cell) for cell in cells[11:]] == attributes["mood"].probabilities[0].tolist()
    assert write_predictions(tmp_path / "b.csv", faces, points).read_text().splitlines()[0].endswith("x4,y4")


def test_json_has_an_object_for_each_attribute(tmp_path):
    faces, points, attributes = answers()
    found = json.loads(write_predictions(tmp_path / "a.json", faces, points, attributes).read_text())
    assert found["test1"] == {"landmarks": None, "attributes": {"mood": None}}
    assert found["test0"]["landmarks"] == points[0].tolist()
    assert found["test2"]["attributes"] == {"mood": {"glad": 1.0, "sad": 0.0, "so, so": 0.0}}
    plain = json.loads(write_predictions(tmp_path / "b.json", faces, points).read_text())
    assert plain == {"test0": points[0].tolist(), "test1": None, "test2": points[2].tolist()}


def test_npz_has_arrays(tmp_path):
    faces, points, attributes = answers()
    path = write_predictions(tmp_path / "a.npz", faces.with_boxes(faces.boxes, "tight"), points, attributes)
    with np.load(path) as found:
        assert np.array_equal(found["predictions"], points, equal_nan=True) and found["boxes"] == "tight"
        assert np.array_equal(found["probabilities:mood"], attributes["mood"].probabilities, equal_nan=True)
        assert found["classes:mood"].tolist() == ["glad", "sad", "so, so"]


@pytest.mark.parametrize("ending", ["csv", "json", "npz"])
@pytest.mark.parametrize("kind", [Heads, GivesUp])
def test_evaluate_reads_every_digit_back(toy, tmp_path, kind, ending):
    registry.register_dataset("moody", Moody)
    registry.register("protocol", "moody-test", toy_protocol("moody-test", dataset="moody"))
    model = kind(noise=0.1).fit(moody_faces(12, 1, "train"))
    model.darkest = np.median([image.mean() / 255 for image in moody_faces(8, 2).images])
    found = predict_protocol(model, "moody-test")
    path = write_predictions(tmp_path / f"a.{ending}", found.faces, found.landmarks, found.attributes)
    ids, points, boxes, attributes = read_answers(path, 5, "moody", wanted=("mood", "pose"))
    assert ids == found.faces.ids.tolist() and np.array_equal(points, found.landmarks, equal_nan=True)
    assert boxes == ("tight" if ending == "npz" else "")
    assert np.isnan(found.errors).any() == (kind is GivesUp)
    assert list(attributes) == list(found.attributes) == (["mood", "pose"] if kind is Heads else [])
    for name, answer in found.attributes.items():
        assert attributes[name].classes == answer.classes and attributes[name].probabilities.dtype == np.float32
        assert np.array_equal(attributes[name].probabilities, answer.probabilities, equal_nan=True)
        assert 0 < np.isnan(answer.probabilities[:, 0]).sum() < 8
    score = get_protocol("moody-test").score(found.landmarks, found.faces, found.attributes)
    assert evaluate_file(path, "moody-test").score.metrics == score.metrics
    assert ("accuracy:pose" in score.metrics) == (kind is Heads)


def test_files_that_cannot_be_written(tmp_path):
    faces, points, attributes = answers()
    with pytest.raises(PredictionsError, match=r"a\.txt: the ending is '\.txt'; must be \.csv, \.json, \.npz"):
        check_ending(tmp_path / "a.txt")
    with pytest.raises(PredictionsError, match="the ending is ''"):
        write_predictions(tmp_path / "a", faces, points, attributes)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_predictions(tmp_path / "file" / "a.npz", faces, points, attributes)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_the_sheet_shows_the_worst_faces_or_a_choice_by_seed():
    faces = toy_faces(5)
    errors = np.array([0.1, 0.3, np.nan, 0.3, 0.2])
    moods = np.random.default_rng(0).dirichlet([1, 1], 5)
    found = Predicted(faces, faces.landmarks + 1, {"mood": Answered(("glad", "sad"), moods)}, errors, ())

    def sheet(rows):
        own = {"mood": moods[rows]}
        return answer_sheet(faces[rows], faces.landmarks[rows] + 1, own, {"mood": ("glad", "sad")}, errors[rows])

    assert np.array_equal(found.sheet(4, worst=True), sheet([2, 1, 3, 4]))
    chosen = np.sort(np.random.default_rng(7).choice(5, 3, replace=False))
    assert np.array_equal(found.sheet(3, random_state=7), sheet(chosen))
    assert np.array_equal(found.sheet(), sheet(range(5))) and np.array_equal(found.sheet(0, True), sheet([2]))
