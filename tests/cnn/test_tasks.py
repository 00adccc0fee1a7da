"""Networks with heads for attributes: what they learn, mask, mirror, save and answer."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_methods import NETWORKS, SMALL
from toy_networks import QUICK, ToyMaps, ToyMethod, same, weights
from toy_tasks import TASKS, TYPES, faces_with_attributes

from fldbench import load_method, make_method
from fldbench.cnn.layers import Network
from fldbench.cnn.training.batches import make_batch
from fldbench.errors import DataError, MethodError
from fldbench.faces import ImageArrays

LEARN = {"epochs": 30, "batch_size": 12, "learning_rate": 6e-3, "augmentation": "none", "training": QUICK}


def answers(method, faces):
    return method.predict_attributes(list(faces.images), faces.boxes)


def test_attributes_are_learned_beside_the_landmarks():
    train, test = faces_with_attributes(60), faces_with_attributes(24, 1)
    method = ToyMethod(tasks=TASKS, **LEARN).fit(train)
    found = answers(method, test)
    assert {name: part.shape for name, part in found.items()} == {"bright": (24, 2), "side": (24, 3)}
    assert all(np.allclose(part.sum(1), 1) for part in found.values())
    for name, part in found.items():
        assert (part.argmax(1) == test.attributes[name]).mean() > 0.85
    alone = ToyMethod(**LEARN).fit(train)
    errors = [np.abs(one.predict(list(test.images), test.boxes) - test.landmarks).mean() for one in (method, alone)]
    assert errors[0] < 2 * errors[1]
    assert method.classes_ == {"bright": ["no", "yes"], "side": ["left", "middle", "right"]}


def test_without_attributes_nothing_changes():
    faces = faces_with_attributes(8)
    plain = ToyMethod(epochs=2, training=QUICK).fit(replace(faces, attributes={}, attribute_types={}))
    assert same(plain, ToyMethod(epochs=2, training=QUICK, weighting="mgda", attribute_loss="focal").fit(faces))
    assert answers(plain, faces) == {}
    assert "classes_" not in plain.learned()


def test_the_trunk_begins_as_without_attributes():
    faces = faces_with_attributes(8)
    fit = {"epochs": 1, "learning_rate": 1e-30, "training": QUICK}
    alone, more = ToyMethod(**fit).fit(faces), ToyMethod(tasks=TASKS, **fit).fit(faces)
    both = weights(more)
    assert all(np.array_equal(value, both[name]) for name, value in weights(alone).items())
    assert len(both) == len(weights(alone)) + 4  # weight and bias of two heads


def test_heads_begin_with_the_frequencies_of_the_classes():
    faces = faces_with_attributes(40)
    method = ToyMethod(tasks=TASKS, epochs=1, learning_rate=1e-30, training=QUICK).fit(faces)
    found = answers(method, faces)
    for name, part in found.items():
        shares = np.bincount(faces.attributes[name]) / len(faces)
        assert np.allclose(part, shares, atol=0.05)
    # Losses are in units of that answer's, which is the best one that does not look at the face.
    row = method.history_[0]
    assert row["loss:bright"] == pytest.approx(1, abs=0.05) and row["loss:side"] == pytest.approx(1, abs=0.05)


def test_codes_that_are_not_known_teach_nothing():
    """The heads see the faces with a known code alone: another image and other points do not matter."""
    faces = faces_with_attributes(12, unknown=range(6))
    other = [np.full_like(image, 77) if i < 6 else image for i, image in enumerate(faces.images)]
    changed = replace(faces, images=ImageArrays(other))
    fit = {"tasks": TASKS, "epochs": 1, "batch_size": 12, "augmentation": "none", "frozen": -1}
    settings = QUICK | {"optimiser": "sgd", "clip": 0.0, "weight_decay": 0.0, "momentum": 0.0, "schedule": "constant"}
    heads = []
    for one in (faces, changed):
        learned = weights(ToyMethod(**fit, training=settings).fit(one))
        heads.append({name: value for name, value in learned.items() if "attribute_heads" in name})
    assert len(heads[0]) == 4
    assert all(np.allclose(heads[0][name], heads[1][name], atol=1e-7) for name in heads[0])


def test_faces_without_landmarks_teach_their_attributes():
    faces = faces_with_attributes(60)
    landmarks = faces.landmarks.copy()
    landmarks[20:] = np.nan
    method = ToyMethod(tasks=TASKS, **LEARN).fit(replace(faces, landmarks=landmarks, visible=None))
    unseen = faces_with_attributes(24, 1)
    right = (answers(method, unseen)["side"].argmax(1) == unseen.attributes["side"]).mean()
    few = ToyMethod(tasks=TASKS, **LEARN).fit(faces[:20])
    assert right > 0.75 and right >= (answers(few, unseen)["side"].argmax(1) == unseen.attributes["side"]).mean()
    assert np.isfinite(method.predict(list(unseen.images), unseen.boxes)).all()


def test_mirrored_faces_change_sides_and_keep_the_rest(tmp_path):
    faces = faces_with_attributes(6, unknown=[5])
    method = ToyMethod(tasks=TASKS, size=24)
    from fldbench.cnn.training.augment import Ranges
    from fldbench.cnn.training.batches import cut_crops

    table = cut_crops(faces, method.view, 1.0, None, tmp_path, 1, TYPES)
    plain, flipped = (
        make_batch(table, np.arange(6), Ranges(flip=share), np.array([1, 0, 2, 4, 3]), (0, 0)) for share in (0.0, 1.0)
    )
    assert plain.codes.tolist() == np.stack([faces.attributes[name] for name in TYPES], 1).tolist()
    assert flipped.codes[:, 0].tolist() == plain.codes[:, 0].tolist()
    known = plain.codes[:5, 1]
    assert flipped.codes[:5, 1].tolist() == (2 - known).tolist() and flipped.codes[5].tolist() == [-1, -1]


def test_flip_test_answers_a_mirror_image_with_the_mirrored_classes():
    faces = faces_with_attributes(12)
    method = ToyMethod(tasks=TASKS, flip_test=True, epochs=3, training=QUICK).fit(faces)
    width = faces.images[0].shape[1]
    boxes = faces.boxes.copy()
    boxes[:, [0, 2]] = width - 1 - boxes[:, [2, 0]]
    seen = answers(method, faces)
    mirrored = method.predict_attributes([np.ascontiguousarray(image[:, ::-1]) for image in faces.images], boxes)
    assert np.allclose(mirrored["side"], seen["side"][:, ::-1], atol=1e-2)
    assert np.allclose(mirrored["bright"], seen["bright"], atol=1e-2)


def test_a_saved_model_answers_the_same(tmp_path, toy):
    faces = faces_with_attributes(12)
    method = ToyMethod(tasks=TASKS, epochs=2, training=QUICK)
    import fldbench

    fldbench.register_method("toy-network", ToyMethod)
    loaded = load_method(method.fit(faces).save(tmp_path / "model"))
    assert list(loaded.tasks) == list(TASKS) and loaded.classes_ == method.classes_
    for name, part in answers(method, faces).items():
        assert np.array_equal(part, answers(loaded, faces)[name])
    with pytest.raises(DataError, match=r"classes_\[bright\] is \['no'\]; must be a list of two strings or more"):
        ToyMethod(tasks=TASKS).restore(method.learned() | {"classes_": {"bright": ["no"], "side": ["a", "b", "c"]}})


@pytest.mark.parametrize("name", sorted(NETWORKS & SMALL.keys()))
def test_every_network_has_heads(name):
    faces = faces_with_attributes(24)
    params = SMALL[name] | {"epochs": 1, "tasks": TASKS}
    method = make_method(name, **params).fit(faces)
    found = answers(method, faces)
    assert {one: part.shape for one, part in found.items()} == {"bright": (24, 2), "side": (24, 3)}
    assert np.isfinite(found["side"]).all()
    shapes = {n: tuple(value.shape) for n, value in weights(method).items() if "attribute_heads" in n}
    assert len(shapes) == 4


@pytest.mark.parametrize("weighting", ["uncertainty", "dwa", "gradnorm", "pcgrad", "nash-mtl", "famo"])
def test_a_resumed_training_with_tasks_gives_the_weights_of_an_unbroken_one(tmp_path, weighting):
    from toy_networks import Interrupted, interrupted_after

    faces = faces_with_attributes(16)
    settings = {"threads": 0, "val_share": 0.25, "save_seconds": 0}
    params = {"tasks": TASKS, "weighting": weighting, "epochs": 5, "augmentation": "standard", "training": settings}
    unbroken = ToyMethod(**params).fit(faces)
    with pytest.raises(Interrupted), interrupted_after(3):
        ToyMethod(**params).fit(faces, folder=tmp_path)
    resumed = ToyMethod(**params).fit(faces, folder=tmp_path)
    assert same(unbroken, resumed)
    timed = {"seconds", "images_per_second"}
    rows = [[{k: v for k, v in row.items() if k not in timed} for row in one.history_] for one in (unbroken, resumed)]
    assert rows[0] == rows[1]
    assert {"loss:side", "val_loss:side", "val_balanced_accuracy:side", "weight:landmarks"} <= rows[0][0].keys()


def test_tasks_that_stop_are_said_and_leave_their_head_alone(tmp_path):
    faces = faces_with_attributes(24)
    settings = {"threads": 0, "val_share": 0.3}
    params = {"tasks": TASKS, "epochs": 12, "augmentation": "none", "training": settings}
    stopping = {"window": 2, "threshold": 1e-9}  # any value of the criterion is above
    method = ToyMethod(**params, task_stopping=stopping).fit(faces)
    stopped = [row["stopped"] for row in method.history_]
    assert any("side" in line for line in stopped) and any("bright" in line for line in stopped)
    last = max(i for i, line in enumerate(stopped) if line)
    short = ToyMethod(**params | {"epochs": 12}, task_stopping=stopping)
    assert last < 11 and short.task_stopping == stopping


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"tasks": ("side",)}, "tasks is .*must be a list of names, each of them once, with 'landmarks' among them"),
        ({"tasks": ("landmarks", "side", "side")}, "each of them once"),
        ({"tasks": TASKS, "weighting": "best"}, "weighting"),
        ({"tasks": TASKS, "attribute_loss": {"mouth": "focal"}}, "mouth"),
        ({"tasks": TASKS, "attribute_loss": "hinge"}, "hinge"),
        ({"tasks": TASKS, "weighting": "mgda", "task_stopping": {}}, "task_stopping|stop"),
    ],
)
def test_parameters_are_refused_before_anything_begins(params, message):
    with pytest.raises(MethodError, match=message):
        ToyMethod(**params).fit(faces_with_attributes(6))


def test_attributes_that_cannot_be_learned_are_refused():
    faces = faces_with_attributes(6)
    with pytest.raises(DataError, match="has no attribute 'glasses'"):
        ToyMethod(tasks=("landmarks", "glasses")).fit(faces)
    one = replace(faces, attributes={"bright": np.ones(6, int), "side": faces.attributes["side"]})
    with pytest.raises(DataError, match=r"the known classes of bright is \['yes'\]; must be two or more"):
        ToyMethod(tasks=TASKS).fit(one)


def test_a_network_without_features_says_what_it_must_write():
    class Forward(Network):
        def forward(self, x):
            return x

    class Method(ToyMethod):
        def build(self, n_points, mean):
            return Forward()

    with pytest.raises(MethodError, match="tasks beyond landmarks need `encode` and `decode`"):
        Method(tasks=TASKS, training=QUICK).fit(faces_with_attributes(6))

    class Maps(ToyMethod):
        def build(self, n_points, mean):
            return ToyMaps(n_points, 1)

    with pytest.raises(MethodError, match="derives from fldbench"):
        Maps(tasks=TASKS, training=QUICK).fit(faces_with_attributes(6))


def test_onnx_answers_the_attributes(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    from fldbench.cnn.export import export_onnx

    faces = faces_with_attributes(10)
    method = ToyMethod(tasks=TASKS, epochs=2, training=QUICK).fit(faces)
    session = onnxruntime.InferenceSession(str(export_onnx(method, tmp_path / "net.onnx")))
    assert [one.name for one in session.get_outputs()] == ["landmarks", "bright", "side"]
    matrices = method.view.square(faces.boxes)
    crops = [method.view.cut(image, matrix) for image, matrix in zip(faces.images, matrices, strict=True)]
    points, bright, side = session.run(None, {"image": np.stack(crops)[:, None].astype(np.float32)})
    found = answers(method, faces)
    assert np.allclose(bright, found["bright"], atol=1e-5) and np.allclose(side, found["side"], atol=1e-5)
    assert points.shape == (10, 5, 2)


def test_the_average_of_the_weights_has_heads_too():
    faces = faces_with_attributes(16)
    settings = QUICK | {"ema": 0.9}
    method = ToyMethod(tasks=TASKS, epochs=2, training=settings).fit(faces)
    assert all(torch.isfinite(value).all() for value in method.network_.state_dict().values())
