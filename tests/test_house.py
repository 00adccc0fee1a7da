"""The house itself: layers, light import, public names, the wheel, the top level."""

import ast
import os
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
from packaging.version import Version

import fldbench

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "fldbench": "fldbench",
    "baselines": "fldbench.baselines",
    "cnn": "fldbench.cnn",
    "datasets": "fldbench.datasets",
}

# Each layer may import those above it and its own; a unit is a module or a folder, and the longest name counts.
LAYERS = (
    (
        "errors",
        "escape",
        "blocks",
        "progress",
        "files",
        "user_cache",
        "yaml_text",
        "npz",
        "digest",
        "live_code",
        "docstrings",
        "faults",
    ),
    ("geometry", "shapes", "metrics", "identities", "attribute_metrics", "stats", "registry", "plugin_files"),
    ("schemes",),
    ("faces",),
    (
        "params",
        "contract",
        "columns",
        "dataset",
        "compact",
        "builtin",
        "model_file",
        "method",
        "detector",
        "found",
        "attribute_answers",
        "confidence",
        "protocols",
        "records.keys",
    ),  # checkpoints need keys
    (*("datasets", "baselines", "cnn", "detectors", "media", "curate", "checks", "records"),),
    ("run",),
    ("audit", "report"),
    ("kit", "cli"),
    ("__main__",),
)
PLUG_INS = ("datasets", "baselines", "cnn", "detectors")  # these import the core below and their own folder alone
REPORT_MAY_IMPORT = (
    *("npz", "errors", "escape", "files", "records", "metrics", "identities", "attribute_metrics", "stats"),
    *("protocols", "report"),
)


PUBLIC_NAMES = (
    *("__version__", "load_dataset", "Dataset", "make_method", "load_method", "Method", "run_suite", "evaluate_file"),
    *("get_protocol", "list_protocols", "register_protocol", "evaluate", "Protocol", "Score"),
    *("get_scheme", "list_schemes", "register_scheme", "Scheme", "list_methods", "list_datasets"),
    *(
        "Detector",
        "make_detector",
        "register_detector",
        "list_detectors",
        "FoundFace",
        "draw",
        "register_method",
        "register_dataset",
    ),
    *("ablate_suite", "ablation", "Ablation"),
    *("Face", "FaceSet", "ImageArrays", "ImageFiles", "crop_faces", "wrap", "Record", "leaderboard", "Leaderboard"),
    *("FldbenchError", "UnknownNameError", "DataError", "DatasetNotFoundError", "PredictionsError", "ProtocolError"),
    *("MethodError", "SuiteError", "StoreError", "MissingDependencyError"),
)


def modules():
    """Every module of the package: file, dotted name."""
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            yield path, ".".join([package, *parts]).removesuffix(".__init__")


def unit(name):
    """The part of the house that a module belongs to."""
    parts = name.split(".")[1:]
    known = {one for layer in LAYERS for one in layer}
    return next((one for i in (2, 1) if (one := ".".join(parts[:i])) in known), "fldbench" if not parts else parts[0])


def imported(path):
    """Dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; plug-ins are imported as fldbench.datasets..., in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rank(part):
    return next(i for i, layer in enumerate(LAYERS) if part in layer)


def test_imports_follow_the_layers():
    for path, name in modules():
        own = unit(name)
        for target in imported(path):
            if not target.startswith("fldbench.") or own == "fldbench":
                continue
            other = unit(target)
            place = f"{path.relative_to(ROOT)} imports {target}"
            if own == "report":
                assert other in REPORT_MAY_IMPORT, place
            elif own in PLUG_INS:
                assert other == own or rank(other) < rank(own), place
            else:
                assert rank(other) <= rank(own) and (other == own or other not in PLUG_INS or own == "cli"), place


def test_no_files_import_each_other_in_a_circle():
    """Imports inside functions and under TYPE_CHECKING count too."""
    names = {name for _, name in modules()}
    arrows = {}
    for path, name in modules():
        targets = {t if t in names else t.rpartition(".")[0] for t in imported(path) if t.startswith("fldbench")}
        arrows[name] = (targets & names) - {name, "fldbench"}
    left = dict(arrows)
    while free := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in free:
            del left[name]
    # What is left imports something that is left: circles, and what hangs on them.
    while free := [name for name in left if not any(name in targets for other, targets in left.items())]:
        for name in free:
            del left[name]
    assert not left, f"circles among {', '.join(sorted(left))}"


def test_no_init_holds_logic():
    for path, _ in modules():
        if path.name == "__init__.py" and path != ROOT / "fldbench" / "__init__.py":
            kinds = {type(node) for node in ast.parse(path.read_text()).body}
            assert kinds <= {ast.Expr, ast.Import, ast.ImportFrom, ast.Assign}, f"{path}: must hold re-exports only"


def test_plugin_folders_are_never_imported_by_their_bare_names():
    tests = ((path, path.stem) for path in sorted((ROOT / "tests").rglob("*.py")))
    for path, _ in (*modules(), *tests):
        bare = {target.split(".")[0] for target in imported(path)} & {"baselines", "cnn", "datasets"}
        assert not bare, f"{path} imports {bare}: write fldbench.datasets..."


def test_torch_stays_in_cnn_and_the_runner_in_its_place():
    for path, name in modules():
        tops = {target.split(".")[0] for target in imported(path)}
        if tops & {"torch", "torchjd", "lightning", "lightning_fabric"}:
            assert unit(name) == "cnn", path


def test_import_is_light():
    heavy = ("torch", "cv2", "dlib", "pandas", "matplotlib", "scipy", "sklearn", "pydantic")
    code = f"import sys, fldbench; fldbench.list_methods(); print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_public_names_are_these():
    assert set(fldbench.__all__) == set(PUBLIC_NAMES)
    for name in fldbench.__all__:
        assert getattr(fldbench, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = fldbench.nothing
    assert set(dir(fldbench)) == set(fldbench.__all__)


def test_tools_that_read_types_find_the_public_names_where_they_are():
    tree = ast.parse((ROOT / "fldbench" / "__init__.py").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    found = {alias.asname: getattr(import_module(node.module), alias.name) for node in imports for alias in node.names}
    assert found == {name: getattr(fldbench, name) for name in fldbench.__all__ if name != "__version__"}


def test_the_error_tree_is_one_tree():
    names = [name for name in fldbench.__all__ if name.endswith("Error")]
    assert all(issubclass(getattr(fldbench, name), fldbench.FldbenchError) for name in names)
    assert issubclass(fldbench.DatasetNotFoundError, fldbench.DataError)


def test_the_top_level_is_what_was_agreed():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: the tracked files are not known")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    visible = {name for name in top if not name.startswith(".")}
    house = {"fldbench", "baselines", "cnn", "datasets", "benchmarks", "results", "docs", "tests", "setup.py"}
    papers = {
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "Makefile",
        "pyproject.toml",
        "constraints.txt",
        "mkdocs.yml",
    }
    assert visible == house | papers
    assert {".ci", ".gitignore"} <= top


def test_the_lowest_versions_are_those_of_setup_py():
    text = (ROOT / "setup.py").read_text().partition("install_requires")[2].partition('"docs": DOCS')[0]
    bounds = dict(re.findall(r'"([\w-]+)>=([\d.]+)', text))
    lines = (ROOT / "tests/constraints-lowest.txt").read_text().splitlines()
    lowest = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert len(bounds) > 20 and Version(bounds.pop("torch")) < Version(lowest["torch"])  # the file says why
    assert {name: Version(lowest[name]) for name in bounds} == {name: Version(one) for name, one in bounds.items()}


def test_no_file_is_too_long_to_read():
    for path, _ in modules():
        assert len(path.read_text().splitlines()) <= 400, path


def test_the_wheel_holds_plugins_inside_the_package_only_and_runs(tmp_path):
    # The wheel is built from the source distribution, so that this one is whole too.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path / "dist")]
    copy = tmp_path / "copy"
    subprocess.run(["git", "-C", ROOT, "checkout-index", "-a", f"--prefix={copy}/"], check=True, capture_output=True)
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"fldbench", f"fldbench-{fldbench.__version__}.dist-info"}
    for path, name in modules():
        if (
            subprocess.run(["git", "-C", ROOT, "ls-files", "--error-unmatch", path], capture_output=True).returncode
            == 0
        ):
            ending = "/__init__.py" if path.name == "__init__.py" else ".py"
            assert name.replace(".", "/") + ending in names
    assert {"fldbench/py.typed", "fldbench/run/demo.yaml", "fldbench/protocols/builtin.yaml"} <= set(names)
    assert {
        "fldbench/protocols/published.csv",
        "fldbench/kit/templates/method.txt",
        "fldbench/kit/references.yaml",
    } <= set(names)
    assert {"fldbench/report/page/files/page.html", "fldbench/report/page/files/core.js"} <= set(names)
    entry = next(name for name in names if name.endswith("entry_points.txt"))
    assert "fldbench = fldbench.cli.app:main" in zipfile.ZipFile(wheel).read(entry).decode()
    place = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(place)
    script = (
        "import sys, fldbench; from fldbench.cli.app import app; from fldbench.protocols import list_protocols\n"
        "assert fldbench.__file__.startswith(sys.argv[1]) and '300w-helen' in list_protocols()\n"
        "app(['new', 'method', 'from-a-wheel', '--file'])"
    )
    command = [sys.executable, "-c", script, str(place)]
    environment = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and (tmp_path / "from_a_wheel.py").is_file(), done.stderr[-2000:]


def test_the_repository_names_no_real_face_and_no_shared_folder():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    for name in tracked:
        if name.endswith((".py", ".md", ".yaml", ".toml")) and name != "tests/test_house.py":
            assert "../shared" not in (ROOT / name).read_text(), name
        weights = name == "fldbench/models/builtin.safetensors"  # of synthetic faces alone
        assert weights or not name.endswith((".jpg", ".jpeg", ".npz", ".safetensors", ".pt", ".dat")), name
