"""Faulty faces, in every reader: all of them are told at once, or left out and counted."""

import shutil

import numpy as np
import pytest
import writers
from scipy.io import savemat
from typer.testing import CliRunner

import fldbench
from fldbench.cli.app import app
from fldbench.dataset import SOUND, make_dataset
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faults import Faults
from fldbench.run.suite import load_suite
from fldbench.schemes import get_scheme

FACE = (5 + 40 * get_scheme("ibug-68").template).round(1)

RNG = np.random.default_rng(3)


def points(n):
    return RNG.uniform(5, 25, (n, 2)).round(3)


def rewrite(path, change):
    lines = path.read_text().split("\n")
    change(lines)
    path.write_text("\n".join(lines))


def make_300w(root):
    for name in ("a_1", "b_1", "c_1", "d_1"):
        writers.write_face(root / "300w/afw", name)
    rewrite(root / "300w/afw/b_1.pts", lambda lines: lines.pop(5))
    (root / "300w/afw/c_1.jpg").unlink()
    return "300w", "train", ["afw/a_1", "afw/d_1"], ["b_1.pts, line", "c_1.pts: no image"]


def make_labels(root):
    writers.write_labels(root / "300w_test.csv", [(f"Test/01_Indoor/{i}.png", points(68)) for i in range(4)])
    rewrite(root / "300w_test.csv", lambda lines: lines.__setitem__(2, lines[2] + ",1"))
    rewrite(root / "300w_test.csv", lambda lines: lines.__setitem__(3, lines[3].replace("01_Indoor", "nowhere")))
    return "300w-labels", "private", ["01_Indoor/0", "01_Indoor/3"], ["line 3: the number of col", "line 4: the folder"]


def make_wflw(root):
    faces = [(points(98), (3, 4, 28, 27), [0] * 6, f"d/{i // 2}.jpg") for i in range(4)]
    path = writers.write_wflw(root, "train", faces)
    rewrite(path, lambda lines: lines.__setitem__(0, lines[0].replace(" 3 4 28 27 ", " 3 4 0 0 ")))
    rewrite(path, lambda lines: lines.__setitem__(2, lines[2].replace(" 28 ", " 1e30 ")))
    return "wflw", "train", ["d/0@2", "d/1@2"], ["line 1: the box is", "line 3: a number is '1e30'"]


def make_mtfl(root):
    path = writers.write_mtfl(
        root, "training.txt", [(f"net_7876/{i}_0_0.jpg", points(5), (1, 2, 1, 3)) for i in range(4)]
    )
    (root / "net_7876/0_0_0.jpg").unlink()
    rewrite(path, lambda lines: lines.__setitem__(2, lines[1]))
    return "mtfl", "train", ["net_7876/1_0_0", "net_7876/3_0_0"], ["line 1: no image", "line 3: 'net_7876/1_0_0' is in"]


def make_youtube(root):
    path = writers.write_youtube_faces(root, "training", [(f"A_B_{i}.jpg", points(68)) for i in range(4)])
    rewrite(path, lambda lines: lines.__setitem__(2, lines[2].replace(",", ",nan,", 1)))
    (root / "training/A_B_3.jpg").unlink()
    return "youtube-faces", "train", ["training/A_B_0", "training/A_B_2"], ["line 3: the number", "line 5: no image"]


def make_imm(root):
    for person in (1, 2, 3, 4):
        writers.write_asf(root / f"imm/0{person}-1m.asf", points(58), 64, 48)
    (root / "imm/01-1m.jpg").write_bytes(b"cut")
    (root / "imm/03-1m.asf").write_text("")
    return "imm", "all", ["02-1m", "04-1m"], ["01-1m.jpg: no width and height", "03-1m.asf, line 1: the file is empty"]


def make_kaggle(root):
    writers.write_kaggle(
        root / "training.csv", np.stack([points(15) for _ in range(4)]), np.zeros((4, 96, 96), np.uint8)
    )
    rewrite(root / "training.csv", lambda lines: lines.__setitem__(1, lines[1].replace(",", ",,", 1)))
    rewrite(root / "training.csv", lambda lines: lines.__setitem__(3, "x" + lines[3]))
    return "kaggle", "train", ["train/2", "train/4"], ["line 2: the number of columns", "line 4: a number is 'x"]


def make_cofw(root):
    images, boxes = [np.full((5, 4, 3), i, np.uint8) for i in range(4)], [[1, 2, 30, 40]] * 4
    faces = writers.some_points(4, 29)
    faces[1, 0] = np.nan
    boxes[2] = [1, 2, 1, 2]
    writers.write_cofw(root / "COFW_test_color.mat", faces, np.zeros((4, 29)), boxes, images, "T")
    return "cofw", "test", ["test/1", "test/4"], ["face 2 has a coordinate", "face 3 has a box without a size"]


def make_aflw19(root):
    faces, boxes, names = writers.some_points(4, 19), [[1, 2, 30, 40]] * 4, [f"0/{i}.jpg" for i in range(4)]
    faces[0, 0], boxes[2] = np.inf, [5, 5, 5, 9]
    writers.write_aflw19(root / "AFLWinfo_release.mat", faces, np.ones((4, 19)), boxes, names, [0, 1, 2, 3])
    return "aflw19", "train", ["0/1-1", "0/3-3"], ["row 1 lacks", "row 3 lacks"]


def make_muct(root):
    names = ["i000qa-fn", "i001qa-fn", "i002qa-fn", "i003qa-fn"]
    writers.write_muct(root / "muct76-opencv.csv", names, writers.some_points(4, 76).round(1))
    rewrite(root / "muct76-opencv.csv", lambda lines: lines.__setitem__(1, lines[1].replace("i000qa", "x000qa")))
    rewrite(root / "muct76-opencv.csv", lambda lines: lines.__setitem__(4, lines[2]))
    return "muct", "all", ["i001qa-fn", "i002qa-fn"], ["line 2: a name is", "line 5: 'i001qa-fn' is in line 3"]


def make_helen194(root):
    for i in range(4):
        writers.write_helen(root / f"annotation/{i}.txt", f"n{i}_1", writers.some_points(1, 194)[0])
        writers.write_image(root / f"n{i}_1.jpg")
    writers.write_text(root / "trainnames.txt", "n0_1\nn1_1\nn2_1\nn3_1\n")
    (root / "n1_1.jpg").unlink()
    rewrite(root / "annotation/2.txt", lambda lines: lines.pop(7))
    return "helen194", "train", ["n0_1", "n3_1"], ["1.txt: no image", "2.txt, line 194: the number of points"]


def make_menpo2d(root):
    rows = []
    for name in "abcd":
        writers.write_image(root / f"Train/{name}.jpg")
        box = (1, 2, 1, 40) if name == "b" else (1, 2, 30, 40)
        rows.append(writers.menpo_row(f"Train/{name}.jpg", box, writers.some_points(1, 39)[0]))
    (root / "Train/c.jpg").unlink()
    writers.write_text(root / "Menpo2D_profile_train.txt", "\n".join(rows) + "\n")
    return "menpo2d-profile", "train", ["Train/a", "Train/d"], ["line 2: the box is", "line 3: no image"]


def make_lapa(root):
    for name in "abcd":
        writers.write_counted(root / f"train/landmarks/{name}.txt", writers.some_points(1, 106)[0])
        writers.write_image(root / f"train/images/{name}.jpg")
    (root / "train/images/a.jpg").unlink()
    rewrite(root / "train/landmarks/c.txt", lambda lines: lines.__setitem__(3, "1e7 2"))
    return "lapa", "train", ["train/b", "train/d"], ["a.txt: no image", "c.txt, line 4: a number is '1e7'"]


def make_jd106(root):
    for name in "abcd":
        writers.write_counted(root / f"Train/landmark/{name}.jpg.txt", writers.some_points(1, 106)[0])
        writers.write_image(root / f"Train/picture/{name}.jpg")
        writers.write_text(root / f"Train/rect/{name}.jpg.rect", "1 2 30 40\n")
    (root / "Train/picture/a.jpg").unlink()
    (root / "Train/rect/d.jpg.rect").write_text("3 4 3 40\n")
    return "jd106", "train", ["b", "c"], ["a.jpg.txt: no image", "d.jpg.rect, line 1: the box"]


def make_youtu88(root):
    for name in "abcd":
        writers.write_youtu_json(root / f"{name}.json", writers.some_points(1, 88)[0])
        writers.write_image(root / f"{name}.jpg")
    (root / "b.json").write_text("{")
    (root / "c.jpg").unlink()
    return "youtu88", "all", ["a", "d"], ["b.json, line 1: not JSON", "c.json: no image"]


def make_merl_rav(root):
    for name in "abcd":
        path = root / f"merl_rav_labels/left/trainset/labels/{name}.pts"
        writers.write_merl_rav(path, writers.some_points(1, 68)[0], np.ones(68))
    (path.parent / "a.pts").write_text("n_points: 68\n")
    (path.parent / "b.pts").write_bytes(b"\xff")
    ids = ["left/trainset/c", "left/trainset/d"]
    return "merl-rav", "train", ids, ["a.pts, line 1: the number of points", "b.pts, line 1: not UTF-8"]


def make_cofw68(root):
    folder = root / "cofw68/test_annotations"
    folder.mkdir(parents=True)
    for n in range(1, 5):
        savemat(folder / f"{n}_points.mat", {"Points": np.full((68, 2), 5.0 * n), "Occ": np.zeros((1, 68))})
    (folder / "2_points.mat").write_bytes(b"broken")
    boxes = np.array([[1, 1, 9, 9], [1, 1, 9, 9], [1, 1, 0, 0], [1, 1, 9, 9]])
    savemat(root / "cofw68/cofw68_test_bboxes.mat", {"bboxes": boxes})
    return "cofw68", "test", ["1", "4"], ["2_points.mat: damaged", "the box of face 3 is"]


def make_300vw(root):
    (root / "001/annot").mkdir(parents=True)
    for n in range(4):
        writers.write_300w_pts(root / f"001/annot/{n}.pts", points(68))
        writers.write_image(root / f"001/imgs/{n}.png")
    (root / "001/imgs/1.png").unlink()
    (root / "001/annot/2.pts").write_text("3 4\n")
    return "300vw", "train", ["001/0", "001/3"], ["1.pts: no frame", "2.pts, line 1: the number of points"]


def make_london(root):
    for n in range(4):
        writers.write_tem(root / f"00{n}_03.tem", points(189))
        writers.write_image(root / f"00{n}_03.jpg")
    (root / "000_03.jpg").unlink()
    (root / "003_03.tem").write_text("5\n1 2\n")
    return "london", "all", ["001_03", "002_03"], ["000_03.tem: no image", "003_03.tem, line 1: the number"]


def make_csv(root):
    """The table of a user: an absent image, a box without a size, half a point."""
    rows = ["path,box_x0,box_y0,box_x1,box_y1," + ",".join(f"x{i},y{i}" for i in range(5))]
    for k in range(5):
        if k != 1:
            writers.write_image(root / f"i{k}.png")
        box = "320,828,0,0" if k == 2 else "40,40,140,160"
        rows.append(f"i{k}.png,{box},60,80,120,80,90,110,70,{'' if k == 4 else 140},110,140")
    writers.write_text(root / "train.csv", "\n".join(rows) + "\n")
    return "csv", "train", ["i0", "i3"], ["line 3: no image", "line 4: the box", "line 6: point 3 has one coordinate"]


def make_dlib(root):
    def box(width, x):
        parts = "\n".join(f"<part name='{i}' x='{x or px}' y='{py}'/>" for i, (px, py) in enumerate(FACE.tolist()))
        return f"<box top='1' left='1' width='{width}' height='9'>\n{parts}\n</box>"

    images = [("a", box(9, "")), ("b", box(0, "")), ("c", box(9, "")), ("d", box(9, "x"))]
    for name, _ in images:
        writers.write_image(root / f"{name}.png")
    rows = "".join(f"<image file='{name}.png'>\n{text}\n</image>\n" for name, text in images)
    writers.write_text(root / "f.xml", f"<dataset>\n<images>\n{rows}</images>\n</dataset>\n")
    return "dlib-xml", "all", ["a", "c"], ["line 76: the box is", "line 221: <part>: x is 'x'"]


def make_coco(root):
    import json

    rows = [
        {"id": k, "image_id": k, "keypoints": [v for x, y in FACE.tolist() for v in (x, y, 2)], "bbox": [1, 1, 60, 60]}
        for k in range(4)
    ]
    rows[1]["keypoints"] = rows[1]["keypoints"][:-1]
    rows[2]["bbox"] = [1, 1, -3, 4]
    for k in range(4):
        writers.write_image(root / f"{k}.png")
    images = [{"id": k, "file_name": f"{k}.png"} for k in range(4)]
    writers.write_text(root / "f.json", json.dumps({"images": images, "annotations": rows}))
    return "coco-face", "all", ["0", "3"], ["annotations[1]: the number of numbers", "annotations[2]: the box is"]


def make_pts(root):
    for name in "abcd":
        writers.write_pts(root / f"{name}.pts", FACE)
        writers.write_image(root / f"{name}.png")
    (root / "a.pts").write_text("")
    (root / "d.png").unlink()
    return "pts", "all", ["b", "c"], ["a.pts, line 1: the file is empty", "d.pts: no image"]


MAKERS = [value for name, value in list(globals().items()) if name.startswith("make_") and name != "make_dataset"]


@pytest.mark.parametrize("make", MAKERS, ids=[make.__name__.removeprefix("make_") for make in MAKERS])
def test_all_faults_are_told_at_once_or_left_out(make, tmp_path):
    name, split, ids, texts = make(tmp_path)
    with pytest.raises(DataError) as caught:
        fldbench.load_dataset(name, tmp_path, split)
    message = str(caught.value)
    for text in texts:
        assert text in message
    n = len(ids) + len(texts)
    assert message.splitlines()[-1].startswith(f"{len(texts)} of {n} faces are faulty; ") and caught.value.file
    faces = fldbench.load_dataset(name, tmp_path, split, faulty="skip")
    assert faces.ids.tolist() == ids and faces.parts[SOUND] == (len(ids), n)
    shutil.rmtree(tmp_path)


def test_a_set_without_a_fault_is_the_same_with_the_option(tmp_path):
    writers.write_pts(tmp_path / "a.pts", FACE)
    writers.write_image(tmp_path / "a.png")
    plain, skipped = (fldbench.load_dataset("pts", tmp_path, "all", **given) for given in ({}, {"faulty": "skip"}))
    assert plain.fingerprint == skipped.fingerprint and plain.parts == skipped.parts == {}
    with pytest.raises(DataError, match="dataset 'pts': faulty is 'drop'; must be one of 'refuse', 'skip'"):
        fldbench.load_dataset("pts", tmp_path, "all", faulty="drop")
    with pytest.raises(DataError, match="dataset 'pack' has no option 'faulty'"):
        make_dataset("pack", faulty="skip")


def test_a_set_of_faulty_faces_alone_is_an_error(tmp_path):
    for name in "ab":
        writers.write_pts(tmp_path / f"{name}.pts", points(68))
    with pytest.raises(DataError, match=r"a\.pts: no image beside it(.|\n)*b\.pts: no image(.|\n)*2 of 2 faces are"):
        fldbench.load_dataset("pts", tmp_path, "all", faulty="skip")


def test_twenty_faults_are_shown_and_all_counted():
    faults = Faults()
    for line in range(1, 1155):
        faults.add(DataError("no image", "list.csv", line))
    lines = str(faults.error(2308)).splitlines()
    assert len(lines) == 22 and lines[19] == "list.csv, line 20: no image" and lines[20] == "... and 1134 more"
    assert lines[21].startswith("1154 of 3462 faces are faulty") and faults.error(1).line == 1
    with pytest.raises(DatasetNotFoundError), faults:
        raise DatasetNotFoundError("another kind")


def test_verify_and_info_list_the_faults_and_judge_the_rest(tmp_path):
    make_csv(tmp_path)
    (tmp_path / "i3.png").write_bytes(b"no image")
    for command in (["verify", "-o", str(tmp_path / "out.txt")], ["info"]):
        given = ["data", command[0], "csv", "--data", str(tmp_path / "train.csv"), "--split", "all", *command[1:]]
        done = CliRunner().invoke(app, given)
        assert done.exit_code == 0, done.output
        places = [f"train.csv, line {n}: " for n in (3, 4, 6)]
        assert all(place in done.output for place in places) and "faces without a fault" in done.output
    listed = (tmp_path / "out.txt").read_text()
    assert "i3\timage\t" in listed
    done = CliRunner().invoke(app, ["data", "info", "csv", "--data", str(tmp_path), "--option", "faulty=refuse"])
    assert done.exit_code != 0


def test_suites_know_the_option(tmp_path):
    suite = tmp_path / "suite.yaml"
    text = "name: s\ntrain:\n  - {dataset: csv, options: {file: train.csv, faulty: WORD}}\nmethods: [mean-shape]\n"
    suite.write_text(text.replace("WORD", "skip") + "protocols: [300w-helen]\n")
    spec = load_suite(suite).train[0]
    assert spec.options == {"file": "train.csv", "faulty": "skip"}
    make_csv(tmp_path)
    faces = fldbench.load_dataset(spec.dataset, tmp_path, spec.split, **spec.options)
    assert faces.parts[SOUND] == (2, 5)


def test_an_absent_first_image_does_not_take_the_folder_of_the_others(tmp_path):
    name, split, _, _ = make_coco(tmp_path)
    (tmp_path / "images").mkdir()
    for path in tmp_path.glob("*.png"):
        path.rename(tmp_path / "images" / path.name)
    (tmp_path / "images/0.png").unlink()
    assert fldbench.load_dataset(name, tmp_path, split, faulty="skip").ids.tolist() == ["3"]
