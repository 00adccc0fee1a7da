"""The contract of readers: what the base class does for each reader, and what it demands of them."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces

import fldbench
from fldbench import registry
from fldbench.dataset import Columns, Dataset, load_dataset
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.params import whole

BUILT_IN = fldbench.list_datasets()


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
