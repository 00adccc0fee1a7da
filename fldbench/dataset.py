"""Dataset: the contract of every dataset reader."""

from __future__ import annotations

import os
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fldbench import registry
from fldbench.errors import DataError, DatasetNotFoundError, PredictionsError, near_miss
from fldbench.faces import FaceSet

ROOT_VARIABLE = "FLDBENCH_DATA"


class Dataset:
    """Base of every dataset reader: facts as class attributes, and `load`.

    scheme      name of the landmark scheme
    splits      the splits that `load` knows
    expected    split or subset -> published number of faces
    folder      the folder looked for below the data root; empty for a dataset without files
    licence, citation, url   what a user has to know before using it
    """

    scheme: ClassVar[str]
    splits: ClassVar[tuple[str, ...]]
    expected: ClassVar[Mapping[str, int]] = {}
    folder: ClassVar[str] = ""
    licence: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    url: ClassVar[str] = ""

    def load(self, root: str | Path | None, split: str) -> FaceSet:
        """The faces of a split. Opens no image. Raises DatasetNotFoundError and DataError."""
        raise NotImplementedError

    def read_submission(self, path: str | Path) -> tuple[list[str], np.ndarray]:
        """Face ids and landmarks (n, L, 2) px from the benchmark's own prediction format, where it has one."""
        raise PredictionsError(
            "a prediction file ends in .csv, .json or .npz; this dataset has no submission format of its own", path
        )


def data_root(root: str | Path | None) -> Path | None:
    """The data root given, or the one in the environment variable FLDBENCH_DATA, or None.

    Raises DatasetNotFoundError when it is no folder.
    """
    root = root or os.environ.get(ROOT_VARIABLE) or None
    if root is not None and not Path(root).is_dir():
        raise DatasetNotFoundError(f"data root {str(root)!r} is not a folder; give --data ROOT or set {ROOT_VARIABLE}")
    return None if root is None else Path(root)


def find_folder(root: str | Path | None, dataset: str, folder: str, any_of: tuple[str, ...]) -> Path:
    """Where a dataset lies: ROOT/folder or ROOT itself, whichever holds one of the names in `any_of`.

    Raises DatasetNotFoundError that says what was looked for.
    """
    base = data_root(root)
    if base is None:
        raise DatasetNotFoundError(f"dataset {dataset!r} needs a data root; give --data ROOT or set {ROOT_VARIABLE}")
    for place in (base / folder, base):
        if any((place / name).exists() for name in any_of):
            return place
    raise DatasetNotFoundError(
        f"dataset {dataset!r} is not below {str(base)!r}; looked for {' or '.join(any_of)} in {folder}/ and in the root"
    )


def make_dataset(name: str, **options: Any) -> Dataset:
    """A reader from the registry; generic formats take options by their constructor, such as the scheme.

    Raises UnknownNameError for the name and DataError for an option that it does not have.
    """
    cls = registry.resolve("dataset", name)
    known = [] if cls.__init__ is object.__init__ else list(signature(cls).parameters)
    for key in options:
        if key not in known:
            raise DataError(f"dataset {name!r} has no option {key!r}; {near_miss(key, known)}")
    return cls(**options)


def training_split(dataset: type[Dataset] | Dataset) -> str:
    """The split to train on where none is named: train, or all for a dataset without splits.

    Raises DatasetNotFoundError for a dataset that has neither.
    """
    for split in ("train", "all"):
        if split in dataset.splits:
            return split
    raise DatasetNotFoundError(f"no split to train on was named; allowed: {', '.join(dataset.splits)}")


def load_dataset(name: str, root: str | Path | None = None, split: str | None = None, **options: Any) -> FaceSet:
    """The faces of one split of a registered dataset, by default those to train on (train, or all).

    `root` defaults to the environment variable FLDBENCH_DATA.

    Raises UnknownNameError for the name, DatasetNotFoundError when it is not there or has no such split, DataError for
    files that cannot be used and for an unknown option.
    """
    dataset = make_dataset(name, **options)
    split = training_split(dataset) if split is None else split
    if split not in dataset.splits:
        raise DatasetNotFoundError(f"dataset {name!r} has no split {split!r}; allowed: {', '.join(dataset.splits)}")
    return dataset.load(root, split)
