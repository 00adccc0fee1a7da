"""The labels of 300-W without images: the dataset 300w-labels, and 300w where its images are absent."""

import numpy as np
import pytest
from writers import some_points, write_face, write_labels

import fldbench
from fldbench.datasets.ibug300w import PUBLIC_PARTS
from fldbench.errors import DataError, DatasetNotFoundError

POINTS = some_points(4, 68)
PUBLIC = [
    ("ibug/image_092_01.jpg", POINTS[0]),
    ("lfpw/testset/image_0002.png", POINTS[1]),
    ("helen/testset/7_1.jpg", POINTS[2]),
    ("helen/testset/12 a_1.jpg", POINTS[3]),
]
IDS = ["helen/testset/12 a_1", "helen/testset/7_1", "lfpw/testset/image_0002", "ibug/image_092 _01"]
PRIVATE = [("Test/02_Outdoor/outdoor_001.png", POINTS[0]), ("Test/01_Indoor/indoor_002.png", POINTS[1])]


@pytest.fixture
def labels(tmp_path):
    write_labels(tmp_path / "300w_labels/300w_valid.csv", PUBLIC)
    write_labels(tmp_path / "300w_labels/300w_test.csv", PRIVATE)
    return tmp_path


@pytest.mark.parametrize("dataset", ["300w", "300w-labels"])
def test_ids_points_subsets_and_groups(labels, dataset):
    faces = fldbench.load_dataset(dataset, labels, "test")
    assert faces.ids.tolist() == IDS and (faces.name, faces.split_name) == (dataset, "test")
    assert np.allclose(faces.landmarks, POINTS[[3, 2, 1, 0]], atol=1e-6)
    assert np.allclose(faces.boxes[0], [*POINTS[3].min(0), *POINTS[3].max(0)], atol=1e-6)
    members = {name: np.flatnonzero(member).tolist() for name, member in faces.subsets.items()}
    assert members == {
        **{"helen-test": [0, 1], "lfpw-test": [2], "ibug": [3], "common": [0, 1, 2], "challenging": [3]},
        **{"full": [0, 1, 2, 3], "indoor": [], "outdoor": [], "private": []},
    }
    assert faces.groups[3] == "ibug/image_092"
    assert faces.parts == {"helen/testset": (2, 330), "lfpw/testset": (1, 224), "ibug": (1, 135)}
    with pytest.raises(DataError, match=f"{dataset} has no images here: predictions can be scored, methods cannot run"):
        faces.images[0]
    private = fldbench.load_dataset(dataset, labels, "private")
    assert private.ids.tolist() == ["01_Indoor/indoor_002", "02_Outdoor/outdoor_001"]
    assert private.subsets["private"].all() and private.subsets["indoor"].tolist() == [True, False]


def test_the_two_halves_are_the_whole(labels):
    whole = fldbench.load_dataset("300w-labels", labels, "test")
    (labels / "300w_labels/300w_valid.csv").unlink()
    write_labels(labels / "300w_labels/300w_valid_common.csv", PUBLIC[1:])
    with pytest.raises(DatasetNotFoundError, match=r"no list of the split 'test'; looked for 300w_valid\.csv"):
        fldbench.load_dataset("300w-labels", labels, "test")
    write_labels(labels / "300w_labels/300w_valid_challenge.csv", PUBLIC[:1])
    assert fldbench.load_dataset("300w-labels", labels, "test").fingerprint == whole.fingerprint


def test_images_win_and_labels_stand_in_for_a_split_without_any(labels):
    write_face(labels / "300w/helen/testset", "7_1")
    test = fldbench.load_dataset("300w", labels, "test")
    assert test.ids.tolist() == ["helen/testset/7_1"] and test.images[0].shape == (80, 90, 3)
    assert len(fldbench.load_dataset("300w", labels, "private")) == 2
    with pytest.raises(DatasetNotFoundError, match=r"no \.pts file of the split 'train'; looked in afw"):
        fldbench.load_dataset("300w", labels, "train")
    write_face(labels / "300w/300W/01_Indoor", "indoor_001")
    private = fldbench.load_dataset("300w", labels, "private")
    assert private.ids.tolist() == ["01_Indoor/indoor_001"] and private.images[0].shape == (80, 90, 3)


def test_without_labels_the_error_says_where_they_would_be(tmp_path):
    write_face(tmp_path / "300w/afw", "1_1")
    with pytest.raises(DatasetNotFoundError, match=r"looked in 01_Indoor, 02_Outdoor, and for labels .* in 300w_label"):
        fldbench.load_dataset("300w", tmp_path, "private")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda rows: [rows[0], rows[1].rsplit(",", 1)[0]],
            "line 2: the number of columns is 139; must be 140, with",
        ),
        (
            lambda rows: [rows[0], rows[1].replace("ibug/", "afw/")],
            "line 2: the folder of an image is 'afw/image",
        ),
        (lambda rows: [rows[0], rows[1] + "x"], "line 2: a number is '.*x'; must be a finite decimal number"),
        (lambda rows: [*rows, rows[2]], "line 6: 'lfpw/testset/image_0002' is in line 3 already"),
        (lambda rows: rows[1:], "line 1: the list is 'ibug/image_092_01.jpg.*must be 'image_name,scale,"),
        (lambda rows: rows[:1], "line 1: the list is 'image_name.*and one line for each face"),
        (lambda rows: [], "line 1: the file is empty"),
    ],
)
def test_a_broken_list_names_file_and_line(labels, change, text):
    path = labels / "300w_labels/300w_valid.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DataError, match=rf"300w_valid\.csv, {text}"):
        fldbench.load_dataset("300w-labels", labels, "test")


def test_the_real_labels_are_whole_and_agree_with_each_other(data_root, tmp_path):
    test, private = (fldbench.load_dataset("300w-labels", data_root, split) for split in ("test", "private"))
    assert (len(test), len(private)) == (689, 600)
    counts = {name: int(member.sum()) for name, member in (test.subsets | {}).items() if member.any()}
    assert counts == {"helen-test": 330, "lfpw-test": 224, "ibug": 135, "common": 554, "challenging": 135, "full": 689}
    assert private.subsets["indoor"].sum() == private.subsets["outdoor"].sum() == 300
    assert test.parts == {part: (n, n) for part, n in PUBLIC_PARTS.items()}
    for name in ("300w_valid_common.csv", "300w_valid_challenge.csv"):
        (tmp_path / name).write_bytes((data_root / "300w_labels" / name).read_bytes())
    assert fldbench.load_dataset("300w-labels", tmp_path, "test").fingerprint == test.fingerprint


def test_the_real_labels_are_those_of_the_image_based_reader(data_root):
    """Images were cropped and scaled, so points agree up to a scale and a shift for each face."""
    images, labels = (fldbench.load_dataset(name, data_root, "test") for name in ("300w", "300w-labels"))
    helen = labels.subset("helen-test")
    assert sorted(helen.ids) == sorted(images.ids)
    rows = {one: row for row, one in enumerate(helen.ids)}
    truth = helen.landmarks[[rows[one] for one in images.ids]]
    a, b = (points - points.mean(axis=1, keepdims=True) for points in (images.landmarks, truth))
    scale = (a * b).sum(axis=(1, 2)) / (b * b).sum(axis=(1, 2))
    size = np.linalg.norm(np.ptp(images.landmarks, axis=1), axis=1)
    assert (np.abs(a - scale[:, None, None] * b).max(axis=(1, 2)) / size).max() < 0.002
    assert (scale <= 1.001).all()
