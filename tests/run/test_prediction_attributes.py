"""Attributes in prediction files: the same numbers from every format, by the names of the classes, and no nonsense."""

import json
from random import Random

import numpy as np
import pytest
from fuzz import MUTATIONS, mutate
from toy_attributes import TYPES, Heads, Moody, moody_faces
from toys import toy_protocol

import fldbench
from fldbench import registry
from fldbench.attribute_metrics import Answered
from fldbench.errors import PredictionsError
from fldbench.records.store import Store
from fldbench.report.evidence import check_evidence
from fldbench.run.prediction_files import evaluate_file, record_of
from fldbench.run.prediction_formats import read_answers

FACES = moody_faces(8, 2)
POINTS = FACES.landmarks + 1.0
MOOD = np.array([[0.25, 0.75], [0.5, 0.5], [1, 0], [0, 1], [0.125, 0.875], [0.75, 0.25], [0.375, 0.625], [0.9, 0.1]])
POSE = np.random.default_rng(0).dirichlet(np.ones(3), 8)
ANSWERS = {"mood": Answered(("sad", "glad"), MOOD), "pose": Answered(TYPES["pose"].classes, POSE)}
ALL = ("mood", "pose", "age")


@pytest.fixture(autouse=True)
def moody(toy):
    registry.register_dataset("moody", Moody)
    registry.register_method("heads", Heads)
    registry.register("protocol", "moody-test", toy_protocol("moody-test", dataset="moody"))


def columns(answers=ANSWERS):
    return {f"{name}:{one}": p[:, k] for name, (classes, p) in answers.items() for k, one in enumerate(classes)}


def as_csv(path, answers):
    """The columns of the attributes stand before those of the points, in the order given."""
    points = {f"{axis}{i}": POINTS[:, i, k] for i in range(5) for k, axis in enumerate("xy")}
    table = answers | points
    lines = [["id", *table], *([face, *map(repr, row)] for face, *row in zip(FACES.ids, *(
        [float(v) for v in column] for column in table.values()), strict=True))]  # fmt: skip
    path.write_text("\n".join(",".join(line) for line in lines).replace("nan", ""))
    return path


def as_json(path, answers):
    content = {}
    for row, face in enumerate(FACES.ids.tolist()):
        own = {name: dict(zip(a.classes, a.probabilities[row].tolist(), strict=True)) for name, a in answers.items()}
        content[face] = {"landmarks": POINTS[row].tolist(), "attributes": own}
    path.write_text(json.dumps(content))
    return path


def as_npz(path, answers, **more):
    arrays = {f"probabilities:{name}": a.probabilities for name, a in answers.items()}
    arrays |= {f"classes:{name}": np.array(a.classes) for name, a in answers.items()}
    np.savez(path, **{"ids": FACES.ids, "predictions": POINTS} | arrays | more)
    return path


def write(path, answers=ANSWERS):
    if path.suffix == ".csv":
        return as_csv(path, columns(answers))
    return {".json": as_json, ".npz": as_npz}[path.suffix](path, answers)


def direct(answers=ANSWERS):
    return fldbench.get_protocol("moody-test").score(POINTS, FACES, answers).metrics


@pytest.mark.parametrize("ending", ["csv", "json", "npz"])
def test_every_format_gives_the_same_numbers(tmp_path, ending):
    outside = evaluate_file(write(tmp_path / f"a.{ending}"), "moody-test")
    assert outside.score.metrics == direct() and len(outside.score.metrics) == 4 + 4 + 5
    assert outside.attributes["mood"].classes == ("sad", "glad")
    assert not [note for note in outside.notes if "measured" in note]


@pytest.mark.parametrize("ending", ["csv", "json", "npz"])
def test_classes_are_known_by_their_names_in_any_order(tmp_path, ending):
    turned = {name: Answered(a.classes[::-1], a.probabilities[:, ::-1]) for name, a in ANSWERS.items()}
    assert evaluate_file(write(tmp_path / f"a.{ending}", turned), "moody-test").score.metrics == direct()


def test_each_face_in_json_may_name_its_classes_in_its_own_order(tmp_path):
    path = as_json(tmp_path / "a.json", ANSWERS)
    content = json.loads(path.read_text())
    for face in ("test2", "test7"):
        mood = content[face]["attributes"]["mood"]
        content[face]["attributes"]["mood"] = {"glad": mood["glad"], "sad": mood["sad"]}
    path.write_text(json.dumps(content))
    assert evaluate_file(path, "moody-test").score.metrics == direct()


@pytest.mark.parametrize("ending", ["csv", "json", "npz"])
def test_other_classes_and_attributes_are_left_out_and_said(tmp_path, ending):
    other = {
        "mood": Answered(("sad", "happy"), MOOD),
        "age": Answered(("young", "old"), MOOD),
        "hat": Answered(("no", "yes"), MOOD * 3),  # not read, so nobody minds that these are no probabilities
    }
    outside = evaluate_file(write(tmp_path / f"a.{ending}", other), "moody-test")
    assert set(outside.notes) >= {
        "mood is not measured: its classes are sad, happy; those of the test faces are sad, glad",
        "age is not measured: it is a number without classes in the test faces",
        "hat is not measured: the test faces do not have it",
    }
    assert outside.score.attributes.facts.left_out.keys() == {"mood", "age", "hat"}
    assert len(outside.score.metrics) == 4


@pytest.mark.parametrize("ending", ["csv", "npz"])
def test_rows_without_numbers_are_faces_without_an_answer(tmp_path, ending):
    gaps = MOOD.copy()
    gaps[[1, 3]] = np.nan
    some = {"mood": Answered(("sad", "glad"), gaps)}
    outside = evaluate_file(write(tmp_path / f"a.{ending}", some), "moody-test")
    known = FACES.attributes["mood"]
    expected = [int(np.isin([1, 3], np.flatnonzero(known == code)).sum()) for code in (0, 1)]
    assert list(outside.score.attributes.facts.measured["mood"].missed) == expected and sum(expected) == 2
    gaps[4, 0] = np.nan  # half an answer is none
    outside = evaluate_file(write(tmp_path / f"a.{ending}", some), "moody-test")
    assert sum(outside.score.attributes.facts.measured["mood"].missed) == 3


def test_null_and_nothing_in_json_are_faces_without_an_answer(tmp_path):
    path = as_json(tmp_path / "a.json", {"mood": ANSWERS["mood"]})
    content = json.loads(path.read_text())
    content["test1"]["attributes"]["mood"] = None
    content["test2"] = {"landmarks": POINTS[2].tolist()}
    content["test3"] = POINTS[3].tolist()
    content["test4"] = None
    content["test6"]["attributes"]["mood"] = {"glad": None, "sad": None}
    path.write_text(json.dumps(content))
    outside = evaluate_file(path, "moody-test")
    assert outside.score.missed == 1
    assert np.isnan(outside.attributes["mood"].probabilities).any(axis=1).tolist() == [
        *(False, True, True, True, True, False, True, False)
    ]


def test_faces_that_the_file_lacks_have_no_answer(tmp_path):
    path = as_csv(tmp_path / "a.csv", columns())
    path.write_text("\n".join(path.read_text().split("\n")[:7]))
    outside = evaluate_file(path, "moody-test")
    assert outside.absent == ("test6", "test7")
    assert np.isnan(outside.attributes["pose"].probabilities).any(axis=1).tolist() == [False] * 6 + [True] * 2
    assert sum(outside.score.attributes.facts.measured["pose"].missed) == 2


def test_one_column_with_a_colon_is_another_column(tmp_path):
    outside = evaluate_file(as_csv(tmp_path / "a.csv", {"took:ms": np.arange(8.0), "mood": MOOD[:, 0]}), "moody-test")
    assert outside.attributes == {} and len(outside.score.metrics) == 4


def test_the_record_keeps_them_and_their_file_is_scored_again(tmp_path):
    outside = evaluate_file(write(tmp_path / "a.csv"), "moody-test")
    store = Store(tmp_path / "out")
    record, arrays = record_of(outside, "mine", "moody-test")
    store.write(record, arrays)
    assert record.attributes.measured["pose"].known == 8
    assert [(one.wrong, one.checked) for one in check_evidence(tmp_path / "out")] == [(False, True)]
    kept = tmp_path / "out" / "records" / record.key / "faces.npz"
    assert evaluate_file(kept, "moody-test").score.metrics == outside.score.metrics
    # Other answers for attributes are another record; without any, the key is what it was.
    keys = {record.key}
    for answers in ({}, {"pose": ANSWERS["pose"]}, ANSWERS | {"mood": Answered(("sad", "glad"), MOOD[::-1])}):
        keys.add(
            record_of(evaluate_file(write(tmp_path / "b.csv", answers), "moody-test"), "mine", "moody-test")[0].key
        )
    assert len(keys) == 4


def test_what_a_run_kept_is_scored_again(toy, tmp_path):
    suite = toy | {"train": [{"dataset": "moody"}], "methods": ["heads"], "protocols": ["moody-test"]}
    (record,) = fldbench.run_suite(suite, tmp_path)
    again = evaluate_file(tmp_path / "records" / record.key / "faces.npz", "moody-test")
    assert again.score.metrics == record.metrics and len(record.metrics) == 13


BAD = MOOD.copy()
BAD[5] = [0.75, 0.5]
NEGATIVE = MOOD.copy()
NEGATIVE[0] = [1.5, -0.5]


@pytest.mark.parametrize("ending", ["csv", "json", "npz"])
@pytest.mark.parametrize(
    ("probabilities", "text"),
    [
        (BAD, r"face 'test5': the probabilities of mood is \{'sad': 0.75, 'glad': 0.5\}; must be at least 0"),
        (NEGATIVE, r"face 'test0': the probabilities of mood is \{'sad': 1.5, 'glad': -0.5\}; must be"),
    ],
    ids=["sum", "negative"],
)  # fmt: skip
def test_what_are_no_probabilities_is_refused(tmp_path, ending, probabilities, text):
    with pytest.raises(PredictionsError, match=text):
        evaluate_file(write(tmp_path / f"a.{ending}", {"mood": Answered(("sad", "glad"), probabilities)}), "moody-test")


def test_bad_columns_are_named(tmp_path):
    path = as_csv(tmp_path / "a.csv", columns())
    good = path.read_text()
    path.write_text(good.replace("mood:glad", "mood:sad"))
    with pytest.raises(PredictionsError, match=r"a\.csv, line 1: the column 'mood:sad' is given twice; write it once"):
        evaluate_file(path, "moody-test")
    path.write_text(good.replace("0.125", "often"))
    with pytest.raises(PredictionsError, match=r"line 6: could not convert string to float: 'often'; must be a number"):
        evaluate_file(path, "moody-test")


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"mood": {"sad": 1.0}}, r"face 'test1': the classes of mood is 'sad'; must be sad, glad"),
        ({"mood": {"sad": 0.5, "happy": 0.5}}, "the classes of mood is 'sad, happy'; must be sad, glad"),
        ({"mood": [0.5, 0.5]}, r"face 'test1': mood must be \{CLASS: probability\} or null"),
        ({"mood": {"sad": "0.5", "glad": 0.5}}, r"face 'test1': mood must be \{CLASS: probability\} or null"),
        ({"mood": {"sad": True, "glad": False}}, r"face 'test1': mood must be \{CLASS: probability\} or null"),
        ([0.5, 0.5], r"face 'test1': its entry is 'an object of landmarks, attributes'; must be"),
        (3, r"face 'test1': its entry is 'an object of landmarks, attributes'; must be"),
    ],
)
def test_bad_json_is_named(tmp_path, entry, text):
    path = as_json(tmp_path / "a.json", ANSWERS)
    content = json.loads(path.read_text())
    content["test1"]["attributes"] = entry
    path.write_text(json.dumps(content))
    with pytest.raises(PredictionsError, match=text):
        evaluate_file(path, "moody-test")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"mood": {', '"mood": null, "mood": {', "face 'test0': an attribute is given twice; write it once"),
        ('"landmarks"', '"points": [], "landmarks"', "its entry is 'an object of points, landmarks, attributes'; must"),
        ('"attributes"', '"landmarks": null, "attributes"', "its entry is 'an object of landmarks, landmarks, "),
        ('{"sad": 0.25,', '{"sad": 0.25, "sad": 0.25,', "the classes of mood is .* each given once|must be sad, sad"),
    ],
)  # fmt: skip
def test_json_that_repeats_itself_is_refused(tmp_path, old, new, text):
    path = as_json(tmp_path / "a.json", ANSWERS)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(PredictionsError, match=text):
        evaluate_file(path, "moody-test")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"classes:mood": np.array(["sad"])}, r"probabilities:mood: the array is 'float64 of shape \(8, 2\)'; must"),
        ({"classes:mood": np.array([0, 1])}, r"classes:mood: the array is 'int64 of shape \(2,\)'; must be k names"),
        ({"classes:mood": np.array(["sad", "sad"])}, r"the classes of mood is \['sad', 'sad'\]; must be each"),
        ({"classes:mood": np.array(["sad", "g" * 2000])}, "classes:mood: the array is '<U2000 of shape"),
        ({"probabilities:mood": MOOD[:3]}, r"'float64 of shape \(3, 2\)'; must be numbers of shape \(8, 2\)"),
        ({"probabilities:mood": np.full((8, 2), "x")}, r"'<U1 of shape \(8, 2\)'; must be numbers"),
    ],
)  # fmt: skip
def test_a_bad_npz_is_named(tmp_path, more, text):
    with pytest.raises(PredictionsError, match=text):
        evaluate_file(as_npz(tmp_path / "a.npz", ANSWERS, **more), "moody-test")


def test_classes_without_names_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", **{"ids": FACES.ids, "predictions": POINTS, "probabilities:mood": MOOD})
    with pytest.raises(PredictionsError, match=r"no array classes:mood names the classes of probabilities:mood"):
        evaluate_file(tmp_path / "a.npz", "moody-test")


@pytest.mark.parametrize("ending", ["csv", "json", "npz"])
def test_mutated_files_raise_nothing_but_predictions_errors(tmp_path, ending):
    content, draw = write(tmp_path / f"good.{ending}").read_bytes(), Random(11)
    refused, path = 0, tmp_path / f"mutated.{ending}"
    for _ in range(max(200, MUTATIONS)):
        path.write_bytes(mutate(content, draw))
        try:
            found = read_answers(path, 5, "moody", 8, ALL)
            evaluate_file(path, "moody-test")
        except PredictionsError as error:
            refused += 1
            assert len(str(error)) < 1000 + len(str(path))
        else:
            for classes, probabilities in found.attributes.values():
                assert probabilities.shape == (len(found.ids) if classes else 0, len(classes))
    assert refused > 20
