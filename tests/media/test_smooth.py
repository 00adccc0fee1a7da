"""The one-euro filter against its equations, by hand and by laws."""

import numpy as np
import pytest

from fldbench.errors import DataError
from fldbench.media.smooth import OneEuro


def run(points, times, size=100.0, **params):
    smooth = OneEuro(**params)
    return np.array([smooth(one, time, size) for one, time in zip(points, times, strict=True)])


def test_the_equations_by_hand():
    """Two steps of one point, size 10, written out from the paper."""
    out = run(np.array([[[0.0, 0.0]], [[1.0, 0.0]], [[3.0, 0.0]]]), [0.0, 0.1, 0.3], 10.0, min_cutoff=2.0, beta=0.5)

    def share(cutoff, dt):
        tau = 1 / (2 * np.pi * cutoff)
        return 1 / (1 + tau / dt)

    v1 = share(1.0, 0.1) * (1.0 - 0.0) / 0.1 / 10
    x1 = share(2.0 + 0.5 * v1, 0.1) * 1.0
    v2 = share(1.0, 0.2) * (3.0 - x1) / 0.2 / 10 + (1 - share(1.0, 0.2)) * v1
    a2 = share(2.0 + 0.5 * v2, 0.2)
    assert np.allclose(out[:, 0, 0], [0.0, x1, a2 * 3.0 + (1 - a2) * x1])


def test_a_still_face_jitters_less_and_a_fast_one_lags_less_with_beta():
    rng, times = np.random.default_rng(0), np.arange(200) / 25
    noise = rng.normal(0, 1, (200, 1, 2))
    assert run(noise, times)[50:].std() < 0.6 * noise[50:].std()
    moving = np.cumsum(np.full((200, 1, 2), 4.0), axis=0)
    slow, quick = (np.abs(run(moving, times, beta=beta) - moving)[-1].max() for beta in (0.0, 20.0))
    assert quick < 0.3 * slow


def test_the_size_of_the_picture_does_not_matter():
    rng, times = np.random.default_rng(1), np.cumsum(np.random.default_rng(2).uniform(0.01, 0.1, 40))
    points = rng.normal(0, 5, (40, 3, 2)).cumsum(axis=0)
    assert np.allclose(run(7 * points, times, 700.0), 7 * run(points, times, 100.0))


def test_it_begins_again_after_a_lost_frame_and_keeps_its_input():
    smooth = OneEuro()
    smooth(np.zeros((2, 2)), 0.0, 50.0)
    lost = smooth(np.full((2, 2), np.nan), 0.1, 50.0)
    assert np.isnan(lost).all()
    given = np.full((2, 2), 40.0)
    out = smooth(given, 0.2, 50.0)
    assert (out == 40).all()
    out += 1
    assert (smooth(given, 0.3, 50.0) == 40).all()
    assert (smooth(given + 9, 0.3, 50.0) == 49).all()  # not later than the last


@pytest.mark.parametrize("params", [{"min_cutoff": 0}, {"beta": -1}, {"speed_cutoff": float("nan")}])
def test_wrong_parameters_are_refused(params):
    with pytest.raises(DataError, match=next(iter(params))):
        OneEuro(**params)
