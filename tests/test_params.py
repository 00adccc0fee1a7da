"""What methods are given: kinds of parameters, threads, weights of the faces."""

import numpy as np
import pytest
from toys import toy_faces

import fldbench
from fldbench.errors import DataError, MethodError
from fldbench.params import FLAG, TEXT, check_sample_weight, count_threads, kind, one_of, optional, real, whole


class Toy(fldbench.Method):
    def __init__(self, size=8, share=0.5, kind="a", weights=None, sizes=(1, 2), fast=True):
        self.size, self.share, self.kind, self.weights, self.sizes, self.fast = size, share, kind, weights, sizes, fast


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"size": np.int64(3), "share": np.float32(0.1), "kind": "b"},
        {"share": 1},
        {"weights": "a file", "sizes": 3},  # their defaults say nothing of numbers and strings
        {"fast": False},
    ],
)
def test_the_kind_of_the_default_is_right(params):
    Toy(**params).check_params()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"size": "zwei"}, "Toy: size is 'zwei'; must be a whole number"),
        ({"size": 2.0}, "Toy: size is 2.0; must be a whole number"),
        ({"size": True}, "Toy: size is True"),
        ({"share": "0.5"}, "Toy: share is '0.5'; must be a number"),
        ({"kind": 3}, "Toy: kind is 3; must be a string"),
        ({"fast": "False"}, "Toy: fast is 'False'; must be true or false"),
        ({"fast": 1}, "Toy: fast is 1; must be true or false"),
    ],
)
def test_another_kind_is_an_error(params, message):
    with pytest.raises(MethodError, match=message):
        Toy(**params).check_params()


def test_threads():
    assert count_threads(3) == 3 and count_threads(None) >= 1 and count_threads(0, least=0) == 0
    for bad in (0, -1, 1.5, True, "2"):
        with pytest.raises(MethodError, match="must be None"):
            count_threads(bad)
    with pytest.raises(MethodError, match="a whole number from 0"):
        count_threads(-1, least=0)


def test_weights():
    faces = toy_faces(3)
    assert check_sample_weight(None, faces).tolist() == [1, 1, 1]
    assert check_sample_weight([0, 2, 1], faces).tolist() == [0, 2, 1]
    for bad, message in {
        (1.0, 1.0): "shape",
        (1.0, 1.0, -1.0): str(faces.ids[2]),
        (np.nan, 1.0, 1.0): str(faces.ids[0]),
        (0.0, 0.0, 0.0): "every sample_weight is 0",
    }.items():
        with pytest.raises(DataError, match=message):
            check_sample_weight(np.array(bad), faces)
    with pytest.raises(DataError, match="no faces"):
        check_sample_weight(None, faces[:0])


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (whole(1, 8), (1, 8, np.int8(3)), (0, 9, 1.0, True, "1", None)),
        (whole(), (-5, 0), (0.5, np.nan)),
        (real(0, 1), (0, 1, 0.5, np.float32(1)), (-1e-9, 1 + 1e-9, np.nan, "0", False)),
        (real(above=0), (1e-300, 5), (0, 0.0, -1, np.inf)),
        (real(0, below=1), (0, 1 - 1e-9), (1, 1.0)),
        (one_of((1, "a")), (1, "a"), (True, 1.0, "A", ["a"])),
        (optional(whole(1)), (None, 1), (0,)),
        (kind(int, dict, allowed="a number or a dict"), (3, {}), (True, 3.0, "3")),
        (FLAG, (True, np.bool_(False)), (0, 1, "True", None)),
        (TEXT, ("", "a"), (b"a", None, 3)),
    ],
)
def test_rules_include_their_bounds_and_nothing_of_another_kind(rule, good, bad):
    assert [value for value in good if not rule.fits(value)] == []
    assert [value for value in bad if rule.fits(value)] == []
