"""YuNet (Wu, Peng, Yu; Machine Intelligence Research 2023), from a file that the user has; run by OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.detector import FRAME, Detector
from fldbench.detectors.scaling import back, zoomed
from fldbench.errors import DataError, MethodError
from fldbench.files import sha256_of
from fldbench.params import TEXT, optional, real, whole

TOP = 5000  # candidates before overlaps are removed, as in OpenCV


@dataclass(eq=False, repr=False)
class YuNet(Detector):
    """YuNet: a network of 75,000 weights, from the ONNX file of OpenCV's model zoo, which you must get yourself.

    Parameters
    ----------
    model : str, optional
        Path of the file, such as face_detection_yunet_2023mar.onnx.
    threshold : float
        Least score.
    overlap : float
        Of two boxes with a larger IoU, the surer one is kept.
    longest : int
        Larger images are scaled down to this longer side, px; the network finds faces of about 10 to 300 px.
    tight : four numbers, optional
        Where the tight box of the landmarks lies in the frame of its box.
    """

    licence = "YuNet, code and file: MIT"
    trained_on = "WIDER FACE's training part"
    score = "square root of the probabilities of face and object, 0 to 1"
    files = ("model",)
    rules = {
        "model": optional(TEXT),
        "threshold": real(0, 1),
        "overlap": real(0, 1),
        "longest": whole(32),
        "tight": FRAME,
    }

    model: str | None = None
    threshold: float = 0.6
    overlap: float = 0.3
    longest: int = 640
    tight: tuple[float, float, float, float] | None = None

    def make_engine(self) -> Any:
        """Return OpenCV's detector; raise DataError for a file that is no such network."""
        import cv2

        if self.model is None:
            raise MethodError(
                f"{self.label} needs the parameter `model`, the path of OpenCV's face_detection_yunet_*.onnx; in a "
                f"plug-in: register_detector({self.label!r}, YuNet(model=PATH))"
            )
        sha256_of(self.model)  # says so if it is absent
        try:
            return cv2.FaceDetectorYN.create(self.model, "", (320, 320), self.threshold, self.overlap, TOP)
        except (cv2.error, SystemError) as error:
            raise DataError("not an ONNX file that OpenCV can read as YuNet", self.model) from error

    def find(self, image: np.ndarray) -> tuple[Any, Any]:
        """Return the boxes and scores of the faces in an image."""
        import cv2

        scaled, factors = zoomed(image, min(1.0, self.longest / max(image.shape[:2])))
        self.engine.setInputSize(scaled.shape[1::-1])
        try:
            _, rows = self.engine.detect(cv2.cvtColor(scaled, cv2.COLOR_RGB2BGR))
        except (cv2.error, SystemError) as error:
            raise DataError("an ONNX file that does not answer as YuNet does", self.model) from error
        rows = np.zeros((0, 15)) if rows is None else rows
        boxes = rows[:, :4].astype(float)
        boxes[:, 2:] += boxes[:, :2]
        return back(boxes, factors), rows[:, -1]
