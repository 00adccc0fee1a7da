"""A few damaged inputs of every file format: an answer or an error of fldbench. `benchmarks/fuzz.py` runs thousands."""

import warnings

import pytest
from fuzz_formats import FORMATS
from fuzz_inputs import damaged, edited
from hypothesis import HealthCheck, Phase, given, settings

from fldbench.errors import FldbenchError

INPUTS = 12
SHORT = [name for name in FORMATS if not name.startswith(("annotations", "model"))]  # these have tests of their own


@pytest.mark.parametrize("name", SHORT)
def test_damaged_files_give_an_answer_or_an_error_of_ours(name, tmp_path):
    form = FORMATS[name](tmp_path)
    form.read()

    @settings(
        max_examples=INPUTS,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(damaged(form.file.read_bytes(), form.sealed))
    def check(content):
        form.file.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                form.read()
            except FldbenchError as error:
                assert str(error)

    check()


def test_edits():
    good = b"a 12 b\nc"
    assert edited(good, [("cut", 2), ("put", 1, 0, b"x")]) == b"ax "
    assert edited(good, [("number", 0, b"-1")]) == b"a -1 b\nc"
    assert edited(good, [("field", 0, 2, -1, True), ("flip", 2, 0)]) == b"\xff\xff02 b\nc"
    assert edited(good, [("line", 1, 0)]) == b"c\na 12 b\nc"
    assert edited(good, [("repeat", 0, 2, 3), ("drop", 0, 2), ("cut", 4)]) == b"a a "
