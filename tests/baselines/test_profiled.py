"""profiled: faces turned aside by hand-computed poses, laws of the turn, and a method that learns from them."""

from dataclasses import replace

import numpy as np
import pytest

from fldbench import load_dataset, make_method
from fldbench.baselines.parts.profiling import pose_of, turned_aside, with_profiles
from fldbench.errors import MethodError
from fldbench.schemes import get_scheme
from fldbench.schemes.head import mean_head

SCHEME = get_scheme("ibug-68")
HEAD = mean_head("ibug-68")
JAW = list(SCHEME.regions["jaw"])
GREY = np.full((300, 300, 3), 128, np.uint8)


def turn(yaw):
    """The rotation of a head by a yaw to the right of the image: its nose, at -z, comes to +x."""
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])


def seen(yaw, scale=1.2):
    """The mean head as a camera far away sees it."""
    return scale * (HEAD @ turn(yaw).T)[:, :2] + (150, 120)


@pytest.fixture(scope="module")
def faces():
    return load_dataset("synthetic", split="train", faces=24)


@pytest.mark.parametrize("yaw", [-50, -10, 0, 25, 70])
def test_the_pose_of_a_head_that_is_seen_from_far_away_is_exact(yaw):
    pose = pose_of(seen(yaw), HEAD)
    assert pose.yaw == pytest.approx(yaw, abs=1e-6)
    assert pose.scale == pytest.approx(1.2)
    np.testing.assert_allclose(pose.seen(HEAD)[:, :2], seen(yaw), atol=1e-8)


@pytest.mark.parametrize(("start", "end"), [(0, 40), (10, 60), (-20, -70), (30, -30)])
def test_points_inside_the_face_are_those_of_the_head_turned_about_its_axis(start, end):
    _, landmarks = turned_aside(GREY, seen(start), SCHEME, end)
    assert pose_of(landmarks[17:], HEAD[17:]).yaw == pytest.approx(end, abs=1e-6)
    apart = landmarks[17:] - seen(end)[17:]
    np.testing.assert_allclose(apart, np.broadcast_to(apart[0], apart.shape), atol=1e-8)  # the axis stays where it is


def test_the_jaw_is_nowhere_further_in_than_the_face_that_hides_it():
    _, landmarks = turned_aside(GREY, seen(0), SCHEME, 60)
    inner = landmarks[[*range(17, 27), *range(36, 68)]]
    for point in landmarks[9:17]:  # to the right, where the nose points
        same_height = inner[np.abs(inner[:, 1] - point[1]) < 3]
        assert (same_height[:, 0] < point[0]).all()
    hidden = seen(60)[9:17, 0].max() - seen(60)[30, 0]
    assert landmarks[14, 0] - landmarks[30, 0] > hidden


def test_a_turn_of_the_mirrored_face_is_the_mirrored_turn(faces):
    face, last = faces[0], faces.images[0].shape[1] - 1
    mirrored = np.ascontiguousarray(face.image[:, ::-1])
    points = (face.landmarks * (-1, 1) + (last, 0))[list(SCHEME.mirror)]
    image, landmarks = turned_aside(face.image, face.landmarks, SCHEME, 50)
    other, there = turned_aside(mirrored, points, SCHEME, -50)
    # The mean head is symmetric to a tenth of a millimetre.
    np.testing.assert_allclose((there * (-1, 1) + (last, 0))[list(SCHEME.mirror)], landmarks, atol=0.5)
    assert np.abs(other[:, ::-1].astype(float) - image).mean() < 6


def test_what_is_turned_to_where_it_is_already_stays(faces):
    face = faces[1]
    yaw = pose_of(face.landmarks, HEAD).yaw
    image, landmarks = turned_aside(face.image, face.landmarks, SCHEME, yaw)
    inner = [point for point in range(68) if point not in JAW]
    np.testing.assert_allclose(landmarks[inner], face.landmarks[inner], atol=1e-8)
    assert np.abs(image.astype(float) - face.image).max() <= 1


def test_pixels_move_with_their_landmarks():
    image = GREY.copy()
    points = seen(0)
    x, y = np.round(points[45]).astype(int)
    image[y - 3 : y + 4, x - 3 : x + 4] = 255
    turned, landmarks = turned_aside(image, points, SCHEME, -40)  # the point is on the near side
    lit = np.argwhere(turned[..., 0] > 200)[:, ::-1]
    np.testing.assert_allclose(lit.mean(axis=0), landmarks[45], atol=1.5)


def test_missing_points_stay_missing_and_move_no_other():
    points = seen(0)
    _, whole = turned_aside(GREY, points, SCHEME, 45)
    points[[5, 40]] = np.nan
    _, part = turned_aside(GREY, points, SCHEME, 45)
    assert np.isnan(part[[5, 40]]).all()
    inner = [i for i in range(17, 68) if i != 40]
    np.testing.assert_allclose(part[inner], whole[inner], atol=1e-8)


def test_the_turned_faces_stand_behind_the_others_which_stay(faces):
    more = with_profiles(faces, 0.5, 30, 75, np.random.default_rng(0))
    assert len(more) == 36
    assert more.ids[24:].tolist() == [f"{name} turned aside" for name in more.groups[24:]]
    np.testing.assert_array_equal(more.landmarks[:24], faces.landmarks)
    np.testing.assert_array_equal(more.images[3], faces.images[3])
    assert more.images.digest(3) == faces.images.digest_once(3)
    assert len({more.images.digest(i) for i in range(36)}) == 36
    yaws = [abs(pose_of(points[17:], HEAD[17:]).yaw) for points in more.landmarks[24:]]
    assert min(yaws) > 25 and max(yaws) < 95
    low, high = more.landmarks[24:].min(axis=1), more.landmarks[24:].max(axis=1)
    np.testing.assert_allclose(more.boxes[24:], np.concatenate([low, high], axis=1))  # tight boxes stay tight
    assert (more.attributes["pose"][24:] == -1).all() and (more.attributes["smile"][24:] >= 0).all()


def test_a_greater_share_turns_the_same_faces_and_more(faces):
    some, all_of_them = (with_profiles(faces, share, 30, 75, np.random.default_rng(3)) for share in (0.25, 1.0))
    assert set(some.ids) < set(all_of_them.ids)
    for row in range(24, len(some)):
        (other,) = np.flatnonzero(all_of_them.ids == some.ids[row])
        np.testing.assert_array_equal(some.images[row], all_of_them.images[other])


def test_a_face_of_which_only_the_jaw_without_the_chin_is_known_can_be_turned():
    points = 1.2 * mean_head("wflw-98")[:, :2] + (150, 120)
    points[[16, *range(33, 98)]] = np.nan
    _, landmarks = turned_aside(GREY, points, get_scheme("wflw-98"), 50)
    np.testing.assert_array_equal(np.isnan(landmarks), np.isnan(points))


def test_faces_that_cannot_be_turned_are_there_once(faces):
    landmarks = faces.landmarks.copy()
    landmarks[0, 19:] = np.nan
    landmarks[1] = landmarks[1, 0]
    odd = replace(faces, landmarks=landmarks, visible=np.isfinite(landmarks).all(axis=2))
    more = with_profiles(odd, 1.0, 30, 75, np.random.default_rng(0))
    assert set(more.groups[24:]) == set(faces.ids[2:])


def test_a_loose_box_is_as_loose_about_the_turned_face(faces):
    boxes = faces.boxes + 0.1 * (faces.boxes[:, 2:] - faces.boxes[:, :2]).repeat(2, axis=1)[:, [0, 2, 0, 2]]
    more = with_profiles(replace(faces, boxes=boxes), 1.0, 30, 75, np.random.default_rng(0))
    tight = np.concatenate([more.landmarks.min(axis=1), more.landmarks.max(axis=1)], axis=1)
    sides = tight[:, 2:] - tight[:, :2]
    np.testing.assert_allclose((more.boxes - tight)[24:] / np.tile(sides[24:], 2), 0.1, atol=1e-6)


def test_it_is_fitted_to_more_faces_and_answers_those_that_look_aside_better():
    train = load_dataset("synthetic", split="train", faces=150)
    frontal = train[np.abs([pose_of(points, HEAD).yaw for points in train.landmarks]) < 15]
    aside = load_dataset("synthetic", split="test", cause="yaw", dose=4)[:60]
    found = [
        make_method(name, random_state=0, **params).fit(frontal).predict(aside.images, aside.boxes)
        for name, params in (("linear", {}), ("profiled", {"method": "linear", "share": 1.0}))
    ]
    plain, profiled = (np.linalg.norm(points - aside.landmarks, axis=2).mean() for points in found)
    assert profiled < 0.8 * plain


def test_what_it_cannot_turn_it_says_before_a_fit(faces):
    with pytest.raises(MethodError, match="profiled: share is 0; must be a number above 0"):
        make_method("profiled", share=0).check_params()
    five = load_dataset("synthetic", split="train", faces=8, scheme="mtfl-5")
    with pytest.raises(MethodError, match="profiled: faces to turn: scheme is 'mtfl-5'; must be one with at least 20"):
        make_method("profiled", method="mean-shape").fit(five)
    with pytest.raises(MethodError, match="profiled: low is 80; must be at most high, 40"):
        make_method("profiled", low=80, high=40).check_params()


def test_a_network_that_answers_otherwise_is_not_fitted_again(faces):
    small = {"size": 32, "epochs": 1}
    plain = make_method("profiled", method="cnn-small", params=small).fit(faces)
    mirrored = make_method("profiled", method="cnn-small", params=small | {"flip_test": True})
    (alone,) = mirrored.members_alone.values()
    assert alone.get_params() == plain.get_params()
    assert not plain.members_alone and not make_method("profiled", method="linear").members_alone
    mirrored.assemble([plain], faces)
    again = make_method("profiled", method="cnn-small", params=small | {"flip_test": True}).fit(faces)
    images, boxes = list(faces.images[:5]), faces.boxes[:5]
    np.testing.assert_allclose(mirrored.predict(images, boxes), again.predict(images, boxes), atol=1e-4)
    assert np.abs(mirrored.predict(images, boxes) - plain.predict(images, boxes)).max() > 0.01
    assert mirrored.fitted_on == plain.fitted_on
