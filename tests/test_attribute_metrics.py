"""Metrics of attributes: numbers by hand, the same by scikit-learn, and what no method can gain by giving up."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from fldbench.attribute_metrics import (
    BINS,
    accuracy,
    answered_classes,
    average_precision,
    balanced_accuracy,
    calibration_error,
    class_distance,
    confusion,
    count_answers,
    measure_attribute,
    missed_of_class,
    reliability,
)
from fldbench.errors import ProtocolError

NAN = [math.nan] * 3
CODES = np.array([0, 0, 1, 2, 2, 2, -1, 1])
ANSWERS = np.array(
    [
        [0.8, 0.1, 0.1],  # right
        [0.2, 0.7, 0.1],  # one class off
        [0.1, 0.8, 0.1],  # right
        [0.6, 0.2, 0.2],  # two classes off
        [0.0, 0.0, 1.0],  # right
        NAN,  # given up: as two classes off
        [0.9, 0.1, 0.0],  # not known
        NAN,  # given up: as one class off
    ]
)


def drawn(seed, n=200, k=4, gaps=0.0, ties=False):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, k, n)
    answers = rng.dirichlet(np.ones(k), n) + 0.5 * np.eye(k)[codes] * rng.random((n, 1))
    answers /= answers.sum(axis=1, keepdims=True)
    if ties:
        answers = np.round(answers, 1)
    answers[rng.random(n) < gaps] = np.nan
    return codes, answers


def test_by_hand():
    assert answered_classes(ANSWERS).tolist() == [0, 1, 1, 0, 2, -1, 0, -1]
    assert confusion(CODES, ANSWERS).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    assert missed_of_class(CODES, ANSWERS).tolist() == [0, 1, 1]
    assert accuracy(CODES, ANSWERS) == pytest.approx(3 / 7)
    assert balanced_accuracy(CODES, ANSWERS) == pytest.approx((1 / 2 + 1 / 2 + 1 / 3) / 3)
    assert class_distance(CODES, ANSWERS) == pytest.approx((0 + 1 + 0 + 2 + 0 + 2 + 1) / 7)


def test_average_precision_by_hand():
    # Class 1 of four faces, from the most probable: yes, no, yes, no.
    codes, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1])
    assert average_precision(codes, np.stack([1 - scores, scores], 1)) == pytest.approx((1 + 2 / 3) / 2)
    # A positive that is given up is never found, a negative stands first.
    scores[0] = np.nan
    assert average_precision(codes, np.stack([1 - scores, scores], 1)) == pytest.approx((0 + 1 / 2) / 2)
    scores[2] = np.nan
    assert average_precision(codes, np.stack([1 - scores, scores], 1)) == 0
    scores = np.array([0.9, 0.8, 0.7, np.nan])
    assert average_precision(codes, np.stack([1 - scores, scores], 1)) == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_calibration_by_hand():
    codes = np.array([0, 0, 1, 1, 0])
    top = np.array([0.95, 0.97, 0.96, 0.6, np.nan])
    answers = np.stack([top, 1 - top], 1)
    bins = reliability(codes, answers)
    assert len(bins) == BINS
    assert bins[14] == (3, pytest.approx(0.96), pytest.approx(2 / 3))
    assert bins[8] == (1, pytest.approx(0.6), 0.0)  # 0.6 = 9 / 15 is the upper end of the ninth
    assert all(one == (0, None, None) for i, one in enumerate(bins) if i not in (8, 14))
    assert calibration_error(codes, answers) == pytest.approx((3 * abs(2 / 3 - 0.96) + 0.6 + 1) / 5)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_scikit_learn_agrees(seed, ties):
    codes, answers = drawn(seed, ties=ties)
    chosen = answers.argmax(axis=1)
    assert accuracy(codes, answers) == pytest.approx(sklearn_metrics.accuracy_score(codes, chosen))
    assert balanced_accuracy(codes, answers) == pytest.approx(sklearn_metrics.balanced_accuracy_score(codes, chosen))
    assert np.array_equal(confusion(codes, answers), sklearn_metrics.confusion_matrix(codes, chosen))
    each = [sklearn_metrics.average_precision_score(codes == one, answers[:, one]) for one in range(4)]
    assert average_precision(codes, answers) == pytest.approx(np.mean(each))
    pair = np.stack([1 - answers[:, 2], answers[:, 2]], 1)
    assert average_precision((codes == 2).astype(int), pair) == pytest.approx(each[2])


def test_calibration_by_a_second_route():
    """Summed face by face: in each bin, the absolute sum of (right - confidence)."""
    codes, answers = drawn(5)
    top, right = answers.max(axis=1), answers.argmax(axis=1) == codes
    total = 0.0
    for low in range(BINS):
        own = [r - t for t, r in zip(top, right, strict=True) if low / BINS < t <= (low + 1) / BINS]
        total += abs(sum(own))
    assert calibration_error(codes, answers) == pytest.approx(total / len(codes))
    assert sum(one.faces for one in reliability(codes, answers)) == len(codes)


@pytest.mark.parametrize("seed", range(6))
def test_giving_up_never_helps(seed):
    codes, answers = drawn(seed, n=30, k=2 + seed % 2, gaps=0.1, ties=seed % 3 == 0)
    for face in range(len(codes)):
        less = answers.copy()
        less[face] = np.nan
        for good in (accuracy, balanced_accuracy, average_precision):
            assert good(codes, less) <= good(codes, answers) + 1e-12, good.__name__
        for bad in (calibration_error, class_distance):
            assert bad(codes, less) >= bad(codes, answers) - 1e-12, bad.__name__


def test_the_order_of_faces_and_unknown_ones_change_nothing():
    codes, answers = drawn(1, gaps=0.1)
    order = np.random.default_rng(0).permutation(len(codes))
    more = np.append(codes, [-1, -1]), np.concatenate([answers, answers[:1], [[math.nan] * 4]])
    for other in ((codes[order], answers[order]), more):
        again = measure_attribute("pose", *other, ordered=True)
        for one, same in zip(measure_attribute("pose", codes, answers, ordered=True), again, strict=True):
            assert one.value == pytest.approx(same.value, rel=1e-12), one.key


def test_classes_that_do_not_occur_are_no_part_of_a_mean():
    codes, answers = np.array([0, 0, 2]), np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    assert balanced_accuracy(codes, answers) == pytest.approx((1 / 2 + 1) / 2)
    assert average_precision(codes, answers) == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)  # of 0 and 2 against the rest
    counts = count_answers(codes, answers, ("left", "frontal", "right"), ordered=True)
    assert (counts.occurring, counts.known) == (2, 3)


def test_what_was_counted_adds_up():
    counts = count_answers(CODES, ANSWERS, ("left", "frontal", "right"), ordered=True)
    assert counts.known == 7 == np.sum(counts.confusion) + sum(counts.missed)
    assert counts.occurring == 3
    assert sum(one.faces for one in counts.reliability) == 5


def test_nothing_known_has_no_numbers():
    for codes, answers in ((np.array([-1, -1]), ANSWERS[:2]), (np.empty(0, int), np.empty((0, 3)))):
        found = measure_attribute("pose", codes, answers, ordered=True)
        assert [one.key for one in found] == [
            "accuracy:pose",
            "balanced_accuracy:pose",
            "average_precision:pose",
            "ece:pose",
            "class_distance:pose",
        ]
        assert all(math.isnan(one.value) for one in found)
        assert count_answers(codes, answers, ("a", "b", "c")).known == 0
    assert math.isnan(average_precision(np.array([1, 1]), ANSWERS[:2, :2]))  # one class has no rank


def test_nobody_answered():
    nothing = np.full((8, 3), np.nan)
    found = {one.name: one.value for one in measure_attribute("pose", CODES, nothing, ordered=True)}
    assert (found["accuracy"], found["balanced_accuracy"], found["ece"]) == (0, 0, 100)
    assert found["class_distance"] == pytest.approx((2 + 2 + 1 + 2 + 2 + 2 + 1) / 7)


def test_perfect_answers():
    sure = np.eye(3)[np.maximum(CODES, 0)]
    found = {one.name: one.value for one in measure_attribute("pose", CODES, sure, ordered=True)}
    assert found == {
        "accuracy": 100,
        "balanced_accuracy": 100,
        "average_precision": 100,
        "ece": 0,
        "class_distance": 0,
    }


@pytest.mark.parametrize(
    ("codes", "answers", "message"),
    [
        ([0, 1], [[0.5, 0.5]], r"probabilities\.shape is \(1, 2\); must be \(2, k\), k at least 2"),
        ([0], [[1.0]], r"probabilities\.shape is \(1, 1\)"),
        ([0], [0.5], r"probabilities\.shape is \(1,\)"),
        ([2], [[0.5, 0.5]], "a code is 2; must be 0 to 1, or -1 for unknown"),
        ([-2], [[0.5, 0.5]], "a code is -2; must be 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused(codes, answers, message):
    with pytest.raises(ProtocolError, match=message):
        accuracy(np.array(codes), np.array(answers))
