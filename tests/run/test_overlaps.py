"""Faces that are trained on and measured on: refused while planning, or marked in the records and in every table."""

import re

import numpy as np
import pytest
from toys import TOY_TEST, TOY_TRAIN, Noisy, Toy, toy_faces, toy_protocol

import fldbench
from fldbench import registry
from fldbench.curate.excludes import Exclude, write_excludes
from fldbench.errors import SuiteError
from fldbench.faces.images import encode_image
from fldbench.report import leaderboard
from fldbench.run.overlaps import dataset_and_split


class Leaky(Toy):
    """Split train ends with test's first three faces; split both is everything."""

    name = "leaky"
    splits = ("train", "test", "both")
    expected = {"train": TOY_TRAIN + 3, "test": TOY_TEST}

    def load(self, root, split):
        test = toy_faces(TOY_TEST, 2, name="leaky")
        rows = {"test": [], "train": [0, 1, 2], "both": list(range(TOY_TEST))}[split]
        return test if split == "test" else joined(toy_faces(TOY_TRAIN, 1, name="leaky", split="train"), test[rows])


class Pretrained(Noisy):
    """Its weights have seen the toy test set."""

    trained_on = ("toy-test", "somebody's photos")


def joined(one, other):
    columns = {key: np.concatenate([getattr(one, key), getattr(other, key)]) for key in ("ids", "boxes", "landmarks")}
    images = fldbench.ImageArrays([*one.images, *other.images])
    return fldbench.FaceSet(images=images, scheme="mtfl-5", name="leaky", split_name="train", **columns)


@pytest.fixture
def leaky(toy):
    registry.register_dataset("leaky", Leaky)
    registry.register_method("pretrained", Pretrained)
    registry.register("protocol", "leaky-test", toy_protocol("leaky-test", dataset="leaky"))
    first = toy_protocol("leaky-odd", dataset="leaky", subset="odd", n_expected=TOY_TEST // 2)
    registry.register("protocol", "leaky-odd", first)
    registry.register("protocol", "leaky-none", toy_protocol("leaky-none", dataset="leaky", subset="none"))
    return toy | {"train": [{"dataset": "leaky"}], "protocols": ["leaky-test"]}


def test_every_pair_is_named_at_once_with_what_to_do_and_nothing_is_fitted(leaky, tmp_path):
    leaky |= {"train": [{"dataset": "leaky"}, {"dataset": "leaky", "split": "both"}, {"dataset": "toy"}]}
    leaky |= {"protocols": ["leaky-test", "leaky-odd", "leaky-none"]}
    with pytest.raises(SuiteError) as caught:
        fldbench.run_suite(leaky, tmp_path)
    assert str(caught.value).split("\n")[:5] == [
        "faces are both trained on and measured on:",
        "- leaky-train with leaky-test: 3 of 8 test faces are training faces ('test0', 'test1', 'test2')",
        "- leaky-train with leaky-odd: 1 of 4 test faces is a training face ('test1')",
        "- leaky-both with leaky-test: all 8 test faces are training faces ('test0', 'test1', 'test2' and 5 more)",
        "- leaky-both with leaky-odd: all 4 test faces are training faces ('test1', 'test3', 'test5' and 1 more)",
    ]
    assert "toy-train" not in str(caught.value)
    assert "allow_overlap: true" in str(caught.value) and "folds" in str(caught.value)
    assert Noisy.fits == 0 and not list((tmp_path / "records").glob("*"))


def test_what_is_selected_counts_not_the_whole_split(leaky, tmp_path):
    few = leaky | {"train": [{"dataset": "leaky", "faces": TOY_TRAIN}]}
    assert [record.status for record in fldbench.run_suite(few, tmp_path / "few")] == ["ok"]
    path = write_excludes(tmp_path / "seen.txt", [Exclude(f"test{i}", "duplicate", "in test") for i in range(3)])
    rest = leaky | {"train": [{"dataset": "leaky", "exclude": str(path)}]}
    (record,) = fldbench.run_suite(rest, tmp_path / "rest")
    assert record.train.faces == TOY_TRAIN and record.train.overlap == ""


def test_models_of_folds_never_see_the_faces_that_they_answer(leaky, tmp_path):
    train = {"dataset": "leaky", "split": "test"}
    with pytest.raises(SuiteError, match="all 8 test faces are training faces"):
        fldbench.run_suite(leaky | {"train": [train]}, tmp_path)
    (record,) = fldbench.run_suite(leaky | {"train": [train | {"folds": 2}]}, tmp_path)
    assert record.status == "ok" and record.train.overlap == ""


def test_allowed_overlap_marks_the_record_and_every_table(leaky, tmp_path):
    clean = leaky | {"train": [{"dataset": "leaky", "faces": TOY_TRAIN}], "methods": ["mean-shape", "noisy"]}
    fldbench.run_suite(clean, tmp_path)
    records = fldbench.run_suite(leaky | {"allow_overlap": True, "methods": ["mean-shape", "noisy"]}, tmp_path)
    why = "3 of 8 test faces are training faces ('test0', 'test1', 'test2')"
    assert {record.train.overlap for record in records} == {why}
    board = leaderboard(tmp_path)
    marked = {(row["train"], row["method"]): row["overlap"] for row in board.rows}
    assert marked["leaky-train", "noisy (contaminated)"] == why and marked["leaky-train[:12]", "noisy"] == ""
    contaminated = board.to_markdown().split("### ")[1]
    assert why in contaminated and "**" not in contaminated and "**" in board.to_markdown()
    assert board.to_latex().count("(contaminated) &") == 2 and why.replace("'", "") in board.to_csv().replace("'", "")
    assert fldbench.run_suite(clean, tmp_path)[0].train.overlap == ""


def test_weights_that_have_seen_the_test_faces_are_refused_and_marked(toy, leaky, tmp_path):
    suite = toy | {"train": [{"dataset": "toy"}], "methods": ["noisy", "pretrained"], "protocols": ["toy-test"]}
    text = "- pretrained with toy-test: its weights have seen toy-test: these are its faces\n"
    with pytest.raises(SuiteError, match=text) as caught:
        fldbench.run_suite(suite, tmp_path)
    assert "noisy" not in str(caught.value)
    records = fldbench.run_suite(suite | {"allow_overlap": True}, tmp_path)
    assert [bool(record.train.overlap) for record in records] == [False, True]
    average = {"name": "average", "params": {"methods": ["noisy", "pretrained"]}}
    with pytest.raises(SuiteError, match="average with toy-test: its weights have seen toy-test"):
        fldbench.run_suite(suite | {"methods": [average]}, tmp_path)


def test_weights_that_have_seen_other_faces_of_the_dataset_are_compared_by_face(leaky, tmp_path, monkeypatch):
    leaky |= {"train": [{"dataset": "leaky", "faces": TOY_TRAIN}], "methods": ["pretrained"]}
    monkeypatch.setattr(Pretrained, "trained_on", ("leaky-train", "cofw-train"))
    with pytest.raises(SuiteError, match=r"pretrained with leaky-test: .*leaky-train: 3 of 8 test faces are training"):
        fldbench.run_suite(leaky, tmp_path)
    monkeypatch.setattr(Pretrained, "trained_on", ("toy-train", "leaky"))
    with pytest.raises(SuiteError, match=r"pretrained with leaky-test: its weights have seen leaky"):
        fldbench.run_suite(leaky, tmp_path)
    monkeypatch.setattr(Pretrained, "trained_on", ("toy-train", "leakyfaces", ""))
    assert fldbench.run_suite(leaky, tmp_path)[0].train.overlap == ""


class Continued(Noisy):
    """Begins with the weights of a file."""

    files = ("weights",)

    def __init__(self, weights=None, noise=0.01, random_state=0):
        super().__init__(noise, random_state)
        self.weights = weights


def test_weights_in_a_file_say_what_they_were_fitted_on(leaky, tmp_path):
    registry.register_method("continued", Continued)
    spoilt = Noisy().fit(toy_faces(TOY_TEST, 2, split="test")).save(tmp_path / "spoilt.safetensors")
    honest = Noisy().fit(toy_faces(TOY_TRAIN, 1, split="train")).save(tmp_path / "honest.safetensors")
    (tmp_path / "other.dat").write_bytes(b"weights of another program")

    def suite(path, name="continued"):
        params = {"weights": str(path)}
        params = params if name == "continued" else {"methods": ["continued"], "params": {"continued": params}}
        one = {"train": [{"dataset": "toy"}], "protocols": ["toy-test"], "methods": [{"name": name, "params": params}]}
        return leaky | one

    for path in (honest, tmp_path / "other.dat", tmp_path / "absent"):
        assert fldbench.run_suite(suite(path), tmp_path / "out")[0].train.overlap == ""
    for name in ("continued", "average"):
        with pytest.raises(SuiteError, match=f"{name} with toy-test: its weights have seen toy-test: these are its"):
            fldbench.run_suite(suite(spoilt, name), tmp_path / "out")


def test_two_files_of_one_reader_are_told_apart_by_their_faces(toy, tmp_path):
    faces = {"train": toy_faces(TOY_TRAIN, 1), "test": toy_faces(TOY_TEST, 2)}
    names = [f"{axis}{i}" for i in range(5) for axis in "xy"]
    for name, some in faces.items():
        (tmp_path / name).mkdir()
        lines = [",".join(["path", *names])]
        for i, face in enumerate(some):
            (tmp_path / name / f"{i}.png").write_bytes(encode_image(face.image, ".png"))
            lines.append(",".join([f"{i}.png", *map(str, face.landmarks.ravel())]))
        (tmp_path / name / "faces.csv").write_text("\n".join(lines))

    def suite(train, **method):
        options = {name: {"file": f"{name}/faces.csv", "scheme": "mtfl-5"} for name in faces}
        own = {"name": "own-test", "dataset": "csv", "split": "all", "options": options["test"], "n_expected": TOY_TEST}
        return toy | {
            "define": [own | {"scheme": "mtfl-5", "normaliser": "inter-pupil"}],
            "train": [{"dataset": "csv", "split": "all", "options": options[train]}],
            "methods": [{"name": "continued", "params": method}],
            "protocols": ["own-test"],
        }

    registry.register_method("continued", Continued)
    (record,) = fldbench.run_suite(suite("train"), tmp_path / "out", tmp_path)  # ids and photos have the same names
    assert (record.status, record.train.overlap) == ("ok", "")
    with pytest.raises(SuiteError, match="all 8 test faces are training faces"):
        fldbench.run_suite(suite("test"), tmp_path / "out", tmp_path)
    weights = Noisy().fit(fldbench.load_dataset("csv", tmp_path, "all", file="train/faces.csv", scheme="mtfl-5"))
    path = str(weights.save(tmp_path / "weights.safetensors"))
    assert fldbench.run_suite(suite("train", weights=path), tmp_path / "out", tmp_path)[0].train.overlap == ""


def test_the_longest_dataset_is_the_one_that_a_label_names():
    assert dataset_and_split("youtube-faces-train-disjoint") == ("youtube-faces", "train-disjoint")
    assert dataset_and_split("300w-labels-test") == ("300w-labels", "test")
    assert dataset_and_split("imm-frontal") == ("imm-frontal", None) and dataset_and_split("imm-all") == ("imm", "all")
    assert dataset_and_split("300wlp") == (None, None)


@pytest.mark.parametrize(
    ("train", "protocol", "text"),
    [
        ("imm-frontal", "imm-frontal", "imm-frontal-all with imm-frontal: all 120 test faces are training faces"),
        ("youtube-faces", "youtube-faces-disjoint", "all 660 test faces are training faces"),
        ("youtube-faces", "youtube-faces-test", "share a person, clip or photo with training faces"),
        ("300w:test", "300w-helen", "all 330 test faces are training faces"),
        ("300w", "300w-helen", None),
        ("youtube-faces:train-disjoint", "youtube-faces-disjoint", None),
        ("mtfl", "mtfl-test", None),
    ],
)
def test_the_splits_of_real_datasets(data_root, tmp_path, train, protocol, text):
    from fldbench.run.plan import make_plan
    from fldbench.run.suite import load_suite

    dataset, _, split = train.partition(":")
    spec = {"dataset": dataset} | ({"split": split} if split else {})
    suite = {"name": "x", "train": [spec], "methods": ["mean-shape"], "protocols": [protocol]}
    if text is None:
        assert make_plan(load_suite(suite), data_root).cells[0].runs[0].overlap == ""
        return
    with pytest.raises(SuiteError, match=re.escape(text)):
        make_plan(load_suite(suite), data_root)
