"""cnn-small: augmentation against the slow way, learning, determinism, and what makes it fail."""

import numpy as np
import pytest
import torch
from toys import toy_faces

from fldbench.cnn.small import MARGIN, LandmarkNet, SmallCNN
from fldbench.errors import DataError, MethodError
from fldbench.geometry import transform


def dots(n, size, seed=0):
    """Crops with three bright dots, and the dots' places in [-1, 1]."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0.35, 0.65, (n, 3, 2)) * size
    rows, cols = np.mgrid[:size, :size]
    crops = np.zeros((n, size, size), np.uint8)
    for crop, points in zip(crops, places, strict=True):
        for value, (x, y) in zip((250, 170, 90), points, strict=True):
            crop[(cols - x) ** 2 + (rows - y) ** 2 < 9] = value
    return torch.from_numpy(crops), torch.from_numpy((places + 0.5) / size * 2 - 1).float()


def brightest(images, size):
    """Centre of the brightest dot in each network input, in [-1, 1]."""
    flat = images[:, 0].numpy()
    found = []
    for image in flat:
        y, x = np.nonzero(image > image.max() - 0.15 * (image.max() - image.min()))
        found.append([(x.mean() + 0.5) / size * 2 - 1, (y.mean() + 0.5) / size * 2 - 1])
    return np.array(found)


def test_augmentation_moves_points_and_pixels_alike():
    crops, truth = dots(40, 120)
    method = SmallCNN(size=96, rotation=30, scale=0.2, shift=0.1)
    seen = torch.ones(40, 3, dtype=torch.bool)
    images, target, mask = method._augmented(crops, truth, seen, torch.arange(3), torch.Generator().manual_seed(1))
    assert images.shape == (40, 1, 96, 96) and mask.all()
    distance = np.linalg.norm(brightest(images, 96) - target[:, 0].numpy(), axis=1)
    assert np.median(distance) < 0.03 and (distance < 0.06).mean() > 0.9
    assert (target - truth * MARGIN).abs().mean() > 0.05


def test_mirrored_faces_swap_their_points_and_masks():
    crops, truth = dots(200, 60)
    method = SmallCNN(size=48, rotation=0, scale=0, shift=0)
    seen = torch.tensor([True, False, True]).repeat(200, 1)
    _, target, mask = method._augmented(crops, truth, seen, torch.tensor([1, 0, 2]), torch.Generator().manual_seed(0))
    flipped = mask[:, 1]
    assert 60 < int(flipped.sum()) < 140
    assert torch.allclose(target[~flipped], truth[~flipped] * MARGIN, atol=1e-5)
    expected = truth[flipped][:, [1, 0, 2]] * torch.tensor([-1.0, 1.0]) * MARGIN
    assert torch.allclose(target[flipped], expected, atol=1e-5)


def test_it_overfits_a_handful_and_the_loss_falls():
    faces = toy_faces(8)
    method = SmallCNN(size=32, epochs=100, rotation=0, scale=0, shift=0, batch_size=8).fit(faces)
    error = np.linalg.norm(method.predict(list(faces.images), faces.boxes) - faces.landmarks, axis=-1)
    size = (faces.boxes[:, 2:] - faces.boxes[:, :2]).mean()
    assert error.mean() / size < 0.05
    assert len(method.losses_) == 100 and method.losses_[-1] < 0.2 * method.losses_[0]


def test_the_network_starts_as_the_mean_shape_and_its_width_is_derived():
    mean = torch.linspace(-0.5, 0.5, 10).view(5, 2)
    for size in (32, 57, 64):
        answer = LandmarkNet(size, mean).eval()(torch.randn(3, 1, size, size))
        assert answer.shape == (3, 5, 2) and (answer - mean).abs().max() < 0.1


def test_torchs_global_generator_is_left_alone():
    faces = toy_faces(4)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    SmallCNN(size=32, epochs=1).fit(faces)
    assert torch.equal(torch.get_rng_state(), before)


def test_two_seeds_differ():
    faces = toy_faces(6)
    answers = [
        SmallCNN(size=32, epochs=2, random_state=seed).fit(faces).predict(list(faces.images), faces.boxes)
        for seed in (0, 1)
    ]
    assert np.abs(answers[0] - answers[1]).max() > 1e-3


def test_crops_and_answers_share_one_frame():
    """An answer in the middle of the crop is the centre of the box."""
    faces = toy_faces(3)
    method = SmallCNN(size=32, epochs=1).fit(faces)
    matrices = method._matrices(faces.boxes, 32)
    centre = transform(((faces.boxes[:, None, :2] + faces.boxes[:, None, 2:]) / 2), matrices)
    assert np.allclose(centre, 15.5)


def test_nothing_to_train_on_and_divergence_are_errors():
    with pytest.raises(DataError, match="at least one face"):
        SmallCNN().fit(toy_faces(4)[:0])
    with pytest.raises(MethodError, match=r"cnn-small diverged in epoch .*; lower learning_rate"):
        SmallCNN(size=32, epochs=30, learning_rate=1e20).fit(toy_faces(8))
