"""SCRFD (Guo, Deng, Lattas, Zafeiriou; ICLR 2022), from an ONNX file of InsightFace that the user has.

The network answers, for each of three or five grids with steps of 8, 16, 32 (64, 128) px, the score of each anchor and
the distances from its centre to the left, upper, right and lower edge of the face, in steps of the grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.detector import FRAME, Detector
from fldbench.detectors.scaling import back, zoomed
from fldbench.errors import DataError, MethodError, MissingDependencyError, text_of
from fldbench.files import sha256_of
from fldbench.params import TEXT, optional, real, whole

FINEST = 8  # px: the step of the first grid; each further one is twice as coarse
MIDDLE, SCALE = 127.5, 128.0  # of the pixels


@dataclass(eq=False, repr=False)
class SCRFD(Detector):
    """SCRFD: the detector of InsightFace, from one of its ONNX files, which you must get yourself; needs onnxruntime.

    Parameters
    ----------
    model : str, optional
        Path of the file, such as det_10g.onnx or scrfd_500m_bnkps.onnx.
    threshold : float
        Least score.
    overlap : float
        Of two boxes with a larger IoU, the surer one is kept.
    side : int
        Images are scaled into a square with this side, px, a multiple of 32.
    tight : four numbers, optional
        Where the tight box of the landmarks lies in the frame of its box.
    """

    licence = "SCRFD, code: MIT; InsightFace's files: for non-commercial research only"
    trained_on = "WIDER FACE's training part"
    score = "probability of a face, 0 to 1"
    files = ("model",)
    rules = {
        "model": optional(TEXT),
        "threshold": real(0, 1),
        "overlap": real(0, 1),
        "side": whole(32),
        "tight": FRAME,
    }

    model: str | None = None
    threshold: float = 0.5
    overlap: float = 0.4
    side: int = 640
    tight: tuple[float, float, float, float] | None = None

    def make_engine(self) -> Any:
        """Return the network; raise DataError for a file that is none."""
        if self.model is None:
            raise MethodError(
                f"{self.label} needs the parameter `model`, the path of an ONNX file of InsightFace; "
                f"in a plug-in: register_detector({self.label!r}, SCRFD(model=PATH))"
            )
        sha256_of(self.model)  # says so if it is absent
        try:
            import onnxruntime
        except ImportError as error:
            text = f"{self.label} needs onnxruntime; install fldbench[onnx]"
            raise MissingDependencyError(text) from error
        try:
            return onnxruntime.InferenceSession(self.model, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a kind of error for each fault of a file
            raise DataError(f"not an ONNX file that can be read ({text_of(error)})", self.model) from error

    def find(self, image: np.ndarray) -> tuple[Any, Any]:
        """Return the boxes and scores of the faces in an image."""
        import cv2

        scaled, factors = zoomed(image, self.side / max(image.shape[:2]))
        square = np.zeros((self.side, self.side, 3), np.uint8)
        square[: scaled.shape[0], : scaled.shape[1]] = scaled
        pixels = (square.astype(np.float32) - MIDDLE) / SCALE
        given = {self.engine.get_inputs()[0].name: np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])}
        try:
            answers = self.engine.run(None, given)
            boxes, scores = decoded(answers, self.side, self.threshold)
        except Exception as error:
            what = f"an ONNX file that does not answer as SCRFD does ({text_of(error)})"
            raise DataError(what, self.model) from error
        sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
        first = cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), self.threshold, self.overlap)
        kept = np.array(first, int).reshape(-1)
        return back(boxes[kept] - 0.5, factors), scores[kept]


def decoded(answers: Sequence[np.ndarray], side: int, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes (n, 4) px and scores (n,) above a threshold that the network's answers mean.

    Parameters
    ----------
    answers : sequence of ndarray
        Scores (.., 1) of each grid from fine to coarse, then the distances (.., 4), then maybe points (.., 10).
    side : int
        px of the square input.
    threshold : float

    Raises
    ------
    ValueError
        For answers of another shape.

    >>> boxes, sure = decoded([np.array([[0.1], [0.9]]), np.ones((2, 4))], 8, 0.5)
    >>> boxes.tolist(), sure.tolist()
    ([[-8.0, -8.0, 8.0, 8.0]], [0.9])
    """
    flat = [np.asarray(one, float).reshape(-1, np.shape(one)[-1]) for one in answers]
    scores, distances = ([one for one in flat if one.shape[1] == wide] for wide in (1, 4))
    if not scores or len(scores) != len(distances):
        raise ValueError(f"{len(scores)} grids of scores and {len(distances)} of distances")
    boxes, sure = [], []
    for level, (score, distance) in enumerate(zip(scores, distances, strict=True)):
        step = FINEST * 2**level
        cells = side // step
        anchors, rest = divmod(len(score), cells * cells)
        if not anchors or rest or len(distance) != len(score):
            raise ValueError(f"{len(score)} anchors for {cells} x {cells} cells")
        row, column = np.divmod(np.arange(len(score)) // anchors, cells)
        centre = np.stack([column, row], axis=1) * step
        keep = score[:, 0] >= threshold
        boxes.append(np.concatenate([centre - distance[:, :2] * step, centre + distance[:, 2:] * step], axis=1)[keep])
        sure.append(score[keep, 0])
    return np.concatenate(boxes), np.concatenate(sure)
