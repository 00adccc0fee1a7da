"""Tracking squares: when the detector looks, which face is which, what ends and comes back."""

from itertools import pairwise

import numpy as np
import pytest
from made_clips import corners, find_squares, squares

from fldbench.errors import DataError
from fldbench.geometry import box_iou
from fldbench.media.track import Tracker, match


class Watched:
    """The detector, and in which frames it looked."""

    def __init__(self):
        self.frame, self.looked = -1, []

    def __call__(self, image):
        self.looked.append(self.frame)
        return find_squares(image)


def follow(paths, every=10, predict=corners, **more):
    """Follow squares through frames, each a list of places; return tracker, detector and tracks of each frame."""
    detect = Watched()
    tracker, out = Tracker(detect, predict, every, **more), []
    for number, places in enumerate(paths):
        detect.frame = number
        out.append(
            [(one.identity, tuple(one.box), one.shown.copy()) for one in tracker.step(squares(places), number / 25)]
        )
    return tracker, detect, out


def identities(out):
    return [[identity for identity, _, _ in frame] for frame in out]


def test_the_detector_looks_every_n_frames_and_the_box_is_that_of_the_last_landmarks():
    _, detect, out = follow([[(30 + k, 36)] for k in range(25)], smoothing=None)
    assert detect.looked == [0, 10, 20]
    assert identities(out) == [[1]] * 25
    for before, after in pairwise(out):
        (_, old, points), (_, box, _) = before[0], after[0]
        around = np.array([*points.min(axis=0), *points.max(axis=0)])
        steady = box_iou(np.array(old), around) >= 0.9
        assert np.allclose(box, old if steady else around)


def test_without_a_face_it_looks_at_each_frame():
    _, detect, out = follow([[]] * 5 + [[(30, 36)]] * 3)
    assert detect.looked == [0, 1, 2, 3, 4, 5]
    assert identities(out) == [[]] * 5 + [[1]] * 3


def test_two_faces_that_pass_each_other_keep_their_identities():
    paths = [[(15 + 2 * k, 20), (80 - 2 * k, 52)] for k in range(33)]
    tracker, _, out = follow(paths)
    for frame, places in zip(out, paths, strict=True):
        for identity, _, points in frame:
            assert abs(points[2, 1] - places[identity - 1][1]) < 2
    assert tracker.identities == 2


def test_a_face_that_jumps_is_found_in_the_same_frame():
    """The answer in the old place is NaN, so the detector looks at once."""
    _, detect, out = follow([[(20, 36)]] * 5 + [[(75, 36)]] * 5)
    assert detect.looked[:2] == [0, 5]
    assert all(len(frame) == 1 for frame in out)
    assert abs(out[5][0][2][2, 0] - 75) < 2


@pytest.mark.parametrize(("gap", "identity"), [(10, 1), (40, 2)])
def test_a_face_that_comes_back_within_a_second_is_the_same(gap, identity):
    _, _, out = follow([[(30, 36)]] * 5 + [[]] * gap + [[(32, 37)]] * 3)
    assert identities(out)[:5] == [[1]] * 5
    assert identities(out)[5 : 5 + gap] == [[]] * gap
    assert identities(out)[-1] == [identity]


def test_a_new_face_is_found_at_the_next_detection():
    _, _, out = follow([[(20, 36)]] * 3 + [[(20, 36), (70, 36)]] * 12, every=6)
    assert identities(out) == [[1]] * 6 + [[1, 2]] * 9


def test_a_track_that_left_its_face_ends_after_two_detections():
    """A method that always answers would follow the background for ever."""
    _, _, out = follow([[(30, 36)]] * 4 + [[]] * 20, every=5, predict=stubborn)
    assert [len(frame) for frame in out] == [1] * 10 + [0] * 14


def stubborn(image, boxes):
    """The corners and the middle of the box, whatever is in it."""
    low, high = np.asarray(boxes)[:, :2], np.asarray(boxes)[:, 2:]
    mixed = np.stack([high[:, 0], low[:, 1]], 1), np.stack([low[:, 0], high[:, 1]], 1)
    return np.stack([low, mixed[0], (low + high) / 2, mixed[1], high], axis=1)


def test_an_answer_far_from_its_box_is_not_trusted():
    def wild(image, boxes):
        return stubborn(image, boxes) * 3

    _, detect, out = follow([[(30, 36)]] * 3, predict=wild)
    assert detect.looked == [0, 1, 2]
    assert identities(out) == [[]] * 3


def test_two_tracks_on_one_face_become_one():
    def same(image, boxes):
        return np.repeat(corners(image, boxes[:1]), len(boxes), axis=0)

    _, _, out = follow([[(30, 36), (44, 50)]] * 2, predict=same)
    assert identities(out)[-1] == [1]


def test_smoothing_is_shown_and_never_tracked():
    rng = np.random.default_rng(0)
    places = [[(40 + int(rng.integers(-2, 3)), 36)] for _ in range(30)]
    _, _, rough = follow(places, smoothing=None)
    _, _, smooth = follow(places)
    one, other = (np.array([frame[0][2][2, 0] for frame in out]) for out in (rough, smooth))
    assert other[8:].std() < 0.8 * one[8:].std()
    assert [frame[0][1] for frame in rough] == [frame[0][1] for frame in smooth]


def test_the_box_of_a_still_face_stays():
    """A method that answers a little to the right of its box would carry it away otherwise."""
    _, _, out = follow([[(40, 36)]] * 8, predict=lambda image, boxes: stubborn(image, boxes) + np.array([0.4, 0.0]))
    assert len({box for frame in out for _, box, _ in frame}) == 1


def test_match_takes_the_best_assignment():
    assert match([[0, 0, 10, 10], [3, 0, 13, 10]], [[2, 0, 12, 10]]) == {1: 0}
    assert match([], [[0, 0, 1, 1]]) == match([[0, 0, 1, 1]], []) == {}
    with pytest.raises(DataError, match="every is 0"):
        Tracker(find_squares, corners, every=0)


def test_attributes_are_asked_of_new_faces_and_then_every_few_frames():
    asked = []

    def describe(image, boxes):
        asked.append(len(boxes))
        return [{"smile": {"no": 0.0, "yes": 1.0}}] * len(boxes)

    tracker = Tracker(find_squares, corners, every=3, describe=describe)
    for number in range(8):
        places = [(20, 20), (60, 50)] if number >= 4 else [(20, 20)]
        tracks = tracker.step(squares(places), number / 25)
    assert asked == [1, 1, 2]  # frame 0; frame 3; frame 6, where the second face is detected
    assert [track.attributes for track in tracks] == [{"smile": {"no": 0.0, "yes": 1.0}}] * 2
