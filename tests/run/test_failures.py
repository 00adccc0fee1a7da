"""What fails is found before anything is fitted where it can be, and is one failed row; the others go on."""

import os
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import Noisy, Toy, toy_protocol

import fldbench
from fldbench import registry
from fldbench.cli import app as cli
from fldbench.errors import MissingDependencyError, SuiteError, UnknownNameError
from fldbench.params import SEED
from fldbench.run.suite import load_suite


class Leaves(Noisy):
    """Call sys.exit."""

    def fit(self, train, val=None):
        sys.exit(0)


class LeavesLate(Noisy):
    """Call sys.exit at the prediction."""

    def predict(self, images, boxes):
        sys.exit("enough")


class MuteError(Exception):
    """An error that cannot be shown."""

    def __str__(self):
        sys.exit(0)


class Mute(Noisy):
    """Raise it."""

    def fit(self, train, val=None):
        raise MuteError


class Dies(Noisy):
    """End its process."""

    def fit(self, train, val=None):
        os._exit(7)


@pytest.mark.parametrize(
    ("method", "reason", "jobs"),
    [
        (Leaves, "SystemExit: 0", 1),
        (LeavesLate, "SystemExit: enough", 1),
        (Leaves, "SystemExit: 0", 2),
        (Mute, "MuteError: no message", 1),
    ],
)
def test_a_method_that_calls_exit_is_a_failed_row(toy, tmp_path, method, reason, jobs):
    registry.register_method("broken", method)
    bad, good = fldbench.run_suite(toy | {"methods": ["broken", "noisy"]}, tmp_path, jobs=jobs)
    assert (bad.status, good.status) == ("failed", "ok")
    assert re.fullmatch(rf"{reason} \(test_failures\.py, line \d+\)", bad.reason)


def test_a_process_that_dies_takes_no_other_cell_with_it(toy, tmp_path):
    registry.register_method("dies", Dies)
    toy |= {"methods": ["dies", "noisy", "mean-shape", "gives-up"], "protocols": ["toy-test", "toy-even"]}
    seen = []
    records = fldbench.run_suite(toy, tmp_path, jobs=2, on_event=lambda *event: seen.append(event))
    assert [one.status for one in records] == ["failed"] * 2 + ["ok"] * 6
    assert records[0].reason == "its process ended with status 7 before its work was done"
    assert [event[1:] for event in seen] == [(i, 4) for i in range(5)]


BROKEN = {
    "syntax": "def f(:\n",
    "runtime": "raise RuntimeError('no writable\\ncache')\n",
    "exits": "import sys\nsys.exit(0)\n",
    "lacks": "import no_such_package_here\n",
    "mute": "class E(Exception):\n    def __str__(self): raise SystemExit(0)\nraise E\n",
}


@pytest.fixture
def broken_modules(tmp_path, monkeypatch):
    for name, text in BROKEN.items():
        (tmp_path / f"bad_{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in BROKEN:
        sys.modules.pop(f"bad_{name}", None)


def test_any_error_of_an_import_names_the_plug_in(toy, broken_modules):
    texts = {
        "syntax": r"'bad_syntax:M', which cannot be imported: SyntaxError: invalid syntax \(bad_syntax.py, line 1\)",
        "runtime": "which cannot be imported: RuntimeError: no writable cache$",
        "exits": "which cannot be imported: SystemExit: 0$",
        "mute": "which cannot be imported: E$",
    }
    for name, text in texts.items():
        registry.register_method("bad", f"bad_{name}:M")
        with pytest.raises(UnknownNameError, match=text) as error:
            registry.resolve("method", "bad")
        assert registry.is_broken(error.value)
    registry.register_method("bad", "bad_lacks:M")
    with pytest.raises(MissingDependencyError, match="needs the package 'no_such_package_here', which"):
        registry.resolve("method", "bad")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_method_or_dataset_is_a_failed_row_of_its_own(toy, tmp_path, broken_modules, name):
    registry.register_method("bad", f"bad_{name}:M")
    registry.register_dataset("bad", f"bad_{name}:D")
    toy["train"] = [{"dataset": "bad"}, *toy["train"]]
    records = fldbench.run_suite(toy | {"methods": ["bad", "noisy"], "seeds": [0]}, tmp_path / "out")
    assert [one.status for one in records] == ["failed", "failed", "failed", "ok"]
    assert "which cannot be imported" in records[2].reason or "which is not installed" in records[2].reason


def test_a_protocol_of_a_broken_dataset_fails_alone(toy, tmp_path, broken_modules):
    registry.register_dataset("bad", "bad_runtime:D")
    for name, dataset in (("on-bad", "bad"), ("on-none", "no-such-dataset")):
        registry.register("protocol", name, toy_protocol(name, dataset=dataset))
    records = fldbench.run_suite(toy | {"protocols": ["on-bad", "on-none", "toy-test"]}, tmp_path / "out")
    assert [one.status for one in records] == ["failed", "failed", "ok"]
    assert "no writable cache" in records[0].reason and "no dataset named 'no-such-dataset'" in records[1].reason


def test_a_member_that_is_broken_is_a_failed_row_too(toy, tmp_path, broken_modules):
    registry.register_method("bad", "bad_runtime:M")
    average = {"name": "average", "params": {"methods": ["noisy", "bad"]}}
    bad, good = fldbench.run_suite(toy | {"methods": [average, "mean-shape"]}, tmp_path / "out")
    assert (bad.status, good.status, Noisy.fits) == ("failed", "ok", 0) and "no writable cache" in bad.reason


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ({"name": "linear", "params": {"crop_size": "big"}}, "linear: crop_size is 'big'; must be a whole"),
        ({"name": "average", "params": {"methods": []}}, "average: methods is \\[\\]; must be a list of at least one"),
        ({"name": "average", "params": {"methods": ["ert", "lbff"]}}, "no method named 'lbff'; did you mean 'lbf'"),
        (
            {"name": "average", "params": {"methods": ["linear"], "params": {"linear": {"crop_size": -1}}}},
            "linear: crop_size is -1; must be a whole number",
        ),
        (
            {"name": "hybrid", "params": {"first": "asm", "second_params": {"stages": 0}}},
            "hog-ridge: stages is 0; must",
        ),
        (
            {"name": "noisy", "params": {"noise": object()}},
            "noisy: params is .*; must be finite numbers",
        ),
        ({"name": "noisy", "params": {"noise": float("nan")}}, "noisy: params is .*; must be finite numbers"),
    ],
)
def test_a_wrong_parameter_is_an_error_of_the_suite(toy, method, text):
    with pytest.raises(SuiteError, match=text):
        load_suite(toy | {"methods": [method]})


def test_a_wrong_parameter_names_its_line(toy, tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text(
        "name: x\ntrain: [{dataset: toy}]\nprotocols: [toy-test]\n"
        "methods:\n  - noisy\n  - {name: ert, params: {starts: 0}}\n"
    )
    with pytest.raises(SuiteError, match=r"suite\.yaml, line 6: methods\[1\]: ert: starts is 0; must be"):
        load_suite(path)


def test_nothing_is_fitted_if_no_face_to_measure_on_is_there(toy, tmp_path):
    (record,) = fldbench.run_suite(toy | {"protocols": ["toy-none"]}, tmp_path)
    assert (record.status, Noisy.fits) == ("skipped", 0) and record.reason.startswith("0 of 3 faces of toy-none")


def test_nothing_is_fitted_for_a_protocol_that_cannot_be_computed(toy, tmp_path):
    fldbench.register_protocol(toy_protocol("toy-zero", normaliser_points=((0,), (0,))))
    (record,) = fldbench.run_suite(toy | {"protocols": ["toy-zero"]}, tmp_path)
    assert (record.status, Noisy.fits) == ("failed", 0) and "must be finite and > 0 px" in record.reason


def test_a_training_set_of_another_scheme_is_refused_before_any_fit(toy, tmp_path):
    class Other(Toy):
        def load(self, root, split):
            faces = super().load(root, split)
            more = np.repeat(faces.landmarks, 3, axis=1)
            return faces if split == "test" else replace(faces, scheme="kaggle-15", landmarks=more, visible=None)

    registry.register_dataset("toy", Other)
    (record,) = fldbench.run_suite(toy, tmp_path)
    assert (record.status, Noisy.fits) == ("failed", 0)
    assert record.reason == "toy-train: the scheme is 'kaggle-15'; must be mtfl-5, whose points toy-test counts"


def test_a_missing_file_of_weights_is_known_before_any_fit(toy, tmp_path):
    dlib = {"name": "dlib-68", "params": {"model": "/no/such.dat"}}
    bad, good = fldbench.run_suite(toy | {"methods": [dlib, "noisy"]}, tmp_path)
    assert (bad.status, bad.reason, good.status) == (
        "failed",
        "dlib-68: model is '/no/such.dat'; must be a file that is there",
        "ok",
    )


def test_a_model_that_cannot_be_saved_is_not_fitted(toy, tmp_path):
    class Handed(Noisy):
        pass

    # Registered by a function, so that no name leads to the class of the model.
    class Maker(fldbench.Method):
        def __new__(cls, noise=0.01, random_state=0):
            return Handed(noise, random_state)

        def __init__(self, noise=0.01, random_state=0):
            pass

    registry.register_method("made", Maker)
    (record,) = fldbench.run_suite(toy | {"methods": ["made"]}, tmp_path)
    assert (record.status, Noisy.fits) == ("failed", 0) and "is not registered" in record.reason


def test_a_reader_that_breaks_is_a_failed_row(toy, tmp_path):
    class Bad(Toy):
        def load(self, root, split):
            raise KeyError("column")

    registry.register_dataset("bad", Bad)
    bad, good = fldbench.run_suite(toy | {"train": [{"dataset": "bad"}, {"dataset": "toy"}]}, tmp_path)
    assert (bad.status, good.status) == ("failed", "ok")
    assert re.fullmatch(r"KeyError: 'column' \(test_failures\.py, line \d+\)", bad.reason)


def test_what_is_known_to_fail_is_recorded_first(toy, tmp_path):
    dlib = {"name": "dlib-68", "params": {"model": "/no/such.dat"}}
    seen = []
    fldbench.run_suite(toy | {"methods": ["noisy", dlib]}, tmp_path, on_event=lambda *event: seen.append(event[0]))
    assert seen[1].startswith("dlib-68 on toy-train; dlib-68: model is") and seen[2] == "noisy on toy-train, seed 0"


@pytest.mark.parametrize(
    ("output", "param", "text"),
    [
        (".", "noise=0.5", "cannot be written (Is a directory)"),
        ("file/m.safetensors", "noise=0.5", "cannot be written (File exists)"),
        ("m.safetensors", "random_state=-1", "noisy: random_state is -1; must be"),
    ],
)
def test_train_fails_before_the_fit_too(toy, tmp_path, monkeypatch, capsys, output, param, text):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(Noisy, "rules", {"random_state": SEED})
    command = ["fldbench", "train", "noisy", "--dataset", "toy", "-o", str(tmp_path / output), "--param", param]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as leaving:
        cli.main()
    assert leaving.value.code == 2 and Noisy.fits == 0 and text in capsys.readouterr().err


def unlocked(array):
    """The array behind a view, open for writing."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    array.flags.writeable = True
    return array


class Vandal(Noisy):
    """Write, by force, into what it is given."""

    def __init__(self, into="landmarks"):
        self.into = into

    def fit(self, train, val=None):
        if self.into in ("landmarks", "boxes", "visible", "groups"):
            unlocked(getattr(train, self.into))[...] = 0
        elif self.into == "subsets":
            unlocked(train.subsets["even"])[...] = False
        elif self.into == "images":
            unlocked(train.images[0])[...] = 0
        elif self.into == "protocol":
            object.__setattr__(registry.TABLES["protocol"]["toy-test"], "normaliser", None)
        elif self.into == "columns":
            object.__setattr__(train, "landmarks", np.zeros(3))
        self.random_state, self.noise = 0, 0.01
        return super().fit(train)

    def predict(self, images, boxes):
        if self.into == "test images":
            unlocked(images[0])[...] = 0
        return super().predict(images, boxes)


class Looks(Noisy):
    """Add the brightness of the image to every point."""

    def predict(self, images, boxes):
        return super().predict(images, boxes) + np.array([image.mean() for image in images])[:, None, None] / 100


WAYS = "landmarks", "boxes", "visible", "groups", "subsets", "images", "columns", "test images"


def test_a_method_that_writes_by_force_fails_and_no_other_number_changes(toy, tmp_path):
    registry.register_method("vandal", Vandal)
    registry.register_method("looks", Looks)
    toy["methods"] = ["noisy", "looks"]
    good = fldbench.run_suite(toy, tmp_path / "good")
    bad = [{"name": "vandal", "params": {"into": into}, "label": into} for into in WAYS]
    toy["methods"] = [*bad, "noisy", "looks", {"name": "vandal", "params": {"into": "protocol"}, "label": "last"}]
    records = fldbench.run_suite(toy, tmp_path / "bad")
    assert [one.reason for one in records[:8]] == [
        "it changed the faces that it was given; all other methods get them as they were"
    ] * 8
    assert [one.metrics for one in records[8:10]] == [one.metrics for one in good]
    assert records[10].status == "ok"


class Remembers(Toy):
    """A dataset that hands out the same arrays each time."""

    faces = Toy().load(None, "train")

    def load(self, root, split):
        return self.faces if split == "train" else super().load(root, split)


def test_faces_that_cannot_be_had_as_they_were_are_not_used(toy, tmp_path):
    registry.register_method("vandal", Vandal)
    registry.register_dataset("toy", Remembers)
    vandal = {"name": "vandal", "params": {"into": "images"}}  # columns are copied when faces are selected
    bad, good = fldbench.run_suite(toy | {"methods": [vandal, "noisy"]}, tmp_path)
    assert bad.status == "failed" and good.reason == "the faces are no longer those that the suite began with"


class Shouts(Noisy):
    """Raise an error of ten million letters."""

    def fit(self, train, val=None):
        raise ValueError("x" * 10**7)


def test_a_record_keeps_the_ends_of_a_long_reason(toy, tmp_path):
    registry.register_method("shouts", Shouts)
    (record,) = fldbench.run_suite(toy | {"methods": ["shouts"]}, tmp_path)
    assert record.reason.startswith("ValueError: xxx") and len(record.reason) < 2100 and len(record.traceback) <= 20000


class Sets(Noisy):
    """Change what belongs to the whole process."""

    def fit(self, train, val=None):
        os.chdir("/")
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_default_device("meta")
        return super().fit(train)


def test_a_method_does_not_change_the_process_for_later_ones(toy, tmp_path):
    registry.register_method("sets", Sets)
    place = os.getcwd()
    (record,) = fldbench.run_suite(toy | {"methods": ["sets"]}, tmp_path)
    assert record.status == "ok" and os.getcwd() == place and torch.is_grad_enabled()
    assert torch.zeros(1).dtype == torch.float32 and torch.zeros(1).device.type == "cpu"
