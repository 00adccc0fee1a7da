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
from fldbench.cnn.cost import fused
from fldbench.cnn.nets.fld_net import FldNet
from fldbench.cnn.nets.small import SmallCNN
from fldbench.errors import DataError, MethodError, MissingDependencyError
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


@needs_onnx
def test_ranges_are_those_of_the_layers_and_8_bits_answer_nearly_the_same(tmp_path):
    faces = toy_faces(16)  # one batch
    method = SmallCNN(size=32, runtime="int8", **QUICK).fit(faces)
    expected: list[list[float]] = []
    network = fused(method.network_)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(
                lambda layer, given, answer: expected.extend(
                    [float(x.min()), float(x.max())] for x in (given[0], answer)
                )
            )
    for _ in method._run(faces.images, faces.boxes, network):
        pass
    found = method.ranges_.tolist()
    assert len(found) >= 4 and all(np.isclose(expected, pair, atol=1e-4).all(axis=1).any() for pair in found)
    quick = method.predict(faces.images, faces.boxes)
    again = load_method(method.save(tmp_path / "m.safetensors"))
    assert np.array_equal(again.predict(faces.images, faces.boxes), quick)
    method.runtime = "torch"
    exact = method.predict(faces.images, faces.boxes)
    off = np.linalg.norm(quick - exact, axis=-1).mean() / np.ptp(exact, axis=1).mean()
    assert 0 < off < 0.01  # of the face's size
    # Ranges of a tenth cut off what is larger: it is these ranges that decide.
    method.runtime, method.ranges_ = "int8", method.ranges_ / 10
    vars(method).pop("_fast")
    cut = method.predict(faces.images, faces.boxes)
    assert np.linalg.norm(cut - exact, axis=-1).mean() / np.ptp(exact, axis=1).mean() > 5 * off


@needs_onnx
def test_8_bits_need_ranges_of_this_network(tmp_path):
    faces = toy_faces(6)
    method = SmallCNN(size=32, **QUICK).fit(faces)
    method.runtime = "int8"
    words = r"cnn-small: runtime='int8' needs the ranges of the network's numbers; call calibrate\(training faces\)"
    with pytest.raises(MethodError, match=words):
        method.predict(faces.images, faces.boxes)
    method.calibrate(faces)
    assert np.isfinite(method.predict(faces.images, faces.boxes)).all()
    whole = method.learned()
    for ranges, wrong in (
        (whole["ranges_"][:-1], "the number of ranges in the model is"),
        (whole["ranges_"][:, ::-1].copy(), "ranges_ must be pairs of a number and one that is not smaller"),
        (np.full_like(whole["ranges_"], np.nan), "ranges_ is 'not finite or absurdly large somewhere'"),
    ):
        with pytest.raises(DataError, match=wrong):
            other = SmallCNN(size=32, runtime="int8", **QUICK)
            other.restore(whole | {"ranges_": ranges})
            other.predict(faces.images, faces.boxes)


@needs_onnx
def test_a_network_of_8_bits_is_the_same_fitted_or_assembled():
    faces = toy_faces(6)
    quick = SmallCNN(size=32, runtime="int8", flip_test=True, **QUICK)
    (plain,) = quick.members_alone.values()
    assert plain.runtime == "torch"
    assembled = SmallCNN(size=32, runtime="int8", flip_test=True, **QUICK)
    assembled.assemble([plain.fit(faces)], faces)
    expected = quick.fit(faces).predict(faces.images, faces.boxes)
    assert np.array_equal(assembled.predict(faces.images, faces.boxes), expected)


@pytest.mark.parametrize("runtime", ["onnxruntime", "int8"])
def test_a_missing_package_is_found_before_the_fit(monkeypatch, runtime):
    monkeypatch.setattr("fldbench.cnn.runtime.find_spec", lambda name: None)
    words = rf"runtime='{runtime}' needs the packages onnx and onnxruntime; install fldbench\[onnx\]"
    with pytest.raises(MissingDependencyError, match=words):
        FldNet(runtime=runtime).check_params()
    with pytest.raises(MethodError, match="runtime is 'tvm'; must be one of 'torch', 'onnxruntime', 'int8'"):
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
