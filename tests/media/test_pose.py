"""Head pose against a projection made here and against the synthetic truth; the aspect ratios by hand."""

import numpy as np
import pytest

from fldbench.datasets.synthetic.pose import rotation
from fldbench.datasets.synthetic.sample import face_landmarks
from fldbench.errors import DataError, UnknownNameError
from fldbench.media.pose import draw_pose, head_pose, openness, rotation_angles
from fldbench.schemes import get_scheme, map_landmarks
from fldbench.schemes.head import mean_head

SEEN = ("ibug-68", "ibug-51", "ibug-49", "mtfl-5", "dlib-5", "wflw-98", "imm-58", "imm-frontal-73", "youtu-88")


def seen(scheme, angles, also=(), distance=1000.0, px_per_mm=1.5):
    """The mean head, turned, its middle before a camera: (L, 2) px, and places (k, 3) mm of it behind them."""
    head = mean_head(scheme)
    points = (np.concatenate([head, np.reshape(also, (-1, 3))]) - head.mean(axis=0)) @ rotation(*angles).T
    return points[:, :2] * (px_per_mm * distance / (distance + points[:, 2:])) + (300.0, 200.0)


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, 0, 0), (-40, 12, 5), (10, -20, 60), (0, 0, 170)])
def test_angles_of_a_rotation(angles):
    assert np.allclose(rotation_angles(rotation(*angles)), angles)


@pytest.mark.parametrize("scheme", SEEN)
@pytest.mark.parametrize("angles", [(0, 0, 0), (20, 5, -10), (-40, -12, 5), (10, -15, 60)])
def test_the_mean_head_is_found_as_it_was_turned(scheme, angles):
    *points, root = seen(scheme, angles, (0, 0, 0))
    pose = head_pose(points, scheme)
    assert np.allclose(pose.angles, angles, atol=1.0)
    assert pose.residual < 0.02
    assert np.allclose(pose.centre, root, atol=1.5)


def test_the_angles_do_not_depend_on_size_and_place_and_roll_adds_up():
    points, _, _ = face_landmarks(2, 3)
    one = head_pose(points, "ibug-68")
    assert np.allclose(head_pose(7 * points + [900, -40], "ibug-68").angles, one.angles, atol=1e-3)
    turned = head_pose(points @ rotation(0, 0, 30)[:2, :2].T, "ibug-68")
    assert np.allclose(turned.angles - one.angles, [0, 0, 30], atol=0.05)


def test_a_mirrored_face_looks_to_the_other_side():
    points, _, _ = face_landmarks(2, 3)
    one, other = head_pose(points, "ibug-68"), head_pose(get_scheme("ibug-68").flip(points, 160), "ibug-68")
    assert np.allclose(other.angles, one.angles * [-1, 1, -1], atol=0.3)


@pytest.mark.parametrize("scheme", ["ibug-68", "mtfl-5", "wflw-98"])
def test_the_synthetic_truth(scheme):
    off = []
    for i in range(40):
        points, _, truth = face_landmarks(2, i, scheme=scheme)
        if abs(truth[0]) <= 45:
            off.append(np.abs(head_pose(points, scheme).angles - truth))
    assert (np.median(off, axis=0) < 4).all()


def test_the_jaw_of_a_head_that_looks_away_is_left_out():
    points = seen("ibug-68", (55, 0, 0))
    points[9:17, 0] += 12  # along the outline, as annotators do
    assert abs(head_pose(points, "ibug-68").yaw - 55) < 1


def test_a_scheme_without_a_head_of_its_own_is_mapped():
    rng = np.random.default_rng(0)
    face = rng.normal(0, 1, (15, 2))
    five = map_landmarks(face, "kaggle-15", "mtfl-5")
    assert np.allclose(head_pose(face, "kaggle-15").angles, head_pose(five, "mtfl-5").angles, equal_nan=True)
    with pytest.raises(DataError, match="scheme is 'helen-194'; must be one that maps to or from ibug-68"):
        head_pose(np.zeros((194, 2)), "helen-194")
    with pytest.raises(UnknownNameError):
        head_pose(np.zeros((4, 2)), "no-such-scheme")


def test_missing_points_are_left_out_and_too_few_give_nan():
    points = seen("ibug-68", (20, 5, -10))
    points[10:30] = np.nan
    assert np.allclose(head_pose(points, "ibug-68").angles, (20, 5, -10), atol=1.5)
    for bad in (np.full((68, 2), np.nan), np.zeros((68, 2)), np.tile(np.arange(68.0)[:, None], 2)):
        assert np.isnan(head_pose(bad, "ibug-68").angles).all()
    with pytest.raises(DataError, match="shape"):
        head_pose(np.zeros((5, 2)), "ibug-68")


def test_axes_are_drawn_from_the_root_of_the_nose():
    image = np.zeros((400, 600, 3), np.uint8)
    drawn = draw_pose(image, head_pose(seen("ibug-68", (30, 0, 0)), "ibug-68"))
    blue, red = np.argwhere(drawn[..., 2] > 200), np.argwhere(drawn[..., 0] > 200)
    assert not image.any()
    assert blue[:, 1].max() > 330  # the nose looks to image-right
    assert red[:, 1].max() > 360
    assert not draw_pose(image, head_pose(np.full((68, 2), np.nan), "ibug-68")).any()


def test_aspect_ratios_by_hand():
    face = np.zeros((68, 2))
    face[36:42] = [[0, 2], [2, 1], [4, 1], [6, 2], [4, 3], [2, 4]]  # lids 3 and 2 apart, corners 6
    face[42:48] = [[10, 2], [12, 2], [14, 2], [16, 2], [14, 2], [12, 2]]
    face[60:68] = [[0, 9], [1, 7], [2, 6], [3, 7], [4, 9], [3, 10], [2, 10], [1, 10]]  # 3, 4 and 3 apart, corners 4
    left, right, mouth = openness(face, "ibug-68")
    assert (left, right) == (pytest.approx(2.5 / 6), 0.0)
    assert mouth == pytest.approx(10 / 3 / 4)
    turned = openness(3 * face @ rotation(0, 0, 40)[:2, :2].T, "ibug-68")
    assert np.allclose(turned, (left, right, mouth))


@pytest.mark.parametrize("scheme", ["ibug-68", "ibug-51", "imm-58", "youtu-88", "wflw-98", "helen-194", "webmorph-189"])
def test_schemes_with_rings_tell_all_three(scheme):
    assert (np.array(openness(get_scheme(scheme).template, scheme)) > 0).all()


def test_a_scheme_without_rings_tells_nothing():
    assert np.isnan(openness(np.random.default_rng(0).normal(size=(5, 2)), "mtfl-5")).all()
    assert np.isnan(openness(np.zeros((68, 2)), "ibug-68")).all()
