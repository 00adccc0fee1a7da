"""Dataset: the contract of every dataset reader."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fldbench import registry
from fldbench.columns import Columns
from fldbench.errors import DataError, DatasetNotFoundError, PredictionsError, UnknownNameError, must_be, near_miss
from fldbench.faces import Attribute, FaceSet, ImageFiles, Images, NoImages
from fldbench.faults import Faults
from fldbench.geometry import FAR, tight_box
from fldbench.params import Rule, kind, one_of, optional, parameters_of, real
from fldbench.schemes import map_landmarks, map_matrix

ROOT_VARIABLE = "FLDBENCH_DATA"
DEFAULT_ROOT = "default"  # in roots by name: of every dataset without a root of its own
Roots = str | Path | Mapping[str, str | Path] | None
SHARED_RULES = {  # options of every reader
    "faulty": one_of(("refuse", "skip")),
    "orientation": optional(one_of(("stored", "upright"))),
    "missing": optional(real()),
    "map_to": optional(kind(str, allowed="the name of a scheme")),
}
SOUND = "faces without a fault"  # the entry of FaceSet.parts that says how many are left


class Dataset:
    """Base of every dataset reader.

    A reader declares facts as class attributes and writes `read`, which notes faulty faces in `faults` and goes on:
    `self.faults.columns(...)`, or `with self.faults:` around the reading of each face. `load`, which users call, checks
    split and options, finds the folder and makes the FaceSet. A reader for something that is not read from a folder may
    override `load` itself.

    Attributes
    ----------
    name : str
        Its registered name; faces carry it.
    scheme : str
        Name of the landmark scheme.
    splits : tuple of str
        The splits that can be loaded.
    expected : dict of str to int
        Split or subset -> published number of faces.
    folder : str
        The folder below the data root; empty for a dataset without one.
    holds : tuple of str
        Names of which that folder must have one.
    rules : dict of str to Rule
        What the options, the constructor's arguments, may be.
    apart : dict of str to tuple of str
        Split -> the splits that must share no face, person, clip or photo with it; by default all others but `all`.
    attribute_types : mapping of str to Attribute
        As in FaceSet.
    labels : str
        The dataset that holds annotations of the same test faces without images, or empty. Predictions are scored on
        it if faces of this one are absent.
    licence, citation, url : str
        What a user must know before using it.
    faulty : {"refuse", "skip"}
        What becomes of faces with a fault, such as an absent image, half a point or a box without a size: with
        "refuse", one DataError tells all of them; with "skip" they are left out, and `parts` counts them.
    orientation : {None, "stored", "upright"}
        Where points lie in an image that EXIF says to show turned: in its pixels as stored, or in the image as it is
        shown, which is then turned when it is decoded. None: as the sizes in an annotation file tell; else as stored.
    missing : float or None
        Points with both coordinates equal to it are missing, such as -1.
    map_to : str or None
        The scheme to which the landmarks are mapped, such as ibug-68 for faces of wflw-98: see
        `fldbench.schemes.map_matrix`, and `fldbench.schemes.conversion_floor` for what that costs.
    """

    name: ClassVar[str] = ""
    scheme: ClassVar[str]
    splits: ClassVar[tuple[str, ...]]
    expected: ClassVar[Mapping[str, int]] = {}
    folder: ClassVar[str] = ""
    holds: ClassVar[tuple[str, ...]] = ()
    rules: ClassVar[Mapping[str, Rule]] = SHARED_RULES
    apart: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    attribute_types: ClassVar[Mapping[str, Attribute]] = {}
    labels: ClassVar[str] = ""
    licence: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    url: ClassVar[str] = ""
    faulty: str = "refuse"
    orientation: str | None = None
    missing: float | None = None
    map_to: str | None = None

    @cached_property
    def faults(self) -> Faults:
        """The faulty faces that the last `load` met."""
        return Faults()

    def load(self, root: str | Path | None, split: str | None = None) -> FaceSet:
        """Return the faces of a split, named and counted. Opens no image.

        Parameters
        ----------
        root : str, Path or None
            The data root; None stands for the environment variable FLDBENCH_DATA.
        split : str, optional
            One of `splits`; by default the only one, or the one to train on.

        Raises
        ------
        DatasetNotFoundError
            For an unknown split, and when the dataset or the split is not there.
        DataError
            For an option or a file that cannot be used, with file and line. For faulty faces, all of them at once.
        """
        if split is None:
            split = self.splits[0] if len(self.splits) == 1 else training_split(self)
        self.check_split(split)
        self.check_options()
        self.faults = Faults()
        place = self.locate(root, split)
        found = self.read(place, split)
        if self.missing is not None:
            there = (found.landmarks != self.missing).any(axis=-1)
            visible = None if found.visible is None else found.visible & there
            found = replace(found, landmarks=np.where(there[..., None], found.landmarks, np.nan), visible=visible)
        far = self._far(found)  # before a map, which may leave such a point out
        if self.map_to is not None:
            found = self._mapped(found, self.map_to)
        sound = self._sound(found, far, place)
        landmarks = np.where(sound[:, None, None], found.landmarks, 0.0)  # a FaceSet refuses what is dropped next
        faces = FaceSet(
            ids=found.ids,
            images=self._framed(found.images),
            boxes=tight_box(landmarks) if found.boxes is None else found.boxes,
            landmarks=landmarks,
            scheme=found.scheme or self.scheme,
            visible=found.visible,
            attributes=found.attributes,
            attribute_types=self.attribute_types if found.attribute_types is None else found.attribute_types,
            subsets=found.subsets,
            groups=found.groups,
            name=self.name,
            split_name=split,
            box_source="tight" if found.boxes is None else "official",
            notes=found.notes,
        )
        faces = faces if sound.all() else faces[sound]
        n, counted = len(faces), self.expected.get(split)
        if self.faults.count and (self.faulty != "skip" or not n):
            raise self.faults.error(n)
        parts = found.parts if found.parts is not None else {} if counted is None else {split: (n, counted)}
        return replace(faces, parts={**parts, SOUND: (n, n + self.faults.count)} if self.faults.count else parts)

    def _mapped(self, found: Columns, target: str) -> Columns:
        """Return what was read with the landmarks of another scheme; a point is visible if all that make it are."""
        source = found.scheme or self.scheme
        try:
            weights = map_matrix(source, target)
        except UnknownNameError as error:
            raise DataError(f"{self._label}: map_to is {target!r}; {error}") from error
        visible = None if found.visible is None else np.asarray(~found.visible, float) @ weights.T == 0
        landmarks = map_landmarks(found.landmarks, source, target)
        notes = (*found.notes, f"points of {source} mapped to {target}")
        return replace(found, landmarks=landmarks, visible=visible, scheme=target, notes=notes)

    def _framed(self, images: Images) -> Images:
        """Return the images in the frame that the option `orientation` asks for."""
        if self.orientation != "upright" or isinstance(images, NoImages):
            return images
        if not isinstance(images, ImageFiles):
            allowed = "None or 'stored', because its images are not files of their own"
            raise DataError(must_be(self._label, "orientation", self.orientation, allowed))
        return images.upright()

    def _far(self, found: Columns) -> np.ndarray:
        """Return which faces have points or boxes where none can be, (n,) bool."""
        points, own = np.asarray(found.landmarks, float), found.boxes
        return (np.abs(points) > FAR).any(axis=(1, 2)) | (own is not None and (np.abs(own) > FAR).any(axis=1))

    def _sound(self, found: Columns, far: np.ndarray, place: Path) -> np.ndarray:
        """Return which faces have possible points and boxes, (n,) bool, and note the others as faulty."""
        points = np.asarray(found.landmarks, float)
        bare = ~np.isfinite(points).all(axis=2).any(axis=1) & (found.boxes is None)  # such a face has no tight box
        for row in np.flatnonzero(far | bare).tolist():
            has = f"a point or a box that is more than {FAR:g} px away" if far[row] else "no annotated point"
            self.faults.add(DataError(f"face {str(found.ids[row])!r} has {has}", place))
        return ~(far | bare)

    def locate(self, root: str | Path | None, split: str) -> Path:
        """Return the folder that `read` reads; raise DatasetNotFoundError if it is absent."""
        return find_folder(root, self.name, self.folder, self.holds)

    def read(self, folder: Path, split: str) -> Columns:
        """Return the columns of a split in the folder; raise DatasetNotFoundError and DataError as `load` does."""
        raise NotImplementedError

    @property
    def _label(self) -> str:
        return f"dataset {(self.name or type(self).__name__)!r}"

    def splits_apart_from(self, split: str) -> tuple[str, ...]:
        """Return the splits that must share nothing with this one: those that `verify` compares it with."""
        others = () if split == "all" else tuple(other for other in self.splits if other not in (split, "all"))
        return self.apart.get(split, ()) if self.apart else others

    def check_split(self, split: str) -> None:
        """Raise DatasetNotFoundError for a split that the dataset does not have."""
        if split not in self.splits:
            allowed = " or ".join(map(repr, self.splits))
            raise DatasetNotFoundError(must_be(self._label, "split", split, allowed))

    def check_options(self) -> None:
        """Raise DataError for the first option that does not fit its rule."""
        for name, rule in {**self.rules, **SHARED_RULES}.items():
            value = getattr(self, name)
            if not rule.fits(value):
                raise DataError(must_be(self._label, name, value, rule.allowed))

    def read_submission(self, path: str | Path) -> tuple[list[str], np.ndarray]:
        """Return face ids and landmarks (n, L, 2) px from the benchmark's own prediction format, if it has one.

        Raises
        ------
        PredictionsError
            For a file that is not in this format, and for a dataset that has none.
        """
        raise PredictionsError(
            "a prediction file ends in .csv, .json or .npz; this dataset has no format of its own", path
        )


def root_of(data: Roots, dataset: str) -> str | Path | None:
    """Return the data root of one dataset; None stands for the environment variable FLDBENCH_DATA.

    >>> root_of("/photos", "300w"), root_of({"london": "/l", "default": "/d"}, "300w"), root_of({"london": "/l"}, "imm")
    ('/photos', '/d', None)
    """
    return data.get(dataset, data.get(DEFAULT_ROOT)) if isinstance(data, Mapping) else data


def roots_together(first: Roots, second: Roots) -> Roots:
    """Return the roots of both; those of the second count where both name one.

    >>> roots_together({"london": "/l", "default": "/d"}, "/other")
    {'london': '/l', 'default': '/other'}
    """
    if first is None or second is None:
        return second if first is None else first
    return {**_by_name(first), **_by_name(second)}


def check_roots(data: Roots) -> None:
    """Raise DataError for a root of an unknown dataset, and DatasetNotFoundError for one that is not there."""
    known = [DEFAULT_ROOT, *registry.names("dataset")]
    for name, root in ({DEFAULT_ROOT: None} | dict(_by_name(data))).items():
        if name not in known:
            raise DataError(f"data: no dataset named {name!r}; {near_miss(name, known)}")
        if root is None or not Path(root).is_file():  # that of a dataset may be its annotation file
            data_root(root)


def absolute_roots(data: Roots, base: str | Path = "") -> Roots:
    """Return the roots as absolute paths; relative ones begin at `base`, by default the current folder."""
    if isinstance(data, Mapping):
        return {name: str(Path(base, root).absolute()) for name, root in data.items()}
    return None if data is None else str(Path(base, data).absolute())


def _by_name(data: Roots) -> Mapping[str, str | Path]:
    return data if isinstance(data, Mapping) else {} if data is None else {DEFAULT_ROOT: data}


def data_root(root: str | Path | None) -> Path | None:
    """Return the data root given, or that of the environment variable FLDBENCH_DATA, or None.

    Raises
    ------
    DatasetNotFoundError
        When it is no folder.
    """
    root = root or os.environ.get(ROOT_VARIABLE) or None
    if root is not None and not Path(root).is_dir():
        raise DatasetNotFoundError(f"data root {str(root)!r} is not a folder; give --data ROOT or set {ROOT_VARIABLE}")
    return None if root is None else Path(root)


def needed_root(root: str | Path | None, dataset: str, what: str = "a data root", give: str = "") -> Path:
    """Return the data root; if there is none, raise DatasetNotFoundError, which says what to give."""
    base = data_root(root)
    if base is None:
        raise DatasetNotFoundError(f"dataset {dataset!r} needs {what}; give --data ROOT{give} or set {ROOT_VARIABLE}")
    return base


def find_folder(root: str | Path | None, dataset: str, folder: str, any_of: tuple[str, ...]) -> Path:
    """Return the folder of a dataset: ROOT/folder or ROOT itself, whichever holds one of the names in `any_of`.

    Raises
    ------
    DatasetNotFoundError
        If neither does; it names the files that were looked for.
    """
    base = needed_root(root, dataset)
    for place in (base / folder, base):
        if any((place / name).exists() for name in any_of):
            return place
    raise DatasetNotFoundError(
        f"dataset {dataset!r} is not below {str(base)!r}; looked for {' or '.join(any_of)} in {folder}/ and in the root"
    )


def make_dataset(name: str, **options: Any) -> Dataset:
    """Return a reader from the registry.

    Options are arguments of its constructor, such as the scheme, and those of every reader, such as `faulty`.

    Raises
    ------
    UnknownNameError
        For an unknown name.
    DataError
        For an option that the reader does not have.
    """
    cls = registry.resolve("dataset", name)
    own = parameters_of(cls)
    shared = shared_options(cls)
    for key in options:
        if key not in own and key not in shared:
            raise DataError(f"dataset {name!r} has no option {key!r}; {near_miss(key, [*own, *shared])}")
    dataset = cls(**{key: value for key, value in options.items() if key in own})
    for key in shared:
        if key in options:
            setattr(dataset, key, options[key])
    return dataset


def shared_options(cls: type[Dataset]) -> list[str]:
    """Return the names of the options that a reader shares with all others; a reader with its own `load` has none."""
    own = parameters_of(cls)
    return [key for key in SHARED_RULES if key not in own] if cls.load is Dataset.load else []


def training_split(dataset: type[Dataset] | Dataset) -> str:
    """Return the default split to train on: train, or all for a dataset without splits.

    Raises
    ------
    DatasetNotFoundError
        For a dataset that has neither.
    """
    for split in ("train", "all"):
        if split in dataset.splits:
            return split
    raise DatasetNotFoundError(f"no split to train on was named; must be {' or '.join(map(repr, dataset.splits))}")


def load_dataset(name: str, data: Roots = None, split: str | None = None, **options: Any) -> FaceSet:
    """Return the faces of one split of a registered dataset.

    Parameters
    ----------
    name : str
        A registered name; see `fldbench list datasets`.
    data : str, Path, dict or None
        The data root, or a dict from names of datasets to their roots, where `default` stands for all others; by
        default the environment variable FLDBENCH_DATA.
    split : str or None
        By default the split to train on (train, or all).
    **options
        Arguments of the reader, such as `scheme` or `file`, and `faulty` (see `Dataset`).

    Raises
    ------
    UnknownNameError, DatasetNotFoundError
        For an unknown name; when the dataset is not there or has no such split.
    DataError
        For files and options that cannot be used.
    """
    dataset = make_dataset(name, **options)
    split = training_split(dataset) if split is None else split
    dataset.check_split(split)
    return dataset.load(root_of(data, name), split)
