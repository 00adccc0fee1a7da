"""upright: tilted faces are asked about in photos that are turned back, until answers settle; any method."""

from dataclasses import replace

import numpy as np
import pytest
from small_methods import SMALL
from toys import toy_faces

from fldbench import Method, MethodError, load_method, make_method, register_method
from fldbench.baselines.parts.pose import roll_of, sizes
from fldbench.baselines.parts.upright import AROUND, FINEST, tilted, turned, upright
from fldbench.baselines.upright import TILTS
from fldbench.builtin import FILE
from fldbench.checks import quick_faces
from fldbench.faces.harm import harmed
from fldbench.geometry import fit_similarity, tight_box, transform
from fldbench.schemes import register_scheme

POINTS = np.array([[60.0, 60.0], [100.0, 60.0], [80.0, 80.0], [65.0, 110.0], [95.0, 110.0]])
SQUARES = np.array([[60.0, 60.0], [100.0, 60.0], [80.0, 110.0]])  # red, green and blue


def drawn(degrees):
    """Return a black image with three squares in the places of a tilted face, and the face's points."""
    image = np.zeros((160, 160, 3), np.uint8)
    for channel, (x, y) in enumerate(tilt(SQUARES, degrees).round().astype(int)):
        image[y - 3 : y + 4, x - 3 : x + 4, channel] = 250
    return image, tilt(POINTS, degrees)


def tilt(shape, degrees, centre=(80.0, 80.0)):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (shape - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre


class Levels(Method):
    """Sees coloured squares: exactly up to 12 degrees, too little tilted up to 40, and anything beyond."""

    gives_confidence = True
    uses_boxes = False

    def fit(self, train, val=None):
        self.calls_ = []
        return self

    def predict(self, images, boxes):
        self.calls_.append(len(images))
        return np.stack([self._one(image) for image in images])

    def predict_confidence(self, images, boxes):
        return np.array([abs(float(roll_of(squares(image), SQUARES))) for image in images])

    def _one(self, image):
        if image.max() == 0:
            return np.full((5, 2), np.nan)
        found = squares(image)
        points, roll = transform(POINTS, fit_similarity(SQUARES, found)), float(roll_of(found, SQUARES))
        if abs(roll) <= 12:
            return points
        return tilt(points, -roll / 4 if abs(roll) <= 40 else 77.0 * len(self.calls_), points.mean(axis=0))


def squares(image):
    """Return the centre of mass of each channel."""
    weight = image.astype(float).reshape(-1, 3)
    y, x = np.divmod(np.arange(len(weight)), image.shape[1])
    return np.stack([weight.T @ x, weight.T @ y], axis=1) / weight.sum(axis=0)[:, None]


@pytest.fixture
def levels(toy):
    register_method("levels", Levels)
    points = np.tile(POINTS, (9, 1, 1))
    return replace(toy_faces(9, 1), landmarks=points, boxes=tight_box(points))


def test_roll_is_that_of_the_nearest_similarity_at_any_place_and_scale():
    for degrees in (-170.0, -30.0, 0.0, 45.0, 179.0):
        moved = 3.0 * tilt(SQUARES, degrees) + [100.0, -7.0]
        assert roll_of(moved, SQUARES) == pytest.approx(degrees)
    rolls = roll_of(np.stack([SQUARES * np.nan, SQUARES * 0]), SQUARES)
    assert np.isnan(rolls[0]) and rolls[1] == 0


def test_a_turned_photo_has_the_face_upright_in_its_middle():
    image, points = drawn(50.0)
    photo, box, matrix = upright(image, points, 50.0)
    assert np.allclose(squares(photo), transform(tilt(SQUARES, 50.0), matrix), atol=0.6)  # drawn in whole px
    assert roll_of(squares(photo), SQUARES) == pytest.approx(0, abs=1.0)
    assert np.allclose(box, tight_box(transform(points, matrix)[None])[0], atol=0.02)
    assert np.allclose((box[:2] + box[2:]) / 2, (len(photo) - 1) / 2)
    assert len(photo) == int(np.ceil(AROUND * (box[2:] - box[:2]).max()))


def test_large_faces_are_made_smaller():
    large = 20 * SQUARES
    photo, box, _ = upright(np.zeros((2400, 2400), np.uint8), large, 10.0)
    assert (box[2:] - box[:2]).max() == pytest.approx(FINEST) and len(photo) == AROUND * FINEST


def test_a_photo_stays_where_its_shape_says_nothing():
    image, points = drawn(0.0)
    shapes = np.stack([points, points * np.nan, points * 0 + 5, points])
    boxes = np.tile([1.0, 2, 3, 4], (4, 1))
    photos, places, matrices = turned([image] * 4, boxes, shapes, np.array([20.0, np.nan, 20.0, 0.0]))
    assert photos[0] is not image and all(photo is image for photo in photos[1:])
    assert places[1:3].tolist() == boxes[1:3].tolist() and np.array_equal(matrices[1:], [np.eye(2, 3)] * 3)
    assert np.allclose(places[3], tight_box(points[None])[0], atol=0.02)  # in the photo as it is


def test_tilted_boxes_keep_their_size_and_centre():
    boxes = np.array([[10.0, 20, 50, 40]])
    for degrees in TILTS:
        shape = tilted(boxes, degrees)
        _, box, matrix = upright(np.zeros((90, 90), np.uint8), shape[0], degrees)
        assert np.allclose(box[2:] - box[:2], [40, 20], atol=0.02)
        assert np.allclose(transform(np.array([[30.0, 30.0]]), matrix), (box[:2] + box[2:]) / 2, atol=0.02)


@pytest.mark.parametrize(("degrees", "asked"), [(0, 2), (10, 2), (30, 3), (-65, None), (92, None)])
def test_tilted_faces_are_found(levels, degrees, asked):
    model = make_method("upright", method="levels").fit(levels)
    member = model.members_[0]
    member.calls_ = []
    image, points = drawn(degrees)
    (answer,) = model.predict([image], tight_box(points[None]))
    assert np.allclose(answer, points, atol=1.0)
    assert asked in (None, len(member.calls_))
    (confidence,) = model.predict_confidence([image], tight_box(points[None]))
    assert confidence < 13  # asked where it stands upright


def test_faces_that_never_settle_keep_their_first_answers_and_missed_ones_stay_missed(levels):
    model = make_method("upright", method="levels").fit(levels)
    image, points = drawn(180.0)
    dark = np.zeros_like(image)
    good, where = drawn(10.0)
    images, boxes = [image, dark, good], np.tile(tight_box(points[None]), (3, 1))
    member = model.members_[0]
    member.calls_ = []
    first = member.predict(images, boxes)  # what it answers to a face upside down depends on how often it was asked
    member.calls_ = []
    answer = model.predict(images, boxes)
    assert np.isnan(answer[1]).all() and np.allclose(answer[2], where, atol=1.0)
    assert np.array_equal(answer[0], first[0]) and not np.allclose(answer[0], points, atol=5.0)
    assert len(model.predict([], np.empty((0, 4)))) == 0


def test_rows_do_not_depend_on_each_other():
    faces, _ = quick_faces()
    model = make_method("upright", method="linear", params=SMALL["linear"]).fit(faces)
    images, boxes = list(faces.images), np.array(faces.boxes)
    whole = model.predict(images * 2, np.tile(boxes, (2, 1)))  # several blocks
    apart = np.concatenate([model.predict([image], box[None]) for image, box in zip(images, boxes, strict=True)])
    assert np.allclose(whole, np.tile(apart, (2, 1, 1)), atol=1e-3)


def test_tilted_synthetic_faces_lose_little():
    train, test = quick_faces()
    plain = load_method(FILE)
    model = make_method("upright", method="fld-net", params=plain.get_params())
    model.assemble([plain], train)
    errors = {}
    for strength in (0, 5):
        seen = harmed(test, (("rotation", strength),)) if strength else test
        for name, one in (("plain", plain), ("upright", model)):
            away = np.linalg.norm(one.predict(list(seen.images), seen.boxes) - seen.landmarks, axis=2).mean(axis=1)
            errors[name, strength] = float(np.mean(away / sizes(seen.landmarks)))
    assert errors["plain", 5] > 1.5 * errors["plain", 0]
    assert errors["upright", 5] < 1.2 * errors["plain", 0] and errors["upright", 0] < 1.1 * errors["plain", 0]


def test_it_keeps_its_model(levels, tmp_path):
    train = toy_faces(9, 1)
    model = make_method("upright", method="mean-shape").fit(train)
    again = load_method(model.save(tmp_path / "m.safetensors"))
    images, boxes = list(train.images), np.array(train.boxes)
    assert np.array_equal(again.predict(images, boxes), model.predict(images, boxes))
    assert again.multiply_adds == 2 * make_method("mean-shape").fit(train).multiply_adds


def test_wrong_parameters_name_what_is_allowed():
    with pytest.raises(MethodError, match="upright: passes is 1; must be a whole number from 2 to 4"):
        make_method("upright", passes=1).check_params()
    with pytest.raises(MethodError, match="upright: hog-ridge: hog-ridge: stages is 0"):
        make_method("upright", params={"stages": 0}).check_params()


def test_a_single_point_has_no_roll(toy):
    register_scheme("dot", 1)
    faces = replace(toy_faces(9, 1), landmarks=toy_faces(9, 1).landmarks[:, :1], scheme="dot", visible=None)
    message = "upright: toy-test: the number of points is 1; must be 2 or more, so that they have a roll"
    with pytest.raises(MethodError, match=message):
        make_method("upright", method="mean-shape").fit(faces)
