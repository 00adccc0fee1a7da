"""MUCT, HELEN-194, Menpo 2D, LaPa and JD-landmark: points as text, in tables, lists and a file a face."""

import numpy as np
import pytest
from writers import (
    menpo_row,
    muct_header,
    some_points,
    write_counted,
    write_helen,
    write_image,
    write_muct,
    write_pts,
    write_text,
)

from fldbench.datasets.helen194 import Helen194
from fldbench.datasets.jd106 import JD106
from fldbench.datasets.lapa import LaPa
from fldbench.datasets.menpo2d import Menpo2D, Menpo2DProfile
from fldbench.datasets.muct import MUCT
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.geometry import tight_box

# ---- MUCT ----------------------------------------------------------------------------------------------------------

MUCT_NAMES = ["i000qa-fn", "i000qb-fn", "i001re-mg"]


@pytest.fixture
def muct(tmp_path):
    points = some_points(3, 76).round(1)
    points[1, 14:16] = np.nan
    write_muct(tmp_path / "muct/muct-landmarks/muct76-opencv.csv", MUCT_NAMES, points)
    for name in MUCT_NAMES:
        write_image(tmp_path / f"muct/jpg/{name}.jpg", width=480, height=640)
    return tmp_path, points


def test_muct_reads_points_persons_and_attributes(muct):
    root, points = muct
    faces = MUCT().load(root)
    assert faces.ids.tolist() == MUCT_NAMES  # the mirrored half is left out
    assert np.allclose(faces.landmarks, points, equal_nan=True)
    assert [np.flatnonzero(~row).tolist() for row in faces.visible] == [[], [14, 15], []]
    assert faces.groups.tolist() == ["000", "000", "001"]
    assert {key: value.tolist() for key, value in faces.attributes.items()} == {
        "gender": [1, 1, 0],
        "glasses": [0, 0, 1],
    }
    assert {key: value.tolist() for key, value in faces.subsets.items() if value.any()} == {
        "camera-a": [True, False, False], "camera-b": [False, True, False], "camera-e": [False, False, True],
    }  # fmt: skip
    assert np.allclose(faces.boxes, tight_box(points)) and faces.images[2].shape == (640, 480, 3)
    assert faces.parts == {"all": (3, 3755)} and faces.split_name == "all"


def test_muct_reads_rows_as_the_release_has_them(tmp_path):
    first = "201,348,201,381,202,408"
    row = f"i000qa-fn,0,{first}" + ",7,8.5" * 73
    write_text(tmp_path / "muct76-opencv.csv", f"{muct_header()}\n{row}\n")
    faces = MUCT().load(tmp_path, "all")
    assert faces.landmarks[0, :4].tolist() == [[201, 348], [201, 381], [202, 408], [7, 8.5]]
    with pytest.raises(DataError, match="no folder jpg/ here: predictions can be scored, methods cannot run"):
        faces.images[0]


def muct_line(change):
    return lambda lines: [lines[0], change(lines[1]), *lines[2:]]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda lines: lines[1:], "line 1: the header is 'i000qa-fn,0000,60"),
        (muct_line(lambda line: line.rsplit(",", 1)[0]), "line 2: the number of columns is 153; must be 154, w"),
        (muct_line(lambda line: line[: len(line) // 2]), "line 2: the number of columns is 78; must be 154, wi"),
        (muct_line(lambda line: line.replace(",", ";")), "line 2: the number of columns is 1; must be 154, wit"),
        (muct_line(lambda line: line.rsplit(",", 1)[0] + ",x"), "line 2: a number is 'x'; must be a finite decima"),
        (muct_line(lambda line: line.rsplit(",", 1)[0] + ",nan"), "line 2: a number is 'nan'; must be a finite "),
        (muct_line(lambda line: "photo 1" + line[9:]), "line 2: a name is 'photo 1'; must be one such as i000qa-"),
        (muct_line(lambda line: "i000qa-fn,0" + ",0" * 152), "line 2: a face without any available point"),
        (lambda lines: [*lines, lines[1]], "line 8: 'i000qa-fn' is in line 2 already"),
        (lambda lines: [lines[0], *lines[4:]], "holds no face, only mirrored ones"),
        (lambda lines: [lines[0]], "holds no face"),
        (muct_line(lambda line: line.replace("i000qa", "i009qa")), "line 2: no image 'i009qa-fn.jpg'"),
        (
            muct_line(lambda line: "\0" + line),
            r"line 2: not UTF-8 text \(byte 0x00\)",
        ),
        (lambda lines: [], r"the file is empty"),
    ],
)
def test_muct_names_file_and_line(muct, change, text):
    root, _ = muct
    path = root / "muct/muct-landmarks/muct76-opencv.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DataError, match=rf"muct76-opencv\.csv.*{text}"):
        MUCT().load(root)


# ---- HELEN ---------------------------------------------------------------------------------------------------------

HELEN_NAMES = ["100032540_1", "photo ü 7_2", "2239_1"]


@pytest.fixture
def helen(tmp_path):
    base = tmp_path / "helen"
    points = some_points(3, 194)
    for number, (name, face) in enumerate(zip(HELEN_NAMES, points, strict=True), start=1):
        write_helen(base / f"annotation/{number}.txt", name, face)
        write_image(base / f"train_1/{name}.jpg")
    write_text(base / "trainnames.txt", f"{HELEN_NAMES[1]}\n{HELEN_NAMES[0]}\nabsent_1\n")
    write_text(base / "testnames.txt", HELEN_NAMES[2] + "\n")
    return tmp_path, points


def test_helen_follows_the_lists_and_the_names_inside_the_files(helen):
    root, points = helen
    train, test = (Helen194().load(root, split) for split in ("train", "test"))
    assert train.ids.tolist() == [HELEN_NAMES[1], HELEN_NAMES[0]] and test.ids.tolist() == [HELEN_NAMES[2]]
    assert np.allclose(train.landmarks, points[[1, 0]]) and np.allclose(test.landmarks, points[2:])
    assert train.groups.tolist() == ["photo ü 7", "100032540"]
    assert train.parts == {"train": (2, 2000)} and test.parts == {"test": (1, 330)}
    assert train.images[0].shape == (100, 110, 3) and train.visible.all()


def test_helen_takes_the_numbers_as_they_are(helen):
    root, _ = helen
    path = root / "helen/annotation/3.txt"
    path.write_text("2239_1\n565.86 , 758.98\n0,-1.5\n" + "3 , 4\n" * 192)
    assert Helen194().load(root, "test").landmarks[0, :3].tolist() == [[565.86, 758.98], [0.0, -1.5], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda lines: lines[:-1], "line 194: the number of points is 193; must be 194, after the image's name"),
        (lambda lines: lines[:1], "line 1: the number of points is 0; must be"),
        (lambda lines: [*lines[:4], "1.0 2.0", *lines[5:]], r"line 5: a point is '1\.0 2\.0'; must be 'x,y', two"),
        (lambda lines: [*lines[:4], "1 , 2 , 3", *lines[5:]], "line 5: a point is '1 , 2 , 3'; must be 'x,y', t"),
        (lambda lines: [*lines[:4], "1 , two", *lines[5:]], "line 5: a number is 'two'; must be a finite decimal "),
        (lambda lines: [*lines[:4], " , 3", *lines[5:]], "line 5: a number is ''; must be a finite decimal number"),
    ],
)
def test_helen_names_file_and_line(helen, change, text):
    root, _ = helen
    path = root / "helen/annotation/1.txt"
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DataError, match=rf"1\.txt, {text}"):
        Helen194().load(root, "train")


def test_helen_says_what_is_absent(helen):
    root, points = helen
    write_helen(root / "helen/annotation/9.txt", HELEN_NAMES[0], points[0])
    with pytest.raises(DataError, match=r"9\.txt, line 1: '100032540_1' is annotated in 1\.txt already"):
        Helen194().load(root, "train")
    (root / "helen/annotation/9.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(DataError, match=r"9\.txt, line 1: not UTF-8 text \(byte 0xe9\); save the file as UTF-8"):
        Helen194().load(root, "test")
    (root / "helen/annotation/9.txt").unlink()
    (root / f"helen/train_1/{HELEN_NAMES[0]}.jpg").unlink()
    with pytest.raises(DataError, match=r"1\.txt: no image '100032540_1' with .jpg, .*restore it"):
        Helen194().load(root, "train")
    write_text(root / "helen/testnames.txt", "nobody_1\n")
    with pytest.raises(
        DatasetNotFoundError, match=r"testnames\.txt, line 1: none of the 1 faces listed is in .*annotation"
    ):
        Helen194().load(root, "test")
    write_text(root / "helen/testnames.txt", "a\nb\na\n")
    with pytest.raises(DataError, match=r"testnames\.txt, line 3: 'a' is in line 1 already"):
        Helen194().load(root, "test")
    (root / "helen/testnames.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"testnames\.txt: this list of helen194 is absent"):
        Helen194().load(root, "test")


# ---- Menpo 2D ------------------------------------------------------------------------------------------------------

MENPO = [(Menpo2D, "semifrontal", 68), (Menpo2DProfile, "profile", 39)]
every_menpo = pytest.mark.parametrize(("dataset", "pose", "n_points"), MENPO)
BOX = (5.0, 6.0, 80.0, 90.0)


@pytest.fixture
def menpo(tmp_path):
    """Both lists of a split, as MenpoBenchmark ships them; names with a space."""
    truth = {}
    for _, pose, n_points in MENPO:
        truth[pose] = points = some_points(2, n_points)
        names = [f"Menpo2D/Train/image/{pose}/aflw face_{i}.jpg" for i in range(2)]
        for name in names:
            write_image(tmp_path / name)
        rows = [menpo_row(name, BOX, face) for name, face in zip(names, points, strict=True)]
        write_text(tmp_path / f"Menpo2D/Train/Menpo2D_{pose}_train.txt", "\n".join(rows) + "\n")
    return tmp_path, truth


@every_menpo
def test_menpo_lists_hold_a_detected_box_and_points_from_1(menpo, dataset, pose, n_points):
    root, truth = menpo
    faces = dataset().load(root, "train")
    assert np.allclose(faces.landmarks, truth[pose]) and faces.landmarks.shape == (2, n_points, 2)
    assert faces.boxes.tolist() == [list(BOX)] * 2
    assert faces.ids.tolist() == [f"Menpo2D/Train/image/{pose}/aflw face_{i}" for i in range(2)]
    assert faces.images[1].shape == (100, 110, 3)
    assert faces.parts == {"train": (2, dataset.expected["train"])}
    assert dataset().load(root / "Menpo2D", "train").ids.tolist() == faces.ids.tolist()


@every_menpo
def test_menpo_pts_of_both_schemes_may_share_a_folder(tmp_path, dataset, pose, n_points):
    truth = {n: some_points(3, n) for _, _, n in MENPO}
    for n, faces in truth.items():
        for i, face in enumerate(faces):
            folder = tmp_path / "menpo2d/Train" / ("" if i else "sub dir")
            write_pts(folder / f"face {n} {i}.pts", face)
            write_image(folder / f"face {n} {i}.png")
    faces = dataset().load(tmp_path, "train")
    order = [1, 2, 0]
    assert faces.ids.tolist() == [f"Train/{'' if i else 'sub dir/'}face {n_points} {i}" for i in order]
    assert np.allclose(faces.landmarks, truth[n_points][order], atol=1e-5)
    assert np.allclose(faces.boxes, tight_box(truth[n_points][order]), atol=1e-5)
    assert faces.parts == {"train": (3, dataset.expected["train"])} and faces.images[2].shape == (100, 110, 3)
    with pytest.raises(DatasetNotFoundError, match=rf"no list Menpo2D_{pose}_test\.txt and no folder Test or test or"):
        dataset().load(tmp_path, "test")
    (tmp_path / f"menpo2d/Train/face {n_points} 1.png").unlink()
    with pytest.raises(DataError, match=rf"face {n_points} 1\.pts: no image beside it; looked for face"):
        dataset().load(tmp_path, "train")


def test_a_broken_menpo_pts_is_not_passed_over(tmp_path):
    write_pts(tmp_path / "Train/a.pts", some_points(1, 39)[0])
    with pytest.raises(DatasetNotFoundError, match=r"no \.pts file with 68 points in it"):
        Menpo2D().load(tmp_path, "train")
    path = tmp_path / "Train/b.pts"
    for content, text in (
        ("version: 1\nn_points: 6x\n{\n1 1\n}\n", r"b\.pts, line 2: n_points is '6x'; must be '68'"),
        ("version: 1\nn_points: 67\n{\n}\n", r"b\.pts, line 2: n_points is '67'; must be '68'"),
        ("1 1\n", r"b\.pts, line 1: the number of points is 1; must be 68"),
        ("", r"b\.pts, line 1: the file is empty"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=text):
            Menpo2D().load(tmp_path, "train")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda line: line.rsplit(" ", 1)[0], r"line 2: a number is 'face_1\.jpg'; must be a finite decimal numbe"),
        (lambda line: line[: len(line) // 2], "line 2: the number of columns is 79; must be 151, with blanks be"),
        (lambda line: line.replace(" ", ","), "line 2: the number of columns is 1; must be 151"),
        (lambda line: line.rsplit(" ", 1)[0] + " inf", "line 2: a number is 'inf'; must be a finite decimal numb"),
        (
            lambda line: line.replace(" 5 6 80 90 ", " 80 6 5 90 "),
            r"the box is \[80\.0, 6\.0, 5\.0, 90\.0\]; must be x",
        ),
        (lambda line: line.replace("face_1", "face_0"), r"line 2: .* is in line 1 already"),
        (
            lambda line: line.replace("face_1", "face_7"),
            r"line 2: no image 'Menpo2D/Train/image/semifrontal/aflw face_7",
        ),
    ],
)
def test_menpo_lists_name_file_and_line(menpo, change, text):
    root, _ = menpo
    path = root / "Menpo2D/Train/Menpo2D_semifrontal_train.txt"
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{change(second)}\n")
    with pytest.raises(DataError, match=rf"Menpo2D_semifrontal_train\.txt.*({text})"):
        Menpo2D().load(root, "train")


def test_menpo_says_what_it_looked_for(tmp_path):
    with pytest.raises(
        DatasetNotFoundError, match=r"dataset 'menpo2d-profile' is not below .*Menpo2D_profile_train.txt"
    ):
        Menpo2DProfile().load(tmp_path, "train")


# ---- LaPa and JD-landmark ------------------------------------------------------------------------------------------


def write_lapa(base, stems, points):
    for stem, face in zip(stems, points, strict=True):
        write_counted(base / f"landmarks/{stem}.txt", face)
        write_image(base / f"images/{stem}.jpg")


def test_lapa_reads_its_three_splits(tmp_path):
    stems = ["11985868_0", "11985868_1", "HELEN_2977907451_1_0"]
    points = some_points(3, 106)
    for split in ("train", "val", "test"):
        write_lapa(tmp_path / "LaPa" / split, stems, points)
    for split in ("train", "val", "test"):
        faces = LaPa().load(tmp_path, split)
        assert faces.ids.tolist() == [f"{split}/{stem}" for stem in stems]
        assert np.allclose(faces.landmarks, points) and np.allclose(faces.boxes, tight_box(points))
        assert faces.parts == {split: (3, LaPa.expected[split])}
    assert faces.groups.tolist() == ["11985868", "11985868", "HELEN_2977907451"]
    assert faces.images[0].shape == (100, 110, 3)
    (tmp_path / "LaPa/val/images/11985868_1.jpg").unlink()
    with pytest.raises(DataError, match=r"11985868_1\.txt: no image '11985868_1' with .jpg"):
        LaPa().load(tmp_path, "val")
    with pytest.raises(DatasetNotFoundError, match=r"train: no landmarks/NAME\.txt in it"):
        (tmp_path / "other/val/landmarks").mkdir(parents=True)
        LaPa().load(tmp_path / "other", "train")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda lines: lines[:-1], "line 106: the number of points is 105; must be 106"),
        (lambda lines: [*lines, "1 2"], "line 108: the number of points is 107; must be 106"),
        (lambda lines: ["105", *lines[1:]], "line 1: the number of points is '105'; must be '106'"),
        (lambda lines: lines[1:], r"line 1: the number of points is '60\.008 81\.777'; must be '106'"),
        (lambda lines: ["106"], "line 1: the number of points is 0; must be"),
        (lambda lines: [*lines[:3], "1.0,2.0", *lines[4:]], r"line 4: a point is '1\.0,2\.0'; must be 'x y', two"),
        (lambda lines: [*lines[:3], "1.0 2.0 3", *lines[4:]], r"line 4: a point is '1\.0 2\.0 3'; must be 'x y"),
        (lambda lines: [*lines[:3], "1.0 two", *lines[4:]], "line 4: a number is 'two'; must be a finite decimal "),
        (lambda lines: [*lines[:3], "1.0 1_0", *lines[4:]], "line 4: a number is '1_0'; must be a finite decimal "),
        (lambda lines: [], "line 1: the file is empty"),
    ],
)
def test_lapa_names_file_and_line(tmp_path, change, text):
    write_lapa(tmp_path / "train", ["a 1_0"], some_points(1, 106))
    path = tmp_path / "train/landmarks/a 1_0.txt"
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DataError, match=rf"a 1_0\.txt, {text}"):
        LaPa().load(tmp_path, "train")


@pytest.fixture
def jd(tmp_path):
    points = some_points(3, 106)
    base = tmp_path / "jd106/Training_data"
    for part, stem, face in zip(
        ("AFW", "AFW", "LFPW"), ("AFW_134212_1_0", "AFW_134212_2_3", "LFPW_image_train_0001_0"), points, strict=True
    ):
        write_counted(base / part / f"landmark/{stem}.jpg.txt", face)
        write_image(base / part / f"picture/{stem}.jpg")
    write_text(base / "AFW/rect/AFW_134212_2_3.jpg.rect", "3 4 70 85\n")
    write_counted(tmp_path / "jd106/Test_data1/landmark/12.jpg.txt", points[0])
    write_image(tmp_path / "jd106/Test_data1/picture/12.jpg")
    return tmp_path, points


def test_jd106_reads_parts_and_rectangles_where_present(jd):
    root, points = jd
    train, test = (JD106().load(root, split) for split in ("train", "test"))
    assert train.ids.tolist() == ["AFW/AFW_134212_1_0", "AFW/AFW_134212_2_3", "LFPW/LFPW_image_train_0001_0"]
    assert test.ids.tolist() == ["12"]
    assert np.allclose(train.landmarks, points)
    assert train.boxes[1].tolist() == [3, 4, 70, 85] and np.allclose(train.boxes[[0, 2]], tight_box(points[[0, 2]]))
    assert train.groups.tolist() == ["AFW_134212", "AFW_134212", "LFPW_image_train_0001"]
    assert train.parts == {"landmark": (3, 11393), "rect": (1, 11393)}
    assert test.parts == {"landmark": (1, 2000), "rect": (0, 2000)}
    assert train.images[2].shape == (100, 110, 3)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("3 4 70\n", "line 1: the box is '3 4 70'; must be one line 'x0 y0 x1 y1'"),
        ("3 4 70 85\n1 2 3 4\n", "line 1: the box is '3 4 70 85'; must be one line 'x0 y0 x1 y1'"),
        ("3 4 70 eighty\n", "line 1: a number is 'eighty'; must be a finite decimal number"),
        ("70 4 3 85\n", r"line 1: the box is \[70\.0, 4\.0, 3\.0, 85\.0\]; must be x0, y0, x1, y1 with x0 < x1 a"),
        ("", "line 1: the file is empty"),
    ],
)
def test_jd106_refuses_a_broken_rectangle(jd, content, text):
    root, _ = jd
    (root / "jd106/Training_data/AFW/rect/AFW_134212_2_3.jpg.rect").write_text(content)
    with pytest.raises(DataError, match=rf"AFW_134212_2_3\.jpg\.rect, {text}"):
        JD106().load(root, "train")


def test_jd106_says_what_is_absent(jd):
    root, _ = jd
    (root / "jd106/Test_data1/picture/12.jpg").unlink()
    with pytest.raises(DataError, match=r"12\.jpg\.txt: no image '12' with"):
        JD106().load(root, "test")
    (root / "jd106/Test_data1/landmark/12.jpg.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"Test_data1: no landmark/NAME\.jpg\.txt in it"):
        JD106().load(root, "test")
    (root / "jd106/Test_data1").rename(root / "jd106/elsewhere")
    with pytest.raises(DatasetNotFoundError, match="no folder of the split 'test'; looked for test, Test, Test_data"):
        JD106().load(root, "test")
