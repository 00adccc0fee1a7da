"""Any folder of .pts files: depth, scheme, split, and what is refused."""

import re

import cv2
import numpy as np
import pytest

from fldbench.datasets.yours.pts_folder import PtsFolder
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.schemes import get_scheme

SCHEMES = {68: "ibug-68", 98: "wflw-98", 51: "ibug-51"}
RNG = np.random.default_rng(0)


def write_face(path, n_points=68, ending=".png", header=True):
    """An image and its .pts file in iBUG's format; returns the zero-based points."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = cv2.imencode(ending, np.full((80, 90, 3), 90, np.uint8))[1].tobytes()
    path.with_name(path.name + ending).write_bytes(image)
    points = (10 + 60 * get_scheme(SCHEMES[n_points]).template + RNG.uniform(-1, 1, (n_points, 2))).round(3)
    rows = "".join(f"{x + 1:.3f} {y + 1:.3f}\n" for x, y in points)
    text = f"version: 1\nn_points:  {n_points}\n{{\n{rows}}}\n" if header else rows
    path.with_name(path.name + ".pts").write_text(text)
    return points


def load(root, split="train", **options):
    return PtsFolder(**options).load(root, split)


def test_every_file_at_any_depth_is_a_face(tmp_path):
    truth = {name: write_face(tmp_path / name, ending=end) for name, end in (("b", ".jpg"), ("x y/Zoë 1.2", ".png"))}
    write_face(tmp_path / ".hidden")
    faces = load(tmp_path)
    assert faces.ids.tolist() == list(truth) and faces.scheme == "ibug-68" and faces.name == "pts"
    assert np.allclose(faces.landmarks, list(truth.values()), atol=1e-9)
    assert faces.boxes[0].tolist() == [*truth["b"].min(axis=0), *truth["b"].max(axis=0)]
    assert [image.shape for image in faces.images] == [(80, 90, 3)] * 2
    assert load(tmp_path, folder="x y").ids.tolist() == ["Zoë 1.2"]
    assert load(None, folder=tmp_path / "x y").split_name == "train"


@pytest.mark.parametrize("header", [True, False])
def test_the_points_give_the_scheme(tmp_path, header):
    points = write_face(tmp_path / "a", 98, header=header)
    faces = load(tmp_path)
    assert faces.scheme == "wflw-98" and np.allclose(faces.landmarks[0], points)
    with pytest.raises(DataError, match=r"a\.pts.*: .*must be '?68"):
        load(tmp_path, scheme="ibug-68")


def test_folders_name_the_splits(tmp_path):
    for name in ("helen/trainset/1", "lfpw/trainset/2", "helen/testset/3"):
        write_face(tmp_path / name)
    assert load(tmp_path, "train").ids.tolist() == ["helen/trainset/1", "lfpw/trainset/2"]
    assert load(tmp_path, "test").ids.tolist() == ["helen/testset/3"]
    assert len(load(tmp_path, "all")) == 3
    with pytest.raises(DatasetNotFoundError, match=r"no \.pts file of the split 'val'; found test, train"):
        load(tmp_path, "val")
    write_face(tmp_path / "afw/4")
    assert len(load(tmp_path, "all")) == 4
    with pytest.raises(
        DatasetNotFoundError, match=r"1 of 4 .pts files lie in no folder with train, val or test in its"
    ):
        load(tmp_path, "train")
    assert load(tmp_path / "afw", "train").ids.tolist() == ["4"]
    with pytest.raises(
        DatasetNotFoundError, match=r"1 of 1 .pts files lie in no .* such as '4.pts'; ask for split 'all'"
    ):
        load(tmp_path / "afw", "test")


def test_errors_name_the_place(tmp_path, monkeypatch):
    with pytest.raises(DatasetNotFoundError, match=r"no \.pts file in it or below"):
        load(tmp_path)
    with pytest.raises(DatasetNotFoundError, match=r"none: there is no such folder; folder='...' is a path below"):
        load(tmp_path, folder="none")
    monkeypatch.delenv("FLDBENCH_DATA", raising=False)
    with pytest.raises(
        DatasetNotFoundError, match=r"dataset 'pts' needs a folder; give --data ROOT, folder='...' or set"
    ):
        load(None)
    write_face(tmp_path / "a b")
    (tmp_path / "a b.png").unlink()
    with pytest.raises(DataError, match=r"a b\.pts: no image beside it; looked for a b with \.jpg"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda text: "", r"a\.pts, line 1: the file is empty"),
        (lambda text: text.replace("68", "67", 1), r"a\.pts: 67 points per face; no scheme has that number; give s"),
        (lambda text: text[: len(text) // 2], r"a\.pts, line \d+: "),
        (lambda text: text.replace("\n", "\n\0", 5), r"a\.pts, line 2: not UTF-8 text \(byte 0x00\)"),
        (
            lambda text: re.sub("(?<=[0-9]) ", ",", text),
            r"a\.pts, line 4: a point is '\d+\.\d+,\d+\.\d+'; must be 'x y', two numbers",
        ),
        (
            lambda text: text.replace("{\n", "{\nleft eye\n"),
            r"a\.pts, line 4: a number is 'left'; must be a finite decimal number",
        ),
    ],
)
def test_a_broken_file_names_file_and_line(tmp_path, change, error):
    write_face(tmp_path / "a")
    path = tmp_path / "a.pts"
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=error):
        load(tmp_path)


def test_bytes_that_are_not_utf8_name_their_line(tmp_path):
    write_face(tmp_path / "a")
    path = tmp_path / "a.pts"
    path.write_bytes(path.read_bytes().replace(b"{", b"{\n\xff\xfe", 1))
    with pytest.raises(DataError, match=r"a\.pts, line 4: not UTF-8 text \(byte 0xff\); save the file as UTF-8"):
        load(tmp_path)


def test_a_file_with_another_number_of_points_is_named(tmp_path):
    write_face(tmp_path / "a")
    write_face(tmp_path / "b", 51)
    with pytest.raises(DataError, match=r"b\.pts, line 2: n_points is '51'; must be '68'"):
        load(tmp_path)


def test_real_files(data_root):
    faces = load(data_root, "train", folder="300w/afw")
    assert len(faces) == 337 and faces.ids[0] == "1051618982_1"
    assert faces.landmarks[0, 0] == pytest.approx([101.515 - 1, 136.972 - 1])
    assert len(load(data_root / "300w/helen", "test")) == 330
