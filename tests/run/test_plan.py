"""The run key's part that stands for code: all that a method uses of its own package, and nothing that only looks."""

import importlib
import sys
from dataclasses import replace

import numpy as np
import pytest

import fldbench
from fldbench.code_digest import code_digest
from fldbench.method import make_method
from fldbench.plan import method_facts
from fldbench.suite import MethodSpec

METHOD = "from {package}.helper import double\nclass M:\n    def predict(self):\n        return double(1)\n"
HELPER = "import numpy\ndef double(x):\n    return 2 * x\n"


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """Writes a package of a method and its helper, and gives the digest of the method's class."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "plug").mkdir()

    def write(helper=HELPER, method=METHOD, other=""):
        for name, text in (("__init__", ""), ("method", method.format(package="plug")), ("helper", helper)):
            (tmp_path / "plug" / f"{name}.py").write_text(text)
        (tmp_path / "plug" / "unused.py").write_text(other)
        for name in [name for name in sys.modules if name.partition(".")[0] == "plug"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return code_digest(importlib.import_module("plug.method").M)

    return write


def test_a_change_in_what_it_imports_changes_it(digest):
    assert digest() != digest(helper=HELPER.replace("2 * x", "3 * x"))


def test_comments_layout_and_modules_it_does_not_use_do_not_count(digest):
    assert digest() == digest(helper="# twice\n" + HELPER.replace("2 * x", "(2 * x)"))
    assert digest() == digest(other="x = 1\n")
    assert digest() == digest(helper=HELPER.replace("(x):\n", '(x):\n    """Twice."""\n'))


def test_a_class_without_a_file_has_none():
    assert code_digest(type("Typed", (), {"__module__": "nowhere"})) == "no source"


def test_a_weight_file_counts_by_its_content_not_its_path(tmp_path):
    path = tmp_path / "weights.safetensors"

    def facts(content):
        path.write_bytes(content)
        spec = MethodSpec(name="hybrid", params={"first_params": {"weights": str(path)}})
        return method_facts(make_method("hybrid", **spec.params), spec)

    assert facts(b"one") == facts(b"one") != facts(b"two")
    assert "files" not in method_facts(make_method("cnn-small"), MethodSpec(name="cnn-small"))


def test_members_of_members_count():
    outer = MethodSpec(name="hybrid", params={"first": "average", "first_params": {"methods": ["linear", "asm"]}})
    code = method_facts(make_method("hybrid", **outer.params), outer)["code"]
    for name in ("hybrid", "average", "linear", "asm", "hog-ridge"):
        assert code_digest(type(make_method(name))) in code.split("-"), name


def test_who_belongs_together_counts_and_how_a_group_is_called_does_not():
    faces = fldbench.load_dataset("synthetic")[:4]
    prints = [replace(faces, groups=np.array(list(groups))).groups_fingerprint for groups in ("aabb", "xxyy", "abab")]
    assert prints[0] == prints[1] != prints[2]
