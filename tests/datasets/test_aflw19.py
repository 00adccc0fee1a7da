"""AFLW-19: the permutation, the visibility of estimated points, the frontal subset, and what is refused."""

import numpy as np
import pytest
from writers import some_points, write_aflw19, write_image

from fldbench.datasets import aflw19
from fldbench.datasets.aflw19 import AFLW19
from fldbench.errors import DataError, DatasetNotFoundError

N = 6
POINTS = some_points(N, 19)
VISIBLE = np.ones((N, 19), int)
VISIBLE[[0, 4], [3, 18]] = 0
BOXES = np.array([[10.0 + i, 20.0, 50.0, 70.0] for i in range(N)])
NAMES = ["0/image 1.jpg", "0/image 1.jpg", "2/bild ü.jpg", "3/c.png", "3/d.jpg", "3/e.jpg"]
ORDER = [5, 2, 0, 4, 1, 3]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The release with 6 faces, the first 2 of the permutation to train on."""
    monkeypatch.setattr(aflw19, "N_TRAIN", 2)
    write_aflw19(tmp_path / "aflw19/AFLWinfo_release.mat", POINTS, VISIBLE, BOXES, NAMES, ORDER)
    return tmp_path


def test_splits_follow_the_permutation(small):
    train, test = (AFLW19().load(small, split) for split in ("train", "test"))
    assert train.ids.tolist() == ["3/e-5", "2/bild ü-2"]
    assert test.ids.tolist() == ["0/image 1-0", "3/d-4", "0/image 1-1", "3/c-3"]
    for faces, rows in ((train, ORDER[:2]), (test, ORDER[2:])):
        assert np.allclose(faces.landmarks, POINTS[rows]) and np.allclose(faces.boxes, BOXES[rows])
        assert np.array_equal(faces.visible, VISIBLE[rows] == 1)
    assert test.groups.tolist() == ["0/image 1", "3/d", "0/image 1", "3/c"]
    assert test.subsets["frontal"].tolist() == [False, False, True, True] and train.subsets == {}
    assert test.parts == {"test": (4, 4386)}


def test_columns_by_hand(tmp_path, monkeypatch):
    monkeypatch.setattr(aflw19, "N_TRAIN", 0)
    write_aflw19(
        tmp_path / "AFLWinfo_release.mat", POINTS[:1], VISIBLE[:1], BOXES[:1], NAMES[:1], [0],
        data=np.arange(38.0)[None], bbox=np.array([[1.0, 30.0, 2.0, 40.0]]), mask_new=np.eye(1, 19, 4),
    )  # fmt: skip
    faces = AFLW19().load(tmp_path, "test")
    assert faces.landmarks[0, 0].tolist() == [0.0, 19.0] and faces.landmarks[0, 18].tolist() == [18.0, 37.0]
    assert faces.boxes[0].tolist() == [1.0, 2.0, 30.0, 40.0]
    assert np.flatnonzero(faces.visible[0]).tolist() == [4]
    assert np.isfinite(faces.landmarks).all()  # estimated positions of points that cannot be seen are kept


def test_a_release_of_full_size_has_the_published_counts(tmp_path):
    n = aflw19.N_FACES
    order = np.random.default_rng(0).permutation(n)
    visible = np.zeros((n, 19), int)
    visible[order[20000:21314]] = 1
    names = [f"{i % 4}/image{i:05d}.jpg" for i in range(n)]
    write_aflw19(
        tmp_path / "AFLWinfo_release.mat", some_points(n, 19), visible, np.tile(BOXES[:1], (n, 1)), names, order
    )
    train, test = (AFLW19().load(tmp_path, split) for split in ("train", "test"))
    found = {"train": len(train), "test": len(test), "frontal": int(test.subsets["frontal"].sum())}
    assert found == AFLW19.expected
    assert not set(train.ids) & set(test.ids)


def test_images_are_optional_but_not_in_part(small):
    faces = AFLW19().load(small, "train")
    with pytest.raises(
        DataError, match=r"aflw19 has no folder data/flickr or .*predictions can be scored, methods cannot"
    ):
        faces.images[0]
    for name in NAMES:
        write_image(small / "aflw19/data/flickr" / name)
    assert AFLW19().load(small, "train").images[1].shape == (100, 110, 3)
    (small / "aflw19/data/flickr/2/bild ü.jpg").unlink()
    with pytest.raises(DataError, match=r"AFLWinfo_release\.mat: row 3: no image '2/bild ü\.jpg' below .*flickr"):
        AFLW19().load(small, "train")
    assert len(AFLW19().load(small, "test").images[0].shape) == 3


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"ra": np.array([[1, 2, 3, 4, 5, 5]])}, "ra must be a permutation of 1 to 6; fetch the file again"),
        ({"ra": np.array([[1, 2, 3, 4, 5]])}, r"the size of bbox, data, mask_new, nameList is \(\(6, 4\), \(6, 3"),
        ({"bbox": np.ones((6, 5))}, r"the size of bbox, data, mask_new, nameList is \(\(6, 5\), \(6, 38\), \(6, "),
        (
            {"bbox": np.tile([50.0, 40.0, 1.0, 9.0], (6, 1))},
            "row 6 lacks a name, a box with a size or finite numbers(.|\n)*2 of 2 faces are faulty",
        ),
        (
            {"data": np.full((6, 38), np.nan)},
            "row 6 lacks a name, a box with a size or finite numbers(.|\n)*2 of 2 faces are faulty",
        ),
        ({"data": np.zeros((6, 37))}, r"\(6, 37\)"),
        ({"data": "words"}, "is not numeric; fetch the file again"),
        ({"mask_new": np.zeros((5, 19))}, r"\(5, 19\)"),
    ],
)
def test_a_wrong_variable_is_refused(small, changed, text):
    write_aflw19(small / "aflw19/AFLWinfo_release.mat", POINTS, VISIBLE, BOXES, NAMES, ORDER, **changed)
    with pytest.raises(DataError, match=rf"AFLWinfo_release\.mat: .*{text}"):
        AFLW19().load(small, "train")


def test_damaged_and_absent_files_name_themselves(small, monkeypatch):
    path = small / "aflw19/AFLWinfo_release.mat"
    whole = path.read_bytes()
    for broken in (b"", b"MATLAB 5.0 MAT-file", whole[: len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"\.mat.*: (damaged, or not a MATLAB 5 file|the file is empty)"):
            AFLW19().load(small, "test")
    path.write_bytes(whole)
    monkeypatch.setattr(aflw19, "N_TRAIN", 20000)
    assert len(AFLW19().load(small, "train")) == 6
    with pytest.raises(DataError, match="the number of faces is 6; must be above 20000, where 'test' begins"):
        AFLW19().load(small, "test")
    path.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"looked for AFLWinfo_release\.mat in aflw19/ and in the root"):
        AFLW19().load(small, "test")
