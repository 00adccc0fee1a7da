"""mtfld: whole images in place of boxes, and the reader's ranges."""

import numpy as np
import pytest
import torch
from toy_networks import QUICK
from toy_tasks import TASKS, faces_with_attributes
from toys import toy_faces

import fldbench
from fldbench.cnn.nets.mtfld import MTFLD
from fldbench.cnn.nets.tcdcn import TCDCN
from fldbench.cnn.training.augment import get_ranges
from fldbench.errors import MethodError
from fldbench.faces.frame import image_frames


def test_it_is_tcdcn_on_the_frames_of_the_images():
    faces = toy_faces(6)
    whole = faces.with_boxes(image_frames(faces.images))
    shared = {"loss": "l2", "augmentation": "mtfl", "epochs": 2, "batch_size": 3, "learning_rate": 1e-3}
    shared |= {"training": QUICK}
    method = MTFLD(**shared).fit(faces)
    same = TCDCNOnBoxes(**shared, padding=0.0).fit(whole)
    answer = method.predict(faces.images, faces.boxes)
    assert np.array_equal(answer, same.predict(whole.images, whole.boxes))
    assert np.array_equal(answer, method.predict(faces.images, faces.boxes + 7.0))  # boxes are not used
    assert method.fitted_on.boxes == faces.box_source


class TCDCNOnBoxes(TCDCN):
    normalise, defaults = MTFLD.normalise, MTFLD.defaults


def test_its_attributes_need_no_boxes_either():
    faces = faces_with_attributes(6)
    method = MTFLD(tasks=TASKS, epochs=1, training=QUICK).fit(faces)
    found, moved = (method.predict_attributes(faces.images, faces.boxes + shift) for shift in (0.0, 7.0))
    assert found.keys() == {"bright", "side"}
    assert all(np.array_equal(part, moved[name]) for name, part in found.items())


def test_an_oblong_image_keeps_its_shape_and_fills_the_crop_with_its_longer_side():
    image = np.zeros((30, 60, 3), np.uint8)
    matrix = MTFLD().view.square(image_frames([image]))[0]
    corners = np.array([[-0.5, -0.5, 1.0], [59.5, 29.5, 1.0]]) @ matrix.T
    assert np.allclose(corners, [[-0.5, 9.5], [39.5, 29.5]])


def test_the_ranges_of_the_reader():
    ranges = get_ranges(MTFLD().augmentation)
    assert (ranges.rotation, ranges.shift, ranges.geometry, ranges.flip, ranges.scale) == (30.0, 0.2, 0.5, 0.0, 0.0)


def test_every_face_is_seen_in_every_epoch():
    """The reader dropped the last batch; here 7 faces in batches of 3 are three batches."""
    method = MTFLD(epochs=1, batch_size=3, training=QUICK).fit(toy_faces(7))
    assert len(method.history_) == 1 and method.history_[0]["learning_rate"] == 1e-3


def test_the_loss_is_the_mean_square_in_px_of_the_crop():
    method = MTFLD(epochs=1, augmentation="none", training=QUICK).fit(toy_faces(4))
    assert method.history_[0]["loss_px"] == pytest.approx(400 * method.history_[0]["loss"], rel=1e-4)


def test_its_view_is_no_parameter():
    with pytest.raises(MethodError, match="'mtfld' has no parameter 'padding'"):
        fldbench.make_method("mtfld", padding=0.2)


def test_no_warning_of_other_boxes():
    faces = toy_faces(9)
    method = MTFLD(epochs=1, training=QUICK).fit(faces)
    long = faces.boxes * [1, 1, 1, 3]
    assert np.isfinite(method.predict(faces.images, long)).all()
    assert torch.is_grad_enabled()
