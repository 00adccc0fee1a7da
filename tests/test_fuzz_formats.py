"""A few damaged inputs of every file format: an answer or an error of fldbench. `benchmarks/fuzz.py` runs thousands."""

import warnings
from itertools import islice
from random import Random

import pytest
from fuzz_formats import FORMATS
from fuzz_inputs import damaged, drawn, drawn_edits, edited, edits
from hypothesis import HealthCheck, Phase, find, given, settings

from fldbench.errors import FldbenchError

INPUTS = 12
SHORT = [name for name in FORMATS if not name.startswith(("annotations", "model"))]  # these have tests of their own


@pytest.mark.usefixtures("toy")  # which takes back what a suite or a plug-in registers
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
    assert edited(good, [("noise", 1, 3, 7)]) == b"a" + Random(7).randbytes(3) + b" b\nc"
    assert edited(good, [("line", 1, 0)]) == b"c\na 12 b\nc"
    assert edited(good, [("repeat", 0, 2, 3), ("drop", 0, 2), ("cut", 4)]) == b"a a "


def test_what_a_random_draws_is_of_the_kinds_that_hypothesis_draws():
    draw = Random(0)
    ours = [drawn_edits(9, draw) for _ in range(2000)]
    kinds = {change[0] for changes in ours for change in changes}
    for kind in kinds:
        example = find(edits(9), lambda changes, kind=kind: changes[0][0] == kind)[0]
        assert {len(change) for changes in ours for change in changes if change[0] == kind} == {len(example)}
    assert len(kinds) == 9
    assert {change[1] for changes in ours for change in changes} == set(range(10))


def test_a_seed_draws_many_damaged_inputs():
    inputs = list(islice(drawn(b"a 12 b\nc", lambda draw: b"sealed", Random(3)), 1000))
    assert inputs == list(islice(drawn(b"a 12 b\nc", lambda draw: b"sealed", Random(3)), 1000))
    assert 400 < inputs.count(b"sealed") < 530  # 6 of 13
    assert len(set(inputs)) > 400
