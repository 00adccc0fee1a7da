"""Every example in a docstring runs. Modules are imported by their installed names, so none is loaded twice."""

import doctest
import importlib
import pkgutil

import pytest

import fldbench

PLUG_INS = ("baselines", "cnn", "datasets")


def modules():
    """Every module of the package and of the plug-in folders inside it."""
    packages = [fldbench, *(importlib.import_module(f"fldbench.{name}") for name in PLUG_INS)]
    found = {m.name for one in packages for m in pkgutil.walk_packages(one.__path__, f"{one.__name__}.")}
    return sorted(name for name in found if not name.endswith("__main__"))


@pytest.mark.parametrize("name", modules())
def test_doctests(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_there_are_doctests():
    assert (
        sum(doctest.testmod(importlib.import_module(f"fldbench.{m}")).attempted for m in ("geometry", "metrics")) > 15
    )
