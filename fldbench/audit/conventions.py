"""The same predictions under every convention of the field: one change to the protocol at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fldbench.faces import FaceSet
from fldbench.protocols import Protocol, Score


@dataclass(frozen=True)
class Audit:
    """What predictions score under a protocol and under its variants.

    Attributes
    ----------
    protocol : Protocol
        The default.
    score : Score
        Under the default.
    """

    protocol: Protocol
    score: Score

    def to_text(self) -> str:
        """Return the table for a terminal."""
        return f"{self.protocol.describe()}\nNME {self.score.metrics['nme']:.2f} %"


def audited(predictions: np.ndarray, faces: FaceSet, protocol: Protocol) -> Audit:
    """Score predictions (n, L, 2) px of the protocol's n faces under the protocol and its variants."""
    return Audit(protocol, protocol.score(predictions, faces))
