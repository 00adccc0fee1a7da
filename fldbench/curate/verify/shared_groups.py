"""group: the same person, clip or photo is in another split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fldbench.curate.verify.finding import Finding, about, unchecked
from fldbench.faces import FaceSet


def check_shared_groups(faces: FaceSet, others: Sequence[FaceSet]) -> Iterator[Finding]:
    """Yield the faces whose group is in another split too."""
    for other in others:
        if any((one.groups == one.ids).all() for one in (faces, other)):
            yield unchecked(f"groups in {faces.label} and {other.label}", "persons, clips or photos are not known")
            continue
        for row in np.flatnonzero(np.isin(faces.groups, other.groups)):
            yield about(faces, row, "group", 1.0, f"its group {str(faces.groups[row])!r} is in {other.label} too")
