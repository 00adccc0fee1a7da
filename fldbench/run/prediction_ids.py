"""Ids of prediction files: matched to a dataset's faces, with or without ending and folders, if that is unambiguous."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fldbench.errors import PredictionsError, must_be
from fldbench.faces import FaceSet
from fldbench.faces.image_files import ENDINGS as IMAGE_ENDINGS
from fldbench.files import listed

ENDINGS = (*IMAGE_ENDINGS, ".pts", ".mat")


def matched(ids: Sequence[str], faces: FaceSet, path: str | Path) -> tuple[dict[str, int], list[str]]:
    """Return face id -> row of the file, and notes for the user.

    An id that the dataset does not have means the face whose id is the same without the ending of an image and with
    more or fewer folders before it, if there is only one.

    Raises
    ------
    PredictionsError
        For an id that means no face or several, and for a face with several predictions.
    """
    known = set(faces.ids.tolist())
    _refuse_doubled(ids, path)
    loose = [one for one in ids if one not in known]
    meant = _meant(loose, known) if loose else {}
    unknown = [one for one in loose if not meant[one]]
    if unknown:
        example = str(faces.ids[0]) if len(faces) else ""
        raise PredictionsError(f"{faces.label} has no face {_named(unknown)}; its ids look like {example!r}", path)
    for one in loose:
        if len(meant[one]) > 1:
            allowed = "the id of one face"
            raise PredictionsError(must_be(path, "a face", one, allowed, f"it could be {_named(sorted(meant[one]))}"))
    found = [one if one in known else next(iter(meant[one])) for one in ids]
    _refuse_doubled(found, path)
    notes = []
    if loose:
        notes.append(
            f"{len(loose)} ids differ from the dataset's in ending or folders, such as {loose[0]!r}, taken for "
            f"{next(iter(meant[loose[0]]))!r}"
        )
    return {face: row for row, face in enumerate(found)}, notes


def _meant(ids: Sequence[str], known: set[str]) -> dict[str, set[str]]:
    """Return id -> the faces that it may mean."""
    faces_of: dict[tuple[str, ...], set[str]] = {}  # every end of a face's path -> the faces
    whole: dict[tuple[str, ...], set[str]] = {}
    for face in known:
        parts = _parts(face)
        whole.setdefault(parts, set()).add(face)
        for k in range(len(parts)):
            faces_of.setdefault(parts[k:], set()).add(face)
    found = {}
    for one in ids:
        parts = _parts(one)
        ends = [parts[k:] for k in range(len(parts))]
        longest = next((whole[end] for end in ends if end in whole), set())  # the file names more folders
        found[one] = longest or faces_of.get(parts, set())  # or fewer
    return found


def _parts(face: str) -> tuple[str, ...]:
    """Return folders and name, without the ending of an image.

    >>> _parts("./helen\\\\testset/1.JPG"), _parts("a.b/2")
    (('helen', 'testset', '1'), ('a.b', '2'))
    """
    text = face.replace("\\", "/")
    ending = next((ending for ending in ENDINGS if text.lower().endswith(ending)), "")
    text = text[: len(text) - len(ending)]
    return tuple(part for part in text.split("/") if part not in ("", "."))


def _refuse_doubled(ids: Sequence[str], path: str | Path) -> None:
    doubled = sorted(one for one, count in Counter(ids).items() if count > 1)
    if doubled:
        raise PredictionsError(f"more than one prediction for {_named(doubled)}; give each face one", path)


def _named(ids: Sequence[str]) -> str:
    return listed([repr(one) for one in ids])
