"""Outputs of the modules that enter keys by a number, not by their text. If an output changes, raise the number.

`fldbench.digest.PINNED` names these modules. Those that only handle files, messages, keys and pictures give no number
that a method could learn from. The tables of schemes are pinned in tests/schemes; the outputs of the others are pinned
here.
"""

import numpy as np
import pytest
from toys import Noisy, toy_faces

from fldbench.digest import PINNED
from fldbench.errors import MethodError
from fldbench.method import Method, load_method, predict_checked
from fldbench.params import check_sample_weight
from fldbench.schemes import map_landmarks


class Answers(Method):
    """Answers what it was given."""

    def __init__(self, answer=None):
        self.answer = answer

    def predict(self, images, boxes):
        return self.answer


def test_every_pinned_module_is_accounted_for():
    without_numbers = {"cnn.training.pictures", "digest", "errors", "escape", "files", "progress", "records.keys"}
    without_numbers |= {"model_file", "registry"}
    assert {name.removeprefix("fldbench.") for name in PINNED} == without_numbers | {"method", "params", "schemes"}


def test_maps_between_schemes():
    points = np.arange(136.0).reshape(1, 68, 2)
    expected = [[77, 78], [89, 90], [60, 61], [96, 97], [108, 109]]
    assert map_landmarks(points, "ibug-68", "mtfl-5")[0] == pytest.approx(np.array(expected), abs=1e-9)


def test_weights_of_faces():
    faces = toy_faces(3)
    assert check_sample_weight(None, faces).tolist() == [1.0, 1.0, 1.0]
    assert check_sample_weight([2, 0, 0.5], faces).tolist() == [2.0, 0.0, 0.5]


def test_predictions_are_kept_as_they_are_and_half_a_face_is_a_missed_face():
    answer = np.array([[[1, 2], [3, 4]], [[1, 2], [np.inf, 4]], [[-5, 1e6], [0.25, 0]]])
    boxes, images = np.array([[0.0, 0.0, 1.0, 1.0]] * 3), [np.zeros((4, 4, 3), np.uint8)] * 3
    taken = predict_checked(Answers(answer), images, boxes, 2)
    assert taken[[0, 2]].tolist() == answer[[0, 2]].tolist() and np.isnan(taken[1]).all()
    with pytest.raises(MethodError, match="answered 3 faces"):
        predict_checked(Answers(answer[:, :1]), images, boxes, 2)


def test_a_saved_model_predicts_as_before(toy, tmp_path):
    faces = toy_faces(6)
    model = Noisy().fit(faces)
    again = load_method(model.save(tmp_path / "m"))
    assert np.array_equal(again.mean_, model.mean_) and again.get_params() == model.get_params()
