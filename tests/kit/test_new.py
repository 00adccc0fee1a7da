"""`fldbench new`: what it writes installs, keeps its contract, passes its own tests and ruff, and runs in a suite."""

import csv
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fldbench import registry
from fldbench.cli.app import app
from fldbench.errors import DataError
from fldbench.kit.new import KINDS, new_plugin

NAMES = {
    "method": "own-way",
    "dataset": "f4",
    "detector": "a-finder-with-a-rather-long-name-2",
    "protocol": "own-rules",
}


def run(*command, cwd):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([str(one) for one in command], cwd=cwd, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a package of each kind, and a virtual environment that has them and all that this one has."""
    home = tmp_path_factory.mktemp("home")
    for kind, name in NAMES.items():
        written = CliRunner().invoke(app, ["new", kind, name, "-o", str(home / f"fldbench-{name}")])
        assert written.exit_code == 0 and f"pip install -e {home}/fldbench-{name}\n" in written.output
    run(sys.executable, "-m", "venv", "--without-pip", home / "venv", cwd=home)
    (site,) = (home / "venv" / "lib").glob("python*/site-packages")
    (site / "borrowed.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    folders = [word for name in NAMES.values() for word in ("-e", f"./fldbench-{name}")]
    pip = [home / "venv/bin/python", "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    run(*pip, *folders, cwd=home)
    return home


@pytest.fixture(scope="module")
def python(home):
    return home / "venv/bin/python"


def test_the_names_are_known_once_they_are_installed(home, python):
    listed = run(python, "-m", "fldbench", "list", cwd=home)
    for name in NAMES.values():
        assert re.search(rf"^  {name} ", listed, re.M), name
    assert "broken" not in listed


def test_their_own_tests_pass(home, python):
    # Each brings the checks of its contract. All in one process: each process loads numpy, OpenCV and torch again.
    files = sorted(home.glob("fldbench-*/test_*.py"))
    said = run(python, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *files, cwd=home)
    assert len(files) == len(NAMES) and re.search(r"^\d+ passed in", said, re.M), said


def test_their_suites_run(home, python):
    for name in NAMES.values():
        suite = (home / f"fldbench-{name}" / "suite.yaml").read_text()
        small = re.sub(r"faces: 200", "faces: 20", suite.replace(", linear", ""))
        small = re.sub(r"(synthetic-test|own-rules)(?=[],])", r"\1@first=8", small)
        small = re.sub(r"(synthetic-test|own-rules)@boxes", r"\1@first=8,boxes", small)
        (home / f"{name}.yaml").write_text(small)
    script = f"""
import sys
sys.path.append("fldbench-{NAMES["dataset"]}")
from test_fldbench_{NAMES["dataset"]} import write_sample
from fldbench.report import leaderboard
from fldbench.run.runner import run_suite
write_sample("sample")
for name in {list(NAMES.values())}:
    run_suite(f"{{name}}.yaml", data="sample" if name == "{NAMES["dataset"]}" else None, out=f"runs/{{name}}")
    board = leaderboard(f"runs/{{name}}").to_csv()
    assert "failed" not in board and name in board, board
    print(board)
"""
    said = run(python, "-c", script, cwd=home)
    rows = list(csv.DictReader(said.splitlines()))
    assert {"own-way", "mean-shape"} <= {row["method"] for row in rows}
    expected = {"f4-test", "own-rules@first=8", f"synthetic-test@boxes=detected:{NAMES['detector']},first=8"}
    assert expected <= {row["protocol"] for row in rows}


def test_ruff_finds_nothing(home):
    ruff = Path(sysconfig.get_path("scripts")) / "ruff"
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    for name in NAMES.values():
        run(ruff, "check", "--config", f"fldbench-{name}/pyproject.toml", f"fldbench-{name}", cwd=home)
        run(ruff, "format", "--check", f"fldbench-{name}", cwd=home)


@pytest.mark.parametrize("kind", ["method", "dataset", "detector"])
def test_one_file_is_what_the_package_has_and_registers_itself(kind, tmp_path):
    file = new_plugin(kind, "some-name", tmp_path / "plugin_some_name.py", one_file=True)
    package = new_plugin(kind, "some-name", tmp_path / "package")
    text = file.read_text()
    assert f'@fldbench.register_{kind}("some-name")\nclass SomeName(fldbench.{kind.title()}):\n' in text
    assert (
        text.replace(f'@fldbench.register_{kind}("some-name")\n', "") == (package / "fldbench_some_name.py").read_text()
    )


def test_one_file_works_at_once(tmp_path):
    said = run(sys.executable, "-m", "fldbench", "new", "method", "quick-way", "--file", cwd=tmp_path)
    command = re.search(r"fldbench (list methods --plugin .*)", said)[1].split()
    assert "  quick-way " in run(sys.executable, "-m", "fldbench", *command, cwd=tmp_path)
    said = run(sys.executable, "-m", "fldbench", "new", "protocol", "quick-rules", "--file", cwd=tmp_path)
    command = re.search(r"fldbench (list protocols --protocols .*)", said)[1].split()
    assert "  quick-rules " in run(sys.executable, "-m", "fldbench", *command, cwd=tmp_path)
    command = re.search(r"fldbench (check quick-rules --protocols .*)", said)[1].split()
    assert " 0 failed; 0 were skipped" in CliRunner().invoke(app, [*command[:-1], str(tmp_path / command[-1])]).output
    suite = "name: s\nplugins: [quick_way.py]\ntrain: [{dataset: synthetic, options: {faces: 20}}]\n"
    (tmp_path / "suite.yaml").write_text(f"{suite}methods: [quick-way]\nprotocols: [quick-rules@first=20]\n")
    command = ["run", "suite.yaml", "--protocols", "quick_rules.yaml", "--out", "out"]
    assert "quick-way" in run(sys.executable, "-m", "fldbench", *command, cwd=tmp_path)


@pytest.mark.parametrize(
    "name", ["", "Mine", "1st", "my_method", "my--method", "-my", "my-", "a/b", "../x", "none", "é"]
)
def test_a_name_that_cannot_be_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^new: the name is .*; must be small letters and digits .*such as my-method$"):
        new_plugin("method", name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("hog-ridge", "method"),
        ("300w", None),
        ("wflw", "dataset"),
        ("haar", "detector"),
        ("synthetic-test", "protocol"),
        ("builtin", "model"),
    ],
)
def test_a_name_that_is_known_is_refused(name, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    says = "small letters" if kind is None else f"no name of a {kind} that is known already; see `fldbench show {name}`"
    for other in KINDS:
        with pytest.raises(DataError) as refused:
            new_plugin(other, name)
        assert f"new: the name is {name!r}; must be {says}" in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fldbench-mine").mkdir()
    (tmp_path / "mine.py").write_text("x = 1\n")
    (tmp_path / "elsewhere").symlink_to("nowhere")
    for output, one_file, place in ((None, False, "fldbench-mine"), (None, True, "mine.py"), ("elsewhere", False, "e")):
        with pytest.raises(DataError, match=rf"^new: the place to write to is '{place}.*'; must be free; it is there"):
            new_plugin("method", "mine", output, one_file)
    assert (tmp_path / "mine.py").read_text() == "x = 1\n" and not any((tmp_path / "fldbench-mine").iterdir())


def test_a_file_hides_no_module_and_ends_as_it_should(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        DataError, match=r"^new: the file is 'numpy\.py'; must be a name that is no module's already; name"
    ):
        new_plugin("method", "numpy", one_file=True)
    with pytest.raises(DataError, match=r"^new: the file is 'mine\.py'; must be a name that ends in \.yaml$"):
        new_plugin("protocol", "mine", "mine.py", one_file=True)
    assert not list(tmp_path.iterdir())


def test_the_command_tells_an_error_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["new", "method", "hog-ridge"])
    assert isinstance(result.exception, DataError) and not list(tmp_path.iterdir())
    assert "hog-ridge" in registry.names("method")
