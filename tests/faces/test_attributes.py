"""Attributes: their classes, the code of a mirror image, and what a FaceSet keeps and refuses of them."""

import copy
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces

from fldbench.errors import DataError
from fldbench.faces import Attribute, FaceSet
from fldbench.faces.attributes import NO_YES, codes_out_of_range

POSE = Attribute(["left", "ahead", "right"], mirrored=True, ordered=True)


def posed():
    columns = {"pose": [0, 2, -1, 1], "smile": [1, 0, -1, 1], "age": [30, -1, 7, 61]}
    return replace(toy_faces(4), attributes=columns, attribute_types={"pose": POSE, "smile": NO_YES, "absent": NO_YES})


def test_the_mirror_of_each_code():
    assert POSE.classes == ("left", "ahead", "right") and POSE.mirror == (2, 1, 0)
    assert NO_YES.mirror == (0, 1) and not NO_YES.ordered
    for attribute in (POSE, NO_YES):
        assert [attribute.mirror[code] for code in attribute.mirror] == list(range(len(attribute.classes)))


@pytest.mark.parametrize(
    "classes", [(), ("one",), ("a", "a"), ("a", ""), ("a", "unknown"), ("a", " b"), ("a", 1), ("a", None)]
)
def test_what_is_no_list_of_classes(classes):
    shown = re.escape(repr(tuple(classes)))
    with pytest.raises(DataError, match=rf"an attribute: classes is {shown}; must be two or more names, each of them"):
        Attribute(classes)


def test_codes_beyond_the_classes():
    codes = np.array([-2, -1, 0, 2, 3])
    assert codes_out_of_range(codes, POSE).tolist() == [True, False, False, False, True]


def test_a_face_set_knows_the_types_of_its_attributes():
    faces = posed()
    assert faces.attribute_types == {"pose": POSE, "smile": NO_YES}
    assert faces.attribute_type("pose") is POSE
    for other in (faces[1:], faces[[2, 0]], faces.with_boxes(faces.boxes + 1), copy.deepcopy(faces)):
        assert other.attribute_types == faces.attribute_types
    assert pickle.loads(pickle.dumps(faces)).fingerprint == faces.fingerprint
    assert replace(faces, attributes={"age": [1, 2, 3, 4]}).attribute_types == {}
    with pytest.raises(DataError, match="toy-test has no attribute 'smiles'; did you mean 'smile'"):
        faces.attribute_type("smiles")
    with pytest.raises(DataError, match=r"the attribute 'age' is a number without classes; choose .*: pose, smile$"):
        faces.attribute_type("age")


@pytest.mark.parametrize(
    ("name", "codes", "error"),
    [
        ("pose", [0, 1, 3, 0], "face 'test2': the attribute pose is 3; must be 0 left, 1 ahead, 2 right or -1 unknown"),
        ("smile", [0, -2, 0, 9], "face 'test1': the attribute smile is -2; must be 0 no, 1 yes or -1 unknown"),
    ],
)
def test_a_code_without_a_class_names_the_face(name, codes, error):
    with pytest.raises(DataError, match=error):
        replace(posed(), attributes={name: codes})


def test_a_type_that_is_none_is_refused():
    with pytest.raises(
        DataError, match=r"the type of the attribute smile is \['no', 'yes'\]; must be an Attribute, such"
    ):
        replace(posed(), attribute_types={"smile": ["no", "yes"]})


def test_the_fingerprint_covers_types():
    faces = posed()
    others = [
        replace(faces, attribute_types={}),
        replace(faces, attribute_types={"pose": POSE}),
        replace(faces, attribute_types={"pose": replace(POSE, ordered=False), "smile": NO_YES}),
        replace(faces, attribute_types={"pose": replace(POSE, mirrored=False), "smile": NO_YES}),
        replace(faces, attribute_types={"pose": Attribute(("l", "a", "r"), True, True), "smile": NO_YES}),
        replace(faces, attribute_types={"pose": POSE, "smile": NO_YES, "age": Attribute(map(str, range(99)))}),
    ]
    assert len({one.fingerprint for one in (faces, *others)}) == 7


def test_a_notebook_shows_the_classes():
    text = re.sub("<[^>]+>", " ", posed()._repr_html_())
    assert "pose (left, ahead, right); smile (no, yes); age (a number)" in text


def test_faces_without_landmarks_are_in_a_set():
    landmarks = toy_faces(4).landmarks.copy()
    landmarks[1] = np.nan
    faces = replace(posed(), landmarks=landmarks, visible=None)
    assert isinstance(faces, FaceSet) and not faces.visible[1].any() and faces.attributes["pose"][1] == 2
