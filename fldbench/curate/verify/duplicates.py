"""duplicate: the same or nearly the same picture is in another split, or twice in this one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fldbench.curate.verify.finding import Finding, about, unchecked
from fldbench.curate.verify.near_duplicates import LIMIT, STRICT, near_duplicates
from fldbench.curate.verify.picture_facts import PictureFacts, picture_facts
from fldbench.faces import FaceSet
from fldbench.progress import Listener

Copy = tuple[int, float, str]  # row of the other face, score, how it was found


def check_duplicates(
    faces: FaceSet,
    facts: PictureFacts,
    others: Sequence[FaceSet],
    mean: np.ndarray,
    progress: Listener | None,
) -> Iterator[Finding]:
    """Yield pictures that other splits hold too, then those that this one holds twice.

    By the bytes of the whole image, by the crop of the face, by the crop that its points turn upright, and by both
    crops mirrored; mean (L, 2) is an upright shape.
    """
    for other in others:
        theirs = picture_facts(other, other.landmarks if other.scheme == faces.scheme else None, mean, progress)
        if facts.absent or theirs.absent:
            yield unchecked(f"duplicates in {faces.label} and {other.label}", facts.absent or theirs.absent)
            continue
        known = {digest: row for row, digest in enumerate(theirs.digests) if digest}
        same = {row: known[digest] for row, digest in enumerate(facts.digests) if digest in known}
        for row, there in same.items():
            text = f"its image is, byte for byte, that of {str(other.ids[there])!r} in {other.label}"
            yield about(faces, row, "duplicate", 1 / LIMIT, text)
        for row, (there, score, how) in _copies(facts, theirs, LIMIT).items():
            if row not in same:
                text = f"its face is that of {str(other.ids[there])!r} in {other.label} ({how})"
                yield about(faces, row, "duplicate", score, text)
    if not facts.absent:
        yield from _within(faces, facts)


def _within(faces: FaceSet, facts: PictureFacts) -> Iterator[Finding]:
    """Yield the later face of each two that show one picture though they are of two groups."""
    groups = np.unique(faces.groups, return_inverse=True)[1]
    named: dict[int, Copy] = {}
    for row, (other, score, how) in _copies(facts, facts, STRICT, groups).items():
        first, last = sorted((row, other))
        if last not in named or named[last][1] < score:
            named[last] = first, score, how
    for row, (other, score, how) in named.items():
        text = (
            f"its face is that of {str(faces.ids[other])!r} in the same split, as another person, clip or photo "
            f"({how}); folds may cut between them"
        )
        yield about(faces, row, "duplicate", score, text)


def _copies(
    mine: PictureFacts, theirs: PictureFacts, limit: float, groups: np.ndarray | None = None
) -> dict[int, Copy]:
    """Return the best match of each face that has one; `limit` is that of plain crops, groups are of both sets."""
    pairs = None if groups is None else (groups, groups)
    found: dict[int, Copy] = {}
    for crops, others, least, words in (
        (mine.face_crops, theirs.face_crops, limit, ""),
        (mine.upright_crops, theirs.upright_crops, STRICT, ""),
        (mine.face_crops[:, :, ::-1], theirs.face_crops, STRICT, "mirrored, "),
        (mine.upright_crops[:, :, ::-1], theirs.upright_crops, STRICT, "mirrored, "),
    ):
        if crops.shape[1:] == others.shape[1:]:  # faces of another scheme have no upright crops
            for row, other, value in near_duplicates(np.ascontiguousarray(crops), others, least, pairs):
                found.setdefault(row, (other, value / least, f"{words}correlation {value:.2f}"))
    return found
