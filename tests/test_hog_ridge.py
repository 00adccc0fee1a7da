"""hog-ridge: the normal equations by a second route, the laws of its answers, and real faces where they are."""

import os

import numpy as np
import pytest

from fldbench.baselines import hog
from fldbench.baselines.hog_ridge import HogRidge, NormalEquations
from fldbench.baselines.mean_shape import MeanShape
from fldbench.dataset import load_dataset
from fldbench.errors import MethodError
from fldbench.faces import FaceSet, ImageArrays
from fldbench.geometry import jitter_box, tight_box
from fldbench.method import load_method, make_method
from fldbench.schemes import get_scheme

SMALL = {"stages": 3, "crop_size": 64, "starts": 4, "ridge": 1.0}


def drawn_faces(n, seed=0):
    """Faces of five points: eyes are discs, the nose a blob, the mouth a bar between its corners. 3 images are grey."""
    import cv2

    rng = np.random.default_rng(seed)
    base = np.array([[70.0, 60], [130, 60], [100, 95], [75, 130], [125, 130]])
    landmarks = base + rng.normal(0, 5, (n, 5, 2)) + rng.normal(0, 8, (n, 1, 2))
    images = []
    for points in landmarks:
        image = np.full((190, 200, 3), 190, np.uint8)
        at = [tuple(round(v * 16) for v in p) for p in points.tolist()]
        for eye in at[:2]:
            cv2.circle(image, eye, 8 * 16, (40, 30, 60), -1, cv2.LINE_AA, 4)
        cv2.circle(image, at[2], 5 * 16, (120, 60, 60), -1, cv2.LINE_AA, 4)
        cv2.line(image, at[3], at[4], (150, 20, 20), 5, cv2.LINE_AA, 4)
        images.append(image)
    ids = np.array([f"{seed}-{i}" for i in range(n)])
    return FaceSet(ids, ImageArrays(images), tight_box(landmarks), landmarks, "mtfl-5", name="drawn")


def error(method, faces):
    """Mean distance in sides of the box."""
    distances = np.linalg.norm(method.predict(faces.images, faces.boxes) - faces.landmarks, axis=2)
    return (distances.mean(axis=1) / np.ptp(faces.boxes[:, ::2], axis=1)).mean()


def jittered(faces, seed=9):
    rng = np.random.default_rng(seed)
    return faces.with_boxes(np.array([jitter_box(box, rng) for box in faces.boxes]))


@pytest.fixture(scope="module")
def test_set():
    return jittered(drawn_faces(20, seed=1))


@pytest.fixture(scope="module")
def fitted():
    return HogRidge(**SMALL).fit(drawn_faces(60))


def test_it_beats_the_mean_shape_by_far(fitted, test_set):
    assert error(fitted, test_set) < 0.3 * error(MeanShape().fit(drawn_faces(60)), test_set)


@pytest.mark.parametrize("n", [7, 300])
def test_ridge_by_least_squares_on_doubled_rows(n):
    """The permuted normal equations are the ridge regression on faces and mirrored faces together."""
    rng = np.random.default_rng(n)
    mirror, grid, bins, ridge = np.array(get_scheme("mtfl-5").mirror), 2, 2, 0.7
    index = hog.mirror_features(mirror, grid, bins)
    features = rng.normal(size=(n, len(index))).astype(np.float32)
    steps = rng.normal(size=(n, 5, 2))
    equations = NormalEquations(mirror, grid, bins)
    for part in np.array_split(np.arange(n), 3):
        equations.add(features[part], steps[part].reshape(len(part), -1))
    weights, bias = equations.solve(ridge)

    both = np.concatenate([features, features[:, index]])
    targets = np.concatenate([steps, steps[:, mirror] * (-1, 1)]).reshape(2 * n, -1)
    # min |y - phi W - b|^2 + r |W|^2 is plain least squares with sqrt(r) I below phi and zeros below y.
    d = len(index)
    rows = np.block([[both, np.ones((2 * n, 1))], [np.sqrt(ridge) * np.eye(d), np.zeros((d, 1))]])
    expected = np.linalg.lstsq(rows, np.concatenate([targets, np.zeros((d, 10))]), rcond=None)[0]
    assert np.allclose(weights, expected[:-1], atol=1e-4)
    assert np.allclose(bias, expected[-1], atol=1e-4)


def test_mirrored_images_give_mirrored_answers(fitted, test_set):
    scheme = get_scheme("mtfl-5")
    flipped = [np.ascontiguousarray(image[:, ::-1]) for image in test_set.images]
    boxes = test_set.boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (199, 0, 199, 0)
    expected = scheme.flip(fitted.predict(test_set.images, test_set.boxes), 200)
    assert np.abs(fitted.predict(flipped, boxes) - expected).max() < 0.2


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


def test_one_face_and_missing_points_will_do():
    one = drawn_faces(1)
    assert np.isfinite(HogRidge(**SMALL).fit(one).predict(one.images, one.boxes)).all()
    train = drawn_faces(30)
    landmarks = train.landmarks.copy()
    landmarks[np.arange(30), np.arange(30) % 5] = np.nan  # every face lacks a point
    gappy = FaceSet(train.ids, train.images, train.boxes, landmarks, train.scheme)
    test = jittered(drawn_faces(10, seed=5))
    assert error(HogRidge(**SMALL).fit(gappy), test) < 0.6 * error(MeanShape().fit(train), test)


def test_cells_shrink_and_are_odd():
    assert make_method("hog-ridge").cells == [15, 11, 7, 5, 3]
    assert HogRidge(stages=1, crop_size=8).cells == [1]


@pytest.mark.parametrize(
    ("name", "value", "allowed"), [("bins", 5, "even"), ("ridge", 0, "above 0"), ("stages", 0, "at least 1")]
)
def test_impossible_parameters(name, value, allowed):
    with pytest.raises(MethodError, match=f"hog-ridge: {name} is {value}; it has to be {allowed}"):
        HogRidge(**{name: value}).fit(drawn_faces(2))


def test_real_faces():
    if not os.environ.get("FLDBENCH_DATA"):
        pytest.skip("set FLDBENCH_DATA to the folder that holds 300w to test on real faces")
    train = load_dataset("300w", split="train")[::33]  # 61 faces
    test = jittered(load_dataset("300w", split="test")[::11])  # 30 faces
    method = HogRidge(stages=3, starts=3, grid=3, ridge=100.0).fit(train)
    assert error(method, test) < 0.5 * error(MeanShape().fit(train), test)
