"""Checks of a dataset reader: its declarations, and every split that can be loaded."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from fldbench.checks.common import Skipped, raises, should
from fldbench.dataset import Dataset, make_dataset
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import FaceSet, Images, NoImages, images
from fldbench.faces.attributes import any_known
from fldbench.faces.image_files import ENDINGS
from fldbench.files import open_regular
from fldbench.geometry import box_centre, box_size, check_boxes, tight_box
from fldbench.schemes import get_scheme
from fldbench.shapes import mean_in_box, mirrored

SOME = 8  # faces with images to decode
ENOUGH = 10  # faces of a class for its mean shape
SIDED = 0.05  # sides of the box that the mean shape of a class and its mirror image differ, at least, if it has a side


class DatasetUnderTest:
    """A registered dataset, its data root and options; loads its splits once and shares them among the checks."""

    def __init__(self, name: str, root: str | Path | None = None, /, **options: Any):
        self.name, self.root = name, root
        self.reader: Dataset = make_dataset(name, **options)
        self._splits: dict[str, FaceSet] = {}
        self._absent = ""  # reasons why nothing could be loaded

    def splits(self) -> dict[str, FaceSet]:
        """Return the faces of each split that is there; skip the check if there is none, or if one is broken."""
        if self._absent:
            raise Skipped(self._absent)
        if not self._splits:
            self._load()
        return self._splits

    def _load(self) -> None:
        found = {}
        for split in self.reader.splits:
            try:
                found[split] = self.reader.load(self.root, split)
            except DatasetNotFoundError as error:
                self._absent = f"no split is there: {error}"
            except Exception:
                self._absent = "it could not be loaded"
                raise
        if not found:
            raise Skipped(self._absent)
        self._splits, self._absent = found, ""


def check_facts(data: DatasetUnderTest) -> None:
    """It names its splits and the published numbers of faces, and a landmark scheme that exists."""
    splits = data.reader.splits
    assert isinstance(splits, tuple) and splits, f"splits is {splits!r}, not a tuple of names"
    assert all(isinstance(name, str) and name for name in splits), f"splits is {splits!r}"
    if data.reader.folder:  # a generic format may have no scheme of its own
        get_scheme(data.reader.scheme)
    for name, number in data.reader.expected.items():
        assert isinstance(number, int) and number > 0, f"expected[{name!r}] is {number!r}"


def check_missing_root(data: DatasetUnderTest) -> None:
    """A data root without the dataset gives DatasetNotFoundError, which says what was looked for."""
    if not data.reader.folder:
        raise Skipped("it has no folder below a data root")
    with tempfile.TemporaryDirectory() as empty:
        text = raises(DatasetNotFoundError, lambda: data.reader.load(empty, data.reader.splits[0]), "an empty root")
    assert len(text.split()) > 3, f"the error says too little: {text}"


def check_loads(data: DatasetUnderTest) -> None:
    """Its splits load as sets of faces that carry the name of the dataset and of the split."""
    for split, faces in data.splits().items():
        assert isinstance(faces, FaceSet) and len(faces), f"{split}: no faces"
        assert faces.split_name == split and faces.name, f"{split}: the faces are named {faces.label!r}"


def check_reads_no_image(data: DatasetUnderTest) -> None:
    """Reading a split decodes no image and reads no whole image file."""
    for split in data.splits():
        with _watched() as opened:
            data.reader.load(data.root, split)
        assert not opened, f"{split}: read {opened[0]}"


def check_ids(data: DatasetUnderTest) -> None:
    """Every face of a split has an id of its own."""
    for split, faces in data.splits().items():
        ids = faces.ids.tolist()
        assert all(ids), f"{split}: an empty id"
        assert len(set(ids)) == len(ids), f"{split}: an id twice"


def check_number_of_faces(data: DatasetUnderTest) -> None:
    """A split has the published number of faces, or says which part is incomplete."""
    for split, faces in data.splits().items():
        whole = all(found == expected for found, expected in faces.parts.values())
        wanted = data.reader.expected.get(split, len(faces))
        assert len(faces) == wanted or not whole, f"{split}: {len(faces)} faces of {wanted}, and no part is short"


def check_landmarks(data: DatasetUnderTest) -> None:
    """Landmarks are (n, L, 2) of the scheme; a missing point is NaN in both; a face without any has an attribute."""
    for split, faces in data.splits().items():
        scheme = data.reader.scheme if data.reader.folder else faces.scheme
        assert faces.scheme == scheme, f"{split}: the faces are {faces.scheme}, the dataset says {scheme}"
        assert faces.landmarks.shape == (len(faces), get_scheme(faces.scheme).n_points, 2), f"{split}"
        missing = np.isnan(faces.landmarks)
        _no_face(faces, np.isinf(faces.landmarks).any(axis=(1, 2)), "has an infinite coordinate")
        _no_face(faces, (missing[..., 0] != missing[..., 1]).any(axis=1), "has a point with one coordinate")
        bare = missing[..., 0].all(axis=1) & ~any_known(faces.attributes, len(faces))
        _no_face(faces, bare, "has neither a point nor a known attribute")


def check_visible(data: DatasetUnderTest) -> None:
    """A point that is not annotated is not visible."""
    for faces in data.splits().values():
        missing = np.isnan(faces.landmarks).any(axis=-1)
        _no_face(faces, (faces.visible & missing).any(axis=1), "has a visible point without coordinates")


def check_valid_boxes(data: DatasetUnderTest) -> None:
    """Boxes are x0, y0, x1, y1 px, finite, with x1 > x0 and y1 > y0."""
    for faces in data.splits().values():
        check_boxes(faces.boxes, faces.ids)


def check_boxes_hold_faces(data: DatasetUnderTest) -> None:
    """Boxes and landmarks are in the same pixels: for most faces the middle of the points lies in the box."""
    for split, faces in data.splits().items():
        middle = np.nanmean(np.where(np.isfinite(faces.landmarks), faces.landmarks, np.nan), axis=1)
        inside = (np.abs(middle - box_centre(faces.boxes)) <= box_size(faces.boxes) / 2).all(axis=1)
        assert inside.mean() > 0.5, f"{split}: so for {inside.sum()} of {len(faces)} faces"


def check_attributes(data: DatasetUnderTest) -> None:
    """Attributes are whole numbers from 0, or -1 where they are not known; what the reader declares of them is kept."""
    for split, faces in data.splits().items():
        for name, column in faces.attributes.items():
            assert column.min() >= -1, f"{split}: {name} is {column.min()} of a face"
            declared, own = data.reader.attribute_types.get(name), faces.attribute_types.get(name)
            assert declared in (None, own), f"{split}: {name} is {own}, and the reader declares {declared}"


@should
def check_classes(data: DatasetUnderTest) -> None:
    """Every attribute that the reader declares is there, and every class of an attribute has a face in some split.

    A class without a face may be a code that is read as another. If faces are absent, so may be classes.
    """
    splits = data.splits()
    for name in data.reader.attribute_types:
        there = any(name in faces.attributes for faces in splits.values())
        assert there, f"no split has the declared attribute {name}; is a file of the dataset absent?"
    _skip_without_classes(splits)
    if any(found < expected for faces in splits.values() for found, expected in faces.parts.values()):
        raise Skipped("some faces are absent")
    types = {name: one for faces in splits.values() for name, one in faces.attribute_types.items()}
    for name, attribute in types.items():
        met = {code for faces in splits.values() for code in np.unique(faces.attributes.get(name, [])).tolist()}
        never = [repr(one) for code, one in enumerate(attribute.classes) if code not in met]
        assert not never, f"no face of any split has the class {', '.join(never)} of {name}"


@should
def check_mirrored_classes(data: DatasetUnderTest) -> None:
    """The mean shape of a class, mirrored, looks like that of the class that `mirrored` says.

    Otherwise methods that train on mirrored faces learn left as right. It is told from classes of ten faces and more.
    """
    splits = data.splits()
    _skip_without_classes(splits)
    seen = 0
    for split, faces in splits.items():
        for name, attribute in faces.attribute_types.items():
            unlike = _unlike_mirrored(faces, name)
            seen += int(np.isfinite(unlike).sum() > 1)
            for k, one in enumerate(attribute.classes):
                j = attribute.mirror[k]
                fits = j == k or not unlike[k, j] > unlike[k, k]
                assert fits, f"{split}: mirrored faces of {name} {one!r} do not look like {attribute.classes[j]!r}"
            for k, j in _pairs(unlike):
                fits = j == attribute.mirror[k]
                pair = f"{attribute.classes[k]!r} look like {attribute.classes[j]!r}"
                assert fits, f"{split}: mirrored faces of {name} {pair}, and `mirrored` does not say so"
    if not seen:
        raise Skipped("too few faces of each class, or no mirror pairs of points")


def _skip_without_classes(splits: dict[str, FaceSet]) -> None:
    if not any(faces.attribute_types for faces in splits.values()):
        raise Skipped("no attribute has classes")


def _pairs(unlike: np.ndarray) -> list[tuple[int, int]]:
    """Return the classes with a side, each with the one that its mirrored mean shape is like, and which is like it."""
    found = []
    for k, row in enumerate(np.where(np.isnan(unlike), np.inf, unlike)):
        j = int(row.argmin())
        both = unlike[j, k] == np.nanmin(unlike[j]) if np.isfinite(row[j]) else False
        if both and row[j] < row[k] / 2 and row[k] > SIDED:
            found.append((k, j))
    return found


def _unlike_mirrored(faces: FaceSet, name: str) -> np.ndarray:
    """Return how far the mirrored mean shape of each class is from that of each class, (k, k), in sides of the box.

    NaN where a class has too few faces with all points.
    """
    mirror, n = get_scheme(faces.scheme).mirror, len(faces.attribute_type(name).classes)
    whole = np.isfinite(faces.landmarks).all(axis=(1, 2))
    means = np.full((n, *faces.landmarks.shape[1:]), np.nan)
    if mirror is None:
        return np.full((n, n), np.nan)
    for code in range(n):
        own = faces.landmarks[whole & (faces.attributes[name] == code)]
        if len(own) >= ENOUGH:
            means[code] = mean_in_box(own, tight_box(own))
    return np.linalg.norm(mirrored(means, mirror, 1.0)[:, None] - means, axis=-1).mean(axis=-1)


def check_images(data: DatasetUnderTest) -> None:
    """Images are RGB uint8 (h, w, 3), the same at every access."""
    splits = list(data.splits().values())
    without = [faces.images.why for faces in splits if isinstance(faces.images, NoImages)]
    if len(without) == len(splits):
        raise Skipped(without[0])
    for faces in splits:
        if isinstance(faces.images, NoImages):
            continue
        for i in _rows(len(faces)):
            image = faces.images[i]
            fine = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size
            assert fine, f"face {faces.ids[i]}: the image is {image.dtype} of shape {image.shape}"
            assert np.array_equal(faces.images[i], image), f"face {faces.ids[i]}: another image the second time"


def check_loaded_again(data: DatasetUnderTest) -> None:
    """Loaded again, it is the same set, with the same fingerprint."""
    for split, faces in data.splits().items():
        again = data.reader.load(data.root, split)
        assert again.ids.tolist() == faces.ids.tolist(), f"{split}: other faces, or in another order"
        rows = _rows(len(faces))  # a fingerprint reads the images
        assert again[rows].fingerprint == faces[rows].fingerprint, f"{split}: another fingerprint"
        for one, other in ((again.landmarks, faces.landmarks), (again.boxes, faces.boxes)):
            assert np.array_equal(one, other, equal_nan=True), f"{split}: other points or boxes"


def check_groups(data: DatasetUnderTest) -> None:
    """No group (a person, clip or photo) is in two splits, unless one split contains the other."""
    splits = data.splits()
    if len(splits) < 2:
        raise Skipped(f"only the split {next(iter(splits))} is there")
    for (one, first), (other, second) in combinations(splits.items(), 2):
        ids = set(first.ids.tolist()), set(second.ids.tolist())
        if ids[0] <= ids[1] or ids[1] <= ids[0]:
            continue
        both = set(first.groups.tolist()) & set(second.groups.tolist())
        assert not both, f"{one} and {other} share {len(both)} group(s), such as {min(both)!r}"


def _rows(n: int) -> list[int]:
    """Return a few rows, from the first to the last."""
    return sorted({round(i) for i in np.linspace(0, n - 1, min(SOME, n)).tolist()})


def _no_face(faces: FaceSet, bad: np.ndarray, what: str) -> None:
    assert not bad.any(), f"{faces.label}: face {str(faces.ids[int(np.argmax(bad))])!r} {what}"


@contextmanager
def _watched() -> Iterator[list[str]]:
    """Record within the block every decoded image, and every image file that is read as a whole."""
    import cv2

    noted: list[str] = []

    def noting(call: Callable, what: Callable[..., str]) -> Callable:
        def wrapper(*args, **kwargs):
            noted.extend(filter(None, [what(*args)]))
            return call(*args, **kwargs)

        return wrapper

    def item(images: Images, index: object) -> str:
        return f"image {index}" if isinstance(index, (int, np.integer)) else ""

    def file(path: Path) -> str:
        return str(path) if path.suffix.lower() in ENDINGS else ""

    with (
        patch.object(cv2, "imread", noting(cv2.imread, lambda path, *_: str(path))),
        patch.object(cv2, "imdecode", noting(cv2.imdecode, lambda *_: "an image that cv2.imdecode decodes")),
        patch.object(Images, "__getitem__", noting(Images.__getitem__, item)),
        patch.object(Path, "read_bytes", noting(Path.read_bytes, file)),
        patch.object(images, "open_regular", noting(open_regular, str)),
    ):
        yield noted


CHECKS = (
    check_facts,
    check_missing_root,
    check_loads,
    check_reads_no_image,
    check_ids,
    check_number_of_faces,
    check_landmarks,
    check_visible,
    check_valid_boxes,
    check_boxes_hold_faces,
    check_attributes,
    check_classes,
    check_mirrored_classes,
    check_images,
    check_loaded_again,
    check_groups,
)
