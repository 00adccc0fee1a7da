"""Networks that train in a second, as methods on the real training loop."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from fldbench.cnn.heads import soft_argmax
from fldbench.cnn.layers import Network
from fldbench.cnn.method import NetworkMethod
from fldbench.params import optional, whole
from fldbench.progress import listening

QUICK = {"val_share": 0.0, "threads": 0}


class ToyNet(Network):
    """Two convolutions and a dense layer; no batch normalisation, so that batches may be cut in two."""

    memory_format = torch.contiguous_format

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

    def encode(self, x):
        return self.body(x)

    def decode(self, encoded):
        return self.head(encoded).view(-1, *self.mean.shape) + self.mean


class ToyMaps(nn.Module):
    """One map per point, from three convolutions."""

    def __init__(self, n_points, channels):
        super().__init__()
        layers = [nn.Conv2d(channels, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 8, 5, 1, 2), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(8, n_points, 1))

    def forward(self, x):
        logits = self.body(x)
        points, variance, _ = soft_argmax(logits)
        return {"points": points, "variance": variance, "maps": logits}


@dataclass(kw_only=True, eq=False, repr=False)
class ToyMethod(NetworkMethod):
    """A NetworkMethod with everything small, as a plug-in writes it."""

    defaults = QUICK
    rules = {**NetworkMethod.rules, "height": optional(whole(1))}

    size: int = 24
    height: int | None = None
    padding: float = 0.2
    loss: str = "l1"
    augmentation: str | dict = "none"
    epochs: int = 3
    batch_size: int = 4
    learning_rate: float = 3e-3
    dropout: float = 0.0
    maps: bool = False

    @property
    def input_size(self):
        return self.size, self.height or self.size

    def build(self, n_points, mean):
        if self.maps:
            return ToyMaps(n_points, self.channels)
        return ToyNet(mean, *self.input_size, self.channels, self.dropout)


def nme(method, faces):
    """Return the NME in percent of the distance between the eyes, as the loop validates."""
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
    """Listen, and end the training when so many epochs are done."""

    def listen(what, done, total):
        if done == epochs:
            raise Interrupted

    return listening(listen)
