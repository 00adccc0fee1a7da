"""Every example in a docstring runs. Modules are imported by their installed names, so none is loaded twice."""

import doctest
import importlib
import pkgutil

import pytest

PACKAGES = (
    "fldbench",
    "fldbench.checks",
    "fldbench.report",
    "fldbench.shapes",
    "fldbench.verify",
    "fldbench.baselines",
    "fldbench.baselines.asm",
    "fldbench.baselines.ert",
    "fldbench.baselines.lbf",
    "fldbench.baselines.parts",
    "fldbench.baselines.pretrained",
    "fldbench.cnn",
    "fldbench.datasets",
    "fldbench.datasets.synthetic",
)


def modules():
    paths = [(name, importlib.import_module(name).__path__) for name in PACKAGES]
    found = {f"{name}.{m.name}" for name, path in paths for m in pkgutil.iter_modules(path) if m.name != "__main__"}
    return sorted(found | set(PACKAGES))


@pytest.mark.parametrize("name", modules())
def test_doctests(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_there_are_doctests():
    assert (
        sum(doctest.testmod(importlib.import_module(f"fldbench.{m}")).attempted for m in ("geometry", "metrics")) > 15
    )
