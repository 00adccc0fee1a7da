"""Jitter, lag and recovery by hand."""

import numpy as np
import pytest

from fldbench.media.temporal import jitter, lag, recovery

TIMES = np.arange(100) / 25


def path(times):
    return np.stack([30 * np.sin(5 * times), 10 * np.cos(3 * times)], axis=1)[:, None]


def test_jitter_by_hand_and_by_laws():
    points = np.array([[[0.0, 0.0], [5.0, 5.0]], [[6.0, 8.0], [5.0, 5.0]], [[np.nan, 0.0], [0.0, 0.0]]])
    assert jitter(points, 10.0) == pytest.approx(np.sqrt((25 + 25 + 0 + 0) / 4) / 10)
    assert jitter(3 * points + 7, 30.0) == pytest.approx(jitter(points, 10.0))
    assert np.isnan(jitter(points[1:], 10.0))


@pytest.mark.parametrize("late", [0.0, 0.05, 0.12])
def test_lag_is_the_delay_whatever_the_constant_error(late):
    shown = np.add(path(TIMES - late), (4.0, -2.0))
    assert lag(shown, path(TIMES), TIMES) == pytest.approx(late, abs=0.003)
    shown[40:50] = np.nan
    assert lag(shown, path(TIMES), TIMES) == pytest.approx(late, abs=0.003)


def test_no_motion_no_lag():
    still = np.zeros((100, 1, 2))
    assert np.isnan(lag(still, still, TIMES))
    assert np.isnan(lag(np.full((100, 1, 2), np.nan), path(TIMES), TIMES))


def test_recovery_counts_to_the_first_frame_that_stays_good():
    times = np.arange(6) / 10
    assert recovery(np.array([np.nan, 0.2, 0.04, 0.3, 0.05, 0.08]), times, 0.0, 0.08) == pytest.approx(0.4)
    assert recovery(np.full(6, 0.01), times, 0.0, 0.08) == 0.0
    assert recovery(np.array([0.0, 0.0, 0.0, 0.0, 0.0, np.nan]), times, 0.0, 0.08) == np.inf
