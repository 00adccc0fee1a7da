"""One list of checks that every method must pass, on synthetic faces; what is particular to one is tested apart."""

from dataclasses import replace

import numpy as np
import pytest

import fldbench
from fldbench.errors import DataError, FldbenchError
from fldbench.faces import ImageArrays
from fldbench.geometry import transform
from fldbench.protocols import evaluate

SMALL = {
    "mean-shape": {},
    "ert": {"cascade_depth": 3, "num_trees_per_cascade_level": 30, "oversampling_amount": 4},
    "hog-ridge": {"stages": 2, "grid": 2, "bins": 4, "starts": 3, "crop_size": 100},
    "cnn-small": {"size": 32, "epochs": 3},
}


@pytest.fixture(scope="module")
def train():
    faces = fldbench.load_dataset("synthetic", split="train")[:48]
    return replace(faces, images=ImageArrays(list(faces.images)))


@pytest.fixture(scope="module")
def test_faces():
    faces = fldbench.load_dataset("synthetic", split="test")[:10]
    return replace(faces, images=ImageArrays(list(faces.images)))


@pytest.fixture(scope="module", params=SMALL)
def fitted(request, train):
    return fldbench.make_method(request.param, **SMALL[request.param]).fit(train)


def name_of(method):
    return fldbench.registry.method_name(type(method))


def test_every_registered_method_is_checked():
    assert set(SMALL) == set(fldbench.list_methods())


def test_answers_are_one_row_a_face(fitted, test_faces):
    answer = fitted.predict(list(test_faces.images), test_faces.boxes)
    assert answer.shape == (10, 68, 2) and np.isfinite(answer).all()
    assert fitted.predict([], np.empty((0, 4))).shape == (0, 68, 2)


def test_an_answer_does_not_depend_on_its_batch(fitted, test_faces):
    images, boxes = list(test_faces.images), test_faces.boxes
    whole = fitted.predict(images, boxes)
    single = np.concatenate([fitted.predict([im], box[None]) for im, box in zip(images, boxes, strict=True)])
    assert np.abs(whole - single).max() < 1e-3
    assert np.abs(fitted.predict(images[::-1], boxes[::-1])[::-1] - whole).max() < 1e-3


def test_nothing_passed_in_is_changed(fitted, train, test_faces):
    images = [image.copy() for image in test_faces.images]
    boxes = test_faces.boxes.copy()
    for array in (*images, boxes):
        array.setflags(write=False)
    fitted.predict(images, boxes)
    frozen = replace(train[:8], images=ImageArrays([image.copy() for image in train[:8].images]))
    for array in (frozen.boxes, frozen.landmarks, frozen.visible, *frozen.images):
        array.setflags(write=False)
    before = frozen.fingerprint
    fldbench.make_method(name_of(fitted), **SMALL[name_of(fitted)]).fit(frozen)
    assert replace(frozen).fingerprint == before


def test_saved_and_loaded_it_answers_the_same(fitted, test_faces, tmp_path):
    again = fldbench.load_method(fitted.save(tmp_path / "m.safetensors"))
    images = list(test_faces.images)
    assert np.array_equal(again.predict(images, test_faces.boxes), fitted.predict(images, test_faces.boxes))
    assert again.get_params() == fitted.get_params() and again.n_parameters == fitted.n_parameters > 0


def test_the_same_seed_gives_the_same_method(fitted, train, test_faces):
    name = name_of(fitted)
    state = np.random.get_state()[1].copy()
    again = fldbench.make_method(name, **SMALL[name]).fit(train)
    assert np.array_equal(np.random.get_state()[1], state), "fit touched numpy's global generator"
    images = list(test_faces.images)
    assert np.array_equal(again.predict(images, test_faces.boxes), fitted.predict(images, test_faces.boxes))


def test_it_learns_something(fitted, train, test_faces):
    floor = fldbench.make_method("mean-shape").fit(train)
    images = list(test_faces.images)
    errors = [
        evaluate(m.predict(images, test_faces.boxes), test_faces, "synthetic-test").metrics["nme"]
        for m in (fitted, floor)
    ]
    assert errors[0] <= errors[1] + 1e-9 if name_of(fitted) != "cnn-small" else errors[0] < 1.5 * errors[1]


def test_predictions_move_with_the_image(fitted, test_faces):
    """Padding the image by whole pixels moves the answer by as much."""
    image, box = test_faces.images[0], test_faces.boxes[:1]
    padded = np.pad(image, ((20, 20), (30, 30), (0, 0)), mode="edge")
    shift = np.array([30.0, 20.0])
    moved = fitted.predict([padded], box + np.tile(shift, 2))
    assert np.abs(moved - shift - fitted.predict([image], box)).max() < 0.5


def test_grey_images_small_faces_and_boxes_that_leave_the_image(fitted, test_faces):
    image, box = test_faces.images[1], test_faces.boxes[1:2]
    grey = fitted.predict([image[..., 1].copy()], box)
    tiny = fitted.predict([image[::12, ::12].copy()], box / 12)
    outside = fitted.predict([image], box + 120)
    assert all(np.isfinite(answer).all() and answer.shape == (1, 68, 2) for answer in (grey, tiny, outside))


def test_an_impossible_box_is_refused(fitted, test_faces):
    with pytest.raises(DataError, match="has the box"):
        fitted.predict([test_faces.images[0]], np.array([[5.0, 5.0, 5.0, 9.0]]))


def test_points_that_are_not_annotated_do_not_stop_training(fitted, train, test_faces):
    landmarks = train.landmarks.copy()
    landmarks[::3, 10] = np.nan
    landmarks[1, 20:40] = np.nan
    name = name_of(fitted)
    method = fldbench.make_method(name, **SMALL[name]).fit(replace(train, landmarks=landmarks, visible=None))
    assert np.isfinite(method.predict(list(test_faces.images), test_faces.boxes)).all()


def test_one_face_is_enough_or_the_error_says_why(fitted, train, test_faces):
    name = name_of(fitted)
    try:
        method = fldbench.make_method(name, **SMALL[name]).fit(train[:1])
    except FldbenchError as error:
        assert "face" in str(error)
    else:
        assert np.isfinite(method.predict(list(test_faces.images), test_faces.boxes)).all()


def test_any_scheme_will_do(fitted, train, test_faces):
    small = replace(
        train,
        landmarks=fldbench.schemes.map_landmarks(train.landmarks, "ibug-68", "mtfl-5"),
        visible=None,
        scheme="mtfl-5",
    )
    name = name_of(fitted)
    method = fldbench.make_method(name, **SMALL[name]).fit(small)
    assert method.predict(list(test_faces.images), test_faces.boxes).shape == (10, 5, 2)


def test_the_mirrored_image_gives_about_the_mirrored_answer(fitted, test_faces):
    scheme = fldbench.get_scheme("ibug-68")
    image, box = test_faces.images[2], test_faces.boxes[2]
    width = image.shape[1]
    mirror = np.array([[-1.0, 0, width - 1], [0, 1, 0]])
    corners = transform(box.reshape(2, 2), mirror)
    flipped_box = np.array([corners[1, 0], corners[0, 1], corners[0, 0], corners[1, 1]])
    answer = fitted.predict([image], box[None])[0]
    flipped = fitted.predict([np.ascontiguousarray(image[:, ::-1])], flipped_box[None])[0]
    distance = np.linalg.norm(scheme.flip(flipped, width) - answer, axis=1).mean()
    assert distance < 0.12 * (box[2] - box[0])
