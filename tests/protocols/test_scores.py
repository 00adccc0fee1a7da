"""Scores by hand: normalisers, missed faces, points that count, unions; and their laws."""

from dataclasses import replace

import numpy as np
import pytest
from labels_300w import guessed, labels_300w
from toys import toy_faces, toy_protocol

import fldbench
from fldbench import metrics
from fldbench.errors import ProtocolError


def test_normalisers_of_the_68_points_by_hand():
    points = np.zeros((1, 68, 2))
    points[0, 36], points[0, 45] = (10, 0), (40, 40)
    points[0, 36:42, 0] = [10, 12, 14, 16, 14, 12]  # mean 13
    points[0, 42:48, 0] = [30, 32, 34, 40, 34, 34]  # mean 34
    points[0, 42:48, 1] = [0, 0, 0, 40, 0, 0]
    outer, pupil = (fldbench.get_protocol(n).normaliser_points for n in ("300w-full", "300w-full@interpupil"))
    assert metrics.centre_distance(points, *outer)[0] == pytest.approx(50.0)
    assert metrics.centre_distance(points, *pupil)[0] == pytest.approx(np.hypot(34 - 80 / 6 + 2 / 6, 40 / 6))


def four_answers(faces):
    """Four faces: errors of 5 %, 9 % and 20 % of the eye distance, and one missed."""
    eyes = np.linalg.norm(faces.landmarks[:, 0] - faces.landmarks[:, 1], axis=1)
    guess = faces.landmarks.copy()
    guess[0, :, 0] += 0.05 * eyes[0]
    guess[1, :, 1] += 0.09 * eyes[1]
    guess[2, 4] += 5 * 0.2 * eyes[2] * np.array([0.6, 0.8])
    guess[3] = np.nan
    return guess


def test_score_by_hand():
    faces = toy_faces(4)
    score = fldbench.evaluate(four_answers(faces), faces, toy_protocol("p"))
    assert score.errors[:3] == pytest.approx([0.05, 0.09, 0.2])
    assert (score.n, score.missed) == (4, 1) and np.isnan(score.errors[3])
    assert score.metrics == pytest.approx(
        {"nme": 100 * (0.05 + 0.09 + 0.2) / 3, "fr08": 75.0, "fr10": 50.0, "auc08": 100 * (1 - 0.05 / 0.08) / 4}
    )
    assert [(m.name, m.threshold, m.rule) for m in score.values] == [
        ("nme", None, None),
        ("fr", 0.08, None),
        ("fr", 0.1, None),
        ("auc", 0.08, "exact"),
    ]


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        ("failure", {"nme": 34 / 3, "fr08": 75.0, "fr10": 50.0, "auc08": 100 * (1 - 5 / 8) / 4}),
        ("skipped", {"nme": 34 / 3, "fr08": 200 / 3, "fr10": 100 / 3, "auc08": 100 * (1 - 5 / 8) / 3}),
        ("value:0.06", {"nme": 40 / 4, "fr08": 50.0, "fr10": 25.0, "auc08": 100 * (1 - 5 / 8 + 1 - 6 / 8) / 4}),
        ("value:1.00", {"nme": 134 / 4, "fr08": 75.0, "fr10": 50.0, "auc08": 100 * (1 - 5 / 8) / 4}),
    ],
)
def test_what_a_missed_face_counts_by_hand(missed, expected):
    faces = toy_faces(4)
    score = toy_protocol("p", missed=missed).score(four_answers(faces), faces)
    assert score.metrics == pytest.approx(expected)
    assert (score.n, score.missed) == (4, 1) and np.isnan(score.errors[3])


def test_a_missed_face_can_be_charged_the_error_of_the_mean_shape():
    """Two of three faces have one shape in their boxes; the third, which is missed, differs in one point."""
    square = np.array([[0.0, 0.0], [10.0, 0.0], [5.0, 5.0], [0.0, 10.0], [10.0, 10.0]])
    truth = np.array([square, square + 100.0, 2 * square])
    truth[2, 2] = (4.0, 10.0)  # (0.2, 0.5) in its box of 20 px; the others have (0.5, 0.5), so the mean is (0.4, 0.5)
    faces = replace(toy_faces(3), landmarks=truth, visible=None)
    protocol = toy_protocol("p", missed="mean-shape")
    faces = protocol.select(faces)
    guess = truth + np.array([1.0, 0.0])
    guess[2] = np.nan
    score = protocol.score(guess, faces)
    charge = 0.2 * 20 / 5 / 20  # 4 px at one of five points; the eyes are 20 px apart
    assert score.charged == pytest.approx([0.1, 0.1, charge]) and np.isnan(score.errors[2]) and score.missed == 1
    assert score.metrics == pytest.approx(
        {"nme": 100 * (0.2 + charge) / 3, "fr08": 200 / 3, "fr10": 0, "auc08": 50 / 3}
    )
    everything = protocol.score(np.full_like(truth, np.nan), faces)
    assert everything.metrics["nme"] == pytest.approx(100 * (2 * 0.02 + charge) / 3)  # 1 px at one of five points
    none_missed = protocol.score(truth, faces)
    assert none_missed.metrics == toy_protocol("p").score(truth, faces).metrics


def test_the_mean_shape_leaves_out_points_that_no_face_has_and_needs_boxes_with_a_size():
    faces = toy_faces(3)
    truth = faces.landmarks.copy()
    truth[:, 4] = np.nan
    faces = replace(faces, landmarks=truth, visible=None)
    protocol = toy_protocol("p", missed="mean-shape", box_source="official")
    guess = truth.copy()
    guess[1] = np.nan
    assert np.isfinite(protocol.score(guess, faces).charged).all()
    flat = faces.with_boxes(faces.boxes * [1, 1, 0, 1] + faces.boxes[:, [1, 1, 0, 1]] * [0, 0, 1, 0])
    with pytest.raises(ProtocolError, match=r"missed=mean-shape: 1 missed face\(s\) have a box without a size"):
        protocol.score(guess, flat)


def test_predictions_that_are_not_finite_or_overflow_are_missed_in_every_metric():
    faces = toy_faces(5)
    guess = four_answers(toy_faces(5))
    answers = []
    for bad in (np.nan, np.inf, -np.inf, 1e200):
        guess[4] = faces.landmarks[4]
        guess[4, 2, 1] = bad
        answers.append(toy_protocol("p").score(guess, faces))
        assert answers[-1].missed == 2 and np.isnan(answers[-1].errors[4])
    assert all(score.metrics == answers[0].metrics for score in answers)
    assert all(np.isfinite(list(score.metrics.values())).all() for score in answers)


def test_a_point_that_is_not_annotated_may_be_missing_from_the_prediction():
    faces = toy_faces(3)
    truth = faces.landmarks.copy()
    truth[1, 4] = np.nan
    faces = replace(faces, landmarks=truth, visible=None)
    guess = truth + 1.0
    assert toy_protocol("p").score(guess, faces).missed == 0
    guess[1, 3, 0] = np.nan
    assert toy_protocol("p").score(guess, faces).missed == 1


def test_micro_weighs_points_and_macro_faces():
    faces = toy_faces(2)
    truth = faces.landmarks.copy()
    truth[1, 2:] = np.nan  # two of five points are annotated
    faces = replace(faces, landmarks=truth, visible=None)
    eyes = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=1)
    guess = truth + (np.array([0.02, 0.09]) * eyes)[:, None, None] * np.array([1.0, 0.0])
    macro, micro = (toy_protocol("p", reduction=name).score(guess, faces) for name in ("macro", "micro"))
    assert macro.metrics["nme"] == pytest.approx((2 + 9) / 2)
    assert micro.metrics["nme"] == pytest.approx((5 * 2 + 2 * 9) / 7)
    assert {k: v for k, v in macro.metrics.items() if k != "nme"} == {
        k: v for k, v in micro.metrics.items() if k != "nme"
    }


def test_strict_integer_and_clipped_by_hand():
    faces = toy_faces(1)
    truth = np.array([[[10.0, 10.0], [20.0, 10.0], [15.0, 15.5], [12.0, 20.0], [18.0, 20.0]]])
    faces = replace(faces, landmarks=truth, boxes=np.array([[11.0, 9.0, 30.0, 19.0]]), visible=None)
    own = {"box_source": "official", "thresholds": (0.1,)}
    one_off = truth + np.array([1.0, 0.0])  # the error is the threshold: 1 of 10 px
    assert toy_protocol("p", **own).score(one_off, faces).metrics["fr10"] == 0
    assert toy_protocol("p", strict=True, **own).score(one_off, faces).metrics["fr10"] == 100
    # Cut towards zero: 10.6 is 10, and 15.5 + 0.6 is 16, half a pixel off at one of five points; -0.6 is 0.
    cut = toy_protocol("p", integer=True, **own)
    assert cut.score(truth + 0.6, faces).errors[0] == pytest.approx(0.5 / 5 / 10)
    low = replace(faces, landmarks=truth - np.array([10.0, 0.0]))
    expected = (0 + 3 * 1 + np.hypot(1, 0.5)) / 5 / 10
    assert cut.score(low.landmarks - np.array([0.6, 0.0]), low).errors[0] == pytest.approx(expected)
    # x of point 0 is 11 in the box; y of points 3 and 4 is 19.
    assert toy_protocol("p", clipped=True, **own).score(truth, faces).errors[0] == pytest.approx((1 + 1 + 1) / 5 / 10)


def test_counted_points_and_thresholds_belong_to_the_protocol():
    faces = toy_faces(3)
    guess = faces.landmarks.copy()
    guess[:, 2] += 100
    assert fldbench.evaluate(guess, faces, toy_protocol("p", points=(4, 0, 1, 3))).metrics["nme"] == 0
    other = fldbench.evaluate(guess, faces, toy_protocol("p", thresholds=(0.07,))).metrics
    assert set(other) == {"nme", "fr07", "auc07"}
    both = fldbench.evaluate(guess, faces, toy_protocol("p", thresholds=(0.08, 0.075, 0.0801), auc_rule="fan")).metrics
    assert set(both) == {"nme", "fr08", "fr07.5", "fr08.01", "auc08:fan"}


def test_visible_counts_the_visible_points_alone():
    faces = toy_faces(3)
    visible = np.ones((3, 5), bool)
    visible[:, 2] = False
    faces = replace(faces, visible=visible)
    guess = faces.landmarks.copy()
    guess[:, 2] += 100
    assert toy_protocol("p", visible=True).score(guess, faces).metrics["nme"] == 0
    assert toy_protocol("p").score(guess, faces).metrics["nme"] > 0
    with pytest.raises(ProtocolError, match=r"no point counts of the faces .* leave them out"):
        toy_protocol("p", visible=True, points=(2,)).score(guess, faces)


def test_swapping_the_normaliser_changes_the_number_as_the_formula_says():
    faces = toy_faces(5)
    guess = faces.landmarks + 1.5
    eyes, mouth = toy_protocol("e"), toy_protocol("m", normaliser_points=((3,), (4,)))
    ratio = metrics.centre_distance(faces.landmarks, [0], [1]) / metrics.centre_distance(faces.landmarks, [3], [4])
    assert mouth.score(guess, faces).errors == pytest.approx(eyes.score(guess, faces).errors * ratio)


def test_results_know_no_order_of_the_faces(data_root):
    faces = labels_300w(data_root)
    guess, order = guessed(faces), np.random.default_rng(0).permutation(len(faces))
    for name in ("300w-full", "300w-full@fan", "300w-full@spiga", "300w-full@reduction=micro,points=51"):
        protocol = fldbench.get_protocol(name)
        assert protocol.score(guess[order], faces[order]).metrics == pytest.approx(
            protocol.score(guess, faces).metrics, rel=1e-12
        )


@pytest.mark.parametrize("rules", ["", "@interpupil", "@boxes=jittered:0.10,points=49,t=0.07", "@norm=box,visible"])
def test_a_union_is_the_weighted_mean_of_its_parts(data_root, rules):
    faces = labels_300w(data_root)
    guess = dict(zip(faces.ids.tolist(), guessed(faces), strict=True))
    scores, families = {}, set()
    for base in ("300w-full", "300w-common", "300w-challenging", "300w-helen", "300w-lfpw"):
        protocol = fldbench.get_protocol(base + rules)
        chosen = protocol.select(faces)
        scores[protocol.subset] = protocol.score(np.array([guess[one] for one in chosen.ids.tolist()]), chosen)
        families.add(protocol.family)
        assert protocol.is_complete(chosen)
    assert len(families) == 1
    for base in ("300w-full", "300w-common"):
        protocol = fldbench.get_protocol(base + rules)
        parts = [scores[name] for name in protocol.union_of]
        whole = scores[protocol.subset]
        for key, value in whole.metrics.items():
            weights = [part.n - part.missed if key == "nme" else part.n for part in parts]
            mean = np.average([part.metrics[key] for part in parts], weights=weights)
            assert value == pytest.approx(mean, abs=1e-9)


def test_a_skipped_face_takes_its_points_out_of_the_micro_mean():
    """Faces of 5, 3 and 5 annotated points; the first is missed: (3 * 9 + 5 * 2) / 8."""
    faces = toy_faces(3)
    truth = faces.landmarks.copy()
    truth[1, 3:] = np.nan
    faces = replace(faces, landmarks=truth, visible=None)
    eyes = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=1)
    guess = truth + np.array([np.nan, 0.09, 0.02])[:, None, None] * eyes[:, None, None] * np.array([0.6, 0.8])
    score = toy_protocol("p", missed="skipped", reduction="micro").score(guess, faces)
    assert score.missed == 1 and score.metrics["nme"] == pytest.approx((3 * 9 + 5 * 2) / 8)
