"""Errors: the place in front, the same after a journey to another process, one grammar for what must be."""

import pickle

import pytest

from fldbench.errors import DataError, PredictionsError, must_be


@pytest.mark.parametrize(
    ("place", "text"), [((), "bad"), (("a.pts",), "a.pts: bad"), (("a.pts", 3), "a.pts, line 3: bad")]
)
def test_the_place_stands_in_front_and_travels_to_other_processes(place, text):
    error = PredictionsError("bad", *place)
    again = pickle.loads(pickle.dumps(error))
    for one in (error, again):
        assert type(one) is PredictionsError and str(one) == text
        assert (one.message, one.file, one.line) == ("bad", *(*place, None, None)[:2])
    assert isinstance(error, DataError) and isinstance(error, ValueError)


def test_a_long_value_is_shortened_to_eighty_letters():
    whole, long = "x" * 78, "x" * 79  # the quotes make them 80 and 81
    assert must_be("a", "b", whole, "short") == f"a: b is '{whole}'; must be short"
    assert must_be("a", "b", long, "short", "cut it") == f"a: b is '{'x' * 76}...; must be short; cut it"
