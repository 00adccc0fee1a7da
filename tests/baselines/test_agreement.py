"""Confidence from several answers: by hand, laws, and what methods say."""

import numpy as np
import pytest

from fldbench.baselines.parts.agreement import HALF, agreement
from fldbench.checks import quick_faces
from fldbench.method import make_method

BOX = np.array([[0.0, 0.0, 50.0, 200.0]])  # sqrt(w h) is 100 px


def test_by_hand():
    # Two points: the answers lie 2 px from their mean at one, and at the same place at the other: 1 px of 100.
    answers = np.array([[[[0.0, 0.0], [7.0, 7.0]], [[4.0, 0.0], [7.0, 7.0]]]])
    assert agreement(answers, BOX) == pytest.approx([1 / (1 + 0.01 / HALF)])


def test_laws():
    rng = np.random.default_rng(0)
    answers, boxes = rng.normal(size=(6, 3, 4, 2)), np.tile(BOX, (6, 1))
    found = agreement(answers, boxes)
    assert agreement(answers + 9, boxes + 9) == pytest.approx(found)
    assert agreement(5 * answers, 5 * boxes) == pytest.approx(found)
    assert agreement(answers[:, ::-1], boxes) == pytest.approx(found)
    assert (agreement(2 * answers, boxes) < found).all(), "farther apart is less sure"


def test_answers_that_are_missing_do_not_count():
    answers = np.zeros((2, 3, 1, 2))
    answers[0, 1], answers[0, 2] = 4.0, np.nan
    answers[1] = np.nan
    found = agreement(answers, np.tile(BOX, (2, 1)))
    assert found[0] == agreement(answers[:1, :2], BOX)[0] and np.isnan(found[1])


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("asm", {"levels": 2, "first_size": 24.0, "last_size": 40.0, "grid": 3, "cell": 5, "crop_size": 64}),
        ("average", {"methods": ["linear", "mean-shape"], "params": {"linear": {"crop_size": 32, "copies": 1}}}),
        ("ert", {"stages": 2, "trees": 5}),
        ("lbf", {"stages": 2, "trees": 1, "depth": 2}),
    ],
)
def test_methods_say_how_near_their_answers_lie(name, params):
    train, test = quick_faces()
    method = make_method(name, **params).fit(train[:24])
    sure = method.predict_confidence(list(test.images), test.boxes)
    assert sure.shape == (len(test),) and (sure > 0).all() and (sure <= 1).all() and np.ptp(sure) > 0
    if name == "average":
        first, second = (one.predict(list(test.images), test.boxes) for one in method.members_)
        spread = np.linalg.norm(first - second, axis=-1).mean(axis=1) / 2
        side = np.sqrt((test.boxes[:, 2] - test.boxes[:, 0]) * (test.boxes[:, 3] - test.boxes[:, 1]))
        assert sure == pytest.approx(1 / (1 + spread / side / HALF))
