"""A toy benchmark that runs in milliseconds: dots on dark images, methods that are fast, break or give up."""

import numpy as np

from fldbench.dataset import Dataset
from fldbench.faces import FaceSet, ImageArrays
from fldbench.geometry import tight_box
from fldbench.method import Method
from fldbench.protocols import Protocol

TOY_TRAIN, TOY_TEST = 12, 8


def toy_faces(n: int, seed: int = 0, name: str = "toy", split: str = "test") -> FaceSet:
    """n faces of five points (eyes, nose, mouth corners), each a light dot on a dark 48 x 40 image."""
    rng = np.random.default_rng(seed)
    shape = np.array([[12.0, 12.0], [26.0, 12.0], [19.0, 20.0], [14.0, 28.0], [24.0, 28.0]])
    landmarks = shape * rng.uniform(0.8, 1.2, (n, 1, 1)) + rng.normal(0, 1.0, (n, 5, 2))
    images = np.full((n, 48, 40, 3), 30, np.uint8)
    rows, cols = np.mgrid[:48, :40]
    for image, points in zip(images, landmarks, strict=True):
        for x, y in points:
            image[(cols - x) ** 2 + (rows - y) ** 2 < 6] = 220
    even = np.arange(n) % 2 == 0
    return FaceSet(
        ids=np.array([f"{split}{i}" for i in range(n)]),
        images=ImageArrays(list(images)),
        boxes=tight_box(landmarks),
        landmarks=landmarks,
        scheme="mtfl-5",
        subsets={"even": even, "odd": ~even, "none": np.zeros(n, bool)},
        name=name,
        split_name=split,
    )


class Toy(Dataset):
    """A dataset of dots."""

    scheme = "mtfl-5"
    splits = ("train", "test")
    expected = {"train": TOY_TRAIN, "test": TOY_TEST}

    def load(self, root, split):
        return toy_faces(TOY_TRAIN, 1, split="train") if split == "train" else toy_faces(TOY_TEST, 2)


class Noisy(Method):
    """The mean shape with a little noise per point: fast, seeded, and no two seeds alike."""

    fits = 0

    def __init__(self, noise=0.01, random_state=0):
        self.noise = noise
        self.random_state = random_state

    def fit(self, train, val=None):
        type(self).fits += 1
        size = train.boxes[:, None, 2:] - train.boxes[:, None, :2]
        unit = (train.landmarks - train.boxes[:, None, :2]) / size
        rng = np.random.default_rng(self.random_state)
        self.mean_ = unit.mean(0) + rng.normal(0, self.noise, unit.shape[1:])
        return self

    def predict(self, images, boxes):
        return self.mean_ * (boxes[:, None, 2:] - boxes[:, None, :2]) + boxes[:, None, :2]


class Broken(Noisy):
    """Cannot be fitted."""

    def fit(self, train, val=None):
        raise RuntimeError("the furnace\nis out")


class GivesUp(Noisy):
    """Predict NaN for every box left of x = 11, so that some faces are missed."""

    def predict(self, images, boxes):
        answer = super().predict(images, boxes)
        answer[boxes[:, 0] < 11] = np.nan
        return answer


def toy_protocol(name: str, **fields) -> Protocol:
    """A protocol on the toy dataset, normalised by the distance of the two eyes."""
    common = {"dataset": "toy", "scheme": "mtfl-5", "normaliser": "inter-pupil", "normaliser_points": ((0,), (1,))}
    return Protocol(name, **common | {"n_expected": TOY_TEST, "thresholds": (0.08, 0.10)} | fields)


def fingerprint_and_image(faces, i):
    """For other processes, which import it by its name."""
    return faces.fingerprint, faces.images[i]
