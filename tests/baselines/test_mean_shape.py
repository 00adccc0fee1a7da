"""mean-shape, and what it shares with the other baselines: the mean in the box frame, missing points."""

import numpy as np
import pytest

from fldbench.baselines.mean_shape import MeanShape
from fldbench.baselines.parts.fitting import mean_unit_shape
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet, NoImages
from fldbench.geometry import fit_similarity, transform
from fldbench.method import load_method
from fldbench.shapes import fill_missing, from_box_frame, to_box_frame


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
    assert np.allclose(method.predict([None], np.array([[1.0, 1, 11, 17]])), (6.0, 7.0))


def test_box_frame_there_and_back():
    train = toy()
    assert np.allclose(from_box_frame(to_box_frame(train.landmarks, train.boxes), train.boxes), train.landmarks)


def test_mean_shape_follows_the_box():
    method = MeanShape().fit(toy())
    box = np.array([[10.0, 20, 60, 100]])
    assert np.allclose(method.predict([None], 2 * box + 3), 2 * method.predict([None], box) + 3)


def test_missing_points_do_not_count_in_the_mean():
    train = toy()
    landmarks = train.landmarks.copy()
    landmarks[2, 1] = np.nan
    unit = to_box_frame(landmarks, train.boxes)
    assert np.allclose(mean_unit_shape(faces(landmarks, train.boxes)), np.nanmean(unit, axis=0))


@pytest.mark.parametrize("kept", [1, 2, 3, 5])
def test_fill_missing(kept):
    rng = np.random.default_rng(kept)
    unit, boxes = rng.uniform(0, 1, (5, 2)), np.array([[5.0, 5, 25, 45]])
    mean = from_box_frame(unit, boxes)[0]
    turn = np.array([[0.0, -2, 100], [2, 0, 7]]) if kept >= 3 else np.array([[1.0, 0, 9], [0, 1, -4]])
    truth = transform(mean, turn)[None]
    gappy = truth.copy()
    gappy[0, kept:] = np.nan
    before = gappy.copy()
    assert np.allclose(fill_missing(gappy, boxes, unit, ["a"]), truth)
    assert np.array_equal(gappy, before, equal_nan=True)


def test_fill_missing_is_the_least_squares_similarity():
    rng = np.random.default_rng(0)
    unit, boxes, shape = rng.uniform(0, 1, (5, 2)), np.array([[0.0, 0, 10, 10]]), rng.uniform(0, 10, (1, 5, 2))
    shape[0, 4] = np.nan
    expected = transform(10 * unit, fit_similarity(10 * unit[:4], shape[0, :4]))[4]
    filled = fill_missing(shape, boxes, unit, ["a"])
    assert np.allclose(filled[0, 4], expected)
    assert np.array_equal(filled[0, :4], shape[0, :4])


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
        MeanShape().predict([None], np.array([[0.0, 0, 1, 1]]))


def test_saved_is_loaded(tmp_path):
    train = toy()
    method = MeanShape().fit(train)
    again = load_method(method.save(tmp_path / "model.safetensors"))
    assert np.array_equal(again.predict([None] * 6, train.boxes), method.predict([None] * 6, train.boxes))


def test_one_face_is_enough():
    train = toy()[:1]
    assert np.allclose(MeanShape().fit(train).predict([None], train.boxes), train.landmarks)
