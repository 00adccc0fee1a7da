"""Faces of a photo: which of a detector's to look at, and what a method answers for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fldbench.detector import DEFAULT, Detections, Detector, make_detector
from fldbench.errors import DataError, MethodError, must_be


@dataclass(frozen=True)
class FoundFace:
    """A face in a photo, and what a method answers for it.

    Attributes
    ----------
    box : ndarray
        (4,) px: what the method was given, the detector's box mapped to the tight box of the landmarks.
    score : float
        How sure the detector is; see its `score`.
    landmarks : ndarray
        (L, 2) px; all NaN if the method missed the face.
    scheme : str
        Of the landmarks.
    attributes : dict of str to dict of str to float
        Attribute -> class -> probability.
    """

    box: np.ndarray
    score: float
    landmarks: np.ndarray
    scheme: str
    attributes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def missed(self) -> bool:
        """Whether the method found no landmarks in it."""
        return not bool(np.isfinite(self.landmarks).all())


def faces_in(
    image: np.ndarray, detector: str | Detector, scheme: str, min_score: float | None = None, largest: bool = False
) -> Detections:
    """Return the faces of an image, the surest first, with the boxes that methods of a scheme expect.

    Parameters
    ----------
    image : ndarray
        uint8, (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey.
    detector : str or Detector
        A registered name, or a detector itself.
    scheme : str
        Of the landmarks that the method answers with.
    min_score : float, optional
        Faces with a lower score are left out; by default the detector's own threshold decides alone.
    largest : bool
        Only the face with the largest box.

    Raises
    ------
    DataError
        For a `min_score` that is no number. Also what `Detector.detect` raises.
    """
    if min_score is not None and not np.isfinite(min_score):
        raise DataError(must_be("faces_in", "min_score", min_score, "a finite number"))
    detector = make_detector(detector) if isinstance(detector, str) else detector
    boxes, scores = detector.detect(image)
    keep = np.ones(len(scores), bool) if min_score is None else scores >= min_score
    boxes, scores = detector.tight_boxes(boxes[keep], scheme), scores[keep]
    if largest and len(boxes):
        one = int(np.argmax((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)))
        boxes, scores = boxes[one : one + 1], scores[one : one + 1]
    return Detections(boxes, scores)


class OnPhotos:
    """What every method does with photos; `Method` says the rest of it."""

    _boxes_seen: list[list[float]] | None

    def detect_and_predict(
        self,
        image: np.ndarray,
        detector: str | Detector = DEFAULT,
        min_score: float | None = None,
        largest: bool = False,
    ) -> list[FoundFace]:
        """Return the faces of a photo, the surest first, each with its landmarks and attributes.

        Parameters
        ----------
        image : ndarray
            uint8, (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey.
        detector, min_score, largest
            As for `fldbench.found.faces_in`.

        Raises
        ------
        MethodError
            Before `fit`. Also what the detector and `predict` raise.
        """
        method: Any = self
        if method.fitted_on is None:
            raise MethodError(f"{method.label} does not know which points it answers with; fit it, or load a model")
        scheme = method.fitted_on.scheme
        faces = faces_in(image, detector, scheme, min_score, largest)
        if not len(faces.boxes):
            return []
        photo, seen = [image] * len(faces.boxes), self._boxes_seen
        self._boxes_seen = None  # boxes that were mapped to those it expects are nothing to warn of
        try:
            landmarks = np.array(method.predict(photo, faces.boxes), float)
            attributes = method.predict_attributes(photo, faces.boxes)
        finally:
            self._boxes_seen = seen
        landmarks[~np.isfinite(landmarks).all(axis=(1, 2))] = np.nan
        return [
            FoundFace(
                box=faces.boxes[row],
                score=float(faces.scores[row]),
                landmarks=landmarks[row],
                scheme=scheme,
                attributes={
                    name: dict(zip(method.classes_[name], np.asarray(found[row], float).tolist(), strict=True))
                    for name, found in attributes.items()
                },
            )
            for row in range(len(faces.boxes))
        ]
