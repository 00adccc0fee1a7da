"""Real files as a well-known toolbox keeps them: COCO-like JSON of six datasets, read by `coco-face`."""

import json

import numpy as np
import pytest

import fldbench
from fldbench.errors import DataError

SAMPLES = {"300w": ("ibug-68", 2), "300wlp": ("ibug-68", 2), "aflw": ("aflw-19", 2), "cofw": ("cofw-29", 2)}
SAMPLES |= {"lapa": ("jd-106", 2), "wflw": ("wflw-98", 4)}


@pytest.mark.parametrize("name", SAMPLES)
def test_points_and_boxes_are_those_of_the_file(data_root, name):
    folder = data_root / "format_samples" / name
    scheme, n = SAMPLES[name]
    faces = fldbench.load_dataset("coco-face", folder, "test")
    assert (faces.scheme, len(faces)) == (scheme, n)
    rows = json.loads((folder / f"test_{name}.json").read_text())["annotations"]
    points = np.array([row["keypoints"] for row in rows]).reshape(n, -1, 3)
    annotated = points[..., 2] > 0
    assert np.array_equal(np.isfinite(faces.landmarks).all(axis=2), annotated)
    assert np.array_equal(faces.landmarks[annotated], points[annotated, :2])
    boxes = np.array([row["bbox"] for row in rows])
    assert np.allclose(faces.boxes, np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1))
    height, width = faces.images[0].shape[:2]
    inside = (faces.landmarks[0] > -1) & (faces.landmarks[0] < (width, height))
    assert inside[np.isfinite(faces.landmarks[0])].mean() > 0.95


def test_bodies_are_refused_by_their_number_of_points(data_root):
    with pytest.raises(DataError, match=r"test_halpe\.json: 136 points a face; no scheme has that number"):
        fldbench.load_dataset("coco-face", data_root / "format_samples/halpe", "test")
