"""300-W, COFW-68 and .pts: files in the official formats, the real files, and what is refused."""

import shutil

import numpy as np
import pytest
from scipy.io import savemat
from writers import submission, write_300w_pts, write_face, write_image

import fldbench
from fldbench.datasets.cofw68 import COFW68
from fldbench.datasets.formats.pts import read_pts
from fldbench.datasets.ibug300w import IBug300W
from fldbench.errors import DataError, DatasetNotFoundError, PredictionsError, UnknownNameError
from fldbench.protocols import ids_hash

RNG = np.random.default_rng(0)


def test_pts_is_one_based_and_layouts_vary(tmp_path):
    points = RNG.uniform(0, 50, (68, 2)).round(6)
    path = tmp_path / "a.pts"
    for header, footer in (
        ("version: 1\nn_points: 68\n{\n", "}\n"),
        ("version: 1\nn_points:  68\n{\n", "}"),
        ("", ""),
        ("\ufeffversion: 1\r\n\nn_points: 68\n{\n", "}\n\n"),
    ):
        write_300w_pts(path, points, header, footer)
        assert np.allclose(read_pts(path, 68), points, atol=1e-9)
    path.write_text("version: 1\nn_points: 1\n{\n1 1\n}\n")
    assert read_pts(path, 1).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("before", "after"),
    [("", ""), ("\n", "\r\n"), ("1.5 ", "-1.5\t "), ("1.5", "+1"), ("1.5", "15e-1"), ("1.5", "1e6"), ("1.5", "1_5")],
)
@pytest.mark.parametrize("line", ["1.5 2.25", "1.5", "1.5 2.25 1", "", "}", "x: 1", "1.5 .5", "1.5 1e400"])
def test_the_quick_way_to_read_a_pts_reads_and_refuses_what_the_thorough_one_does(
    tmp_path, monkeypatch, before, after, line
):
    path = tmp_path / "a.pts"
    path.write_text(f"version: 1\nn_points: 2\n{{\n3 4\n{line}\n}}\n".replace(before or "\0", after), newline="")

    def answer():
        try:
            return read_pts(path, 2).tolist()
        except DataError as error:
            return str(error)

    quick = answer()
    monkeypatch.setattr("fldbench.datasets.formats.pts._usual", lambda content, n_points: None)
    assert quick == answer()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda lines: lines[:-2], r"a\.pts, line 70: the number of points is 67; must be 68"),
        (
            lambda lines: [*lines[:4], "1.0 abc", *lines[5:]],
            r"a\.pts, line 5: a number is 'abc'; must be a finite decimal number",
        ),
        (
            lambda lines: [*lines[:4], "1.0", *lines[5:]],
            r"a\.pts, line 5: a point is '1\.0'; must be 'x y', two numbers",
        ),
        (
            lambda lines: [*lines[:4], "1 2 3", *lines[5:]],
            r"a\.pts, line 5: a point is '1 2 3'; must be 'x y', two numbers",
        ),
        (
            lambda lines: [*lines[:4], "1 nan", *lines[5:]],
            r"a\.pts, line 5: a number is 'nan'; must be a finite decimal number",
        ),
        (lambda lines: [lines[0], "n_points: 51", *lines[2:]], r"a\.pts, line 2: n_points is '51'; must be '68'"),
        (lambda lines: [], r"a\.pts, line 1: the file is empty; restore it"),
    ],
)
def test_a_broken_pts_names_file_and_line(tmp_path, change, text):
    path = tmp_path / "a.pts"
    write_300w_pts(path, np.ones((68, 2)))
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DataError, match=text):
        read_pts(path, 68)


def test_300w_reads_the_usual_folders_and_says_what_is_absent(tmp_path):
    base = tmp_path / "300w"
    truth = {"afw/1_1": write_face(base / "afw", "1_1"), "afw/1_2": write_face(base / "afw", "1_2", ".png")}
    truth["lfpw/trainset/image_0001"] = write_face(base / "lfpw/trainset", "image_0001", ".png")
    write_face(base / "helen/testset", "77_1")
    write_face(base / "ibug", "image_092 _01")
    write_face(base / "300W/01_Indoor", "indoor_001", ".png")
    train = fldbench.load_dataset("300w", tmp_path, "train")
    assert train.ids.tolist() == list(truth)
    assert np.allclose(train.landmarks, list(truth.values()), atol=1e-5)
    assert train.parts == {"afw": (2, 337), "helen/trainset": (0, 2000), "lfpw/trainset": (1, 811)}
    assert train.groups.tolist() == ["afw/1", "afw/1", "lfpw/trainset/image_0001"]
    test = fldbench.load_dataset("300w", base, "test")
    assert test.ids.tolist() == ["helen/testset/77_1", "ibug/image_092 _01", "01_Indoor/indoor_001"]
    counts = {name: int(member.sum()) for name, member in test.subsets.items()}
    assert counts == {
        **{"helen-test": 1, "lfpw-test": 0, "ibug": 1, "common": 1, "challenging": 1, "full": 2},
        **{"indoor": 1, "outdoor": 0, "private": 1},
    }
    assert all(image.shape == (80, 90, 3) for image in test.images)


def test_the_pose_of_300w_is_an_option(tmp_path):
    """The eyes' centres at (40, 40) and (60, 40): the nose's place along the line through them says the class."""
    points = np.full((68, 2), 50.0)
    points[36:42], points[42:48] = [40.0, 40.0], [60.0, 40.0]
    (tmp_path / "300w/afw").mkdir(parents=True)
    points[36:42] += [[-6, 0], [-2, -2], [2, -2], [6, 0], [2, 2], [-2, 2]]
    for number, x in enumerate((42.1, 42.3, 47.1, 47.3, 52.7, 52.9, 57.7, 57.9)):
        points[30] = x, 60.0
        write_300w_pts(tmp_path / f"300w/afw/{number}_1.pts", points)
        write_image(tmp_path / f"300w/afw/{number}_1.jpg")
    faces = fldbench.load_dataset("300w", tmp_path, "train", pose=True)
    assert faces.attributes["pose"].tolist() == [0, 1, 1, 2, 2, 3, 3, 4]
    assert faces.attribute_type("pose").mirror == (4, 3, 2, 1, 0)
    without = fldbench.load_dataset("300w", tmp_path, "train")
    assert without.attributes == {} == IBug300W().attribute_types and without.fingerprint != faces.fingerprint
    with pytest.raises(DataError, match="dataset '300w': pose is 1; must be true or false"):
        fldbench.load_dataset("300w", tmp_path, "train", pose=1)


def test_300w_errors_say_which_files_were_looked_for(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"dataset '300w' is not below .*; looked for afw or helen or lfpw"):
        fldbench.load_dataset("300w", tmp_path)
    with pytest.raises(
        DatasetNotFoundError, match=r"data root '/no/such' is not a folder; give --data ROOT or set FLD"
    ):
        fldbench.load_dataset("300w", "/no/such")
    (tmp_path / "afw").mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"no .pts file of the split 'test'; looked in helen/testset"):
        fldbench.load_dataset("300w", tmp_path, "test")
    with pytest.raises(
        DatasetNotFoundError, match="dataset '300w': split is 'val'; must be 'train' or 'test' or 'private'"
    ):
        fldbench.load_dataset("300w", tmp_path, "val")
    write_face(tmp_path / "afw", "1_1")
    (tmp_path / "afw/1_1.jpg").unlink()
    with pytest.raises(DataError, match=r"1_1\.pts: no image beside it; looked for 1_1 with .jpg"):
        fldbench.load_dataset("300w", tmp_path, "train")
    with pytest.raises(UnknownNameError, match="no dataset named '300W'; did you mean '300w'"):
        fldbench.load_dataset("300W", tmp_path)


def test_a_missing_data_root_is_an_error(monkeypatch):
    monkeypatch.delenv("FLDBENCH_DATA", raising=False)
    with pytest.raises(DatasetNotFoundError, match="dataset '300w' needs a data root; give --data ROOT or set FLDB"):
        fldbench.load_dataset("300w")


def test_the_real_300w_has_the_counts_of_its_readme(data_root):
    train, test = (fldbench.load_dataset("300w", data_root, split) for split in ("train", "test"))
    assert (len(train), len(test)) == (2012, 330)
    assert train.parts == {"afw": (337, 337), "helen/trainset": (870, 2000), "lfpw/trainset": (805, 811)}
    assert test.subsets["helen-test"].all() and not test.subsets["ibug"].any()
    assert ids_hash(test) == fldbench.get_protocol("300w-helen").ids_sha256
    first = train[0]
    assert first.landmarks[0] == pytest.approx([101.515 - 1, 136.972 - 1])
    assert not set(train.ids) & set(test.ids)
    turned = fldbench.load_dataset("300w", data_root, "train", pose=True)
    codes, mirror = turned.attributes["pose"], np.array(turned.attribute_type("pose").mirror)
    assert np.bincount(codes).tolist() == [47, 352, 1197, 363, 53]
    flipped = fldbench.get_scheme("ibug-68").flip(turned.landmarks, 640)
    assert (IBug300W(pose=True).poses(flipped) == mirror[codes]).all()


@pytest.fixture
def cofw(tmp_path):
    """Three faces in the layout of cofw68-benchmark."""
    folder = tmp_path / "cofw68" / "test_annotations"
    folder.mkdir(parents=True)
    for number in (1, 2, 10):
        savemat(
            folder / f"{number}_points.mat", {"Points": np.full((68, 2), number + 1.0), "Occ": np.eye(1, 68, number)}
        )
    savemat(tmp_path / "cofw68/cofw68_test_bboxes.mat", {"bboxes": np.tile([11, 21, 30, 40], (10, 1))})
    return tmp_path


def test_cofw68_is_one_based_and_sorted_by_number(cofw):
    faces = fldbench.load_dataset("cofw68", cofw, "test")
    assert faces.ids.tolist() == ["1", "2", "10"]
    assert faces.landmarks[:, 0, 0].tolist() == [1.0, 2.0, 10.0]
    assert faces.boxes[2].tolist() == [10.0, 20.0, 40.0, 60.0]
    assert [np.flatnonzero(~row).tolist() for row in faces.visible] == [[1], [2], [10]]
    assert faces.parts == {"test": (3, 507)}
    with pytest.raises(DataError, match="predictions can be scored, methods cannot run"):
        faces.images[0]


def test_cofw68_errors_name_the_file(cofw):
    bad = cofw / "cofw68/test_annotations/2_points.mat"
    savemat(bad, {"Points": np.ones((29, 2)), "Occ": np.zeros(29)})
    with pytest.raises(
        DataError,
        match=r"2_points\.mat: the size of Points, Occ is \(\(29, 2\), \(1, 29\)\); must be \(68, 2\)",
    ):
        fldbench.load_dataset("cofw68", cofw, "test")
    bad.write_bytes(b"cut off")
    with pytest.raises(DataError, match=r"2_points\.mat: damaged, or not a MATLAB 5 file \(no MATLAB 5 header\)"):
        fldbench.load_dataset("cofw68", cofw, "test")
    bad.unlink()
    savemat(cofw / "cofw68/cofw68_test_bboxes.mat", {"bboxes": np.ones((4, 4))})
    with pytest.raises(DataError, match="face 10 has no box among 4"):
        fldbench.load_dataset("cofw68", cofw, "test")
    (cofw / "cofw68/cofw68_test_bboxes.mat").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"bboxes\.mat: this file of the dataset is absent"):
        fldbench.load_dataset("cofw68", cofw, "test")


def test_cofw68_submission_format(tmp_path):
    path = tmp_path / "sub.txt"
    path.write_text(submission(3, 1) + "\n")
    ids, points = COFW68().read_submission(path)
    assert ids == ["3", "1"] and points.shape == (2, 68, 2) and (points == [6.0, 8.0]).all()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            submission(3).replace("7 ", "x ", 1),
            r"sub\.txt, line 2: could not convert string to float: 'x'; must be 68 numbers",
        ),
        (submission(3).replace("9 ", "", 1), r"sub\.txt, line 3: the number of words is 67; must be 68: 68 y"),
        (submission("a"), r"sub\.txt, line 1: the number of a face is 'a'; must be 1 to 507"),
        ("\n".join(submission(3, 4).splitlines()[:-1]), r"sub\.txt, line 7: the last face has 3 of its four lines"),
    ],
)
def test_a_broken_submission_names_file_and_line(tmp_path, text, error):
    path = tmp_path / "sub.txt"
    path.write_text(text)
    with pytest.raises(PredictionsError, match=error):
        COFW68().read_submission(path)


def test_a_dataset_without_a_submission_format_says_so():
    with pytest.raises(
        PredictionsError,
        match=r"p\.txt: a prediction file ends in \.csv, \.json or \.npz",
    ):
        IBug300W().read_submission("p.txt")


def test_an_image_broken_on_disk_is_left_out_by_name(data_root, tmp_path):
    source = sorted((data_root / "300w/afw").glob("*.jpg"))[:3]
    (tmp_path / "afw").mkdir()
    for image in source:
        shutil.copy(image, tmp_path / "afw")
        shutil.copy(image.with_suffix(".pts"), tmp_path / "afw")
    (tmp_path / "afw" / source[1].name).write_bytes(source[1].read_bytes()[:100])
    faces = fldbench.load_dataset("300w", tmp_path, "train")
    assert list(fldbench.faces.unreadable_images(faces)) == [1]
