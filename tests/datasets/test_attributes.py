"""What the attributes of the readers mean, and the pose that follows from the points of a face."""

import numpy as np
import pytest

import fldbench
from fldbench import registry
from fldbench.datasets.formats.attributes import POSE, TURNS, pose_codes
from fldbench.datasets.mtfl import ATTRIBUTES, CODES
from fldbench.faces import Attribute
from fldbench.faces.attributes import NO_YES

RNG = np.random.default_rng(0)


def faces_of(turns, angle=0.0, scale=10.0, shift=(0.0, 0.0)):
    """Eyes and nose of faces whose nose lies `turns` eye distances to the right of the middle."""
    turns = np.asarray(turns, float)
    points = np.zeros((len(turns), 3, 2))
    points[:, 0, 0], points[:, 1, 0] = -0.5, 0.5
    points[:, 2] = np.stack([turns, RNG.uniform(0.3, 1.0, len(turns))], axis=1)
    c, s = np.cos(angle), np.sin(angle)
    return scale * points @ np.array([[c, s], [-s, c]]) + shift


def codes(points):
    return pose_codes(*points.transpose(1, 0, 2))


def test_pose_codes_by_hand():
    turns = [-0.9, -0.4, -0.38, -0.15, -0.13, 0.0, 0.13, 0.15, 0.38, 0.4, 0.9]
    expected = [0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4]
    assert codes(faces_of(turns)).tolist() == expected
    # The head may be tilted, large and anywhere: only the turn counts.
    assert codes(faces_of(turns, angle=0.6, scale=180.0, shift=(300.0, 40.0))).tolist() == expected
    assert codes(faces_of(turns, angle=-1.2)).tolist() == expected


def test_pose_codes_by_another_route():
    points = RNG.normal(size=(500, 3, 2))
    # In complex numbers, with the left eye at -1/2 and the right one at 1/2.
    left, right, nose = (points[..., 0] + 1j * points[..., 1]).T
    turn = ((nose - left) / (right - left)).real - 0.5
    bounds = [-TURNS[1], -TURNS[0], *TURNS]
    assert codes(points).tolist() == np.searchsorted(bounds, turn).tolist()


def test_a_mirrored_face_has_the_mirrored_pose():
    points = RNG.normal(size=(500, 3, 2))
    flipped = (points * (-1, 1))[:, [1, 0, 2]]
    assert (codes(flipped) == np.array(POSE.mirror)[codes(points)]).all()
    assert set(codes(points)) == {0, 1, 2, 3, 4}


def test_a_pose_without_its_points_is_not_known():
    points = faces_of([0.0, 0.5, 0.5, 0.5])
    points[1, 2] = np.nan
    points[2, 0, 1] = np.nan
    points[3, 1] = points[3, 0]
    assert codes(points).tolist() == [2, -1, -1, -1]


@pytest.mark.parametrize(("split", "share", "balanced"), [("train", 0.80, 0.79), ("test", 0.81, 0.80)])
def test_the_pose_of_real_faces_is_mostly_what_people_said(data_root, split, share, balanced):
    faces = fldbench.load_dataset("mtfl", data_root, split)
    told, found = faces.attributes["pose"], codes(faces.landmarks[:, :3])
    right = told == found
    assert right.mean() == pytest.approx(share, abs=0.01)
    assert np.mean([right[told == code].mean() for code in range(5)]) == pytest.approx(balanced, abs=0.01)
    assert (np.abs(told - found) <= 1).mean() > 0.999


def test_the_bounds_lie_half_way_between_the_classes_of_mtfl(data_root):
    faces = fldbench.load_dataset("mtfl", data_root, "train")
    left, right, nose = (faces.landmarks[..., 0] + 1j * faces.landmarks[..., 1]).T[:3]
    turn = ((nose - left) / (right - left)).real - 0.5
    mean = np.array([turn[faces.attributes["pose"] == code].mean() for code in range(5)])
    assert mean == pytest.approx([-0.53, -0.31, -0.01, 0.26, 0.46], abs=0.005)
    size = (mean - mean[::-1])[3:] / 2  # of the two outer pairs, both sides together
    assert pytest.approx([size[0] / 2, size.mean()], abs=0.005) == TURNS


# What the readers declare.


def declared(name):
    return registry.resolve("dataset", name)().attribute_types


def test_the_readers_declare_what_their_codes_mean():
    found = {name: dict(declared(name)) for name in fldbench.list_datasets()}
    flags = dict.fromkeys(("pose", "expression", "illumination", "make-up", "occlusion", "blur"), NO_YES)
    gender = Attribute(("male", "female"))
    mtfl = {"gender": gender, "smile": NO_YES, "glasses": NO_YES, "pose": POSE}
    assert {name: types for name, types in found.items() if types} == {
        "mtfl": mtfl,
        "synthetic": {"smile": NO_YES, "glasses": NO_YES, "pose": POSE, "beard": NO_YES},
        "wflw": flags,
        "imm": {"gender": gender, "kind": Attribute(("neutral", "happy", "turned", "spot light", "grimace"))},
        "muct": {"gender": gender, "glasses": NO_YES},
        "london": {
            "age_group": Attribute(("under 25", "25 to 34", "35 or more"), ordered=True),
            "gender": gender,
            "ethnicity": Attribute(("black", "east_asian", "west_asian", "white", "mixed")),
        },
    }


def test_the_codes_of_mtfl_are_those_of_its_classes():
    assert {key: dict(zip(codes, ATTRIBUTES[key].classes, strict=True)) for key, codes in CODES.items()} == {
        "gender": {1: "male", 2: "female"},
        "smile": {1: "yes", 2: "no"},
        "glasses": {1: "yes", 2: "no"},
        "pose": {1: "left profile", 2: "left", 3: "frontal", 4: "right", 5: "right profile"},
    }


def test_the_pose_of_synthetic_faces_is_the_side_that_the_nose_points_to():
    faces = fldbench.load_dataset("synthetic", split="train", faces=300, scheme="mtfl-5")
    told, found = faces.attributes["pose"], codes(faces.landmarks[:, :3])
    turned = told != 2
    assert set(told) == {0, 1, 2, 3, 4}
    assert (np.sign(found - 2)[turned] * np.sign(told - 2)[turned] >= 0).all()
    assert (found[turned] != 2).mean() > 0.8
