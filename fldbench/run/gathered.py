"""The answers of one model, or of the models of all folds together, by the ids of the faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fldbench.attribute_metrics import Answered
from fldbench.errors import MethodError, must_be
from fldbench.run.timing import Prediction


@dataclass
class Gathered:
    """What was predicted so far.

    Attributes
    ----------
    landmarks : dict of str to ndarray
        Face id -> (L, 2) px.
    attributes : dict of str to dict of str to ndarray
        Attribute -> face id -> probabilities (k,).
    classes : dict of str to tuple of str
        Attribute -> the names of its k classes.
    confidence : dict of str to float
        Face id -> how sure the method is; empty for one that does not say.
    timings : list of (int, dict)
        Number of faces of each prediction, and its times.
    """

    landmarks: dict[str, np.ndarray] = field(default_factory=dict)
    attributes: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    confidence: dict[str, float] = field(default_factory=dict)
    timings: list[tuple[int, dict[str, float | None]]] = field(default_factory=list)

    def add(self, ids: Sequence[str], found: Prediction) -> None:
        """Add the answers for some faces.

        Raises
        ------
        MethodError
            For classes other than those that the model of another fold answered.
        """
        self.landmarks |= dict(zip(ids, found.landmarks, strict=True))
        self.timings.append((len(ids), found.timings))
        if found.confidence is not None:
            self.confidence |= dict(zip(ids, found.confidence.tolist(), strict=True))
        for name, (classes, probabilities) in found.attributes.items():
            known = self.classes.setdefault(name, classes)
            if known != classes:
                raise MethodError(must_be("folds", f"the classes of {name}", classes, f"{known}, as in other folds"))
            self.attributes.setdefault(name, {}).update(zip(ids, probabilities, strict=True))

    def of(self, ids: Sequence[str]) -> tuple[np.ndarray, dict[str, Answered]]:
        """Return the landmarks (n, L, 2) px and the attributes of n faces."""
        attributes = {
            name: Answered(self.classes[name], np.array([rows[face] for face in ids]))
            for name, rows in self.attributes.items()
        }
        return np.array([self.landmarks[face] for face in ids]), attributes

    def kept(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """Return what is kept beside the answers of n faces: `confidence` (n,), if the method says it."""
        return {"confidence": np.array([self.confidence[face] for face in ids])} if self.confidence else {}
