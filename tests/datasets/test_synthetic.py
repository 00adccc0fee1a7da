"""Laws of the synthetic faces: same face everywhere, geometry that scales and mirrors, pictures that fit their
points."""

import doctest
import hashlib
import importlib
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

from fldbench.datasets.synthetic import body, deform, head, pose, raster, sample, scene, template

MODULES = [m.stem for m in sorted(Path(sample.__file__).parent.glob("*.py")) if m.stem != "__init__"]
SIZE, N_FACES = 160, 24
LEFT_EYE, RIGHT_EYE = [36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47]


@pytest.fixture(scope="module")
def faces():
    return [(sample.face_image(11, i), *sample.face_landmarks(11, i)) for i in range(N_FACES)]


@pytest.fixture(scope="module")
def easy_faces():
    rows = [
        i for i in range(80) if not any(sample.draw_face(11, i).conditions) and not sample.draw_face(11, i).worn.hat
    ]
    return [(sample.face_image(11, i), *sample.face_landmarks(11, i)) for i in rows[:N_FACES]]


def luma(image):
    return image.astype(float) @ [0.299, 0.587, 0.114]


def colour_at(image, xy):
    """Mean of the 3 x 3 pixels around (x, y): (3,)."""
    x, y = np.round(xy).astype(int)
    return image[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).astype(float).mean(0)


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    result = doctest.testmod(importlib.import_module(f"fldbench.datasets.synthetic.{name}"))
    assert result.failed == 0


# --- the stream of faces


def test_shapes_and_types(faces):
    for image, points, visible, angles in faces:
        assert image.shape == (SIZE, SIZE, 3) and image.dtype == np.uint8 and image.flags["C_CONTIGUOUS"]
        assert points.shape == (68, 2) and points.dtype == np.float64
        assert visible.shape == (68,) and visible.dtype == bool and angles.shape == (3,)


def test_a_face_does_not_depend_on_earlier_draws(faces):
    for i in (5, 0, 17):
        image, points, visible, angles = faces[i]
        assert np.array_equal(sample.face_image(11, i), image)
        again = sample.face_landmarks(11, i)
        assert all(np.array_equal(a, b) for a, b in zip(again, (points, visible, angles), strict=True))


def test_a_face_is_the_same_in_another_process(faces):
    code = (
        "import hashlib; from fldbench.datasets.synthetic.sample import face_image, face_landmarks;"
        "print(hashlib.sha256(face_image(11, 3).tobytes() + face_landmarks(11, 3)[0].tobytes()).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert there == hashlib.sha256(faces[3][0].tobytes() + faces[3][1].tobytes()).hexdigest()


def test_the_global_random_generator_is_untouched():
    state = np.random.get_state()[1].copy()
    first = sample.face_image(2, 1)
    assert np.array_equal(np.random.get_state()[1], state)
    np.random.seed(5)
    assert np.array_equal(sample.face_image(2, 1), first)
    np.random.set_state(("MT19937", state, 624))


def test_seed_and_index_both_matter():
    a, b, c = (sample.face_landmarks(*key)[0] for key in ((0, 1), (1, 0), (0, 0)))
    assert min(np.abs(a - b).max(), np.abs(a - c).max(), np.abs(b - c).max()) > 1.0


def test_geometry_scales_with_the_size():
    for i in range(20):
        small, large = (sample.face_landmarks(4, i, size) for size in (160, 320))
        np.testing.assert_allclose(large[0], (small[0] + 0.5) * 2 - 0.5, atol=1e-9)
        assert np.array_equal(small[1], large[1]) and np.array_equal(small[2], large[2])


def test_pictures_scale_with_the_size():
    import cv2

    for i in range(4):
        small = luma(cv2.GaussianBlur(sample.face_image(4, i, 96), (0, 0), 1.5))
        large = cv2.resize(sample.face_image(4, i, 192), (96, 96), interpolation=cv2.INTER_AREA)
        assert np.corrcoef(small.ravel(), luma(cv2.GaussianBlur(large, (0, 0), 1.5)).ravel())[0, 1] > 0.97


def test_all_points_lie_inside_with_a_margin():
    for i in range(200):
        points, _, angles = sample.face_landmarks(9, i)
        assert points.min() > 4.0 and points.max() < SIZE - 5.0
        assert 0.449 * SIZE < np.ptp(points, axis=0).max() < 0.651 * SIZE
        assert (np.abs(angles) <= [75, 30, 35]).all()


def test_shapes_vary_as_much_as_real_ones():
    # mean and spread of proportions over the outer eye distance in 300-W (|yaw| < 20 degrees), measured once
    real = {
        (0, 16): (1.63, 0.11),
        (8, 33): (0.76, 0.13),
        (27, 33): (0.57, 0.06),
        (31, 35): (0.33, 0.05),
        (48, 54): (0.64, 0.10),
    }
    drawn = [sample.face_landmarks(6, i) for i in range(300)]
    points = np.array([p for p, _, angles in drawn if abs(angles[0]) < 20])
    unit = np.linalg.norm(points[:, 36] - points[:, 45], axis=1)
    for (a, b), (mean, spread) in real.items():
        ratio = np.linalg.norm(points[:, a] - points[:, b], axis=1) / unit
        assert abs(ratio.mean() - mean) < 0.5 * spread and 0.7 * spread < ratio.std() < 1.3 * spread


# --- head and pose


def test_the_resting_head_is_symmetric():
    mirror = template.template().mirror
    vertices = head.head_vertices(head.coefficients())
    np.testing.assert_allclose(template.mirror_points(vertices[mirror]), vertices, atol=1e-9)
    points = head.head_landmarks(head.coefficients())
    np.testing.assert_allclose(template.mirror_points(points[list(template.MIRROR_68)]), points, atol=1e-9)


def test_landmarks_are_vertices():
    coef = sample.draw_geometry(0, 0).coef
    np.testing.assert_allclose(head.head_landmarks(coef), head.head_vertices(coef)[:68])


def test_an_unknown_coefficient_is_refused_with_the_allowed_names():
    with pytest.raises(ValueError, match="no head coefficient named 'jaw'; must be one of face_width"):
        head.coefficients(jaw=1.0)


@pytest.mark.parametrize("name", deform.IDENTITY + deform.EXPRESSION)
def test_every_coefficient_moves_a_landmark_and_stays_moderate(name):
    moved = head.head_landmarks(head.coefficients(**{name: 1.0})) - head.head_landmarks(head.coefficients())
    largest = np.linalg.norm(moved, axis=1).max()
    assert (largest > 0.5 or name == "forehead") and largest < 30  # mm


def test_the_mouth_at_rest_is_shut_in_every_identity():
    rng = np.random.default_rng(0)
    for _ in range(20):
        coef = np.zeros(len(deform.IDENTITY + deform.EXPRESSION))
        coef[: len(deform.IDENTITY)] = rng.normal(size=len(deform.IDENTITY))
        points = head.head_landmarks(coef)
        assert np.linalg.norm(points[[61, 62, 63], :2] - points[[67, 66, 65], :2], axis=1).max() < 1.0


def test_jaw_open_moves_chin_and_lower_lip_down_and_leaves_the_eyes():
    rest, opened = (head.head_landmarks(head.coefficients(jaw_open=v)) for v in (0.0, 1.0))
    assert (opened[[8, 57, 66], 1] - rest[[8, 57, 66], 1] > 15).all()
    assert np.abs(opened[17:48] - rest[17:48]).max() < 1.0
    assert abs(opened[51, 1] - rest[51, 1]) < 1.0


def test_closing_one_eye_shuts_that_eye_only():
    rest, shut = (head.head_landmarks(head.coefficients(eye_close_left=v)) for v in (0.0, 1.0))
    gap = [np.linalg.norm(p[37] - p[41]) for p in (rest, shut)]
    assert gap[1] < 0.25 * gap[0]
    np.testing.assert_allclose(shut[RIGHT_EYE], rest[RIGHT_EYE])


def test_smile_widens_and_lifts_the_corners():
    rest, smile = (head.head_landmarks(head.coefficients(smile=v)) for v in (0.0, 1.0))
    assert smile[54, 0] - smile[48, 0] > rest[54, 0] - rest[48, 0] + 6
    assert (smile[[48, 54], 1] < rest[[48, 54], 1] - 3).all()


def test_signs_of_the_angles():
    points = head.head_landmarks(head.coefficients())

    def tip_against_eyes(*angles):
        turned = pose.to_camera(points, pose.rotation(*angles))
        return (turned[30] - 0.5 * (turned[36] + turned[45]))[:2]

    rest = tip_against_eyes(0, 0, 0)
    assert tip_against_eyes(20, 0, 0)[0] > rest[0] + 5  # yaw > 0: the nose points to image-right
    assert tip_against_eyes(0, 20, 0)[1] > rest[1] + 5  # pitch > 0: to image-down
    rolled = pose.to_camera(points, pose.rotation(0, 0, 20))
    assert rolled[45, 1] > rolled[36, 1] + 5  # roll > 0: clockwise, the eye at image-right sinks


def test_rotation_is_orthonormal_and_mirrors():
    turn = pose.rotation(25, -10, 15)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    flip = np.diag([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(flip @ turn @ flip, pose.rotation(-25, -10, -15), atol=1e-12)


# --- pixels


def test_rasteriser_against_brute_force():
    rng = np.random.default_rng(0)
    xy, size = rng.uniform(0, 30, size=(60, 2)), 30
    faces = rng.permutation(60).reshape(20, 3)
    depth = np.repeat(rng.permutation(20).astype(float), 3)[np.argsort(faces.ravel())]
    found = raster.rasterise(xy, depth, faces, size)
    owner = np.full(size * size, -1)
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).reshape(-1, 2)
    near_edge = np.zeros(size * size, bool)
    for k in np.argsort(-depth[faces].sum(1)):
        a, b, c = xy[faces[k]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        w = [
            ((q - p)[0] * (grid - p)[:, 1] - (q - p)[1] * (grid - p)[:, 0]) / area for p, q in ((b, c), (c, a), (a, b))
        ]
        near_edge |= np.abs(np.array(w)).min(0) < 2e-2
        if area < 0:
            owner[np.min(w, 0) >= 0] = k
    drawn = np.full(size * size, -1)
    drawn[found.pixel] = found.face
    assert np.array_equal(drawn[~near_edge], owner[~near_edge])
    inner = ~near_edge[found.pixel]
    at = (found.weights[:, :, None] * xy[faces[found.face]]).sum(1)
    np.testing.assert_allclose(at[inner], grid[found.pixel][inner], atol=1e-2)  # weights give the pixel back


def test_mesh_has_no_holes_in_front():
    vertices = pose.to_camera(head.head_vertices(head.coefficients()), np.eye(3))
    camera = pose.frame_camera(vertices[:68], 1000.0, 0.6, np.zeros(2))
    found = raster.rasterise(pose.to_pixels(vertices, camera, 200), vertices[:, 2], head.model().faces, 200)
    mask = np.zeros(200 * 200, bool)
    mask[found.pixel] = True
    mask = mask.reshape(200, 200)
    for row in mask[mask.any(1)]:
        first, last = np.flatnonzero(row)[[0, -1]]
        assert row[first:last].mean() > 0.95


def test_picture_fits_the_points(easy_faces):
    eye, lips, brow, nostril = [], [], [], []
    for image, p, _, angles in easy_faces:
        if abs(angles[0]) > 30:
            continue
        cheek = 0.5 * (colour_at(image, 0.5 * (p[41] + p[48])) + colour_at(image, 0.5 * (p[46] + p[54])))
        at = partial(colour_at, image)
        lids = 0.25 * (at(p[37]) + at(p[38]) + at(p[43]) + at(p[44]))
        eye.append(luma(lids) / luma(cheek))
        lip = 0.5 * (at(0.5 * (p[57] + p[66])) + at(0.5 * (p[51] + p[62])))
        lips.append(lip[0] / lip.sum() - cheek[0] / cheek.sum())
        up = 0.25 * (p[27] - p[33])
        brow.append(luma(at(p[19]) + at(p[24])) / luma(at(p[19] + up) + at(p[24] + up)))
        nostril.append(luma(0.5 * (at(p[32]) + at(p[34]))) / luma(cheek))
    assert np.mean(eye) < 0.8 and np.mean(brow) < 0.9 and np.mean(nostril) < 0.8
    assert np.mean(lips) > 0.02


def test_moved_points_fit_the_picture_worse(easy_faces):
    # the gradient along the lids is strongest at the true place, not a few pixels above or below
    def edge(shift):
        total = 0.0
        for image, p, _, _ in easy_faces:
            y = luma(image)
            for i in (37, 38, 43, 44):
                r, c = np.round(p[i] + [0, shift]).astype(int)[::-1]
                total += y[r - 3 : r - 1, c - 1 : c + 2].mean() - y[r - 1 : r + 2, c - 1 : c + 2].mean()
        return total

    assert edge(0) > 2 * max(edge(-5), edge(5), 1.0)


def test_body_and_curtain_are_closed_grids():
    assert body.body_faces().max() == len(body.body_vertices(np.zeros(3), 0.0)) - 1
    assert body.curtain_faces().max() == len(body.curtain_vertices(100.0, 8.0, 80.0, 2.0, 0.0)) - 1
    assert len(scene.standing_faces()[0]) == len(scene.standing_faces()[1])


# Mean grey levels of a 4 x 4 grid, and three points, of test faces, pinned together with `dataset.GENERATOR`.
# fmt: off
PINNED = {
    0: (
        [152.95, 144.95, 163.1, 144.61, 152.84, 138.74, 141.26, 141.05,
         153.06, 118.13, 119.02, 137.46, 149.65, 150.61, 162.08, 152.76],
        [[46.8785, 58.0297], [95.1942, 71.8657], [114.3203, 89.9181]],
    ),
    7: (
        [103.62, 103.81, 163.47, 165.53, 100.73, 126.05, 141.95, 169.75,
         111.83, 85.16, 148.3, 171.27, 126.7, 124.67, 166.48, 158.51],
        [[27.0513, 61.4121], [97.0022, 82.8085], [92.4429, 97.9818]],
    ),
    399: (
        [81.98, 90.3, 147.99, 84.77, 79.04, 126.73, 117.67, 85.52,
         81.08, 112.68, 93.85, 94.46, 88.56, 88.48, 82.42, 99.94],
        [[44.9204, 40.3354], [90.058, 75.3506], [92.2256, 105.3028]],
    ),
}
# fmt: on


@pytest.mark.parametrize("face", PINNED)
def test_the_pictures_match_the_pinned_generator(face):
    grey, points = PINNED[face]
    image = sample.face_image(2, face)
    np.testing.assert_allclose(image.reshape(4, 40, 4, 40, 3).mean(axis=(1, 3, 4)).ravel(), grey, atol=0.02)
    np.testing.assert_allclose(sample.face_landmarks(2, face)[0][[0, 30, 54]], points, atol=2e-4)
