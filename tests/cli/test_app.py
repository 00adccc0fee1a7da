"""The command as a user types it: output, exit status, and one line for every mistake."""

import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from test_datasets import write_face
from toys import Noisy, Toy, toy_faces
from typer.testing import CliRunner

from fldbench import registry
from fldbench.cli import app as cli
from fldbench.curate.convert import convert
from fldbench.curate.excludes import Exclude, read_excludes, without, write_excludes
from fldbench.dataset import load_dataset
from fldbench.faces import ImageArrays, ImageFiles
from fldbench.faces.pack import open_pack
from fldbench.method import make_method

SUITE = "name: toy\ntrain: [{dataset: toy}]\nmethods: [noisy, mean-shape]\nprotocols: [toy-test, toy-even]\n"


def fldbench(*args, cwd=None, env=None):
    """The installed command in a process of its own."""
    command = [sys.executable, "-m", "fldbench", *map(str, args)]
    environment = {**os.environ, **(env or {})}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE)
    return path


def test_run_prints_and_writes_the_leaderboard_and_continues(call, suite, tmp_path):
    out = tmp_path / "out"
    status, text, progress = call("run", suite, "--out", out)
    assert status == 0 and "toy-even, trained on toy-train" in text and "noisy" in text and "8 of 8" in text
    assert {path.name for path in out.iterdir()} >= {"leaderboard.csv", "leaderboard.tex", "leaderboard.md", "records"}
    lines = progress.splitlines()
    assert lines[0].startswith("1 of 2 done after ") and lines[0].endswith("s left: noisy on toy-train, seed 0")
    assert lines[1].startswith("2 of 2 done after ") and lines[1].endswith("s: mean-shape on toy-train")
    csv = (out / "leaderboard.csv").read_bytes()
    status, again, _ = call("run", suite, "--out", out)
    assert status == 0 and (out / "leaderboard.csv").read_bytes() == csv and again == text


def test_failures_reach_the_exit_status_and_the_rest_is_printed(call, suite, tmp_path):
    suite.write_text(SUITE.replace("mean-shape", "broken"))
    status, text, err = call("run", suite, "--out", tmp_path / "out")
    assert status == 1 and "noisy" in text
    assert "broken: failed: RuntimeError: the furnace is out" in text
    assert "fldbench: 2 of 4 runs failed; their records are in" in err


def test_an_interrupted_run_finishes_what_is_begun_and_says_so(call, suite, tmp_path):
    runner = os.getpid()

    class Interrupted(Noisy):
        def fit(self, train, val=None):
            os.kill(runner, signal.SIGINT)
            return super().fit(train, val)

    registry.register_method("broken", Interrupted)
    suite.write_text(SUITE.replace("noisy, mean-shape", "broken, mean-shape"))
    status, _, err = call("run", suite, "--out", tmp_path / "out")
    assert status == 130 and "interrupted; finished work is kept in" in err
    assert "1 at work are finished first" in err
    board = call("leaderboard", tmp_path / "out")[1]
    assert "broken" in board and "mean-shape" not in board


def test_a_shard_runs_its_part_and_leaves_the_tables_to_a_whole_run(call, suite, tmp_path):
    status, text, err = call("run", suite, "--out", tmp_path / "out", "--shard", "2/2")
    assert status == 0 and "mean-shape" in text and "noisy" not in text
    assert "leaderboard files hold whole suites and were not written" in err
    status, _, err = call("run", suite, "--shard", "2-8")
    assert status == 2 and "the command: --shard is '2-8'; must be I/N, such as 2/8" in err


def test_leaderboard_in_every_format(call, suite, tmp_path):
    out = tmp_path / "out"
    call("run", suite, "--out", out)
    for name, start in (("csv", "method,train,"), ("latex", "% Tables"), ("markdown", "### toy-even")):
        status, text, _ = call("leaderboard", out, "--format", name)
        assert status == 0 and text.startswith(start)
        path = tmp_path / f"board.{name}"
        assert call("leaderboard", out, "--format", name, "-o", path)[0] == 0 and path.read_text() == text
    status, text, _ = call("leaderboard", out, "-o", tmp_path / "board.txt")
    assert status == 0 and "toy-even" in (tmp_path / "board.txt").read_text()


def test_list_names_everything_registered(call):
    status, text, _ = call("list")
    assert status == 0
    for name in (
        "methods:",
        "hog-ridge",
        "datasets:",
        "300w",
        "protocols:",
        "300w-helen",
        "boxes=tight|jittered:S|detected:D",
        "schemes:",
        "wflw-98",
    ):
        assert name in text
    status, text, _ = call("list", "schemes")
    assert status == 0 and "ibug-68" in text and "methods" not in text


def test_train_keeps_a_model_that_can_be_loaded(call, tmp_path):
    from fldbench.method import load_method

    path = tmp_path / "m.safetensors"
    status, text, _ = call("train", "noisy", "--dataset", "toy", "-o", path, "--faces", 6, "--param", "noise=0.5")
    assert status == 0 and "10 parameters" in text
    assert load_method(path).get_params() == {"noise": 0.5, "random_state": 0}
    status, _, err = call("train", "noisy", "--dataset", "toy", "-o", path, "--faces", 600)
    assert status == 0 and "faces, not 600; all of them are taken" in err
    one = ("train", "mean-shape", "--dataset", "synthetic", "--option", "faces=30", "--faces", 31, "-o", path)
    status, _, err = call(*one)
    assert status == 0 and "has 30 faces, not 31" in err
    status, _, err = call("train", "noisy", "--dataset", "toy", "-o", path, "--param", "noise")
    assert (status, err) == (2, "fldbench: --param is 'noise'; must be NAME=VALUE, such as --param stages=4\n")


@pytest.mark.filterwarnings("default")
def test_a_warning_is_a_line_like_any_other_remark(call, tmp_path):
    class Warns(Noisy):
        def fit(self, train, val=None):
            warnings.warn("few faces", stacklevel=1)
            return super().fit(train, val)

    registry.register("method", "warns", Warns)
    for words in (("train", "warns", "--dataset", "toy", "-o", tmp_path / "m"), ("clean", "warns", "toy")):
        status, _, err = call(*words)
        assert status == 0 and "fldbench: few faces\n" in err and "UserWarning" not in err, err


def test_evaluate_prints_names_and_keeps(call, toy, tmp_path):
    faces = toy_faces(8, 2)
    near = faces.landmarks[:7] + np.random.default_rng(0).normal(0, 1, (7, 5, 2))
    guess = {str(i): p.tolist() for i, p in zip(faces.ids[:7], near, strict=True)}
    file, out = tmp_path / "p.json", tmp_path / "o"
    file.write_text(json.dumps(guess))
    status, text, err = call("evaluate", file, "--protocol", "toy-test", "--out", out, "--label", "ours")
    assert status == 0 and "ours" in text and "8 of 8" in text
    assert err == f"fldbench: {file}: 1 of 8 faces have no prediction and count as missed: test7\n"
    assert "ours" in call("leaderboard", out)[1] and (out / "leaderboard.md").exists()
    status, text, err = call("evaluate", file, "--protocol", "toy-even", "--protocol", "toy-odd")
    assert status == 0 and text.index("toy-even") < text.index("toy-odd")
    assert f"{file}: 3 predictions are for faces outside toy-even and were not used" in err


def test_evaluate_says_what_would_explain_the_errors_once_for_each_file(call, toy, tmp_path):
    faces, file = toy_faces(8, 2), tmp_path / "p.json"
    file.write_text(json.dumps({str(i): p[::-1].tolist() for i, p in zip(faces.ids, faces.landmarks, strict=True)}))
    status, text, err = call("evaluate", file, "--protocol", "toy-test", "--protocol", "toy-jittered")
    assert status == 0 and err.count("your points look reversed: taking the points from the last to the first") == 1
    assert "100.00" in text  # the numbers are those of the file


def test_evaluate_states_boxes_and_refuses_or_marks_training_faces(call, toy, tmp_path):
    faces, file = toy_faces(8, 2), tmp_path / "p.json"
    file.write_text(json.dumps({str(i): p.tolist() for i, p in zip(faces.ids, faces.landmarks + 1, strict=True)}))
    one = "evaluate", file, "--protocol", "toy-test"
    assert "boxes not stated;" in call(*one)[1] and "boxes tight (as stated);" in call(*one, "--boxes", "tight")[1]
    assert "trained on toy-train (stated)" in call(*one, "--trained-on", "toy-train")[1]
    assert "trained on" not in call(*one, "--trained-on", "unknown")[1].splitlines()[0]
    status, _, err = call(*one, "--trained-on", "toy-test")
    assert status == 2 and "was trained on (toy-test: these are its faces)" in err and "--allow-overlap" in err
    status, text, _ = call(*one, "--trained-on", "toy-test", "--allow-overlap")
    assert status == 0 and "p (contaminated)" in text and "Not ranked, because toy-test: these are its faces" in text


def test_evaluate_needs_one_label_per_file(call, tmp_path):
    files = [tmp_path / "a" / "p.csv", tmp_path / "b" / "p.csv"]
    status, _, err = call("evaluate", *files, "--protocol", "toy-test")
    assert (status, err) == (2, "fldbench: the labels are p, p; must be 2 different ones, one for each file\n")


def test_evaluate_records_nothing_if_a_later_file_is_bad(call, toy, tmp_path):
    faces, good, bad, out = toy_faces(8, 2), tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "o"
    good.write_text(json.dumps({str(i): p.tolist() for i, p in zip(faces.ids, faces.landmarks + 1, strict=True)}))
    bad.write_text(json.dumps({"nobody": faces.landmarks[0].tolist()}))
    status, text, err = call("evaluate", good, bad, "--protocol", "toy-test", "--out", out)
    assert (status, text) == (2, "") and err.startswith(f"fldbench: {bad}: toy-test has no face 'nobody'")
    assert not list(out.rglob("run.json"))
    assert call("evaluate", good, "--protocol", "toy-test", "--out", out)[0] == 0 and list(out.rglob("run.json"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("run", "none.yaml"), "none.yaml: cannot be read (No such file or directory)"),
        (("run", "--data", "/no/such"), "data root '/no/such' is not a folder; give --data ROOT or set FLDBENCH_DATA"),
        (("run", "--out", "/proc/x"), "the output folder '/proc/x' cannot be written"),
        (
            ("train", "hog-rigde", "--dataset", "300w", "-o", "m"),
            "no method named 'hog-rigde'; did you mean 'hog-ridge'?",
        ),
        (("train", "mean-shape", "--dataset", "300ww", "-o", "m"), "no dataset named '300ww'; did you mean '300w'?"),
        (("evaluate", "p.csv", "--protocol", "cofw86"), "no protocol named 'cofw86'; did you mean 'cofw68'?"),
        (("leaderboard", "."), "no run record below '.'; `fldbench run` writes them to OUT/records/KEY/run.json"),
    ],
)
def test_every_mistake_is_one_line_and_exit_status_2(tmp_path, arguments, text):
    done = fldbench(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("fldbench: ") and text in last and "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path):
    done = fldbench("--debug", "leaderboard", ".", cwd=tmp_path)
    assert done.returncode != 0 and "Traceback" in done.stderr and "StoreError" in done.stderr


def test_a_root_without_the_dataset_says_what_was_looked_for(tmp_path):
    done = fldbench("train", "mean-shape", "--dataset", "300w", "--data", tmp_path, "-o", tmp_path / "m")
    assert done.returncode == 2 and "looked for afw or helen or lfpw or ibug" in done.stderr


def test_broken_annotations_and_images_of_real_formats(tmp_path):
    for name in ("a_1", "b_1", "c_1"):
        write_face(tmp_path / "300w/afw", name)
    (tmp_path / "300w/afw/b_1.jpg").write_bytes(b"")
    done = fldbench("train", "mean-shape", "--dataset", "300w", "--data", tmp_path, "-o", tmp_path / "m.safetensors")
    assert done.returncode == 0 and "left out: " in done.stderr and "b_1.jpg: the image file is empty" in done.stderr
    annotation = tmp_path / "300w/afw/c_1.pts"
    annotation.write_text(annotation.read_text().replace("}", "1 1\n}"))
    done = fldbench("train", "mean-shape", "--dataset", "300w", "--data", tmp_path, "-o", tmp_path / "m")
    assert done.returncode == 2 and "c_1.pts, line 73: the number of points is 69; must be 68" in done.stderr


def test_a_model_that_cannot_be_written(tmp_path):
    write_face(tmp_path / "300w/afw", "a_1")
    done = fldbench("train", "mean-shape", "--dataset", "300w", "--data", tmp_path, "-o", "/proc/m")
    assert done.returncode == 2 and "/proc/m: cannot be written" in done.stderr


def test_the_command_is_installed_and_helps():
    found = shutil.which("fldbench", path=os.path.dirname(sys.executable))
    assert found is not None
    text = subprocess.run([found, "--help"], capture_output=True, text=True).stdout
    for name in ("run", "list", "leaderboard", "evaluate", "train"):
        assert name in text
    assert CliRunner().invoke(cli.app, ["run", "--help"]).exit_code == 0


def test_export_writes_an_onnx_file(tmp_path, call):
    model, out = tmp_path / "model.safetensors", tmp_path / "model.onnx"
    faces = load_dataset("synthetic", split="train")[:6]
    make_method("five-conv", width=80, height=70, epochs=1).fit(faces).save(model)
    code, shown, _ = call("export", model, "-o", out)
    assert code == 0 and f"{out.stat().st_size} bytes" in shown.replace("\n", "")
    make_method("mean-shape").fit(faces).save(model)
    code, _, error = call("export", model, "-o", out)
    assert code == 2 and "is not a network" in error


def test_training_a_network_leaves_its_curves_and_pictures(tmp_path, call):
    params = ("--param", "width=80", "--param", "height=70", "--param", "epochs=1")
    out = tmp_path / "five.safetensors"
    code, _, _ = call("train", "five-conv", "--dataset", "synthetic", "--faces", 6, "-o", out, *params)
    assert code == 0 and out.exists()
    names = {path.name for path in (tmp_path / "five-training").iterdir()}
    assert {"curves.csv", "curves.png", "sheet.png", "filters.png", "feature_maps.png"} <= names


def test_protocols_come_from_a_users_file(call, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(
        "toy-mouth:\n  {dataset: toy, n_expected: 8, normaliser: {name: mouth width, points: [[3], [4]]}}\n"
    )
    suite = tmp_path / "suite.yaml"
    suite.write_text(SUITE.replace("toy-even", "toy-mouth"))
    status, text, _ = call("run", suite, "--out", tmp_path / "out", "--protocols", file)
    assert status == 0 and "toy-mouth, trained on toy-train" in text and "mouth width" in text
    file.write_text("toy-mouth: {dataset: toy, normaliser: nose}")
    status, _, err = call("run", suite, "--out", tmp_path / "out", "--protocols", file)
    assert status == 2 and "normaliser is 'nose'; must be one of" in err


def test_the_list_of_protocols_fits_on_a_screen(call):
    status, text, _ = call("list", "protocols")
    lines = [line for line in text.splitlines() if not line.startswith("  toy-")]  # which no user has
    assert status == 0 and len(lines) <= 48 and max(map(len, lines)) <= 80
    assert any(line.strip().startswith("300w-helen") for line in lines) and "boxes=tight|jittered:S|detected:D" in text


def test_a_part_of_a_suite_leaves_the_whole_table_as_it_was(call, suite, tmp_path):
    out = tmp_path / "out"
    call("run", suite, "--out", out)
    whole = (out / "leaderboard.csv").read_bytes()
    status, text, err = call("run", suite, "--out", out, "--only", "noisy")
    assert status == 0 and "noisy" in text and "mean-shape" not in text
    assert "leaderboard files hold whole suites and were not written" in err
    assert (out / "leaderboard.csv").read_bytes() == whole
    status, _, err = call("run", suite, "--out", out, "--only", "nosy")
    assert status == 2 and "labelled 'nosy'; did you mean 'noisy'?" in err


def test_latin_1_file_names_and_control_letters_pass_through_the_commands_of_data(call, tmp_path):
    convert(toy_faces(4), "pts", tmp_path / "data")
    for old, new in (("test0", b"M\xfcller"), ("test1", b"a\x1b[31m\nb")):
        for ending in (b".png", b".pts"):
            folder = os.fsencode(tmp_path / "data/")
            os.rename(folder + b"/" + old.encode() + ending, folder + b"/" + new + ending)
    source = ("pts", "--data", tmp_path / "data", "--option", "scheme=mtfl-5")
    assert call("data", "info", *source)[0] == 0
    status, text, _ = call("data", "verify", *source, "-o", tmp_path / "found.txt")
    assert status == 0 and "\x1b" not in text and text.encode()
    write_excludes(tmp_path / "mine.txt", [Exclude(os.fsdecode(b"M\xfcller"), "mine", "no")])
    assert rb"M\xfcller" in (tmp_path / "mine.txt").read_bytes()
    assert call("data", "pack", *source, tmp_path / "faces.pack")[0] == 0
    loaded = load_dataset("pts", tmp_path / "data", "all", scheme="mtfl-5")
    assert open_pack(tmp_path / "faces.pack").fingerprint == loaded.fingerprint
    assert len(without(loaded, read_excludes(tmp_path / "mine.txt"))) == 3
    status, _, error = call("data", "convert", *source, "--to", "csv", tmp_path / "out")
    assert status == 2 and error.count("\n") == 1 and "the id is" in error


class Unreadable(ImageArrays):
    """Images whose last one is a file that is not there."""

    def __init__(self, images, path):
        super().__init__(list(images))
        self.path = path

    def decode(self, i):
        return super().decode(i) if i + 1 < len(self) else ImageFiles([self.path])[0]


def test_a_run_on_latin_1_names_keeps_its_records_and_tables(call, suite, tmp_path):
    odd = os.fsdecode(b"M\xfc\n\x1b[31m")

    class Odd(Toy):
        def load(self, root, split):
            faces = super().load(root, split)
            names = [f"{odd}{i}" for i in range(len(faces))]
            return replace(faces, ids=names, groups=names, images=Unreadable(faces.images, f"{tmp_path}/{odd}"))

    registry.register_dataset("toy", Odd)
    for _ in range(2):
        status, text, progress = call("run", suite, "--out", tmp_path / "out")
        assert status == 0 and "\x1b" not in text + progress
    for kind in ("table", "csv", "latex", "markdown"):
        status, text, _ = call("leaderboard", tmp_path / "out", "--format", kind)
        assert status == 0 and "\x1b" not in text
