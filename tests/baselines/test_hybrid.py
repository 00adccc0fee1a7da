"""hybrid: starts by models that never saw the face, handed over as shapes or boxes; the same after saving."""

from dataclasses import replace

import numpy as np
import pytest

import fldbench
from fldbench.baselines.hybrid import Hybrid
from fldbench.baselines.parts.handed import handed_boxes
from fldbench.errors import DataError, MethodError
from fldbench.geometry import tight_box
from fldbench.method import Method, load_method, make_method
from fldbench.registry import register_method

HOG = {"stages": 1, "starts": 2, "crop_size": 100, "grid": 2, "bins": 4, "ridge": 0.1}
OFF = 7.0  # px that Memory is wrong by on faces it has not seen
SHIFT = np.array([OFF, 0.0])


class Memory(Method):
    """Knows the faces that it was fitted to by their pixels, and is OFF to the right of all others."""

    truth: dict = {}  # image bytes -> landmarks, of all faces there are

    def fit(self, train, val=None):
        self._seen = {image.tobytes() for image in train.images}
        self.n_ = len(train)
        return self

    def predict(self, images, boxes):
        keys = [image.tobytes() for image in images]
        return np.array([self.truth[key] + (0.0 if key in self._seen else (OFF, 0.0)) for key in keys])


class Acquaintance(Method):
    """Knows the faces of the groups that it was fitted to, and is OFF to the right of all others."""

    known: dict = {}  # image bytes -> group, landmarks, of all faces there are

    def fit(self, train, val=None):
        self._groups = set(train.groups.tolist())
        self.n_ = len(train)
        return self

    def predict(self, images, boxes):
        found = [self.known[image.tobytes()] for image in images]
        return np.array([points + (0.0 if group in self._groups else SHIFT) for group, points in found])


class Shapes(Method):
    """A refiner that takes starts: remembers them, and answers with them."""

    refines = True

    def fit(self, train, val=None, start_shapes=None):
        Shapes.given = train.ids, start_shapes, train.boxes
        self.n_ = len(train)
        return self

    def predict(self, images, boxes, start_shapes=None):
        return start_shapes


class Boxes(Method):
    """A refiner that takes none: remembers the boxes, and answers with their corners."""

    validates = True

    def fit(self, train, val=None):
        Boxes.given = train.ids, train.boxes, None if val is None else val.boxes
        self.points = train.landmarks.shape[1]
        return self

    def predict(self, images, boxes):
        return np.repeat(np.asarray(boxes)[:, None, :2], self.points, axis=1)


@pytest.fixture(autouse=True)
def registered(faces):
    for name, cls in {"memory": Memory, "acquaintance": Acquaintance, "shapes": Shapes, "boxes": Boxes}.items():
        register_method(name, cls)
    Memory.truth = {image.tobytes(): points for image, points in zip(faces.images, faces.landmarks, strict=True)}


@pytest.fixture(scope="module")
def faces():
    return fldbench.load_dataset("synthetic", split="train")[:14]


@pytest.mark.parametrize("folds", [2, 3, 20])
def test_starts_are_out_of_fold(faces, folds):
    Hybrid("memory", "shapes", folds=folds).fit(faces)
    ids, starts, boxes = Shapes.given
    assert ids.tolist() == faces.ids.tolist()
    assert np.allclose(starts - faces.landmarks, (OFF, 0)) and np.allclose(boxes, tight_box(starts))


def test_no_person_is_answered_by_a_model_that_knows_them(faces):
    grouped = replace(faces, groups=np.repeat(list("abcdefg"), 2))
    rows = zip(faces.images, grouped.groups.tolist(), faces.landmarks, strict=True)
    Acquaintance.known = {image.tobytes(): (group, points) for image, group, points in rows}
    Hybrid("acquaintance", "shapes").fit(grouped)
    assert np.allclose(Shapes.given[1] - faces.landmarks, SHIFT)


def test_the_final_first_method_saw_every_face(faces):
    method = Hybrid("memory", "shapes").fit(faces)
    assert method.members_[0].n_ == len(faces)
    assert np.allclose(method.predict(list(faces.images), faces.boxes), faces.landmarks)


def test_a_refiner_gets_tight_boxes(faces):
    train, val = faces[:10], faces[10:]
    method = Hybrid("memory", "boxes").fit(train, val)
    _, boxes, val_boxes = Boxes.given
    assert np.allclose(boxes, tight_box(train.landmarks + SHIFT))
    assert np.allclose(val_boxes, tight_box(val.landmarks + SHIFT))
    answer = method.predict(list(val.images), val.boxes)
    assert np.allclose(answer[:, 0], tight_box(val.landmarks)[:, :2] + (OFF, 0))


def test_a_face_without_a_shape_keeps_its_box():
    shapes = np.array([[[2.0, 3], [7, 9]], [[np.nan, 3], [7, 9]], [[5, 3], [5, 9]]])
    boxes = np.array([[0.0, 0, 9, 9], [1, 1, 8, 8], [2, 2, 7, 7]])
    assert handed_boxes(shapes, boxes).tolist() == [[2, 3, 7, 9], [1, 1, 8, 8], [2, 2, 7, 7]]
    assert boxes[0].tolist() == [0, 0, 9, 9]


def test_hog_ridge_begins_from_the_starts(faces):
    images = list(faces.images)
    rng = np.random.default_rng(0)
    starts = faces.landmarks + rng.normal(0, 2, (len(faces), 1, 2))
    cascade = make_method("hog-ridge", **HOG).fit(faces, start_shapes=starts)
    found = cascade.predict(images, faces.boxes, start_shapes=starts)
    assert np.abs(found - faces.landmarks).mean() < 0.7 * np.abs(starts - faces.landmarks).mean()
    # The step is small: from starts that are far off it does not arrive.
    far = cascade.predict(images, faces.boxes, start_shapes=starts + np.array([60, 0]))
    assert np.abs(far - faces.landmarks).mean() > 20


def test_a_start_that_is_missing_is_the_mean_shape(faces):
    images, boxes = list(faces.images[:2]), faces.boxes[:2]
    cascade = make_method("hog-ridge", **HOG).fit(faces, start_shapes=faces.landmarks + 1.0)
    mean = cascade.mean_shape_ * (boxes[:, None, 2:] - boxes[:, None, :2]) + boxes[:, None, :2]
    missing = np.full_like(mean, np.nan)
    found = [cascade.predict(images, boxes, start_shapes=shapes) for shapes in (missing, mean)]
    assert np.allclose(*found, atol=1e-4)


def test_starts_and_their_errors(faces):
    images = list(faces.images)
    plain = make_method("hog-ridge", **HOG).fit(faces)
    with pytest.raises(MethodError, match="fitted without start_shapes"):
        plain.predict(images, faces.boxes, start_shapes=faces.landmarks)
    refiner = make_method("hog-ridge", **HOG).fit(faces, start_shapes=faces.landmarks)
    with pytest.raises(MethodError, match="fitted with start_shapes"):
        refiner.predict(images, faces.boxes)
    with pytest.raises(DataError, match="start_shapes is \\(3, 68, 2\\); must be \\(14, L, 2\\)"):
        refiner.predict(images, faces.boxes, start_shapes=faces.landmarks[:3])
    with pytest.raises(DataError, match="start_shapes is \\(14, 5, 2\\); must be \\(14, 68, 2\\)"):
        refiner.predict(images, faces.boxes, start_shapes=faces.landmarks[:, :5])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"first": "nothing"}, "nothing"),
        ({"folds": 1}, "hybrid: folds is 1; must be a whole number from 2"),
        ({"second_params": "fast"}, "second_params is 'fast'"),
        ({"first": "linear", "first_params": {"crop_size": -1}}, "hybrid: linear: linear: crop_size"),
        ({"first": 3}, "first is 3"),
    ],
)
def test_wrong_parameters(faces, params, message):
    with pytest.raises(fldbench.FldbenchError, match=message):
        Hybrid(**params).fit(faces)


def test_one_person_alone_cannot_be_answered_by_others(faces):
    with pytest.raises(DataError, match="hybrid needs two"):
        Hybrid("memory", "shapes").fit(faces[:1])


def test_saved_and_loaded(faces, tmp_path):
    method = Hybrid("linear", "hog-ridge", {"crop_size": 48, "copies": 2}, HOG).fit(faces)
    again = load_method(method.save(tmp_path / "m.safetensors"))
    images = list(faces.images)
    assert np.array_equal(again.predict(images, faces.boxes), method.predict(images, faces.boxes))
    assert method.n_parameters == sum(member.n_parameters for member in method.members_)


NETWORK = {"size": 32, "epochs": 1}
TREES = {"stages": 2, "trees": 2, "depth": 2, "candidates": 20, "pool": 30, "crop_size": 48, "folds": 2}


@pytest.mark.parametrize(
    ("first", "second", "first_params", "second_params"),
    [
        ("cnn-small", "hog-ridge", NETWORK, HOG),
        ("linear", "cnn-small", {"crop_size": 48, "copies": 2}, NETWORK),
        ("cnn-small", "lbf", NETWORK, TREES),
    ],
)
def test_networks_and_cascades_in_either_order(faces, tmp_path, first, second, first_params, second_params):
    method = Hybrid(first, second, first_params, second_params, folds=2).fit(faces)
    again = load_method(method.save(tmp_path / "m.safetensors"))
    images = list(faces.images[:4])
    answer = again.predict(images, faces.boxes[:4])
    assert answer.shape == (4, 68, 2) and np.isfinite(answer).all()
    assert np.array_equal(answer, method.predict(images, faces.boxes[:4]))
    counts = [member.multiply_adds for member in method.members_]
    assert method.multiply_adds == (None if None in counts else sum(counts)) and method.device_ == "cpu"
