"""Face and FaceSet: images, boxes, landmarks, visibility, attributes, subsets.

A FaceSet holds columns, not a list of objects; its images are decoded only when they are asked for, so reading the
annotations of a dataset opens no image.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fldbench.errors import DataError
from fldbench.schemes import get_scheme

if TYPE_CHECKING:
    from fldbench.faces.crops import Crops


class Images(Sequence):
    """n images, decoded on access: an int gives RGB uint8 (h, w, 3), a slice, mask or index array gives Images.

    A subclass defines `__len__`, `decode(i)` and `digest(i)`, the bytes that identify image i's content.
    """

    def decode(self, i: int) -> np.ndarray:
        raise NotImplementedError

    def digest(self, i: int) -> bytes:
        raise NotImplementedError

    def encoded(self, i: int) -> bytes | None:
        """Image i as the bytes of an image file, where it is kept as such; None where it is not."""
        return None

    def __getitem__(self, index):
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"image {index} of {len(self)}")
            return self.decode(int(index) % len(self))
        return _Selection(self, np.arange(len(self))[index])


class _Selection(Images):
    """Some images of another Images, in a given order."""

    def __init__(self, base: Images, rows: np.ndarray):
        self._base, self._rows = base, rows

    def __len__(self) -> int:
        return len(self._rows)

    def decode(self, i: int) -> np.ndarray:
        return self._base.decode(int(self._rows[i]))

    def digest(self, i: int) -> bytes:
        return self._base.digest(int(self._rows[i]))

    def encoded(self, i: int) -> bytes | None:
        return self._base.encoded(int(self._rows[i]))


def decode_image(encoded: bytes, file: str | Path, what: str = "not an image that can be decoded") -> np.ndarray:
    """The bytes of an image file as RGB uint8 (h, w, 3); raises DataError, in the words of `what`, if they are none."""
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:  # such as a header that claims more pixels than OpenCV allows
        image = None
    if image is None:
        raise DataError(f"{what}; replace the file or leave the face out", file)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


class ImageFiles(Images):
    """Images in files that OpenCV reads (JPEG, PNG, BMP, TIFF, WebP); grey ones come back as RGB too."""

    def __init__(self, paths: Sequence[str | Path]):
        self.paths = [str(path) for path in paths]

    def __len__(self) -> int:
        return len(self.paths)

    def decode(self, i: int) -> np.ndarray:
        # Files go through numpy because cv2.imread cannot open every path that the system can.
        return decode_image(self.encoded(i), self.paths[i])

    def digest(self, i: int) -> bytes:
        try:
            return hashlib.sha256(Path(self.paths[i]).read_bytes()).digest()
        except OSError as error:
            return f"unreadable: {type(error).__name__}".encode()

    def encoded(self, i: int) -> bytes:
        try:
            content = Path(self.paths[i]).read_bytes()
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror}); restore the image", self.paths[i]) from error
        if not content:
            raise DataError("the image file is empty; restore it or leave the face out", self.paths[i])
        return content


class ImageArrays(Images):
    """Images that are in memory already: RGB uint8 (h, w, 3) arrays."""

    def __init__(self, arrays: Sequence[np.ndarray]):
        self._arrays = arrays

    def __len__(self) -> int:
        return len(self._arrays)

    def decode(self, i: int) -> np.ndarray:
        return self._arrays[i]

    def digest(self, i: int) -> bytes:
        array = self._arrays[i]
        return hashlib.sha256(str(array.shape).encode() + np.ascontiguousarray(array).tobytes()).digest()


class NoImages(Images):
    """The images of a dataset that came without any: predictions can be scored on it, methods cannot run on it."""

    def __init__(self, n: int, why: str):
        self._n, self.why = n, why

    def __len__(self) -> int:
        return self._n

    def decode(self, i: int) -> np.ndarray:
        raise DataError(self.why)

    def digest(self, i: int) -> bytes:
        return b"no image"


@dataclass(frozen=True)
class Face:
    """One face: image RGB uint8 (h, w, 3), box (4,) px, landmarks (L, 2) px, visible (L,) bool, attributes."""

    id: str
    image: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    attributes: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class FaceSet:
    """n faces of one dataset and split, as columns.

    ids         (n,) str, each once
    images      Images of length n, RGB uint8 (h, w, 3), decoded on access
    boxes       (n, 4) float, x0, y0, x1, y1 px
    landmarks   (n, L, 2) float px; NaN where a point is not annotated
    scheme      name of the landmark scheme with L points
    visible     (n, L) bool; False where a point is occluded or not annotated
    attributes  name -> (n,) int, -1 unknown
    subsets     name -> (n,) bool
    groups      (n,) str: person, clip or photo; faces of one group never go to two splits
    name, split_name  the dataset and the split that were loaded
    parts       part -> (found, expected) faces, as the reader met them on disk; empty where nothing can be absent

    Raises DataError when the columns do not fit each other.
    """

    ids: np.ndarray
    images: Images
    boxes: np.ndarray
    landmarks: np.ndarray
    scheme: str
    visible: np.ndarray | None = None
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    subsets: Mapping[str, np.ndarray] = field(default_factory=dict)
    groups: np.ndarray | None = None
    name: str = ""
    split_name: str = ""
    parts: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self):
        ids = np.asarray(self.ids, str)
        landmarks = np.asarray(self.landmarks, float)
        annotated = np.isfinite(landmarks).all(axis=-1)
        columns = {
            "ids": ids,
            "landmarks": landmarks,
            "boxes": np.asarray(self.boxes, float).reshape(-1, 4),
            "visible": annotated if self.visible is None else np.asarray(self.visible, bool),
            "groups": ids if self.groups is None else np.asarray(self.groups, str),
            "attributes": {key: np.asarray(value, int) for key, value in self.attributes.items()},
            "subsets": {key: np.asarray(value, bool) for key, value in self.subsets.items()},
        }
        for key, value in columns.items():
            object.__setattr__(self, key, value)
        self._check()

    def _check(self):
        n, points = len(self.ids), get_scheme(self.scheme).n_points
        wanted = {"images": n, "boxes": n, "landmarks": n, "visible": n, "groups": n}
        found = {key: len(getattr(self, key)) for key in wanted}
        found |= {f"attributes[{k}]": len(v) for k, v in self.attributes.items()}
        found |= {f"subsets[{k}]": len(v) for k, v in self.subsets.items()}
        for key, length in found.items():
            if length != n:
                raise DataError(f"{self.label}: {key} has {length} rows, ids has {n}; each needs one row a face")
        if n and self.landmarks.shape[1:] != (points, 2):
            raise DataError(
                f"{self.label}: landmarks have the shape {self.landmarks.shape}; {self.scheme} needs ({n}, {points}, 2)"
            )
        if self.visible.shape != self.landmarks.shape[:-1]:
            raise DataError(f"{self.label}: visible has the shape {self.visible.shape}, not one value a landmark")
        if len(set(self.ids.tolist())) != n:
            values, counts = np.unique(self.ids, return_counts=True)
            raise DataError(f"{self.label}: the id {str(values[counts > 1][0])!r} stands for more than one face")

    @property
    def label(self) -> str:
        """Dataset and split in one word, such as `300w-train`."""
        return "-".join(part for part in (self.name, self.split_name) if part) or "faces"

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index):
        """An int gives a Face; a slice, boolean mask or index array gives a FaceSet."""
        if isinstance(index, (int, np.integer)):
            return Face(
                str(self.ids[index]),
                self.images[index],
                self.boxes[index].copy(),
                self.landmarks[index].copy(),
                self.visible[index].copy(),
                {key: int(column[index]) for key, column in self.attributes.items()},
            )
        rows = np.arange(len(self))[index]
        return replace(
            self,
            ids=self.ids[rows],
            images=self.images[rows],
            boxes=self.boxes[rows],
            landmarks=self.landmarks[rows],
            visible=self.visible[rows],
            groups=self.groups[rows],
            attributes={key: column[rows] for key, column in self.attributes.items()},
            subsets={key: column[rows] for key, column in self.subsets.items()},
        )

    def __iter__(self) -> Iterator[Face]:
        return (self[i] for i in range(len(self)))

    def subset(self, name: str) -> FaceSet:
        """The faces of a named subset; raises DataError for a name that the set does not have."""
        if name not in self.subsets:
            raise DataError(f"{self.label} has no subset {name!r}; allowed: {', '.join(self.subsets) or 'none'}")
        return self[self.subsets[name]]

    def with_boxes(self, boxes: np.ndarray) -> FaceSet:
        """The same faces with other boxes, (n, 4) px."""
        return replace(self, boxes=boxes)

    def split(self, fraction: float, by: str = "group", random_state: int = 0) -> tuple[FaceSet, FaceSet]:
        """Two disjoint parts, the second with about `fraction` of the faces.

        by  "group": no person, clip or photo stands in both; "face": each face is drawn alone
        In an order drawn from random_state each group goes to the second part if it fits; then the smallest of the
        others does, if that brings the size nearer. Raises DataError when there are too few groups for two parts.
        """
        which, sizes = self._units(by)
        target, total = fraction * len(self), 0
        taken = np.zeros(len(sizes), bool)
        order = np.random.default_rng(random_state).permutation(len(sizes))
        for unit in order:
            if total + sizes[unit] <= target:
                taken[unit], total = True, total + int(sizes[unit])
        left = order[~taken[order]]
        if len(left) > 1:
            last = left[np.argmin(sizes[left])]
            taken[last] = abs(total + sizes[last] - target) < abs(total - target)
        if not (0 < fraction < 1 and taken.any()):
            raise DataError(
                f"{self.label}: {len(self)} faces of {len(sizes)} {by}(s) cannot be split in two by {fraction}; "
                "a fraction lies between 0 and 1, and a group is never cut"
            )
        part = taken[which]
        return self[~part], self[part]

    def folds(self, k: int, random_state: int = 0) -> Iterator[tuple[FaceSet, FaceSet]]:
        """k pairs (the other folds, this fold): every face is in this fold once, and no group is cut.

        The groups, the largest first and equal ones in an order drawn from random_state, each go to the smallest fold
        so far, so two folds differ by at most the largest group. Raises DataError when there are too few groups.
        """
        fold_of = self.fold_of(k, random_state)
        return ((self[fold_of != fold], self[fold_of == fold]) for fold in range(k))

    def fold_of(self, k: int, random_state: int = 0) -> np.ndarray:
        """The number of each face's fold, (n,) int from 0 to k - 1, for the folds that `folds` gives."""
        which, sizes = self._units("group")
        if not 2 <= k <= len(sizes):
            raise DataError(f"{self.label}: {len(sizes)} group(s) cannot make {k} folds; allowed: 2 to {len(sizes)}")
        order = np.random.default_rng(random_state).permutation(len(sizes))
        filled = [(0, fold) for fold in range(k)]
        folds = np.empty(len(sizes), int)
        for unit in order[np.argsort(-sizes[order], kind="stable")]:
            size, fold = heapq.heappop(filled)
            folds[unit] = fold
            heapq.heappush(filled, (size + int(sizes[unit]), fold))
        return folds[which]

    def _units(self, by: str) -> tuple[np.ndarray, np.ndarray]:
        """What stays together: (n,) number of each face's unit, and the (units,) numbers of faces."""
        if by not in ("group", "face"):
            raise DataError(f"{self.label} cannot be split by {by!r}; allowed: 'group', 'face'")
        column = self.groups if by == "group" else self.ids
        _, which, sizes = np.unique(column, return_inverse=True, return_counts=True)
        return which, sizes

    def crops(
        self, size: int, padding: float = 0.25, grey: bool = True, cache: str | Path | None = None, jobs: int = 1
    ) -> Crops:
        """Normalised square crops around the boxes, memory-mapped and cached: see `fldbench.faces.crops.crop_faces`."""
        from fldbench.faces.crops import crop_faces

        return crop_faces(self, size, padding, grey=grey, cache=cache, jobs=jobs)

    @property
    def groups_fingerprint(self) -> str:
        """SHA-256 of which faces share a group, whatever the groups are called, as 64 hex digits."""
        _, first, which = np.unique(self.groups, return_index=True, return_inverse=True)
        return hashlib.sha256(first[which].astype("<i8").tobytes()).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over ids, landmarks, visibility, boxes and image content, as 64 hex digits."""
        total = hashlib.sha256(self.scheme.encode())
        total.update("\n".join(self.ids.tolist()).encode())
        for column in (self.landmarks, self.boxes, self.visible):
            total.update(np.ascontiguousarray(column))
        for i in range(len(self)):
            total.update(self.images.digest(i))
        return total.hexdigest()


def unreadable_images(faces: FaceSet) -> dict[int, str]:
    """Decodes every image once: row -> what is wrong, for those that cannot be decoded."""
    problems = {}
    for row in range(len(faces)):
        try:
            faces.images[row]
        except DataError as error:
            problems[row] = str(error)
    return problems
