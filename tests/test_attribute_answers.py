"""What a method answers beyond landmarks is checked: which attributes, of which classes, and the probabilities."""

import numpy as np
import pytest
from toys import Noisy, toy_faces

from fldbench.attribute_answers import predict_attributes_checked
from fldbench.errors import MethodError

FACES = toy_faces(3)
IMAGES = list(FACES.images)
ROWS = [[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]]


class Says(Noisy):
    """Answers what it was made with."""

    tasks = ("landmarks", "mood")

    def __init__(self, answer=None, classes=None):
        super().__init__()
        self.answer = answer
        self.classes = classes
        self.mean_ = np.zeros((5, 2))
        self.classes_ = {"mood": ["sad", "glad"]} if classes is None else classes

    @property
    def label(self):
        return "says"

    def predict_attributes(self, images, boxes):
        return self.answer


class SaysByRow(Says):
    """The brightness of each image, as it comes."""

    def predict_attributes(self, images, boxes):
        assert len(images) == len(boxes)
        light = np.array([image[:, :, 0].mean() / 255 for image in images])
        return {"mood": np.stack([light, 1 - light], 1)}


def test_good_answers_are_kept_as_float32_with_their_classes():
    (found,) = predict_attributes_checked(Says({"mood": ROWS}), IMAGES, FACES.boxes).values()
    assert found.classes == ("sad", "glad")
    assert found.probabilities.dtype == np.float32 and found.probabilities.tolist() == ROWS


def test_a_method_of_landmarks_alone_is_not_asked():
    assert predict_attributes_checked(Noisy(), IMAGES, FACES.boxes) == {}


@pytest.mark.parametrize(
    "row", [[np.nan, 1.0], [np.nan, np.nan], [np.inf, 0.0], [1e300, 0.0]], ids=["half", "nothing", "infinite", "huge"]
)
def test_a_row_that_is_not_finite_is_no_answer(row):
    (found,) = predict_attributes_checked(Says({"mood": [row, *ROWS[1:]]}), IMAGES, FACES.boxes).values()
    assert np.isnan(found.probabilities[0]).all() and found.probabilities[1:].tolist() == ROWS[1:]


def test_masked_rows_are_no_answers():
    answer = np.ma.array(ROWS, mask=[[True, True], [False, False], [False, False]])
    (found,) = predict_attributes_checked(Says({"mood": answer}), IMAGES, FACES.boxes).values()
    assert np.isnan(found.probabilities[0]).all() and found.probabilities[1:].tolist() == ROWS[1:]


def test_an_impossible_box_spoils_no_other_face():
    boxes = FACES.boxes.copy()
    boxes[1] = [5.0, 5.0, 5.0, 9.0]
    (found,) = predict_attributes_checked(SaysByRow(), IMAGES, boxes).values()
    (whole,) = predict_attributes_checked(SaysByRow(), IMAGES, FACES.boxes).values()
    assert np.isnan(found.probabilities[1]).all()
    assert np.array_equal(found.probabilities[[0, 2]], whole.probabilities[[0, 2]])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({}, "says: what predict_attributes answers is []; must be a dict of mood"),
        ({"mood": ROWS, "pose": ROWS}, "says: what predict_attributes answers is ['mood', 'pose']; must be a dict"),
        (None, "says: what predict_attributes answers is None; must be a dict of mood"),
        ({"mood": ROWS[:2]}, "says: mood: predict_attributes answered with float64 of shape (2, 2); must be prob"),
        ({"mood": [[0.2, 0.3, 0.5]] * 3}, "says: mood: predict_attributes answered with float64 of shape (3, 3); must"),
        ({"mood": [[1.0], [0.5, 0.5], []]}, "says: mood: predict_attributes answered with [[1.0], [0.5, 0.5], []]; mu"),
        ({"mood": [["a", "b"]] * 3}, "says: mood: predict_attributes answered with <U1 of shape (3, 2); must be prob"),
        (
            {"mood": [ROWS[0], [1.5, -0.5], ROWS[2]]},
            "says: mood: the probabilities of face 1 is [1.5, -0.5]; must be at least 0 and sum to 1, or all of",
        ),
        ({"mood": [*ROWS[:2], [0.5, 0.25]]}, "says: mood: the probabilities of face 2 is [0.5, 0.25]; must be at"),
    ],
)  # fmt: skip
def test_other_answers_are_refused(answer, message):
    with pytest.raises(MethodError) as error:
        predict_attributes_checked(Says(answer), IMAGES, FACES.boxes)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("classes", [{}, {"mood": ["sad"]}, {"mood": "no"}, {"mood": [1, 2]}, "mood"])
def test_classes_without_names_are_refused(classes):
    with pytest.raises(MethodError, match=r"^says: classes_\['mood'\] is .*; must be the names of its classes"):
        predict_attributes_checked(Says({"mood": ROWS}, classes), IMAGES, FACES.boxes)
