"""Pictures of a training: the files, what is on them, and that they can be read."""

import csv

import numpy as np
import pytest
import torch
from torch import nn
from toy_networks import ToyMethod
from toys import toy_faces

from fldbench.cnn.training.pictures import (
    FOUND,
    TILE,
    TRUTH,
    curves,
    feature_maps,
    filter_tiles,
    first_convolution,
    map_tiles,
    prediction_sheet,
    shown,
    write_pictures,
)
from fldbench.errors import MethodError, StoreError
from fldbench.geometry import crop_matrix, transform

NAMES = ["curves.csv", "curves.png", "sheet.png", "filters.png", "feature_maps.png"]


@pytest.fixture(scope="module")
def fitted():
    return ToyMethod(epochs=3, training={"val_share": 0.25}).fit(toy_faces(12))


def read(path):
    import cv2

    return cv2.imread(str(path))


def test_fit_leaves_its_pictures_in_the_folder(tmp_path):
    ToyMethod(epochs=2).fit(toy_faces(6), folder=tmp_path / "new" / "run")
    assert sorted(p.name for p in (tmp_path / "new" / "run").iterdir()) == sorted(NAMES)


def test_curves_hold_one_row_per_epoch(fitted, tmp_path):
    paths = fitted.write_pictures(toy_faces(5), tmp_path)
    assert [path.name for path in paths] == NAMES
    with open(tmp_path / "curves.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in fitted.history_]
    assert all(read(path).std() > 1 for path in paths[1:])


def test_a_history_without_validation_has_no_curve_of_it():
    row = {"loss": 1.0, "loss_px": None, "val_nme": None, "learning_rate": 0.1}
    assert [axes.get_title() for axes in curves([{"epoch": 1, **row}]).axes] == ["loss", "learning rate"]
    both = curves([{"epoch": i, **row, "val_nme": nme} for i, nme in ((1, 9.0), (2, 7.5), (3, 8.0))])
    assert [axes.get_title() for axes in both.axes] == ["loss", "validation NME, %", "learning rate"]
    assert both.axes[1].get_legend().get_texts()[0].get_text() == "7.50 in epoch 2"


def test_the_sheet_shows_truth_and_prediction_where_they_are():
    faces = toy_faces(6)
    found = faces.landmarks + 4.0
    found[0, 0] = np.nan
    sheet = prediction_sheet(list(faces.images), faces.boxes, faces.landmarks, found)
    assert sheet.shape == (2 * TILE + 2, 4 * TILE + 6, 3)
    places = transform(faces.landmarks[:1], crop_matrix(faces.boxes[:1], TILE, 0.25))[0].round().astype(int)
    assert (sheet[places[:, 1], places[:, 0]] == TRUTH).all()
    places = transform(found[1:2], crop_matrix(faces.boxes[1:2], TILE, 0.25))[0].round().astype(int)
    inside = (places < TILE).all(1)
    assert (sheet[places[inside, 1], places[inside, 0] + TILE + 2] == FOUND).all() and inside.sum() > 2


def test_grey_photos_are_drawn_on_in_colour():
    faces = toy_faces(1)
    sheet = prediction_sheet([faces.images[0][..., 0]], faces.boxes, faces.landmarks, faces.landmarks)
    assert sheet.shape == (TILE, TILE, 3) and (sheet == FOUND).all(-1).any()


def test_filters_by_hand():
    convolution = nn.Conv2d(1, 2, 3)
    with torch.no_grad():
        convolution.weight.copy_(torch.arange(18.0).view(2, 1, 3, 3))
    tiles = filter_tiles(convolution, zoom=1)
    assert tiles.shape == (3, 8)
    expected = np.rint(np.arange(9) / 8 * 255).reshape(3, 3)
    assert np.array_equal(tiles[:, :3], expected) and np.array_equal(tiles[:, 5:], expected)
    assert (tiles[:, 3:5] == 255).all()
    assert filter_tiles(nn.Conv2d(3, 5, 3)).shape == (36, 5 * 38 - 2, 3)


def test_feature_maps_are_those_of_the_first_layer():
    network, crop = nn.Sequential(nn.Conv2d(1, 8, 5, 2, 2), nn.ReLU(inplace=True)), torch.randn(1, 1, 24, 24)
    maps = feature_maps(network, crop)
    with torch.no_grad():
        assert np.array_equal(maps, network[0](crop)[0].clamp(min=0).numpy())  # the ReLU works in place
    assert not network[0]._forward_hooks
    assert map_tiles(maps).shape == (12, 8 * 14 - 2)
    assert first_convolution(nn.Linear(2, 2)) is None


def test_pictures_need_no_method(tmp_path):
    faces = toy_faces(20)[shown(20)]
    row = {"epoch": 1, "loss": 1.0, "loss_px": None, "val_nme": None, "learning_rate": 0.1}
    paths = write_pictures(tmp_path, [row], faces, faces.landmarks, nn.Linear(2, 2), torch.zeros(1, 1, 8, 8))
    assert len(faces) == 16 and [path.name for path in paths] == NAMES[:3]  # no convolution: nothing more to show
    sheet = prediction_sheet(list(faces.images), faces.boxes, faces.landmarks, faces.landmarks)
    assert np.array_equal(read(tmp_path / "sheet.png")[..., ::-1], sheet)


def test_unfitted_methods_and_a_folder_that_cannot_be_written(fitted, tmp_path):
    with pytest.raises(MethodError, match="has not been fitted"):
        ToyMethod().write_pictures(toy_faces(2), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        fitted.write_pictures(toy_faces(2), tmp_path / "file")
