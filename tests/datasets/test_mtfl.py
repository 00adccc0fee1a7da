"""MTFL: both path styles, codes of attributes, groups, the real lists, what is refused."""

import numpy as np
import pytest
from writers import write_mtfl

from fldbench.datasets.mtfl import MTFL
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faces import ImageFiles

POINTS = np.array([[34.32, 34.8], [47.28, 36.24], [40.4, 46.0], [34.0, 50.8], [45.04, 52.08]])
FACES = [
    ("lfw_5590/Al_Gore_0001.jpg", POINTS, (1, 2, 2, 3)),
    ("net_7876/12_1_0.jpg", POINTS + 1, (2, 1, 1, 5)),
    ("net_7876/12_0_0.jpg", POINTS + 2, (2, 1, 2, 1)),
    ("net_7876/ein Bild, größer.jpg", POINTS / 2, (-1, -1, -1, -1)),
]


@pytest.fixture
def mtfl(tmp_path):
    return write_mtfl(tmp_path / "mtfl", "training.txt", FACES)


def test_lines_points_and_attributes(mtfl):
    train = MTFL().load(mtfl.parent.parent, "train")
    assert mtfl.read_text().startswith(
        " lfw_5590\\Al_Gore_0001.jpg 34.320000 47.280000 40.400000 34.000000 45.040000 34.8"
    )
    assert np.allclose(train.landmarks, [points for _, points, _ in FACES])
    assert train.boxes[0].tolist() == [34.0, 34.8, 47.28, 52.08]
    assert {key: column.tolist() for key, column in train.attributes.items()} == {
        **{"gender": [0, 1, 1, -1], "smile": [0, 1, 1, -1]},
        **{"glasses": [0, 1, 0, -1], "pose": [2, 4, 0, -1]},
    }
    assert train.ids.tolist()[::3] == ["lfw_5590/Al_Gore_0001", "net_7876/ein Bild, größer"]
    assert train.groups.tolist() == [
        *("lfw_5590/Al_Gore", "net_7876/12", "net_7876/12"),
        "net_7876/ein Bild, größer",
    ]
    assert train.parts == {"train": (4, 10000)}
    assert all(image.shape == (80, 80, 3) for image in train.images)


def test_both_path_styles_and_blanks_give_the_same_faces(mtfl):
    first = MTFL().load(mtfl.parent, "train")
    write_mtfl(mtfl.parent, "training.txt", FACES, backslashes=False)
    text = mtfl.read_text(encoding="utf-8").replace(" 34.8", "\t 34.8").replace("\n ", "\r\n") + "\n \n"
    mtfl.write_text("\ufeff" + text, encoding="utf-8")
    assert MTFL().load(mtfl.parent, "train").fingerprint == first.fingerprint


def test_reading_opens_no_image(mtfl, monkeypatch):
    monkeypatch.setattr(ImageFiles, "encoded", lambda *_: pytest.fail("an image was opened"))
    assert len(MTFL().load(mtfl.parent, "train")) == 4


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (
            lambda t: t[: t.index("\n") - 2],
            r"line 1: the number of columns is 14; must be 15, with blanks between: PATH x1\.\.x5 y1\.\.y5 gender ",
        ),
        (lambda t: t.replace("\n", " 1\n", 1), "line 1: glasses is '3'; must be 1 yes, 2 no or -1 unknown"),
        (
            lambda t: t.replace(" 34.3", " 7 34.3", 1),
            r"line 1: no image 'lfw_5590/Al_Gore_0001.jpg 7' below .*; restore it",
        ),
        (lambda t: t.replace(" 34.320000", ""), "line 1: the number of columns is 14; must be 15, with blanks bet"),
        (lambda t: t.replace(" ", ";"), "line 1: the number of columns is 1; must be 15, with blanks between: PAT"),
        (
            lambda t: t.replace("34.320000", "left"),
            "line 1: a number is 'left'; must be a finite decimal number",
        ),
        (lambda t: t.replace("34.320000", "inf"), "line 1: a number is 'inf'; must be a finite decimal number"),
        (lambda t: t.replace("1 2 2 3", "3 2 2 3"), "line 1: gender is '3'; must be 1 male, 2 female or -1 unknow"),
        (lambda t: t.replace("2 1 1 5", "2 1 1 6"), "line 2: pose is '6'; must be 1 left profile, 2 left, 3 front"),
        (
            lambda t: t + t.split("\n")[1] + "\n",
            r"line 5: 'net_7876/12_1_0' is in line 2 already; each face has one line",
        ),
        (
            lambda t: t.replace("Al_Gore", "Al_Gone"),
            r"line 1: no image 'lfw_5590/Al_Gone_0001.jpg' below .*mtfl; restore",
        ),
        (lambda t: t.replace("lfw_5590\\Al_Gore_0001.jpg", "lfw_5590"), "line 1: no image 'lfw_5590'"),
        (lambda t: "\n \n", "line 1: the file is empty; restore it"),
    ],
)
def test_a_broken_list_names_file_and_line(mtfl, change, error):
    mtfl.write_text(change(mtfl.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(DataError, match=r"training\.txt, " + f"({error})"):
        MTFL().load(mtfl.parent, "train")


def test_bytes_that_are_not_utf8_are_refused(mtfl):
    good = mtfl.read_bytes()
    mtfl.write_bytes(good.replace("ö".encode(), b"\xf6"))
    with pytest.raises(DataError, match=r"training\.txt, line 4: not UTF-8 text \(byte 0xf6\); save the file as UTF-8"):
        MTFL().load(mtfl.parent, "train")
    mtfl.write_bytes(good[:40] + b"\0" + good[40:])
    with pytest.raises(DataError, match=r"training\.txt, line 1: not UTF-8 text \(byte 0x00\); save the file as U"):
        MTFL().load(mtfl.parent, "train")
    with pytest.raises(DataError, match=r"testing\.txt: cannot be read \(No such file"):
        MTFL().load(mtfl.parent, "test")
    with pytest.raises(
        DatasetNotFoundError, match=r"dataset 'mtfl' is not below .*; looked for training.txt or testing"
    ):
        MTFL().load(mtfl.parent / "lfw_5590", "test")


def test_the_real_mtfl_has_the_counts_of_its_readme(data_root):
    train, test = (MTFL().load(data_root, split) for split in ("train", "test"))
    assert (len(train), len(test)) == (9983, 1466)
    assert (train.parts, test.parts) == (
        {"train": (9983, 10000), "boxes of a detector": (9983, 9983)},
        {"test": (1466, 2995), "boxes of a detector": (1466, 1466)},
    )
    counts = {key: np.bincount(column).tolist() for key, column in train.attributes.items()}
    assert counts == {
        **{"gender": [5802, 4181], "smile": [4375, 5608], "glasses": [8575, 1408]},
        "pose": [136, 1112, 7430, 1110, 195],
    }
    assert np.bincount(test.attributes["pose"]).tolist() == [98, 212, 913, 185, 58]
    assert train.landmarks[0].tolist() == POINTS.tolist()
    assert test.landmarks[0, 1].tolist() == [54.040895, 30.965275]
    assert len(set(train.groups)) == 9501 and len(set(test.groups)) == 1438


def test_the_pose_of_real_faces_agrees_with_the_direction_of_the_nose(data_root):
    train = MTFL().load(data_root, "train")
    eyes = train.landmarks[:, :2]
    turn = (train.landmarks[:, 2, 0] - eyes[..., 0].mean(axis=1)) / np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    means = [turn[train.attributes["pose"] == code].mean() for code in range(5)]
    assert means == pytest.approx([-0.50, -0.27, 0.00, 0.24, 0.46], abs=0.01)


def test_detector_boxes_replace_tight_boxes_and_missed_faces_are_counted(mtfl):
    tight = MTFL().load(mtfl.parent, "train")
    boxes = [
        "lfw_5590\\Al_Gore_0001.jpg 1.5 2 30 40 0.99",
        "net_7876/ein Bild, größer.jpg 5 6 70 80 0.5",
        "net_7876/not_listed.jpg 1 1 2 2 0.1",
    ]
    (mtfl.parent / "training_boxes.txt").write_text("\n".join(boxes), encoding="utf-8")
    faces = MTFL().load(mtfl.parent, "train")
    assert faces.boxes[[0, 3]].tolist() == [[1.5, 2, 30, 40], [5, 6, 70, 80]]
    assert np.array_equal(faces.boxes[1:3], tight.boxes[1:3])
    assert faces.subsets["detected"].tolist() == [True, False, False, True] and not tight.subsets
    assert (tight.box_source, faces.box_source) == ("tight", "official")
    assert faces.parts == {"train": (4, 10000), "boxes of a detector": (2, 4)}
    assert list(faces.attributes) == list(tight.attributes)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("a.jpg 1 2 3", "the number of columns is 4; must be 6, with blanks between: PATH x0 y0 x1 y1 score"),
        ("a.jpg 1 2 3 x 0.9", "a number is 'x'; must be a finite decimal number"),
        ("a.jpg 5 2 3 4 0.9", r"the box is \[5\.0, 2\.0, 3\.0, 4\.0\]; must be x0, y0, x1, y1 with x0 < x1"),
        ("b.jpg 1 2 3 4 0.9", "the face is 'b'; must be in one line only"),
    ],
)
def test_a_broken_list_of_boxes_names_file_and_line(mtfl, row, text):
    (mtfl.parent / "training_boxes.txt").write_text(f"b.jpg 1 2 3 4 0.9\n{row}\n")
    with pytest.raises(DataError, match=rf"training_boxes\.txt, line 2: {text}"):
        MTFL().load(mtfl.parent, "train")


def test_the_real_boxes_hold_the_points(data_root):
    for split, n, share in (("train", 9983, 0.989), ("test", 1466, 0.996)):
        faces = MTFL().load(data_root, split)
        assert len(faces) == n and faces.subsets["detected"].all()
        low, high = faces.boxes[:, None, :2], faces.boxes[:, None, 2:]
        inside = ((faces.landmarks >= low) & (faces.landmarks <= high)).all(axis=(1, 2)).mean()
        assert inside == pytest.approx(share, abs=0.001)
