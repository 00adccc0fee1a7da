"""The contract of readers: what the base class does for each reader, and what it demands of them."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces

import fldbench
from fldbench import registry
from fldbench.dataset import Columns, Dataset, load_dataset
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.geometry import tight_box
from fldbench.params import whole
from fldbench.schemes import map_landmarks

BUILT_IN = fldbench.list_datasets()
MAPPED = ({}, {"map_to": "ibug-68"})


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_registered_name_is_that_of_the_class(name):
    cls = registry.resolve("dataset", name)
    assert cls.name == name and cls.licence
    assert isinstance(cls.splits, tuple) and cls.splits and all(cls.splits)


@pytest.fixture
def dots():
    """A reader of the new kind, registered for one test."""

    class Dots(Dataset):
        name = "dots"
        scheme = "mtfl-5"
        splits = ("train", "test")
        expected = {"train": 5}
        folder = "dots"
        holds = ("dots.txt",)
        rules = {"n": whole(1, 9)}

        def __init__(self, n: int = 3):
            self.n = n

        def read(self, folder, split):
            faces = toy_faces(self.n)
            return Columns(ids=faces.ids.tolist(), images=faces.images, landmarks=faces.landmarks)

    fldbench.register_dataset("dots", Dots)
    return Dots


def test_the_base_class_adds_names_counts_and_boxes(dots, tmp_path):
    (tmp_path / "dots").mkdir()
    (tmp_path / "dots/dots.txt").touch()
    train = load_dataset("dots", tmp_path, n=4)
    assert (train.name, train.split_name, train.scheme, train.parts) == ("dots", "train", "mtfl-5", {"train": (4, 5)})
    assert train.boxes[0].tolist() == [*train.landmarks[0].min(axis=0), *train.landmarks[0].max(axis=0)]
    assert load_dataset("dots", tmp_path, "test").parts == {}
    assert dots().load(tmp_path).split_name == "train"


def test_the_base_class_refuses_wrong_splits_options_and_places(dots, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="dataset 'dots': split is 'val'; must be 'train' or 'test'"):
        dots().load(tmp_path, "val")
    with pytest.raises(DataError, match="dataset 'dots': n is 10; must be a whole number from 1 to 9"):
        load_dataset("dots", tmp_path, n=10)
    with pytest.raises(
        DataError, match="dataset 'dots' has no option 'm'; known: faulty, map_to, missing, n, orientation"
    ):
        load_dataset("dots", tmp_path, m=1)
    with pytest.raises(DatasetNotFoundError, match=r"dataset 'dots' is not below .*; looked for dots\.txt in dots/"):
        load_dataset("dots", tmp_path)


def test_a_reader_of_the_old_kind_still_works(tmp_path):
    class Old(Dataset):
        scheme = "mtfl-5"
        splits = ("train",)

        def load(self, root, split):
            return replace(toy_faces(3), name="old", split_name=split)

    fldbench.register_dataset("old", Old)
    faces = load_dataset("old")
    assert (faces.label, len(faces)) == ("old-train", 3) and np.isfinite(faces.landmarks).all()
    with pytest.raises(DatasetNotFoundError, match="dataset 'Old': split is 'test'; must be 'train'"):
        load_dataset("old", tmp_path, "test")


def test_wrong_options_of_your_own_data_have_the_grammar_of_messages(tmp_path):
    for name, options, text in (
        ("csv", {"file": 3}, "dataset 'csv': file is 3; must be None or a path"),
        ("pts", {"folder": None}, "dataset 'pts': folder is None; must be a path"),
        ("synthetic", {"faces": True}, "dataset 'synthetic': faces is True; must be a whole number from 1 to 1e+06"),
        ("pack", {"file": 1.5}, "dataset 'pack': file is 1.5; must be None or a path"),
    ):
        with pytest.raises(DataError, match=text.replace("+", r"\+")):
            load_dataset(name, tmp_path, **options)


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


def test_a_scheme_that_no_map_leads_to_is_refused(dots, tmp_path):
    (tmp_path / "dots").mkdir()
    (tmp_path / "dots/dots.txt").touch()
    with pytest.raises(
        DataError, match="dataset 'dots': map_to is 'ibug-68'; no map from scheme 'mtfl-5' to 'ibug-68'"
    ):
        load_dataset("dots", tmp_path, map_to="ibug-68")
    with pytest.raises(DataError, match="dataset 'dots': map_to is 68; must be None or the name of a scheme"):
        load_dataset("dots", tmp_path, map_to=68)
