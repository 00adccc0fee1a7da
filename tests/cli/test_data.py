"""`fldbench data ...` as a user types it."""

from functools import partial

import cv2
import numpy as np
import pytest
from test_datasets import write_face
from toys import TOY_TEST, TOY_TRAIN, Toy, toy_faces

from fldbench import load_dataset, registry, run_suite
from fldbench.curate.excludes import read_excludes
from fldbench.faces.pack import open_pack


@pytest.fixture
def call(call):
    return partial(call, "data")


def test_info_describes_every_split(call):
    status, text, _ = call("info", "toy")
    assert status == 0 and "toy, split train" in text and "toy, split test" in text
    assert f"faces         {TOY_TRAIN}" in text and "mtfl-5, 5 points per face" in text
    status, text, _ = call("info", "toy", "--split", "test")
    assert status == 0 and "split train" not in text


def test_info_of_a_single_file_tells_its_faces_once(call, tmp_path):
    names = ",".join(f"x{i},y{i}" for i in range(5))
    (tmp_path / "points.csv").write_text(f"image,{names}\na.png,1,2,9,2,5,6,2,9,8,9\nb.png,1,2,9,2,5,6,2,9,8,9\n")
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((20, 20, 3), np.uint8))
    status, text, problems = call("info", "csv", "--data", str(tmp_path / "points.csv"))
    assert status == 0 and text.count("faces         2") == 1 and problems == ""
    assert "dataset       csv, split train: the faces of all\n" in text
    status, text, problems = call("info", "csv", "--data", str(tmp_path / "points.csv"), "--split", "test")
    assert status and "no file of the split 'test'" in problems


def test_info_tells_faces_that_only_have_the_names_of_others(call, tmp_path):
    names = ",".join(f"x{i},y{i}" for i in range(5))
    for split, x in (("train", 1), ("test", 3)):
        (tmp_path / f"{split}.csv").write_text(f"image,{names}\na.png,{x},2,9,2,5,6,2,9,8,9\n")
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20, 3), np.uint8))
    status, text, _ = call("info", "csv", "--data", str(tmp_path))
    assert status == 0 and text.count("faces         1") == 2 and "the faces of" not in text


def test_info_says_which_split_is_absent_and_fails_if_all_are(call, tmp_path):
    write_face(tmp_path / "afw", "a_1")
    status, text, err = call("info", "300w", "--data", tmp_path)
    assert status == 0 and "300w, split train" in text and "lfpw/trainset: 0 of 811" in text
    assert "no .pts file of the split 'test'" in err and "licence: research only" in text
    (tmp_path / "empty").mkdir()
    status, _, err = call("info", "300w", "--data", tmp_path / "empty")
    assert status == 2 and "looked for afw" in err


def test_preview_draws_a_sheet(call, tmp_path):
    status, _, _ = call("preview", "toy", "-o", tmp_path / "a.png", "--split", "test", "--faces", 4, "--numbers")
    assert status == 0 and cv2.imread(str(tmp_path / "a.png")).shape[2] == 3
    status, _, err = call("preview", "toy", "-o", tmp_path / "b.png", "--id", "train99")
    assert status == 2 and "has no face 'train99'; its ids look like 'train0'" in err


def test_verify_lists_its_findings_and_writes_an_exclude_list_for_suites(call, tmp_path):
    write_face(tmp_path / "afw", "a_1")
    write_face(tmp_path / "afw", "b_1")
    (tmp_path / "afw" / "b_1.jpg").write_bytes(b"no")
    status, text, err = call(
        "verify", "300w", "--data", tmp_path, "-o", tmp_path / "bad.txt", "--sheet", tmp_path / "w.png"
    )
    assert status == 0 and "image " in text and "afw/b_1" in text and "not compared with test" in err
    assert "afw/b_1\timage\t" in (tmp_path / "bad.txt").read_text()
    assert "no sheet: too few faces for a shape model" in err and not (tmp_path / "w.png").exists()
    suite = {"name": "x", "methods": ["mean-shape"], "protocols": ["300w-helen"]}
    train = {"dataset": "300w", "exclude": str(tmp_path / "bad.txt")}
    (record,) = run_suite(suite | {"train": [train]}, tmp_path / "out", tmp_path)
    assert record.train.label == "300w-train-without-bad"
    assert record.train.faces == 1 and record.train.parts["after exclusions"] == (1, 2)


def test_a_finding_is_one_line_whatever_an_id_is(call, tmp_path):
    write_face(tmp_path / "afw", "a_1")
    write_face(tmp_path / "afw", "b\n1")
    (tmp_path / "afw" / "b\n1.jpg").write_bytes(b"no")
    status, text, _ = call("verify", "300w", "--data", tmp_path)
    assert status == 0 and "afw/b\\n1: " in text


def test_verify_compares_a_split_with_the_others_alone(call):
    status, text, _ = call("verify", "toy", "--split", "test")
    assert status == 0 and "groups in toy-test and toy-train: not checked" in text
    assert "in toy-test and toy-test" not in text and "in toy-test too" not in text


@pytest.mark.parametrize("split", [(), ("--split", "train"), ("--split", "all")])
def test_verify_does_not_compare_a_set_with_itself(call, tmp_path, split):
    """Without folders named train or test, `train` and `all` are the same faces: no face is its own duplicate."""
    rng = np.random.default_rng(0)
    for k in range(4):
        cv2.imwrite(str(tmp_path / f"face{k}.png"), rng.integers(0, 255, (60, 60, 3), dtype=np.uint8))
        points = [(20 + k, 20), (40, 21 + k), (30, 30), (22, 42), (38, 43)]
        lines = "".join(f"{x} {y}\n" for x, y in points)
        (tmp_path / f"face{k}.pts").write_text(f"version: 1\nn_points: 5\n{{\n{lines}}}\n")
    options = ("--option", "scheme=mtfl-5", "-o", tmp_path / "bad.txt")
    status, text, err = call("verify", "pts", "--data", tmp_path, *split, *options)
    assert status == 0 and "findings about 0 of 4 faces" in text, text + err
    assert "duplicate" not in text and read_excludes(tmp_path / "bad.txt") == []


def test_verify_draws_the_least_plausible_shapes(call, tmp_path):
    class Many(Toy):
        splits = ("train",)

        def load(self, root, split):
            return toy_faces(150, 1, split=split)

    registry.register_dataset("toy", Many)
    status, _, err = call("verify", "toy", "--sheet", tmp_path / "worst.png")
    assert status == 0 and len(err.splitlines()) < 5 and cv2.imread(str(tmp_path / "worst.png")) is not None


def test_convert_and_read_back(call, tmp_path):
    status, text, err = call("convert", "toy", tmp_path / "out", "--to", "csv", "--split", "test")
    assert "fldbench: not kept by csv: the subsets even, odd, none" in err
    assert status == 0 and f"{TOY_TEST} faces of toy-test as csv" in text
    assert len(load_dataset("csv", tmp_path / "out", "test")) == TOY_TEST
    status, _, err = call("convert", "toy", tmp_path / "out", "--to", "csv")
    assert status == 2 and "is not empty; nothing is overwritten" in err


def test_generic_formats_take_options(call, tmp_path):
    call("convert", "toy", tmp_path / "out", "--to", "pts", "--split", "test")
    status, text, _ = call("info", "pts", "--data", tmp_path / "out", "--split", "all", "--option", "scheme=mtfl-5")
    assert status == 0 and f"faces         {TOY_TEST}" in text
    status, _, err = call("info", "pts", "--data", tmp_path, "--option", "shceme=mtfl-5")
    assert status == 2 and "dataset 'pts' has no option 'shceme'; did you mean 'scheme'?" in err
    status, _, err = call("info", "pts", "--option", "scheme")
    assert status == 2 and "--option is 'scheme'; must be NAME=VALUE" in err


def test_pack_makes_the_same_faces(call, tmp_path):
    status, text, _ = call("pack", "toy", tmp_path / "toy.pack", "--split", "test")
    assert status == 0 and f"{TOY_TEST} faces of toy-test" in text
    assert len(open_pack(tmp_path / "toy.pack")) == TOY_TEST
    assert call("info", "pack", "--data", tmp_path / "toy.pack")[1].startswith("dataset       toy, split test")
    assert len(load_dataset("pack", tmp_path, file="toy.pack")) == TOY_TEST
    status, _, err = call("pack", "toy", tmp_path / "toy.pack", "--split", "test")
    assert status == 2 and "is there already" in err
