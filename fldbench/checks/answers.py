"""Checks of the predictions of a fitted method."""

from __future__ import annotations

import numpy as np

from fldbench.checks.common import Skipped, should
from fldbench.checks.subject import Maker, predict
from fldbench.faces import FaceSet
from fldbench.geometry import box_size
from fldbench.method import Method, predict_checked
from fldbench.schemes import get_scheme

SAME = 1e-3  # px, between the answers for a face alone and among others
SHIFTED = 0.5  # px, between the answers before and after the image was padded
MIRRORED = 0.12  # of the box's width, mean distance between the mirrored answer and the answer for the mirror image


def check_rows(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """It answers n faces with finite numbers of shape (n, L, 2), and an empty list of faces with (0, L, 2)."""
    fitted = make.trained(train)
    answer = predict_checked(fitted, list(test.images), test.boxes, 68)
    assert np.isfinite(answer).all(), "it gave up on good faces"
    nothing = np.shape(fitted.predict([], np.empty((0, 4))))
    assert nothing == (0, 68, 2), f"for no faces, the predictions have the shape {nothing}"


def check_batch(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """The prediction for a face does not depend on the other faces or on their order."""
    fitted = make.trained(train)
    whole = predict(fitted, test)
    single = np.concatenate([predict(fitted, test[i : i + 1]) for i in range(len(test))])
    for answer, what in ((single, "alone"), (predict(fitted, test[::-1])[::-1], "in reverse order")):
        off = np.abs(answer - whole).max()
        assert off <= SAME, f"off by {off:.3g} px {what}"


def check_lazy_images(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """A sequence of images that are decoded on access gives the same predictions as a list."""
    fitted = make.trained(train)
    assert np.array_equal(fitted.predict(test.images, test.boxes.copy()), predict(fitted, test), equal_nan=True)


def check_input_unchanged(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """predict changes neither images nor boxes, on no way around their protection."""
    fitted = make.trained(train)
    images, boxes = [image.copy() for image in test.images], test.boxes.copy()
    fitted.predict(images, boxes)
    assert np.array_equal(boxes, test.boxes), "it changed the boxes"
    changed = [i for i, (a, b) in enumerate(zip(images, test.images, strict=True)) if not np.array_equal(a, b)]
    assert not changed, f"it changed image {changed[0]}; what predict gets is read-only: let it work on a copy"


@should
def check_moves_along(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Padding the image by whole pixels moves the prediction by the same amount."""
    fitted = make.trained(train)
    _looks_at_boxes(fitted)
    image, box, shift = test.images[0], test.boxes[:1], np.array([30.0, 20.0])
    padded = np.pad(image, ((20, 20), (30, 30), (0, 0)), mode="edge")
    off = np.abs(fitted.predict([padded], box + np.tile(shift, 2)) - shift - fitted.predict([image], box)).max()
    assert off < SHIFTED, f"off by {off:.3g} px"


@should
def check_mirror_image(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """The mirror image gives approximately the mirrored prediction."""
    fitted, scheme = make.trained(train), get_scheme("ibug-68")
    image, box = test.images[2], test.boxes[2]
    width = image.shape[1]
    flipped_box = np.array([width - 1 - box[2], box[1], width - 1 - box[0], box[3]])
    answer = fitted.predict([image], box[None])[0]
    flipped = fitted.predict([np.ascontiguousarray(image[:, ::-1])], flipped_box[None])[0]
    off = np.linalg.norm(scheme.flip(flipped, width) - answer, axis=1).mean() / (box[2] - box[0])
    assert off < MIRRORED, f"off by {off:.3f} of the box's width"


def check_small_face(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """A face of a few pixels, in an image of 14 px, gets finite points, or a row of NaN."""
    _answers(make.trained(train).predict([test.images[1][::12, ::12].copy()], test.boxes[1:2] / 12))


def check_box_outside(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """A box partly or wholly outside the image gets finite points, or a row of NaN."""
    fitted, image, box = make.trained(train), test.images[1], test.boxes[1:2]
    for shift in (60.0, 1000.0, -1000.0):
        _answers(fitted.predict([image], box + shift))


@should
def check_not_clipped(make: Maker, train: FaceSet, test: FaceSet) -> None:
    """Predictions are neither clipped to the image nor rounded: a face half outside has points outside."""
    _looks_at_boxes(make.trained(train))
    image, box = test.images[0], test.boxes[:1].copy()
    box -= [[box[0, 0] + box_size(box)[0, 0] / 2, 0] * 2]  # its middle on the left border
    answer = np.asarray(make.trained(train).predict([image], box))[0]
    if np.isnan(answer).all():
        raise Skipped("it misses a face that is half outside")
    assert answer[:, 0].min() < -1, f"no point lies outside; the outermost is at x = {answer[:, 0].min():.2f}"
    assert (answer != np.rint(answer)).any(), "every number is whole"


def _looks_at_boxes(fitted: Method) -> None:
    if not fitted.uses_boxes:
        raise Skipped("it sees the whole image, not the box")


def _answers(answer: np.ndarray) -> None:
    answer = np.asarray(answer)
    assert answer.shape == (1, 68, 2), f"the answer has the shape {answer.shape}"
    assert np.isfinite(answer).all() or np.isnan(answer).all(), "neither a finite answer nor a row of NaN"


CHECKS = (
    check_rows,
    check_batch,
    check_lazy_images,
    check_input_unchanged,
    check_moves_along,
    check_mirror_image,
    check_small_face,
    check_box_outside,
    check_not_clipped,
)
