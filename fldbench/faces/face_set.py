"""Face and FaceSet: images, boxes, landmarks, visibility, attributes, subsets.

A FaceSet holds columns, not a list of objects; its images are decoded only on access, so reading the
annotations of a dataset opens no image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from fldbench.blocks import blocks, let_go
from fldbench.errors import DataError, must_be, near_miss
from fldbench.escape import cut, html, html_facts, plain
from fldbench.faces.attributes import Attribute
from fldbench.faces.column_checks import check_columns, whole_numbers
from fldbench.faces.images import Images
from fldbench.faces.pixels import read_only
from fldbench.files import listed
from fldbench.schemes import get_scheme, identity_of
from fldbench.shapes import fold_of

LONGEST_NAME = 1000  # letters of an id or group


@dataclass(frozen=True, repr=False)
class Face:
    """One face of a FaceSet; its arrays are copies, but for the image, which is read-only.

    Attributes
    ----------
    id : str
    image : ndarray
        RGB uint8 (h, w, 3).
    box : ndarray
        (4,) float, x0, y0, x1, y1 px.
    landmarks : ndarray
        (L, 2) float px; NaN where a point is not annotated.
    visible : ndarray
        (L,) bool.
    attributes : mapping of str to int
        -1 where the attribute is not known.
    """

    id: str
    image: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    attributes: Mapping[str, int]

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"Face {cut(plain(self.id))}: {width} x {height} px, {len(self.landmarks)} points"


@dataclass(frozen=True, eq=False, init=False, repr=False)
class FaceSet:
    """n faces of one dataset and split, as columns.

    An int as index gives a Face; a slice, boolean mask or index array gives a FaceSet. Whatever it hands out is
    read-only, so that no method changes what others are measured on; the arrays that it was made of stay as they are.

    Attributes
    ----------
    ids : ndarray
        (n,) str, each of them once.
    images : Images
        n images, RGB uint8 (h, w, 3), decoded on access.
    boxes : ndarray
        (n, 4) float, x0, y0, x1, y1 px.
    landmarks : ndarray
        (n, L, 2) float px, the centre of the top-left pixel at (0, 0); NaN where a point is not annotated.
    scheme : str
        Name of the landmark scheme, which has L points.
    visible : ndarray
        (n, L) bool; False where a point is occluded or not annotated. By default True where it is annotated.
    attributes : mapping of str to ndarray
        Name -> (n,) int, -1 where it is not known.
    attribute_types : mapping of str to Attribute
        What the codes of an attribute mean. An attribute that is not here is a plain number, such as an age in years.
    subsets : mapping of str to ndarray
        Name -> (n,) bool.
    groups : ndarray
        (n,) str: person, clip or photo; faces of one group never go to two splits. By default the ids.
    name, split_name : str
        The dataset and the split that were loaded.
    parts : mapping of str to (int, int)
        Part of the dataset -> faces that the reader found on the disk, and faces expected. Empty where no part can be
        absent.
    notes : tuple of str
        What a user should know about how the files were understood, one line each.
    box_source : str
        Where the boxes come from: official (the dataset's own), tight or jittered:S (made from the landmarks), or empty
        if that is not known.

    Raises
    ------
    DataError
        When the columns do not fit each other.
    """

    ids: np.ndarray
    images: Images
    boxes: np.ndarray
    landmarks: np.ndarray
    scheme: str
    visible: np.ndarray
    attributes: Mapping[str, np.ndarray]
    subsets: Mapping[str, np.ndarray]
    groups: np.ndarray
    name: str
    split_name: str
    parts: Mapping[str, tuple[int, int]]
    notes: tuple[str, ...]
    box_source: str
    attribute_types: Mapping[str, Attribute]

    # Written out because arguments may be more than the columns: anything that becomes an array, and None for a
    # default.
    def __init__(
        self,
        ids: ArrayLike,
        images: Images,
        boxes: ArrayLike,
        landmarks: ArrayLike,
        scheme: str,
        visible: ArrayLike | None = None,
        attributes: Mapping[str, ArrayLike] = MappingProxyType({}),
        subsets: Mapping[str, ArrayLike] = MappingProxyType({}),
        groups: ArrayLike | None = None,
        name: str = "",
        split_name: str = "",
        parts: Mapping[str, tuple[int, int]] = MappingProxyType({}),
        notes: Sequence[str] = (),
        box_source: str = "",
        attribute_types: Mapping[str, Attribute] = MappingProxyType({}),
    ):
        where = name or "faces"
        ids, landmarks = _names(ids, f"{where}: an id"), np.asarray(landmarks, float)
        columns = {
            "ids": read_only(ids),
            "images": images,
            "boxes": read_only(np.asarray(boxes, float).reshape(-1, 4)),
            "landmarks": read_only(landmarks),
            "scheme": scheme,
            "visible": read_only(_annotated(landmarks) if visible is None else np.asarray(visible, bool)),
            "attributes": _columns({name: whole_numbers(codes, where, name) for name, codes in attributes.items()}),
            "subsets": _columns({name: np.asarray(member, bool) for name, member in subsets.items()}),
            "groups": read_only(ids if groups is None else _names(groups, f"{where}: a group")),
            "name": name,
            "split_name": split_name,
            "parts": MappingProxyType(dict(parts)),
            "notes": tuple(notes),
            "box_source": box_source,
            "attribute_types": MappingProxyType(
                {key: attribute_types[key] for key in attributes if key in attribute_types}
            ),
        }
        for key, value in columns.items():
            object.__setattr__(self, key, value)
        check_columns(self)

    @property
    def label(self) -> str:
        """Dataset and split in one word, such as `300w-train`."""
        return "-".join(part for part in (self.name, self.split_name) if part) or "faces"

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"FaceSet {cut(plain(self.label))}: {len(self)} faces, {self.scheme}"

    def _repr_html_(self) -> str:
        facts = {
            "faces": len(self),
            "groups": len(np.unique(self.groups)),
            "points": f"{get_scheme(self.scheme).n_points}, {self.scheme}",
            "subsets": ", ".join(f"{name} {int(member.sum())}" for name, member in self.subsets.items()),
            "attributes": "; ".join(map(self._attribute_in_words, self.attributes)),
            "parts": ", ".join(f"{name} {found} of {total}" for name, (found, total) in self.parts.items()),
            "first ids": listed(self.ids.tolist(), 3),
        }
        return f"<b>{html(cut(plain(self.label)))}</b>{html_facts(facts)}"

    def _attribute_in_words(self, name: str) -> str:
        classes = self.attribute_types[name].classes if name in self.attribute_types else ("a number",)
        return f"{name} ({', '.join(classes)})"

    @overload
    def __getitem__(self, index: int | np.integer) -> Face: ...

    @overload
    def __getitem__(self, index: slice | np.ndarray | Sequence[int]) -> FaceSet: ...

    def __getitem__(self, index: int | np.integer | slice | np.ndarray | Sequence[int]) -> Face | FaceSet:
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

    def __reduce__(self) -> tuple[Any, ...]:
        # Made again by its constructor: neither read-only arrays nor read-only dicts stay so on their own.
        columns = {one.name: getattr(self, one.name) for one in fields(FaceSet)}
        plain = {key: dict(columns[key]) for key in ("attributes", "attribute_types", "subsets", "parts")}
        return _made_of, (columns | plain,)

    def __iter__(self) -> Iterator[Face]:
        return (self[i] for i in range(len(self)))

    def subset(self, name: str) -> FaceSet:
        """Return the faces of a named subset; raise DataError for a name that the set does not have."""
        if name not in self.subsets:
            raise DataError(f"{self.label} has no subset {name!r}; {near_miss(name, self.subsets)}")
        return self[self.subsets[name]]

    def attribute_type(self, name: str) -> Attribute:
        """Return what the codes of an attribute mean.

        Raises
        ------
        DataError
            For an attribute that the faces do not have, and for one that is a plain number.
        """
        if name not in self.attributes:
            raise DataError(f"{self.label} has no attribute {name!r}; {near_miss(name, self.attributes)}")
        if name not in self.attribute_types:
            raise DataError(
                f"{self.label}: the attribute {name!r} is a number without classes; choose one that has classes: "
                f"{', '.join(self.attribute_types) or 'there is none'}"
            )
        return self.attribute_types[name]

    def with_boxes(self, boxes: np.ndarray, source: str = "") -> FaceSet:
        """Return the same faces with other boxes, (n, 4) px, and where these come from (see `box_source`)."""
        return replace(self, boxes=boxes, box_source=source)

    def split(self, fraction: float, by: str = "group", random_state: int = 0) -> tuple[FaceSet, FaceSet]:
        """Split the faces into two parts, the second with about `fraction` of them.

        In an order drawn from random_state each group goes to the second part if it fits; then the smallest of the
        others does, if that brings the size nearer.

        Parameters
        ----------
        fraction : float
            More than 0 and less than 1.
        by : {"group", "face"}
            "group": no person, clip or photo is in both parts; "face": each face is drawn alone.
        random_state : int

        Raises
        ------
        DataError
            When there are too few groups for two parts.
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
                "a fraction must be between 0 and 1, and a group is never cut"
            )
        part = taken[which]
        return self[~part], self[part]

    def folds(self, k: int, random_state: int = 0) -> Iterator[tuple[FaceSet, FaceSet]]:
        """Return k pairs (the other folds, this fold): every face is in this fold once, and no group is cut.

        The groups, the largest first and equal ones in an order drawn from random_state, each go to the smallest fold
        so far, so two folds differ by at most the largest group. Raise DataError when there are too few groups.
        """
        fold_of = self.fold_of(k, random_state)
        return ((self[fold_of != fold], self[fold_of == fold]) for fold in range(k))

    def fold_of(self, k: int, random_state: int = 0) -> np.ndarray:
        """Return the number of each face's fold, (n,) int from 0 to k - 1, for the folds that `folds` gives."""
        _, sizes = self._units("group")
        if not 2 <= k <= len(sizes):
            allowed = f"2 to the number of groups, {len(sizes)}"
            raise DataError(must_be(self.label, "the number of folds", k, allowed))
        return fold_of(self.groups, k, np.random.default_rng(random_state))

    def _units(self, by: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the units that stay together: each face's unit number (n,), and the size of each unit (units,)."""
        if by not in ("group", "face"):
            raise DataError(must_be(self.label, "by", by, "'group' or 'face'"))
        column = self.groups if by == "group" else self.ids
        _, which, sizes = np.unique(column, return_inverse=True, return_counts=True)
        return which, sizes

    @property
    def groups_fingerprint(self) -> str:
        """SHA-256 of the partition into groups, independent of their names, as 64 hex digits."""
        _, first, which = np.unique(self.groups, return_index=True, return_inverse=True)
        return hashlib.sha256(first[which].astype("<i8").tobytes()).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything that can change a number, as 64 hex digits.

        That is the scheme, ids, landmarks, boxes, visibility, the content of the images, and the attributes with their
        types. Left out are subsets, which only select faces; groups, which `groups_fingerprint` covers; names, parts,
        notes and the words for the boxes.
        """
        total = hashlib.sha256(identity_of(self.scheme).encode())
        total.update("\n".join(self.ids.tolist()).encode("utf-8", "surrogatepass"))
        for column in (self.landmarks, self.boxes, self.visible):
            for rows in blocks(len(self)):
                total.update(np.ascontiguousarray(column[rows]).data)
                let_go(column[rows])
        for i in range(len(self)):
            total.update(self.images.digest_once(i))
        for name, column in sorted(self.attributes.items()):
            total.update(f"\0{name}\0".encode("utf-8", "surrogatepass"))
            total.update(np.ascontiguousarray(column, np.int64).data)
            if name in self.attribute_types:
                total.update(repr(self.attribute_types[name]).encode("utf-8", "surrogatepass"))
        return total.hexdigest()


def _columns(columns: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Return named columns, read-only."""
    return MappingProxyType({key: read_only(column) for key, column in columns.items()})


def _annotated(landmarks: np.ndarray) -> np.ndarray:
    """Return which points are annotated, (n, L) bool."""
    found = np.ones(landmarks.shape[:-1], bool)
    for rows in blocks(len(landmarks)):
        found[rows] = np.isfinite(landmarks[rows]).all(axis=-1)
    return found


def _made_of(columns: dict[str, Any]) -> FaceSet:
    return FaceSet(**columns)


def _names(values: ArrayLike, what: str) -> np.ndarray:
    """Return names as an array of strings, in which each takes the room of the longest."""
    if not isinstance(values, np.ndarray) or values.dtype.kind != "U":
        values = list(map(str, values))  # type: ignore[arg-type]  # an array of strings, or a sequence
        longest = max(values, key=len, default="")
        if len(longest) > LONGEST_NAME:
            allowed = f"at most {LONGEST_NAME} letters long"
            raise DataError(f"{what} of {len(longest)} letters begins {longest[:40]!r}; must be {allowed}")
    return np.asarray(values, str)


def unreadable_images(faces: FaceSet) -> dict[int, str]:
    """Decode every image once and return the problems: row -> why the image cannot be decoded.

    A later fingerprint reads no image file again. Images that are rendered have no problems.
    """
    problems: dict[int, str] = {}
    for row in () if faces.images.rendered else range(len(faces)):
        try:
            faces.images[row]
        except DataError as error:
            problems[row] = str(error)
    return problems
