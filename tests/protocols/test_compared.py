"""Rules that change truth or answers before they are compared: by hand, by a second route, and by their laws."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces, toy_protocol

import fldbench
from fldbench.protocols.landmark_errors import landmark_errors

FACES = toy_faces(9)
GUESS = FACES.landmarks + np.random.default_rng(3).normal(0, 1.0, FACES.landmarks.shape)


def nme(guess=GUESS, faces=FACES, **fields):
    return toy_protocol("p", **fields).score(guess, faces).metrics["nme"]


def test_an_offset_is_added_to_x_and_y_and_undoes_itself():
    assert nme(GUESS + 1, offset=-1) == pytest.approx(nme())
    assert nme(offset=2) == pytest.approx(nme(GUESS + 2))
    assert fldbench.get_protocol("300w-helen@offset=-1").offset == -1.0
    assert fldbench.get_protocol("300w-helen@offset=-0.5").name == "300w-helen@offset=-0.50"
    assert fldbench.get_protocol("300w-helen@offset=0").name == "300w-helen"


def test_rounding_is_to_the_nearest_pixel_and_cutting_towards_zero():
    assert nme(rounded=True) == pytest.approx(nme(np.floor(GUESS + 0.5)))
    assert nme(integer=True) == pytest.approx(nme(np.floor(GUESS)))  # no coordinate is negative
    assert nme(np.floor(GUESS), rounded=True) == nme(np.floor(GUESS))


def test_the_median_of_the_faces_found_stands_for_the_nme():
    guess = GUESS.copy()
    guess[4] = np.nan
    score = toy_protocol("p", reduction="median").score(guess, FACES)
    errors = [one for one in score.errors.tolist() if one == one]
    assert score.metrics["nme"] == pytest.approx(
        100 * sorted(errors)[len(errors) // 2 - 1 :][:2][0] / 2 + 50 * sorted(errors)[4]
    )
    assert len(errors) == 8 and score.metrics["fr08"] == toy_protocol("p").score(guess, FACES).metrics["fr08"]


def test_stretched_errors_are_those_of_the_box_made_a_square():
    box = [10.0, 20.0, 50.0, 40.0]  # 40 wide, 20 high
    one = replace(FACES[:1], boxes=np.array([box]))
    guess = one.landmarks.copy()
    guess[0, 2] += [4.0, 2.0]  # a tenth of the width and of the height
    eyes = (one.landmarks[0, 1] - one.landmarks[0, 0]) / [40.0, 20.0]
    assert nme(guess, one, stretched=True) == pytest.approx(100 * np.hypot(0.1, 0.1) / 5 / np.hypot(*eyes))
    length = {"normaliser": "given-box", "normaliser_points": None, "box_source": "official", "stretched": True}
    assert nme(guess, one, **length) == pytest.approx(100 * np.hypot(0.1, 0.1) / 5)  # the box is one by one
    wide = np.array([3.0, 0.5])  # the law: what stretches the photo changes nothing
    other = replace(one, landmarks=one.landmarks * wide, boxes=np.array([box]) * np.tile(wide, 2))
    assert nme(guess * wide, other, stretched=True) == pytest.approx(nme(guess, one, stretched=True))


def test_a_square_box_stretches_nothing_and_a_box_without_a_size_is_refused():
    boxes = np.tile([0.0, 0.0, 30.0, 30.0], (9, 1))
    assert nme(faces=replace(FACES, boxes=boxes), stretched=True) == pytest.approx(nme())
    boxes[3, 2] = 0.0
    with pytest.raises(fldbench.ProtocolError, match="must be finite and > 0 px; not so for 1 face"):
        nme(faces=replace(FACES, boxes=boxes), stretched=True)


def test_diluted_sums_are_divided_by_all_chosen_points():
    truth = FACES.landmarks.copy()
    truth[:, 4] = np.nan
    faces = replace(FACES, landmarks=truth, visible=None)
    assert nme(faces=faces, diluted=True) == pytest.approx(nme(faces=faces) * 4 / 5)
    assert nme(faces=faces, diluted=True, points=(0, 1, 3, 4)) == pytest.approx(
        nme(faces=faces, points=(0, 1, 3)) * 3 / 4
    )
    assert nme(diluted=True) == pytest.approx(nme())


def test_the_mean_shape_of_missed_faces_is_not_moved_as_answers_are():
    guess = GUESS.copy()
    guess[2] = np.nan
    plain, moved = (toy_protocol("p", missed="mean-shape", offset=offset) for offset in (0.0, 7.0))
    assert moved.score(guess, FACES).charged[2] == plain.score(guess, FACES).charged[2]


FIELDS = [{"offset": -1}, {"rounded": True}, {"integer": True}, {"stretched": True}, {"clipped": True}]


@pytest.mark.parametrize("fields", FIELDS, ids=str)
def test_the_errors_of_landmarks_have_the_mean_of_the_face_under_every_rule(fields):
    protocol = toy_protocol("p", **fields)
    of_points = landmark_errors(protocol, GUESS, FACES)
    assert of_points.mean(axis=1) == pytest.approx(protocol.score(GUESS, FACES).errors)


RULES = [
    {},
    {"points": (0, 2, 4)},
    {"visible": True, "diluted": True},
    {"clipped": True, "stretched": True, "offset": 0.3},
    {"unshifted": True, "rounded": True},
    {"missed": "mean-shape", "normaliser": "box", "normaliser_points": None},
]


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_scores_of_many_faces_are_made_in_parts_to_the_last_digit(monkeypatch, rules):
    faces = toy_faces(23, 1)
    rng = np.random.default_rng(0)
    visible = rng.random((23, 5)) < 0.7
    visible[:, 0] = True
    protocol = toy_protocol("p", **rules)
    faces = protocol.select(replace(faces, visible=visible))
    guess = faces.landmarks + rng.normal(size=faces.landmarks.shape)
    guess[7] = np.nan
    whole = protocol.score(guess, faces)
    assert np.array_equal(whole.errors, protocol.compared(guess, faces).errors(), equal_nan=True)  # all at once
    monkeypatch.setattr(fldbench.blocks, "FACES", 5)
    parts = protocol.score(guess, faces)
    for name in ("errors", "charged", "counts"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name), equal_nan=True)
    assert whole.metrics == parts.metrics


def test_errors_are_those_of_plain_numpy_to_the_last_digit():
    guess = GUESS.astype(np.float32)
    eyes = np.linalg.norm(FACES.landmarks[:, 0] - FACES.landmarks[:, 1], axis=-1)
    plain = np.linalg.norm(guess.astype(float) - FACES.landmarks, axis=-1)
    assert toy_protocol("p").score(guess, FACES).errors.tolist() == (plain.sum(axis=1) / 5 / eyes).tolist()


def test_faults_of_all_parts_are_told_together(monkeypatch):
    monkeypatch.setattr(fldbench.blocks, "FACES", 2)
    landmarks = FACES.landmarks.copy()
    landmarks[[1, 8]] = landmarks[[1, 8], :1]
    with pytest.raises(fldbench.ProtocolError, match=r"not so for 2 face\(s\): .*1, .*8; mend"):
        nme(faces=replace(FACES, landmarks=landmarks))
    landmarks[[1, 8]] = np.nan
    with pytest.raises(fldbench.ProtocolError, match="no point counts of the faces test1, test8;"):
        nme(faces=replace(FACES, landmarks=landmarks, visible=None))
