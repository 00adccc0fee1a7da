"""Kaggle's keypoints: pixels in a CSV file that are parsed when asked for, missing points, what is refused."""

import numpy as np
import pytest
from writers import write_kaggle

from fldbench.datasets.kaggle import CsvPixels, KaggleKeypoints
from fldbench.errors import DataError, DatasetNotFoundError

RNG = np.random.default_rng(0)
FOUR = [0, 1, 10, 14]  # the points of the second source: eye centres, nose tip, lower lip


@pytest.fixture
def kaggle(tmp_path):
    points = RNG.uniform(10, 80, (3, 15, 2)).round(6)
    points[1, np.setdiff1d(np.arange(15), FOUR)] = np.nan
    images = RNG.integers(0, 256, (3, 96, 96), dtype=np.uint8)
    return write_kaggle(tmp_path / "kaggle/training.csv", points, images), points, images


def test_points_and_pixels(kaggle):
    path, points, images = kaggle
    train = KaggleKeypoints().load(path.parent.parent, "train")
    assert np.allclose(train.landmarks, points, equal_nan=True)
    assert np.flatnonzero(train.visible[1]).tolist() == FOUR and train.visible[[0, 2]].all()
    for image, truth in zip(train.images, images, strict=True):
        assert image.shape == (96, 96, 3) and (image == truth[..., None]).all()
    assert train.boxes.tolist() == [[-0.5, -0.5, 95.5, 95.5]] * 3
    assert train.ids.tolist() == ["train/1", "train/2", "train/3"] and len(set(train.groups)) == 3
    assert train.parts == {"train": (3, 7049)} and KaggleKeypoints.expected == {"train": 7049}


def test_no_pixel_is_parsed_before_it_is_asked_for(kaggle, monkeypatch):
    path, _, images = kaggle
    monkeypatch.setattr(CsvPixels, "decode", lambda *_: pytest.fail("pixels were parsed"))
    train = KaggleKeypoints().load(path.parent, "train")
    assert len(train[::2].fingerprint) == 64
    monkeypatch.undo()
    assert (train[::2].images[1][..., 0] == images[2]).all()


def test_quotes_crlf_and_a_byte_order_mark_change_nothing(kaggle):
    path, _, _ = kaggle
    before = KaggleKeypoints().load(path.parent, "train")
    fingerprint, last = before.fingerprint, before.images[2]
    head, *rows = path.read_text().splitlines()
    rows = [f'{row.rpartition(",")[0]},"{row.rpartition(",")[2]}"' for row in rows]
    path.write_bytes(("\ufeff" + "\r\n".join([head, *rows]) + "\r\n\r\n").encode())
    again = KaggleKeypoints().load(path.parent, "train")
    assert again.fingerprint == fingerprint and (again.images[2] == last).all()


def replaced(row, cell, text):
    """A change of the file's lines: the cell of a row, counted from 0 with the header, gets another text."""

    def change(lines):
        cells = lines[row].split(",")
        cells[cell] = text
        return [*lines[:row], ",".join(cells), *lines[row + 1 :]]

    return change


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (replaced(2, 0, "x"), "line 3: a number is 'x'; must be a finite decimal number"),
        (replaced(2, 0, "\udcff"), "line 3: a number is '�'; must be a finite decimal number"),
        (replaced(1, 3, "nan"), "line 2: a number is 'nan'; must be a finite decimal number"),
        (replaced(1, 3, ""), "line 2: right_eye_center has one coordinate; must have both or none"),
        (replaced(1, 30, "1 2 3"), "line 2: the number of pixels is 3; must be 9216, with one blank between"),
        (lambda lines: [*lines[:3], lines[3][:-100]], "line 4: the number of pixels is 9189; must be 9216, with"),
        (lambda lines: [*lines[:3], lines[3][:100]], "line 4: the number of columns is 8; must be 31, with com"),
        (
            lambda lines: [line.replace(",", ";") for line in lines],
            "line 1: column 1 of the header is 'left_eye_center_x;left_eye_center_y;righ'; must be 'left_eye_cent",
        ),
        (replaced(0, 2, "eye"), "line 1: column 3 of the header is 'eye'; must be 'right_eye_center_x', with comm"),
        (
            lambda lines: [lines[0], "," * 30 + lines[1].rpartition(",")[2]],
            r"line 2: a face without a single point; leave",
        ),
        (lambda lines: lines[:1], r"line 1: no face in it; fetch the file again"),
        (lambda lines: [], r"line 1: no face in it|line 1: 1 columns"),
        (lambda lines: ["ImageId,Image"], "line 1: column 1 of the header is 'ImageId'; must be 'left_eye_cente"),
    ],
)
def test_a_broken_file_names_the_line(kaggle, change, error):
    path, _, _ = kaggle
    path.write_text("\n".join(change(path.read_text().splitlines())), errors="surrogateescape")
    with pytest.raises(DataError, match=r"training\.csv, " + f"({error})"):
        KaggleKeypoints().load(path.parent, "train")


@pytest.mark.parametrize("word", ["256", "-1", "x", "1.5"])
def test_broken_pixels_are_named_when_the_image_is_asked_for(kaggle, word):
    path, _, _ = kaggle
    lines = path.read_text().splitlines()
    cells, _, pixels = lines[2].rpartition(",")
    path.write_text("\n".join([*lines[:2], f"{cells},{word} {pixels.partition(' ')[2]}", lines[3]]))
    train = KaggleKeypoints().load(path.parent, "train")
    assert train.images[0].shape == (96, 96, 3)
    with pytest.raises(DataError, match=r"training\.csv, line 3: the pixels must be 9216 whole numbers from 0 to 255"):
        train.images[1]


def test_a_file_that_goes_away(kaggle, tmp_path):
    path, _, _ = kaggle
    train = KaggleKeypoints().load(path.parent, "train")
    path.unlink()
    with pytest.raises(DataError, match=r"training\.csv, line 2: cannot be read \(No such file"):
        train.images[0]
    with pytest.raises(
        DatasetNotFoundError, match=r"dataset 'kaggle' is not below .*; looked for training.csv in kaggle/"
    ):
        KaggleKeypoints().load(tmp_path, "train")
    path.mkdir()
    with pytest.raises(DataError, match=r"training\.csv: cannot be read \(Is a directory"):
        KaggleKeypoints().load(tmp_path, "train")
