"""asm: its kernels against slow loops, what its parts learn by second routes, and the laws of its answers."""

import os

import numpy as np
import pytest
from drawn import drawn_faces, error, jittered

from fldbench import registry
from fldbench.baselines.asm import descriptor as asm_descriptor
from fldbench.baselines.asm import profile as asm_profile
from fldbench.baselines.asm import search as asm_search
from fldbench.baselines.asm.descriptor import DescriptorSearch, Window
from fldbench.baselines.asm.method import ASM
from fldbench.baselines.mean_shape import MeanShape
from fldbench.baselines.parts import hog
from fldbench.dataset import load_dataset
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet, ImageArrays
from fldbench.geometry import tight_box
from fldbench.method import load_method
from fldbench.progress import listening
from fldbench.protocols import boxes_from
from fldbench.schemes import get_scheme

SMALL = {"levels": 2, "first_size": 24.0, "last_size": 40.0, "grid": 3, "cell": 5, "crop_size": 64, "starts": 3}
PROFILE = {**SMALL, "search": "profile", "first_reach": 0.15, "last_reach": 0.1}


def outlined_faces(n, seed=0):
    """Faces of 68 points, drawn as the lines between them; width and the height of the brows differ."""
    import cv2

    rng = np.random.default_rng(seed)
    scheme = get_scheme("ibug-68")
    landmarks = np.repeat(scheme.template[None], n, axis=0) * 100
    landmarks[..., 0] *= rng.uniform(0.75, 1.1, (n, 1))
    landmarks[:, 17:27, 1] += rng.uniform(-5, 5, (n, 1))
    landmarks += rng.uniform(30, 60, (n, 1, 2))
    images = np.full((n, 190, 200, 3), 200, np.uint8)
    for image, points in zip(images, landmarks, strict=True):
        for ends in scheme.edges:
            first, last = (tuple(round(v * 16) for v in points[i].tolist()) for i in ends)
            cv2.line(image, first, last, (60, 50, 40), 2, cv2.LINE_AA, 4)
    ids = np.array([f"{seed}-{i}" for i in range(n)])
    return FaceSet(ids, ImageArrays(list(images)), tight_box(landmarks), landmarks, "ibug-68", name="outlined")


def texture(h=44, w=40, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w]
    return (
        (120 + 50 * np.sin(x / 3) + 40 * np.cos(y / 4 - x / 7) + rng.normal(0, 4, (h, w))).clip(0, 255).astype(np.uint8)
    )


@pytest.fixture(scope="module")
def test_set():
    return jittered(drawn_faces(20, seed=1))


@pytest.fixture(scope="module")
def fitted():
    return ASM(**SMALL).fit(drawn_faces(50))


@pytest.fixture(scope="module")
def patches():
    """A field, its cells' offsets and the patch at a position, computed apart."""
    field, energy = asm_descriptor.descriptor_field(texture(), bins=4, cell=5)
    offsets = hog.cell_offsets(5, 3).astype(np.int64)

    def patch(x, y):
        cells = np.array([field[:, y + dy, x + dx] for dx, dy in offsets])
        return (cells / np.sqrt((cells**2).sum() + asm_search.FLAT * 9)).ravel()

    return field, energy, offsets, patch


# --- kernels ---------------------------------------------------------------------------------------------------------


def test_patches_by_a_slow_loop(patches):
    field, energy, offsets, patch = patches
    points = np.array([[5, 5], [20, 17], [34, 38]])
    out = np.empty((3, 36), np.float32)
    asm_search.gather_patches(field, energy, points, offsets, out)
    assert np.allclose(out, [patch(*p) for p in points], atol=1e-6)
    assert (np.linalg.norm(out, axis=1) < 1).all()


def test_responses_by_a_slow_loop(patches):
    field, energy, offsets, patch = patches
    filters = np.random.default_rng(0).normal(size=(2, 36)).astype(np.float32)
    corners, side = np.array([[6, 5], [20, 25]]), 7
    out = np.empty((2, side, side), np.float32)
    asm_search.response_maps(field, energy, corners, side, offsets, filters, out)
    for point, (x, y) in enumerate(corners):
        expected = [[filters[point] @ patch(x + j, y + i) for j in range(side)] for i in range(side)]
        assert np.allclose(out[point], expected, atol=1e-5)


@pytest.mark.parametrize("width", [1e3, 2.0])
def test_peaks_by_numpys_covariance(width):
    rng = np.random.default_rng(1)
    maps, corners = rng.random((3, 5, 5)).astype(np.float32), rng.integers(0, 30, (3, 2))
    sharpness, near = np.array([0.0, 5.0, 40.0]), corners + rng.uniform(0, 4, (3, 2))
    centres, precision = np.empty((3, 2)), np.empty((3, 2, 2))
    asm_search.peaks(maps, corners, sharpness, near, width, 0.5, centres, precision)
    j, i = np.meshgrid(np.arange(5), np.arange(5))
    for point in range(3):
        at = corners[point] + np.stack([j.ravel(), i.ravel()], axis=1)
        p = np.exp(sharpness[point] * maps[point].ravel() - ((at - near[point]) ** 2).sum(axis=1) / (2 * width**2))
        assert np.allclose(centres[point], np.average(at, axis=0, weights=p))
        expected = np.linalg.inv(np.cov(at.T, aweights=p, ddof=0) + 0.25 * np.eye(2))
        assert np.allclose(precision[point], expected)


def test_profiles_by_scipys_sampling():
    from scipy.ndimage import map_coordinates

    image = texture().astype(np.float32)
    points, normals = np.array([[20.3, 15.8], [2.0, 40.0]]), np.array([[0.6, 0.8], [-1.0, 0.0]])
    out = np.empty((2, 7))
    asm_search.profiles(image, points, normals, 3, out)
    along = points[:, None] + (np.arange(8) - 3.5)[None, :, None] * normals[:, None]
    sampled = map_coordinates(image, [along[..., 1], along[..., 0]], order=1, mode="nearest")
    assert np.allclose(out, np.diff(sampled, axis=1), atol=1e-3)


def test_the_best_offset_by_scipys_mahalanobis():
    from scipy.spatial.distance import mahalanobis

    rng = np.random.default_rng(2)
    long, means = rng.normal(size=(4, 11)), rng.normal(size=(4, 5)) / 5
    root = rng.normal(size=(4, 5, 5))
    precisions = root @ np.swapaxes(root, 1, 2) + np.eye(5)
    out = np.empty(4, np.int64)
    asm_search.best_offsets(long, means, precisions, out)
    for point in range(4):
        windows = [asm_profile.normalise_profiles(long[point, s : s + 5]) for s in range(7)]
        costs = [mahalanobis(g, means[point], precisions[point]) for g in windows]
        assert out[point] == np.argmin(costs) - 3


def test_a_flat_image_moves_nothing():
    out = np.full(1, 99)
    asm_search.best_offsets(np.zeros((1, 9)), np.full((1, 5), 0.2), np.eye(5)[None], out)
    assert out[0] == 0


# --- what is learned -------------------------------------------------------------------------------------------------


def test_filters_by_ridge_regression_on_faces_and_mirrored_faces():
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(3)
    mirror, grid, bins, n = np.array([1, 0, 2]), 2, 4, 60
    x, y = rng.normal(size=(n, 3, 16)), rng.random((n, 3))
    rows = np.concatenate([x, np.ones((n, 3, 1))], axis=2)
    a, b = np.einsum("nli,nlj->lij", rows, rows), np.einsum("nli,nl->li", rows, y)
    order = hog.mirror_features([0], grid, bins)
    for used in (mirror, None):
        filters = asm_descriptor.solve_filters(np.triu(a), b, 0.7, used, grid, bins)
        for point in range(3):
            data, target = x[:, point], y[:, point]
            if used is not None:
                data = np.concatenate([data, x[:, mirror[point]][:, order]])
                target = np.concatenate([target, y[:, mirror[point]]])
            assert np.allclose(filters[point], Ridge(alpha=0.7).fit(data, target).coef_, atol=1e-5)


def test_the_sharpness_is_the_most_likely_one():
    rng = np.random.default_rng(4)
    maps = rng.normal(0, 0.1, (300, 2, 5, 5)).astype(np.float32)
    truth = np.empty((300, 2, 2))
    for i in range(300):
        for point, sharpness in enumerate(asm_descriptor.SHARPNESS[[6, 11]]):
            p = np.exp(sharpness * maps[i, point].ravel())
            truth[i, point] = np.divmod(rng.choice(25, p=p / p.sum()), 5)[::-1]
    learned = asm_descriptor.learn_sharpness(maps, truth, np.ones((300, 2)))
    assert np.abs(np.searchsorted(asm_descriptor.SHARPNESS, learned) - [6, 11]).max() <= 1
    outside = asm_descriptor.learn_sharpness(maps, truth + 99, np.ones((300, 2)))
    assert np.array_equal(outside, asm_descriptor.SHARPNESS[[0, 0]])


def test_a_landmark_that_is_not_annotated_teaches_nothing(fitted):
    """Weight 0 in the equations is the same as other positions: the filters of the others do not see them."""
    search = DescriptorSearch(fitted._model, None, 5, 3, 4, 1.0, 3.0, 1)
    truth = np.tile(np.array([[20.0, 20], [24, 22], [18, 17], [22, 25], [25, 19]]), (3, 1, 1))
    weight = np.ones((3, 5))
    weight[0, 2] = 0
    moved = truth.copy()
    moved[0, 2] += 4
    window = Window(side=45, radius=3)
    looks = [texture(45, 45, seed) for seed in range(3)]
    filters = [
        search._filters(looks.__getitem__, truth, t, weight, window, np.random.default_rng(0)) for t in (truth, moved)
    ]
    assert np.allclose(*filters, atol=1e-6)
    search._filters(looks.__getitem__, truth, truth, weight * [1, 1, 0, 1, 1], window, np.random.default_rng(0))


def test_profile_statistics_by_numpy():
    rng = np.random.default_rng(5)
    found, weight = rng.normal(size=(30, 2, 4)), rng.integers(0, 3, (30, 2)).astype(float)
    means, precisions = asm_profile.profile_statistics(found, weight)
    for point in range(2):
        covariance = np.cov(found[:, point].T, fweights=weight[:, point].astype(int), ddof=0)
        ridge = asm_profile.NOISE * np.trace(covariance) / 4 * np.eye(4)
        assert np.allclose(means[point], np.average(found[:, point], axis=0, weights=weight[:, point]))
        assert np.allclose(precisions[point], np.linalg.inv(covariance + ridge))
    same = asm_profile.profile_statistics(np.ones((3, 1, 4)), np.ones((3, 1)))[1]
    assert np.allclose(same, np.eye(4))


# --- the method ------------------------------------------------------------------------------------------------------


def test_it_beats_the_mean_shape_by_far(fitted, test_set):
    assert error(fitted, test_set) < 0.3 * error(MeanShape().fit(drawn_faces(50)), test_set)


def test_profiles_beat_the_mean_shape():
    """Profiles need faces with outlines; a dot has no normal."""
    train, test = outlined_faces(30), jittered(outlined_faces(10, seed=1))
    method = ASM(search="profile", levels=3, last_size=80.0, crop_size=160).fit(train)
    assert error(method, test) < 0.3 * error(MeanShape().fit(train), test)


def test_answers_are_shapes_of_the_model_within_its_limits(test_set):
    from fldbench.shapes import fit_shapes

    method = ASM(**SMALL, limit=0.5).fit(drawn_faces(30))
    answer = method.predict(test_set.images, test_set.boxes)
    alike = np.broadcast_to(np.eye(2), (*answer.shape, 2))
    _, b = fit_shapes(method._model, answer, alike, rounds=20)
    assert (np.abs(b) <= 0.5 * np.sqrt(method.variances_) + 1e-3).all()


def test_turned_faces_are_found(fitted):
    """Levels follow the shape: the error on a photo turned by 15 degrees is hardly larger than on an upright one."""
    import cv2

    faces = drawn_faces(10, seed=7)
    matrix = cv2.getRotationMatrix2D((100, 95), 15, 1)
    images = [cv2.warpAffine(im, matrix, (200, 190), borderValue=(190, 190, 190)) for im in faces.images]
    landmarks = faces.landmarks @ matrix[:, :2].T + matrix[:, 2]
    turned = FaceSet(faces.ids, ImageArrays(images), tight_box(landmarks), landmarks, "mtfl-5")
    assert error(fitted, turned) < 0.5 * error(MeanShape().fit(drawn_faces(50)), turned)


@pytest.mark.parametrize("params", [SMALL, PROFILE])
def test_threads_and_batches_do_not_matter(params, test_set):
    train = drawn_faces(40)
    one, two = (ASM(**params, threads=threads).fit(train) for threads in (1, 2))
    for name, value in one.learned().items():
        assert np.array_equal(value, two.learned()[name]), name
    together = two.predict(test_set.images, test_set.boxes)
    assert np.array_equal(one.predict(test_set.images, test_set.boxes), together)
    single = [one.predict([face.image], face.box[None])[0] for face in test_set]
    assert np.abs(together - single).max() < 1e-3


def test_mirrored_images_give_mirrored_answers(fitted, test_set):
    flipped = [np.ascontiguousarray(image[:, ::-1]) for image in test_set.images]
    boxes = test_set.boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (199, 0, 199, 0)
    expected = get_scheme("mtfl-5").flip(fitted.predict(test_set.images, test_set.boxes), 200)
    distances = np.linalg.norm(fitted.predict(flipped, boxes) - expected, axis=2)
    assert np.quantile(distances, 0.9) < 0.5  # a face that is not found may end up in two places


@pytest.mark.parametrize("params", [SMALL, PROFILE])
def test_saved_is_loaded(params, test_set, tmp_path):
    if "asm" not in registry.names("method"):
        registry.register_method("asm", ASM)
    method = ASM(**params).fit(drawn_faces(12))
    again = load_method(method.save(tmp_path / "model.safetensors"))
    answers = [m.predict(test_set.images, test_set.boxes) for m in (method, again)]
    assert np.array_equal(*answers)
    assert again.get_params() == method.get_params()


def test_the_seed_decides():
    train = drawn_faces(8)
    one, same, other = (ASM(**SMALL, random_state=seed).fit(train).filters_ for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_a_face_of_weight_zero_counts_like_none():
    train = drawn_faces(12)
    weight = np.ones(12)
    weight[[2, 7]] = 0
    weighed, fewer = ASM(**SMALL).fit(train, sample_weight=weight), ASM(**SMALL).fit(train[weight > 0])
    assert np.array_equal(weighed.filters_, fewer.filters_)
    heavy = ASM(**SMALL).fit(train, sample_weight=1 + 9 * weight)
    assert not np.allclose(heavy.mean_, ASM(**SMALL).fit(train).mean_)
    with pytest.raises(DataError, match="sample_weight"):
        ASM(**SMALL).fit(train, sample_weight=np.ones(3))


@pytest.mark.parametrize("params", [SMALL, PROFILE])
def test_odd_inputs(params):
    method = ASM(**params).fit(drawn_faces(12))
    face = drawn_faces(1, seed=4)[0]
    tiny = np.zeros((12, 12, 3), np.uint8)
    boxes = np.stack([face.box, face.box - 150, face.box + 5000, np.array([0.0, 0, 11, 11])])
    answer = method.predict([face.image[..., 1], face.image, face.image, tiny], boxes)
    assert answer.shape == (4, 5, 2)
    assert np.isfinite(answer).all()
    assert method.predict([], np.zeros((0, 4))).shape == (0, 5, 2)


@pytest.mark.parametrize("params", [SMALL, PROFILE])
def test_one_face_equal_faces_and_missing_points_are_enough(params, test_set):
    one = drawn_faces(1)
    assert np.isfinite(ASM(**params).fit(one).predict(one.images, one.boxes)).all()
    twice = [np.repeat(column, 2, axis=0) for column in (one.boxes, one.landmarks)]
    same = FaceSet(np.array(["a", "b"]), ImageArrays([one.images[0]] * 2), *twice, "mtfl-5")
    assert np.isfinite(ASM(**params).fit(same).predict(one.images, one.boxes)).all()
    train = drawn_faces(30)
    landmarks = train.landmarks.copy()
    landmarks[np.arange(30), np.arange(30) % 5] = np.nan  # every face lacks a point
    gappy = FaceSet(train.ids, train.images, train.boxes, landmarks, train.scheme)
    most = 0.8 if params is SMALL else 1.5
    assert error(ASM(**params).fit(gappy), test_set) < most * error(MeanShape().fit(train), test_set)
    landmarks[:, 0] = np.nan
    with pytest.raises(DataError, match="no face has point 0"):
        ASM(**params).fit(FaceSet(train.ids, train.images, train.boxes, landmarks, train.scheme))


def test_inputs_stay_as_they_are(fitted):
    faces = drawn_faces(4, seed=3)
    for array in [*faces.images, faces.landmarks, faces.boxes]:
        array.setflags(write=False)
    ASM(**SMALL).fit(faces)
    fitted.predict(faces.images, faces.boxes)


def test_it_reports_its_progress():
    heard = []
    with listening(lambda *news: heard.append(news)):
        ASM(**SMALL).fit(drawn_faces(3))
    assert heard == [("asm: levels", done, 2) for done in range(3)]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("search", "snake", "one of 'descriptor', 'profile'"),
        ("bins", 5, "even"),
        ("grid", 4, "odd, since cell is 3"),
        ("ridge", 0, "above 0"),
        ("levels", 0, "a whole number from 1"),
        ("kept", 1.5, "up to 1"),
    ],
)
def test_impossible_parameters(name, value, allowed):
    with pytest.raises(MethodError, match=f"asm: {name} is {value!r}; must be .*{allowed}"):
        ASM(**{name: value}).fit(drawn_faces(2))
    with pytest.raises(MethodError, match="has not been fitted"):
        ASM().predict([], np.zeros((0, 4)))


def test_real_faces():
    if not os.environ.get("FLDBENCH_DATA"):
        pytest.skip("set FLDBENCH_DATA to the folder that holds 300w to test on real faces")
    train = boxes_from(load_dataset("300w", split="train")[::50], "tight")  # 41 faces
    test = jittered(boxes_from(load_dataset("300w", split="test")[::22], "tight"))  # 15 faces
    floor = error(MeanShape().fit(train), test)
    method = ASM(levels=3, last_size=80.0, last_reach=0.06, cell=5, grid=3).fit(train)
    assert error(method, test) < 0.55 * floor
    profile = ASM(search="profile", levels=3, last_size=80.0).fit(train)
    assert error(profile, test) < 0.9 * floor
