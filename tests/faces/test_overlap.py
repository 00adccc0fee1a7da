"""Overlap: the faces, photos and persons that two sets share, and what is no proof of it."""

import numpy as np
import pytest
from toys import toy_faces

from fldbench.faces import FaceSet, ImageArrays, NoImages
from fldbench.faces.overlap import Overlap, overlap
from fldbench.schemes import get_scheme


def picture(seed):
    return np.random.default_rng(seed).integers(0, 255, (8, 9, 3)).astype(np.uint8)


def faces(ids, pictures=None, points=None, groups=None, name="own", images=None):
    """Faces named so; picture number k is that of seed k, and points number k too."""
    n = len(ids)
    pictures = list(range(n)) if pictures is None else pictures
    shapes = np.random.default_rng(3).uniform(0, 30, (40, 5, 2))
    landmarks = shapes[pictures if points is None else points]
    images = ImageArrays([picture(k) for k in pictures]) if images is None else images
    boxes = np.tile([0.0, 0, 30, 30], (n, 1))
    return FaceSet(ids, images, boxes, landmarks, "mtfl-5", groups=groups, name=name)


def test_the_same_faces_are_found_by_their_ids():
    train, test = faces(["a", "b", "c"]), faces(["c", "x", "a"], [2, 9, 0])
    assert overlap(train, test) == Overlap(3, faces=("c", "a"))
    assert overlap(train, test).in_words() == "2 of 3 test faces are training faces ('c', 'a')"
    assert not overlap(faces(["a"]), faces(["x"], [9])) and overlap(train, test[[1]]).in_words() == ""


def test_the_same_photo_is_found_in_any_two_datasets_under_any_id():
    train, test = faces(["a", "b"]), faces(["1", "2"], [1, 9], name="other")
    assert overlap(train, test) == Overlap(2, photos=("1",))
    assert overlap(train, test).in_words() == "1 of 2 test faces has the photo of a training face ('1')"
    assert overlap(train, faces(["z"], [1])) == Overlap(1, photos=("z",))


def test_another_face_of_the_same_photo_is_another_face():
    left, right = np.array([[[0.0, 0], [10, 0], [5, 5], [0, 9], [9, 9]]]), np.array([[[50.0, 0]] * 5])
    there = FaceSet(["p#0"], ImageArrays([picture(0)]), [[0, 0, 10, 10]], left, "mtfl-5", groups=["p"], name="own")
    here = FaceSet(["p#1"], ImageArrays([picture(0)]), [[50, 0, 60, 10]], right, "mtfl-5", groups=["p"], name="own")
    assert not overlap(there, here)
    assert overlap(there, there.with_boxes(here.boxes))
    nothing = FaceSet(["q"], ImageArrays([picture(0)]), [[0, 0, 9, 9]], left * np.nan, "mtfl-5", name="own")
    assert overlap(there, nothing)  # nothing says that it is another one


def test_two_files_may_number_their_faces_alike():
    train, test = faces(["1", "2"]), faces(["1", "2"], [8, 9])
    assert not overlap(train, test)


def test_a_face_without_points_is_no_crop_of_another():
    known, bare = faces(["1"]), faces(["1"], [8])
    bare = FaceSet(["1"], bare.images, bare.boxes, bare.landmarks * np.nan, "mtfl-5", name="own")
    assert not overlap(known, bare) and not overlap(bare, known)


def test_a_crop_of_the_same_face_is_the_same_face():
    train, test = faces(["1", "2"]), faces(["1", "2"], [8, 9], points=[0, 9])
    crops = FaceSet(test.ids, test.images, test.boxes, test.landmarks * 2.5 - [7, 3], "mtfl-5", name="own")
    assert overlap(train, crops) == Overlap(2, faces=("1",))


def moved(points, copy):
    """Points (n, 68, 2) of a copy of each photo."""
    mirror = list(get_scheme("ibug-68").mirror)
    turned = points @ np.array([[0.8, 0.6], [-0.6, 0.8]])
    return {
        "encoded again": points,
        "half size, in whole pixels": np.round(points / 2),
        "cut": points - [31, 17],
        "turned": 0.7 * turned + [200, 90],
        "mirrored": [499, 0] + points[:, mirror] * [-1, 1],
    }[copy]


def shapes_68(n, seed):
    """Different faces: the template with points 6 % of its size away; the faces of 300-W differ more."""
    rng = np.random.default_rng(seed)
    template = 400 * (get_scheme("ibug-68").template - get_scheme("ibug-68").template.min(axis=0))
    return template + rng.normal(0, 0.005 * np.ptp(template), (n, 68, 2))


def of_points(points, name, first=0):
    ids = [f"{name}{first + k}" for k in range(len(points))]
    boxes = np.tile([0.0, 0, 500, 500], (len(points), 1))
    images = ImageArrays([picture(first_seed(name) + k) for k in range(len(points))])
    return FaceSet(ids, images, boxes, points, "ibug-68", name=name)


def first_seed(name):
    return 1000 * (1 + sorted(["there", "here"]).index(name))


@pytest.mark.parametrize("copy", ["encoded again", "half size, in whole pixels", "cut", "turned", "mirrored"])
def test_a_copy_of_a_photo_is_known_by_its_points_in_any_two_datasets(copy):
    points, others = shapes_68(6, 1), shapes_68(3, 2)
    test = of_points(np.concatenate([moved(points, copy)[[4, 1]], others]), "here")
    found = overlap(of_points(points, "there"), test)
    assert found == Overlap(5, copies=("here0", "here1"))
    assert found.in_words() == "2 of 5 test faces have the points of training faces ('here0', 'here1')"


def test_points_that_are_missing_are_missing_in_the_copy_too():
    points = shapes_68(6, 1)
    points[:, 3:9] = np.nan
    points[5] = np.nan
    assert overlap(of_points(points, "there"), of_points(points / 2, "here")).copies == tuple(
        f"here{k}" for k in range(5)
    )
    assert not overlap(of_points(points[:, ::-1], "there"), of_points(points, "here"))


def test_faces_without_extent_or_with_few_points_are_copies_of_nothing():
    points = shapes_68(3, 1)
    points[0], points[1, 4:] = 7.0, np.nan
    assert overlap(of_points(points, "there"), of_points(points, "here")).copies == ("here2",)


def test_without_images_the_ids_of_one_dataset_decide():
    test = faces(["1", "2"], [8, 9], images=NoImages(2, "not here"))
    assert overlap(faces(["1", "9"]), test) == Overlap(2, faces=("1",))
    assert not overlap(faces(["1", "9"], name="other"), test)
    assert not overlap(faces(["1", "9"], images=NoImages(2, "no"), name=""), faces(["1"], [8], name=""))


def test_a_person_in_both_is_found_by_the_declared_groups_of_one_dataset():
    train = faces(["a", "b", "c"], groups=["Ann", "Ann", "Bob"])
    test = faces(["x", "y", "z"], [7, 8, 9], groups=["Cid", "Bob", "Ann"])
    found = overlap(train, test)
    assert found == Overlap(3, grouped=2, groups=("Ann", "Bob"))
    assert found.in_words() == "2 of 3 test faces share a person, clip or photo with training faces ('Ann', 'Bob')"
    other = FaceSet(test.ids, test.images, test.boxes, test.landmarks, "mtfl-5", groups=test.groups, name="other")
    assert not overlap(train, other)


def test_a_group_that_is_only_the_id_of_a_photo_is_no_person():
    train = faces(["1", "2#0", "2#1"], groups=["1", "2", "2"])
    test = faces(["1", "2#0", "2#1"], [7, 8, 9], groups=["1", "2", "2"])
    assert not overlap(train, test)
    persons = faces(["k", "l"], [7, 8], groups=["2", "2"])
    assert not overlap(train, persons) and overlap(faces(["m"], [6], groups=["2"]), persons).groups == ("2",)


def test_each_face_is_counted_once_and_all_are_counted():
    train = faces(["a", "b", "c"], groups=["Ann", "Bob", "Cid"])
    test = faces(["a", "q", "r", "s"], [0, 1, 8, 9], groups=["Ann", "Bob", "Cid", "Dot"])
    assert overlap(train, test) == Overlap(4, faces=("a",), photos=("q",), grouped=1, groups=("Cid",))
    assert overlap(train, train).in_words() == "all 3 test faces are training faces ('a', 'b', 'c')"


@pytest.mark.parametrize(("one", "other"), [(("train", 1), ("test", 2)), (("a", 5), ("b", 6))])
def test_faces_that_share_nothing_share_nothing(one, other):
    assert not overlap(toy_faces(9, one[1], split=one[0]), toy_faces(9, other[1], split=other[0]))
