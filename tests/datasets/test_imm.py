""".asf, IMM and IMM-Frontal: points as fractions of the image size in the header; persons; what is refused."""

import cv2
import numpy as np
import pytest
from writers import write_asf, write_image

from fldbench.datasets.formats.asf import image_size, read_asf
from fldbench.datasets.imm import IMM
from fldbench.datasets.imm_frontal import IMMFrontal
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faces import ImageFiles

RNG = np.random.default_rng(0)


def points(n, width=64, height=48):
    return RNG.uniform(5, 40, (n, 2))


@pytest.fixture
def asf(tmp_path):
    truth = points(58)
    return write_asf(tmp_path / "imm" / "01-1m.asf", truth, 64, 48), truth


@pytest.mark.parametrize("ending", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("user_columns", [False, True])
def test_asf_points_are_fractions_of_the_image_size(tmp_path, ending, user_columns):
    truth = points(73)
    path = write_asf(tmp_path / "Gesicht ü 1.asf", truth, 64, 48, user_columns, ending)
    read, image = read_asf(path, 73)
    assert np.allclose(read, truth, atol=1e-6) and image == path.with_suffix(ending)


def test_asf_by_hand(tmp_path):
    write_image(tmp_path / "a.png", 200, 100)
    path = tmp_path / "a.asf"
    path.write_text("# c\n2\n\n0 0 0.5 0.25 0 1 1\n0\t4\t1.0\t-0.1\t1\t0\t0  \n\nC:\\imm\\a.png\n#end\n")
    assert read_asf(path, 2)[0].tolist() == [[100.0, 25.0], [200.0, -10.0]]
    path.write_text(path.read_text().replace("C:\\imm\\a.png", "a.bmp"))
    assert read_asf(path, 2)[1] == tmp_path / "a.png"


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".png", ".bmp"])
def test_the_size_is_read_from_the_header(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    for width, height in ((1, 1), (321, 7), (640, 480)):
        write_image(path, width, height)
        assert image_size(path) == (width, height)
        whole = path.read_bytes()
        path.write_bytes(whole[:24] + b"\0\0")
        if ending.startswith(".j"):
            with pytest.raises(DataError, match=r"a\.jpe?g: no width and height in its header; must be a JPEG, PNG or"):
                image_size(path)
        else:
            assert image_size(path)[0] == width  # nothing behind the header is looked at


def test_the_jpeg_header_is_found_after_other_segments(tmp_path):
    path = tmp_path / "a.jpg"
    write_image(path, 50, 40)
    whole = path.read_bytes()
    thumbnail = b"\xff\xe1\x00\x0a\xff\xc0\x00\x11\x08\x00\x01\x00"  # APP1 that holds what looks like a frame header
    path.write_bytes(whole[:2] + thumbnail + b"\xff\xff\xff\x01" + whole[2:])
    assert image_size(path) == (50, 40)
    assert cv2.imread(str(path)).shape == (40, 50, 3)
    profile = b"".join(b"\xff\xe2\xff\xff" + bytes(0xFFFD) for _ in range(3))  # more than what is read at first
    path.write_bytes(whole[:2] + profile + whole[2:])
    assert image_size(path) == (50, 40)
    progressive = cv2.imencode(".jpg", np.zeros((9, 8, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1]
    path.write_bytes(progressive.tobytes())
    assert image_size(path) == (8, 9)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xff", b"\xff\xd8\xff\xe0\0\0", b"BM", b"GIF89a", b"\x89P"]
)
def test_a_file_without_a_size_is_refused(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.jpg: no width and height in its header"):
        image_size(path)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda t: t.replace("\n58\n", "\n73\n"), "line 10: the number of points is '73'; must be '58'"),
        (lambda t: t.replace("0 \t0 \t", "0 \t", 1), "line 17: the number of columns is 6; must be 7 or 10: pa"),
        (lambda t: t.replace(" \t", ";"), "line 17: the number of columns is 1; must be 7 or 10: path type x y "),
        (lambda t: t.replace("0 \t0 \t", "0 \tx \t", 1), "line 17: a number is 'x'; must be a finite decimal n"),
        (
            lambda t: t.replace(" \t1 \t0 \t2", " \t2 \t0 \t2"),
            "line 18: the number of the point is '2'; must be 1, because rows must be in order",
        ),
        (lambda t: t[: t.index(" \t20 \t")], "line 37: the number of columns is 4; must be 7 or 10: path type "),
        (lambda t: "\n".join(t.split("\n")[:40]), "line 40: the number of rows is 24; must be 58"),
        (
            lambda t: "\n".join(t.split("\n")[:75]),
            r"line 74: after the points there must be one line, the name of the host",
        ),
        (lambda t: t + "more\n", r"line 80: after the points there must be one line"),
        (lambda t: "# only\n", "line 1: comments only; must hold a number of points, the points and the host ima"),
        (lambda t: "", r"line 1: the file is empty"),
        (lambda t: t.replace("host", "h\0st"), r"line 77: not UTF-8 text \(byte 0x00\); save the file as UTF-8"),
    ],
)
def test_a_broken_asf_names_file_and_line(asf, change, error):
    path, _ = asf
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=r"01-1m\.asf, .*" + f"({error})"):
        IMM().load(path.parent, "all")


def test_overflowing_points_and_bytes_that_are_not_utf8_are_refused(asf):
    path, _ = asf
    good = path.read_text()
    row = good.split("\n")[16].split("\t")
    path.write_text(good.replace("\t".join(row), "\t".join([*row[:2], "9e5", *row[3:]])))
    with pytest.raises(DataError, match=r"01-1m\.asf, line 17: a point lies too far outside"):
        IMM().load(path.parent, "all")
    path.write_bytes(good.encode().replace(b"AAM", b"\xc4\xc4M"))
    with pytest.raises(DataError, match=r"01-1m\.asf, line 3: not UTF-8 text \(byte 0xc4\); save the file as UTF-8"):
        IMM().load(path.parent, "all")


def test_an_absent_or_broken_image_is_named(asf):
    path, _ = asf
    path.with_suffix(".jpg").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"01-1m\.jpg: no width and height in its header"):
        IMM().load(path.parent, "all")
    path.with_suffix(".jpg").unlink()
    with pytest.raises(
        DataError, match=r"01-1m\.asf, line 79: no image '01-1m.jpg' beside it, nor 01-1m with .jpg, .jpeg"
    ):
        IMM().load(path.parent, "all")


def test_imm_splits_by_person(tmp_path):
    truth = {name: points(58) for name in ("01-1m", "01-6m", "32-3f", "33-2f", "40-5m")}
    for name, one in truth.items():
        write_asf(tmp_path / "imm" / f"{name}.asf", one, 64, 48)
    write_asf(tmp_path / "imm" / "imm mean.asf", points(58), 64, 48)
    sets = {split: IMM().load(tmp_path, split) for split in IMM.splits}
    assert {split: one.ids.tolist() for split, one in sets.items()} == {
        **{"all": list(truth), "train": ["01-1m", "01-6m", "32-3f"], "test": ["33-2f", "40-5m"]},
    }
    everyone = sets["all"]
    assert np.allclose(everyone.landmarks, list(truth.values()), atol=1e-6)
    assert everyone.groups.tolist() == ["01", "01", "32", "33", "40"]
    assert everyone.attributes["gender"].tolist() == [0, 0, 1, 1, 0]
    assert everyone.attributes["kind"].tolist() == [0, 4, 2, 1, 3]
    assert everyone.parts == {"all": (5, 240)} and IMM.expected == {"all": 240, "train": 192, "test": 48}
    assert everyone.images[0].shape == (48, 64, 3)
    fingerprint = everyone.fingerprint
    (tmp_path / "imm").rename(tmp_path / "imm_face_db")
    assert IMM().load(tmp_path, "all").fingerprint == fingerprint
    train, val = everyone.split(0.3)
    assert not set(train.groups) & set(val.groups)


def test_imm_says_where_it_looked(tmp_path, monkeypatch):
    with pytest.raises(
        DatasetNotFoundError, match=r"dataset 'imm' is not below .*; looked for .asf files in imm, imm/imm_"
    ):
        IMM().load(tmp_path, "all")
    write_asf(tmp_path / "imm" / "33-1f.asf", points(58), 64, 48)
    with pytest.raises(DatasetNotFoundError, match=r"imm: no .asf file of a person of the split 'train'"):
        IMM().load(tmp_path, "train")
    monkeypatch.delenv("FLDBENCH_DATA", raising=False)
    with pytest.raises(
        DatasetNotFoundError, match="dataset 'imm-frontal' needs a data root; give --data ROOT or set FLDB"
    ):
        IMMFrontal().load(None, "all")


def test_imm_frontal(tmp_path):
    truth = {name: points(73) for name in ("01_01", "01_10", "12_03")}
    for name, one in truth.items():
        write_asf(tmp_path / "imm_frontal" / f"{name}.asf", one, 64, 48, user_columns=True)
    faces = IMMFrontal().load(tmp_path, "all")
    assert faces.ids.tolist() == list(truth) and faces.groups.tolist() == ["01", "01", "12"]
    assert np.allclose(faces.landmarks, list(truth.values()), atol=1e-6)
    assert np.allclose(faces.boxes[0], [*truth["01_01"].min(axis=0), *truth["01_01"].max(axis=0)], atol=1e-6)
    assert faces.parts == {"all": (3, 120)}


def test_the_real_imm_frontal_has_the_counts_of_its_readme(data_root, monkeypatch):
    monkeypatch.setattr(ImageFiles, "encoded", lambda *_: pytest.fail("an image was opened"))
    faces = IMMFrontal().load(data_root, "all")
    assert len(faces) == 120 and faces.parts == {"all": (120, 120)}
    assert np.unique(faces.groups, return_counts=True)[1].tolist() == [10] * 12
    assert faces.landmarks[0, 0].tolist() == pytest.approx([0.31251052 * 400, 0.37090045 * 300])
    between = faces.landmarks[:, 24] - faces.landmarks[:, 16]
    assert np.linalg.norm(between, axis=1).mean() == pytest.approx(73, abs=0.5)  # outer eye corners of 400 px images
    monkeypatch.undo()
    assert all(image_size(path) == faces.images[i].shape[1::-1] for i, path in enumerate(faces.images.paths[:20]))
