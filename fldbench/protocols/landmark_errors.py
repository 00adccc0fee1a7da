"""The error of each landmark under a protocol, of which the error of a face is the mean."""

from __future__ import annotations

import numpy as np

from fldbench import metrics
from fldbench.faces import FaceSet
from fldbench.protocols import normalisers
from fldbench.protocols.protocol import Protocol
from fldbench.protocols.shift import common_shift


def landmark_errors(protocol: Protocol, predictions: np.ndarray, faces: FaceSet) -> np.ndarray:
    """Return the errors of the counted points as fractions of the normaliser, (n, L).

    NaN for a point that does not count, and for all points of a missed face. The mean of a row is the face's error in
    `protocol.score`.

    Parameters
    ----------
    protocol : Protocol
    predictions : ndarray of float, (n, L, 2)
        In px of the original images.
    faces : FaceSet
        n faces, as `protocol.select` gave them.
    """
    truth, visible = faces.landmarks, faces.visible if protocol.visible else None
    if protocol.clipped:
        truth = np.clip(truth, faces.boxes[:, None, :2], faces.boxes[:, None, 2:])
    counted = metrics.counted_points(truth, protocol.points, visible)
    answers = predictions - common_shift(predictions, truth, counted) if protocol.unshifted else predictions
    answers = np.trunc(answers) if protocol.integer else answers
    distance = normalisers.lengths(protocol.normaliser, protocol.normaliser_points, faces)
    missed = np.isnan(metrics.face_errors(answers, truth, distance, protocol.points, visible))
    with np.errstate(over="ignore", invalid="ignore"):
        errors = metrics.point_errors(answers, truth) / distance[:, None]
    return np.where(counted & ~missed[:, None], errors, np.nan)
