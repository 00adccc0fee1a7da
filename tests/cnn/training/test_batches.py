"""Batches: what the network sees, in which order, and that threads and prefetching change nothing."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import toy_faces

from fldbench.cnn.training.augment import Ranges, get_ranges
from fldbench.cnn.training.batches import batches, cut_crops, make_batch, order, plain_batch
from fldbench.cnn.view import View, to_tensor
from fldbench.errors import DataError

MIRROR = np.array([1, 0, 2, 4, 3])


def table_of(folder, n=6, margin=1.0, view=None, weight=None, faces=None):
    return cut_crops(faces or toy_faces(n), view or View(32, 32, 1, 0.2), margin, weight, folder, 1)


@pytest.mark.parametrize(("width", "height", "channels"), [(32, 32, 1), (40, 30, 3), (24, 36, 1)])
def test_what_is_trained_on_is_what_prediction_sees(tmp_path, width, height, channels):
    """Without augmentation a training batch is the crop of `View.cut`, pixel for pixel, and so is a validation one."""
    faces, view = toy_faces(5), View(width, height, channels, 0.2)
    table = table_of(tmp_path, view=view, faces=faces)
    batch = make_batch(table, np.arange(5), Ranges(), MIRROR, (0, 0))
    matrices = view.square(faces.boxes)
    expected = to_tensor([view.cut(image, m) for image, m in zip(faces.images, matrices, strict=True)])
    assert batch.images.shape == (5, channels, height, width)
    assert torch.equal(batch.images, expected)
    assert torch.equal(plain_batch(table, np.arange(5)), expected)
    assert np.allclose(batch.target.numpy(), view.to_frame(faces.landmarks, matrices), atol=1e-6)
    assert np.allclose(view.to_photo(view.to_frame(faces.landmarks, matrices), matrices), faces.landmarks)


@pytest.mark.parametrize("margin", [1.0, 1.37, 2.0])
def test_a_wider_crop_has_the_same_frame(tmp_path, margin):
    faces, view = toy_faces(4), View(48, 48, 1, 0.2)
    wide = table_of(tmp_path, margin=margin, view=view, faces=faces)
    assert wide.crops.shape[1] == round(48 * margin)
    assert np.allclose(wide.points, view.to_frame(faces.landmarks, view.square(faces.boxes)))
    inner = make_batch(wide, np.arange(4), Ranges(), MIRROR, (0, 0)).images.float()
    plain = plain_batch(table_of(tmp_path, view=view, faces=faces), np.arange(4)).float()
    assert (inner - plain).abs().mean() < 6  # sampled twice, so softer


def test_every_face_once_in_batches_as_equal_as_can_be():
    for n, size in ((10, 4), (9, 8), (3, 32), (7, 1)):
        rows = order(n, size, 0, 0)
        assert sorted(np.concatenate(rows)) == list(range(n))
        assert max(map(len, rows)) <= size and np.ptp([len(part) for part in rows]) <= 1
    assert [part.tolist() for part in order(1, 8, 0, 0)] == [[0, 0]]
    assert not np.array_equal(order(50, 50, 0, 0)[0], order(50, 50, 0, 1)[0])
    assert not np.array_equal(order(50, 50, 0, 0)[0], order(50, 50, 1, 0)[0])
    assert np.array_equal(order(50, 50, 3, 4)[0], order(50, 50, 3, 4)[0])


def test_threads_change_nothing(tmp_path):
    ranges = get_ranges("standard")
    table = table_of(tmp_path, 12, ranges.margin)
    rows = order(12, 5, 0, 0)
    ways = [list(batches(table, rows, ranges, MIRROR, (0, 0), threads)) for threads in (0, 1, 4)]
    for way in ways[1:]:
        for one, other in zip(ways[0], way, strict=True):
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.target, other.target) and torch.equal(one.weight, other.weight)


def test_a_face_looks_the_same_in_any_batch_and_anew_each_epoch(tmp_path):
    ranges = get_ranges("standard")
    table = table_of(tmp_path, 6, ranges.margin)

    def look(faces, epoch=0, seed=0):
        return make_batch(table, np.array(faces), ranges, MIRROR, (seed, epoch)).images

    assert torch.equal(look([4])[0], look([2, 4, 1])[1])
    assert not torch.equal(look([4]), look([4], epoch=1))
    assert not torch.equal(look([4]), look([4], seed=1))
    twice = look([0, 0])
    assert not torch.equal(twice[0], twice[1])


def test_an_error_in_a_thread_arrives_and_the_rest_is_dropped(tmp_path):
    table = table_of(tmp_path, 6)
    rows = [np.array([0]), np.array([99]), *[np.array([1])] * 20]
    with pytest.raises(IndexError):
        list(batches(table, rows, Ranges(), MIRROR, (0, 0), 2))
    endless = batches(table, [np.array([0])] * 100, Ranges(), MIRROR, (0, 0), 2)
    next(endless)
    endless.close()


def test_missing_points_count_nothing_and_faces_by_their_weight(tmp_path):
    faces = toy_faces(3)
    landmarks = faces.landmarks.copy()
    landmarks[1, 2] = np.nan
    landmarks[2] = np.nan
    gappy = replace(faces, landmarks=landmarks, visible=None)
    table = table_of(tmp_path, faces=gappy, weight=np.array([2.0, 0.5, 1.0]))
    batch = make_batch(table, np.arange(3), Ranges(), MIRROR, (0, 0))
    assert batch.weight.tolist() == [[2.0] * 5, [0.5, 0.5, 0.0, 0.5, 0.5], [0.0] * 5]
    assert torch.isfinite(batch.target).all()


def test_a_table_travels_by_the_name_of_its_file(tmp_path):
    table = table_of(tmp_path, 6, view=View(64, 64, 3, 0.2))
    _ = table.crops
    sent = pickle.dumps(table)
    assert len(sent) < 3000 < table.crops.nbytes
    again = pickle.loads(sent)
    assert np.array_equal(again.crops, table.crops) and len(again) == 6


def test_boxes_that_do_not_exist(tmp_path):
    faces = toy_faces(2)
    with pytest.raises(DataError, match="face 'test1': the box is"):
        table_of(tmp_path, faces=faces.with_boxes(np.array([[0.0, 0, 9, 9], [5, 5, 5, 9]])))


def test_hidden_points_stay_with_their_points_when_a_face_is_mirrored(tmp_path):
    visible = np.ones((2, 5), bool)
    visible[:, 0] = False
    faces = replace(toy_faces(2), visible=visible)
    table = table_of(tmp_path, faces=faces)
    plain = make_batch(table, np.arange(2), Ranges(), MIRROR, (0, 0))
    assert plain.visible.tolist() == visible.tolist()
    turned = make_batch(table, np.arange(2), Ranges(flip=1.0), MIRROR, (0, 0))
    assert turned.visible.tolist() == visible[:, MIRROR].tolist()
