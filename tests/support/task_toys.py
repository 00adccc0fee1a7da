"""Toys with several tasks: faces with attributes, and a method whose error of every face is written down."""

from dataclasses import replace

import numpy as np
from toys import toy_faces, toy_protocol

from fldbench import registry
from fldbench.dataset import Dataset
from fldbench.faces import Attribute
from fldbench.method import Method

TRAIN, TEST = 12, 24
TYPES = {
    "smile": Attribute(("no", "yes")),
    "pose": Attribute(("left", "frontal", "right"), mirrored=True, ordered=True),
    "glasses": Attribute(("no", "yes")),
}


def task_faces(n, seed, split):
    """Toy faces with three attributes, a pose that is not known, and some hidden points; two faces of each person."""
    attributes = {name: np.arange(n) % len(one.classes) for name, one in TYPES.items()}
    attributes["pose"][5] = -1
    groups = np.array([f"{split} {i // 2}" for i in range(n)])
    visible = np.add.outer(np.arange(n), np.arange(5)) % 4 > 0
    faces = toy_faces(n, seed, "tasks", split)
    return replace(faces, attributes=attributes, attribute_types=TYPES, groups=groups, visible=visible)


class TaskFaces(Dataset):
    """The faces of `task_faces`."""

    scheme = "mtfl-5"
    splits = ("train", "test")
    expected = {"train": TRAIN, "test": TEST}

    def load(self, root, split):
        return task_faces(TRAIN, 1, "train") if split == "train" else task_faces(TEST, 2, "test")


class Several(Method):
    """Answers with the truth, moved to the right by `errors(tasks, seed)` times the eye distance.

    It knows the test faces by their boxes. Tests replace `errors`, (tasks, seed) -> (n,) or (n, 5) fractions, where NaN
    is a missed face; `wrong`, (tasks, seed, attribute) -> (n,) bool, where its class is another than the true one; and
    `silent`, likewise, where it answers no class.
    """

    of_tasks = ("weighting",)
    fits = 0
    errors = staticmethod(lambda tasks, seed: np.full(TEST, 0.05))
    wrong = staticmethod(lambda tasks, seed, name: np.zeros(TEST, bool))
    silent = staticmethod(lambda tasks, seed, name: np.zeros(TEST, bool))

    def __init__(self, tasks=("landmarks",), weighting=None, losses=None, random_state=0):
        self.tasks = tasks
        self.weighting = weighting
        self.losses = losses
        self.random_state = random_state

    def check_params(self):
        super().check_params()
        unknown = set(self.losses or ()) - set(self.tasks)
        if unknown:
            from fldbench.errors import MethodError

            raise MethodError(f"several: losses names {unknown.pop()}, which is no task")

    def fit(self, train, val=None):
        type(self).fits += 1
        self.classes_ = {name: list(TYPES[name].classes) for name in self.tasks if name != "landmarks"}
        return self

    def predict(self, images, boxes):
        faces, rows = known(boxes)
        eyes = np.linalg.norm(faces.landmarks[:, 0] - faces.landmarks[:, 1], axis=1)
        errors = self.errors(tuple(self.tasks), self.random_state)
        moved = faces.landmarks.copy()
        moved[:, :, 0] += eyes[:, None] * (errors if errors.ndim == 2 else errors[:, None])
        return moved[rows]

    def predict_attributes(self, images, boxes):
        faces, rows = known(boxes)
        found = {}
        for name, classes in self.classes_.items():
            one = tuple(self.tasks), self.random_state, name
            answers = np.eye(len(classes))[(faces.attributes[name] + self.wrong(*one)) % len(classes)]
            answers[self.silent(*one)] = np.nan
            found[name] = answers[rows]
        return found


def known(boxes):
    """The test faces, and which of them have these boxes."""
    faces = task_faces(TEST, 2, "test")
    return faces, [int(np.flatnonzero((faces.boxes == box).all(1))[0]) for box in np.asarray(boxes)]


def register_tasks():
    """Register the dataset, the method and the protocol; return a suite of them."""
    registry.register_dataset("tasks", TaskFaces)
    registry.register_method("several", Several)
    registry.register("protocol", "tasks-test", toy_protocol("tasks-test", dataset="tasks", n_expected=TEST))
    Several.fits = 0
    several = {"name": "several", "params": {"tasks": ["landmarks", "smile", "pose"]}}
    names = {"name": "tasks", "train": [{"dataset": "tasks"}], "protocols": ["tasks-test"]}
    return names | {"methods": [several], "seeds": [0, 1, 2]}
