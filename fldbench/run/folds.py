"""Cross-validation: a partition of a dataset's faces into folds, and the faces that each model may see."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from fldbench.errors import DataError
from fldbench.faces import FaceSet
from fldbench.faces.images import is_content_digest
from fldbench.faces.overlap import copies

COPIES = 32  # of one face that are linked with it directly


@dataclass(frozen=True)
class Partition:
    """Which fold each face of a split is in; no group (a person, a clip or a photo) is in two folds.

    Attributes
    ----------
    k : int
        Number of folds.
    seed : int
        What the partition was drawn by.
    fold_of : dict of str to int
        Id of a face -> its fold, from 0 to k - 1, for all faces of the split.
    groups : int
        Number of groups, those that share a photo counted once; as many as faces if the dataset names none.
    """

    k: int
    seed: int
    fold_of: dict[str, int]
    groups: int

    @property
    def digest(self) -> str:
        """SHA-256 of the ids and their folds, as 64 hex digits."""
        lines = (f"{fold} {face}" for face, fold in sorted(self.fold_of.items()))
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()

    def held_out(self, faces: FaceSet, fold: int) -> np.ndarray:
        """Return which faces are in a fold, (n,) bool; the model of the fold answers them and no others.

        Raises
        ------
        DataError
            For a face that the partition does not know.
        """
        unknown = [face for face in faces.ids.tolist() if face not in self.fold_of]
        if unknown:
            raise DataError(f"{faces.label}: the face {unknown[0]!r} is in no fold of the training set's split")
        return np.array([self.fold_of[face] == fold for face in faces.ids.tolist()], bool)

    def training_part(self, faces: FaceSet, fold: int) -> FaceSet:
        """Return the faces that the model of a fold is trained on: those of the other folds.

        Raises
        ------
        DataError
            When there are none.
        """
        part = faces[~self.held_out(faces, fold)]
        if not len(part):
            raise DataError(f"{faces.label}: without fold {fold + 1} of {self.k} no face is left to train on")
        return part


def make_partition(split: FaceSet, k: int, seed: int) -> Partition:
    """Return the partition of a split into k folds by whole groups, drawn by `seed`.

    Groups that share a photo stay together: the same file under two names, and copies (encoded again, resized, cut,
    mirrored, turned), which are known by their points.

    Raises
    ------
    DataError
        When there are fewer than k groups.
    """
    groups = _with_shared_photos(split)
    folds = replace(split, groups=groups).fold_of(k, seed)
    return Partition(k, seed, dict(zip(split.ids.tolist(), folds.tolist(), strict=True)), len(np.unique(groups)))


def _with_shared_photos(split: FaceSet) -> np.ndarray:
    """Return the groups (n,), where all groups that a photo links have the name of the first of them."""
    names = split.groups.tolist()
    first = {name: name for name in names}
    seen: dict[bytes, str] = {}

    def root(name: str) -> str:
        while first[name] != name:
            name = first[name]
        return name

    def join(name: str, same: str) -> None:
        one, other = sorted((root(name), root(same)))
        first[other] = one

    for i, name in enumerate(names):
        digest = split.images.digest_once(i)
        if is_content_digest(digest):
            join(name, seen.setdefault(digest, name))
    for i, k in copies(split, split, COPIES).tolist():
        join(names[i], names[k])
    return np.array([root(name) for name in names], str)
