"""ert: dlib's trees behind the contract."""

import copy
import os

import numpy as np
import pytest

from fldbench.baselines.ert import ERT
from fldbench.baselines.mean_shape import MeanShape
from fldbench.dataset import load_dataset
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet, ImageArrays
from fldbench.geometry import crop_matrix, tight_box
from fldbench.method import load_method
from fldbench.schemes import get_scheme

dlib = pytest.importorskip("dlib", reason="dlib is not installed")

SMALL = {"cascade_depth": 4, "num_trees_per_cascade_level": 40, "oversampling_amount": 3, "nu": 0.3, "crop_size": 120}


def drawn_faces(n, seed=0):
    """Faces of five points, each a disc on a light ground: dark eyes and mouth corners, a grey nose."""
    import cv2

    rng = np.random.default_rng(seed)
    base = np.array([[70.0, 60], [130, 60], [100, 95], [75, 130], [125, 130]])
    landmarks = base + rng.normal(0, 7, (n, 5, 2))
    images = []
    for points in landmarks:
        image = np.full((190, 200, 3), 190, np.uint8)
        for p, shade in zip(points.tolist(), (20, 20, 110, 60, 60), strict=True):
            cv2.circle(image, [round(v * 16) for v in p], 12 * 16, (shade,) * 3, -1, cv2.LINE_AA, 4)
        images.append(image)
    ids = np.array([f"{seed}-{i}" for i in range(n)])
    return FaceSet(ids, ImageArrays(images), tight_box(base)[None].repeat(n, 0), landmarks, "mtfl-5", name="drawn")


def error(method, faces):
    """Mean distance in sides of the box."""
    distances = np.linalg.norm(method.predict(faces.images, faces.boxes) - faces.landmarks, axis=2)
    return (distances.mean(axis=1) / np.ptp(faces.boxes[:, ::2], axis=1)).mean()


@pytest.fixture(scope="module")
def test_set():
    return drawn_faces(20, seed=1)


@pytest.fixture(scope="module")
def fitted():
    return ERT(**SMALL).fit(drawn_faces(80))


def test_it_beats_the_mean_shape(fitted, test_set):
    assert error(fitted, test_set) < 0.6 * error(MeanShape().fit(drawn_faces(80)), test_set)


def test_it_is_dlib_on_the_crop(fitted, test_set, tmp_path):
    """Second route: dlib itself, with the bytes that were learned, on a crop that needs no resampling."""
    (tmp_path / "model.dat").write_bytes(fitted.model_.tobytes())
    predictor = dlib.shape_predictor(str(tmp_path / "model.dat"))
    # A box of 60 px in a crop of 120 px with padding 0.5 is the crop itself, and its scale is one.
    method = ERT(**SMALL | {"padding": 0.5})
    method.restore(fitted.learned())
    box = np.array([[59.5, 59.5, 119.5, 119.5]])
    assert np.allclose(crop_matrix(box, 120, 0.5), [[[1, 0, -30], [0, 1, -30]]])
    image = test_set.images[0]
    crop = np.ascontiguousarray(image[30:150, 30:150, 0])  # the drawing is grey
    left, right = round(29.5), round(89.5)
    parts = predictor(crop, dlib.rectangle(left, left, right, right)).parts()
    assert np.allclose(method.predict([image], box)[0], [(p.x + 30, p.y + 30) for p in parts])


def test_mirrored_images_give_mirrored_answers_on_average(fitted, test_set):
    flipped = [np.ascontiguousarray(image[:, ::-1]) for image in test_set.images]
    boxes = test_set.boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (199, 0, 199, 0)
    expected = get_scheme("mtfl-5").flip(fitted.predict(test_set.images, test_set.boxes), 200)
    # Trees are not symmetric, only their training set is.
    assert np.abs(fitted.predict(flipped, boxes) - expected).mean() < 3


def test_a_doubled_image_gives_doubled_answers(fitted, test_set):
    import cv2

    doubled = [cv2.resize(image, None, fx=2, fy=2) for image in test_set.images]
    at = fitted.predict(doubled, 2 * test_set.boxes + 0.5)  # pixel centres: x -> 2 x + 0.5
    assert np.abs((at - 0.5) / 2 - fitted.predict(test_set.images, test_set.boxes)).mean() < 0.5


def test_a_face_does_not_depend_on_its_batch(fitted, test_set):
    together = fitted.predict(test_set.images, test_set.boxes)
    assert np.array_equal(together, [fitted.predict([face.image], face.box[None])[0] for face in test_set])


def test_inputs_stay_as_they_are(fitted):
    faces = drawn_faces(4, seed=3)
    for array in [*faces.images, faces.landmarks, faces.boxes]:
        array.setflags(write=False)
    ERT(**SMALL).fit(faces)
    fitted.predict(faces.images, faces.boxes)


def test_saved_loaded_and_copied_it_answers_the_same(fitted, test_set, tmp_path):
    again = load_method(fitted.save(tmp_path / "model.safetensors"))
    assert again.get_params() == fitted.get_params()
    for other in (again, copy.deepcopy(fitted)):
        assert np.array_equal(
            other.predict(test_set.images, test_set.boxes), fitted.predict(test_set.images, test_set.boxes)
        )


def test_the_seed_decides():
    train = drawn_faces(10)
    one, same, other = (
        ERT(**SMALL, random_state=seed, box_jitter=0.05).fit(train).model_.tobytes() for seed in (0, 0, 1)
    )
    assert one == same
    assert one != other


def test_odd_inputs(fitted):
    face = drawn_faces(1, seed=4)[0]
    tiny = np.zeros((12, 12, 3), np.uint8)
    boxes = np.stack([face.box, face.box - 150, face.box + 5000, np.array([0.0, 0, 11, 11])])
    answer = fitted.predict([face.image[..., 1], face.image, face.image, tiny], boxes)
    assert answer.shape == (4, 5, 2)
    assert np.isfinite(answer).all()
    assert fitted.predict([], np.zeros((0, 4))).shape == (0, 5, 2)


def test_one_face_and_missing_points_will_do():
    one = drawn_faces(1)
    assert np.isfinite(ERT(**SMALL).fit(one).predict(one.images, one.boxes)).all()
    train = drawn_faces(40)
    landmarks = train.landmarks.copy()
    landmarks[np.arange(40), np.arange(40) % 5] = np.nan  # every face lacks a point
    gappy = FaceSet(train.ids, train.images, train.boxes, landmarks, train.scheme)
    assert error(ERT(**SMALL).fit(gappy), train) < 0.8 * error(MeanShape().fit(train), train)


def test_training_says_nothing(capfd):
    ERT(**SMALL).fit(drawn_faces(4))
    assert capfd.readouterr() == ("", "")


def test_errors_name_the_cause(fitted):
    with pytest.raises(MethodError, match="call fit first"):
        ERT().predict([], np.zeros((0, 4)))
    with pytest.raises(MethodError, match="ert: tree_depth is 'deep'; dlib wants one int"):
        ERT(tree_depth="deep").fit(drawn_faces(2))
    with pytest.raises(MethodError, match="ert: dlib refused to train"):
        ERT(nu=2.0).fit(drawn_faces(2))
    with pytest.raises(DataError, match="nothing that dlib can read"):
        ERT().restore({"model_": np.arange(9, dtype=np.uint8), "n_points_": 5})


def test_real_faces():
    if not os.environ.get("FLDBENCH_DATA"):
        pytest.skip("set FLDBENCH_DATA to the folder that holds 300w to test on real faces")
    train = load_dataset("300w", split="train")[::25]  # 81 faces
    test = load_dataset("300w", split="test")[::11]  # 30 faces
    method = ERT(num_trees_per_cascade_level=30, nu=0.2, cascade_depth=6).fit(train)
    assert error(method, test) < 0.6 * error(MeanShape().fit(train), test)
