"""Toys with attributes: faces that have a mood and a pose, and a method that answers them from what it can see."""

from dataclasses import replace

import numpy as np
from toys import TOY_TEST, TOY_TRAIN, Noisy, toy_faces

from fldbench.dataset import Dataset
from fldbench.errors import MethodError
from fldbench.faces import Attribute, FaceSet
from fldbench.params import check_attributes, check_tasks

TYPES = {
    "mood": Attribute(("sad", "glad")),
    "pose": Attribute(("left", "frontal", "right"), mirrored=True, ordered=True),
}


def moody_faces(n: int, seed: int = 0, split: str = "test", types=TYPES) -> FaceSet:
    """n toy faces: a glad one has a wide mouth, the pose is where the nose is; one mood in five is not known."""
    faces = toy_faces(n, seed, "moody", split)
    mouth = faces.landmarks[:, 4, 0] - faces.landmarks[:, 3, 0]
    eyes = faces.landmarks[:, :2, 0]
    nose = (faces.landmarks[:, 2, 0] - eyes[:, 0]) / (eyes[:, 1] - eyes[:, 0])
    mood = (mouth > np.median(mouth)).astype(int)
    mood[::5] = -1
    codes = {"mood": mood, "pose": np.searchsorted(np.quantile(nose, [1 / 3, 2 / 3]), nose), "age": np.arange(n)}
    return replace(faces, attributes=codes, attribute_types=types)


class Moody(Dataset):
    """A dataset of dots with attributes."""

    scheme = "mtfl-5"
    splits = ("train", "test")
    expected = {"train": TOY_TRAIN, "test": TOY_TEST}

    def load(self, root, split):
        return moody_faces(TOY_TRAIN, 1, "train") if split == "train" else moody_faces(TOY_TEST, 2)


class OtherPoses(Moody):
    """The same faces, whose poses have other names at the test, and whose mood nobody noted."""

    def load(self, root, split):
        faces = super().load(root, split)
        if split == "train":
            return faces
        poses = {"pose": replace(TYPES["pose"], classes=("west", "ahead", "east"))}
        return replace(faces, attributes={"pose": faces.attributes["pose"]}, attribute_types=poses)


class Heads(Noisy):
    """The frequencies of the classes, moved by the brightness of the image; it gives up on what it calls too dark."""

    def __init__(self, noise=0.01, random_state=0, tasks=("landmarks", "mood", "pose"), darkest=0.0):
        super().__init__(noise, random_state)
        self.tasks = tasks
        self.darkest = darkest

    def fit(self, train, val=None):
        types = check_attributes(train, self.tasks, self.label)
        self.classes_ = {name: list(one.classes) for name, one in types.items()}
        counts = [np.bincount(train.attributes[n][train.attributes[n] >= 0], minlength=len(t.classes)) + 1
                  for n, t in types.items()]  # fmt: skip
        self.shares_ = [(count / count.sum()).tolist() for count in counts]
        return super().fit(train, val)

    def predict_attributes(self, images, boxes):
        light = np.array([image.mean() / 255 for image in images])
        found = {}
        for name, shares in zip(check_tasks(self.tasks, self.label), self.shares_, strict=True):
            weights = np.array(shares) * np.exp(2 * np.sin(1500 * (light[:, None] - 0.154)) * np.arange(len(shares)))
            found[name] = weights / weights.sum(axis=1, keepdims=True)
            found[name][light < self.darkest] = np.nan
        return found


class HeadsFall(Heads):
    """Its landmarks are fine; its heads fall off."""

    def predict_attributes(self, images, boxes):
        raise MethodError("the heads fell off")


class Shouts(Heads):
    """Answers with scores that are no probabilities."""

    def predict_attributes(self, images, boxes):
        return {name: 3 * answer for name, answer in super().predict_attributes(images, boxes).items()}
