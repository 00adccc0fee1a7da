"""The digest of code: all that a class reaches in fldbench and its own distribution, and nothing that only looks."""

import importlib
import subprocess
import sys

import pytest

from fldbench import digest, registry
from fldbench.digest import code_of, libraries_of

METHOD = "from {package}.helper import double\nclass M:\n    def predict(self):\n        return double(1)\n"
HELPER = "import numpy\ndef double(x):\n    return 2 * x\n"


@pytest.fixture
def plug(tmp_path, monkeypatch):
    """Writes a package of a method and its helper, and gives the code of the method's class."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "plug").mkdir()

    def write(helper=HELPER, method=METHOD, other=""):
        for name, text in (("__init__", ""), ("method", method.format(package="plug")), ("helper", helper)):
            (tmp_path / "plug" / f"{name}.py").write_text(text)
        (tmp_path / "plug" / "unused.py").write_text(other)
        for name in [name for name in sys.modules if name.partition(".")[0] == "plug"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        digest._read.cache_clear()
        return code_of(importlib.import_module("plug.method").M)

    return write


def test_every_module_of_its_own_package_that_it_reaches_counts(plug):
    first = plug()
    assert list(first) == ["plug.helper", "plug.method"]
    second = plug(helper=HELPER.replace("2 * x", "3 * x"))
    assert [name for name in first if first[name] != second[name]] == ["plug.helper"]


def test_comments_layout_docstrings_and_unused_modules_do_not_count(plug):
    assert plug() == plug(helper="# twice\n" + HELPER.replace("2 * x", "(2 * x)"))
    assert plug() == plug(other="x = 1\n")
    assert plug() == plug(helper=HELPER.replace("(x):\n", '(x):\n    """Twice."""\n'))


def test_the_words_of_an_error_do_not_count_and_its_condition_does(plug):
    refusing = HELPER + "    if x < {limit}:\n        raise ValueError(f'{words} {{x}}')\n"
    first = plug(helper=refusing.format(limit=0, words="too small:"))
    assert first == plug(helper=refusing.format(limit=0, words="must be larger:"))
    assert first != plug(helper=refusing.format(limit=1, words="too small:"))


def test_what_only_a_type_checker_sees_does_not_count(plug):
    hidden = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from plug.unused import x\n" + METHOD
    assert "plug.unused" not in plug(method=hidden)
    assert "plug.unused" in plug(method="def f():\n    from plug.unused import x\n" + METHOD)


def test_a_plug_in_reaches_the_core_by_imports_by_its_base_and_by_attributes(plug):
    by_import = "import fldbench.geometry\nclass M: pass\n"
    assert "fldbench.geometry" in plug(method=by_import)
    by_base = "import fldbench\nclass M(fldbench.Method): pass\n"
    assert {"fldbench.method", "plug.method"} <= plug(method=by_base).keys()
    by_attribute = "import fldbench\nclass M:\n    def fit(self): return fldbench.geometry.tight_box\n"
    assert "fldbench.geometry" in plug(method=by_attribute)
    assert "fldbench.baselines.lbf" not in plug(method=by_base)


def test_a_script_that_runs_its_method_does_not_reach_what_runs_methods_and_writes_tables(plug):
    script = "import fldbench\nclass M(fldbench.Method): pass\ndef go(): fldbench.leaderboard(fldbench.run_suite)\n"
    code = plug(method=script)
    assert "fldbench.method" in code and not [
        name for name in code if name.startswith(("fldbench.run", "fldbench.rep"))
    ]


def test_a_helper_beside_a_file_without_a_package_counts(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lonely_method.py").write_text("import lonely_helper, json\nclass M: pass\n")
    (tmp_path / "lonely_helper.py").write_text("x = 1\n")
    importlib.invalidate_caches()
    assert list(code_of(importlib.import_module("lonely_method").M)) == ["lonely_helper", "lonely_method"]


def test_a_class_without_source_is_never_the_same_code_twice():
    typed = type("Typed", (), {"__module__": "nowhere"})
    first, second = code_of(typed), code_of(typed)
    assert first["nowhere"].startswith("no source ") and first != second


def test_warping_and_cropping_count_for_every_method_that_uses_them():
    for name in ("linear", "lbf", "hog-ridge", "asm", "cnn-small"):
        code = code_of(registry.resolve("method", name))
        assert "fldbench.geometry" in code and any(module.endswith("crops") for module in code), name
    reached = code_of(registry.resolve("method", "cnn-small"))
    assert any("train" in module for module in reached), "the training loop is not part of a network's key"


def test_pinned_modules_count_by_their_number():
    code = code_of(registry.resolve("method", "mean-shape"))
    assert code["fldbench.errors"] == "version 1"
    assert all(number >= 1 for number in digest.PINNED.values())
    for name in digest.PINNED:
        assert importlib.util.find_spec(name) is not None, f"{name} is pinned and does not exist"


def test_libraries_that_are_reached_count_by_their_version():
    import numpy
    import torch

    network = libraries_of(registry.resolve("method", "cnn-small"))
    assert network["numpy"] == numpy.__version__ and network["torch"] == torch.__version__
    assert "torch" not in libraries_of(registry.resolve("method", "mean-shape"))
    assert any(name.startswith("opencv") for name in libraries_of(registry.resolve("method", "linear")))


def test_the_first_distribution_that_is_installed_counts(monkeypatch):
    def installed(name):
        if name != "opencv-python":
            raise digest.PackageNotFoundError(name)
        return "4.0"

    monkeypatch.setattr(digest, "version", installed)
    assert digest._installed("cv2") == ("opencv-python", "4.0")
    assert digest._installed("dlib") == ("dlib-bin", "absent")


def test_imports_of_what_does_not_exist_or_does_not_parse_are_passed_over(plug, tmp_path):
    lazy = "def f():\n    from plug import broken, absent\n    from plug.helper.deeper import y\n" + METHOD
    (tmp_path / "plug").joinpath("broken.py").write_text("def f(:\n")
    assert list(plug(method=lazy)) == ["plug", "plug.helper", "plug.method"]


def test_a_class_whose_file_was_deleted_is_never_the_same_code_twice(plug, tmp_path):
    plug()
    cls = sys.modules["plug.method"].M
    (tmp_path / "plug" / "method.py").unlink()
    first, second = code_of(cls), code_of(cls)
    assert first["plug.method"].startswith("no source ") and first != second


RUN = """
import importlib, os, sys
import lonely
from fldbench.digest import code_of
{more}
code = code_of(lonely.M)
print(code["lonely"], code.get("deep.helper", code.get("deep")), "deep" in sys.modules)
"""


@pytest.fixture
def lonely(tmp_path):
    """Writes a script's method beside a package of helpers, and gives the digests in a fresh process."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "__init__.py").write_text("")
    (tmp_path / "spaces").mkdir()

    def digests(method, helper="def double(x):\n    return 2 * x\n", more="", twice=False):
        (tmp_path / "lonely.py").write_text(method)
        (tmp_path / "deep" / "helper.py").write_text(helper)
        (tmp_path / "spaces" / "part.py").write_text(helper)
        (tmp_path / "run.py").write_text(RUN.format(more=more))
        runs = [subprocess.check_output([sys.executable, "run.py"], cwd=tmp_path, text=True) for _ in range(1 + twice)]
        return runs if twice else runs[0].split()

    return digests


PLAIN = "from deep.helper import double\nclass M:\n    def predict(self):\n        return double(1)\n"


def test_packages_beside_a_script_count_at_any_depth(lonely):
    first = lonely(PLAIN)
    second = lonely(PLAIN, helper="def double(x):\n    return 3 * x\n")
    assert first[0] == second[0] and first[1] != second[1] and "None" not in first


def test_a_folder_without_init_counts_too(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "spacious").mkdir()
    (tmp_path / "spacious" / "part.py").write_text("x = 1\n")
    (tmp_path / "roomy.py").write_text("from spacious.part import x\nclass M: pass\n")
    importlib.invalidate_caches()
    assert {"roomy", "spacious.part"} <= code_of(importlib.import_module("roomy").M).keys()


@pytest.mark.parametrize(
    "more",
    [
        "lonely.M.predict = lambda self: 7",
        "exec('def predict(self): return 7', vars(lonely)); lonely.M.predict = lonely.predict",
        "exec(open('lonely.py').read().replace('1', '2'), vars(lonely))",
        "open('lonely.py', 'a').write('\\nx = 1\\n'); s = open('lonely.py').read();"
        "open('lonely.py', 'w').write(s.replace('double(1)', 'double(2)'))",
        "import deep.helper; deep.helper.double = lambda x: 9; deep.helper.double.__module__ = 'deep.helper'",
        "lonely.M = type('M', (lonely.M,), {'__module__': 'lonely', 'predict': lambda self: 8})",
    ],
)
def test_code_that_is_not_what_its_file_says_is_never_the_same_twice(lonely, more):
    assert "no source" not in lonely(PLAIN)[0]
    first, second = lonely(PLAIN, more=more, twice=True)
    assert "no source" in first and first != second


def test_what_runs_its_file_is_the_same_code_in_every_process(lonely):
    decorated = (
        "import functools, dataclasses, typing\nfrom deep.helper import double\n"
        "class Pair(typing.NamedTuple):\n    a: int = 1\n    def both(self):\n        return self\n"
        "def same(f):\n    @functools.wraps(f)\n    def g(*a):\n        return f(*a)\n    return g\n"
        "@dataclasses.dataclass(order=True)\nclass M:\n    k: int = 3\n    @same\n    def predict(self):\n"
        "        return double(self.k)\n    @property\n    def p(self):\n        return 1\n"
        "    @functools.cached_property\n    def c(self):\n        return [i for i in range(3)]\n"
        "    @staticmethod\n    def s():\n        return lambda: 4\n"
        "    @classmethod\n    def m(cls):\n        return super()\n"
    )
    first, second = lonely(decorated, twice=True)
    assert first == second and "no source" not in first


def test_values_from_around_a_class_are_part_of_its_code(lonely):
    def factory(value):
        made = "def make(k):\n    class M:\n        def predict(self):\n            return k\n    return M\n"
        return f"{made}M = make({value})\n"

    by_value = [lonely(factory("0") + "\n", more=f"lonely.M = lonely.make({value})")[0] for value in ("3", "4", "3")]
    assert by_value[0] == by_value[2] != by_value[1] and "no" not in by_value
    assert lonely(factory("object()"))[:2] == ["no", "source"]


def test_a_plug_in_of_plain_python_needs_no_look_at_every_installed_package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(digest, "_distributions", lambda: pytest.fail("that takes a second where torch is"))
    (tmp_path / "plain_user.py").write_text("import os\nimport numpy\nclass M:\n    pass\n")
    importlib.invalidate_caches()
    assert list(libraries_of(importlib.import_module("plain_user").M)) == ["numpy"]


def test_libraries_of_a_plug_in_count_by_their_versions_whatever_they_are(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "user_of_yaml.py").write_text("import yaml, json, fldbench\nclass M(fldbench.Method): pass\n")
    importlib.invalidate_caches()
    found = libraries_of(importlib.import_module("user_of_yaml").M)
    assert found["PyYAML"] == importlib.metadata.version("PyYAML") and "json" not in found
    assert "PyYAML" not in libraries_of(registry.resolve("method", "linear"))


def test_each_class_is_looked_up_once_inside_the_block(monkeypatch):
    looked = []
    monkeypatch.setattr(digest, "_code", lambda cls: looked.append(cls) or {"m": str(len(looked))})
    with digest.each_class_once():
        first, again, other = digest.code_of(int), digest.code_of(int), digest.code_of(str)
        first["m"] = "changed by who asked"
        assert (again, other, digest.code_of(int)) == ({"m": "1"}, {"m": "2"}, {"m": "1"})
    assert digest.code_of(int) == {"m": "3"} and looked == [int, str, int]
