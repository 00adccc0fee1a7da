"""cnn-small: its network and its settings; the loop below it has tests of its own."""

import numpy as np
import pytest
import torch
from toys import toy_faces

from fldbench.cnn.nets.small import LandmarkNet, SmallCNN
from fldbench.cnn.training.augment import get_ranges
from fldbench.errors import DataError, MethodError


def test_it_overfits_a_handful_and_the_loss_falls():
    faces = toy_faces(8)
    method = SmallCNN(size=32, epochs=100, rotation=0, scale=0, shift=0, batch_size=8).fit(faces)
    error = np.linalg.norm(method.predict(list(faces.images), faces.boxes) - faces.landmarks, axis=-1)
    size = (faces.boxes[:, 2:] - faces.boxes[:, :2]).mean()
    assert error.mean() / size < 0.05
    losses = [row["loss"] for row in method.history_]
    assert len(losses) == 100 and losses[-1] < 0.2 * losses[0]
    assert method.best_epoch_ == 100 and method.history_[-1]["val_nme"] is None


def test_the_network_starts_as_the_mean_shape_and_its_width_is_derived():
    mean = torch.linspace(-0.5, 0.5, 10).view(5, 2)
    for size in (32, 57, 64):
        answer = LandmarkNet(size, mean).eval()(torch.randn(3, 1, size, size))
        assert answer.shape == (3, 5, 2) and (answer - mean).abs().max() < 0.1


def test_its_parameters_are_ranges_of_the_augmentation():
    ranges = get_ranges(SmallCNN(rotation=10, scale=0.2, shift=0.1).augmentation)
    assert (ranges.rotation, ranges.scale, ranges.shift, ranges.flip) == (10, 0.2, 0.1, 0.5)
    assert ranges.brightness == ranges.blocks == 0


def test_two_seeds_differ():
    faces = toy_faces(6)
    answers = [
        SmallCNN(size=32, epochs=2, random_state=seed).fit(faces).predict(list(faces.images), faces.boxes)
        for seed in (0, 1)
    ]
    assert np.abs(answers[0] - answers[1]).max() > 1e-3


def test_nothing_to_train_on_and_divergence_are_errors():
    with pytest.raises(DataError, match="at least one face"):
        SmallCNN().fit(toy_faces(4)[:0])
    with pytest.raises(MethodError, match=r"cnn-small diverged in epoch .*lower learning_rate"):
        SmallCNN(size=32, epochs=30, learning_rate=1e20).fit(toy_faces(8))
