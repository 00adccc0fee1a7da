"""The cascade of Haar features that comes with OpenCV (Viola and Jones, CVPR 2001; Lienhart and Maydt, ICIP 2002)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.detector import FRAME, Detector
from fldbench.errors import DataError, near_miss
from fldbench.params import TEXT, optional, real, whole

PARTS = 25  # of the longer side: the smallest face, but at least 24 px
WINDOW = 24  # px: no cascade of OpenCV has a larger window


@dataclass(eq=False, repr=False)
class Haar(Detector):
    """OpenCV's cascade of Haar features, which comes with OpenCV: quick, and for upright frontal faces alone.

    Parameters
    ----------
    cascade : str
        One of those that come with OpenCV, or the path of another one.
    neighbours : int
        Least number of raw windows that must agree on a face.
    step : float
        Factor between two sizes of the window.
    smallest : int, optional
        Side of the smallest face, px; None: a 25th of the longer side of the image, and at least 24.
    tight : four numbers, optional
        Where the tight box of the landmarks lies in the frame of its box, instead of the measured place, which is that
        of the default cascade.
    """

    licence = "OpenCV's cascades: Intel's licence for its computer vision library, BSD-like"
    trained_on = "not published"
    score = "sum of the last stage's classifiers"
    rules = {
        "cascade": TEXT,
        "neighbours": whole(1),
        "step": real(above=1, high=4),
        "smallest": optional(whole(8)),
        "tight": FRAME,
    }
    frame = (0.084, 0.233, 0.930, 1.063)
    measured = "217 faces of 300w-train; the median IoU with the tight box is 0.58 before and 0.77 after"

    cascade: str = "haarcascade_frontalface_default.xml"
    neighbours: int = 5
    step: float = 1.1
    smallest: int | None = None
    tight: tuple[float, float, float, float] | None = None

    def make_engine(self) -> Any:
        """Return OpenCV's cascade; raise DataError for a file that is none."""
        import cv2

        shipped = Path(cv2.data.haarcascades)  # type: ignore[attr-defined]  # not in OpenCV's stubs
        path = shipped / self.cascade if (shipped / self.cascade).is_file() else Path(self.cascade)
        if not path.is_file():
            known = sorted(one.name for one in shipped.glob("*.xml"))
            raise DataError(
                f"no cascade {self.cascade!r} comes with OpenCV, and no such file is there; "
                f"{near_miss(self.cascade, known)}"
            )
        try:
            return cv2.CascadeClassifier(str(path))
        except (cv2.error, SystemError) as error:
            raise DataError("not a cascade of OpenCV", path) from error

    def find(self, image: np.ndarray) -> tuple[Any, Any]:
        """Return the boxes and scores of the faces in an image; a box reaches to the outer edges of its pixels."""
        import cv2

        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        smallest = self.smallest or max(WINDOW, round(max(grey.shape) / PARTS))
        rectangles, _, weights = self.engine.detectMultiScale3(
            grey, self.step, self.neighbours, minSize=(smallest, smallest), outputRejectLevels=True
        )
        corners = np.array(rectangles, float).reshape(-1, 4)
        corners[:, 2:] += corners[:, :2]
        return corners - 0.5, np.array(weights, float).reshape(-1)
