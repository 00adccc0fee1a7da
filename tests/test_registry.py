"""The registry: names, and the classes that they stand for."""

import sys
from types import ModuleType

import pytest

from fldbench import registry
from fldbench.errors import UnknownNameError
from fldbench.method import Method
from fldbench.plugin_files import load_plugin, loaded_plugins


class Own(Method):
    """A method of the user."""


def test_a_class_is_found_under_its_own_module_or_under_one_that_hands_it_on(monkeypatch):
    with pytest.raises(
        UnknownNameError, match=r"Own is not registered; call fldbench.register_method\('some-name', Own"
    ):
        registry.method_name(Own)
    front = ModuleType("front_of_a_user")
    front.Own = Own
    monkeypatch.setitem(sys.modules, "front_of_a_user", front)
    registry.register_method("another", "front_of_a_user:Other")
    registry.register_method("own", "front_of_a_user:Own")
    assert registry.method_name(Own) == "own"
    registry.register_method("direct")(Own)
    assert registry.method_name(Own) == "direct"


@pytest.mark.parametrize("time", ["first", "second"])
def test_what_a_test_registers_the_next_one_does_not_see(time, tmp_path):
    assert "left" not in registry.names("method") and not [one for one in loaded_plugins() if one.endswith("left.py")]
    (tmp_path / "left.py").write_text("import fldbench\nfldbench.register_method('left', fldbench.Method)\n")
    load_plugin(tmp_path / "left.py")
    assert "left" in registry.names("method")


def test_an_object_stands_for_its_class():
    registry.register_method("object", Own())
    assert registry.resolve("method", "object") is Own


def test_only_keyboard_interrupts_leave_an_import(monkeypatch):
    registry.register_method("stops", "stops:Own")

    def imported(target):
        raise ends("gone")

    monkeypatch.setattr(registry, "_imported", imported)
    ends = SystemExit
    with pytest.raises(UnknownNameError, match="cannot be imported: SystemExit: gone"):
        registry.resolve("method", "stops")
    ends = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        registry.resolve("method", "stops")


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("method", "register_method, --plugin or `plugins:` in a suite"),
        ("dataset", "register_dataset, --plugin or `plugins:` in a suite"),
        ("protocol", "register_protocol, --protocols or `define:` in a suite"),
    ],
)
def test_an_unknown_name_says_how_to_bring_your_own(kind, own):
    with pytest.raises(UnknownNameError) as error:
        registry.resolve(kind, "300w-hellen")
    assert str(error.value).startswith(f"no {kind} named '300w-hellen'; ")
    assert str(error.value).endswith(f"(see `fldbench list {kind}s`); or bring your own with {own}")
