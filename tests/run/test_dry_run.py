"""The plan in words, and the choice of methods."""

import sys

import pytest
from toys import Noisy, toy_protocol

import fldbench
from fldbench.cli import app as cli
from fldbench.errors import SuiteError
from fldbench.run.runner import plan_suite

AVERAGE = {"name": "average", "params": {"methods": ["noisy", "mean-shape"]}}


@pytest.fixture
def suite(toy):
    return toy | {"methods": ["noisy", "mean-shape", AVERAGE], "protocols": ["toy-test", "toy-none"]}


def test_a_plan_says_what_will_be_done_and_creates_nothing(suite, tmp_path):
    lines = plan_suite(suite, tmp_path / "out")
    nothing = "  toy-none: skipped: 0 of 3 faces of toy-none are there"
    assert lines == [
        "noisy on toy-train, seed 0: fits 1 model, time unknown",
        "  toy-test: to do",
        nothing,
        "mean-shape on toy-train: fits 1 model, time unknown",
        "  toy-test: to do",
        nothing,
        "average on toy-train, seed 0: takes its members as they are fitted",  # they are rows of the suite
        "  toy-test: to do",
        nothing,
        "6 runs: 3 to do, 3 skipped; 2 cells of unknown time",
    ]
    assert Noisy.fits == 0 and not list(tmp_path.iterdir())


def test_a_plan_knows_what_is_done_and_how_long_it_took(suite, tmp_path):
    fldbench.run_suite(suite, tmp_path, methods=["noisy"])
    before = sorted(tmp_path.rglob("*"))
    lines = plan_suite(suite | {"seeds": [0, 1]}, tmp_path)
    assert lines[0] == "noisy on toy-train, seed 0: fits nothing" and lines[1] == "  toy-test: done"
    assert lines[3] == "noisy on toy-train, seed 1: fits 1 model, about 0 s (as noisy on toy-train)"
    assert lines[-1].startswith("10 runs: 1 done, 5 skipped, 4 to do; fits of about 0 s; 1 cell of unknown time")
    assert plan_suite(suite, tmp_path, fresh=True)[0].startswith("noisy on toy-train, seed 0: fits 1 model, about 0 s")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_plan_names_folds_and_what_is_refused(toy, tmp_path):
    fldbench.register_protocol(toy_protocol("toy-zero", normaliser_points=((0,), (0,))))
    train = [{"dataset": "toy", "split": "test", "folds": 3}]
    dlib = {"name": "dlib-68", "params": {"model": "/no/such.dat"}}
    lines = plan_suite(
        toy | {"train": train, "methods": ["noisy", dlib], "protocols": ["toy-test", "toy-zero"]}, tmp_path / "out"
    )
    assert lines[0] == "noisy on toy-test, 3 folds, seed 0: fits 3 models, time unknown"
    assert lines[2].startswith("  toy-zero: failed: ") and "must be finite and > 0 px" in lines[2]
    assert lines[3] == (
        "dlib-68 on toy-test, 3 folds, seed 0: failed: dlib-68: model is '/no/such.dat'; must be a file that is there"
    )
    assert lines[4].startswith("4 runs: 1 to do, 3 failed;")
    assert lines[4].endswith("; `fldbench run` will end with status 1")


def test_a_plan_says_as_the_run_does_whether_the_status_is_1(toy, tmp_path, monkeypatch):
    path = tmp_path / "suite.yaml"
    for protocols, methods, status in (
        ("toy-test, toy-none", "noisy", 0),  # skipped runs beside a good one are no failure
        ("toy-none", "noisy", 1),
        ("toy-test", "noisy, {name: dlib-68, params: {model: /no/such.dat}}", 1),
    ):
        path.write_text(f"name: toy\ntrain: [{{dataset: toy}}]\nmethods: [{methods}]\nprotocols: [{protocols}]\n")
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        said = "`fldbench run` will end with status 1" in plan_suite(path, out)[-1]
        monkeypatch.setattr(sys, "argv", ["fldbench", "run", str(path), "--out", str(out)])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        assert (leaving.value.code, said) == (status, status == 1), protocols


def test_results_of_other_code_in_the_plan(toy, tmp_path, monkeypatch):
    from fldbench.records import keys

    fldbench.run_suite(toy, tmp_path)
    real = keys.code_of
    monkeypatch.setattr(keys, "code_of", lambda cls: real(cls) | {"fldbench.geometry": "changed"})
    assert plan_suite(toy, tmp_path)[1] == "  toy-test: to do"
    assert plan_suite(toy, tmp_path, reuse_other_code=True)[:2] == [
        "noisy on toy-train, seed 0: fits nothing",
        "  toy-test: done by other code",
    ]


def test_only_some_methods_run(suite, tmp_path):
    suite["methods"] = ["noisy", {"name": "noisy", "label": "mine", "params": {"noise": 0.5}}, "mean-shape"]
    for names, labels in ((["noisy"], ["noisy", "mine"]), (["mine"], ["mine"]), (["mine", "mean-shape"],) * 2):
        assert [one.method.label for one in fldbench.run_suite(suite, tmp_path, methods=names)][::2] == labels
    with pytest.raises(SuiteError, match="no method of the suite is named or labelled 'nosy'; did you mean 'noisy'"):
        fldbench.run_suite(suite, tmp_path, methods=["nosy"])


def test_the_command_prints_the_plan_and_takes_several_methods(toy, tmp_path, monkeypatch, capsys):
    path = tmp_path / "suite.yaml"
    path.write_text(
        "name: toy\ntrain: [{dataset: toy}]\nmethods: [noisy, mean-shape, gives-up]\nprotocols: [toy-test]\n"
    )

    def call(*args):
        monkeypatch.setattr(sys, "argv", ["fldbench", *map(str, args)])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        return leaving.value.code, *capsys.readouterr()

    methods = ("--method", "noisy", "--method", "mean-shape")
    code, text, _ = call("run", path, "--out", tmp_path / "out", "--dry-run", *methods)
    assert code == 0 and "gives-up" not in text and not (tmp_path / "out").exists()
    assert text.splitlines()[-1] == "2 runs: 2 to do; 2 cells of unknown time"
    code, text, err = call("run", path, "--out", tmp_path / "out", *methods)
    assert code == 0 and "gives-up" not in text and not (tmp_path / "out" / "leaderboard.md").exists()
    assert "leaderboard files hold whole suites and were not written" in err


def test_progress_is_printed_for_the_python_api(toy, tmp_path, capsys):
    fldbench.run_suite(toy, tmp_path, progress=True)
    assert capsys.readouterr().err.startswith("1 of 1 done after 0 s: noisy on toy-train, seed 0\n")
    fldbench.run_suite(toy, tmp_path / "quiet")
    assert capsys.readouterr() == ("", "")
