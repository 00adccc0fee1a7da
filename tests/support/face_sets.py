"""What tests of faces and of curate share: coloured noise, shapes of any scheme, images that are counted or locked."""

from dataclasses import replace

import numpy as np
from toys import toy_faces

from fldbench.faces import ImageArrays, Images
from fldbench.schemes import get_scheme


class Untouchable(ImageArrays):
    """Fails when anybody opens an image."""

    def decode(self, i):
        raise AssertionError("an image was opened")


class Counted(Images):
    """Counts how often each image is decoded and hashed."""

    def __init__(self, base):
        self.base = base
        self.decoded, self.hashed = np.zeros(len(base), int), np.zeros(len(base), int)

    def __len__(self):
        return len(self.base)

    def decode(self, i):
        self.decoded[i] += 1
        return self.base[i]

    def digest(self, i):
        self.hashed[i] += 1
        return self.base.digest(i)


def colour_faces(n, seed=0):
    """Toy faces with coloured noise as pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (n, 48, 40, 3), np.uint8)
    return replace(toy_faces(n, seed), images=ImageArrays(list(pixels)))


def shapes(n, seed=0, scheme=None):
    """(n, L, 2) px: the scheme's template under four smooth deformations, noise, turns, sizes and shifts."""
    rng = np.random.default_rng(seed)
    scheme = scheme or get_scheme("ibug-68")
    base = scheme.template - scheme.template.mean(axis=0)
    base = base / np.sqrt((base**2).sum(axis=1).mean())
    x, y = base[:, 0], base[:, 1]
    modes = np.stack([np.stack(mode, 1) for mode in ((x * y, 0 * x), (0 * x, x * x), (x, -y), (y * y, 0 * y))])
    faces = base + np.einsum("nk,kld->nld", rng.normal(0, 0.08, (n, 4)), modes) + rng.normal(0, 0.01, (n, *base.shape))
    turn, size = rng.normal(0, 0.3, n), rng.uniform(20, 60, n)
    linear = size[:, None, None] * np.stack([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]).transpose(
        2, 0, 1
    )
    return faces @ linear.transpose(0, 2, 1) + rng.uniform(80, 120, (n, 1, 2))
