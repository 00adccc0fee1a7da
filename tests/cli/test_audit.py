"""`fldbench audit` and `fldbench doctor` as a user types them, with wrong inputs too."""

import numpy as np
import pytest
from toys import toy_faces

FACES = toy_faces(8, 2)  # as the toy dataset's test split


@pytest.fixture
def write(tmp_path):
    def written(name, points, ids=FACES.ids):
        np.savez(tmp_path / name, ids=ids, predictions=points)
        return tmp_path / name

    return written


def test_audit_prints_a_table_with_ratios_and_writes_markdown(call, toy, write, tmp_path):
    file = write("a.npz", FACES.landmarks + 0.5)
    status, text, err = call("audit", file, "--dataset", "toy-test", "-o", tmp_path / "a.md")
    assert status == 0 and not err and "toy-test: one convention after the other" in text
    assert "  @norm=diagonal  " in text
    assert "errors by region" in text and f"written: {tmp_path / 'a.md'}" in text
    assert "errors by landmark" in (tmp_path / "a.md").read_text()
    assert call("audit", file, "--protocol", "toy-test")[:2] == call("audit", file, "--dataset", "toy-test")[:2]


def test_the_number_is_that_of_evaluate(call, toy, write):
    file = write("a.npz", FACES.landmarks + np.array([0.4, 0.1]))
    line = next(one for one in call("audit", file, "--dataset", "toy-test")[1].splitlines() if "@norm=box" in one)
    board = call("evaluate", file, "--protocol", "toy-test@norm=box")[1]
    nme = line.split("@norm=box")[1].split()[0]
    assert f" {nme} " in next(one for one in board.splitlines() if one.startswith("a "))


def test_doctor_names_the_fault_and_draws_the_bias(call, toy, write, tmp_path):
    file = write("swapped.npz", FACES.landmarks[..., ::-1])
    picture = tmp_path / "bias.png"
    status, text, _ = call("doctor", file, "--dataset", "toy-test", "--figure", picture, "-o", tmp_path / "d.md")
    assert status == 0 and "1. The points look swapped; remedy: taking x for y and y for x; NME" in text
    assert picture.read_bytes()[:4] == b"\x89PNG" and "errors by landmark" in (tmp_path / "d.md").read_text()
    noisy = FACES.landmarks + np.random.default_rng(0).normal(0, 0.5, FACES.landmarks.shape)
    assert "No fault found." in call("doctor", write("good.npz", noisy), "--dataset", "toy-test")[1]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("audit",), "audit: PREDICTIONS is missing; give a file, and --dataset with its protocol"),
        (("audit", "-o", "a.md"), "audit: --out is for the tables of PREDICTIONS; give a file of them"),
        (("audit", "a.npz"), "--dataset is missing; give the protocol of the predictions, such as 300w-helen"),
        (("audit", "a.npz", "--dataset", "toy-tset"), "no protocol named 'toy-tset'; did you mean 'toy-test'?"),
        (("audit", "a.npz", "--dataset", "300w"), "--dataset 300w has several protocols; give one of 300w-helen, "),
        (("audit", "no.npz", "--dataset", "toy-test"), "no.npz: there is no such prediction file; check the path"),
        (("doctor", "no.npz", "--dataset", "toy-test"), "no.npz: there is no such prediction file; check the path"),
        (("doctor", "a.npz"), "--dataset is missing"),
    ],
)
def test_wrong_input_is_one_clear_line(call, toy, write, tmp_path, monkeypatch, args, text):
    write("a.npz", FACES.landmarks)
    monkeypatch.chdir(tmp_path)
    status, out, err = call(*args)
    assert status == 2 and not out and text in err and err.count("\n") == 1


def test_nothing_to_diagnose_is_said(call, toy, write):
    status, _, err = call("doctor", write("nan.npz", np.full((8, 5, 2), np.nan)), "--dataset", "toy-test")
    assert status == 2 and "no face has all its points as numbers; there is nothing to diagnose" in err
