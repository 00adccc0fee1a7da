"""Toy datasets: a good one, and for every check of datasets some that break just that."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from toys import TOY_TEST, Toy, toy_faces

from fldbench.errors import DatasetNotFoundError
from fldbench.faces import Attribute, Images


class GoodData(Toy):
    folder = "toy"

    def load(self, root, split):
        if root is not None and not (root == "here"):
            raise DatasetNotFoundError(f"no toy below {root!r}")
        return super().load(root, split)


def changed(**columns):
    """A dataset class whose faces have some columns changed by functions of the faces."""

    class Changed(GoodData):
        def load(self, root, split):
            faces = super().load(root, split)
            return replace(faces, **{name: change(faces) for name, change in columns.items()})

    return Changed


def edited(column, row, value):
    def edit(faces):
        out = getattr(faces, column).copy()
        out[row] = value
        return out

    return edit


class OpensItsImages(GoodData):
    def load(self, root, split):
        faces = super().load(root, split)
        assert faces.images[0].size
        return faces


class ReadsImageFiles(GoodData):
    def load(self, root, split):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "face.JPG").touch()
            (Path(folder) / "face.JPG").read_bytes()
        return super().load(root, split)


class NoNames(GoodData):
    splits = ["train", "test"]


class SaysNothing(GoodData):
    def load(self, root, split):
        if root is not None and root != "here":
            raise DatasetNotFoundError("not found")
        return super().load(root, split)


class Nameless(GoodData):
    def load(self, root, split):
        return replace(super().load(root, split), split_name="part")


class Short(GoodData):
    expected = {"train": 99, "test": TOY_TEST}


class NeverMet(GoodData):
    attribute_types = {"smile": Attribute(("no", "little", "yes"))}

    def load(self, root, split):
        faces = super().load(root, split)
        return replace(faces, attributes={"smile": np.arange(len(faces)) % 2}, attribute_types=self.attribute_types)


class Sided(GoodData):
    """Noses to the left and to the right."""

    expected = {"train": 40, "test": 20}
    turn = Attribute(("left", "right"))
    attribute_types = {"turn": turn}

    def load(self, root, split):
        if root is not None and not (root == "here"):
            raise DatasetNotFoundError(f"no toy below {root!r}")
        faces = toy_faces(self.expected[split], len(split), split=split)
        codes = np.arange(len(faces)) % 2
        landmarks = faces.landmarks.copy()
        landmarks[:, 2, 0] += np.where(codes == 1, 6.0, -6.0)
        return replace(faces, landmarks=landmarks, attributes={"turn": codes}, attribute_types={"turn": self.turn})


class Shuffled(GoodData):
    def __init__(self):
        self.loaded = set()

    def load(self, root, split):
        step = -1 if split in self.loaded else 1
        self.loaded.add(split)
        return super().load(root, split)[::step]


class Wide(Images):
    def __init__(self, images):
        self._images = images

    def __len__(self):
        return len(self._images)

    def decode(self, i):
        return self._images[i].astype(np.uint16)

    def digest(self, i):
        return self._images.digest(i)


class Flicker(Images):
    def __init__(self, images):
        self._images, self._asked = images, 0

    def __len__(self):
        return len(self._images)

    def decode(self, i):
        self._asked += 1
        return self._images[i] + np.uint8(self._asked % 2)

    def digest(self, i):
        return self._images.digest(i)


def turned(faces):
    boxes = faces.boxes.copy()
    boxes[1] = boxes[1, [2, 1, 0, 3]]
    return boxes


HALF_A_POINT = {
    "landmarks": edited("landmarks", (3, 2, 0), np.nan),
    "visible": edited("visible", (3, 2), False),
}
VISIBLE_GAP = {"landmarks": edited("landmarks", (3, 2), np.nan), "visible": lambda faces: faces.visible | True}

BROKEN_DATASETS = {
    "a list of splits": ("facts", NoNames),
    "an error that says nothing": ("missing-root", SaysNothing),
    "another split's name": ("loads", Nameless),
    "images opened": ("reads-no-image", OpensItsImages),
    "image files read": ("reads-no-image", ReadsImageFiles),
    "an empty id": ("ids", changed(ids=edited("ids", 0, ""))),
    "fewer faces": ("number-of-faces", Short),
    "half a point": ("landmarks", changed(**HALF_A_POINT)),
    "a visible gap": ("visible", changed(**VISIBLE_GAP)),
    "a box turned round": ("valid-boxes", changed(boxes=turned)),
    "boxes of other pixels": ("boxes-hold-faces", changed(boxes=lambda faces: faces.boxes + 100)),
    "a declared class that no face has": ("classes", NeverMet),
    "left and right that are not declared mirrored": ("mirrored-classes", Sided),
    "attributes below -1": ("attributes", changed(attributes=lambda faces: {"smile": np.full(len(faces), -2)})),
    "16-bit images": ("images", changed(images=lambda faces: Wide(faces.images))),
    "images that flicker": ("images", changed(images=lambda faces: Flicker(faces.images))),
    "another order": ("loaded-again", Shuffled),
    "one clip in two splits": ("groups", changed(groups=edited("groups", 0, "clip"))),
}
