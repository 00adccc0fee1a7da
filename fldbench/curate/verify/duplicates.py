"""duplicate: the same or nearly the same picture is in another split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fldbench.curate.verify.finding import Finding, about, unchecked
from fldbench.curate.verify.near_duplicates import LIMIT, near_duplicates
from fldbench.curate.verify.picture_facts import PictureFacts, picture_facts
from fldbench.faces import FaceSet
from fldbench.progress import Listener


def check_duplicates(
    faces: FaceSet, facts: PictureFacts, others: Sequence[FaceSet], progress: Listener | None
) -> Iterator[Finding]:
    """Yield pictures that other splits hold too: by the bytes of the whole image, and by the crop of the face."""
    for other in others:
        theirs = picture_facts(other, None, None, progress)
        if facts.absent or theirs.absent:
            yield unchecked(f"duplicates in {faces.label} and {other.label}", facts.absent or theirs.absent)
            continue
        known = {digest: row for row, digest in enumerate(theirs.digests) if digest}
        same = {row: known[digest] for row, digest in enumerate(facts.digests) if digest in known}
        for row, there in same.items():
            text = f"its image is, byte for byte, that of {str(other.ids[there])!r} in {other.label}"
            yield about(faces, row, "duplicate", 1 / LIMIT, text)
        for row, there, value in near_duplicates(facts.face_crops, theirs.face_crops):
            if row not in same:
                text = f"its face is that of {str(other.ids[there])!r} in {other.label} (correlation {value:.2f})"
                yield about(faces, row, "duplicate", value / LIMIT, text)
