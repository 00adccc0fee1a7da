"""Networks run by ONNX Runtime: every answer is that of torch, to rounding."""

import pickle
from importlib.util import find_spec

import numpy as np
import pytest
from toy_tasks import faces_with_attributes
from toys import toy_faces

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
