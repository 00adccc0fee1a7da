"""Errors: the place in front, the same after a journey to another process, one grammar for what must be."""

import pickle

import pytest
from pydantic import TypeAdapter, ValidationError

from fldbench.errors import DataError, PredictionsError, first_fault, must_be


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


@pytest.mark.parametrize(
    ("given", "within", "text"),
    [
        ([], "", "Input should be a valid dictionary"),
        ([], "parts", "parts: Input should be a valid dictionary"),
        ({"a": [1, "x"]}, "", "a.1: Input should be a valid integer"),
        ({"a b": 1, "c": 2}, "parts", "parts.a b: Input should be a valid list"),
        ({"a\nb": 1}, "", "a b: Input should be a valid list"),
    ],
)
def test_the_first_fault_of_pydantic_in_one_line(given, within, text):
    with pytest.raises(ValidationError) as error:
        TypeAdapter(dict[str, list[int]]).validate_python(given, strict=True)
    assert first_fault(error.value, within) == text
