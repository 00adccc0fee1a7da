"""linear: against scikit-learn end to end, the laws of its answers, odd input, and real faces where there are some."""

from dataclasses import replace

import numpy as np
import pytest
from drawn import drawn_faces, error, jittered
from sklearn.linear_model import Ridge

from fldbench import progress, registry
from fldbench.baselines.linear import Linear
from fldbench.baselines.mean_shape import MeanShape
from fldbench.baselines.parts import hog_grid
from fldbench.dataset import load_dataset
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet, ImageArrays
from fldbench.faces.crops import crop_image
from fldbench.geometry import crop_matrix
from fldbench.method import load_method
from fldbench.protocols import boxes_from
from fldbench.schemes import get_scheme
from fldbench.shapes import to_box_frame

SMALL = {"crop_size": 32, "copies": 3, "threads": 1}
KERNELS = ({}, {"kernel": "rbf", "supports": 50})


@pytest.fixture(scope="module")
def train():
    return drawn_faces(60)


@pytest.fixture(scope="module")
def test_set():
    return jittered(drawn_faces(20, seed=1))


@pytest.fixture(scope="module", params=KERNELS, ids=["linear", "rbf"])
def fitted(request, train):
    return Linear(**SMALL, **request.param).fit(train)


def test_it_beats_the_mean_shape(fitted, train, test_set):
    assert error(fitted, test_set) < 0.7 * error(MeanShape().fit(train), test_set)


def test_ridge_regression_by_scikit_learn(train, test_set):
    """Without copies: plain ridge on the crops, the mirrored crops and their targets in the box frame."""
    weight = np.random.default_rng(0).uniform(0, 2, len(train))
    method = Linear(**SMALL | {"copies": 1}, ridge=3.0).fit(train, sample_weight=weight)
    scheme = get_scheme(train.scheme)

    def features(images, boxes):
        matrices = crop_matrix(boxes, 32, 0.1)
        crops = [crop_image(image, m, 32, True) for image, m in zip(images, matrices, strict=True)]
        return np.stack(crops)

    crops = features(train.images, train.boxes)
    both = hog_grid.grid_features(np.concatenate([crops, crops[:, :, ::-1]]), 8, 8)
    unit = to_box_frame(train.landmarks, train.boxes)
    flipped = unit[:, list(scheme.mirror)] * (-1, 1) + (1, 0)
    targets = np.concatenate([unit, flipped]).reshape(len(both), -1)
    expected = Ridge(3.0).fit(both.astype(float), targets, np.tile(weight, 2))
    answer = expected.predict(hog_grid.grid_features(features(test_set.images, test_set.boxes), 8, 8))
    got = to_box_frame(method.predict(test_set.images, test_set.boxes), test_set.boxes)
    assert np.allclose(got.reshape(answer.shape), answer, atol=1e-4)


def test_mirrored_images_give_mirrored_answers(fitted, test_set):
    flipped = [np.ascontiguousarray(image[:, ::-1]) for image in test_set.images]
    boxes = test_set.boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (199, 0, 199, 0)
    expected = get_scheme("mtfl-5").flip(fitted.predict(test_set.images, test_set.boxes), 200)
    assert np.abs(fitted.predict(flipped, boxes) - expected).max() < 0.5


def test_a_face_does_not_depend_on_its_batch_nor_on_threads(fitted, test_set, train):
    together = fitted.predict(test_set.images, test_set.boxes)
    single = [fitted.predict([face.image], face.box[None])[0] for face in test_set]
    assert np.abs(together - single).max() < 1e-3
    two = Linear(**fitted.get_params() | {"threads": 2}).fit(train)
    assert np.array_equal(two.weights_, fitted.weights_)
    assert np.array_equal(two.predict(test_set.images, test_set.boxes), together)


def test_saved_is_loaded(fitted, test_set, tmp_path, monkeypatch):
    monkeypatch.setitem(registry.TABLES["method"], "linear", "fldbench.baselines.linear:Linear")
    again = load_method(fitted.save(tmp_path / "model.safetensors"))
    assert again.get_params() == fitted.get_params() and again.ridge_ == fitted.ridge_
    assert np.array_equal(*(m.predict(test_set.images, test_set.boxes) for m in (fitted, again)))


def test_the_seed_decides(train):
    one, same, other = (Linear(**SMALL, ridge=3.0, random_state=seed).fit(train[:8]).weights_ for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("kernel", KERNELS, ids=["linear", "rbf"])
def test_weights_are_numbers_of_copies_and_zero_leaves_out(train, kernel):
    weight = np.tile([1.0, 0.0], 30)
    some = Linear(**SMALL, **kernel, ridge=3.0).fit(train, sample_weight=weight)
    fewer = Linear(**SMALL, **kernel, ridge=3.0).fit(train[::2])
    assert np.array_equal(some.weights_, fewer.weights_)
    twice = Linear(**SMALL, **kernel, ridge=6.0).fit(train, sample_weight=2 * weight)  # loss and penalty doubled
    assert np.allclose(twice.weights_, fewer.weights_, atol=1e-4)


def test_every_support_or_fewer(train):
    few = Linear(**SMALL, kernel="rbf", supports=7).fit(train)
    every = Linear(**SMALL, kernel="rbf", supports=10**6, gamma=0.1).fit(train[:10])
    assert few.supports_.shape == (7, 288) and few.weights_.shape == (14, 10)
    assert every.supports_.shape == (30, 288) and every.gamma_ == 0.1
    assert len(np.unique(few.supports_, axis=0)) == 7


@pytest.mark.parametrize("kernel", KERNELS, ids=["linear", "rbf"])
def test_odd_training_sets(kernel):
    one = drawn_faces(1)
    answer = Linear(**SMALL, **kernel).fit(one).predict(one.images, one.boxes)
    assert np.isfinite(answer).all()
    many = drawn_faces(30)
    same = FaceSet(
        np.arange(6).astype(str), ImageArrays([one.images[0]] * 6), one.boxes[[0] * 6], one.landmarks[[0] * 6], "mtfl-5"
    )
    assert np.isfinite(Linear(**SMALL, **kernel).fit(same).predict(one.images, one.boxes)).all()
    landmarks = many.landmarks.copy()
    landmarks[np.arange(30), np.arange(30) % 5] = np.nan  # every face lacks a point
    gappy = _with(many, landmarks)
    test = jittered(drawn_faces(10, seed=5))
    assert error(Linear(**SMALL, **kernel).fit(gappy), test) < error(MeanShape().fit(many), test)
    landmarks[:, 2] = np.nan
    with pytest.raises(DataError, match="no face has point 2"):
        Linear(**SMALL, **kernel).fit(_with(many, landmarks))
    with pytest.raises(DataError, match="has no faces"):
        Linear(**SMALL, **kernel).fit(many[:0])


def _with(faces, landmarks):
    return replace(faces, landmarks=landmarks, visible=None)


def test_odd_inputs(fitted):
    face = drawn_faces(1, seed=4)[0]
    tiny = np.zeros((12, 12, 3), np.uint8)
    boxes = np.stack([face.box, face.box - 150, face.box + 5000, np.array([0.0, 0, 11, 11])])
    answer = fitted.predict([face.image[..., 1], face.image, face.image, tiny], boxes)
    assert answer.shape == (4, 5, 2) and np.isfinite(answer).all()
    assert fitted.predict([], np.zeros((0, 4))).shape == (0, 5, 2)
    with pytest.raises(MethodError, match="has not been fitted"):
        Linear().predict([], np.zeros((0, 4)))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("bins", 5, "an even number from 2"),
        ("ridge", 0, "None or a number above 0"),
        ("crop_size", 60, "a multiple of cell .8., at least 16"),
        ("cell", 0, "a whole number from 1"),
        ("kernel", "cubic", "one of 'linear', 'rbf'"),
        ("gamma", -1, "None or a number above 0"),
        ("supports", 0, "a whole number from 1"),
        ("copies", 0, "a whole number from 1"),
        ("padding", -0.5, "a number above -0.5"),
    ],
)
def test_impossible_parameters(name, value, allowed):
    with pytest.raises(MethodError, match=f"linear: {name} is {value!r}; must be {allowed}"):
        Linear(**{name: value}).fit(drawn_faces(2))


def test_it_reports_its_progress(train):
    news = []
    with progress.listening(lambda *what: news.append(what)):
        Linear(**SMALL).fit(train)
    assert news[0] == ("linear: faces", 0, 60) and ("linear: faces", 60, 60) in news
    assert news[-1] == ("ridge: penalties", 9, 9)


def test_real_faces(data_root):
    train = boxes_from(load_dataset("300w", data_root, split="train"), "tight")[::12]  # 168 faces
    test = boxes_from(load_dataset("300w", data_root, split="test"), "tight")[::11]
    assert error(Linear(crop_size=48, bins=6, threads=1).fit(train), test) < 0.85 * error(MeanShape().fit(train), test)
