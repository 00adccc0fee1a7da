"""The option `map_to` of every reader: landmarks as those of another scheme."""

import numpy as np
import pytest
from toys import toy_faces

import fldbench
from fldbench.dataset import Columns, Dataset, load_dataset
from fldbench.errors import DataError
from fldbench.geometry import tight_box
from fldbench.schemes import map_landmarks

MAPPED = ({}, {"map_to": "ibug-68"})


def test_landmarks_can_be_read_as_those_of_another_scheme():
    plain, mapped = (load_dataset("synthetic", None, "train", faces=3, scheme="wflw-98", **to) for to in MAPPED)
    assert (mapped.scheme, mapped.landmarks.shape, mapped.ids.tolist()) == ("ibug-68", (3, 68, 2), plain.ids.tolist())
    assert np.array_equal(mapped.landmarks, map_landmarks(plain.landmarks, "wflw-98", "ibug-68"))
    assert np.array_equal(mapped.boxes, tight_box(mapped.landmarks)) and mapped.box_source == "tight"


def test_a_mapped_point_is_missing_or_hidden_where_one_that_makes_it_is(tmp_path):
    (tmp_path / "marked").mkdir()
    (tmp_path / "marked/marked.txt").touch()

    class Marked(Dataset):
        name, scheme, splits, folder, holds = "marked", "ibug-68", ("train",), "marked", ("marked.txt",)
        licence = "none"

        def read(self, folder, split):
            points = np.random.default_rng(0).uniform(5, 90, (2, 68, 2))
            points[0, 36] = np.nan  # in the outline of the left eye
            visible = np.ones((2, 68), bool)
            visible[1, 30] = False  # the tip of the nose
            found = toy_faces(2)
            return Columns(ids=found.ids.tolist(), images=found.images, landmarks=points, visible=visible)

    fldbench.register_dataset("marked", Marked)
    faces = load_dataset("marked", tmp_path, map_to="mtfl-5")
    assert np.isnan(faces.landmarks).any(axis=2).tolist() == [[True, *[False] * 4], [False] * 5]
    assert faces.visible.tolist() == [[True] * 5, [True, True, False, True, True]]


@pytest.mark.parametrize("boxes", [None, [[0.0, 0.0, 90.0, 90.0]] * 3])
def test_points_that_cannot_be_are_faults_though_a_map_leaves_them_out(boxes, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far/far.txt").touch()

    class Far(Dataset):
        name, scheme, splits, folder, holds = "far", "ibug-68", ("train",), "far", ("far.txt",)
        licence = "none"

        def read(self, folder, split):
            points = np.random.default_rng(0).uniform(5, 90, (3, 68, 2))
            points[0, 0] = 1e9  # of the jaw, which five points do not need
            points[1, 30] = np.inf  # the tip of the nose
            found = toy_faces(3)
            own = None if boxes is None else np.array(boxes)
            return Columns(ids=found.ids.tolist(), images=found.images, landmarks=points, boxes=own)

    fldbench.register_dataset("far", Far)
    for to in ({}, {"map_to": "mtfl-5"}):
        with pytest.raises(DataError, match="2 of 3 faces"):
            load_dataset("far", tmp_path, **to)
        assert len(load_dataset("far", tmp_path, faulty="skip", **to)) == 1


def test_a_scheme_that_no_map_leads_to_is_refused(tmp_path):
    (tmp_path / "dots").mkdir()
    (tmp_path / "dots/dots.txt").touch()

    class Dots(Dataset):
        name, scheme, splits, folder, holds = "dots", "mtfl-5", ("train",), "dots", ("dots.txt",)
        licence = "none"

        def read(self, folder, split):
            found = toy_faces(2)
            return Columns(ids=found.ids.tolist(), images=found.images, landmarks=found.landmarks)

    fldbench.register_dataset("dots", Dots)
    with pytest.raises(
        DataError, match="dataset 'dots': map_to is 'ibug-68'; no map from scheme 'mtfl-5' to 'ibug-68'"
    ):
        load_dataset("dots", tmp_path, map_to="ibug-68")
    with pytest.raises(DataError, match="dataset 'dots': map_to is 68; must be None or the name of a scheme"):
        load_dataset("dots", tmp_path, map_to=68)
