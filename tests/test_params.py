"""What methods are given: kinds of parameters, threads, weights of the faces."""

import numpy as np
import pytest
from toys import toy_faces

import fldbench
from fldbench.errors import DataError, MethodError
from fldbench.params import check_sample_weight, count_threads


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
