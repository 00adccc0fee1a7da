"""lbf: trees, leaves and the regression by second routes, the laws of its answers, and real faces."""

import os
from dataclasses import replace

import numpy as np
import pytest
from drawn import drawn_faces, error, jittered

from fldbench.baselines.lbf import forest as lbf_forest
from fldbench.baselines.lbf.method import LBF
from fldbench.baselines.lbf.ridge import LeafRidge, spread
from fldbench.baselines.lbf.samples import Samples, principal_steps, turns
from fldbench.baselines.mean_shape import MeanShape
from fldbench.dataset import load_dataset
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet, ImageArrays
from fldbench.geometry import fit_similarity
from fldbench.method import load_method
from fldbench.progress import listening
from fldbench.schemes import get_scheme

SMALL = {"stages": 3, "trees": 4, "depth": 3, "candidates": 40, "pool": 60, "crop_size": 64, "ridge": 5.0, "folds": 3}


@pytest.fixture(scope="module")
def test_set():
    return jittered(drawn_faces(20, seed=1))


@pytest.fixture(scope="module")
def fitted():
    return LBF(**SMALL).fit(drawn_faces(60))


def test_it_beats_the_mean_shape_by_far(fitted, test_set):
    assert error(fitted, test_set) < 0.4 * error(MeanShape().fit(drawn_faces(60)), test_set)


# ---- the trees


@pytest.fixture(scope="module")
def node():
    """Pixels, steps, weights and candidates for a tree of depth 2."""
    rng = np.random.default_rng(3)
    values = rng.integers(0, 256, (9, 50)).astype(np.uint8)
    pairs = rng.integers(0, 9, (3, 12, 2)).astype(np.int32)
    rows = rng.permutation(50)[:40]
    return values, rng.normal(size=(50, 2)), rng.random(50), rows, pairs, rng.random((3, 12))


def best_split(values, steps, weights, rows, pairs, draws):
    """By hand: the candidate that leaves the least weighted variance of the steps on its two sides."""
    found = []
    for (one, two), draw in zip(pairs, draws, strict=True):
        differences = values[one].astype(int) - values[two]
        threshold = differences[rows[int(draw * len(rows))]]
        left, right = rows[differences[rows] <= threshold], rows[differences[rows] > threshold]
        spread = 0.0
        for side in (left, right):
            if not len(side):
                spread = np.inf
                break
            mean = np.average(steps[side], axis=0, weights=weights[side])
            spread += (weights[side, None] * (steps[side] - mean) ** 2).sum()
        found.append((spread, one, two, threshold, left, right))
    return min(found, key=lambda split: split[0])


def test_the_first_split_by_brute_force(node):
    values, steps, weights, rows, pairs, draws = node
    chosen, thresholds = lbf_forest.grow(*node, 2, 50)
    _, one, two, threshold, _, _ = best_split(values, steps, weights, rows, pairs[0], draws[0])
    assert chosen[0].tolist() == [one, two]
    assert thresholds[0] == threshold


def test_later_splits_divide_their_own_samples(node):
    """Thresholds are drawn from the order of a node's samples, so here each candidate's is at the first of them."""
    values, steps, weights, rows, pairs, draws = node
    chosen, thresholds = lbf_forest.grow(values, steps, weights, rows, pairs, np.zeros_like(draws), 2, 50)
    *_, left, right = best_split(values, steps, weights, rows, pairs[0], np.zeros(12))
    # Samples that go right are filled in from behind, so their first one is the last in the parent's order.
    for k, side in ((1, left), (2, right[::-1])):
        _, one, two, threshold, _, _ = best_split(values, steps, weights, side, pairs[k], np.zeros(12))
        assert chosen[k].tolist() == [one, two]
        assert thresholds[k] == threshold


def test_a_weight_of_two_is_a_sample_that_stands_twice(node):
    values, steps, _, rows, pairs, _ = node
    draws = np.zeros(pairs.shape[:2])
    twice = np.isin(np.arange(50), rows[:15])
    one = lbf_forest.grow(values, steps, 1.0 + twice, rows, pairs, draws, 1, 100)
    copies = np.concatenate([rows, rows[:15]])
    other = lbf_forest.grow(values, steps, np.ones(50), copies, pairs, draws, 1, 100)
    assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])


def test_nothing_to_divide_sends_everything_left():
    values = np.full((4, 6), 7, np.uint8)
    pairs = np.ones((3, 5, 2), np.int32)
    drawn = (np.arange(6), pairs, np.full((3, 5), 0.9), 2, 6)
    _, thresholds = lbf_forest.grow(values, np.zeros((6, 2)), np.ones(6), *drawn)
    assert (thresholds == 255).all()


def test_a_large_node_is_judged_on_a_part_of_its_samples(node):
    """By brute force on the eight that stand at k + (the fraction of k times the golden ratio) eighths of the list."""
    values, steps, weights, rows, pairs, draws = node
    part = rows[[int((k + k * 0.6180339887498949 % 1) * 5) for k in range(8)]]
    threshold_at = values[pairs[0, :, 0]].astype(int) - values[pairs[0, :, 1]]
    found = []
    for c in range(len(pairs[0])):
        threshold = threshold_at[c, rows[int(draws[0, c] * 40)]]
        sides = [part[threshold_at[c, part] <= threshold], part[threshold_at[c, part] > threshold]]
        if all(map(len, sides)):
            sums = [(weights[side, None] * steps[side]).sum(axis=0) for side in sides]
            found.append((sum(s @ s / weights[side].sum() for s, side in zip(sums, sides, strict=True)), c, threshold))
    _, best, threshold = max(found)
    chosen, thresholds = lbf_forest.grow(*node, 1, 8)
    assert chosen[0].tolist() == pairs[0, best].tolist() and thresholds[0] == threshold
    whole = lbf_forest.grow(*node, 1, 40)
    assert np.array_equal(whole[0], lbf_forest.grow(*node, 1, 1000)[0])


def test_leaves_by_a_slow_walk():
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (3, 20, 24)).astype(np.uint8)
    n, points, trees = 7, 2, 3
    which, flip = rng.integers(0, 3, n), rng.random(n) < 0.5
    shapes = rng.uniform(-4, 26, (n, points, 2))  # some of them outside
    turn = rng.normal(1, 0.3, n) + 1j * rng.normal(0, 0.3, n)
    offsets = rng.normal(0, 4, (points, trees, 7, 4)).astype(np.float32)
    thresholds = rng.integers(-80, 80, (points, trees, 7)).astype(np.int16)

    def pixel(i, x, y):
        image = images[which[i]][:, ::-1] if flip[i] else images[which[i]]
        return int(image[int(np.floor(np.clip(y, 0, 19) + 0.5)), int(np.floor(np.clip(x, 0, 23) + 0.5))])

    def walk(i, point, tree):
        k, start = 0, complex(*shapes[i, point])
        while k < 7:
            o = offsets[point, tree, k].astype(float)
            one, two = (start + turn[i] * complex(*o[:2])), (start + turn[i] * complex(*o[2:]))
            difference = pixel(i, one.real, one.imag) - pixel(i, two.real, two.imag)
            k = 2 * k + 1 + (difference > thresholds[point, tree, k])
        return k - 7

    expected = [[[walk(i, p, t) for t in range(trees)] for i in range(n)] for p in range(points)]
    leaves = Samples(images, which, flip, shapes).leaves(turn, offsets, thresholds, threads=2)
    assert leaves.tolist() == expected
    pool = offsets[0, 0, :, :2].astype(float)
    values = np.empty((len(pool), n), np.uint8)
    lbf_forest.pool_values(images, which, flip, shapes[:, 1].copy(), turn, pool, values)
    at = [[complex(*shapes[i, 1]) + turn[i] * complex(*o) for i in range(n)] for o in pool]
    assert values.tolist() == [[pixel(i, z.real, z.imag) for i, z in enumerate(row)] for row in at]


# ---- the regression


def random_leaves(rng, points=3, n=60, trees=2, n_leaves=4):
    return rng.integers(0, n_leaves, (points, n, trees)).astype(np.uint8)


def one_hot(leaves, n_leaves):
    """(n, L trees leaves): the matrix that the method never makes."""
    return np.concatenate(
        [np.eye(n_leaves)[leaf] for leaf in leaves.transpose(0, 2, 1).reshape(-1, leaves.shape[1])], 1
    )


@pytest.mark.parametrize("ridge", [0.5, 40.0])
def test_ridge_is_scikit_learns_on_the_dense_matrix(ridge):
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    leaves, targets, weights = random_leaves(rng), rng.normal(3, 2, (60, 5)), rng.random(60) * 2
    rows = rng.permutation(60)[:45]
    solution, bias = LeafRidge(leaves, rows, weights, 4, threads=2).solve(targets, ridge, 200)
    dense = Ridge(ridge, solver="cholesky").fit(one_hot(leaves, 4)[rows], targets[rows], weights[rows])
    assert np.allclose(solution.reshape(-1, 5).T, dense.coef_, atol=1e-3)
    assert np.allclose(bias, dense.intercept_, atol=1e-3)


def test_a_doubled_weight_is_a_doubled_row_in_the_regression():
    rng = np.random.default_rng(1)
    leaves, targets = random_leaves(rng), rng.normal(size=(60, 3))
    doubled = np.arange(60) % 3 == 0
    rows = np.concatenate([np.arange(60), np.flatnonzero(doubled)])
    one = LeafRidge(leaves, np.arange(60), 1.0 + doubled, 4).solve(targets, 2.0, 100)
    other = LeafRidge(leaves, rows, np.ones(60), 4).solve(targets, 2.0, 100)
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(one, other, strict=True))


def test_a_column_of_zeros_and_a_single_sample_are_solved():
    rng = np.random.default_rng(2)
    leaves, targets = random_leaves(rng), rng.normal(size=(60, 2))
    targets[:, 0] = 4.0
    solution, bias = LeafRidge(leaves, np.arange(60), np.ones(60), 4).solve(targets, 1.0, 50)
    assert np.allclose(solution[..., 0], 0, atol=1e-6) and np.isclose(bias[0], 4)
    solution, bias = LeafRidge(leaves, np.array([7]), np.ones(60), 4).solve(targets, 1.0, 50)
    assert np.allclose(solution, 0) and np.allclose(bias, targets[7])


def test_spread_is_a_product_of_matrices():
    rng = np.random.default_rng(6)
    sums, components, bias = rng.integers(-9, 9, (4, 3), np.int32), rng.normal(size=(3, 6)), rng.normal(size=6)
    assert np.allclose(spread(sums, components.astype(np.float32), bias), sums @ components + bias, atol=1e-5)


def test_principal_steps_by_singular_values():
    rng = np.random.default_rng(7)
    steps, weights = rng.normal(size=(30, 6)) * np.arange(1, 7), rng.integers(1, 4, 30)
    parts = ((steps[rows], weights[rows].astype(float)) for rows in (slice(0, 11), slice(11, 30)))
    mean, directions = principal_steps(parts, 3)
    repeated = np.repeat(steps, weights, axis=0)
    expected = np.linalg.svd(repeated - repeated.mean(axis=0))[2][:3]
    assert np.allclose(mean, repeated.mean(axis=0))
    assert np.allclose(np.abs(np.sum(directions * expected, axis=1)), 1)


def test_turns_are_the_similarity_s_linear_part():
    rng = np.random.default_rng(4)
    reference, shapes = rng.normal(size=(6, 2)), rng.normal(size=(5, 6, 2))
    matrices = fit_similarity(reference[None], shapes)
    a = turns(reference, shapes)
    kept = abs(matrices[:, 0, 0] + 1j * matrices[:, 1, 0]) > 0.1
    assert np.allclose(a[kept], (matrices[:, 0, 0] + 1j * matrices[:, 1, 0])[kept]) and (a[~kept] == 1).all()
    assert turns(np.zeros((1, 2)), shapes[:, :1]).tolist() == [1] * 5  # a single point has no direction


# ---- the method


def test_mirrored_images_give_mirrored_answers(fitted, test_set):
    """Exactly, except for the crop's resampling: the mean over the face and its mirror image is symmetric."""
    flipped = [np.ascontiguousarray(image[:, ::-1]) for image in test_set.images]
    boxes = test_set.boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (199, 0, 199, 0)
    expected = get_scheme("mtfl-5").flip(fitted.predict(test_set.images, test_set.boxes), 200)
    assert np.median(np.abs(fitted.predict(flipped, boxes) - expected)) < 0.1


def test_a_mirrored_training_set_is_the_same_training_set():
    """A face and its mirror image are both learned from, so the start and the reference are symmetric."""
    train, mirror = drawn_faces(12), np.array(get_scheme("mtfl-5").mirror)
    method = LBF(**SMALL).fit(train)
    assert np.allclose(method.mean_shape_[mirror] * (-1, 1) + (1, 0), method.mean_shape_)
    assert np.allclose(method.reference_[mirror] * (-1, 1), method.reference_)


def test_a_face_does_not_depend_on_its_batch(fitted, test_set):
    together = fitted.predict(test_set.images, test_set.boxes)
    single = [fitted.predict([face.image], face.box[None])[0] for face in test_set]
    assert np.array_equal(together, single)


def test_the_number_of_threads_changes_nothing(test_set):
    train = drawn_faces(20)
    one, three = (LBF(**SMALL, threads=threads).fit(train) for threads in (1, 3))
    for name, value in one.learned().items():
        assert np.array_equal(value, three.learned()[name]), name
    answers = [method.predict(test_set.images, test_set.boxes) for method in (one, three)]
    assert np.array_equal(*answers)


def test_whole_numbers_stand_for_the_weights(fitted):
    assert fitted.weights_.dtype == np.int16
    assert np.abs(fitted.weights_).max(axis=(1, 2, 3)).min() == 32767
    assert fitted.weights_.shape == (3, 5, 4, 8, 10)  # no more components than coordinates


def test_a_weight_of_nothing_leaves_a_face_out(test_set):
    train = drawn_faces(16)
    weight = np.r_[np.ones(12), np.zeros(4)]
    some, fewer = LBF(**SMALL).fit(train, sample_weight=weight), LBF(**SMALL).fit(train[:12])
    answers = [method.predict(test_set.images, test_set.boxes) for method in (some, fewer)]
    assert np.array_equal(*answers)
    with pytest.raises(DataError, match="sample_weight"):
        LBF(**SMALL).fit(train, sample_weight=weight[:5])


def test_weights_matter():
    """Faces whose marks are shifted: those with the greater weight decide where the answer is."""
    train = drawn_faces(40)
    landmarks = train.landmarks.copy()
    landmarks[::2] += (0, 12)  # not sideways, which mirrored faces would undo
    train = replace(train, landmarks=landmarks, visible=None)
    test = drawn_faces(10, seed=2)
    heavy, light = np.where(np.arange(40) % 2 == 0, 20.0, 1.0), np.where(np.arange(40) % 2 == 0, 1.0, 20.0)
    low, high = (LBF(**SMALL).fit(train, sample_weight=w).predict(test.images, test.boxes) for w in (heavy, light))
    assert (low - high)[..., 1].mean() > 3


def test_persons_are_not_cut_by_the_folds():
    groups = np.array(["a", "b", "a", "c", "d", "b", "e"])
    folds = LBF(folds=3)._folds(groups)
    assert set(folds.tolist()) == {0, 1, 2}
    assert all(len(set(folds[groups == group])) == 1 for group in "abcde")
    assert LBF(folds=4)._folds(np.array(["a", "a"])).tolist() == [0, 0]


def test_inputs_stay_as_they_are(fitted):
    faces = drawn_faces(4, seed=3)
    for array in [*faces.images, faces.landmarks, faces.boxes]:
        array.setflags(write=False)
    LBF(**SMALL).fit(faces)
    fitted.predict(faces.images, faces.boxes)


def test_saved_is_loaded(fitted, test_set, tmp_path, monkeypatch):
    from fldbench import registry

    monkeypatch.setitem(registry.TABLES["method"], "lbf", "fldbench.baselines.lbf.method:LBF")
    again = load_method(fitted.save(tmp_path / "model.safetensors"))
    assert again.get_params() == fitted.get_params()
    answers = [method.predict(test_set.images, test_set.boxes) for method in (fitted, again)]
    assert np.array_equal(*answers)


def test_the_seed_decides():
    train = drawn_faces(8)
    one, same, other = (LBF(**SMALL, random_state=seed).fit(train).weights_ for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_odd_inputs(fitted):
    face = drawn_faces(1, seed=4)[0]
    tiny = np.zeros((12, 12, 3), np.uint8)
    boxes = np.stack([face.box, face.box - 150, face.box + 5000, np.array([0.0, 0, 11, 11])])
    answer = fitted.predict([face.image[..., 1], face.image, face.image, tiny], boxes)
    assert answer.shape == (4, 5, 2)
    assert np.isfinite(answer).all()
    assert fitted.predict([], np.zeros((0, 4))).shape == (0, 5, 2)


def test_one_face_equal_faces_and_missing_points_are_enough():
    one = drawn_faces(1)
    assert np.isfinite(LBF(**SMALL).fit(one).predict(one.images, one.boxes)).all()
    columns = (np.repeat(column, 5, axis=0) for column in (one.boxes, one.landmarks))
    same = FaceSet(np.array(list("abcde")), ImageArrays([one.images[0]] * 5), *columns, one.scheme)
    assert np.isfinite(LBF(**SMALL).fit(same).predict(one.images, one.boxes)).all()
    train = drawn_faces(40)
    landmarks = train.landmarks.copy()
    landmarks[np.arange(40), np.arange(40) % 5] = np.nan  # every face lacks a point
    gappy = replace(train, landmarks=landmarks, visible=None)
    test = jittered(drawn_faces(10, seed=5))
    assert error(LBF(**SMALL).fit(gappy), test) < 0.7 * error(MeanShape().fit(train), test)
    landmarks[:, 2] = np.nan
    with pytest.raises(DataError, match="no face has point 2"):
        LBF(**SMALL).fit(replace(train, landmarks=landmarks, visible=None))


def test_it_reports_its_progress():
    news = []
    with listening(lambda *report: news.append(report)):
        LBF(**SMALL).fit(drawn_faces(6))
    assert news[0] == ("fitting lbf", 0, 12) and news[-1] == ("fitting lbf", 12, 12)  # 3 stages of 1 + 3 folds
    assert [done for _, done, _ in news] == sorted({done for _, done, _ in news})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("depth", 9, "a whole number from 1 to 8"),
        ("ridge", 0, "a number above 0"),
        ("bag", 1.5, "a number above 0 up to 1"),
        ("stages", 0, "a whole number from 1"),
        ("shift", -0.1, "a number from 0"),
    ],
)
def test_impossible_parameters(name, value, allowed):
    with pytest.raises(MethodError, match=f"lbf: {name} is {value}; must be {allowed}"):
        LBF(**{name: value}).fit(drawn_faces(2))


def test_an_unfitted_method_says_so():
    with pytest.raises(MethodError, match="call fit first"):
        LBF().predict([], np.zeros((0, 4)))


def test_real_faces():
    if not os.environ.get("FLDBENCH_DATA"):
        pytest.skip("set FLDBENCH_DATA to the folder that holds 300w to test on real faces")
    train = load_dataset("300w", split="train")[::33]  # 61 faces
    test = jittered(load_dataset("300w", split="test")[::11])  # 30 faces
    method = LBF(stages=3, trees=4, depth=4, candidates=40, pool=100, ridge=300.0, crop_size=96).fit(train)
    assert error(method, test) < 0.7 * error(MeanShape().fit(train), test)
