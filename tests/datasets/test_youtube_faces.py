"""YouTube Faces: the two CSV files, splits that share persons and splits that do not, what is refused."""

import hashlib
import time

import numpy as np
import pytest
from writers import write_youtube_faces

from fldbench.datasets.youtube_faces import YouTubeFaces
from fldbench.errors import DataError, DatasetNotFoundError

RNG = np.random.default_rng(0)
PERSONS = [f"Ann_{letter}" for letter in "BCDEFGHIJK"]


def points(n=1):
    return RNG.integers(-5, 60, (n, 68, 2)).astype(float)


@pytest.fixture
def youtube(tmp_path):
    training = [
        (f"{person}_{clip}{frame}.jpg", points()[0]) for person in PERSONS for clip in (0, 5) for frame in (0, 1)
    ]
    write_youtube_faces(tmp_path / "youtube_faces", "training", training)
    test = [("Ann_B_00.jpg", points()[0]), ("Zoë, the 2nd_51.jpg", points()[0])]
    write_youtube_faces(tmp_path / "youtube_faces", "test", test)
    return tmp_path, training, test


def test_official_splits(youtube):
    root, training, test_faces = youtube
    train, test = (YouTubeFaces().load(root, split) for split in ("train", "test"))
    assert train.landmarks.tolist() == [one.tolist() for _, one in training]
    assert test.ids.tolist() == ["test/Ann_B_00", "test/Zoë, the 2nd_51"]
    assert test.groups.tolist() == ["Ann_B", "Zoë, the 2nd"]
    assert test.landmarks[1].tolist() == test_faces[1][1].tolist()
    assert test.boxes[0].tolist() == [*test_faces[0][1].min(axis=0), *test_faces[0][1].max(axis=0)]
    assert (train.parts, test.parts) == ({"train": (40, 3462)}, {"test": (2, 770)})
    assert all(image.shape == (70, 60, 3) for image in test.images)
    assert not set(train.ids) & set(test.ids)


def test_disjoint_splits_are_cut_by_the_name_of_the_person_alone(youtube):
    root, training, _ = youtube
    train, test = (YouTubeFaces().load(root, f"{split}-disjoint") for split in ("train", "test"))
    held_out = {p for p in PERSONS if int.from_bytes(hashlib.sha256(p.encode()).digest(), "big") % 5 == 0}
    assert set(test.groups) == held_out and set(train.groups) == set(PERSONS) - held_out
    assert sorted([*train.ids, *test.ids]) == sorted(f"training/{name[:-4]}" for name, _ in training)
    write_youtube_faces(root / "youtube_faces", "training", training[::-1][:-3])
    assert set(YouTubeFaces().load(root, "test-disjoint").groups) <= held_out


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda t: t[:-60], r"line 41: the number of columns is 125; must be 137: a file name, then x0,y0,\.\.\.,"),
        (lambda t: t.replace("Ann_B_00.jpg,", "Ann_B_00.jpg,1.0,", 1), "line 2: the number of columns is 138; must b"),
        (lambda t: t.replace(",", ";"), "line 1: the header is ';0;1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;1'; must b"),
        (lambda t: t.replace("\nAnn_B_01", ";\nAnn_B_01"), r"line 2: a number is '36\.0;'; must be a finite de"),
        (
            lambda t: t.replace("Ann_B_00.jpg,", "Ann_B_00.jpg,,", 1).replace(".0,", ",", 1),
            "line 2: the number of columns is 138; must b",
        ),
        (lambda t: t.replace("Ann_B_01.jpg", "Ann_B_00.jpg"), r"line 3: 'Ann_B_00.jpg' is in line 2 already"),
        (
            lambda t: t.replace("Ann_C_00.jpg", "Ann_C_09.jpg"),
            r"line 6: no image 'Ann_C_09.jpg' below .*training; restore",
        ),
        (lambda t: t.replace("Ann_B_00.jpg", '"Ann_B_00.jpg'), r"line 2: not a line of a CSV file|line 2: 1 columns"),
        (lambda t: t.split("\n")[0], r"line 1: a header and no face; fetch the file again"),
        (lambda t: "", r"line 1: the file is empty"),
    ],
)
def test_a_broken_file_names_the_line(youtube, change, error):
    path = youtube[0] / "youtube_faces/training_frames_keypoints.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=r"training_frames_keypoints\.csv, " + f"({error})"):
        YouTubeFaces().load(youtube[0], "train")


def test_a_cell_that_is_empty_and_bytes_that_are_no_text(youtube):
    path = youtube[0] / "youtube_faces/test_frames_keypoints.csv"
    good = path.read_bytes()
    head, first, *rest = good.split(b"\n")
    path.write_bytes(b"\n".join([head, first.rpartition(b",")[0] + b",", *rest]))
    with pytest.raises(
        DataError, match=r"test_frames_keypoints\.csv, line 2: a number is ''; must be a finite decimal number"
    ):
        YouTubeFaces().load(youtube[0], "test")
    path.write_bytes(good.replace("ë".encode(), b"\xeb"))
    with pytest.raises(DataError, match=r"test_frames_keypoints\.csv, line 3: not UTF-8 text \(byte 0xeb\); save "):
        YouTubeFaces().load(youtube[0], "test")
    path.unlink()
    with pytest.raises(DataError, match=r"test_frames_keypoints\.csv: cannot be read \(No such file"):
        YouTubeFaces().load(youtube[0], "test")


def test_what_is_absent_is_said(youtube):
    root, training, _ = youtube
    person = next(p for p in PERSONS if int(hashlib.sha256(p.encode()).hexdigest(), 16) % 5)
    write_youtube_faces(root / "youtube_faces", "training", [face for face in training if face[0].startswith(person)])
    with pytest.raises(
        DatasetNotFoundError, match=r"no person of the split 'test-disjoint' in it; fetch the whole file"
    ):
        YouTubeFaces().load(root, "test-disjoint")
    with pytest.raises(DatasetNotFoundError, match=r"'youtube-faces' is not below .*; looked for training_frames_keyp"):
        YouTubeFaces().load(root / "youtube_faces/test", "train")


def test_the_real_files_have_the_counts_of_their_readme(data_root):
    started = time.perf_counter()
    sets = {split: YouTubeFaces().load(data_root, split) for split in YouTubeFaces.splits}
    assert time.perf_counter() - started < 6.0  # about 1 s for all four; the bound leaves room for a busy machine
    assert {split: len(faces) for split, faces in sets.items()} == {
        **{"train": 3462, "test": 385, "train-disjoint": 2802, "test-disjoint": 660},
    }
    assert sets["test"].parts == {"test": (385, 770)}
    assert all(len(sets[split]) == YouTubeFaces.expected[split] for split in sets if split != "test")
    persons = {split: set(faces.groups) for split, faces in sets.items()}
    assert len(persons["train"]) == 347 and persons["test"] <= persons["train"]
    assert not persons["train-disjoint"] & persons["test-disjoint"]
    assert sets["train"].landmarks[0, :2].tolist() == [[45.0, 98.0], [47.0, 106.0]]
    assert sets["train"].landmarks.min() == -23 and sets["train"].landmarks.max() == 394
