"""Plug-ins in a file: `plugins:` and --plugin; their code is part of the keys, in every process."""

import sys

import pytest
from toys import TOY_TRAIN, toy_faces

import fldbench
from fldbench import plugin_files, registry
from fldbench.cli import app as cli
from fldbench.errors import DataError, SuiteError
from fldbench.method import load_method
from fldbench.plugin_files import load_plugin
from fldbench.run.suite import load_suite

METHOD = '''
"""A plug-in."""

import numpy as np

import fldbench
from {helper} import shift


class Shifted(fldbench.Method):
    """The mean shape, shifted."""

    def fit(self, train, val=None):
        size = train.boxes[:, None, 2:] - train.boxes[:, None, :2]
        self.mean_ = ((train.landmarks - train.boxes[:, None, :2]) / size).mean(0) + shift()
        return self

    def predict(self, images, boxes):
        return self.mean_ * (boxes[:, None, 2:] - boxes[:, None, :2]) + boxes[:, None, :2]


fldbench.register_method("{name}", Shifted)
'''


def write(folder, name="shifted", by=0.01, helper="plugin_helper"):
    folder.mkdir(exist_ok=True)
    (folder / f"{helper}.py").write_text(f"def shift():\n    return {by}\n")
    path = folder / "my method.py"
    path.write_text(METHOD.format(name=name, helper=helper))
    return path


@pytest.fixture
def clean(toy, monkeypatch):
    """No plug-in is left behind."""
    monkeypatch.setattr(plugin_files, "_loaded", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield toy
    for name in set(sys.modules) - before:
        if name.startswith(("fldbench_plugin_", "plugin_")):
            del sys.modules[name]


def test_a_suite_names_the_files_of_its_plug_ins(clean, tmp_path):
    write(tmp_path / "code")
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "name: own\nplugins: [code/my method.py]\ntrain: [{dataset: toy}]\nmethods: [shifted]\nprotocols: [toy-test]\n"
    )
    (record,) = fldbench.run_suite(suite, tmp_path / "out")
    assert record.status == "ok"
    assert {"fldbench_plugin_my_method", "plugin_helper"} <= record.method.code.keys()
    assert "no source" not in str(record.method.code)


def test_its_code_and_that_of_the_helper_beside_it_are_in_the_key(clean, tmp_path):
    suite = clean | {"plugins": [str(write(tmp_path / "a"))], "methods": ["shifted"]}
    (first,) = fldbench.run_suite(suite, tmp_path / "out")
    sys.modules.pop("plugin_helper")
    write(tmp_path / "a", by=0.02)
    plugin_files._loaded.clear()
    registry.TABLES["method"].pop("shifted")
    (second,) = fldbench.run_suite(suite, tmp_path / "out")
    assert first.key != second.key and first.metrics["nme"] != second.metrics["nme"]


def test_a_file_that_changed_is_imported_again(clean, tmp_path):
    path = write(tmp_path / "a")
    load_plugin(path)
    first = registry.resolve("method", "shifted")
    load_plugin(path)
    assert registry.resolve("method", "shifted") is first
    path.write_text(path.read_text().replace("+ shift()", "+ 2 * shift()"))
    load_plugin(path)
    assert registry.resolve("method", "shifted") is not first


def test_processes_import_it_too(clean, tmp_path):
    suite = clean | {"plugins": [str(write(tmp_path / "a"))], "methods": ["shifted", "mean-shape"]}
    here = fldbench.run_suite(suite, tmp_path / "one")
    there = fldbench.run_suite(suite, tmp_path / "two", jobs=2)
    assert [one.status for one in there] == ["ok", "ok"] and [a.metrics for a in here] == [b.metrics for b in there]


def test_two_files_of_one_name_are_two_plug_ins(clean, tmp_path):
    load_plugin(write(tmp_path / "a", "one"))
    load_plugin(write(tmp_path / "b", "two", helper="plugin_other"))
    one, two = (registry.resolve("method", name) for name in ("one", "two"))
    assert one.__module__ == "fldbench_plugin_my_method" and two.__module__.startswith("fldbench_plugin_my_method_")
    assert sys.modules[one.__module__] is not sys.modules[two.__module__]


def test_a_helper_that_another_module_hides_is_refused(clean, tmp_path):
    load_plugin(write(tmp_path / "a", "one"))
    with pytest.raises(DataError, match=r"line 7: it imports 'plugin_helper', which is .*/a/plugin_helper.py, not the"):
        load_plugin(write(tmp_path / "b", "two", by=0.5))


def test_a_helper_that_is_a_package_is_in_the_key(clean, tmp_path):
    path = write(tmp_path / "a")
    (tmp_path / "a" / "plugin_helper.py").unlink()
    package = tmp_path / "a" / "plugin_helper"
    package.mkdir()
    (package / "__init__.py").write_text("from plugin_helper.inside import shift\n")
    (package / "inside.py").write_text("def shift():\n    return 0.3\n")
    suite = clean | {"plugins": [str(path)], "methods": ["shifted"]}
    (record,) = fldbench.run_suite(suite, tmp_path / "out")
    assert {"plugin_helper", "plugin_helper.inside"} <= record.method.code.keys()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef f(:\n", r"my method\.py, line 2: cannot be imported: SyntaxError: invalid syntax"),
        ("x = 1\n\nx.foo\n", r"line 3: cannot be imported: 'int' object has no attribute 'foo'"),
        ("import sys\nsys.exit(0)\n", r"line 2: cannot be imported: SystemExit: 0"),
        ("import no_such_thing_here\n", r"line 1: cannot be imported: No module named 'no_such_thing_here'"),
        ("x = 1\n", r"it registers nothing; call fldbench.register_method\('some-name', SomeClass\) in it"),
        (
            "import fldbench\nfldbench.register_method('ert', fldbench.Method)\n",
            r"it registers the method 'ert', which is there already; choose another name",
        ),
    ],
)
def test_a_broken_file_is_one_line_that_names_it(clean, tmp_path, text, message):
    path = tmp_path / "my method.py"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as error:
        load_plugin(path)
    assert "\n" not in str(error.value)
    assert registry.table("method")["ert"] == "fldbench.baselines.ert.method:ERT"
    assert "fldbench_plugin_my_method" not in sys.modules
    suite = tmp_path / "suite.yaml"
    suite.write_text("name: x\nplugins:\n  - my method.py\n")
    with pytest.raises(SuiteError, match=rf"suite\.yaml, line 3: .*{message}"):
        load_suite(suite)


def test_a_file_that_is_absent(clean, tmp_path):
    with pytest.raises(DataError, match=r"none\.py: the plug-in cannot be read \(No such file or directory\); check"):
        load_plugin(tmp_path / "none.py")


def test_the_command_knows_it_and_a_saved_model_is_loaded_with_it(clean, tmp_path, monkeypatch, capsys):
    path, model = write(tmp_path / "a"), tmp_path / "m.safetensors"

    def call(*args):
        monkeypatch.setattr(sys, "argv", ["fldbench", *map(str, args)])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        return leaving.value.code, *capsys.readouterr()

    assert call("train", "shifted", "--dataset", "toy", "-o", model, "--plugin", path)[0] == 0
    assert "The mean shape, shifted." in call("list", "methods", "--plugin", path)[1]
    registry.TABLES["method"].pop("shifted")
    load_plugin(path)
    train = toy_faces(TOY_TRAIN, 1, split="train")
    assert load_method(model).predict(list(train.images), train.boxes).shape == train.landmarks.shape
    path.write_text("def f(:\n")
    code, _, err = call("list", "methods", "--plugin", path)
    assert code == 2 and err.startswith(f"fldbench: {path}, line 1: cannot be imported: SyntaxError")


def test_the_list_goes_on_after_a_broken_plug_in(clean, tmp_path, monkeypatch, capsys):
    (tmp_path / "plugin_bad.py").write_text("raise RuntimeError('no cache')\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry.register_method("bad", "plugin_bad:M")
    registry.register_dataset("bad", "plugin_bad:D")
    monkeypatch.setattr(sys, "argv", ["fldbench", "list"])
    with pytest.raises(SystemExit) as leaving:
        cli.main()
    lines = capsys.readouterr().out.splitlines()
    assert leaving.value.code == 0 and "schemes:" in lines
    assert [line.split()[:2] for line in lines if "RuntimeError: no cache" in line] == [["bad", "broken:"]] * 2
