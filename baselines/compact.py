"""compact: any method with its weights in 16 or 8 bits, so that a suite measures what the smaller file answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.baselines.parts.fitting import check_fitted
from fldbench.baselines.parts.one import One
from fldbench.compact import WEIGHTS, compacted, restored
from fldbench.faces import FaceSet
from fldbench.method import Method
from fldbench.params import SEED, TEXT, THREADS, one_of


@dataclass(eq=False, repr=False)
class Compact(One):
    """Any method whose file is a half or a quarter as large: it answers with weights as the file holds them.

    The method is fitted as without it; then its numbers of single precision are rounded (`fldbench.compact`). Numbers
    of other kinds, such as those of `asm` in double precision, stay as they are. The rows of a network's epochs
    (`history_`) are left out: they can take more bytes than a small network, and no answer needs them. Attributes and
    confidence are the method's, by the rounded weights.

    Parameters
    ----------
    method : str
        The name of a registered method.
    params : dict, optional
        Its parameters that differ from its defaults.
    weights : {"int8", "float16"}
        How they are stored.
    threads : int, optional
        Passed to the method if it has this parameter.
    random_state : int
        Passed to the method if it has this parameter.
    """

    rules = {"method": TEXT, "weights": one_of(WEIGHTS[1:]), "threads": THREADS, "random_state": SEED}

    method: str = "fld-net"
    params: dict[str, Any] | None = None
    weights: str = "int8"
    threads: int | None = None
    random_state: int = 0

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> Compact:
        """Fit the method, and round what it learned."""
        (member,) = self._make()
        self.assemble([self._fit_member(member, self.method, train, val)], train)
        return self

    def assemble(self, members: Sequence[Method], train: FaceSet) -> None:
        """Take the fitted method, and round what it learned."""
        (fitted,), (member,) = members, self._make()
        learned = {name: [] if name == "history_" else value for name, value in fitted.learned().items()}
        arrays = {name: value for name, value in learned.items() if isinstance(value, np.ndarray)}
        member.restore(learned | restored(*compacted(self.label, arrays, self.weights)))
        super().assemble([member], train)
        self._fitted_on = fitted.fitted_on

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2) px of n images with boxes (n, 4) px."""
        check_fitted(self, "members_")
        return self.members_[0].predict(images, boxes)

    def save(self, path: str | Path, weights: str = "float32") -> Path:
        """Write the model as `Method.save` does, with its own `weights` instead of float32."""
        return super().save(path, self.weights if weights == "float32" else weights)
