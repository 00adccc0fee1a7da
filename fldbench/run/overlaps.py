"""Faces that are trained on and measured on: found while a suite is planned, refused, or marked in the records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches

from fldbench import registry
from fldbench.dataset import make_dataset
from fldbench.errors import DataError, FldbenchError, SuiteError
from fldbench.faces import FaceSet
from fldbench.faces.overlap import overlap
from fldbench.method import Method
from fldbench.model_file import read_model
from fldbench.protocols import Protocol
from fldbench.records.keys import with_members
from fldbench.run.cell import Cell
from fldbench.run.data import SuiteData

REMEDY = (
    "choose another split, cross-validate with `folds: 5`, leave the faces out by an exclude list, or write "
    "`allow_overlap: true` into the suite, which marks these results in every table and never ranks them"
)


def with_overlaps(cells: Iterable[Cell], data: SuiteData, allowed: bool) -> list[Cell]:
    """Return the cells with every run marked whose test faces the method is trained on, or may be.

    Models of folds never see the faces that they answer; but pretrained weights in them may have.

    Raises
    ------
    SuiteError
        Unless it is allowed; it names every pair, what is shared, and what to do.
    """
    shared: dict[tuple[str, str], str] = {}
    found: dict[tuple[str, str], dict[str, None]] = {}
    marked = []
    for cell in cells:
        runs = []
        labels = [] if cell.problem else seen_by_weights(cell.make())
        for run in cell.runs:
            faces = _faces_of(run.protocol, data)
            place = cell.train.label, run.protocol.hash
            if place not in shared:
                shared[place] = _trained_on(cell, faces, data)
            weights = seen(labels, run.protocol, faces, data.split)
            weights = f"its weights have seen {weights}" if weights else ""
            for what, text in ((cell.train.label, shared[place]), (cell.method.label, weights)):
                if text:
                    found.setdefault((what, text), {})[run.protocol.name] = None
            runs.append(run._replace(overlap="; ".join(filter(None, (shared[place], weights)))))
        marked.append(replace(cell, runs=tuple(runs)))
    if found and not allowed:
        pairs = [f"{what} with {', '.join(protocols)}: {text}" for (what, text), protocols in found.items()]
        raise SuiteError("\n- ".join(["faces are both trained on and measured on:", *pairs]) + f"\n{REMEDY}")
    return marked


def seen(labels: Iterable[str], protocol: Protocol, faces: FaceSet | None, load: Callable[[str, str], FaceSet]) -> str:
    """Return in words what the splits that somebody trained on share with a protocol's faces; empty if nothing.

    Parameters
    ----------
    labels : iterable of str
        Each "DATASET-SPLIT", or a dataset alone, which stands for all its splits. Other names can share nothing that
        fldbench knows of.
    protocol : Protocol
        Its dataset and split, and the dataset that holds the same faces without images, count without any file; not so
        with options, which may name another file.
    faces : FaceSet or None
        The protocol's faces; None if they cannot be loaded.
    load : callable
        (dataset, split) -> FaceSet; a DataError says that these faces are not there to be compared.
    """
    parts = []
    same = [protocol.dataset]
    with suppress(FldbenchError):  # a reader that cannot be imported fails its own runs
        same.append(make_dataset(protocol.dataset).labels)
    for label in labels:
        dataset, split = dataset_and_split(label)
        if dataset in same and split in (None, protocol.split) and not protocol.options:
            parts.append(f"{label}: these are its faces")
        elif dataset and split and faces is not None:
            try:
                common = overlap(load(dataset, split), faces)
            except DataError:
                continue
            if common:
                parts.append(f"{label}: {common.in_words()}")
    return "; ".join(parts)


def seen_by_weights(method: Method) -> list[str]:
    """Return the splits that the weights of an unfitted method have seen.

    That is what its class declares, and what the files of weights say that it and its members begin with, if fldbench
    saved them.
    """
    labels = list(method.trained_on)
    for one in with_members(method):
        for path in (one.get_params().get(name) for name in one.files):
            if isinstance(path, str):
                with suppress(DataError):
                    facts = read_model(path)[0].fitted_on
                    labels += [] if facts is None else ["-".join(filter(None, (facts.dataset, facts.split)))]
    return list(dict.fromkeys(filter(None, labels)))


def dataset_and_split(label: str) -> tuple[str | None, str | None]:
    """Return the registered dataset and the split that a label such as `300w-train` names; None for an unknown one.

    Case does not matter, nor does what joins the words. A split that the dataset does not have is returned if it is
    nearly one that it has; else the label names something else, as 300W-LP does.

    >>> dataset_and_split("youtube-faces-test-disjoint"), dataset_and_split("300w"), dataset_and_split("my photos")
    (('youtube-faces', 'test-disjoint'), ('300w', None), (None, None))
    >>> dataset_and_split("300-W test"), dataset_and_split("YouTube_Faces/train")
    (('300w', 'test'), ('youtube-faces', 'train'))
    >>> dataset_and_split("300w-trian"), dataset_and_split("300W-LP")
    (('300w', 'trian'), (None, None))
    """
    words = re.split(r"[^a-z0-9.]+", label.strip().casefold())
    for count in range(len(words), 0, -1):
        for name in registry.names("dataset"):
            if "".join(words[:count]) == re.sub(r"[^a-z0-9.]+", "", name.casefold()):
                split, splits = "-".join(words[count:]), make_dataset(name).splits
                if split in ("", *splits) or get_close_matches(split, splits, 1):
                    return name, split or None
    return None, None


def _trained_on(cell: Cell, faces: FaceSet | None, data: SuiteData) -> str:
    train = data.train(cell.train).faces
    if train is None or faces is None or cell.train.folds:
        return ""
    return overlap(_named(train, cell.train.dataset), faces).in_words()


def _faces_of(protocol: Protocol, data: SuiteData) -> FaceSet | None:
    """Return the protocol's own faces; None where there are none, which the run will find out and record."""
    loaded = data.test(protocol).faces
    try:
        return None if loaded is None else _named(protocol.select(loaded), protocol.dataset)
    except FldbenchError:
        return None


def _named(faces: FaceSet, dataset: str) -> FaceSet:
    return faces if faces.name else replace(faces, name=dataset)
