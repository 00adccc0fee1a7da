"""Attributes in a run: answered once beside the landmarks, kept, counted, and the same with folds."""

import json

import numpy as np
import pytest
from toy_attributes import Heads, HeadsFall, Moody, OtherPoses, Shouts, moody_faces
from toys import TOY_TEST, TOY_TRAIN, toy_protocol

import fldbench
from fldbench import registry
from fldbench.attribute_metrics import Answered, AttributeFacts, measure_attribute
from fldbench.errors import MethodError
from fldbench.records.sealed import from_json, to_json
from fldbench.records.store import read_record
from fldbench.report.evidence import check_evidence
from fldbench.report.publish import publish
from fldbench.run.gathered import Gathered
from fldbench.run.timing import Prediction


@pytest.fixture
def moody(toy):
    registry.register_dataset("moody", Moody)
    registry.register_dataset("other-poses", OtherPoses)
    for name, method in {"heads": Heads, "heads-fall": HeadsFall, "shouts": Shouts}.items():
        registry.register_method(name, method)
    for name in ("moody", "other-poses"):
        registry.register("protocol", f"{name}-test", toy_protocol(f"{name}-test", dataset=name))
    registry.register("protocol", "moody-train", toy_protocol("moody-train", dataset="moody", split="train"))
    return toy | {"train": [{"dataset": "moody"}], "methods": ["heads"], "protocols": ["moody-test"]}


def kept(folder, record):
    with np.load(folder / "records" / record.key / "faces.npz") as arrays:
        return dict(arrays)


def test_the_numbers_are_those_of_answering_by_hand(moody, tmp_path):
    (record,) = fldbench.run_suite(moody, tmp_path)
    faces = moody_faces(TOY_TEST, 2)
    method = Heads().fit(moody_faces(TOY_TRAIN, 1, "train"))
    answers = method.predict_attributes(list(faces.images), faces.boxes)
    arrays = kept(tmp_path, record)
    for name in ("mood", "pose"):
        probabilities, codes = arrays[f"probabilities:{name}"], arrays[f"codes:{name}"]
        assert probabilities.dtype == np.float32 and probabilities == pytest.approx(answers[name], abs=1e-6)
        assert codes.dtype == np.int64 and codes.tolist() == faces.attributes[name].tolist()
        for metric in measure_attribute(name, codes, probabilities, name == "pose"):
            assert record.metrics[metric.key] == pytest.approx(metric.value)
    right = (answers["mood"].argmax(axis=1) == faces.attributes["mood"])[faces.attributes["mood"] >= 0]
    assert record.metrics["accuracy:mood"] == pytest.approx(100 * right.mean())
    assert "class_distance:pose" in record.metrics and "class_distance:mood" not in record.metrics
    assert record.attributes.measured["mood"].classes == ("sad", "glad")
    assert record.attributes.measured["mood"].known == len(right) == 6
    assert record.attributes.left_out == {}
    assert record.timings.ms_attributes >= 0


def test_the_landmarks_are_those_of_the_same_method_without_heads(moody, tmp_path):
    alone, both = fldbench.run_suite(moody | {"methods": ["noisy", "heads"]}, tmp_path)
    landmarks = [one for one in both.metrics.values_ if one.of is None]
    assert landmarks == list(alone.metrics.values_)
    assert alone.attributes == AttributeFacts() and alone.timings.ms_attributes is None
    arrays = kept(tmp_path, alone).keys()
    assert arrays >= {"ids", "predictions", "errors", "charged", "counts"}
    assert not any(name.startswith(("codes:", "probabilities:", "classes:")) for name in arrays)


def test_tasks_are_part_of_the_key(moody, tmp_path):
    fewer = {"name": "heads", "label": "mood alone", "params": {"tasks": ["landmarks", "mood"]}}
    all_of_them, mood = fldbench.run_suite(moody | {"methods": ["heads", fewer]}, tmp_path)
    assert all_of_them.key != mood.key and mood.attributes.measured.keys() == {"mood"}


def test_a_record_with_attributes_comes_back_as_it_was(moody, tmp_path):
    (record,) = fldbench.run_suite(moody, tmp_path)
    place = tmp_path / "records" / record.key
    again = read_record(place)
    assert again == record and not again.edited
    content = json.loads((place / "run.json").read_text())
    assert content["attributes"]["measured"]["pose"]["ordered"] is True
    content["attributes"]["measured"]["pose"]["confusion"][0][0] += 1
    assert from_json(content, place).edited == "its content does not fit its digest"


def test_records_of_before_have_no_attributes(moody, tmp_path):
    (record,) = fldbench.run_suite(moody | {"methods": ["noisy"]}, tmp_path)
    content = {key: value for key, value in to_json(record).items() if key not in ("attributes", "digest")}
    again = from_json(content, "here")
    assert again.attributes == AttributeFacts() and again.metrics == record.metrics


def test_every_face_is_answered_by_the_model_of_its_fold(moody, tmp_path):
    folds = moody | {"train": [{"dataset": "moody", "folds": 3}], "protocols": ["moody-train"]}
    (record,) = fldbench.run_suite(folds, tmp_path)
    faces = moody_faces(TOY_TRAIN, 1, "train")
    assert record.status == "ok" and record.train.folds == 3
    arrays = kept(tmp_path, record)
    assert arrays["codes:mood"].tolist() == faces.attributes["mood"].tolist()
    assert np.isfinite(arrays["probabilities:pose"]).all()
    assert record.attributes.measured["pose"].known == TOY_TRAIN
    assert len(record.method.models) == 3


def test_what_the_test_faces_lack_or_name_otherwise_is_left_out_and_said(moody, tmp_path):
    (record,) = fldbench.run_suite(moody | {"protocols": ["other-poses-test"]}, tmp_path)
    assert record.status == "ok" and record.attributes.measured == {}
    assert record.attributes.left_out == {
        "mood": "the test faces do not have it",
        "pose": "its classes are left, frontal, right; those of the test faces are west, ahead, east",
    }
    assert all(one.of is None for one in record.metrics.values_)


def test_faces_without_an_answer_are_counted(moody, tmp_path):
    dark = {"name": "heads", "params": {"darkest": 1.0}}
    (record,) = fldbench.run_suite(moody | {"methods": [dark]}, tmp_path)
    counts = record.attributes.measured["pose"]
    assert record.test.missed == 0 and sum(counts.missed) == counts.known == TOY_TEST
    assert record.metrics["accuracy:pose"] == 0 and record.metrics["ece:pose"] == 100


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("heads-fall", "the heads fell off"),
        ("shouts", "shouts: mood: the probabilities of face 0 is"),
    ],
)
def test_a_failure_of_the_heads_is_a_failed_row(moody, tmp_path, method, reason):
    failed, fine = fldbench.run_suite(moody | {"methods": [method, "heads"]}, tmp_path)
    assert failed.status == "failed" and failed.reason.startswith(reason)
    assert fine.status == "ok"


def test_numbers_of_attributes_follow_from_what_is_kept(moody, tmp_path):
    fldbench.run_suite(moody, tmp_path)
    assert [(one.wrong, one.checked) for one in check_evidence(tmp_path)] == [(False, True)]


def test_the_models_of_all_folds_answer_the_same_classes():

    found = Prediction(np.zeros((1, 5, 2)), {"mood": Answered(("sad", "glad"), np.ones((1, 2)))}, {})
    answers = Gathered()
    answers.add(["a"], found)
    other = found._replace(attributes={"mood": found.attributes["mood"]._replace(classes=("glad", "sad"))})
    with pytest.raises(
        MethodError, match=r"folds: the classes of mood is \('glad', 'sad'\); must be \('sad', 'glad'\)"
    ):
        answers.add(["b"], other)


def test_numbers_of_attributes_follow_from_a_publication(moody, tmp_path):
    fldbench.run_suite(moody, tmp_path / "out")
    publish([tmp_path / "out"], tmp_path / "p.zip")
    assert all(one.checked and not one.wrong for one in check_evidence(tmp_path / "p.zip"))
    board, own = fldbench.leaderboard(tmp_path / "p.zip"), fldbench.leaderboard(tmp_path / "out")
    assert board.attributes == own.attributes and own.attributes
    names = [column.name for column in own.columns if ":" in column.name and not column.name.endswith(("low", "high"))]
    assert names and board.to_csv(names) == own.to_csv(names)
