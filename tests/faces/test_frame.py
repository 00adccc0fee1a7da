"""Points that lie outside of their images, as after a resize: found by headers alone, and refused before a fit."""

import sys

import cv2
import numpy as np
import pytest
from toys import toy_faces

import fldbench
from fldbench.cli import app as cli
from fldbench.errors import DataError
from fldbench.faces import ImageFiles, NoImages
from fldbench.faces.frame import check_in_images, outside


def csv_folder(folder, scale=1.0, shrunk=8, n=8):
    """A table of n faces with points across an image of 200 x 100 px; `shrunk` of the images have been scaled."""
    rng = np.random.default_rng(2)
    points = rng.uniform((20, 10), (190, 95), (n, 5, 2))
    rows = [",".join(["path", *(f"{axis}{i}" for i in range(5) for axis in "xy")])]
    for k in range(n):
        size = (int(100 * scale), int(200 * scale)) if k < shrunk else (100, 200)
        cv2.imwrite(str(folder / f"{k}.png"), rng.integers(0, 255, (*size, 3)).astype(np.uint8))
        rows.append(",".join([f"{k}.png", *(f"{value:.2f}" for value in points[k].ravel())]))
    (folder / "faces.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_faces_outside_of_their_images_are_counted_without_decoding(tmp_path, monkeypatch):
    faces = fldbench.load_dataset("csv", csv_folder(tmp_path, 0.5, 5), "all", scheme="mtfl-5")
    monkeypatch.setattr(ImageFiles, "decode", lambda *_: pytest.fail("decoded"))
    assert outside(faces) == (5, 8) and outside(faces[5:]) == (0, 3) and outside(faces[:0]) == (0, 0)
    check_in_images(faces[3:])
    with pytest.raises(DataError, match=r"csv-all: 5 of 8 faces .* as if these had been resized, cut or turned"):
        check_in_images(faces)


def test_points_at_the_edge_and_missing_ones_are_not_outside(tmp_path):
    faces = fldbench.load_dataset("csv", csv_folder(tmp_path), "all", scheme="mtfl-5")
    landmarks = faces.landmarks.copy()
    landmarks[:, 0], landmarks[:, 1], landmarks[:, 2] = (-0.5, 99.5), np.nan, (230, 50)
    assert outside(fldbench.FaceSet(faces.ids, faces.images, faces.boxes, landmarks, "mtfl-5")) == (0, 8)


def test_images_that_are_not_files_are_not_looked_at():
    faces = toy_faces(3, 1)
    gone = fldbench.FaceSet(faces.ids, NoImages(3, "no"), faces.boxes, faces.landmarks + 900, "mtfl-5")
    assert outside(gone) == (0, 0)
    check_in_images(gone)


def test_a_suite_and_train_do_not_fit_on_them(toy, tmp_path, monkeypatch, capsys):
    (tmp_path / "data").mkdir()
    root = csv_folder(tmp_path / "data", 0.5)
    train = {"dataset": "csv", "split": "all", "options": {"scheme": "mtfl-5"}}
    suite = toy | {"train": [train], "data": {"csv": str(root)}, "methods": ["mean-shape"]}
    (record,) = fldbench.run_suite(suite, tmp_path / "out")
    assert record.status == "failed" and "8 of 8 faces that were looked at have points outside" in record.reason
    command = ["fldbench", "train", "mean-shape", "--dataset", "csv", "--data", str(root), "--option", "scheme=mtfl-5"]
    monkeypatch.setattr(sys, "argv", [*command, "-o", str(tmp_path / "m.safetensors")])
    with pytest.raises(SystemExit) as leaving:
        cli.main()
    assert leaving.value.code == 2 and not (tmp_path / "m.safetensors").exists()
    assert "have points outside of their images" in capsys.readouterr().err
