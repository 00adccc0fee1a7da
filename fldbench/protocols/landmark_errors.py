"""The error of each landmark under a protocol, of which the error of a face is the mean."""

from __future__ import annotations

import numpy as np

from fldbench.faces import FaceSet
from fldbench.protocols.protocol import Protocol


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
    return protocol.compared(predictions, faces).point_errors()
