"""stack: weights by hand, by a second route and by laws; learned out of fold; the same after saving; its errors."""

import numpy as np
import pytest
from scipy.optimize import minimize

import fldbench
from fldbench.baselines.average import Average
from fldbench.baselines.stack import Stack, corrected, mean_offsets, stacking_weights, weighted_mean
from fldbench.errors import DataError, MethodError
from fldbench.method import Method, load_method
from fldbench.registry import register_method

OFF = 7.0  # px that Memory is wrong by on faces it has not seen
QUICK = {"linear": {"crop_size": 48, "copies": 2}}


class Memory(Method):
    """Knows the faces that it was fitted to, and is OFF to the right of all others."""

    truth: dict = {}  # image bytes -> landmarks, of all faces there are
    fits: list = []

    def fit(self, train, val=None):
        self._seen = {image.tobytes() for image in train.images}
        Memory.fits.append(sorted(train.ids.tolist()))
        self.n_ = len(train)
        return self

    def predict(self, images, boxes):
        keys = [image.tobytes() for image in images]
        return np.array([self.truth[key] + (0.0 if key in self._seen else (OFF, 0.0)) for key in keys])


class Below(Method):
    """Is `off` px below the truth on all faces, and misses those whose box begins left of 0."""

    def __init__(self, off=1.0):
        self.off = off

    def fit(self, train, val=None):
        self.n_ = len(train)
        return self

    def predict(self, images, boxes):
        answer = np.array([Memory.truth[image.tobytes()] + (0.0, self.off) for image in images])
        return np.where(boxes[:, None, None, 0] < 0, np.nan, answer)


@pytest.fixture(scope="module")
def faces():
    return fldbench.load_dataset("synthetic", split="train")[:15]


@pytest.fixture(autouse=True)
def registered(faces):
    register_method("memory", Memory)
    register_method("below", Below)
    Memory.truth = {image.tobytes(): points for image, points in zip(faces.images, faces.landmarks, strict=True)}
    Memory.fits = []


def weights_of(errors, ridge=0.0):
    """Of errors (members, n, 2) at one landmark."""
    errors = np.asarray(errors, float)[:, :, None]
    return stacking_weights(errors, np.zeros(errors.shape[1:]), np.ones(errors.shape[1]), ridge)[:, 0]


def test_weights_by_hand():
    apart = [[(1, 0), (0, 0)], [(0, 0), (0, 2)]]  # squares 1 and 4, no common part: 4 to 1
    assert weights_of(apart) == pytest.approx([0.8, 0.2])
    # 2 faces speak for equal weights as loudly as those two: the mean square 2.5 comes on top, 6.5 to 3.5.
    assert weights_of(apart, ridge=2.0) == pytest.approx([0.65, 0.35])
    # The second has the first's error and one of its own.
    assert weights_of([[(1, 0)], [(1, 1)]]) == pytest.approx([1, 0], abs=1e-6)
    # Without the bound the weights would be 3 and -2.
    assert weights_of([[(2, 0)], [(3, 0)]]) == pytest.approx([1, 0])
    assert weights_of([[(1, 0)], [(-1, 0)]]) == pytest.approx([0.5, 0.5])
    assert weights_of([[(1, 0)], [(1, 0)]]) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("ridge", [0.0, 5.0])
def test_weights_by_a_second_route(ridge):
    rng = np.random.default_rng(0)
    answers = rng.normal(0, [[[[1.0]]], [[[2.0]]], [[[1.5]]]], (3, 40, 4, 2)) + rng.normal(0, 1, (40, 4, 2))
    sides = rng.uniform(50, 90, 40)
    found = stacking_weights(answers, np.zeros((40, 4, 2)), sides, ridge)
    for landmark in range(4):
        errors = (answers[:, :, landmark] / sides[:, None]).reshape(3, -1)
        penalty = ridge * (errors**2).sum() / 3 / 40

        def loss(w, errors=errors, penalty=penalty):
            return 1e4 * (((w @ errors) ** 2).sum() + penalty * (w**2).sum())

        one = {"type": "eq", "fun": lambda w: w.sum() - 1}
        best = minimize(loss, np.full(3, 1 / 3), bounds=[(0, 1)] * 3, constraints=one, tol=1e-12)
        assert found[:, landmark] == pytest.approx(best.x, abs=1e-4)


def test_laws_of_the_weights():
    rng = np.random.default_rng(1)
    truth, sides = rng.normal(0, 30, (20, 5, 2)), rng.uniform(50, 90, 20)
    answers = truth + rng.normal(0, [[[[1.0]]], [[[2.0]]], [[[3.0]]]], (3, 20, 5, 2))
    weights = stacking_weights(answers, truth, sides, 3.0)
    assert (weights >= 0).all() and np.allclose(weights.sum(axis=0), 1)
    assert np.allclose(stacking_weights(answers[::-1], truth, sides, 3.0), weights[::-1])
    assert np.allclose(stacking_weights(5 * answers, 5 * truth, sides, 3.0), weights)
    assert np.allclose(stacking_weights(answers, truth, sides, 1e9), 1 / 3)


def test_what_is_not_known_says_nothing():
    rng = np.random.default_rng(2)
    truth, sides = rng.normal(0, 30, (20, 2, 2)), rng.uniform(50, 90, 20)
    answers = truth + rng.normal(0, [[[[1.0]]], [[[2.0]]]], (2, 20, 2, 2))
    answers[1, 3], truth[5, 0], truth[:, 1] = np.nan, np.nan, np.nan
    weights = stacking_weights(answers, truth, sides, 3.0)
    kept = np.delete(np.arange(20), [3, 5])
    assert np.allclose(weights[:, 0], stacking_weights(answers[:, kept], truth[kept], sides[kept], 3.0)[:, 0])
    assert weights[:, 1].tolist() == [0.5, 0.5]


def test_a_member_that_missed_a_face_leaves_it_to_the_others():
    answers = np.array([[[[0.0, 0]]], [[[8.0, 4]]], [[[4.0, 4]]]])
    weights = np.array([[0.5], [0.25], [0.25]])
    assert weighted_mean(answers, weights).tolist() == [[[3, 2]]]
    answers[0] = np.nan
    assert weighted_mean(answers, weights).tolist() == [[[6, 4]]]
    assert weighted_mean(answers, np.array([[1.0], [0], [0]])).tolist() == [[[6, 4]]]
    assert np.isnan(weighted_mean(answers[:1], weights[:1])).all()


def test_offsets_by_hand():
    shape = np.array([[0.0, 0], [8, 0], [0, 6], [8, 6]])  # of size 5
    answers = np.stack([shape, 2 * shape])[None]
    truth = answers[0] + np.array([[[5.0, 0]], [[20, 10]]])  # one size to the right; two, and one down
    assert np.allclose(mean_offsets(answers, truth, 0.0), [[[1.5, 0.5]] * 4])
    assert np.allclose(mean_offsets(answers, truth, 2.0), [[[0.75, 0.25]] * 4])
    assert np.allclose(corrected(answers, np.full((1, 4, 2), 0.1)) - answers, np.array([0.5, 1.0])[:, None, None])
    truth[1, 2], answers = np.nan, np.concatenate([answers, np.full_like(answers, np.nan)])
    found = mean_offsets(answers, truth, 0.0)
    assert found[0, 2].tolist() == [1, 0] and found[0, 1].tolist() == [1.5, 0.5] and not found[1].any()
    assert np.isnan(corrected(answers, found)[1]).all()
    assert not mean_offsets(np.zeros((1, 2, 4, 2)), truth, 0.0).any(), "a shape without size has no unit"


def test_a_shift_that_mirrored_faces_cannot_teach_is_learned(faces):
    method = Stack(("below",), {"below": {"off": 4.0}}, ridge=0.0, parts=None).fit(faces)
    wrong = method.members_[0].predict(list(faces.images), faces.boxes) - faces.landmarks
    answer = method.predict(list(faces.images), faces.boxes) - faces.landmarks
    assert np.abs(answer).max() < 0.25 * np.abs(wrong).max()


@pytest.mark.parametrize("parts", [1, 2, None])
def test_all_is_learned_out_of_fold(faces, parts):
    """Memory is perfect on the faces that it knows, and gains nothing by it."""
    method = Stack(("memory", "below"), folds=5, parts=parts, ridge=0.5).fit(faces)
    *apart, whole = Memory.fits
    assert whole == sorted(faces.ids.tolist())
    assert [len(one) for one in apart] == [12] * (parts or 5) and len({tuple(one) for one in apart}) == (parts or 5)
    some = faces[faces.fold_of(5, 0) < (parts or 5)]
    answers = some.landmarks + np.array([[OFF, 0.0], [0.0, 1.0]])[:, None, None]
    offsets = mean_offsets(answers, some.landmarks, 0.5)
    sides = np.sqrt((some.boxes[:, 2:] - some.boxes[:, :2]).prod(axis=1))
    weights = stacking_weights(corrected(answers, offsets), some.landmarks, sides, 0.5)
    assert np.allclose(method.offsets_, offsets) and np.allclose(method.weights_, weights)
    assert (weights[1] > 0.6).all()
    known = faces.landmarks + np.array([[0.0, 0.0], [0.0, 1.0]])[:, None, None]
    answer = method.predict(list(faces.images), faces.boxes)
    assert np.allclose(answer, weighted_mean(corrected(known, offsets), weights))


def test_a_method_that_is_given_twice_has_parameters_for_each_time(faces):
    method = Stack(("below", "below"), {"below": [{"off": 3.0}, {}]}).fit(faces)
    assert [member.off for member in method.members_] == [3.0, 1.0]
    assert (method.weights_[1] > 0.5).all()
    assert [m.off for m in Average(("below", "memory", "below"), {"below": {"off": 2.0}}).members[::2]] == [2.0, 2.0]


def test_saved_and_loaded(faces, tmp_path):
    method = Stack(("mean-shape", "linear"), QUICK).fit(faces)
    again = load_method(method.save(tmp_path / "m.safetensors"))
    answers = [one.predict(list(faces.images), faces.boxes) for one in (method, again)]
    assert np.array_equal(*answers) and method.n_parameters == again.n_parameters
    assert method.n_parameters == sum(member.n_parameters for member in method.members_) + 2 * 68 * 3
    learned = method.learned()
    with pytest.raises(DataError, match=r"stack: weights_ is 'float64 of shape \(1, 68\)'; must be float64 of"):
        again.restore(learned | {"weights_": learned["weights_"][:1]})
    with pytest.raises(DataError, match=r"which no member learns"):
        again.restore(learned | {"7/mean_shape_": learned["weights_"]})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"folds": 1}, "stack: folds is 1; must be a whole number from 2"),
        ({"folds": 3, "parts": 4}, r"stack: parts is 4; must be at most folds \(3\)"),
        ({"parts": 0}, "stack: parts is 0; must be"),
        ({"ridge": -1.0}, "stack: ridge is -1.0; must be"),
        ({"params": {"asm": {}}}, "stack: a name in params is 'asm'; must be one of below, below"),
        ({"params": {"below": [{}]}}, r"stack: the number of params of below is 1; must be 2: one for each time"),
        ({"params": {"below": [{}, 3]}}, "stack: params of below is 3; must be None or a dict"),
        ({"params": [{}]}, r"stack: params is \[\{\}\]; must be None or a dict"),
        ({"params": {"below": [{}, {"of": 1}]}}, "method 'below' has no parameter 'of'; did you mean 'off'"),
    ],
)
def test_what_is_wrong_is_said(params, message, faces):
    with pytest.raises(MethodError, match=message):
        Stack(**({"methods": ("below", "below")} | params)).fit(faces)
    assert not Memory.fits


def test_what_it_cannot_learn_from_is_said(faces):
    with pytest.raises(DataError, match=r"1 group\(s\) of faces; stack needs two, to predict each by the other"):
        Stack(("below",)).fit(faces[:1])
    with pytest.raises(MethodError, match="has not been fitted"):
        Stack(("below",)).predict([], np.empty((0, 4)))
