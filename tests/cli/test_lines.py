"""The kept lines of `fldbench list` are those that the code says, and need nothing heavy; one's own are made."""

import csv
import subprocess
import sys

import fldbench
from fldbench import registry
from fldbench.cli.lines import KEPT, OF_CLASSES, WHOLE, lines, made

HEAVY = ("numpy", "yaml", "fldbench.schemes", "fldbench.faces", "fldbench.protocols", "fldbench.dataset")


def test_the_file_is_what_the_code_says():
    with open(KEPT, encoding="utf-8", newline="") as file:
        kept = [tuple(row) for row in csv.reader(file)]
    assert kept == made(), "run `python -m fldbench.cli.lines`, which writes the file"


def test_every_name_that_comes_with_fldbench_has_a_line():
    assert list(lines("methods")) == fldbench.list_methods() and list(lines("schemes")) == fldbench.list_schemes()
    assert lines("methods")["sdm"] == lines("methods")["hog-ridge"]
    assert lines("schemes")["ibug-68"] == "68 points" and lines("harms")["jpeg"].startswith("40 25 15 10 6 ")
    assert lines("datasets")["mtfl"].startswith("mtfl-5; splits train, test; train 10000, test 2995; attributes gender")
    assert lines("protocols")["300w-common"].split()[0] == "554" and "strict" in lines("modifiers")
    assert all(lines(part) for part in (*OF_CLASSES, *WHOLE))


def test_nothing_heavy_is_imported_for_them():
    code = "from fldbench.cli.app import app; import sys; app(['list'], standalone_mode=False);"
    code += f"print([name for name in {HEAVY} if name in sys.modules])"
    text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert text.splitlines()[-1] == "[]" and "  ibug-68  " in text


def test_what_replaces_a_name_has_a_line_of_its_own():
    class Other(fldbench.Method):
        """Another one."""

    before = lines("methods")
    fldbench.register_method("ert", Other)
    fldbench.register_method("lbf", "fldbench.baselines.asm.method:ASM")
    fldbench.register_method("absent", "fldbench.baselines.absent:Absent")
    after = lines("methods")
    assert (after["ert"], after["lbf"], after["hybrid"]) == ("Another one.", before["asm"], before["hybrid"])
    assert after["absent"].startswith("broken: method 'absent' is 'fldbench.baselines.absent:Absent', which cannot be")


def test_one_s_own_schemes_and_protocols_stand_with_the_others():
    published = lines("published")
    fldbench.register_scheme("coin-8", 8)
    assert list(lines("schemes").items())[-2:] == [("dlib-5", "5 points"), ("coin-8", "8 points")]
    rules = fldbench.get_protocol("300w-helen")
    registry.register("protocol", "300w-helen", fldbench.get_protocol("300w-full"))
    assert lines("protocols")["300w-helen"] == lines("protocols")["300w-full"] == "  689 faces, ibug-68, inter-ocular"
    assert set(published) - set(lines("published")) == {"300w-helen", "300w-helen@interpupil"}
    registry.register("protocol", "300w-helen", rules)
    assert lines("published") == published
