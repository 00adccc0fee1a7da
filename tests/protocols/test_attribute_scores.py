"""Attributes beside the landmarks of a score: what is measured, what is left out, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from toy_attributes import TYPES, Heads, moody_faces
from toys import toy_protocol

from fldbench.attribute_answers import predict_attributes_checked
from fldbench.attribute_metrics import Answered
from fldbench.errors import PredictionsError
from fldbench.protocols import evaluate

RULES = toy_protocol("p", dataset="moody")
FACES = moody_faces(8)
POSES = Answered(TYPES["pose"].classes, np.eye(3)[FACES.attributes["pose"]])


def score(faces=FACES, **answers):
    return RULES.score(faces.landmarks, faces, answers)


def test_landmarks_alone_are_scored_as_before():
    found = score()
    assert [one.of for one in found.values] == [None] * 4
    assert found.attributes.facts.measured == {} == found.attributes.facts.left_out
    assert found.evidence.keys() == {"errors", "charged", "counts"}


def test_attributes_stand_behind_the_landmarks():
    found = score(pose=POSES)
    assert list(found.metrics)[:4] == ["nme", "fr08", "fr10", "auc08"]
    assert list(found.metrics)[4:] == [f"{key}:pose" for key in (
        "accuracy", "balanced_accuracy", "average_precision", "ece", "class_distance")]  # fmt: skip
    assert found.metrics["balanced_accuracy:pose"] == 100 and found.metrics["class_distance:pose"] == 0
    assert found.attributes.facts.measured["pose"].known == 8
    assert found.evidence["codes:pose"].tolist() == FACES.attributes["pose"].tolist()


def test_what_is_not_measured_says_why():
    found = score(
        pose=POSES._replace(classes=TYPES["pose"].classes[::-1]),
        age=Answered(("young", "old"), np.full((8, 2), 0.5)),
        beard=Answered(("no", "yes"), np.full((8, 2), 0.5)),
    )
    assert found.attributes.facts.left_out == {
        "pose": "its classes are right, frontal, left; those of the test faces are left, frontal, right",
        "age": "it is a number without classes in the test faces",
        "beard": "the test faces do not have it",
    }
    assert len(found.values) == 4


def test_five_poses_are_never_measured_as_three():
    five = Answered(("far left", "left", "frontal", "right", "far right"), np.eye(5)[FACES.attributes["pose"]])
    assert score(pose=five).attributes.facts.left_out["pose"].startswith("its classes are far left, left, frontal")


def test_nothing_known_has_no_number_and_is_no_crash():
    nobody = replace(FACES, attributes={"pose": np.full(8, -1)}, attribute_types=TYPES)
    found = score(nobody, pose=POSES)
    assert np.isnan(found.metrics["accuracy:pose"]) and found.attributes.facts.measured["pose"].known == 0


def test_evaluate_takes_what_a_method_answers():
    model = Heads().fit(moody_faces(12, 1, "train"))
    answers = predict_attributes_checked(model, list(FACES.images), FACES.boxes)
    found = evaluate(FACES.landmarks, FACES, RULES, answers)
    assert found.metrics == score(**answers).metrics and len(found.metrics) == 4 + 4 + 5


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (np.eye(3), r"protocol 'p': probabilities.shape of pose is \(3, 3\); must be \(8, 3\)"),
        (np.full((8, 2), 0.5), r"probabilities.shape of pose is \(8, 2\); must be \(8, 3\)"),
        (np.full((8, 3), 0.5), r"the probabilities of pose for test0 is \[0.5, 0.5, 0.5\]; must be at least 0"),
    ],
)  # fmt: skip
def test_what_are_no_probabilities_is_refused(probabilities, message):
    with pytest.raises(PredictionsError, match=message):
        score(pose=POSES._replace(probabilities=probabilities))
