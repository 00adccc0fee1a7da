"""Protocols: what is selected, what is measured, what is hashed, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces, toy_protocol

import fldbench
from fldbench import metrics, protocols
from fldbench.errors import DataError, PredictionsError, ProtocolError, UnknownNameError
from fldbench.geometry import box_centre, box_size, tight_box


def test_the_built_in_protocols_are_those_of_the_field():
    names = fldbench.list_protocols()
    for subset, count in {"helen": 330, "lfpw": 224, "common": 554, "challenging": 135, "full": 689}.items():
        for suffix in ("", "-interpupil", "-jittered", "-interpupil-jittered"):
            protocol = fldbench.get_protocol(f"300w-{subset}{suffix}")
            assert protocol.n_expected == count
            assert protocol.box_source == ("truth-jittered" if "jittered" in suffix else "truth-tight")
    assert {"cofw68", "cofw68-interpupil", "synthetic-test"} <= set(names)
    assert len({fldbench.get_protocol(name).hash for name in names}) == len(names)


def test_normalisers_of_the_68_points_by_hand():
    points = np.zeros((1, 68, 2))
    points[0, 36], points[0, 45] = (10, 0), (40, 40)
    points[0, 36:42, 0] = [10, 12, 14, 16, 14, 12]  # mean 13
    points[0, 42:48, 0] = [30, 32, 34, 40, 34, 34]  # mean 34
    points[0, 42:48, 1] = [0, 0, 0, 40, 0, 0]
    outer, pupil = (fldbench.get_protocol(n).normaliser_points for n in ("300w-full", "300w-full-interpupil"))
    assert metrics.centre_distance(points, *outer)[0] == pytest.approx(50.0)
    assert metrics.centre_distance(points, *pupil)[0] == pytest.approx(np.hypot(34 - 80 / 6 + 2 / 6, 40 / 6))


def test_score_by_hand():
    faces = toy_faces(4)
    eyes = np.linalg.norm(faces.landmarks[:, 0] - faces.landmarks[:, 1], axis=1)
    guess = faces.landmarks.copy()
    guess[0, :, 0] += 0.05 * eyes[0]
    guess[1, :, 1] += 0.09 * eyes[1]
    guess[2, 4] += 5 * 0.2 * eyes[2] * np.array([0.6, 0.8])
    guess[3] = np.nan
    score = fldbench.evaluate(guess, faces, toy_protocol("p"))
    assert score.errors[:3] == pytest.approx([0.05, 0.09, 0.2])
    assert (score.n, score.missed) == (4, 1) and np.isnan(score.errors[3])
    assert score.metrics == pytest.approx(
        {"nme": 100 * (0.05 + 0.09 + 0.2) / 3, "fr08": 75.0, "fr10": 50.0, "auc08": 100 * (1 - 0.05 / 0.08) / 4}
    )


def test_counted_points_and_thresholds_belong_to_the_protocol():
    faces = toy_faces(3)
    guess = faces.landmarks.copy()
    guess[:, 2] += 100
    assert fldbench.evaluate(guess, faces, toy_protocol("p", points=(0, 1, 3, 4))).metrics["nme"] == 0
    other = fldbench.evaluate(guess, faces, toy_protocol("p", thresholds=(0.07,))).metrics
    assert set(other) == {"nme", "fr07", "auc07"}


def test_select_takes_the_subset_and_makes_the_boxes():
    faces = toy_faces(6).with_boxes(np.tile([0.0, 0, 9, 9], (6, 1)))
    official = toy_protocol("o", box_source="official", subset="odd").select(faces)
    assert official.ids.tolist() == ["test1", "test3", "test5"] and (official.boxes == [0, 0, 9, 9]).all()
    tight = toy_protocol("t").select(faces)
    assert np.array_equal(tight.boxes, tight_box(faces.landmarks))
    jittered = toy_protocol("j", box_source="truth-jittered").select(faces)
    assert (jittered.boxes != tight.boxes).all()
    shift = (box_centre(jittered.boxes) - box_centre(tight.boxes)) / box_size(tight.boxes)
    assert np.abs(shift).max() < 0.25


def test_the_jitter_of_a_face_depends_on_its_id_alone():
    faces = toy_faces(8)
    boxes = protocols.boxes_from(faces, "truth-jittered").boxes
    shuffled = protocols.boxes_from(faces[::-1][2:5], "truth-jittered").boxes
    assert np.array_equal(shuffled, boxes[::-1][2:5])
    renamed = protocols.boxes_from(replace(faces, ids=np.array([f"x{i}" for i in range(8)])), "truth-jittered").boxes
    assert (renamed != boxes).all()


def test_jittered_boxes_have_the_stated_spread():
    many = toy_faces(4000)
    boxes, tight = protocols.boxes_from(many, "truth-jittered").boxes, tight_box(many.landmarks)
    shift = (box_centre(boxes) - box_centre(tight)) / box_size(tight)
    scale = box_size(boxes) / box_size(tight)
    assert shift.std(0) == pytest.approx([0.05, 0.05], rel=0.05) and abs(shift.mean()) < 0.003
    assert scale.std() == pytest.approx(0.05, rel=0.05) and scale.mean() == pytest.approx(1, abs=0.003)


def test_the_hash_sees_every_field():
    base = toy_protocol("p")
    changes = [
        {"box_source": "truth-jittered"},
        {"normaliser_points": ((1,), (0,))},
        {"points": (0,)},
        {"thresholds": (0.08,)},
        {"subset": "even"},
        {"version": 2},
        {"n_expected": 9},
    ]
    hashes = {replace(base, **change).hash for change in changes} | {base.hash}
    assert len(hashes) == len(changes) + 1
    assert toy_protocol("p").hash == base.hash


def test_swapping_the_normaliser_changes_the_number_as_the_formula_says():
    faces = toy_faces(5)
    guess = faces.landmarks + 1.5
    eyes, mouth = toy_protocol("e"), toy_protocol("m", normaliser_points=((3,), (4,)))
    ratio = metrics.centre_distance(faces.landmarks, [0], [1]) / metrics.centre_distance(faces.landmarks, [3], [4])
    assert mouth.score(guess, faces).errors == pytest.approx(eyes.score(guess, faces).errors * ratio)


def test_what_cannot_be_measured_is_refused():
    faces = toy_faces(3)
    points = faces.landmarks.copy()
    points[1, 0] = points[1, 1]
    with pytest.raises(ProtocolError, match=r"the inter-pupil distance must be finite and > 0 px; .*: test1;"):
        toy_protocol("p").score(faces.landmarks, replace(faces, landmarks=points))
    with pytest.raises(ProtocolError, match="protocol '300w-full' counts ibug-68 points; these faces have mtfl-5"):
        fldbench.evaluate(faces.landmarks, faces, "300w-full")
    with pytest.raises(PredictionsError, match=r"shape \(3, 4, 2\); needed is \(3, 5, 2\)"):
        toy_protocol("p").score(faces.landmarks[:, :4], faces)
    with pytest.raises(ProtocolError, match="no face to measure on"):
        toy_protocol("p").score(faces.landmarks[:0], faces[:0])
    with pytest.raises(DataError, match="has no subset 'gone'"):
        toy_protocol("p", subset="gone").select(faces)


def test_unknown_names_give_a_near_miss():
    with pytest.raises(UnknownNameError, match="no protocol named '300w-hellen'; did you mean '300w-helen'"):
        fldbench.get_protocol("300w-hellen")
    with pytest.raises(ProtocolError, match="no box source 'truth-tihgt'; did you mean 'truth-tight'"):
        toy_protocol("p", box_source="truth-tihgt")
    with pytest.raises(ProtocolError, match="no box source 'tight'"):
        protocols.boxes_from(toy_faces(2), "tight")


def test_registering_a_protocol_makes_it_known(toy):
    own = fldbench.register_protocol(toy_protocol("mine"))
    assert fldbench.get_protocol("mine") is own and "mine" in fldbench.list_protocols()
    assert fldbench.get_protocol(own) is own
    assert "made from the truth" in own.describe() and "5 points" not in own.describe()
