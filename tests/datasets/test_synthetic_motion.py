"""Clips of the synthetic head: the motion is the one that was asked for, and the truth is on the picture."""

import numpy as np
import pytest

from fldbench.datasets.synthetic.motion import GAP, NOISE, motion_clip, place_at
from fldbench.errors import DataError
from fldbench.media.pose import head_pose


def test_a_still_head_has_one_truth_and_noise_between_its_frames():
    first, second = motion_clip("still", 2, 1, seconds=0.08, size=120)
    assert np.array_equal(first.landmarks, second.landmarks)
    assert (first.time, second.time) == (0.0, 0.04)
    off = first.image.astype(float) - second.image
    assert 0.6 * NOISE < off.std() / np.sqrt(2) < 1.1 * NOISE
    (again,) = motion_clip("still", 2, 1, seconds=0.04, size=120)
    assert np.array_equal(first.image, again.image)


def test_the_head_turns_as_it_should():
    frames = list(motion_clip("turn", 2, 1, seconds=1.25, rate=1.6, size=64))
    yaw = [head_pose(frame.landmarks, "ibug-68").yaw for frame in frames]
    assert np.allclose(yaw, [0, 25], atol=4)
    assert place_at("shake", 0.25)[3] == pytest.approx(0.8)


def test_a_head_that_is_away_is_not_on_the_picture():
    before, gone, back = motion_clip("away", 2, 1, seconds=2.4, rate=1.25, size=96)
    assert [frame.time for frame in (before, gone, back)] == [0.0, 0.8, 1.6]
    frames = list(motion_clip("away", 2, 1, seconds=1.8, rate=5 / 3, size=96))
    assert np.isnan(frames[2].landmarks).all() == (GAP[0] <= frames[2].time < GAP[1])
    gone = frames[2]
    assert np.isnan(gone.landmarks).all()
    assert np.isfinite(back.landmarks).all()
    assert back.landmarks[:, 0].mean() - before.landmarks[:, 0].mean() > 8
    centre = before.landmarks.mean(axis=0).astype(int)
    area = np.s_[centre[1] - 8 : centre[1] + 8, centre[0] - 8 : centre[0] + 8]
    assert np.abs(before.image[area].astype(int) - gone.image[area]).mean() > 15


def test_an_unknown_motion_is_refused():
    with pytest.raises(DataError, match="motion is 'jump'; must be one of still, turn, shake, away"):
        next(motion_clip("jump"))
