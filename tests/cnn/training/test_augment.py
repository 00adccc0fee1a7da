"""Augmentation: the points move with the pixels, mirrored ones change names, and the seed alone decides."""

import numpy as np
import pytest

from fldbench.cnn.training.augment import (
    LARGEST_MARGIN,
    PRESETS,
    Ranges,
    draw_placement,
    generator,
    get_ranges,
    relit,
)
from fldbench.cnn.training.batches import augment_crop
from fldbench.cnn.view import Placement, View
from fldbench.errors import MethodError
from fldbench.geometry import transform

MIRROR = np.array([1, 0, 2])


def dotted(size, margin, rng):
    """A crop with three bright dots of different light, and their places in the frame."""
    pixels = rng.uniform(0.32, 0.68, (3, 2)) * size
    while np.linalg.norm(pixels[0] - pixels[1:], axis=1).min() < 12 or np.linalg.norm(pixels[1] - pixels[2]) < 12:
        pixels = rng.uniform(0.32, 0.68, (3, 2)) * size
    rows, columns = np.mgrid[:size, :size]
    crop = np.zeros((size, size), np.uint8)
    for value, (x, y) in zip((250, 170, 90), pixels, strict=True):
        crop[(columns - x) ** 2 + (rows - y) ** 2 < 16] = value
    return crop, ((pixels + 0.5) / size * 2 - 1) * margin


def centre_of(image, value):
    """Centre of the dot of this light, in the frame."""
    y, x = np.nonzero(np.abs(image.astype(int) - value) < 25)
    height, width = image.shape
    return np.array([(x.mean() + 0.5) / width, (y.mean() + 0.5) / height]) * 2 - 1


@pytest.mark.parametrize(("width", "height"), [(96, 96), (128, 96)])
def test_points_move_with_the_pixels(width, height):
    ranges = Ranges(rotation=30, scale=0.2, shift=0.1)
    view = View(width, height, 1, 0.1)
    rng, distances, moves = np.random.default_rng(0), [], []
    for face in range(40):
        crop, points = dotted(180, 1.5, rng)
        image, moved, _ = augment_crop(crop, points, view, 1.5, ranges, MIRROR, generator(0, 0, face))
        assert image.shape == (height, width)
        distances.append(np.linalg.norm(centre_of(image, 250) - moved[0]))
        moves.append(np.linalg.norm(moved - points, axis=1).mean())
    assert np.median(distances) < 0.01 and max(distances) < 0.05
    assert np.mean(moves) > 0.1


def test_mirrored_faces_swap_the_names_of_their_points():
    ranges, view = Ranges(flip=0.5), View(90, 90, 1, 0.1)
    rng, flipped = np.random.default_rng(1), 0
    for face in range(60):
        crop, points = dotted(90, 1.0, rng)
        image, moved, _ = augment_crop(crop, points, view, 1.0, ranges, MIRROR, generator(0, 0, face))
        if np.array_equal(image, crop):
            assert np.array_equal(moved, points)
            continue
        flipped += 1
        assert np.array_equal(image, crop[:, ::-1])
        assert np.allclose(moved, points[MIRROR] * (-1, 1))
        assert np.linalg.norm(centre_of(image, 250) - moved[1]) < 0.02  # point 0's dot is point 1 of the mirrored face
    assert 15 < flipped < 45


def test_missing_points_stay_missing_under_their_new_names():
    points = np.array([[np.nan, np.nan], [0.1, 0.2], [0.3, 0.4]])
    crop, view = np.zeros((32, 32), np.uint8), View(32, 32, 1, 0.1)
    seen = [
        np.isfinite(augment_crop(crop, points, view, 1.0, Ranges(flip=1.0), MIRROR, generator(0, 0, i))[1]).all(-1)
        for i in range(3)
    ]
    assert [row.tolist() for row in seen] == [[True, False, True]] * 3


@pytest.mark.parametrize("shape", [(40, 40), (40, 40, 3)])
def test_none_changes_nothing(shape):
    crop = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    points = np.random.default_rng(1).uniform(-1, 1, (3, 2))
    channels = 3 if len(shape) == 3 else 1
    image, moved, _ = augment_crop(
        crop, points, View(40, 40, channels, 0), 1.0, get_ranges("none"), MIRROR, generator(3, 2, 1)
    )
    assert np.array_equal(image, crop) and np.array_equal(moved, points)
    assert get_ranges("none").margin == 1.0


def test_the_matrix_by_a_second_route():
    """To the frame, turned and moved there, and back to pixels, one step after the other."""
    ranges = Ranges(rotation=25, scale=0.2, shift=0.2, flip=0.5)
    wide, margin, width, height = 77, 1.4, 60, 50
    pixels = np.random.default_rng(0).uniform(0, wide, (9, 2))
    for face in range(10):
        place = draw_placement(ranges, generator(1, 0, face))
        frame = ((pixels + 0.5) / wide * 2 - 1) * margin
        turned = frame @ np.array([[place.cos, -place.sin], [place.sin, place.cos]]).T + (place.x, place.y)
        turned *= (-1, 1) if place.flipped else (1, 1)
        expected = (turned + 1) / 2 * (width, height) - 0.5
        assert np.allclose(transform(pixels, place.matrix(wide, margin, width, height)), expected)


def test_a_face_is_drawn_from_its_own_numbers():
    ranges = get_ranges("standard")
    crop = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    points, view = np.zeros((3, 2)), View(32, 32, 3, 0)

    def look(*seed):
        return augment_crop(crop, points, view, 1.5, ranges, MIRROR, generator(*seed))

    assert np.array_equal(look(0, 1, 2)[0], look(0, 1, 2)[0])
    for other in ((1, 1, 2), (0, 2, 2), (0, 1, 3)):
        assert not np.array_equal(look(0, 1, 2)[1], look(*other)[1])


def test_geometry_is_drawn_by_its_probability():
    ranges = Ranges(rotation=30, shift=0.2, geometry=0.5)
    still = [draw_placement(ranges, generator(0, 0, face)) == Placement() for face in range(200)]
    assert 70 < sum(still) < 130


def test_the_margin_holds_every_corner():
    ranges = Ranges(rotation=30, scale=0.1, shift=0.05)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1.0]])
    farthest = 0
    for face in range(300):
        place = draw_placement(ranges, generator(0, 0, face))
        linear = np.array([[place.cos, -place.sin], [place.sin, place.cos]])
        farthest = max(farthest, np.abs((corners - (place.x, place.y)) @ np.linalg.inv(linear).T).max())
    assert 0.85 * ranges.margin < farthest <= ranges.margin
    assert get_ranges({"preset": "mtfl", "scale": 0.5}).margin == LARGEST_MARGIN


GREY = np.full((40, 40), 100, np.uint8)


def photometric(ranges, image=GREY, n=30):
    return [relit(image, ranges, generator(0, 0, face)) for face in range(n)]


def test_brightness_and_contrast_by_their_ranges():
    bright = [int(image[0, 0]) for image in photometric(Ranges(brightness=0.1))]
    assert min(bright) >= 100 - 26 and max(bright) <= 100 + 26 and np.ptp(bright) > 30
    halves = np.full((8, 8), 60, np.uint8)
    halves[:4] = 190
    gains = [(int(image[0, 0]) - int(image[7, 0])) / 130 for image in photometric(Ranges(contrast=0.3), halves)]
    assert np.exp(-0.31) < min(gains) < 0.9 and 1.1 < max(gains) < np.exp(0.31)


def test_colour_changes_channels_apart_and_grey_not_at_all():
    rgb = photometric(Ranges(colour=0.2), np.full((8, 8, 3), 100, np.uint8))
    assert all(image.min() >= 80 and image.max() <= 123 for image in rgb)
    assert np.mean([np.ptp(image[0, 0].astype(int)) for image in rgb]) > 5
    assert all(np.array_equal(image, GREY) for image in photometric(Ranges(colour=0.2)))


def test_blur_noise_jpeg_and_blocks_happen_as_often_as_told():
    picture = np.random.default_rng(0).integers(60, 190, (40, 40, 3), np.uint8)
    kinds = {
        "blur": (Ranges(blur=2.0, blur_share=0.5), lambda a: a.std() < picture.std()),
        "noise": (Ranges(noise=20.0, noise_share=0.5), lambda a: a.std() > picture.std()),
        "jpeg": (Ranges(jpeg=20, jpeg_share=0.5), lambda a: True),
        "blocks": (Ranges(blocks=2, block_share=0.5), lambda a: (a != picture).any(-1).mean() < 0.4),
    }
    for kind, (ranges, fits) in kinds.items():
        changed = [image for image in photometric(ranges, picture, 100) if not np.array_equal(image, picture)]
        assert 30 < len(changed) < 70, kind
        assert np.mean([fits(image) for image in changed]) > 0.9, kind
        assert all(image.shape == picture.shape and image.dtype == np.uint8 for image in changed)


def test_nothing_passed_in_is_changed():
    crop = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    points = np.zeros((3, 2))
    crop.setflags(write=False)
    points.setflags(write=False)
    for face in range(30):
        augment_crop(crop, points, View(48, 48, 3, 0), 1.0, Ranges(blocks=3, flip=0.5), MIRROR, generator(0, 0, face))


def test_presets_and_dicts():
    assert get_ranges("course").rotation == 15 and get_ranges("mtfl") == PRESETS["mtfl"]
    assert PRESETS["mtfl"].rotation == 30 and PRESETS["mtfl"].shift == 0.2
    assert PRESETS["random-crop"].shift * 227 == pytest.approx(11.5)
    assert get_ranges({"rotation": 5}) == Ranges(rotation=5)
    assert get_ranges({"preset": "course", "flip": 0.5}).rotation == 15
    own = Ranges(blur=1)
    assert get_ranges(own) is own
    bad = {
        "coarse": "augmentation is 'coarse'; must be the name of a preset or a dict of ranges; did you mean 'course'",
        ("preset", 3): "toy: augmentation is 3; must be the name of a preset or a dict of ranges",
        ("rotaton", 3): "toy: augmentation has no range 'rotaton'; did you mean 'rotation'",
        ("rotation", -3): "toy: augmentation: rotation is -3; must be a number from 0",
        ("flip", "often"): "toy: augmentation: flip is 'often'; must be a number from 0",
        ("jpeg", 0): "toy: augmentation: jpeg is 0; must be a number from 1 to 100",
        ("blocks", 1.5): "toy: augmentation: blocks is 1.5; must be a whole number from 0",
    }
    for given, message in bad.items():
        with pytest.raises(MethodError, match=message):
            get_ranges(given if isinstance(given, str) else dict([given]), "toy")
