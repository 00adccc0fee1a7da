"""What the base class does around fit: faces that have attributes and no landmarks."""

from dataclasses import replace

import numpy as np
import pytest
from small_methods import SMALL
from toys import toy_faces

from fldbench.dataset import load_dataset
from fldbench.errors import DataError, ProtocolError
from fldbench.method import Method, make_method
from fldbench.protocols import boxes_from, get_protocol


def test_faces_without_landmarks_are_left_out_of_methods_of_landmarks_alone():
    seen = {}

    class Sees(Method):
        validates = weighs_faces = True

        def __init__(self, tasks=("landmarks",)):
            self.tasks = tasks

        def fit(self, train, val=None, sample_weight=None):
            seen.update(train=train, val=val, weight=sample_weight)
            return self

    faces = toy_faces(6)
    landmarks = faces.landmarks.copy()
    landmarks[[1, 4]] = np.nan
    bare = replace(faces, landmarks=landmarks, visible=None)
    fitted = Sees().fit(bare, bare[:3], sample_weight=[0, 1, 2, 3, 4, 5])
    assert seen["train"].ids.tolist() == ["test0", "test2", "test3", "test5"]
    assert seen["weight"].tolist() == [0, 2, 3, 5] and seen["val"].ids.tolist() == ["test0", "test2"]
    assert fitted.fitted_on.faces == 6  # what it was given
    Sees(("landmarks", "smile")).fit(bare, bare[:3], sample_weight=[1] * 6)
    assert len(seen["train"]) == 6 and len(seen["val"]) == 3 and seen["weight"] == [1] * 6
    Sees().fit(faces, sample_weight=[1] * 6)
    assert seen["train"] is faces and seen["weight"] == [1] * 6


@pytest.mark.parametrize("name", ["mean-shape", "linear", "ert", "hog-ridge", "lbf", "asm", "hybrid", "cnn-small"])
def test_every_kind_of_method_learns_beside_faces_without_landmarks(name):
    """And learns the same as without them, where it draws nothing by the face's place."""
    faces = load_dataset("synthetic", split="train", faces=30)
    landmarks = faces.landmarks.copy()
    landmarks[[3, 11]] = np.nan
    method = make_method(name, **SMALL[name])
    there = np.isfinite(landmarks).all(axis=(1, 2))
    answers = [
        method.fit(one).predict(faces.images[:2], faces.boxes[:2])
        for one in (replace(faces, landmarks=landmarks, visible=None), faces[there])
    ]
    assert np.isfinite(answers[0]).all() and np.array_equal(*answers)


def test_a_test_face_without_landmarks_is_refused_by_name():
    faces = toy_faces(4)
    landmarks = faces.landmarks.copy()
    landmarks[2] = np.nan
    bare = replace(faces, landmarks=landmarks, visible=None)
    for source in ("tight", "jittered"):
        with pytest.raises(
            DataError, match=r"without any landmark have no tight box: test2; take the .* \(official\), or"
        ):
            boxes_from(bare, source)
    assert boxes_from(bare, "official") is bare
    for name in ("mtfl-test", "mtfl-test@norm=pixels"):
        protocol = replace(get_protocol(name), box_source="official")
        with pytest.raises(
            ProtocolError, match=r"not so for 1 face\(s\): test2; mend|no point counts of the faces test2; leave"
        ):
            protocol.score(faces.landmarks, bare)
