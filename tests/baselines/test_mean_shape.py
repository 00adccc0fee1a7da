"""mean-shape: the mean in the box frame by hand, its laws, and its errors."""

import numpy as np
import pytest

from fldbench.baselines.mean_shape import MeanShape
from fldbench.baselines.parts.fitting import mean_unit_shape
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet, NoImages
from fldbench.method import load_method
from fldbench.shapes import fill_missing, from_box_frame, to_box_frame

PIXEL = np.zeros((1, 1, 3), np.uint8)  # an image that nobody looks at


def faces(landmarks, boxes):
    n = len(landmarks)
    return FaceSet(np.arange(n).astype(str), NoImages(n, "no image is needed"), boxes, landmarks, "mtfl-5")


def toy(n=6, seed=0):
    rng = np.random.default_rng(seed)
    boxes = np.concatenate([rng.uniform(-20, 50, (n, 2)), rng.uniform(100, 200, (n, 2))], axis=1)
    return faces(from_box_frame(rng.uniform(0, 1, (n, 5, 2)), boxes), boxes)


def test_mean_by_hand():
    two = faces(np.stack([np.full((5, 2), 2.0), np.full((5, 2), 6.0)]), np.array([[0, 0, 4, 8], [4, 4, 8, 8]]))
    method = MeanShape().fit(two)
    # Box units: (2/4, 2/8) and (2/4, 2/4); their mean (0.5, 0.375) in a 10 x 16 box at (1, 1) is (6, 7).
    assert np.allclose(method.predict([PIXEL], np.array([[1.0, 1, 11, 17]])), (6.0, 7.0))


def test_mean_shape_follows_the_box():
    method = MeanShape().fit(toy())
    box = np.array([[10.0, 20, 60, 100]])
    assert np.allclose(method.predict([PIXEL], 2 * box + 3), 2 * method.predict([PIXEL], box) + 3)


def test_missing_points_do_not_count_in_the_mean():
    train = toy()
    landmarks = train.landmarks.copy()
    landmarks[2, 1] = np.nan
    unit = to_box_frame(landmarks, train.boxes)
    assert np.allclose(mean_unit_shape(faces(landmarks, train.boxes)), np.nanmean(unit, axis=0))


def test_errors_name_the_cause():
    train = toy()
    landmarks = train.landmarks.copy()
    landmarks[:, 3] = np.nan
    with pytest.raises(DataError, match="no face has point 3"):
        MeanShape().fit(faces(landmarks, train.boxes))
    with pytest.raises(DataError, match="no faces; a method needs at least one"):
        MeanShape().fit(train[:0])
    with pytest.raises(DataError, match="face 'b' has no annotated point"):
        fill_missing(np.full((1, 5, 2), np.nan), np.array([[0.0, 0, 1, 1]]), np.zeros((5, 2)), ["b"])
    with pytest.raises(MethodError, match="call fit first"):
        MeanShape().predict([PIXEL], np.array([[0.0, 0, 1, 1]]))


def test_saved_is_loaded(tmp_path):
    train = toy()
    method = MeanShape().fit(train)
    again = load_method(method.save(tmp_path / "model.safetensors"))
    assert np.array_equal(again.predict([PIXEL] * 6, train.boxes), method.predict([PIXEL] * 6, train.boxes))


def test_one_face_is_enough():
    train = toy()[:1]
    assert np.allclose(MeanShape().fit(train).predict([PIXEL], train.boxes), train.landmarks)
