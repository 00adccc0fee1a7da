"""average: the mean of what its members answer, the same after saving, and its errors."""

import numpy as np
import pytest

from fldbench.baselines.average import Average
from fldbench.baselines.stack import Stack
from fldbench.errors import MethodError
from fldbench.method import Method, load_method, make_method
from fldbench.records.keys import ingredients
from fldbench.registry import register_method

SMALL = {"hog-ridge": {"stages": 1, "starts": 2, "crop_size": 48, "grid": 2, "bins": 4}}


class GivesUp(Method):
    """Answers the mean shape, but nothing for boxes that begin left of 0."""

    def fit(self, train, val=None):
        self.shape_ = make_method("mean-shape").fit(train).mean_shape_
        return self

    def predict(self, images, boxes):
        answer = self.shape_ * (boxes[:, None, 2:] - boxes[:, None, :2]) + boxes[:, None, :2] + 3.0
        return np.where(boxes[:, None, None, 0] < 0, np.nan, answer)


class Corners(Method):
    """Answers the corners of its box."""

    def fit(self, train, val=None):
        self.n_ = train.landmarks.shape[1]
        return self

    def predict(self, images, boxes):
        return np.tile(np.asarray(boxes, float).reshape(-1, 2, 2), (1, self.n_, 1))[:, : self.n_]


class Nearer(Corners):
    """Answers corners of the box halfway between its own and (0, 0, 8, 8); misses dark images."""

    def predict(self, images, boxes):
        answer = super().predict(images, (np.asarray(boxes, float) + np.array([0, 0, 8, 8])) / 2)
        answer[[image.mean() < 1 for image in images]] = np.nan
        return answer


@pytest.fixture(autouse=True)
def registered():
    for name, cls in {"gives-up": GivesUp, "corners": Corners, "nearer": Nearer}.items():
        register_method(name, cls)


@pytest.fixture(scope="module")
def faces():
    import fldbench

    return fldbench.load_dataset("synthetic", split="train")[:12]


def test_it_is_the_mean(faces):
    names = ("mean-shape", "hog-ridge")
    method = Average(names, SMALL).fit(faces)
    single = [make_method(name, **SMALL.get(name, {})).fit(faces).predict(faces.images, faces.boxes) for name in names]
    assert np.allclose(method.predict(faces.images, faces.boxes), sum(single) / 2)
    assert method.n_parameters == sum(member.n_parameters for member in method.members_)


def test_a_face_that_one_gives_up_is_the_others(faces):
    method = Average(("mean-shape", "gives-up")).fit(faces)
    boxes = faces.boxes[:2] - np.array([[0.0, 0, 0, 0], [500, 0, 500, 0]])
    answer = method.predict(faces.images[:2], boxes)
    alone = make_method("mean-shape").fit(faces).predict(faces.images[:2], boxes)
    assert np.allclose(answer, alone + np.array([1.5, 0.0])[:, None, None])
    assert np.isnan(Average(("gives-up",)).fit(faces).predict(faces.images[:2], boxes)[1]).all()


@pytest.mark.parametrize(
    ("more", "place"), [({}, 12.0), ({"boxes_from": "nearer"}, 6.0), ({"boxes_from": "nearer", "passes": 3}, 3.0)]
)
def test_one_can_place_the_boxes_of_all(faces, tmp_path, more, place):
    """By hand: from a box at 16 the next ones of `nearer` begin at 8 and 4; the mean of 2 and 4 is 3."""
    method = Average(("corners", "nearer"), **more).fit(faces)
    images, boxes = [np.full((32, 32), 9, np.uint8), np.zeros((32, 32), np.uint8)], np.array([[16.0, 16, 24, 24]] * 2)
    for one in (method, load_method(method.save(tmp_path / "m.safetensors"))):
        answer = one.predict(images, boxes)
        assert answer[0, :2].tolist() == [[place, place], [place + 8, place + 8]]
        assert answer[1, :2].tolist() == [[16.0, 16.0], [24.0, 24.0]]  # whom the one misses, the others find


@pytest.mark.parametrize("kind", [Average, Stack])
def test_another_box_is_no_other_fit(faces, kind):
    method = kind(("corners", "mean-shape"), boxes_from="mean-shape", passes=3, random_state=3)
    ((name, same),) = method.members_alone.items()
    assert (name, same.get_params()) == (method.label, kind(("corners", "mean-shape"), random_state=3).get_params())
    method.assemble([same.fit(faces)], faces)
    whole = kind(("corners", "mean-shape"), boxes_from="mean-shape", passes=3, random_state=3).fit(faces)
    answers = [one.predict(faces.images, faces.boxes) for one in (method, whole, same)]
    assert np.array_equal(answers[0], answers[1]) and not np.allclose(answers[0], answers[2])
    assert method.fitted_on == whole.fitted_on is not None


def test_saved_and_loaded(faces, tmp_path):
    register_method("average", Average)
    method = Average(("mean-shape", "hog-ridge"), SMALL).fit(faces)
    again = load_method(method.save(tmp_path / "m.safetensors"))
    assert np.array_equal(again.predict(faces.images, faces.boxes), method.predict(faces.images, faces.boxes))


def test_seed_and_threads_go_to_the_members(faces):
    method = Average(("hog-ridge",), SMALL, threads=1, random_state=7).fit(faces[:3])
    assert (method.members_[0].threads, method.members_[0].random_state) == (1, 7)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"methods": ()}, "at least one"),
        ({"methods": "ert"}, "a list"),
        ({"methods": [["ert"]]}, "a list"),
        ({"methods": ("mean-shape",), "threads": "two"}, "threads is 'two'"),
        ({"methods": ("mean-shape",), "random_state": "one"}, "average: random_state is 'one'"),
        ({"boxes_from": "ert"}, "average: boxes_from is 'ert'; must be None or one of hog-ridge, asm, lbf"),
        ({"boxes_from": "lbf", "passes": 1}, "average: passes is 1; must be a whole number from 2 to 4"),
        ({"methods": ("mean-shape",), "params": {"ert": {}}}, "a name in params is 'ert'; must be one of mean-shape"),
        (
            {"methods": ("hog-ridge",), "params": {"hog-ridge": {"stages": 0}}},
            "average: hog-ridge: .*stages is 0; must be a",
        ),
    ],
)
def test_what_is_wrong_is_said(params, message, faces):
    with pytest.raises(MethodError, match=message):
        Average(**params).fit(faces)


def test_nothing_fitted_yet():
    with pytest.raises(MethodError, match="has not been fitted"):
        Average().predict([], np.empty((0, 4)))


def test_the_key_knows_the_code_of_the_members():
    faces = {"train": "a", "groups": "b"}
    alone, both = (ingredients(method, faces).code for method in (make_method("linear"), Average(["linear"])))
    assert alone.items() <= both.items() and "fldbench.baselines.average" in both
    assert Average(["no-such-method"]).members == []
