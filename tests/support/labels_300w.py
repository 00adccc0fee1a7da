"""300-W's test labels, read straight from HRNet's CSV files: 689 public and 600 private faces without images."""

import csv

import numpy as np

from fldbench.faces import FaceSet, NoImages
from fldbench.geometry import tight_box

FILES = {"public": "300w_valid.csv", "private": "300w_test.csv"}


def labels_300w(data_root, which="public"):
    """The faces of one file as a FaceSet, with the ids and subsets that the dataset 300w gives them."""
    with (data_root / "300w_labels" / FILES[which]).open(newline="") as file:
        _, *rows = csv.reader(file)
    ids = np.array([row[0].rsplit(".", 1)[0].removeprefix("Test/") for row in rows])
    landmarks = np.array([row[4:] for row in rows], float).reshape(-1, 68, 2) - 1.0
    part = np.array([one.split("/")[0] for one in ids])
    subsets = {"common": part != "ibug", "challenging": part == "ibug", "full": np.ones(len(ids), bool)}
    subsets |= {"helen-test": part == "helen", "lfpw-test": part == "lfpw", "private": np.ones(len(ids), bool)}
    subsets |= {"indoor": part == "01_Indoor", "outdoor": part == "02_Outdoor"}
    return FaceSet(
        ids=ids,
        images=NoImages(len(ids), "only labels"),
        boxes=tight_box(landmarks),
        landmarks=landmarks,
        scheme="ibug-68",
        subsets=subsets,
        name="300w",
        split_name="test",
    )


def guessed(faces, seed=0, spread=0.03):
    """Random predictions: every face has its own accuracy, some are far off, and one in fifty is missed."""
    rng = np.random.default_rng(seed)
    size = (faces.landmarks.max(1) - faces.landmarks.min(1)).mean(1)
    noise = rng.gamma(2, spread / 2, len(faces)) * size
    guess = faces.landmarks + rng.normal(0, 1, faces.landmarks.shape) * noise[:, None, None]
    guess[rng.random(len(faces)) < 0.02] = np.nan
    return guess
