"""Overlap: what two sets of faces share, such as a training set and the faces that a method is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fldbench.faces.face_set import FaceSet
from fldbench.faces.images import is_content_digest
from fldbench.files import listed
from fldbench.geometry import box_centre, tight_box
from fldbench.schemes import get_scheme
from fldbench.shapes import align_to, mirrored, unit_size

NAMED = 3  # faces or groups that a sentence names
SAME_POINTS = 1e-3  # of the width and height of the points
# Distance of two shapes of size 1 up to place, size and tilt. Of 300-W, WFLW, MTFL, YouTube Faces, COFW-68, London and
# synthetic faces, the nearest of different photos are 0.035 apart (19 points and more) or 0.0054 (5 points, 15 million
# pairs); a copy whose points were rounded to two decimals is within 0.0004, one of half size in whole px within 0.013.
COPIED, COPIED_OF_FEW, MANY_POINTS = 0.02, 1e-3, 19
LEAST_POINTS = 5  # known ones; fewer fit too many faces

_GROUP = "a person, clip or photo with training faces"


@dataclass(frozen=True)
class Overlap:
    """What the faces of one set share with those of another. Each of them is counted once, by the first that holds.

    Attributes
    ----------
    of : int
        Number of faces of the set.
    faces : tuple of str
        Ids of the faces that are in the other set too.
    photos : tuple of str
        Ids of those whose image file is in the other set, under another id or in another dataset.
    copies : tuple of str
        Ids of those whose points are those of a face of the other set: its photo in another file, size or cut, mirrored
        or turned, or the next frame of a clip.
    grouped : int
        Number of those whose person, clip or photo is in the other set.
    groups : tuple of str
        The names of these persons, clips or photos.
    """

    of: int
    faces: tuple[str, ...] = ()
    photos: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    grouped: int = 0
    groups: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.faces or self.photos or self.copies or self.grouped)

    def in_words(self) -> str:
        """Return what is shared in one line, with a few names; empty if nothing is.

        >>> Overlap(9, faces=("a", "b")).in_words()
        "2 of 9 test faces are training faces ('a', 'b')"
        >>> Overlap(9, faces=("a",), grouped=3, groups=("Ann",)).in_words()
        "1 of 9 test faces is a training face ('a'); 3 of 9 share a person, clip or photo with training faces ('Ann')"
        """
        counts = (
            (len(self.faces), "is a training face", "are training faces", self.faces),
            (len(self.photos), "has the photo of a training face", "have photos of training faces", self.photos),
            (len(self.copies), "has the points of a training face", "have the points of training faces", self.copies),
            (self.grouped, f"shares {_GROUP}", f"share {_GROUP}", self.groups),
        )
        parts: list[str] = []
        for count, one, several, names in counts:
            if count:
                of = f"{count} of {self.of}" if count < self.of else f"all {self.of}"
                faces = "" if parts else " test faces"
                what = one if count == 1 < self.of else several
                parts.append(f"{of}{faces} {what} ({listed([repr(name) for name in names], NAMED)})")
        return "; ".join(parts)


def overlap(train: FaceSet, test: FaceSet) -> Overlap:
    """Return what test faces share with training faces.

    - A photo is known by the content of its image, in any two datasets. Another face of the same photo is not counted.
    - A copy of a photo (encoded again, resized, cut, mirrored, turned) is known by its points, in any two datasets of
      one scheme.
    - Within one dataset (sets of the same name) a face is known by its id, unless both images are there and differ:
      two files of a user may number their faces alike. It is the same face for all that if its points are the same up
      to place and size, as in a crop.
    - Within one dataset, a person, clip or photo is known by its group, unless the group is only the id of a face.

    Images are not decoded; digests that they keep are not computed again.
    """
    digests = _digests(test)
    same_photo = _in_same_photos(train, test, digests)
    one_dataset = bool(train.name) and train.name == test.name
    same_face = _same_faces(train, test, digests) if one_dataset else np.zeros(len(test), bool)
    shared = _declared_groups(train) & _declared_groups(test) if one_dataset else set()
    same_group = np.isin(test.groups, list(shared))
    photos = same_photo & ~same_face
    copied = np.isin(np.arange(len(test)), copies(train, test)[:, 1]) & ~same_face & ~same_photo
    groups = same_group & ~same_face & ~same_photo & ~copied
    return Overlap(
        of=len(test),
        faces=tuple(test.ids[same_face].tolist()),
        photos=tuple(test.ids[photos].tolist()),
        copies=tuple(test.ids[copied].tolist()),
        grouped=int(groups.sum()),
        groups=tuple(np.unique(test.groups[groups]).tolist()),
    )


def copies(one: FaceSet, other: FaceSet, most: int = 1) -> np.ndarray:
    """Return the faces of two sets that have the same points up to place, size, tilt and mirroring.

    Parameters
    ----------
    one, other : FaceSet
        May be the same set; then each face is also a copy of itself.
    most : int
        For each face of `other`, its nearest so many of `one`, as they are and mirrored.

    Returns
    -------
    ndarray of shape (n, 2), int
        Rows in `one` and in `other`; none for sets of different schemes.
    """
    pairs = [np.zeros((0, 2), int)]
    if one.scheme == other.scheme:
        mirror = get_scheme(other.scheme).mirror
        of_one = _rows_of_known(one.landmarks)
        for view in [other.landmarks] if mirror is None else [other.landmarks, mirrored(other.landmarks, mirror)]:
            for known, rows in _rows_of_known(view).items():
                if len(known) >= LEAST_POINTS and known in of_one:
                    there, here = (array[:, known] for array in (one.landmarks[of_one[known]], view[rows]))
                    found = _near(there, here, most)
                    pairs.append(np.stack([of_one[known][found[:, 0]], rows[found[:, 1]]], axis=1))
    return np.concatenate(pairs)


def _digests(faces: FaceSet) -> list[bytes]:
    """Return the digest of each image's content; empty for an image that is not there."""
    found = [faces.images.digest_once(i) for i in range(len(faces))]
    return [digest if is_content_digest(digest) else b"" for digest in found]


def _in_same_photos(train: FaceSet, test: FaceSet, digests: Sequence[bytes]) -> np.ndarray:
    """Return which test faces are, in the photo of a training face, where that face is, (n,) bool."""
    rows_of: dict[bytes, list[int]] = {}
    for row, digest in enumerate(_digests(train)):
        rows_of.setdefault(digest, []).append(row)
    same = np.zeros(len(test), bool)
    for row, digest in enumerate(digests):
        there = rows_of.get(digest, []) if digest else []
        same[row] = any(_same_place(train.landmarks[one], test.landmarks[row]) for one in there)
    return same


def _same_place(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether the centre of one face's points lies within the other's; points may be of different schemes."""
    if not all(np.isfinite(points).all(axis=1).any() for points in (one, other)):
        return True  # without points nothing says that they differ
    first, second = tight_box(one), tight_box(other)
    return any(
        bool((a[:2] <= box_centre(b)).all() and (box_centre(b) <= a[2:]).all())
        for a, b in ((first, second), (second, first))
    )


def _same_faces(train: FaceSet, test: FaceSet, digests: Sequence[bytes]) -> np.ndarray:
    """Return which test faces have the id of a training face of the same dataset and are the same face, (n,) bool."""
    row_of = {face: row for row, face in enumerate(train.ids.tolist())}
    same = np.zeros(len(test), bool)
    for row, face in enumerate(test.ids.tolist()):
        if face in row_of:
            there = train.images.digest_once(row_of[face])
            differ = digests[row] and is_content_digest(there) and there != digests[row]
            same[row] = not differ or _same_points(train.landmarks[row_of[face]], test.landmarks[row])
    return same


def _same_points(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two faces have the same points, each (L, 2), up to place and size."""
    if one.shape != other.shape or not (np.isfinite(one).any() and np.isfinite(other).any()):
        return False
    first, second = _in_own_box(one), _in_own_box(other)
    return np.allclose(first, second, rtol=0, atol=SAME_POINTS, equal_nan=True)


def _rows_of_known(landmarks: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
    """Return the numbers of known points -> the rows of the faces that have just these."""
    patterns, of_row = np.unique(np.isfinite(landmarks).all(axis=2), axis=0, return_inverse=True)
    return {
        tuple(np.flatnonzero(pattern).tolist()): np.flatnonzero(of_row.reshape(-1) == k)
        for k, pattern in enumerate(patterns)
    }


def _near(there: np.ndarray, here: np.ndarray, most: int) -> np.ndarray:
    """Return pairs (n, 2) of rows of shapes `there` (m, L, 2) and `here` (k, L, 2) that are the same."""
    from scipy.spatial import cKDTree  # takes a moment to import

    reference = unit_size(there).mean(axis=0)  # alike shapes lie alike once they are aligned to the same one
    of_there, of_here = (unit_size(align_to(points, reference)[0]).reshape(len(points), -1) for points in (there, here))
    usable, asked = (np.flatnonzero(np.isfinite(shapes).all(axis=1)) for shapes in (of_there, of_here))
    if not len(usable) or not len(asked):
        return np.zeros((0, 2), int)
    within = COPIED if there.shape[1] >= MANY_POINTS else COPIED_OF_FEW
    nearest = range(1, 1 + min(most, len(usable)))
    away, found = cKDTree(of_there[usable]).query(of_here[asked], nearest, distance_upper_bound=within)
    row, column = np.nonzero(np.isfinite(away))
    return np.stack([usable[found[row, column]], asked[row]], axis=1)


def _in_own_box(points: np.ndarray) -> np.ndarray:
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    return (points - low) / np.maximum(high - low, np.finfo(float).tiny)


def _declared_groups(faces: FaceSet) -> set[str]:
    """Return the groups that are more than the id of a face, which is the group of a face without any other."""
    return (
        set(faces.groups.tolist()) - {face.partition("#")[0] for face in faces.ids.tolist()} - set(faces.ids.tolist())
    )
