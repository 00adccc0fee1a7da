"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest
from toys import TOY_TEST, Broken, GivesUp, Noisy, Toy, toy_protocol

from fldbench import plugin_files, registry


@pytest.fixture(autouse=True)
def own_names(monkeypatch):
    """Forget what a test registered and which plug-ins it loaded, which a later run would send to its cells."""
    registry.table("method")  # what installed packages add stays
    monkeypatch.setattr(registry, "TABLES", {kind: dict(entries) for kind, entries in registry.TABLES.items()})
    monkeypatch.setattr(plugin_files, "_loaded", dict(plugin_files._loaded))


def pytest_collection_modifyitems(items):
    """Begin with the longest test, so that no process waits for it at the end (xdist deals files out in this order)."""
    items.sort(key=lambda item: item.path.name != "test_coverage.py")


@pytest.fixture
def data_root() -> Path:
    """The folder of real datasets; the test is skipped without it."""
    root = os.environ.get("FLDBENCH_DATA")
    if not root:
        pytest.skip("FLDBENCH_DATA is not set: no real data here")
    return Path(root)


@pytest.fixture
def toy():
    """Registers the toy dataset, methods and protocols for one test."""
    registry.register_dataset("toy", Toy)
    for name, method in {"noisy": Noisy, "broken": Broken, "gives-up": GivesUp}.items():
        registry.register_method(name, method)
    half = TOY_TEST // 2
    for protocol in (
        toy_protocol("toy-test"),
        toy_protocol("toy-jittered", box_source="jittered"),
        toy_protocol("toy-even", subset="even", n_expected=half),
        toy_protocol("toy-odd", subset="odd", n_expected=half),
        toy_protocol("toy-none", subset="none", n_expected=3),
    ):
        registry.register("protocol", protocol.name, protocol)
    Noisy.fits = 0
    return {"name": "toy", "train": [{"dataset": "toy"}], "methods": ["noisy"], "protocols": ["toy-test"]}
