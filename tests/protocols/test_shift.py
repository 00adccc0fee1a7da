"""The rule `unshifted`: what the answers of all faces have in common as a shift does not count."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces, toy_protocol

from fldbench import get_protocol
from fldbench.protocols.landmark_errors import landmark_errors
from fldbench.protocols.shift import common_shift

RNG = np.random.default_rng(0)


def test_the_shift_is_the_median_over_faces_of_their_means():
    truth = np.zeros((3, 2, 2))
    off = np.array([[[1.0, 0.0], [3.0, 0.0]], [[4.0, 5.0], [6.0, 5.0]], [[0.0, 9.0], [0.0, 9.0]]])
    assert common_shift(off, truth, np.ones((3, 2), bool)).tolist() == [2.0, 5.0]  # of 2, 5, 0 and of 0, 5, 9
    counted = np.array([[True, False], [True, True], [True, True]])
    assert common_shift(off, truth, counted).tolist() == [1.0, 5.0]
    off[1] = np.nan
    assert common_shift(off, truth, np.ones((3, 2), bool)).tolist() == [1.0, 4.5]
    assert common_shift(np.full((1, 2, 2), np.nan), truth[:1], np.ones((1, 2), bool)).tolist() == [0.0, 0.0]


def test_a_shift_of_all_answers_does_not_count_and_one_of_a_face_does():
    faces = toy_faces(9)
    protocol, plain = toy_protocol("p", unshifted=True), toy_protocol("p")
    answers = faces.landmarks + RNG.normal(0, 0.3, faces.landmarks.shape)
    moved = answers + np.array([5.0, -3.0])
    kept, shifted = protocol.score(answers, faces), protocol.score(moved, faces)
    assert np.allclose(kept.errors, shifted.errors)
    by_hand = plain.score(moved - common_shift(moved, faces.landmarks, np.ones((9, 5), bool)), faces)
    assert np.array_equal(shifted.errors, by_hand.errors)
    assert shifted.metrics["nme"] < plain.score(moved, faces).metrics["nme"] / 5
    one = faces.landmarks.copy()
    one[0] += 8.0
    assert protocol.score(one, faces).errors[0] == plain.score(one, faces).errors[0] > 0.1


def test_missed_faces_and_each_landmark_are_measured_by_the_same_rule():
    faces = toy_faces(12)
    landmarks = faces.landmarks.copy()
    landmarks[[0, 1], [2, 4]] = np.nan
    faces = replace(faces, landmarks=landmarks, visible=None)
    protocol = toy_protocol("p", unshifted=True, missed="value:0.5")
    answers = np.nan_to_num(landmarks) + np.array([2.0, 1.0])
    answers[3] = np.nan
    score = protocol.score(answers, faces)
    assert score.missed == 1 and score.charged[3] == 0.5
    assert np.allclose(np.delete(score.charged, 3), 0)
    errors = landmark_errors(protocol, answers, faces)
    assert np.allclose(np.nanmean(errors[[0, 1, 2]], axis=1), 0) and np.isnan(errors[3]).all()


def test_it_has_a_name_and_a_hash_of_its_own_and_is_said():
    base, own = get_protocol("mtfl-detected"), get_protocol("mtfl-detected@unshifted")
    assert own.name == "mtfl-detected@unshifted" and own.hash != base.hash
    assert own.legacy == "unshifted" and "unshifted" in own.describe()
    with pytest.raises(Exception, match="unshifted is 'yes'; must be true or false"):
        toy_protocol("p", unshifted="yes")
