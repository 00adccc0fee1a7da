"""Controlled harm: order of strengths, determinism, geometry, laws, and what stays as it is."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from face_sets import Counted, Untouchable, colour_faces
from scipy.ndimage import gaussian_filter
from toys import toy_faces

import fldbench
from fldbench.errors import DataError
from fldbench.faces import ImageArrays
from fldbench.faces import harm_pixels as pixels
from fldbench.faces.harm import HARMS, OF_BOX, STRENGTHS, VERSION, amount, harmed, harmed_boxes
from fldbench.geometry import box_centre, box_iou, box_size, tight_box
from fldbench.protocols import get_protocol

OF_PIXELS = [kind for kind in HARMS if kind not in OF_BOX]


@pytest.fixture(scope="module")
def synthetic():
    return fldbench.load_dataset("synthetic", split="test")[:3]


def images_of(faces, *harms):
    found = harmed(faces, harms)
    return [found.images[i] for i in range(len(found))]


def distances(image, others):
    return [float(np.square(image.astype(float) - other).mean()) for other in others]


@pytest.mark.parametrize("kind", [kind for kind in OF_PIXELS if kind != "rotation"])
def test_a_greater_strength_is_farther_from_the_image(synthetic, kind):
    for row in range(len(synthetic)):
        face = synthetic[[row]]
        errors = distances(face.images[0], [images_of(face, (kind, strength))[0] for strength in STRENGTHS])
        assert errors[0] > 0 and all(np.diff(errors) > 0), errors


@pytest.mark.parametrize("kind", OF_BOX)
def test_a_greater_strength_leaves_less_of_the_box_and_all_of_the_pixels(synthetic, kind):
    overlaps = []
    for strength in STRENGTHS:
        assert harmed(synthetic, [(kind, strength)]) is synthetic
        found = harmed_boxes(synthetic, [(kind, strength)])
        assert found.images is synthetic.images and found.box_source == synthetic.box_source
        overlaps.append(box_iou(found.boxes, synthetic.boxes))
    assert (np.diff(overlaps, axis=0) < 0).all()


def test_boxes_are_harmed_by_the_stated_amounts(synthetic):
    moved = harmed_boxes(synthetic, [("box-shift", 3)]).boxes
    size = box_size(synthetic.boxes)
    assert np.hypot(*((box_centre(moved) - box_centre(synthetic.boxes)) / size).T) == pytest.approx(0.15)
    assert box_size(moved) == pytest.approx(size)
    scaled = harmed_boxes(toy_faces(40), [("box-scale", 2)]).boxes
    factors = box_size(scaled) / box_size(toy_faces(40).boxes)
    assert set(factors.round(9).ravel()) == {1.2, round(1 / 1.2, 9)}
    assert box_centre(scaled) == pytest.approx(box_centre(toy_faces(40).boxes))


def test_harm_depends_on_no_other_face_and_no_order():
    faces, back = colour_faces(4), [3, 1, 0, 2]
    every = [(kind, 3) for kind in HARMS]
    whole, turned = (harmed_boxes(harmed(one, every), every) for one in (faces, faces[back]))
    for place, row in enumerate(back):
        alone = harmed_boxes(harmed(faces[[row]], every), every)
        for other, i in ((turned, place), (alone, 0)):
            np.testing.assert_array_equal(whole.images[row], other.images[i])
            np.testing.assert_array_equal(whole.landmarks[row], other.landmarks[i])
            np.testing.assert_array_equal(whole.boxes[row], other.boxes[i])
    assert alone.fingerprint == harmed_boxes(harmed(faces[[row]], every), every).fingerprint


def test_another_process_harms_alike(synthetic):
    code = (
        "import hashlib, fldbench\n"
        "from fldbench.faces.harm import HARMS, harmed\n"
        "faces = harmed(fldbench.load_dataset('synthetic', split='test')[:1], [(kind, 4) for kind in HARMS])\n"
        "print(hashlib.sha256(faces.images[0].tobytes()).hexdigest(), faces.fingerprint)"
    )
    found = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    here = harmed(synthetic[:1], [(kind, 4) for kind in HARMS])
    assert found == [hashlib.sha256(here.images[0].tobytes()).hexdigest(), here.fingerprint]


def test_faces_with_other_ids_are_harmed_otherwise():
    faces = colour_faces(2)
    same = replace(faces, images=faces.images[[0, 0]], landmarks=faces.landmarks[[0, 0]], boxes=faces.boxes[[0, 0]])
    for kind in ("occlusion", "colour", "noise"):
        first, second = images_of(same, (kind, 3))
        assert (first != second).any()
    for kind in ("blur", "darkness", "low-resolution", "jpeg"):
        np.testing.assert_array_equal(*images_of(same, (kind, 3)))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_landmarks_follow_the_rotation(strength):
    """Light dots on dark: after the turn the centre of each dot is where its landmark says."""
    points = np.array([[[30.0, 25.0], [70.0, 35.0], [50.0, 55.0], [38.0, 70.0], [65.0, 76.0]]])
    image = np.full((100, 110, 3), 10, np.uint8)
    rows, columns = np.mgrid[:100, :110]
    for x, y in points[0]:
        image[(columns - x) ** 2 + (rows - y) ** 2 < 12] = 250
    faces = replace(toy_faces(1), images=ImageArrays([image]), landmarks=points, boxes=tight_box(points))
    found = harmed(faces, [("rotation", strength)])
    turned = found.images[0][..., 0].astype(float) - 10
    rows, columns = np.mgrid[: turned.shape[0], : turned.shape[1]]
    for x, y in found.landmarks[0]:
        weight = turned * ((columns - x) ** 2 + (rows - y) ** 2 < 40)
        assert (weight * columns).sum() / weight.sum() == pytest.approx(x, abs=0.05)
        assert (weight * rows).sum() / weight.sum() == pytest.approx(y, abs=0.05)
    before, after = points[0][1] - points[0][0], found.landmarks[0][1] - found.landmarks[0][0]
    angle = np.degrees(np.arctan2(after[1], after[0]) - np.arctan2(before[1], before[0]))
    assert abs(angle) == pytest.approx(amount("rotation", strength), abs=0.01)
    assert box_size(found.boxes) == pytest.approx(box_size(faces.boxes))


def test_no_point_leaves_the_turned_image():
    corner = toy_faces(6)
    points = corner.landmarks - corner.landmarks.min(axis=1, keepdims=True) - 0.5  # as far up and left as it goes
    faces = replace(corner, landmarks=points, boxes=tight_box(points))
    for strength in STRENGTHS:
        found = harmed(faces, [("rotation", strength)])
        for i in range(len(found)):
            height, width = found.images[i].shape[:2]
            assert (found.landmarks[i] >= -0.5).all() and (found.landmarks[i] <= [width - 0.5, height - 0.5]).all()


@pytest.mark.parametrize("harm", ["turned", "dimmed", "blurred", "coarsened"])
def test_mirrored_images_are_harmed_alike(synthetic, harm):
    image = synthetic.images[0][:, :159]  # an odd width
    ways = {
        "turned": ((20.0, 70.0, 80.0, 30), (-20.0, 158 - 70.0, 80.0, 30)),
        "dimmed": ((0.3,), (0.3,)),
        "blurred": ((2.0,), (2.0,)),
        "coarsened": ((0.2,), (0.2,)),
    }
    one, other = (
        getattr(pixels, harm)(np.ascontiguousarray(part), *arguments)
        for part, arguments in zip((image, image[:, ::-1]), ways[harm], strict=True)
    )
    assert np.abs(one.astype(int) - other[:, ::-1]).max() <= 4


@pytest.mark.parametrize("sigma", [0.7, 3.0, 8.5, 20.0])
def test_blur_is_a_gaussian(synthetic, sigma):
    image = np.repeat(np.repeat(synthetic.images[0], 2, 0), 2, 1)[:311]
    expected = gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="nearest")
    assert np.abs(pixels.blurred(image, sigma) - expected).max() < (3 if sigma > pixels.FINE else 1.5)


def test_a_block_lies_in_the_box_covers_its_share_and_hides_its_points():
    faces = colour_faces(8)
    big = replace(
        faces,
        images=ImageArrays([np.zeros((480, 400, 3), np.uint8)] * 8),
        landmarks=faces.landmarks * 10,
        boxes=faces.boxes * 10,
    )
    before = None
    for strength in STRENGTHS:
        found = harmed(big, [("occlusion", strength)])
        blocks = [found.images[i][..., 0] > 0 for i in range(8)]
        for block, box, points, seen in zip(
            blocks, tight_box(big.landmarks), big.landmarks, found.visible, strict=True
        ):
            rows, columns = np.nonzero(block)
            if not rows.size:
                continue  # a black block
            assert columns.min() >= box[0] and columns.max() <= box[2] and rows.min() >= box[1] and rows.max() <= box[3]
            assert block.sum() / np.prod(box[2:] - box[:2]) == pytest.approx(amount("occlusion", strength), rel=0.05)
            covered = (points >= [columns.min(), rows.min()]).all(1) & (points <= [columns.max(), rows.max()]).all(1)
            assert not (seen & covered).any() and (seen | covered)[:].sum() >= 4
        if before is not None:
            assert all((new | ~old).all() for old, new in zip(before, blocks, strict=True))
        before = blocks
    assert sum(block.any() for block in blocks) >= 6


def test_hidden_points_do_not_come_back_and_others_stay():
    faces = colour_faces(5)
    faces = replace(faces, visible=np.arange(5) != 2 * np.ones((5, 1)))
    assert not harmed(faces, [("occlusion", 5)]).visible[:, 2].any()
    np.testing.assert_array_equal(harmed(faces, [("blur", 5)]).visible, faces.visible)


def test_noise_has_its_deviation_whatever_the_size_of_the_face():
    grey = np.full((400, 400, 3), 128, np.uint8)
    for size, deviation in ((100.0, 20.0), (300.0, 20.0), (50.0, 10.0)):
        assert (pixels.noisy(grey, 20.0, size, "a")[..., 0] - 128.0).std() == pytest.approx(deviation, rel=0.05)
    large = pixels.noisy(grey, 20.0, 300.0, "a")
    assert (large[:3, :3] == large[0, 0]).all()  # cells of three px
    assert (large[..., 0] == large[..., 2]).all()


@pytest.mark.parametrize("kind", OF_PIXELS)
def test_grey_and_tiny_images_are_harmed_too(kind):
    faces = toy_faces(3)
    points = np.full((3, 5, 2), 0.0)
    points[1] = [[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]]
    points[2] = faces.landmarks[2]
    odd = replace(
        faces,
        landmarks=points,
        boxes=np.tile([0.0, 0, 1, 1], (3, 1)),
        images=ImageArrays([np.full((1, 1), 90, np.uint8), np.full((2, 2, 4), 90, np.uint8), faces.images[2][..., 0]]),
    )
    for strength in STRENGTHS:
        for image in images_of(odd, (kind, strength)):
            assert image.dtype == np.uint8 and image.shape[2] == 3
            if kind != "colour":
                assert np.ptp(image.astype(int), axis=2).max() <= 1


def test_all_methods_get_the_same_faces_and_nothing_is_decoded_or_kept():
    faces = colour_faces(3)
    locked = replace(faces, images=Untouchable(faces.images))
    every = [(kind, 2) for kind in HARMS]
    assert harmed(locked, every).fingerprint == harmed(locked, every).fingerprint
    assert harmed(locked, every).fingerprint != harmed(locked, [("blur", 2)]).fingerprint != locked.fingerprint
    counted = replace(faces, images=Counted(faces.images))
    found = harmed(counted, every)
    assert counted.images.decoded.sum() == 0
    first = found.images[1]
    assert counted.images.decoded.tolist() == [0, 1, 0] and not first.flags.writeable
    np.testing.assert_array_equal(found.images[1], first)
    assert counted.images.decoded.tolist() == [0, 2, 0]


def test_each_kind_and_strength_has_a_fingerprint_of_its_own():
    faces = colour_faces(2)
    faces = replace(faces, landmarks=10 * faces.landmarks, boxes=10 * faces.boxes)  # so that low resolution harms them
    prints = {
        harmed_boxes(harmed(faces, [(kind, strength)]), [(kind, strength)]).fingerprint
        for kind in HARMS
        for strength in STRENGTHS
    }
    assert len(prints | {faces.fingerprint}) == len(HARMS) * len(STRENGTHS) + 1


def test_faces_without_landmarks_have_no_size():
    faces = toy_faces(2)
    points = faces.landmarks.copy()
    points[1] = np.nan
    bare = replace(faces, landmarks=points, visible=None)
    with pytest.raises(
        DataError, match="faces without any landmark have no size to harm them by: test1; leave them out"
    ):
        harmed(bare, [("blur", 1)])
    assert harmed(bare, []) is bare
    assert len(harmed(faces[:0], [("rotation", 1), ("occlusion", 1), ("blur", 2)])) == 0


def test_the_version_names_these_strengths():
    """Whoever changes an amount raises VERSION, so that records of both are never ranked together."""
    assert VERSION == 1
    assert {kind: harm.amounts for kind, harm in HARMS.items()} == {
        "rotation": (5, 10, 20, 30, 45),
        "occlusion": (0.05, 0.10, 0.20, 0.30, 0.45),
        "darkness": (0.5, 0.3, 0.2, 0.1, 0.05),
        "colour": (0.2, 0.4, 0.6, 0.9, 1.2),
        "blur": (0.01, 0.02, 0.03, 0.045, 0.06),
        "low-resolution": (48, 32, 24, 16, 12),
        "noise": (10, 20, 40, 60, 90),
        "jpeg": (40, 25, 15, 10, 6),
        "box-shift": (0.05, 0.10, 0.15, 0.20, 0.30),
        "box-scale": (1.1, 1.2, 1.3, 1.4, 1.5),
    }
    assert tuple(get_protocol("300w-helen@blur=2").harms) == (("blur", 2),)
