"""hog-ridge: the normal equations by a second route, the laws of its answers, and real faces where there are some."""

import os
import re
from copy import copy

import numpy as np
import pytest
from drawn import drawn_faces, error, jittered

from fldbench.baselines.hog_ridge import HogRidge
from fldbench.baselines.mean_shape import MeanShape
from fldbench.baselines.parts import hog
from fldbench.baselines.parts.frames import turned
from fldbench.dataset import load_dataset
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet, ImageArrays
from fldbench.geometry import tight_box
from fldbench.method import load_method, make_method
from fldbench.schemes import get_scheme

SMALL = {"stages": 3, "crop_size": 64, "starts": 4, "ridge": 1.0}


@pytest.fixture(scope="module")
def test_set():
    return jittered(drawn_faces(20, seed=1))


@pytest.fixture(scope="module")
def fitted():
    return HogRidge(**SMALL).fit(drawn_faces(60))


def test_it_beats_the_mean_shape_by_far(fitted, test_set):
    assert error(fitted, test_set) < 0.3 * error(MeanShape().fit(drawn_faces(60)), test_set)


def doubled_rows_solution(features, steps, weights, ridge, mirror, grid, bins):
    """min sum w |y - phi W - b -+ c|^2 + r |W|^2 over faces and mirrored faces, by least squares: W, then b + c."""
    index = hog.mirror_features(mirror, grid, bins)
    both = np.concatenate([features, features[:, index]])
    targets = np.concatenate([steps, steps[:, mirror] * (-1, 1)]).reshape(len(both), -1)
    root = np.sqrt(np.tile(weights, 2))[:, None]
    d, side = len(index), np.repeat([1.0, -1.0], len(features))[:, None]
    rows = np.block([[both * root, root, side * root], [np.sqrt(ridge) * np.eye(d), np.zeros((d, 2))]])
    found = np.linalg.lstsq(rows, np.concatenate([targets * root, np.zeros((d, targets.shape[1]))]), rcond=None)[0]
    return np.concatenate([found[:-2], found[-2:].sum(axis=0, keepdims=True)])


def by_hand(method, faces):
    """The features, steps and sample weights of the first stage, one face at a time."""
    from fldbench.baselines.parts.normalised import grey_crops
    from fldbench.geometry import crop_matrix, fit_similarity, transform

    matrices = crop_matrix(faces.boxes, method.crop_size, method.padding)
    crops = grey_crops(list(faces.images), matrices, method.crop_size, 1)
    size = faces.boxes[:, None, 2:] - faces.boxes[:, None, :2]
    starts = transform(method.mean_shape_ * size + faces.boxes[:, None, :2], matrices)
    truth = transform(faces.landmarks, matrices)
    features, steps = [], []
    (level, cell), *_ = method.cells
    assert level == 0
    for crop, start, true in zip(crops, starts, truth, strict=True):
        linear = fit_similarity(method.reference_, start)[:, :2]
        channels = hog.orientation_channels(crop, method.bins)
        features.append(hog.landmark_features(channels, start[None], linear[:, 0][None], cell, method.grid)[0])
        steps.append((true - start) @ np.linalg.inv(linear).T)
    return np.array(features), np.array(steps)


def test_a_fit_that_fails_leaves_the_model_as_it_was():
    faces = drawn_faces(12)
    method = HogRidge(**SMALL).fit(faces)
    before = method.predict(faces.images, faces.boxes)
    with pytest.raises(DataError, match="the shape of start_shapes is \\(3, 5, 2\\); must be \\(6, L, 2\\)"):
        method.fit(drawn_faces(6), start_shapes=np.zeros((3, 5, 2)))
    assert np.array_equal(method.predict(faces.images, faces.boxes), before)


def test_a_stage_is_ridge_on_faces_and_mirrored_faces():
    """Weighted, through folds and permuted sums; against plain least squares on doubled rows."""
    faces = drawn_faces(30)
    weight = np.random.default_rng(0).uniform(0.5, 2, 30)
    method = HogRidge(stages=1, starts=1, grid=2, bins=4, crop_size=48, first_patch=0.3, ridge=0.7)
    method.fit(faces, sample_weight=weight)
    features, steps = by_hand(method, faces)
    mirror = np.array(get_scheme("mtfl-5").mirror)
    expected = doubled_rows_solution(features, steps, weight, 0.7, mirror, 2, 4)
    assert np.allclose(method.weights_[0], expected[:-1], atol=2e-3)
    assert np.allclose(method.biases_[0], expected[-1], atol=2e-3)


def test_of_several_ridges_the_best_on_left_out_folds_is_taken():
    faces = drawn_faces(40)
    params = {"stages": 1, "starts": 1, "grid": 2, "bins": 4, "crop_size": 48, "first_patch": 0.3, "folds": 4}
    ridges = [1e-3, 1.0, 1e4]
    method = HogRidge(**params, ridge=ridges).fit(faces)
    features, steps = by_hand(method, faces)
    mirror = np.array(get_scheme("mtfl-5").mirror)
    errors = np.zeros(3)
    for rest, part in faces.folds(4, random_state=0):
        inside = np.isin(faces.ids, rest.ids)
        for i, ridge in enumerate(ridges):
            fit = doubled_rows_solution(features[inside], steps[inside], np.ones(inside.sum()), ridge, mirror, 2, 4)
            answer = features[~inside] @ fit[:-1] + fit[-1]
            errors[i] += ((answer - steps[~inside].reshape(len(part), -1)) ** 2).sum()
    assert method.ridges_.tolist() == [ridges[int(errors.argmin())]]


def test_a_face_of_weight_two_counts_twice():
    faces = drawn_faces(12)
    params = SMALL | {"stages": 1, "starts": 1, "folds": 1}
    heavy = HogRidge(**params).fit(faces, sample_weight=np.r_[2.0, np.ones(11)])
    twice = drawn_faces(13)
    images = ImageArrays([*faces.images, faces.images[0]])
    boxes, landmarks = (np.concatenate([column, column[:1]]) for column in (faces.boxes, faces.landmarks))
    twice = FaceSet(twice.ids, images, boxes, landmarks, twice.scheme)
    double = HogRidge(**params).fit(twice)
    assert np.allclose(heavy.mean_shape_, double.mean_shape_)
    # The reference is the mean over boxes, where the doubled face counts twice: the frames differ a little.
    test = jittered(drawn_faces(10, seed=5))
    answers = [method.predict(test.images, test.boxes) for method in (heavy, double)]
    assert np.abs(answers[0] - answers[1]).max() < 0.3


def test_the_number_of_threads_changes_nothing(test_set):
    train = drawn_faces(40)
    one, two = (HogRidge(**SMALL, threads=threads).fit(train) for threads in (1, 2))
    assert np.array_equal(one.weights_, two.weights_)
    answers = [method.predict(test_set.images, test_set.boxes) for method in (one, two)]
    assert np.abs(answers[0] - answers[1]).max() < 1e-4


def test_a_turned_photo_gives_a_turned_answer(fitted):
    """Frames follow the shape, so the same regressions fit small turns."""
    import cv2

    faces = drawn_faces(10, seed=6)
    turn = cv2.getRotationMatrix2D((100.0, 95.0), 8, 1.0)
    images = [cv2.warpAffine(image, turn, (200, 190), borderMode=cv2.BORDER_REPLICATE) for image in faces.images]
    truth = faces.landmarks @ turn[:, :2].T + turn[:, 2]
    turned = FaceSet(faces.ids, ImageArrays(images), tight_box(truth), truth, "mtfl-5")
    assert error(fitted, turned) < 2 * error(fitted, faces)


def test_steps_are_turned_into_the_frame_and_back():
    rng = np.random.default_rng(1)
    steps, frames = rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 2))
    maps = np.stack([np.stack([frames[:, 0], -frames[:, 1]], -1), np.stack([frames[:, 1], frames[:, 0]], -1)], -2)
    assert np.allclose(turned(steps, frames), steps @ np.swapaxes(maps, 1, 2))


def test_identical_faces_are_enough():
    one = drawn_faces(1)
    same = FaceSet(
        np.array([f"{i}" for i in range(6)]),
        ImageArrays([one.images[0]] * 6),
        np.repeat(one.boxes, 6, axis=0),
        np.repeat(one.landmarks, 6, axis=0),
        "mtfl-5",
    )
    method = HogRidge(**SMALL).fit(same)
    assert np.abs(method.predict(one.images, one.boxes) - one.landmarks).max() < 1


def test_mirrored_images_give_mirrored_answers_but_for_what_labels_have_of_one_side(fitted, test_set):
    scheme = get_scheme("mtfl-5")
    flipped = [np.ascontiguousarray(image[:, ::-1]) for image in test_set.images]
    boxes = test_set.boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (199, 0, 199, 0)
    even, biases = copy(fitted), fitted.biases_.reshape(len(fitted.biases_), -1, 2)
    even.biases_ = ((biases + biases[:, scheme.mirror] * (-1, 1)) / 2).reshape(fitted.biases_.shape)
    expected = scheme.flip(even.predict(test_set.images, test_set.boxes), 200)
    assert np.abs(even.predict(flipped, boxes) - expected).max() < 0.2


def test_labels_that_lie_to_one_side_are_learned():
    faces = drawn_faces(60)
    shift = np.array([3.0, 0.0])
    moved = FaceSet(faces.ids, faces.images, faces.boxes, faces.landmarks + shift, faces.scheme)
    answers = [HogRidge(**SMALL).fit(one).predict(faces.images, faces.boxes) for one in (faces, moved)]
    assert np.abs((answers[1] - answers[0] - shift).mean(axis=0)).max() < 0.3


def test_a_doubled_image_gives_doubled_answers(fitted, test_set):
    import cv2

    doubled = [cv2.resize(image, None, fx=2, fy=2) for image in test_set.images]
    at = fitted.predict(doubled, 2 * test_set.boxes + 0.5)  # pixel centres: x -> 2 x + 0.5
    assert np.abs((at - 0.5) / 2 - fitted.predict(test_set.images, test_set.boxes)).max() < 0.5


def test_a_face_does_not_depend_on_its_batch(fitted, test_set):
    together = fitted.predict(test_set.images, test_set.boxes)
    single = [fitted.predict([face.image], face.box[None])[0] for face in test_set]
    assert np.abs(together - single).max() < 1e-3


def test_inputs_stay_as_they_are(fitted):
    faces = drawn_faces(4, seed=3)
    for array in [*faces.images, faces.landmarks, faces.boxes]:
        array.setflags(write=False)
    HogRidge(**SMALL).fit(faces)
    fitted.predict(faces.images, faces.boxes)


def test_saved_is_loaded(fitted, test_set, tmp_path):
    again = load_method(fitted.save(tmp_path / "model.safetensors"))
    assert again.get_params() == fitted.get_params()
    answers = [method.predict(test_set.images, test_set.boxes) for method in (fitted, again)]
    assert np.array_equal(*answers)


def test_the_seed_decides(test_set):
    train = drawn_faces(8)
    one, same, other = (HogRidge(**SMALL, random_state=seed).fit(train).weights_ for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_odd_inputs(fitted):
    face = drawn_faces(1, seed=4)[0]
    grey = face.image[..., 1]
    tiny = np.zeros((12, 12, 3), np.uint8)
    boxes = np.stack([face.box, face.box - 150, face.box + 5000, np.array([0.0, 0, 11, 11])])
    answer = fitted.predict([grey, face.image, face.image, tiny], boxes)
    assert answer.shape == (4, 5, 2)
    assert np.isfinite(answer).all()
    assert fitted.predict([], np.zeros((0, 4))).shape == (0, 5, 2)


def test_one_face_and_missing_points_are_enough():
    one = drawn_faces(1)
    assert np.isfinite(HogRidge(**SMALL).fit(one).predict(one.images, one.boxes)).all()
    train = drawn_faces(30)
    landmarks = train.landmarks.copy()
    landmarks[np.arange(30), np.arange(30) % 5] = np.nan  # every face lacks a point
    gappy = FaceSet(train.ids, train.images, train.boxes, landmarks, train.scheme)
    test = jittered(drawn_faces(10, seed=5))
    assert error(HogRidge(**SMALL).fit(gappy), test) < 0.6 * error(MeanShape().fit(train), test)


def test_cells_shrink_and_are_odd():
    assert make_method("hog-ridge").cells == [(1, 7), (1, 5), (1, 3), (0, 5), (0, 3)]
    assert HogRidge(stages=1, crop_size=8).cells == [(0, 1)]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("bins", 5, "an even number from 2"),
        ("ridge", 0, "a number above 0, or a list of such numbers"),
        ("ridge", [], "a number above 0, or a list of such numbers"),
        ("ridge", [1.0, -2.0], "a number above 0, or a list of such numbers"),
        ("stages", 0, "a whole number from 1"),
    ],
)
def test_impossible_parameters(name, value, allowed):
    with pytest.raises(MethodError, match=re.escape(f"hog-ridge: {name} is {value}; must be {allowed}")):
        HogRidge(**{name: value}).fit(drawn_faces(2))


def test_real_faces():
    if not os.environ.get("FLDBENCH_DATA"):
        pytest.skip("set FLDBENCH_DATA to the folder that holds 300w to test on real faces")
    train = load_dataset("300w", split="train")[::33]  # 61 faces
    test = jittered(load_dataset("300w", split="test")[::11])  # 30 faces
    method = HogRidge(stages=3, starts=3, grid=3, ridge=100.0).fit(train)
    assert error(method, test) < 0.5 * error(MeanShape().fit(train), test)
