"""count: a part of the dataset lacks the published number of faces, or some were excluded."""

from __future__ import annotations

from collections.abc import Iterator

from fldbench.curate.verify.finding import Finding
from fldbench.faces import FaceSet


def check_counts(faces: FaceSet) -> Iterator[Finding]:
    """Yield a finding for every part with more or fewer faces than expected."""
    for part, (found, expected) in faces.parts.items():
        if found != expected:
            yield Finding("count", "", 0.0, f"{part}: {found} of {expected} faces")
