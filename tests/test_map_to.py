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


@pytest.fixture
def dots(tmp_path):
    """Register the dataset `dots`, which reads these landmarks (n, L, 2) and columns, and return its root."""

    def registered(points, scheme_of_points="ibug-68", **columns):
        class Dots(Dataset):
            name, scheme, splits, folder, holds = "dots", scheme_of_points, ("train",), "dots", ("dots.txt",)
            licence = "none"

            def read(self, folder, split):
                faces = toy_faces(len(points))
                return Columns(ids=faces.ids.tolist(), images=faces.images, landmarks=points, **columns)

        (tmp_path / "dots").mkdir()
        (tmp_path / "dots/dots.txt").touch()
        fldbench.register_dataset("dots", Dots)
        return tmp_path

    return registered


def some_points(n):
    return np.random.default_rng(0).uniform(5, 90, (n, 68, 2))


def test_landmarks_can_be_read_as_those_of_another_scheme():
    plain, mapped = (load_dataset("synthetic", None, "train", faces=3, scheme="wflw-98", **to) for to in MAPPED)
    assert (mapped.scheme, mapped.landmarks.shape, mapped.ids.tolist()) == ("ibug-68", (3, 68, 2), plain.ids.tolist())
    assert np.array_equal(mapped.landmarks, map_landmarks(plain.landmarks, "wflw-98", "ibug-68"))
    assert np.array_equal(mapped.boxes, tight_box(mapped.landmarks)) and mapped.box_source == "tight"
    assert mapped.notes == (*plain.notes, "points of wflw-98 mapped to ibug-68")  # which `data info` shows


def test_a_mapped_point_is_missing_or_hidden_where_one_that_makes_it_is(dots):
    points, visible = some_points(2), np.ones((2, 68), bool)
    points[0, 36] = np.nan  # in the outline of the left eye
    visible[1, 30] = False  # the tip of the nose
    faces = load_dataset("dots", dots(points, visible=visible), map_to="mtfl-5")
    assert np.isnan(faces.landmarks).any(axis=2).tolist() == [[True, *[False] * 4], [False] * 5]
    assert faces.visible.tolist() == [[True] * 5, [True, True, False, True, True]]


@pytest.mark.parametrize("boxes", [None, [[0.0, 0.0, 90.0, 90.0]] * 3])
def test_points_that_cannot_be_are_faults_though_a_map_leaves_them_out(boxes, dots):
    points = some_points(3)
    points[0, 0] = 1e9  # of the jaw, which five points do not need
    points[1, 30] = np.inf  # the tip of the nose
    root = dots(points, boxes=None if boxes is None else np.array(boxes))
    for to in ({}, {"map_to": "mtfl-5"}):
        with pytest.raises(DataError, match="2 of 3 faces"):
            load_dataset("dots", root, **to)
        assert len(load_dataset("dots", root, faulty="skip", **to)) == 1


def test_a_scheme_that_no_map_leads_to_is_refused(dots):
    root = dots(toy_faces(2).landmarks, "mtfl-5")
    with pytest.raises(
        DataError, match="dataset 'dots': map_to is 'ibug-68'; no map from scheme 'mtfl-5' to 'ibug-68'"
    ):
        load_dataset("dots", root, map_to="ibug-68")
    with pytest.raises(DataError, match="dataset 'dots': map_to is 68; must be None or the name of a scheme"):
        load_dataset("dots", root, map_to=68)
