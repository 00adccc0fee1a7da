"""dlib's frontal face detector (King, Max-Margin Object Detection, 2015): HOG windows and a linear classifier each.

Five classifiers for frontal faces and for those turned to the sides or in the picture plane, on a pyramid of the image.
The smallest window is 80 px, so smaller faces are found in an enlarged image only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.detector import FRAME, Detector
from fldbench.detectors.scaling import back, zoomed
from fldbench.params import optional, real, whole

WINDOW = 80  # px: of dlib's classifiers
USUAL = 40  # px: the smallest face
PARTS = 25  # of the longer side of a large photo: its smallest face, so that the time of one photo has a limit


@dataclass(eq=False, repr=False)
class DlibHOG(Detector):
    """dlib's frontal face detector, which comes with dlib: histograms of oriented gradients; nothing to download.

    Parameters
    ----------
    smallest : int, optional
        Side of the smallest face, px; the image is scaled so that it fills a window of 80 px. None: 40 px, and in
        photos of more than 1000 px a 25th of the longer side.
    threshold : float
        Least score; lower finds more faces, and more that are none.
    tight : four numbers, optional
        Where the tight box of the landmarks lies in the frame of its box, instead of the measured place.
    """

    licence = "dlib: Boost Software License"
    trained_on = "about 3,000 faces of LFW's photos, annotated by dlib's author"
    score = "margin of the classifier; 0 is dlib's own threshold"
    rules = {"smallest": optional(whole(10)), "threshold": real(), "tight": FRAME}
    frame = (0.031, 0.120, 0.999, 1.063)
    measured = "223 faces of 300w-train; the median IoU with the tight box is 0.70 before and 0.77 after"

    smallest: int | None = None
    threshold: float = 0.0
    tight: tuple[float, float, float, float] | None = None

    def make_engine(self) -> Any:
        """Return dlib's detector, which must not be used by two threads."""
        import dlib

        return dlib.get_frontal_face_detector()

    def find(self, image: np.ndarray) -> tuple[Any, Any]:
        """Return the boxes and margins of the faces in an image."""
        smallest = self.smallest or max(USUAL, max(image.shape[:2]) / PARTS)
        scaled, factors = zoomed(image, WINDOW / smallest)
        found, scores, _ = self.engine.run(scaled, 0, self.threshold)
        boxes = [(one.left(), one.top(), one.right(), one.bottom()) for one in found]
        return back(np.array(boxes, float).reshape(-1, 4), factors), list(scores)
