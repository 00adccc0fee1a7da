"""`fldbench show` and `list`: every name says what it stands for."""

import subprocess
import sys

import pytest

from fldbench import registry
from fldbench.cli.completion import any_name, dataset_name, method_name, protocol_name


def test_a_method_shows_parameters_with_defaults_meaning_and_rule(call):
    status, text, _ = call("show", "hog-ridge")
    words = " ".join(text.split())
    assert status == 0
    assert "stages = 5 Number of regressions. (a whole number from 1)" in words
    assert "Xiong & De la Torre" in text
    assert "can refine other methods' answers" in words


@pytest.mark.parametrize(("name", "validates"), [("average", False), ("hybrid", True), ("hog-heads", False)])
def test_a_method_of_members_declares_what_follows_from_them(call, name, validates):
    status, text, _ = call("show", name)
    assert status == 0 and ("uses a validation set" in text) == validates


def test_a_network_shows_its_size_and_the_settings_of_its_training(call):
    _, text, _ = call("show", "fld-net")
    words = " ".join(text.split())
    assert "1,662,908 parameters, 329 million multiply-adds, 6.7 MB for 68 points" in words
    assert "answers landmarks and the attributes that the parameter tasks names" in words
    assert "weight_decay = 0.05" in words  # the family's own default, not that of the loop
    assert "As in " not in text


def test_a_name_of_a_dataset_and_a_protocol_shows_both(call):
    _, text, _ = call("show", "imm-frontal")
    assert "dataset imm-frontal" in text
    assert "protocol imm-frontal" in text


def test_a_dataset_shows_what_the_codes_of_its_attributes_mean(call):
    words = " ".join(call("show", "mtfl")[1].split())
    assert "attributes (-1 unknown) gender 0 male, 1 female smile 0 no, 1 yes glasses 0 no, 1 yes pose 0 left" in words
    assert "4 right profile; the mirror image has the last for the first; neighbours are alike" in words
    assert "attributes (-1" not in call("show", "300w")[1]
    listed = {line.split()[0]: line for line in call("list", "datasets")[1].splitlines()}
    assert listed["mtfl"].endswith("; attributes gender, smile, glasses, pose") and "attributes" not in listed["300w"]


def test_a_protocol_with_modifiers_and_a_scheme(call):
    _, text, _ = call("show", "300w-helen@mdm")
    assert "auc=mdm" in text
    _, text, _ = call("show", "ibug-68")
    words = " ".join(text.split())
    assert "outer eye corners 36 and 45" in words
    assert "0-16, 1-15" in words
    assert "left_eye 36-41" in words


@pytest.mark.parametrize("kind", ["method", "dataset", "protocol", "detector"])
def test_everything_registered_can_be_shown(call, kind):
    for name in registry.names(kind):
        status, text, _ = call("show", name)
        assert status == 0, name
        assert f"{kind} {name}" in text, name


def test_an_unknown_name_names_the_nearest(call):
    status, _, errors = call("show", "hog-rigde")
    assert status == 2
    assert "did you mean 'hog-ridge'?" in errors and "your own ones need --plugin, --protocols or --schemes" in errors
    status, _, errors = call("show", "nothing-like-it")
    assert status == 2
    assert "named 'nothing-like-it' (see `fldbench list`; your own" in errors


def test_a_scheme_of_ones_own_says_what_it_lacks(call, tmp_path):
    (tmp_path / "own.yaml").write_text("coin: {names: [top, left]}\n")
    _, text, _ = call("show", "coin", "--schemes", tmp_path / "own.yaml")
    words = " ".join(text.split())
    assert "eyes none: divide errors by a box" in words
    assert "mirror pairs not known: methods train without mirrored faces" in words
    assert "names 0 top, 1 left" in words


def test_control_letters_of_a_plug_in_are_written_out(call):
    registry.register_method(
        "red", type("Red", (registry.resolve("method", "noisy"),), {"__doc__": "A \x1b[31mred one."})
    )
    status, text, _ = call("show", "red")
    assert status == 0 and r"A \x1b[31mred one." in text and "\x1b" not in text


def test_a_list_of_methods_imports_none():
    code = "from fldbench.cli.app import app; import sys; app(['list', 'methods'], standalone_mode=False);"
    code += "print([m for m in ('torch', 'numba', 'fldbench.baselines.linear') if m in sys.modules])"
    text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert text.strip().endswith("[]")
    assert "mean-shape  " in text
    assert "fldbench.baselines" not in text


def test_names_are_completed():
    assert method_name("hog-r") == ["hog-ridge"]
    assert "300w-helen" in protocol_name("300w-h")
    assert dataset_name("imm-f") == ["imm-frontal"]
    assert any_name("ibug-6") == ["ibug-68"]
