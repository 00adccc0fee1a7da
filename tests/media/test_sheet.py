"""Sheets of faces: the answer and the truth in their places, errors and bars below, and answers that do not fit."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces

from fldbench.errors import DataError
from fldbench.faces import ImageArrays, NoImages
from fldbench.faces.attributes import NO_YES, Attribute
from fldbench.media.bars import bar_panel
from fldbench.media.sheet import CELL, POINT, TRUE_POINT, answer_sheet, face_picture

POSES = ("left", "frontal", "right")


def faces_with_attributes(n=4):
    faces = toy_faces(n)
    return replace(
        faces,
        images=ImageArrays([np.zeros((48, 40, 3), np.uint8)] * n),
        attributes={"smile": np.arange(n) % 2, "pose": np.array([0, 2, -1, 1])[:n]},
        attribute_types={"smile": NO_YES, "pose": Attribute(POSES)},
    )


def centre_of(picture, colour):
    y, x = np.nonzero((picture == colour).all(axis=2))
    return np.array([x.mean(), y.mean()])


def test_answer_and_truth_are_drawn_in_their_places():
    faces = faces_with_attributes(1)
    truth = np.full((1, 5, 2), np.nan)
    truth[0, 0], truth[0, 4] = [10, 10], [30, 30]
    faces = replace(faces, landmarks=truth, visible=None)
    answer = np.full((5, 2), np.nan)
    answer[2] = [20, 18]
    picture = face_picture(faces, 0, 160, answer=answer)
    # Shown is 20 px of the face and 30 % around it: from (4, 4) to (36, 36), 32 px as 160.
    assert picture.shape == (160, 160, 3)
    assert np.allclose(centre_of(picture, POINT), (np.array([20, 18]) - 4 + 0.5) * 5 - 0.5, atol=0.5)
    assert np.allclose(centre_of(picture, TRUE_POINT), (20 - 4 + 0.5) * 5 - 0.5, atol=0.5)
    assert not (face_picture(faces, 0, 160) == TRUE_POINT).all(axis=2).any()
    grey = face_picture(replace(faces, images=NoImages(1, "there are none")), 0, 160, answer=answer)
    assert np.abs(centre_of(grey, POINT) - centre_of(picture, POINT)).max() < 3 and (grey == 96).any()


def test_a_sheet_has_the_bars_and_the_error_of_each_face():
    faces = faces_with_attributes()
    rng = np.random.default_rng(0)
    answers = {"smile": rng.dirichlet([1, 1], 4), "pose": rng.dirichlet([1, 1, 1], 4)}
    points = faces.landmarks + 1
    points[2] = np.nan
    errors = np.array([0.05, 0.123, np.nan, 0.0])
    sheet = answer_sheet(faces, points, answers, errors=errors, columns=2)
    titles = [["test0", "5.0 %"], ["test1", "12.3 %"], ["test2", "missed"], ["test3", "0.0 %"]]
    classes = {"smile": ("no", "yes"), "pose": POSES}
    for i, title in enumerate(titles):
        truth = {"smile": i % 2, "pose": [0, 2, -1, 1][i]}
        panel = bar_panel({name: one[i] for name, one in answers.items()}, classes, truth, CELL, *title)
        top, left = (i // 2) * (CELL + len(panel)) + CELL, (i % 2) * CELL
        assert np.array_equal(sheet[top : top + len(panel), left : left + CELL], panel), i
    assert sheet.shape[1] == 2 * CELL and len(sheet) > 2 * (CELL + len(panel)) + 20  # the legend


def test_truth_is_found_by_the_names_of_the_classes():
    faces = faces_with_attributes()
    rng = np.random.default_rng(0)
    order = [2, 0, 1]
    pose = rng.dirichlet([1, 1, 1], 4)
    shuffled = answer_sheet(faces, faces.landmarks, {"pose": pose[:, order]}, {"pose": [POSES[k] for k in order]})
    panel = bar_panel({"pose": pose[1, order]}, {"pose": [POSES[k] for k in order]}, {"pose": 0}, CELL, "test1")
    assert np.array_equal(shuffled[CELL : CELL + len(panel), CELL : 2 * CELL], panel)
    other = answer_sheet(faces, faces.landmarks, {"pose": pose}, {"pose": ("a", "b", "frontal")})
    unknown = bar_panel({"pose": pose[1]}, {"pose": ("a", "b", "frontal")}, {}, CELL, "test1")
    assert np.array_equal(other[CELL : CELL + len(panel), CELL : 2 * CELL], unknown)
    new = answer_sheet(faces, faces.landmarks, {"hat": pose[:, :2]}, {"hat": ("no", "yes")})
    assert np.array_equal(
        new[CELL : CELL + 33, :CELL], bar_panel({"hat": pose[0, :2]}, {"hat": ("no", "yes")}, {}, CELL, "test0")
    )


def test_answers_that_do_not_fit():
    faces = faces_with_attributes()
    with pytest.raises(DataError, match=r"the shape of the landmarks is \(3, 5, 2\); must be \(4, 5, 2\)"):
        answer_sheet(faces, faces.landmarks[:3])
    with pytest.raises(DataError, match=r"sheet of toy-test: the shape of the probabilities of pose is \(2, 3\)"):
        answer_sheet(faces, faces.landmarks, {"pose": np.full((2, 3), 1 / 3)})
    with pytest.raises(DataError, match=r"the shape of the errors is \(2,\); must be \(4,\)"):
        answer_sheet(faces, faces.landmarks, errors=np.zeros(2))
    with pytest.raises(DataError, match="attribute 'hat' has probabilities and no classes"):
        answer_sheet(faces, faces.landmarks, {"hat": np.full((4, 2), 0.5)})
    with pytest.raises(DataError, match="at least one image"):
        answer_sheet(faces[:0], faces.landmarks[:0])
