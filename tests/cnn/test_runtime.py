"""Networks run by ONNX Runtime: every answer is that of torch, to rounding."""

import pickle
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from toy_tasks import faces_with_attributes
from toys import toy_faces

import fldbench
from fldbench.cnn.nets.fld_net import FldNet
from fldbench.cnn.nets.small import SmallCNN
from fldbench.errors import MethodError, MissingDependencyError
from fldbench.method import load_method

needs_onnx = pytest.mark.skipif(not find_spec("onnxruntime"), reason="the extra onnx is not installed")
QUICK = {"epochs": 1, "training": {"val_share": 0.0, "threads": 0}}


@needs_onnx
def test_points_and_confidence_are_those_of_torch(tmp_path):
    faces = toy_faces(6)
    method = FldNet(size=32, width=4, head=8, flip_test=True, **QUICK).fit(faces)
    points, sure = (f(faces.images, faces.boxes) for f in (method.predict, method.predict_confidence))
    method.runtime = "onnxruntime"  # after the network of torch was made: another must be made
    again = load_method(method.save(tmp_path / "m.safetensors"))
    for one in (method, again, pickle.loads(pickle.dumps(method))):
        found = one.predict(faces.images, faces.boxes)
        np.testing.assert_allclose(found, points, rtol=0, atol=1e-3)
        assert not np.array_equal(found, points)  # the last digits show that another library computed them
        np.testing.assert_allclose(one.predict_confidence(faces.images, faces.boxes), sure, atol=1e-4)
        alone = one.predict([faces.images[0]], faces.boxes[:1])[0]
        np.testing.assert_allclose(alone, points[0], rtol=0, atol=1e-3)
    assert method.multiply_adds and method.n_parameters


@needs_onnx
def test_attributes_are_those_of_torch():
    faces = faces_with_attributes(8)
    tasks = ["landmarks", *faces.attributes]
    method = SmallCNN(size=32, tasks=tasks, **QUICK).fit(faces)
    expected = method.predict_attributes(faces.images, faces.boxes)
    method.runtime = "onnxruntime"
    found = method.predict_attributes(faces.images, faces.boxes)
    assert found.keys() == expected.keys()
    for name, answer in expected.items():
        np.testing.assert_allclose(found[name], answer, atol=1e-5)


def test_a_missing_package_is_found_before_the_fit(monkeypatch):
    monkeypatch.setattr("fldbench.cnn.runtime.find_spec", lambda name: None)
    words = r"runtime='onnxruntime' needs the packages onnx and onnxruntime; install fldbench\[onnx\]"
    with pytest.raises(MissingDependencyError, match=words):
        FldNet(runtime="onnxruntime").check_params()
    with pytest.raises(MethodError, match="runtime is 'tvm'; must be one of 'torch', 'onnxruntime'"):
        FldNet(runtime="tvm").check_params()


def test_a_network_that_only_answers_otherwise_is_not_fitted_again(tmp_path):
    params = {"size": 32, "width": 4, "head": 8, **QUICK}
    suite = {
        "name": "looks",
        "train": [{"dataset": "synthetic", "faces": 8}],
        "methods": [
            {"name": "fld-net", "params": params},
            {"name": "fld-net", "label": "mirrored", "params": params | {"flip_test": True}},
        ],
        "protocols": ["synthetic-test@first=4"],
    }
    first, second = fldbench.run_suite(suite, tmp_path)
    fits = sorted(path.read_text() for path in tmp_path.glob("models/*/fit.json"))
    assert len(fits) == 2 and first.key != second.key
    assert first.timings.fit_seconds <= second.timings.fit_seconds < first.timings.fit_seconds + 1
    one, other = (load_method(path) for path in sorted(tmp_path.glob("models/*/model.safetensors")))
    assert {one.flip_test, other.flip_test} == {False, True}
    weights = [method.network_.state_dict() for method in (one, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert first.metrics != second.metrics and one.fitted_on == other.fitted_on is not None


def test_mirrored_answers_need_mirror_pairs_also_without_a_fit():
    method = FldNet(flip_test=True)
    (plain,) = method.members_alone.values()
    assert plain.get_params() == FldNet().get_params() and not plain.members_alone
    fldbench.register_scheme("no-pairs-5", points=5)
    with pytest.raises(MethodError, match="flip_test needs mirror pairs, which the scheme no-pairs-5 does not give"):
        method.assemble([plain], replace(toy_faces(2), scheme="no-pairs-5"))
