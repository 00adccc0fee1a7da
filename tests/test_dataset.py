"""The contract of datasets: what is found where, which split and which options are allowed."""

from pathlib import Path

import numpy as np
import pytest
from toys import toy_faces

from fldbench.dataset import Columns, Dataset, data_root, make_dataset, needed_root, training_split
from fldbench.errors import DataError, DatasetNotFoundError, PredictionsError
from fldbench.params import whole

FACES = toy_faces(3)


class Dots(Dataset):
    """A reader of a folder with a marker file."""

    name = "dots"
    scheme = "mtfl-5"
    splits = ("test", "all")
    expected = {"all": 4}
    folder = "dots"
    holds = ("dots.txt", "dots.csv")
    rules = {"first": whole(0, 2)}

    def __init__(self, first=0, found=None):
        self.first = first
        self.found = found or {}

    def read(self, folder, split):
        some = FACES[self.first :]
        return Columns(some.ids.tolist(), some.images, some.landmarks, **self.found)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "dots").mkdir()
    (tmp_path / "dots" / "dots.csv").touch()
    return tmp_path


def test_what_the_reader_leaves_out_comes_from_the_class(root):
    faces = Dots().load(root)
    assert (faces.name, faces.split_name, faces.scheme) == ("dots", "all", "mtfl-5")
    assert faces.parts == {"all": (3, 4)}
    low, high = FACES.landmarks.min(axis=1), FACES.landmarks.max(axis=1)
    assert np.array_equal(faces.boxes, np.concatenate([low, high], axis=1))
    assert Dots().load(root, "test").parts == {}


def test_what_the_reader_gives_is_taken(root):
    boxes = np.add(FACES.boxes, (-1, -2, 3, 4))
    found = {"boxes": boxes, "groups": ["a", "b", "a"], "parts": {"x": (1, 2)}, "subsets": {"odd": np.arange(3) == 1}}
    faces = Dots(found=found).load(root, "all")
    assert np.array_equal(faces.boxes, boxes) and faces.groups.tolist() == ["a", "b", "a"]
    assert faces.parts == {"x": (1, 2)} and faces.subset("odd").ids.tolist() == ["test1"]
    assert Dots(first=1, found={"scheme": "mtfl-5"}).load(root).ids.tolist() == ["test1", "test2"]


def test_the_folder_itself_may_be_the_root(root, tmp_path):
    assert Dots().locate(root, "all") == root / "dots" and Dots().locate(root / "dots", "all") == root / "dots"
    (root / "dots" / "dots.csv").unlink()
    with pytest.raises(
        DatasetNotFoundError, match=r"'dots' is not below .*; looked for dots\.txt or dots\.csv in dots/"
    ):
        Dots().load(root)


def test_splits_and_options_are_checked_before_anything_is_read(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="dataset 'dots': split is 'train'; must be 'test' or 'all'"):
        Dots().load(tmp_path / "none", "train")
    with pytest.raises(DataError, match="dataset 'dots': first is 3; must be a whole number from 0 to 2"):
        Dots(first=3).load(tmp_path / "none", "all")
    with pytest.raises(DataError, match=r"dataset 'synthetic' has no option 'face'; did you mean 'faces'\?"):
        make_dataset("synthetic", face=3)


def test_the_only_split_is_the_one_where_none_is_named(root):
    class One(Dots):
        splits = ("test",)

    assert One().load(root).split_name == "test"
    assert training_split(Dots) == "all"
    with pytest.raises(DatasetNotFoundError, match="no split to train on was named; must be 'test'"):
        training_split(One)


def test_a_reader_without_read_or_format_says_so(root):
    class Nothing(Dataset):
        scheme, splits, folder, holds = "mtfl-5", ("all",), "dots", ("dots.csv",)

    with pytest.raises(NotImplementedError):
        Nothing().load(root)
    with pytest.raises(DatasetNotFoundError, match="dataset 'Nothing': split is 'x'; must be 'all'"):
        Nothing().load(root, "x")
    with pytest.raises(
        PredictionsError, match=r"a\.mat: a prediction file ends in .* this dataset has no format of its own"
    ):
        Nothing().read_submission("a.mat")


def test_the_root_given_goes_before_that_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("FLDBENCH_DATA", raising=False)
    assert data_root(None) is None and data_root("") is None
    with pytest.raises(DatasetNotFoundError, match="'x' needs a folder; give --data ROOT, its folder or set FLDBENCH"):
        needed_root(None, "x", "a folder", ", its folder")
    monkeypatch.setenv("FLDBENCH_DATA", str(tmp_path))
    (tmp_path / "other").mkdir()
    assert data_root(None) == tmp_path and needed_root(tmp_path / "other", "x") == tmp_path / "other"
    with pytest.raises(DatasetNotFoundError, match=r"data root '.*none' is not a folder; give --data ROOT or set FLD"):
        data_root(tmp_path / "none")


@pytest.mark.parametrize("far", [np.inf, 1e308, -2e6])
def test_a_point_absurdly_far_away_is_a_faulty_face_that_can_be_left_out(far):
    class Far(Dataset):
        """Four faces, one of them with a point that no image has."""

        name, scheme, splits = "far", "mtfl-5", ("all",)

        def locate(self, root, split):
            return Path("here")

        def read(self, folder, split):
            faces = toy_faces(4)
            landmarks = faces.landmarks.copy()
            landmarks[2, 3, 1] = far
            return Columns(faces.ids.tolist(), faces.images, landmarks)

    with pytest.raises(DataError, match=r"face .test2. has a point or a box that is more than 1e[+]06 px away"):
        Far().load(None)
    lenient = Far()
    lenient.faulty = "skip"
    assert lenient.load(None).ids.tolist() == ["test0", "test1", "test3"]


def test_the_option_missing_names_the_number_that_stands_for_no_point(root):
    landmarks = FACES.landmarks.copy()
    landmarks[1, 2] = -1.0
    visible = np.ones(landmarks.shape[:2], bool)

    class Holes(Dots):
        def read(self, folder, split):
            return Columns(FACES.ids.tolist(), FACES.images, landmarks, visible=visible)

    reader = Holes()
    assert np.isfinite(reader.load(root).landmarks).all()
    reader.missing = -1.0
    faces = reader.load(root)
    assert np.isnan(faces.landmarks[1, 2]).all() and np.isnan(faces.landmarks).sum() == 2
    assert not faces.visible[1, 2] and faces.visible.sum() == visible.sum() - 1


def test_a_face_whose_points_are_all_missing_is_a_fault_where_the_dataset_has_no_boxes(root):
    landmarks = FACES.landmarks.copy()
    landmarks[1] = -1.0

    class Bare(Dots):
        def read(self, folder, split):
            return Columns(FACES.ids.tolist(), FACES.images, landmarks, **self.found)

    reader = Bare()
    reader.missing = -1.0
    with pytest.raises(DataError, match=r"dots: face 'test1' has no annotated point\n1 of 3 faces is faulty"):
        reader.load(root)
    reader.faulty = "skip"
    assert reader.load(root).ids.tolist() == ["test0", "test2"]
    boxed = Bare(found={"boxes": FACES.boxes})
    boxed.missing = -1.0
    assert np.isnan(boxed.load(root).landmarks[1]).all()


def test_points_beyond_any_image_are_faults(root):
    landmarks = FACES.landmarks.copy()
    landmarks[1, 2] = 1e30

    class Far(Dots):
        def read(self, folder, split):
            return Columns(FACES.ids.tolist(), FACES.images, landmarks)

    reader = Far()
    with pytest.raises(DataError, match=r"face 'test1' has a point or a box that is more than 1e\+06 px away"):
        reader.load(root)
    reader.faulty = "skip"
    faces = reader.load(root)
    assert faces.ids.tolist() == ["test0", "test2"]
    assert faces.parts["faces without a fault"] == (2, 3)


def test_images_in_memory_have_no_orientation_to_apply(root):
    reader = Dots()
    reader.orientation = "upright"
    with pytest.raises(
        DataError, match="orientation is 'upright'; must be None or 'stored', because its images are not"
    ):
        reader.load(root)
