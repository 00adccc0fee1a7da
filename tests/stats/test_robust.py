"""Robust summaries, by hand and by second routes."""

import numpy as np
import pytest
from scipy import stats

from fldbench.errors import ProtocolError
from fldbench.stats import clipped_error, interquartile_mean, median_error, performance_profile, worst_face

ERRORS = np.exp(np.random.default_rng(0).normal(-3, 0.5, size=40))


def test_against_numpy_and_scipy():
    assert median_error(ERRORS) == pytest.approx(np.median(ERRORS))
    assert interquartile_mean(ERRORS) == pytest.approx(stats.trim_mean(ERRORS, 0.25))
    assert clipped_error(ERRORS, 0.08) == pytest.approx(np.minimum(ERRORS, 0.08).mean())


def test_one_face_decides_a_mean_and_not_the_middle():
    worse = np.r_[ERRORS, 0.45]
    assert interquartile_mean(worse) < 1.05 * interquartile_mean(ERRORS)
    found = worst_face(worse)
    assert (found.place, found.error) == (40, 0.45) and found.without == pytest.approx(ERRORS.mean())
    assert found.of_variance == pytest.approx((0.45 - worse.mean()) ** 2 / (worse.var() * 41))
    assert worst_face(np.full(4, 0.03)) == (0, 0.03, pytest.approx(0.03), 0.0)


def test_missed_faces_are_the_worst():
    missed = np.r_[ERRORS, np.nan]
    assert median_error(missed) > median_error(ERRORS) and interquartile_mean(missed) > interquartile_mean(ERRORS)
    assert np.isinf(median_error(np.array([0.1, np.nan]))) and np.isinf(interquartile_mean(np.array([0.1, np.nan])))
    assert clipped_error(np.array([0.02, np.nan]), 0.08) == pytest.approx(0.05)


def test_profiles():
    errors = np.stack([ERRORS, 1.5 * ERRORS, np.full(40, np.nan)])
    assert performance_profile(errors, np.array([1, 1.4, 1.6])).tolist() == [[1, 1, 1], [0, 0, 1], [0, 0, 0]]
    with np.errstate(all="raise"):
        assert performance_profile(np.full((2, 3), np.nan), np.array([1.0])).tolist() == [[0], [0]]


def test_what_cannot_be_summarised_is_refused():
    with pytest.raises(ProtocolError, match=r"the shape of the errors is \(0,\); must be \(n,\)"):
        median_error(np.array([]))
    with pytest.raises(ProtocolError, match=r"the shape of the errors is \(3,\); must be \(m, n\)"):
        performance_profile(np.zeros(3), np.ones(1))
    with pytest.raises(ProtocolError, match="answered faces is 1; must be 2 or more"):
        worst_face(np.array([0.1, np.nan]))
