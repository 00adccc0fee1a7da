"""Metrics: numbers done by hand, a second route, and laws."""

import numpy as np
import pytest
from scipy.integrate import quad

from fldbench import metrics
from fldbench.errors import ProtocolError

RNG = np.random.default_rng(0)


def test_point_errors_by_hypot_and_scale():
    p, t = RNG.normal(size=(2, 7, 5, 2))
    assert np.allclose(metrics.point_errors(p, t), np.hypot(*(p - t).transpose(2, 0, 1)))
    assert np.allclose(metrics.point_errors(2 * p, 2 * t), 2 * metrics.point_errors(p, t))


def test_centre_distance_of_single_points_and_of_eyes():
    landmarks = np.array([[[0, 0], [2, 0], [10, 0], [12, 4]]], float)
    assert metrics.centre_distance(landmarks, [0], [2]).tolist() == [10.0]
    # eye means (1, 0) and (11, 2): sqrt(100 + 4)
    assert np.allclose(metrics.centre_distance(landmarks, [0, 1], [2, 3]), np.sqrt(104))


def test_face_errors_skip_unannotated_points_and_divide_by_the_counted_ones():
    truth = np.array([[[0, 0], [4, 0], [np.nan, np.nan]]])
    guess = np.array([[[0, 3], [4, 1], [99, 99]]], float)
    assert np.allclose(metrics.face_errors(guess, truth, np.array([4.0])), (3 + 1) / 2 / 4)
    assert np.allclose(metrics.face_errors(guess, truth, np.array([4.0]), points=[1]), 1 / 4)


def test_face_errors_miss_a_face_with_any_counted_point_not_finite():
    truth = np.zeros((3, 2, 2))
    guess = np.ones((3, 2, 2))
    guess[1, 1, 0] = np.nan
    guess[2, 0, 1] = np.inf
    errors = metrics.face_errors(guess, truth, np.ones(3))
    assert np.isfinite(errors).tolist() == [True, False, False]
    assert np.isfinite(metrics.face_errors(guess, truth, np.ones(3), points=[0])).tolist() == [True, True, False]


def test_face_errors_refuse_a_face_without_annotation():
    with pytest.raises(ProtocolError, match="1 face\\(s\\) have no annotated point"):
        metrics.face_errors(np.zeros((1, 2, 2)), np.full((1, 2, 2), np.nan), np.ones(1))


def test_face_errors_laws_permutation_of_points_and_shift_and_scale():
    p, t = RNG.normal(size=(2, 9, 6, 2))
    d = RNG.uniform(1, 2, 9)
    order = RNG.permutation(6)
    base = metrics.face_errors(p, t, d)
    assert np.allclose(metrics.face_errors(p[:, order], t[:, order], d), base)
    assert np.allclose(metrics.face_errors(p + 5, t + 5, d), base)
    assert np.allclose(metrics.face_errors(3 * p, 3 * t, 3 * d), base)


def test_nme_is_macro_and_leaves_missed_faces_out():
    assert metrics.nme(np.array([0.1, 0.3, np.nan])) == pytest.approx(0.2)
    assert np.isnan(metrics.nme(np.array([np.nan])))


def test_failure_rate_counts_above_not_at_the_threshold_and_missed_faces():
    assert metrics.failure_rate(np.array([0.08, 0.0800001, np.nan, 0.01]), 0.08) == 0.5


def test_strict_counts_an_error_at_the_threshold_as_a_failure():
    errors = np.array([0.08, 0.0800001, np.nan, 0.01])
    assert metrics.failure_rate(errors, 0.08, strict=True) == 0.75
    at = np.array([0.01, 0.08, 1.0])
    assert metrics.ced(errors, at).tolist() == [0.25, 0.5, 0.75]
    assert metrics.ced(errors, at, strict=True).tolist() == [0.0, 0.25, 0.75]


def test_the_micro_mean_weighs_by_points():
    errors = np.array([0.1, 0.3, np.nan])
    assert metrics.nme(errors, np.array([3, 1, 9])) == pytest.approx((3 * 0.1 + 0.3) / 4)
    assert metrics.nme(errors, np.array([2, 2, 9])) == metrics.nme(errors)
    assert np.isnan(metrics.nme(np.array([np.nan]), np.array([5])))


def test_counted_points_are_annotated_chosen_and_visible():
    truth = np.zeros((2, 4, 2))
    truth[0, 1, 0] = np.nan
    visible = np.array([[True, True, False, True], [True] * 4])
    assert metrics.counted_points(truth).tolist() == [[True, False, True, True], [True] * 4]
    assert metrics.counted_points(truth, [1, 2, 3], visible).tolist() == [
        [False, False, False, True],
        [False, True, True, True],
    ]


def test_face_errors_of_visible_points_by_hand():
    truth, guess = np.zeros((1, 3, 2)), np.array([[[3.0, 4.0], [0.0, 1.0], [np.nan, 0.0]]])
    seen = np.array([[True, True, False]])
    assert metrics.face_errors(guess, truth, np.array([10.0]), visible=seen) == pytest.approx((5 + 1) / 2 / 10)
    assert np.isnan(metrics.face_errors(guess, truth, np.array([10.0])))


def test_a_face_with_an_absent_point_changes_no_bit_of_the_others():
    """Faces that are annotated completely, and no others beside them, take a shorter way."""
    p, t = RNG.normal(size=(2, 9, 68, 2))
    holed = t.copy()
    holed[8, 5] = np.nan
    whole = metrics.face_errors(p, t, np.ones(9))
    assert metrics.face_errors(p, holed, np.ones(9))[:8].tobytes() == whole[:8].tobytes()
    assert metrics.numbers_of_points(metrics.counted_points(holed)).tolist() == [68] * 8 + [67]


def test_an_answer_too_large_for_a_number_is_missed_without_a_warning():
    guess = np.array([[[1e200, 0.0]], [[1e160, 1e160]], [[3.0, 4.0]]])
    assert np.isnan(metrics.face_errors(guess, np.zeros((3, 1, 2)), np.ones(3))).tolist() == [True, True, False]


def test_no_two_thresholds_or_rules_share_a_key():
    thresholds = [round(i / 10000, 4) for i in range(1, 10001)]
    keys = {metrics.Metric("fr", 0.0, t).key for t in thresholds}
    assert len(keys) == len(thresholds) and {"fr08", "fr10", "fr07.5", "fr00.01", "fr100"} <= keys
    rules = [None, "menpo", "fan"]
    assert [metrics.Metric("auc", 0.0, 0.08, rule).key for rule in rules] == ["auc08", "auc08:menpo", "auc08:fan"]


def test_auc_is_the_area_under_the_ced_by_integration():
    errors = np.concatenate([RNG.gamma(2, 0.02, 40), [np.nan, np.nan]])
    for t in (0.05, 0.08, 0.1):
        steps = np.sort(errors[errors < t])
        area = quad(lambda x: float(metrics.ced(errors, np.array([x]))[0]), 0, t, points=steps, limit=500)[0]
        assert metrics.auc(errors, t) == pytest.approx(area / t, abs=1e-6)


def test_ced_rises_to_the_found_share_and_mirrors_the_failure_rate():
    errors = np.concatenate([RNG.gamma(2, 0.02, 30), [np.nan]])
    curve = metrics.ced(errors, np.linspace(0, 1, 300))
    assert np.all(np.diff(curve) >= 0)
    assert curve[-1] == pytest.approx(30 / 31)
    assert metrics.ced(errors, np.array([0.04]))[0] == pytest.approx(1 - metrics.failure_rate(errors, 0.04))


def test_normaliser_must_be_positive_and_names_the_faces():
    with pytest.raises(
        ProtocolError, match=r"inter-ocular distance must be finite and > 0 px; not so for 2 face.*b, c"
    ):
        metrics.check_normaliser(np.array([1.0, 0.0, np.nan]), ["a", "b", "c"], "inter-ocular")


def test_no_face_is_an_error_not_a_number():
    for measure in (metrics.nme, lambda e: metrics.auc(e, 0.1), lambda e: metrics.failure_rate(e, 0.1)):
        with pytest.raises(ProtocolError, match="no face to measure on"):
            measure(np.array([]))
