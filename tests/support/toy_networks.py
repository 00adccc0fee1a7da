"""Networks that train in a second, as methods on the real engine."""

import numpy as np
import torch
from torch import nn

from fldbench.cnn.losses import soft_argmax
from fldbench.cnn.method import NetworkMethod
from fldbench.progress import listening

QUICK = {"val_share": 0.0, "threads": 0}


class ToyNet(nn.Module):
    """Two convolutions and a dense layer; no batch normalisation, so that batches may be cut in two."""

    def __init__(self, mean, width, height, channels, dropout):
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.body = nn.Sequential(
            *(nn.Conv2d(channels, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU()),
            *(nn.Flatten(), nn.Dropout(dropout)),
        )
        flat = self.body(torch.zeros(1, channels, height, width)).shape[1]
        self.head = nn.Linear(flat, mean.numel())
        nn.init.normal_(self.head.weight, std=1e-3)
        nn.init.zeros_(self.head.bias)

    def forward(self, x):
        return self.head(self.body(x)).view(-1, *self.mean.shape) + self.mean


class ToyMaps(nn.Module):
    """One map a point, from three convolutions."""

    def __init__(self, n_points, channels):
        super().__init__()
        layers = [nn.Conv2d(channels, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 8, 5, 1, 2), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(8, n_points, 1))

    def forward(self, x):
        logits = self.body(x)
        points, variance, _ = soft_argmax(logits)
        return {"points": points, "variance": variance, "maps": logits}


class ToyMethod(NetworkMethod):
    """A NetworkMethod with everything small."""

    defaults = QUICK

    def __init__(
        self,
        size=24,
        height=None,
        channels=1,
        padding=0.2,
        loss="l1",
        augmentation="none",
        epochs=3,
        batch_size=4,
        learning_rate=3e-3,
        dropout=0.0,
        maps=False,
        flip_test=False,
        training=None,
        random_state=0,
    ):
        super().__init__(size, channels, padding, loss, augmentation, epochs, batch_size, learning_rate, flip_test)
        self.training = training
        self.random_state = random_state
        self.height = height
        self.dropout = dropout
        self.maps = maps

    @property
    def input_size(self):
        return self.size, self.height or self.size

    def build(self, n_points, mean):
        if self.maps:
            return ToyMaps(n_points, self.channels)
        return ToyNet(mean, *self.input_size, self.channels, self.dropout)


def nme(method, faces):
    """Percent of the distance between the eyes, as the engine's validation has it."""
    errors = np.linalg.norm(method.predict(faces.images, faces.boxes) - faces.landmarks, axis=-1)
    eyes = np.linalg.norm(faces.landmarks[:, 0] - faces.landmarks[:, 1], axis=-1)
    return 100 * np.nanmean(errors / eyes[:, None])


def weights(method):
    return {name: value for name, value in method.learned().items() if name.startswith("network.")}


def same(one, other):
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


class Interrupted(Exception):
    pass


def interrupted_after(epochs):
    """A listener that ends the training when so many epochs are done."""

    def listen(what, done, total):
        if done == epochs:
            raise Interrupted

    return listening(listen)
