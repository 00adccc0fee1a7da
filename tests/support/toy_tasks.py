"""Toy faces with attributes that can be seen: a bright patch says yes, and its side says left, middle or right."""

from dataclasses import replace

import numpy as np
from toys import toy_faces

from fldbench.faces import Attribute, ImageArrays
from fldbench.faces.attributes import NO_YES

TYPES = {"bright": NO_YES, "side": Attribute(("left", "middle", "right"), mirrored=True, ordered=True)}
TASKS = ("landmarks", "bright", "side")


def faces_with_attributes(n, seed=0, unknown=()):
    """n toy faces; the codes of the faces in `unknown` are -1."""
    faces = toy_faces(n, seed)
    rng = np.random.default_rng(seed + 100)
    bright, side = rng.integers(0, 2, n), np.arange(n) % 3
    images = [image.copy() for image in faces.images]
    for i, image in enumerate(images):
        x0, _, x1, y1 = faces.boxes[i]
        where = int(x0 + (x1 - x0) * (0.1 + 0.3 * side[i]))
        image[int(y1) - 4 : int(y1) + 2, where : where + 5] = 250 if bright[i] else 90
    codes = {"bright": bright, "side": side}
    for column in codes.values():
        column[list(unknown)] = -1
    return replace(faces, images=ImageArrays(images), attributes=codes, attribute_types=TYPES)
