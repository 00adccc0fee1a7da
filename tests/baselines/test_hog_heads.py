"""hog-heads: heads against the gradient of their loss, masks, mirror images, absent classes, and what is refused."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from drawn import drawn_faces
from toys import toy_protocol

import fldbench
from fldbench import registry
from fldbench.baselines.hog_heads import HogHeads, logistic_head, softmax
from fldbench.baselines.hog_ridge import HogRidge
from fldbench.dataset import Dataset
from fldbench.errors import DataError, MethodError
from fldbench.faces import Attribute, ImageArrays
from fldbench.geometry import transform
from fldbench.method import load_method
from fldbench.progress import listening

CASCADE = {"stages": 2, "grid": 2, "bins": 4, "starts": 3, "crop_size": 100}
SMALL = {"landmark_params": CASCADE, "crop_size": 64, "penalty": 10.0, "threads": 1}
TYPES = {
    "glasses": Attribute(("no", "yes")),
    "mole": Attribute(("left", "none", "right"), mirrored=True, ordered=True),
}
TASKS = ("landmarks", "mole", "glasses")


def marked_faces(n, seed=0):
    """Drawn faces; some wear glasses, and some have a mole on a cheek."""
    import cv2

    faces = drawn_faces(n, seed)
    rng = np.random.default_rng(seed)
    glasses, mole = rng.integers(0, 2, n), rng.integers(0, 3, n)
    images = [image.copy() for image in faces.images]
    for image, points, worn, side in zip(images, faces.landmarks.round().astype(int), glasses, mole, strict=True):
        left, right = points[:2].tolist()
        if worn:
            for x, y in (left, right):
                cv2.rectangle(image, (x - 18, y - 14), (x + 18, y + 14), (20, 20, 20), 3)
        if side != 1:
            x, y = left if side == 0 else right
            cv2.circle(image, (x, y + 35), 6, (30, 30, 30), -1)
    attributes = {"glasses": glasses, "mole": mole, "age": np.arange(n)}
    return replace(faces, images=ImageArrays(images), attributes=attributes, attribute_types=TYPES)


def with_codes(faces, **codes):
    return replace(faces, attributes={**faces.attributes, **codes})


@pytest.fixture(scope="module")
def train():
    return marked_faces(60)


@pytest.fixture(scope="module")
def test_set():
    return marked_faces(30, seed=1)


@pytest.fixture(scope="module")
def fitted(train):
    return HogHeads(TASKS, **SMALL).fit(train)


@pytest.fixture(scope="module")
def member(fitted):
    return fitted.members_[0]


def assembled(member, faces, tasks=TASKS, **params):
    method = HogHeads(tasks, **SMALL | params)
    method.assemble([member], faces)
    return method


def answers(method, faces):
    return method.predict_attributes(list(faces.images), faces.boxes)


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_head_is_where_the_gradient_of_its_loss_is_zero(balanced, n_classes):
    rng = np.random.default_rng(0)
    features = rng.normal(3, 2, (80, 4)).astype(np.float32)
    codes = np.minimum(1 * (features[:, 0] + rng.normal(0, 2, 80) > 2) + (features[:, 1] > 4), n_classes - 1)
    counts = np.bincount(codes)
    assert len(set(counts)) == n_classes
    weights, biases, seen = logistic_head(features, codes, n_classes, 3.0, balanced)
    mean, spread = features.mean(axis=0), features.std(axis=0)
    standard, slopes = (features - mean) / spread, weights * spread[:, None]
    chances = softmax(standard @ slopes + biases + mean @ weights, seen)
    counted = len(codes) / n_classes / counts[codes] if balanced else np.ones(len(codes))
    off = counted[:, None] * (chances - np.eye(n_classes)[codes])
    gradient = standard.T @ off + 3.0 * slopes
    if n_classes == 2:  # the first class has the score 0 and no slopes
        assert not slopes[:, 0].any()
        gradient = gradient[:, 1:]
    assert np.abs(gradient).max() < 0.02 and np.abs(off.sum(axis=0)).max() < 0.02
    assert np.abs(slopes).max() > 0.3


def test_balanced_classes_answer_as_often_as_each_other():
    """Without features that tell, the biases are the logarithms of the classes' shares, or equal."""
    features, codes = np.zeros((40, 3), np.float32), np.repeat([0, 2], [30, 10])
    for balanced, expected in ((False, [0.75, 0, 0.25]), (True, [0.5, 0, 0.5])):
        weights, biases, seen = logistic_head(features, codes, 3, 1.0, balanced)
        assert not weights.any() and seen.tolist() == [True, False, True]
        assert np.allclose(softmax(features[:1] @ weights + biases, seen), [expected], atol=1e-4)


def test_it_tells_what_can_be_told(fitted, test_set):
    found = answers(fitted, test_set)
    assert list(found) == ["mole", "glasses"]
    for name, chances in found.items():
        assert chances.shape == (len(test_set), len(TYPES[name].classes))
        assert np.allclose(chances.sum(axis=1), 1) and (chances >= 0).all()
        assert (chances.argmax(axis=1) == test_set.attributes[name]).mean() >= 0.9
    assert fitted.classes_ == {"mole": ["left", "none", "right"], "glasses": ["no", "yes"]}


def test_its_landmarks_are_those_of_hog_ridge(fitted, train, test_set):
    alone = HogRidge(**CASCADE, threads=1).fit(train)
    expected = alone.predict(list(test_set.images), test_set.boxes)
    assert np.array_equal(fitted.predict(list(test_set.images), test_set.boxes), expected)
    only = HogHeads(**SMALL).fit(train)
    assert np.array_equal(only.predict(list(test_set.images), test_set.boxes), expected)
    assert answers(only, test_set) == {} and only.classes_ == {}
    assert only.n_parameters == alone.n_parameters
    assert fitted.n_parameters == alone.n_parameters + (7 * 7 * 32 + 1) * 5


def test_faces_of_unknown_class_change_nothing(member, train):
    """Bit for bit, and for this attribute alone."""
    unknown = np.arange(len(train)) % 3 == 0
    masked = with_codes(train, mole=np.where(unknown, -1, train.attributes["mole"]))
    with_them, without = assembled(member, masked), assembled(member, masked[~unknown])
    assert np.array_equal(with_them.weights_[:, :3], without.weights_[:, :3])
    assert np.array_equal(with_them.biases_[:3], without.biases_[:3])
    assert not np.array_equal(with_them.weights_[:, 3:], without.weights_[:, 3:])
    assert np.array_equal(with_them.weights_[:, 3:], assembled(member, train).weights_[:, 3:])


def test_the_order_of_faces_and_tasks_changes_nothing(fitted, member, train, test_set):
    turned = assembled(member, train[::-1], ("glasses", "landmarks", "mole"))
    first, second = answers(fitted, test_set), answers(turned, test_set)
    assert list(second) == ["glasses", "mole"]
    for name in first:
        assert np.abs(first[name] - second[name]).max() < 0.01


def test_the_mirror_image_has_the_mirrored_class(fitted, test_set):
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in test_set.images]
    boxes = test_set.boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (199, 0, 199, 0)
    first, second = answers(fitted, test_set), fitted.predict_attributes(mirrored, boxes)
    assert np.abs(first["mole"][:, ::-1] - second["mole"]).max() < 0.05
    assert np.abs(first["glasses"] - second["glasses"]).max() < 0.05


def test_one_side_teaches_the_other(member, train, test_set):
    """Of moles it sees those on the left alone, and their mirror images."""
    one_sided = train[train.attributes["mole"] != 2]
    chances = answers(assembled(member, one_sided), test_set)["mole"]
    right = test_set.attributes["mole"] == 2
    assert (chances[right].argmax(axis=1) == 2).mean() >= 0.9


def test_a_class_that_no_face_has_gets_no_probability(member, train, test_set):
    types = {**TYPES, "glasses": Attribute(("monocle", "no", "yes"))}
    codes = {**train.attributes, "glasses": train.attributes["glasses"] + 1}
    method = assembled(member, replace(train, attributes=codes, attribute_types=types))
    chances = answers(method, test_set)["glasses"]
    assert chances.shape == (30, 3) and not chances[:, 0].any() and np.allclose(chances.sum(axis=1), 1)
    assert (chances.argmax(axis=1) == test_set.attributes["glasses"] + 1).mean() >= 0.9
    assert method.seen_.tolist() == [True, True, True, False, True, True]


def test_class_weights_raise_the_rare_class(member, train, test_set):
    rare = (train.attributes["glasses"] == 0) | (np.arange(len(train)) < 12)
    kept = train[rare]
    share = [
        answers(assembled(member, kept, class_weight=weight, penalty=1000.0), test_set)["glasses"][:, 1].mean()
        for weight in ("none", "balanced")
    ]
    assert share[0] < 0.42 and abs(share[1] - 0.5) < 0.03


def test_faces_without_landmarks_teach_the_heads(train):
    lost = np.arange(len(train)) % 2 == 0
    points = np.where(lost[:, None, None], np.nan, train.landmarks)
    faces = replace(train, landmarks=points, visible=None)
    method = HogHeads(TASKS, **SMALL).fit(faces)
    alone = HogRidge(**CASCADE, threads=1).fit(train[~lost])
    assert np.array_equal(method.members_[0].weights_, alone.weights_)
    assert np.array_equal(method.weights_, assembled(alone, train).weights_)


@pytest.mark.parametrize(
    ("tasks", "codes", "message"),
    [
        (("landmarks", "moles"), {}, "drawn has no attribute 'moles'; did you mean 'mole'"),
        (("landmarks", "age"), {}, "the attribute 'age' is a number without classes"),
        (("landmarks", "glasses"), {"glasses": 1}, r"the known classes of glasses is \['yes'\]; must be two or more"),
        (("landmarks", "glasses"), {"glasses": -1}, r"the known classes of glasses is \[\]; must be two or more"),
        (("landmarks", "glasses", "glasses"), {}, "hog-heads: tasks is .*; must be a list of names, each of them once"),
        (("glasses",), {}, "hog-heads: tasks is .*, with 'landmarks' among them"),
    ],
)
def test_what_cannot_be_learned_is_refused_before_anything_is_fitted(train, monkeypatch, tasks, codes, message):
    monkeypatch.setattr(HogRidge, "fit", lambda *_: pytest.fail("hog-ridge was fitted"))
    faces = with_codes(train, **{name: np.full(len(train), code) for name, code in codes.items()})
    with pytest.raises((DataError, MethodError), match=message):
        HogHeads(tasks, **SMALL).fit(faces)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"class_weight": "rare"}, "class_weight is 'rare'; must be one of 'balanced', 'none'"),
        ({"penalty": 0.0}, "penalty is 0.0; must be a number above 0"),
        ({"crop_size": 60}, r"crop_size is 60; must be a multiple of cell \(8\), at least 16"),
        ({"landmark_params": [3]}, r"landmark_params is \[3\]; must be None or a dict of parameters"),
        ({"landmark_params": {"stages": 0}}, "hog-heads: hog-ridge: hog-ridge: stages is 0; must be"),
        ({"landmark_params": {"stage": 1}}, "method 'hog-ridge' has no parameter 'stage'"),
    ],
)
def test_wrong_parameters(params, message):
    with pytest.raises(MethodError, match=message):
        HogHeads(**params).check_params()


def test_points_in_one_place_align_nothing(train):
    flat = replace(train, landmarks=train.landmarks * 0 + train.landmarks[:, 2:3])
    with pytest.raises(DataError, match=r"the mean shape is .*; must be of some width and height, to align faces by"):
        HogHeads(TASKS, **SMALL).fit(flat)
    assert HogHeads(**SMALL).fit(flat).classes_ == {}


def test_the_crop_is_aligned_by_the_predicted_points():
    """By hand: the mean shape, 20 px wide, fills the middle half of a crop of 40 px; a turned face comes upright."""
    reference = np.array([[-10.0, -10], [10, -10], [-10, 10], [10, 10]])
    turned = reference @ np.array([[0.0, 3], [-3, 0]]) + (70, 90)  # by 90 degrees and three times as large
    boxes = np.array([[0.0, 0, 100, 100]] * 3)
    predicted = np.stack([turned, np.zeros((4, 2)), np.full((4, 2), np.nan)])  # one of them flat, one missed
    method = HogHeads(crop_size=40, padding=0.5)
    stub = SimpleNamespace(reference_=reference, mean_shape_=reference / 40 + 0.5, predict=lambda *_: predicted)
    method.members_ = [stub]
    matrices = method._aligned([np.zeros((9, 9, 3), np.uint8)] * 3, boxes)
    middle = reference + 19.5
    assert np.allclose(transform(turned, matrices[0]), middle)
    for matrix in matrices[1:]:  # as the mean shape in the box: from 25 to 75 px
        assert np.allclose(transform(np.array([[25.0, 25], [75, 75]]), matrix), middle[[0, 3]])


def test_saved_and_loaded_it_answers_the_same(fitted, test_set, tmp_path):
    again = load_method(fitted.save(tmp_path / "model"))
    assert again.classes_ == fitted.classes_ and list(again.tasks) == list(TASKS)
    for name, chances in answers(fitted, test_set).items():
        assert np.array_equal(answers(again, test_set)[name], chances)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes_": {"mole": ["a", "b", "c"]}}, "classes_ is .*; must be the classes of mole, glasses"),
        ({"classes_": 3}, "classes_ is 3; must be the classes of mole, glasses"),
        (
            {"classes_": {"mole": ["a", "b", "c"], "glasses": ["a"]}},
            r"classes_\[glasses\] is .*; must be a list of two",
        ),
        (
            {"classes_": {"mole": ["a", "b", 3], "glasses": ["a", "b"]}},
            r"classes_\[mole\] is .*; must be a list of two",
        ),
        ({"classes_": {"mole": ["a", "b", "a"], "glasses": ["a", "b"]}}, r"classes_\[mole\] is .*; must be different"),
        (
            {"classes_": {"mole": ["a", "b"], "glasses": ["a", "b"]}},
            r"weights_ is .*; must be float32 of shape \(1568, 4\)",
        ),
        ({"biases_": np.zeros(4, np.float32)}, r"biases_ is .*; must be float32 of shape \(5\)"),
        ({"seen_": np.zeros(5, np.float32)}, "seen_ is .*; must be bool"),
        ({"seen_": np.array([1, 0, 0, 1, 1], bool)}, r"seen_ of mole is \[True, False, False\]; must be true twice"),
        ({"more_": 1.0}, "has 'more_', which that method does not learn"),
        ({"1/weights_": np.zeros(3)}, "has '1/weights_', which no member learns"),
    ],
)
def test_a_damaged_model_is_refused(fitted, changes, message):
    with pytest.raises(DataError, match=message):
        HogHeads(TASKS, **SMALL).restore(fitted.learned() | changes)


class Marked(Dataset):
    """The marked faces, 60 to train on and 30 to be measured on."""

    name = "marked"
    scheme = "mtfl-5"
    splits = ("train", "test")

    def load(self, root, split):
        faces = marked_faces(60) if split == "train" else marked_faces(30, seed=1)
        return replace(faces, name="marked", split_name=split)


def test_a_suite_that_fits_hog_ridge_has_it_used(toy, tmp_path):
    registry.register_dataset("marked", Marked)
    registry.register("protocol", "marked-test", toy_protocol("marked-test", dataset="marked", n_expected=30))
    ridge = {"name": "hog-ridge", "params": CASCADE}
    heads = {"name": "hog-heads", "params": SMALL | {"tasks": list(TASKS)}}
    suite = toy | {"train": [{"dataset": "marked"}], "protocols": ["marked-test"]}
    begun = []
    with listening(lambda what, done, total: begun.append(what) if not done else None):
        first, second = fldbench.run_suite(suite | {"methods": [ridge, heads]}, tmp_path / "both")
    assert begun.count("hog-ridge: stages") == 1 and begun.count("hog-heads: attributes") == 1
    assert (first.status, second.status) == ("ok", "ok") and first.metrics["nme"] == second.metrics["nme"]
    assert second.timings.fit_seconds > first.timings.fit_seconds > 0
    (alone,) = fldbench.run_suite(suite | {"methods": [heads]}, tmp_path / "alone")
    assert alone.key == second.key and alone.metrics == second.metrics


@pytest.mark.parametrize(("name", "least"), [("gender", 0.6), ("smile", 0.6)])
def test_real_faces(data_root, name, least):
    faces = fldbench.load_dataset("mtfl", data_root)
    method = HogHeads(("landmarks", name), CASCADE | {"crop_size": 64}, threads=1).fit(faces[:400])
    others = faces[3000:3200]
    told = answers(method, others)[name].argmax(axis=1)
    truth = others.attributes[name]
    assert np.mean([(told[truth == code] == code).mean() for code in (0, 1)]) > least
