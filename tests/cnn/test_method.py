"""What every network method has from its base: settings that are checked, saving, frames, confidence, odd images."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
from torch import nn
from toy_networks import QUICK, ToyMethod, ToyNet, nme, same
from toys import toy_faces

import fldbench
from fldbench.cnn.method import NetworkMethod
from fldbench.cnn.nets.heatmap import Heatmap
from fldbench.errors import DataError, MethodError
from fldbench.faces.images import Images
from fldbench.geometry import tight_box
from fldbench.method import predict_checked
from fldbench.progress import listening


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"epochs": 0}, "ToyMethod: epochs is 0; must be a whole number from 1"),
        ({"batch_size": 0}, "batch_size is 0; must be a whole number from 1"),
        ({"size": 0}, "size is 0; must be a whole number from 1"),
        ({"height": 0}, "height is 0; must be None or a whole number from 1"),
        ({"channels": 2}, "channels is 2; must be one of 1, 3"),
        ({"padding": -0.5}, "padding is -0.5; must be a number above -0.5"),
        ({"learning_rate": 0}, "learning_rate is 0; must be a number above 0"),
        ({"random_state": -1}, "random_state is -1; must be a whole number from 0"),
        ({"loss": "l3"}, "loss is 'l3'; must be the name of a loss; known: adaptive-wing"),
        ({"augmentation": "mild"}, "augmentation is 'mild'; must be the name of a preset or a dict of ranges; known: "),
        (
            {"training": {"optimizer": "sgd"}},
            "training has no setting 'optimizer'; did you mean 'optimiser'",
        ),
        (
            {"training": {"optimiser": "adagrad"}},
            "ToyMethod: training: optimiser is 'adagrad'; must be one of 'adamw'",
        ),
        ({"training": {"ema": 1.0}}, "training: ema is 1.0; must be a number from 0 and below 1"),
        ({"training": {"growth": 0.5}}, "ToyMethod: its network answers crops of one size, so they cannot grow"),
        ({"training": {"growth": 1.5}}, "training: growth is 1.5; must be a number from 0 to 1"),
        ({"training": {"patience": 0}}, "training: patience is 0; must be None or a whole number from 1"),
        ({"training": {"threads": -1}}, "training: threads is -1; must be None or a whole number from 0"),
        ({"training": "fast"}, "training is 'fast'; must be None or a dict of settings"),
        ({"training": {"accelerator": "abacus"}}, "change accelerator, devices or precision in `training`"),
        ({"augmentation": 3}, "augmentation is 3; must be the name of a preset or a dict of ranges"),
        ({"flip_test": "no"}, "flip_test is 'no'; must be true or false"),
        ({"weights": 3}, "weights is 3; must be None or the path of a file"),
        ({"frozen": -2}, "frozen is -2; must be a whole number from -1"),
        ({"loss": "soft-argmax"}, "needs a network that answers with 'variance'"),
    ],
)
def test_impossible_parameters(params, message):
    with pytest.raises(MethodError, match=message):
        ToyMethod(**params).fit(toy_faces(2))
    with pytest.raises(MethodError, match="has not been fitted"):
        ToyMethod().predict([], np.zeros((0, 4)))


class OldStyle(NetworkMethod):
    """A plug-in with a constructor of its own, as they were written before parameters were dataclass fields."""

    defaults = QUICK

    def __init__(self, size=24, epochs=3, dropout=0.0, random_state=0):
        super().__init__(size=size, padding=0.2, loss="l1", augmentation="none", epochs=epochs, batch_size=4)
        self.learning_rate = 3e-3
        self.dropout = dropout
        self.random_state = random_state

    def build(self, n_points, mean):
        return ToyNet(mean, self.size, self.size, self.channels, self.dropout)


class OnlyItsOwn(OldStyle):
    """A constructor that calls no other: what it does not store has the default of the class."""

    padding, loss, augmentation, batch_size, learning_rate, dropout = 0.2, "l1", "none", 4, 3e-3, 0.0

    def __init__(self, epochs=3):
        self.epochs = epochs
        self.size = 24


def test_a_plug_in_with_a_constructor_of_its_own(tmp_path, toy):
    faces = toy_faces(6)
    new, old, own = ToyMethod().fit(faces), OldStyle().fit(faces), OnlyItsOwn().fit(faces)
    assert same(new, old) and same(new, own)
    assert list(old.get_params()) == ["size", "epochs", "dropout", "random_state"]
    assert repr(own) == "OnlyItsOwn(epochs=3)"
    fldbench.register_method("old-style", OldStyle)
    again = fldbench.load_method(old.save(tmp_path / "model.safetensors"))
    assert np.array_equal(again.predict(faces.images, faces.boxes), old.predict(faces.images, faces.boxes))
    with pytest.raises(MethodError, match="OnlyItsOwn: epochs is 0; must be a whole number from 1"):
        OnlyItsOwn(epochs=0).fit(faces)


FAMILIES = [name for name, target in fldbench.registry.table("method").items() if ".cnn." in target]
BASE = set(NetworkMethod().get_params())
OWN = {
    "cnn-small": (BASE - {"channels", "loss", "augmentation"}) | {"rotation", "scale", "shift"},
    "nose-net": (BASE - {"size"}) | {"landmark", "width", "height"},
    "five-conv": (BASE - {"size"}) | {"width", "height"},
    "naimish-net": BASE | {"joint"},
    "alexnet-elu": BASE,
    "resnet50-wing": BASE | {"depth", "normalise"},
    "vggface-transfer": BASE | {"normalise"},
    "mobilenet-0.3": BASE | {"alpha", "shallow"},
    "heatmap": BASE | {"width"},
    "fld-net": BASE | {"width", "head"},
    "tcdcn": (BASE - {"channels"}) | {"shared"},
    "mtfld": (BASE - {"channels", "padding"}) | {"shared"},
}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_parameters_of_a_family_keep_their_names(name):
    """Models that were saved before load by these names; two networks of one class are never equal."""
    cls = fldbench.registry.resolve("method", name)
    assert set(cls().get_params()) == OWN[name]
    assert cls() != cls() and vars(cls()).keys() == OWN[name]
    cls().check_params()
    with pytest.raises(TypeError):
        cls(128)


def test_the_key_knows_what_a_default_says_and_no_threads():
    plain = ToyMethod().key_params()
    assert plain["training"]["val_share"] == 0.0 and plain["training"]["optimiser"] == "adamw"
    assert not {"threads", "save_seconds"} & plain["training"].keys()
    assert ToyMethod(training={"optimiser": "adamw", "threads": 7, "save_seconds": 1.0}).key_params() == plain
    assert ToyMethod(training={"optimiser": "sgd"}).key_params() != plain
    assert ToyMethod(epochs=4).key_params() != plain
    assert plain["size"] == 24 and ToyMethod(training="fast").key_params()["training"] == "fast"


@pytest.mark.parametrize("params", [{"weights": "file"}, {"frozen": 1}])
def test_weights_and_frozen_need_a_network_that_knows_them(params):
    class Plain(ToyMethod):
        def build(self, n_points, mean):
            return nn.Sequential(nn.Flatten(), nn.Linear(24 * 24, 2 * n_points), nn.Unflatten(1, (n_points, 2)))

    Plain(epochs=1).fit(toy_faces(3))
    with pytest.raises(MethodError, match="Plain: the parameters weights and frozen need a network"):
        Plain(**params).fit(toy_faces(3))


def test_a_wrong_normalisation_of_a_family_is_an_error():
    class Odd(ToyMethod):
        normalise = "sined"

    with pytest.raises(MethodError, match="Odd: normalise is 'sined'; must be one of 'instance', 'unit'"):
        Odd().fit(toy_faces(2))


def test_progress_is_reported_epoch_by_epoch():
    lines = []
    with listening(lambda *line: lines.append(line)):
        ToyMethod(epochs=2, training={"val_share": 0.3, "threads": 0}).fit(toy_faces(8))
    assert [line[1:] for line in lines] == [(0, 2), (1, 2), (2, 2)]
    assert lines[0][0] == "epoch" and all(word in lines[2][0] for word in ("loss", "px", "NME", "images/s"))


def test_saved_is_loaded(tmp_path, toy):
    fldbench.register_method("toy-network", ToyMethod)
    faces = toy_faces(6)
    method = ToyMethod(epochs=2, channels=3, training={"val_share": 0.3, "threads": 0}).fit(faces)
    again = fldbench.load_method(method.save(tmp_path / "model.safetensors"))
    assert np.array_equal(again.predict(faces.images, faces.boxes), method.predict(faces.images, faces.boxes))
    assert again.history_ == method.history_ and again.n_parameters == method.n_parameters > 0
    with pytest.raises(DataError, match=r"the model of toy-network: body.0.weight is .*; must be float32 of shape"):
        ToyMethod(size=32).restore(method.learned())


def test_a_loaded_model_of_another_scheme_is_an_error(tmp_path, toy):
    fldbench.register_method("toy-network", ToyMethod)
    faces = toy_faces(6)
    again = fldbench.load_method(ToyMethod(epochs=1).fit(faces).save(tmp_path / "model.safetensors"))
    with pytest.raises(MethodError, match=r"\(6, 68, 2\)"):
        predict_checked(again, list(faces.images), faces.boxes, 68)


def test_points_that_are_hidden_in_training_are_less_sure():
    faces = toy_faces(8)
    visible = np.ones((8, 5), bool)
    visible[:, 1] = False
    training = {"val_share": 0.0, "threads": 0}
    params = {"size": 32, "width": 8, "epochs": 40, "batch_size": 8, "learning_rate": 5e-3, "augmentation": "none"}
    plain, hidden = (
        Heatmap(**params, training=training).fit(some).confidence_of_points(faces.images, faces.boxes).mean(axis=0)
        for some in (faces, replace(faces, visible=visible))
    )
    ratio = hidden / plain
    assert ratio[1] < 0.9 and np.delete(ratio, 1).min() > 0.9


def test_multiply_adds_by_hand():
    method = ToyMethod(epochs=1)
    assert method.multiply_adds is None
    method.fit(toy_faces(4))
    by_hand = 12 * 12 * 8 * 5 * 5 + 6 * 6 * 16 * 3 * 3 * 8 + 6 * 6 * 16 * 5 * 2  # two convolutions, a dense layer
    assert method.multiply_adds == by_hand
    method.flip_test = True
    assert method.multiply_adds == 2 * by_hand


def test_an_input_that_is_not_square_is_the_stretched_square():
    faces = toy_faces(8)
    method = ToyMethod(size=32, height=24, epochs=150, batch_size=8).fit(faces)
    assert nme(method, faces) < 4


def test_flip_averaging_is_the_mean_of_both_answers():
    faces = toy_faces(6)
    method = ToyMethod(epochs=5).fit(faces)
    plain = method.predict(faces.images, faces.boxes)
    flipped = [np.ascontiguousarray(image[:, ::-1]) for image in faces.images]
    boxes = faces.boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (39, 0, 39, 0)
    other = method.predict(flipped, boxes)[:, [1, 0, 2, 4, 3]] * (-1, 1) + (39, 0)
    method.flip_test = True
    assert np.abs(method.predict(faces.images, faces.boxes) - (plain + other) / 2).max() < 0.05


def test_confidence_of_maps_and_none_of_points():
    faces = toy_faces(8)
    method = ToyMethod(maps=True, epochs=40, batch_size=8, loss="soft-argmax", learning_rate=1e-2).fit(faces)
    sure = method.confidence_of_points(faces.images, faces.boxes)
    assert np.array_equal(method.predict_confidence(faces.images, faces.boxes), sure.mean(axis=1))
    blank = [np.zeros_like(image) for image in faces.images]
    assert sure.shape == (8, 5) and (sure > 0).all() and (sure <= 1).all()
    assert sure.mean() > method.predict_confidence(blank, faces.boxes).mean()
    with pytest.raises(MethodError, match="gives points alone"):
        ToyMethod(epochs=1).fit(faces).predict_confidence(faces.images, faces.boxes)


def test_odd_images_and_no_face():
    faces = toy_faces(4)
    method = ToyMethod(epochs=1, channels=3).fit(faces)
    images = [faces.images[0], faces.images[1][..., 0], np.zeros((12, 12, 3), np.uint8)]
    boxes = np.concatenate([faces.boxes[:2] + 300, tight_box(np.array([[[1.0, 1], [10, 10]]]))])
    assert np.isfinite(method.predict(images, boxes)).all()
    assert method.predict([], np.zeros((0, 4))).shape == (0, 5, 2)


def test_labels_that_lie_to_one_side_are_learned_though_faces_are_mirrored():
    faces = toy_faces(24)
    moved = replace(faces, landmarks=faces.landmarks + np.array([3.0, 0.0]))
    for mirrored in (True, False):
        flips = {"flip": 0.5} if mirrored else {}
        method = ToyMethod(epochs=60, batch_size=8, augmentation=flips, training=QUICK).fit(moved)
        error = (moved.landmarks - method.predict(moved.images, moved.boxes)).mean((0, 1))
        assert abs(error[0]) < 0.5
        assert (np.abs(method.shift_).max() > 0.02) == mirrored
        again = ToyMethod(**method.get_params())
        again.restore(method.learned())
        assert np.array_equal(again.predict(moved.images, moved.boxes), method.predict(moved.images, moved.boxes))


def test_a_face_counts_in_the_shift_as_it_does_in_the_training():
    faces = toy_faces(12)
    side = np.where(np.arange(12) % 3 == 0, 5.0, -1.0)[:, None, None] * [1, 0]  # px: where labels lie beside the face
    moved, weight = replace(faces, landmarks=faces.landmarks + side), np.where(np.arange(12) % 3 == 0, 0.1, 1.0)
    method = ToyMethod(epochs=2, augmentation={"flip": 0.5}, training=QUICK).fit(moved, sample_weight=weight)
    view, matrices = method.view, method.view.square(moved.boxes)
    answers = view.to_frame(method.predict(moved.images, moved.boxes), matrices) - method.shift_
    error = np.average(view.to_frame(moved.landmarks, matrices) - answers, axis=0, weights=weight)
    mirror = [1, 0, 2, 4, 3]
    assert method.shift_ == pytest.approx((error - error[mirror] * (-1, 1)) / 2, abs=1e-6)


class Watched(Images):
    """Images that know how many of them there are at once."""

    def __init__(self, images):
        self.images, self.there, self.most = images, weakref.WeakSet(), 0

    def __len__(self):
        return len(self.images)

    def decode(self, i):
        image = self.images[i].copy().view(Photo)
        self.there.add(image)
        self.most = max(self.most, len(self.there))
        return image

    def digest(self, i):
        return self.images.digest(i)


class Photo(np.ndarray):
    """An array that a set can hold."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def test_few_photos_are_in_memory_at_once():
    faces = toy_faces(40)
    watched = Watched(faces.images)
    ToyMethod(epochs=1, augmentation={"flip": 0.5}, training=QUICK).fit(replace(faces, images=watched))
    assert 0 < watched.most < 5


def test_a_model_of_an_earlier_version_has_no_shift():
    faces = toy_faces(8)
    method = ToyMethod(epochs=1, training=QUICK).fit(faces)
    learned = method.learned()
    del learned["shift_"]
    old = ToyMethod()
    old.restore(learned)
    assert not old.shift_.any() and old.shift_.shape == (5, 2)
