"""image: the image cannot be decoded, is absent, or its file is cut off."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fldbench.curate.inspect import as_stored
from fldbench.curate.verify.finding import Finding, about, unchecked
from fldbench.curate.verify.picture_facts import PictureFacts
from fldbench.faces import FaceSet


def check_images(faces: FaceSet, facts: PictureFacts) -> Iterator[Finding]:
    """Yield the problems that were met when the images were decoded."""
    if facts.absent:
        yield unchecked("images, duplicates and points on pictures", facts.absent)
    if facts.oriented:
        yield Finding("orientation", "", 0.0, as_stored(facts.oriented, len(faces)))
    for row, text in facts.problems.items():
        yield about(faces, row, "image", np.inf, text)
