"""The run key's part that stands for code: all that a method uses of its own package, and nothing that only looks."""

import importlib
import sys

import pytest

from fldbench.plan import _code_digest

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
        return _code_digest(importlib.import_module("plug.method").M)

    return write


def test_a_change_in_what_it_imports_changes_it(digest):
    assert digest() != digest(helper=HELPER.replace("2 * x", "3 * x"))


def test_comments_layout_and_modules_it_does_not_use_do_not_count(digest):
    assert digest() == digest(helper="# twice\n" + HELPER.replace("2 * x", "(2 * x)"))
    assert digest() == digest(other="x = 1\n")


def test_a_class_without_a_file_has_none():
    assert _code_digest(type("Typed", (), {"__module__": "nowhere"})) == "no source"
