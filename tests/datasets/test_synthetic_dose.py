"""Dose-response: one cause varies, all else of a face stays; no dose changes nothing."""

import numpy as np
import pytest

pytest.importorskip("cv2")

import fldbench
from fldbench.datasets.synthetic import sample
from fldbench.datasets.synthetic.dose import CAUSES, MOST, Dose
from fldbench.errors import FldbenchError
from fldbench.geometry import box_size, tight_box

FACES = range(6)


def drawn(cause, dose, index):
    return sample.draw_face(2, index, Dose(cause, dose))


def differing(one, other):
    """The names of the fields in which two named tuples differ."""
    return {name for name in one._fields if not np.array_equal(getattr(one, name), getattr(other, name))}


@pytest.mark.parametrize(
    ("cause", "of_geometry", "of_look"),
    [
        ("yaw", {"angles"}, set()),
        ("size", {"fill"}, set()),
        ("light", set(), {"lights"}),
        ("occlusion", set(), {"hairline"}),
        ("skin", set(), {"skin", "lips", "stubble"}),
    ],
)
def test_two_doses_of_a_face_differ_in_the_cause_alone(cause, of_geometry, of_look):
    for index in FACES:
        for dose in range(MOST):
            one, other = drawn(cause, dose, index), drawn(cause, dose + 1, index)
            assert differing(one.geometry, other.geometry) == of_geometry
            assert differing(one.look, other.look) <= of_look and bool(differing(one.look, other.look)) == bool(of_look)
            assert differing(one.worn, other.worn) == set() and not any(other.conditions)


def test_amounts_of_yaw_and_size_are_what_the_points_show():
    for index in FACES:
        yaws = [drawn("yaw", dose, index).geometry.angles for dose in range(MOST + 1)]
        assert [abs(angles[0]) for angles in yaws] == list(CAUSES["yaw"])
        assert len({tuple(angles[1:]) for angles in yaws}) == 1
        for dose in range(MOST + 1):
            points = sample.face_landmarks(2, index, 160, dose=Dose("size", dose))[0]
            assert box_size(tight_box(points)).max() / 160 == pytest.approx(CAUSES["size"][dose], rel=1e-6)


@pytest.mark.parametrize("cause", ["light", "skin", "occlusion"])
def test_points_stay_where_only_the_look_changes(cause):
    first, last = (sample.face_landmarks(2, 3, 160, dose=Dose(cause, dose))[0] for dose in (0, MOST))
    np.testing.assert_array_equal(first, last)


def test_hair_hides_more_points_and_skin_gets_darker():
    seen = [sum(sample.face_landmarks(2, i, dose=Dose("occlusion", d))[1].sum() for i in FACES) for d in (0, MOST)]
    assert seen[1] < seen[0]
    tones = [drawn("skin", dose, 0).look.skin.mean() for dose in range(MOST + 1)]
    assert (np.diff(tones) < 0).all()
    light, dark = (sample.face_image(2, 0, 80, Dose("skin", dose)).mean() for dose in (0, MOST))
    assert dark < light


def test_the_dataset_gives_the_same_faces_with_other_pictures():
    plain = fldbench.load_dataset("synthetic", split="train", faces=4)
    found = [fldbench.load_dataset("synthetic", split="train", faces=4, cause="skin", dose=dose) for dose in (0, 4)]
    assert found[0].ids.tolist() == found[1].ids.tolist() == plain.ids.tolist()
    np.testing.assert_array_equal(found[0].landmarks, found[1].landmarks)
    assert len({faces.fingerprint for faces in (plain, *found)}) == 3
    assert (found[0].images[0] != found[1].images[0]).any()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"cause": "age"}, "cause is 'age'"),
        ({"cause": "yaw", "dose": 5}, "dose is 5"),
        ({"dose": 2}, "cause is ''; must be one of yaw, light, occlusion, skin, size for a dose"),
    ],
)
def test_wrong_doses(options, text):
    with pytest.raises(FldbenchError, match=text):
        fldbench.load_dataset("synthetic", split="test", **options)
