"""Face and FaceSet: images, boxes, landmarks, visibility, attributes, subsets.

A FaceSet holds columns, not a list of objects; its images are decoded only when they are asked for, so reading the
annotations of a dataset opens no image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from fldbench.errors import DataError
from fldbench.schemes import get_scheme


class Images(Sequence):
    """n images, decoded on access: an int gives RGB uint8 (h, w, 3), a slice, mask or index array gives Images.

    A subclass defines `__len__`, `decode(i)` and `digest(i)`, the bytes that identify image i's content.
    """

    def decode(self, i: int) -> np.ndarray:
        raise NotImplementedError

    def digest(self, i: int) -> bytes:
        raise NotImplementedError

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


class ImageFiles(Images):
    """Images in files that OpenCV reads (JPEG, PNG, BMP, TIFF, WebP); grey ones come back as RGB too."""

    def __init__(self, paths: Sequence[str | Path]):
        self.paths = [str(path) for path in paths]

    def __len__(self) -> int:
        return len(self.paths)

    def decode(self, i: int) -> np.ndarray:
        import cv2

        # Files go through numpy because cv2.imread cannot open every path that the system can.
        encoded = np.frombuffer(self._read(i), np.uint8)
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None:
            raise DataError("not an image that can be decoded; replace the file or leave the face out", self.paths[i])
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def digest(self, i: int) -> bytes:
        try:
            return hashlib.sha256(Path(self.paths[i]).read_bytes()).digest()
        except OSError as error:
            return f"unreadable: {type(error).__name__}".encode()

    def _read(self, i: int) -> bytes:
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
    name, split what was loaded
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
    split: str = ""
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
        return "-".join(part for part in (self.name, self.split) if part) or "faces"

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

    def split_off(self, fraction: float, random_state: int = 0) -> tuple[FaceSet, FaceSet]:
        """Two disjoint parts, the second with about `fraction` of the faces; no group stands in both.

        Raises DataError when there are too few groups for two parts.
        """
        order = np.random.default_rng(random_state).permutation(np.unique(self.groups))
        count = round(fraction * len(order))
        if not 0 < count < len(order):
            raise DataError(f"{self.label}: {len(order)} group(s) cannot be split into two parts by {fraction}")
        part = np.isin(self.groups, order[:count])
        return self[~part], self[part]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over ids, landmarks, visibility, boxes and image content, as 64 hex digits."""
        total = hashlib.sha256(self.scheme.encode())
        total.update("\n".join(self.ids.tolist()).encode())
        for column in (self.landmarks, self.boxes, self.visible):
            total.update(np.ascontiguousarray(column).tobytes())
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
