"""Models in 16 and 8 bits: what is stored, how far it is from the float model, and what a damaged file says."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import fldbench
from fldbench.checks import quick_faces
from fldbench.compact import SCALE, compacted, restored
from fldbench.errors import DataError, MethodError


@pytest.fixture(scope="module")
def network():
    return fldbench.make_method("heatmap", size=32, width=4, epochs=1).fit(quick_faces()[0][:8])


def stored(path):
    with safe_open(path, "np") as file:
        return json.loads(file.metadata()["fldbench"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_eight_bits_by_hand():
    """Rows have scales 2/127 and 0; 1.0 is 63.5 steps, which rint makes 64."""
    array = np.zeros((2, 8), np.float32)
    array[0, :4] = 2.0, -2.0, 1.0, 0.01
    found, names = compacted("m", {"w_": array, "b_": array[0], "n_": array.astype(float)}, "int8")
    assert names == ["w_"] and found["w_"].tolist() == [[127, -127, 64, 1, 0, 0, 0, 0], [0] * 8]
    assert found[f"w_{SCALE}"].tolist() == [np.float32(2) / np.float32(127), 0]
    assert found["b_"].tolist() == array[0].tolist() and found["n_"].tolist() == array.tolist()
    assert np.allclose(restored(found, names)["w_"][0, :4], [2.0, -2.0, 128 / 127, 2 / 127], rtol=1e-6)


def test_no_number_is_off_by_more_than_half_a_step_or_by_one_in_2048():
    array = (
        np.random.default_rng(0).normal(size=(5, 3, 3, 3)).astype(np.float32)
        * 10.0 ** np.arange(-2, 3)[:, None, None, None]
    )
    array = array.astype(np.float32)
    found, names = compacted("m", {"w_": array}, "int8")
    again = restored(found, names)
    assert list(again) == ["w_"] and again["w_"].dtype == np.float32
    step = np.abs(array).max(axis=(1, 2, 3), keepdims=True) / 127
    assert (np.abs(again["w_"] - array) <= step * 0.5001).all()
    found, names = compacted("m", {"w_": array}, "float16")
    assert (np.abs(restored(found, names)["w_"] - array) <= np.abs(array) / 2048 + 1e-7).all()
    assert compacted("m", {"w_": array}, "float32") == ({"w_": array}, [])


@pytest.mark.parametrize(("weights", "share", "px"), [("float16", 2, 0.02), ("int8", 4, 0.4)])
def test_a_compact_model_answers_as_the_float_model(network, tmp_path, weights, share, px):
    faces = quick_faces()[1][:6]
    images, expected = list(faces.images), network.predict(list(faces.images), faces.boxes)
    path = network.save(tmp_path / "m", weights)
    again = fldbench.load_method(path)
    assert 0 < np.abs(again.predict(images, faces.boxes) - expected).max() < px
    assert again.get_params() == network.get_params() and again.fitted_on == network.fitted_on
    header, arrays = stored(path)
    assert header["format"] == 2 and header["compact"]
    weight = max(network.learned(), key=lambda name: np.size(network.learned()[name]))
    assert network.learned()[weight].nbytes == share * arrays[weight].nbytes
    twice = fldbench.load_method(again.save(tmp_path / "n", weights))  # rounding what was rounded changes nothing
    assert np.array_equal(twice.learned()[weight], again.learned()[weight])
    header, _ = stored(network.save(tmp_path / "whole"))
    assert header["format"] == 1 and "compact" not in header


def test_a_method_of_members_is_stored_compactly_too(tmp_path):
    faces = quick_faces()[0][:8]
    params = {"linear": {"crop_size": 24, "copies": 1}}
    model = fldbench.make_method("average", methods=["mean-shape", "linear"], params=params).fit(faces)
    again = fldbench.load_method(model.save(tmp_path / "m", "float16"))
    images = list(faces.images)
    assert np.abs(again.predict(images, faces.boxes) - model.predict(images, faces.boxes)).max() < 0.1


def test_what_cannot_be_stored_says_why(network, tmp_path):
    with pytest.raises(MethodError, match=r"saving Heatmap: weights is 'int4'; must be one of float32, float16, int8"):
        network.save(tmp_path / "m", "int4")
    text = r"saving m: the largest number of 'w_' is 70000.0; must be up to 65504; save it as float32"
    with pytest.raises(MethodError, match=text):
        compacted("m", {"w_": np.array([7e4], np.float32)}, "float16")
    for weights, limit in (("float16", "65504"), ("int8", r"3\.40282e\+38")):
        for number in (np.nan, np.inf):
            text = f"the largest number of 'w_' is {number}; must be up to {limit}; fit it again"
            with pytest.raises(MethodError, match=text):
                compacted("m", {"w_": np.array([[1.0] * 8, [number] * 8], np.float32)}, weights)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda header, arrays, name: header.update(compact=[*header["compact"], "x_"]),
            "'x_' is 'absent'; must be float16",
        ),
        (lambda header, arrays, name: arrays.pop(name + SCALE), r"scale' is 'absent'; must be float32 of shape \("),
        (
            lambda header, arrays, name: arrays.update({name + SCALE: np.ones(3, np.float32)}),
            r"scale' is 'float32 of shape",
        ),
        (lambda header, arrays, name: arrays.update({name: np.ones(3, np.float32)}), "is 'float32 of 1 dimensions'"),
        (lambda header, arrays, name: arrays[name + SCALE].fill(np.nan), "not finite or absurdly large somewhere"),
        (lambda header, arrays, name: header.update(compact=[]), "must be float32 of shape"),
        (lambda header, arrays, name: header.update(compact=3), "not a model that fldbench saved"),
        (
            lambda header, arrays, name: header.update(format=3),
            "model format 3; must be 1 or 2; fit it again, or update",
        ),
    ],
)
def test_a_damaged_compact_file_is_refused(network, tmp_path, change, text):
    header, arrays = stored(network.save(tmp_path / "m", "int8"))
    change(header, arrays, header["compact"][0])
    save_file(arrays, tmp_path / "m", {"fldbench": json.dumps(header)})
    with pytest.raises(DataError, match=text) as told:
        fldbench.load_method(tmp_path / "m")
    assert str(told.value).startswith(f"{tmp_path / 'm'}: ")
