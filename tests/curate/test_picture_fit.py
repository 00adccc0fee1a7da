"""The regressor that judges points by pictures: it finds points on the wrong picture, and nothing on dots that fit."""

import cv2
import numpy as np
import pytest

from fldbench.curate.verify.picture_fit import FRAME, frames, misfit
from fldbench.errors import DataError
from fldbench.geometry import warp
from fldbench.schemes import get_scheme

TEMPLATE = get_scheme("mtfl-5").template


def drawn(n, seed=0):
    """Grey 90 x 90 pictures with a bright dot at each of five points, which vary; points (n, 5, 2)."""
    rng = np.random.default_rng(seed)
    points = (TEMPLATE - TEMPLATE.mean(0)) * 60 + 45 + rng.normal(0, 3.0, (n, 5, 2))
    rows, cols = np.mgrid[:90, :90]
    images = [
        np.clip(40 + 150 * sum(np.exp(-((cols - x) ** 2 + (rows - y) ** 2) / 18) for x, y in face), 0, 255)
        for face in points
    ]
    return np.stack(images).astype(np.uint8), points


def score(images, points, **kwargs):
    maps = frames(points, TEMPLATE)
    crops = np.stack(
        [
            warp(image, matrix, FRAME) if np.isfinite(matrix).all() else np.zeros((FRAME, FRAME), np.uint8)
            for image, matrix in zip(images, maps, strict=True)
        ]
    )
    return misfit(crops, points, TEMPLATE, np.arange(len(points)).astype(str), **kwargs)


def test_points_of_another_face_and_shifted_points_are_found():
    images, points = drawn(240)
    bad = points.copy()
    bad[0] = points[100] + 8
    bad[1] = points[1] * 1.3 - 15
    value = score(images, bad)
    assert set(np.argsort(-value)[:2]) == {0, 1}
    assert value[:2].min() > 1.5 * np.sort(value)[-3]
    assert np.quantile(value, 0.95) == pytest.approx(1.0)


def test_the_answer_is_seeded_and_nothing_is_changed():
    images, points = drawn(110)
    kept = points.copy()
    assert np.array_equal(score(images, points, seed=3), score(images, points, seed=3))
    assert np.array_equal(points, kept)


def test_missing_points_do_not_count_and_faces_without_points_have_no_score():
    images, points = drawn(150)
    points[::3, 2] = np.nan
    points[5] = np.nan
    points[7, 1:] = np.nan
    value = score(images, points)
    assert np.isnan(value[[5, 7]]).all() and np.isfinite(np.delete(value, [5, 7])).all()


def test_frames_make_faces_upright():
    _, points = drawn(3)
    turn = cv2.getRotationMatrix2D((45, 45), 50, 1.7)
    turned = points @ turn[:, :2].T + turn[:, 2]
    first, second = (
        [p @ m[:, :2].T + m[:, 2] for p, m in zip(x, frames(x, TEMPLATE), strict=True)] for x in (points, turned)
    )
    assert np.allclose(first, second) and np.abs(np.mean(first) - (FRAME - 1) / 2) < 3


def test_too_few_faces_are_refused():
    images, points = drawn(99)
    with pytest.raises(DataError, match="99 faces are too few to learn where points lie; must be 100 or more"):
        score(images, points)
