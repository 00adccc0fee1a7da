"""Model files: what is damaged or made up is a DataError when it is loaded, and never ends the process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fuzz import MUTATIONS
from model_fuzz import FAMILIES
from safetensors.numpy import save_file
from toys import toy_faces

import fldbench
from fldbench.checks import quick_faces
from fldbench.errors import DataError
from fldbench.model_file import Learned, check_names

SUPPORT = Path(__file__).parent / "support"


def written(path, arrays, **header):
    arrays = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
    save_file(arrays, path, {"fldbench": json.dumps({"format": 1, "learned": {}, "params": {}, **header})})
    return path


@pytest.fixture(scope="module")
def lbf():
    return fldbench.make_method("lbf", **FAMILIES["lbf"][1]).fit(quick_faces()[0][:8])


def changed(lbf, path, learned=None, **params):
    """The file of a fitted lbf with other arrays or parameters."""
    arrays = {name: value for name, value in lbf.learned().items() if isinstance(value, np.ndarray)}
    return written(path, arrays | (learned or {}), method="lbf", params=lbf.get_params() | params)


def test_damaged_files_of_every_family_raise_only_our_errors():
    """In a process of its own, which a wrong index in compiled code would end."""
    env = {**os.environ, "PYTHONPATH": str(SUPPORT), "PYTHONFAULTHANDLER": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SUPPORT / "model_fuzz.py"), str(-(-MUTATIONS // len(FAMILIES)))]
    run = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert (run.returncode, run.stdout) == (0, ""), run.stdout[-3000:] + run.stderr[-3000:]


def test_a_sound_file_is_loaded_as_it_was(lbf, tmp_path):
    again = fldbench.load_method(changed(lbf, tmp_path / "m"))
    images, boxes = list(quick_faces()[1].images[:2]), quick_faces()[1].boxes[:2]
    assert np.array_equal(again.predict(images, boxes), lbf.predict(images, boxes))


@pytest.mark.parametrize(
    "name", ["predict", "__class__", "_model", "_fitted_on", "label", "check_params", "restore", "a b_"]
)
def test_a_file_sets_nothing_but_learned_values(name, tmp_path):
    shape = np.zeros((5, 2))
    for arrays, learned in (({"mean_shape_": shape}, {name: 1}), ({"mean_shape_": shape, name: shape}, {})):
        path = written(tmp_path / "m", arrays, method="mean-shape", learned=learned)
        with pytest.raises(DataError, match=r"m: the model of mean-shape has .*, which that method does not learn"):
            fldbench.load_method(path)
    with pytest.raises(DataError, match=r"which is no learned value: its name must end in '_'"):
        check_names("toy", fldbench.Method, [name])


def test_names_that_a_plug_in_may_learn():
    class Own(fldbench.Method):
        count_ = 0

        @property
        def size_(self):
            return 1

    check_names("own", Own, ["mean_", "count_", "members_", "device_"])
    for code in ("size_", "fit"):
        with pytest.raises(DataError, match=code):
            check_names("own", Own, [code])


@pytest.mark.parametrize(
    ("name", "spoil", "text"),
    [
        (
            "offsets_",
            lambda v: np.where(v == v.max(), np.nan, v).astype(v.dtype),
            "offsets_ is 'not finite or absurdly l",
        ),
        ("reference_", lambda v: v * 1e300, "reference_ is 'not finite or absurdly large somewhere'"),
        ("weights_", lambda v: v[:, :, :, :-1], r"weights_ is 'int16 of shape .*'; must be int16 of shape"),
        ("weights_", lambda v: v.astype(np.float32), "weights_ is 'float32 of shape"),
        ("mirror_", lambda v: v + 1, r"mirror_ is '1 to 68'; must be from 0 to below 68"),
        ("mirror_", lambda v: v - 1, "mirror_ is '-1 to 66'"),
        ("thresholds_", lambda v: np.repeat(v, 300, axis=3), "thresholds_ is 'int16 of shape"),
    ],
)
def test_arrays_that_would_lead_compiled_code_astray_are_refused(lbf, name, spoil, text, tmp_path):
    path = changed(lbf, tmp_path / "m", {name: np.ascontiguousarray(spoil(getattr(lbf, name)))})
    with pytest.raises(DataError, match=text):
        fldbench.load_method(path)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"crop_size": 10**9}, "m: lbf: crop_size is 1000000000; must be a whole number from 1 to 4096"),
        ({"padding": 1e300}, "padding is 1e[+]300"),
        ({"depth": "x"}, "depth is 'x'"),
        ({"no_such": 1}, "has no parameter 'no_such'"),
    ],
)
def test_parameters_of_a_file_are_checked(lbf, params, text, tmp_path):
    with pytest.raises(DataError, match=text):
        fldbench.load_method(changed(lbf, tmp_path / "m", **params))


@pytest.mark.parametrize(
    "header",
    [
        [],
        {},
        {"format": 1},
        {"format": 1, "method": 3, "params": {}, "learned": {}},
        {"format": 1, "method": "x", "params": 1},
    ],
)
def test_headers_of_another_form_are_refused(header, tmp_path):
    save_file({"a": np.ones(2)}, tmp_path / "m", {"fldbench": json.dumps(header)})
    with pytest.raises(DataError, match=r"m: (not a model that fldbench saved|model format None)"):
        fldbench.load_method(tmp_path / "m")


def test_brackets_without_end_are_refused(tmp_path):
    save_file({"a": np.ones(2)}, tmp_path / "m", {"fldbench": "[" * 100_000})
    with pytest.raises(DataError, match="brackets are nested too deeply"):
        fldbench.load_method(tmp_path / "m")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_pipes_devices_and_folders_are_no_models(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        with pytest.raises(DataError, match="not a model that fldbench saved"):
            fldbench.load_method(path)


def test_a_size_in_a_file_allocates_nothing(tmp_path):
    """A network of 10^12 weights is compared with the file before it is built."""
    method = fldbench.make_method("fld-net", size=32, width=4, epochs=1, augmentation="none").fit(quick_faces()[0][:8])
    arrays = {name: value for name, value in method.learned().items() if isinstance(value, np.ndarray)}
    learned = {name: value for name, value in method.learned().items() if name not in arrays}
    for big in ({"width": 10**6}, {"head": 10**12}, {"size": 10**6}):
        path = written(tmp_path / "m", arrays, method="fld-net", learned=learned, params=method.get_params() | big)
        with pytest.raises(DataError):
            fldbench.load_method(path)


def test_what_a_plug_in_makes_of_a_wrong_value_is_a_data_error(toy, tmp_path):
    from toys import Noisy

    class Fragile(Noisy):
        def restore(self, learned):
            self.mean_ = learned["mean_"] @ learned["mean_"]

    fldbench.register_method("fragile", Fragile)
    path = Fragile().fit(toy_faces(4)).save(tmp_path / "m")
    with pytest.raises(DataError, match=r"m: what it learned does not fit the method 'fragile' \(ValueError: "):
        fldbench.load_method(path)


def test_values_are_checked_when_they_are_taken():
    found = Learned("toy", {"a_": 1, "b_": True, "c_": "x", "d_": [1.0, "y"], "e_": [1], "f_": 2.5, "g_": float("nan")})
    assert (found.index("a_", 2), found.flag("b_"), found.text("c_"), found.number("f_")) == (1, True, "x", 2.5)
    for call in (
        lambda: found.index("a_", 1),
        lambda: found.index("b_", 9),
        lambda: found.number("b_"),
        lambda: found.number("g_"),
        lambda: found.pair("d_", 9),
        lambda: found.pair("e_", 9),
        lambda: found.text("a_"),
        lambda: found.flag("a_"),
        lambda: found.rows("e_"),
        lambda: found.array("a_", "float64", (1,)),
        lambda: found.scheme("c_"),
        lambda: found.text("none_"),
    ):
        with pytest.raises(fldbench.FldbenchError):
            call()
    with pytest.raises(DataError, match="the model of toy has 'h_', which that method does not learn"):
        Learned("toy", {"h_": 1}).end()
