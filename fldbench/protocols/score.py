"""Score: what a protocol measured on a set of faces, and the evidence from which the numbers follow."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fldbench.metrics import Metric
from fldbench.protocols.attributes import AttributeScores


@dataclass(frozen=True)
class Score:
    """What a protocol measured.

    Attributes
    ----------
    errors : ndarray of float, (n,)
        One error per face, as a fraction of the normaliser; NaN for a missed face under every rule for missed faces.
    n, missed : int
        The number of faces, and of missed faces.
    values : tuple of Metric
        nme, fr at every threshold, auc at the first; in percent. Then those of attributes.
    charged : ndarray of float, (n,)
        What each face counts in them: its error, and for a missed face what the protocol charges; NaN for nothing.
    counts : ndarray of int, (n,)
        The counted points of each face.
    complete : bool
        Whether the faces are exactly those of the protocol, by number and, if known, by their ids. Numbers on other
        faces are not comparable with published ones.
    attributes : AttributeScores
        What was counted of attributes, if any were answered.
    """

    errors: np.ndarray
    n: int
    missed: int
    values: tuple[Metric, ...]
    charged: np.ndarray
    counts: np.ndarray
    complete: bool
    attributes: AttributeScores = field(default_factory=AttributeScores)

    @property
    def metrics(self) -> dict[str, float]:
        """Key of each value, such as nme, fr08, fr10, auc08 -> percent."""
        return {metric.key: metric.value for metric in self.values}

    @property
    def evidence(self) -> dict[str, np.ndarray]:
        """The arrays that are kept beside a record, so that its numbers can be computed again."""
        return {"errors": self.errors, "charged": self.charged, "counts": self.counts} | self.attributes.evidence
