"""Models of other libraries as methods: crop, way back, keys, saving, suites."""

import importlib
import json
import pickle
import sys
import textwrap
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from safetensors import safe_open
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from toys import toy_faces

import fldbench
from fldbench.errors import DataError, MethodError
from fldbench.geometry import box_centre, crop_matrix, invert, transform
from fldbench.kit.content import content_of
from fldbench.kit.estimators import packed, unpacked
from fldbench.records.keys import fit_key
from fldbench.schemes import map_landmarks

FACES = toy_faces(6)
IMAGES, BOXES = list(FACES.images), FACES.boxes
SUITE = {"name": "s", "train": [{"dataset": "toy"}], "protocols": ["toy-test"]}


def five(x, y):
    return np.tile([float(x), float(y)], (5, 1))


@pytest.mark.parametrize(
    ("output", "centre", "corner"),
    [("crop", 15.5, -0.5), ("unit", 0.5, 0.0), ("signed", 0.0, -1.0)],
)
def test_points_of_the_crop_come_back_to_the_photo(output, centre, corner):
    model = fldbench.wrap(lambda crop: five(centre, centre), "mtfl-5", crop=32, output=output, context=0.3)
    assert np.allclose(model.predict(IMAGES, BOXES)[:, 0], box_centre(BOXES))
    model = fldbench.wrap(lambda crop: five(corner, corner), "mtfl-5", crop=32, output=output, context=0.3)
    half = (BOXES[:, 2:] - BOXES[:, :2]).max(axis=1, keepdims=True) * 1.6 / 2
    assert np.allclose(model.predict(IMAGES, BOXES)[:, 0], box_centre(BOXES) - half)


def test_points_of_the_box_and_of_the_photo():
    model = fldbench.wrap(lambda crop: five(1, 0), "mtfl-5", crop=8, output="box")
    assert np.allclose(model.predict(IMAGES, BOXES)[:, 4], BOXES[:, [2, 1]])
    model = fldbench.wrap(lambda images, boxes: np.tile(five(3, 4), (len(images), 1, 1)), "mtfl-5")
    assert model.predict(IMAGES, BOXES).tolist() == [five(3, 4).tolist()] * 6
    assert model.predict([], []).shape == (0, 5, 2)


def test_a_crop_is_seen_as_it_is_stated():
    seen = []

    def look(crop):
        seen.append(crop)
        return five(0, 0)

    image = np.zeros((40, 40, 3), np.uint8)
    image[:] = 51, 102, 204
    right = {
        (): (np.uint8, (8, 8, 3), [51, 102, 204]),
        (("colour", "bgr"),): (np.uint8, (8, 8, 3), [204, 102, 51]),
        (("colour", "grey"),): (np.uint8, (8, 8, 1), [98]),  # 0.299 R + 0.587 G + 0.114 B = 98.4
        (("values", "0..1"),): (np.float32, (8, 8, 3), [0.2, 0.4, 0.8]),
        (("values", "-1..1"),): (np.float32, (8, 8, 3), [-0.6, -0.2, 0.6]),
        (("values", "0..1"), ("mean", (0.2, 0.2, 0.3)), ("std", (1, 2, 0.5))): (np.float32, (8, 8, 3), [0, 0.1, 1.0]),
        (("layout", "chw"),): (np.float32, (3, 8, 8), [51, 102, 204]),
        (("layout", "flat"),): (np.float32, (192,), [51, 102, 204]),
    }
    for given, (dtype, shape, pixel) in right.items():
        seen.clear()
        fldbench.wrap(look, "mtfl-5", crop=8, output="crop", **dict(given)).predict([image], [[10, 10, 20, 20]])
        (crop,) = seen
        assert (crop.dtype, crop.shape) == (dtype, shape)
        first = crop[:, 0, 0] if shape[0] == 3 else crop[:3] if crop.ndim == 1 else crop[0, 0]
        assert np.allclose(first, pixel, atol=1e-6)


def test_crop_faces_is_what_a_wrapped_model_sees():
    crops = fldbench.crop_faces(IMAGES, BOXES, 16, 0.1)
    assert crops.images.shape == (6, 16, 16, 3) and not crops.images.flags.writeable
    assert np.allclose(crops.matrices, crop_matrix(BOXES, 16, 0.1))
    assert np.allclose(crops.to_photo(FACES.landmarks), transform(FACES.landmarks, invert(crops.matrices)))
    assert fldbench.crop_faces([], [], 16, grey=True).images.shape == (0, 16, 16)
    with pytest.raises(DataError, match="image 0: the dtype is 'float64'"):
        fldbench.crop_faces([IMAGES[0] / 255], BOXES[:1], 16)
    with pytest.raises(DataError, match="crops: size is 0"):
        fldbench.crop_faces(IMAGES, BOXES, 0)


ESTIMATORS = [
    Ridge(),
    make_pipeline(StandardScaler(), PCA(3), Ridge(2.0)),
    RandomForestRegressor(3, random_state=0),
    KNeighborsRegressor(2),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: type(one).__name__)
def test_an_estimator_is_fitted_saved_and_loaded_without_pickle(toy, tmp_path, estimator):
    model = fldbench.wrap(estimator, "mtfl-5", crop=8, colour="grey")
    with pytest.raises(MethodError, match="has not been fitted; call fit first"):
        model.predict(IMAGES, BOXES)
    with pytest.raises(MethodError, match="has not been fitted; call fit first"):
        model.save(tmp_path / "m")
    model.fit(toy_faces(12))
    assert not hasattr(estimator, "n_features_in_")  # the user's own stays unfitted
    error = np.linalg.norm(model.predict(IMAGES, BOXES) - FACES.landmarks, axis=2).mean()
    assert error < 3, error
    fldbench.register_method("mine", model)
    again = fldbench.load_method(model.save(tmp_path / "m"))
    assert np.array_equal(again.predict(IMAGES, BOXES), model.predict(IMAGES, BOXES))
    with safe_open(tmp_path / "m", "np") as file:
        assert not any(file.get_tensor(name).tobytes()[:1] == b"\x80" for name in file.keys())  # noqa: SIM118


def test_a_fitted_estimator_is_used_as_it_is():
    fitted = Ridge().fit(np.zeros((2, 64)), np.full((2, 10), 0.5))
    model = fldbench.wrap(fitted, "mtfl-5", crop=8, colour="grey", output="box")
    assert np.allclose(model.predict(IMAGES, BOXES)[:, 0], box_centre(BOXES))
    assert model.remark == "its training faces are not stated" and model.trained_on == ()
    stated = fldbench.wrap(fitted, "mtfl-5", crop=8, colour="grey", output="box", trained_on=["300w-train"])
    assert stated.remark == "" and stated.trained_on == ("300w-train",)


def test_nothing_but_numerical_classes_is_made_from_a_file():
    class Own:
        pass

    with pytest.raises(MethodError, match=r"cannot be saved: .*Own is not a class of sklearn"):
        packed(make_pipeline(Own()), "mine")
    for name in ("os:system", "builtins:eval", "numpy:memmap", "sklearn.datasets:fetch_openml", "numpy:load"):
        with pytest.raises(DataError, match="names what is not made again"):
            unpacked(["object", 0, ["name", name], ["tuple", ["x"]], None, None, None], [])
    for value in (["new"], ["array", 3], ["object", 1], ["again", 0], [[]], ["dict", 3]):
        with pytest.raises(DataError):
            unpacked(value, [])
    value, arrays = packed({"a": (1, float("inf"), None, True), "b": [np.float32(2.5)]}, "mine")
    assert unpacked(json.loads(json.dumps(value)), arrays) == {"a": (1, float("inf"), None, True), "b": [2.5]}


def test_a_torch_module_and_its_onnx_file_answer_alike(tmp_path):
    torch = pytest.importorskip("torch")
    onnx = pytest.importorskip("onnx")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 10), torch.nn.Dropout(0.5))
    view = {"crop": 8, "output": "unit", "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.2, 0.2)}
    model = fldbench.wrap(network, "mtfl-5", **view)
    first = model.predict(IMAGES, BOXES)
    assert np.array_equal(first, model.predict(IMAGES, BOXES)) and network.training  # evaluated, and set back
    crops = fldbench.crop_faces(IMAGES, BOXES, 8).images
    seen = (torch.from_numpy(crops / np.float32(255)) - torch.tensor(view["mean"])) / torch.tensor(view["std"])
    with torch.inference_mode():
        unit = network[:2](seen.float().permute(0, 3, 1, 2)).numpy().reshape(-1, 5, 2)
    right = transform(unit * 8 - 0.5, invert(crop_matrix(BOXES, 8, 0.25)))
    assert np.allclose(first, right, atol=1e-3)
    weight, bias = (value.detach().numpy() for value in (network[1].weight, network[1].bias))
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Flatten", ["x"], ["f"]),
            onnx.helper.make_node("Gemm", ["f", "w", "b"], ["y"], transB=1),
        ],
        "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 8, 8])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 10])],
        [onnx.numpy_helper.from_array(weight, "w"), onnx.numpy_helper.from_array(bias, "b")],
    )
    path = tmp_path / "net.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    exported = fldbench.wrap(path, "mtfl-5", **view)
    assert np.allclose(exported.predict(IMAGES, BOXES), first, atol=1e-3) and exported.label == "net"
    before = content_of(str(path))
    path.write_bytes(path.read_bytes() + b"\x00")
    assert content_of(str(path)) != before
    with torch.no_grad():
        key = content_of(network)
        network[1].bias += 1
    assert content_of(network) != key


def test_a_command_gets_files_and_gives_points(tmp_path):
    script = tmp_path / "points.py"
    script.write_text(
        textwrap.dedent("""
        import json, pathlib, sys
        files = sorted(pathlib.Path(sys.argv[1]).iterdir())
        if sys.argv[2:] == ["fail"]: sys.exit("no weights")
        if sys.argv[2:]: pathlib.Path(sys.argv[2]).write_text(json.dumps({f.name: [[4, 4]] * 5 for f in files[1:]}))
        else: print("\\n".join(", ".join([f.name] + ["3.5"] * 10) for f in files))
        """)
    )
    python = [sys.executable, str(script), "{crops}"]
    model = fldbench.wrap(python, "mtfl-5", crop=8, output="crop")
    assert np.allclose(model.predict(IMAGES, BOXES)[:, 0], box_centre(BOXES))
    found = fldbench.wrap([*python, "{out}"], "mtfl-5", crop=9, output="crop").predict(IMAGES, BOXES)
    assert np.isnan(found[0]).all() and np.allclose(found[1:, 0], box_centre(BOXES[1:]))
    for words, message in (
        ([*python, "fail"], "ended with 1: no weights"),
        (["no-such-program-here", "{crops}"], r"cannot be started \(No such file or directory\)"),
        (
            [sys.executable, "-c", "print('[1]')", "{crops}"],
            r"a command wrote '\[1\]' for 6 crops of 5 points; must be JSON, or .* \(1 entries\)",
        ),
        ([sys.executable, "-c", "pass", "{out}"], "wrote nothing to {out}"),
        ([sys.executable, "-c", "print('q.png, 1')", "{crops}"], "points of 'q.png', which is none of the crops"),
    ):
        with pytest.raises(MethodError, match=message):
            fldbench.wrap(words, "mtfl-5", crop=8, output="crop").predict(IMAGES, BOXES)
    before = content_of(python)
    script.write_text(script.read_text() + "\n# changed")
    assert content_of(python) != before


def test_answers_of_another_shape_say_what_came():
    for answer in (np.zeros((6, 4, 2)), np.zeros(12), np.zeros((6, 5, 3))):
        model = fldbench.wrap(lambda images, boxes, answer=answer: answer, "mtfl-5", name="odd")
        with pytest.raises(
            MethodError, match=r"odd: its answer for 6 faces is .*; must be \(6, 5, 2\) or \(6, 10\): x"
        ):
            model.predict(IMAGES, BOXES)
    with pytest.raises(MethodError, match=r"its answer is 'list'; must be an array \(6, 5, 2\)"):
        fldbench.wrap(lambda images, boxes: [[1], [1, 2]], "mtfl-5").predict(IMAGES, BOXES)


def test_what_is_not_stated_is_asked_for():
    def look(crop):
        return five(0, 0)

    for given, message in (
        ({"crop": 8}, "look: output is ''; must be one of 'crop', 'unit', .* it says where its 5 points lie"),
        ({"crop": 8, "output": "px"}, "look: output is 'px'"),
        ({"crop": 8, "output": "crop", "colour": "red"}, "look: colour is 'red'; must be one of 'rgb', 'bgr', 'grey'"),
        ({"crop": 8, "output": "crop", "values": "0-1"}, "look: values is '0-1'"),
        ({"crop": 8, "output": "crop", "layout": "cwh"}, "look: layout is 'cwh'"),
    ):
        with pytest.raises(MethodError, match=message):
            fldbench.wrap(look, "mtfl-5", **given)
    with pytest.raises(MethodError, match="crop is None; must be the side of the model's square crop in px"):
        fldbench.wrap(Ridge(), "mtfl-5")
    for thing in (3, "model.pt", Ridge, [], None, fldbench.make_method("linear")):
        with pytest.raises(MethodError, match=r"wrap: the model is .*; must be an estimator, a torch module"):
            fldbench.wrap(thing, "mtfl-5", crop=8, output="crop")


def test_keys_follow_what_a_function_closes_over():
    def made(shift):
        return fldbench.wrap(lambda images, boxes: np.full((len(images), 5, 2), shift), "mtfl-5")

    assert fit_key(made(1.0), FACES) == fit_key(made(1.0), FACES) != fit_key(made(2.0), FACES)
    assert content_of(Ridge()) == content_of(Ridge()) != content_of(Ridge(2.0))


class Constant:
    def __init__(self, value):
        self.value = value

    def points(self, images, boxes):
        return np.full((len(images), 5, 2), self.value)


STATED = {"value": 1.0}


def nested(images, boxes):
    return (lambda: np.full((len(images), 5, 2), STATED["value"]))()


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


def test_keys_follow_what_a_function_belongs_to_and_what_is_in_it(monkeypatch):
    def key(function):
        return fit_key(fldbench.wrap(function, "mtfl-5", name="one"), FACES)

    assert key(Constant(1.0).points) == key(Constant(1.0).points) != key(Constant(2.0).points)
    assert key(lambda images, boxes: max(images, key=lambda one: one[0])) != key(
        lambda images, boxes: max(images, key=lambda one: one[1])
    )
    first = key(nested)
    assert key(nested) == first
    monkeypatch.setitem(STATED, "value", 2.0)
    assert key(nested) != first
    assert content_of(even) == content_of(even) != content_of(odd)  # which use each other


PARTS = """
import numpy as np
import torch

def points(images, boxes, shift):
    return np.full((len(images), 5, 2), shift + {number})

def scaled(crops):
    return crops * {number}

class Layer(torch.nn.Module):
    def forward(self, crops):
        return crops * {number}
"""


def test_keys_hold_the_users_own_code_inside_a_model_of_a_library(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(tmp_path)

    def keys(number):
        (tmp_path / "own_parts_of_a_model.py").write_text(PARTS.format(number=number))
        monkeypatch.delitem(sys.modules, "own_parts_of_a_model", raising=False)
        importlib.invalidate_caches()
        own = importlib.import_module("own_parts_of_a_model")
        torch.manual_seed(0)
        network = torch.nn.Sequential(own.Layer(), torch.nn.Flatten(), torch.nn.Linear(192, 10))
        view = {"crop": 8, "output": "unit", "name": "one"}
        models = [
            fldbench.wrap(partial(own.points, shift=1), "mtfl-5", name="one"),
            fldbench.wrap(make_pipeline(FunctionTransformer(own.scaled), Ridge()), "mtfl-5", **view),
            fldbench.wrap(network, "mtfl-5", **view),
        ]
        return [fit_key(model, FACES) for model in models]

    first = keys(3)
    assert keys(3) == first and not set(keys(4444)) & set(first)
    plain = fldbench.wrap(make_pipeline(StandardScaler(), Ridge()), "mtfl-5", crop=8)
    assert "code" not in plain.key_params()


def test_a_torch_module_is_what_it_is_now():
    torch = pytest.importorskip("torch")

    class Scaled(torch.nn.Module):
        def __init__(self, scale):
            super().__init__()
            self.scale, self.shift = scale, torch.nn.Parameter(torch.zeros(10))

        def forward(self, crops):
            return self.scale + self.shift.expand(len(crops), -1)

    network = Scaled(0.5)
    assert content_of(network) == content_of(Scaled(0.5)) != content_of(Scaled(0.25))
    model = fldbench.wrap(network, "mtfl-5", crop=8, output="box")
    assert np.allclose(model.predict(IMAGES, BOXES)[:, 0], box_centre(BOXES))
    elsewhere = Scaled(0.5).to("meta")  # a device that every machine has
    elsewhere.forward = lambda crops: torch.full((len(crops), 10), float(crops.is_meta))
    other = fldbench.wrap(elsewhere, "mtfl-5", crop=8, output="box")
    assert np.allclose(other.predict(IMAGES, BOXES)[:, 0], BOXES[:, 2:])
    with torch.no_grad():
        network.shift += 0.5  # trained on since
    assert np.allclose(model.predict(IMAGES, BOXES)[:, 0], BOXES[:, 2:]) and network.training


def centre(images, boxes):
    return np.repeat(box_centre(boxes)[:, None], 5, axis=1)


def test_suites_take_models_as_objects(toy, tmp_path):
    own = fldbench.wrap(centre, "mtfl-5")
    ridge = fldbench.wrap(Ridge(), "mtfl-5", crop=8, colour="grey", name="my-ridge")
    methods = [own, ridge, "mean-shape", fldbench.make_method("linear", ridge=2.0)]
    records = fldbench.run_suite(SUITE | {"methods": methods}, tmp_path / "out", jobs=2)
    assert [record.status for record in records] == ["ok"] * 4, [record.reason for record in records]
    labels = [record.method.label for record in records]
    assert labels == ["centre (its training faces are not stated)", "my-ridge", "mean-shape", "linear"]
    assert records[3].method.params["ridge"] == 2.0
    again = fldbench.run_suite(SUITE | {"methods": methods}, tmp_path / "out")
    assert [record.ended for record in again] == [record.ended for record in records]  # nothing was measured again
    other = fldbench.wrap(Ridge(9.0), "mtfl-5", crop=8, colour="grey", name="my-ridge")
    with pytest.raises(fldbench.SuiteError, match="'my-ridge' is the name of another method"):
        fldbench.run_suite(SUITE | {"methods": [ridge, other]}, tmp_path / "out")


def test_a_wrapped_model_goes_to_other_processes():
    model = fldbench.wrap(centre, "mtfl-5")
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(IMAGES, BOXES), model.predict(IMAGES, BOXES)) and again.label == model.label


def test_answers_are_mapped_to_the_scheme_of_the_faces():
    faces = fldbench.load_dataset("synthetic", None, "train", faces=2)
    model = fldbench.wrap(lambda images, boxes: faces.landmarks[: len(images)], "ibug-68")
    five_points = map_landmarks(faces.landmarks, "ibug-68", "mtfl-5")
    small = replace(faces, landmarks=five_points, visible=None, scheme="mtfl-5")
    assert np.allclose(model.fit(small).predict(faces.images, faces.boxes), five_points)
    with pytest.raises(MethodError, match="answers mtfl-5; synthetic-train needs others"):
        fldbench.wrap(centre, "mtfl-5").fit(faces)


def test_a_saved_model_is_not_believed():
    model = fldbench.wrap(centre, "mtfl-5").fit(FACES)
    good = model.learned()
    for wrong, text in (
        ({"content_": 3}, "content_ is 3; must be a string"),
        ({"content_": "x"}, "the wrapped function is another one"),
        ({"scheme_": 3}, "scheme_ is 3; must be a string"),
        ({"scheme_": "ibug-67"}, "ibug-67"),
        ({"scheme_": "ibug-68"}, "mtfl-5"),
    ):
        with pytest.raises(fldbench.FldbenchError, match=text):
            model.restore(good | wrong)
    model.restore(good)
    assert model.scheme_ == "mtfl-5"
