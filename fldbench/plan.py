"""What a suite asks for: every model to fit, every run that waits for it, each with its key, and the data they need."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fldbench import registry
from fldbench.code_digest import code_digest
from fldbench.curate.excludes import read_excludes, without
from fldbench.dataset import load_dataset, make_dataset
from fldbench.errors import DataError, DatasetNotFoundError, UnknownNameError
from fldbench.faces import FaceSet, unreadable_images
from fldbench.method import Method, make_method, parameters_of
from fldbench.protocols import Protocol, boxes_from, get_protocol
from fldbench.store import run_key
from fldbench.suite import MethodSpec, Suite, TrainSpec


@dataclass
class Loaded:
    """A face set as a run needs it: the readable faces, and those left out; or why there is none.

    left_out    faces whose image cannot be decoded; problems, their ids -> why
    """

    faces: FaceSet | None
    n_expected: int | None = None
    left_out: FaceSet | None = None
    problems: dict[str, str] = field(default_factory=dict)
    error: DataError | None = None

    def drop_unreadable(self) -> None:
        """Leaves out the faces whose image cannot be decoded, and remembers why."""
        if self.faces is None:
            return
        problems = unreadable_images(self.faces)
        self.problems = {str(self.faces.ids[row]): why for row, why in problems.items()}
        bad = np.isin(np.arange(len(self.faces)), list(problems))
        self.faces, self.left_out = self.faces[~bad], self.faces[bad]

    def check_usable(self) -> FaceSet:
        """The readable faces; raises why they could not be loaded, or DatasetNotFoundError when none is readable."""
        if self.error is not None:
            raise self.error
        if not len(self.faces):
            why = next(iter(self.problems.values()), "there is none")
            raise DatasetNotFoundError(f"no face has a usable image: {why}")
        return self.faces

    def problems_in(self, protocol: Protocol) -> list[str]:
        """Why faces of a protocol were left out, one reason a face."""
        if self.left_out is None:
            return []
        return [self.problems[face] for face in protocol.select(self.left_out).ids.tolist()]


@dataclass
class Job:
    """One model to fit (method x training set x seed) and the protocols that wait for it."""

    method: Method
    spec: MethodSpec
    train_spec: TrainSpec
    seed: int | None
    model_key: str
    runs: list[tuple[str, Protocol]]  # run key, protocol
    targets: dict[str, Any]  # registry entries of the method and its members, for worker processes
    member_keys: list[str]  # of the models that together are this one; empty for most

    @property
    def label(self) -> str:
        """For progress and messages."""
        return f"{self.spec.label} on {self.train_spec.label}" + ("" if self.seed is None else f", seed {self.seed}")


@dataclass
class Plan:
    """Everything that a suite asks for, with the data it needs."""

    jobs: list[Job]
    train: dict[str, Loaded]
    test: dict[tuple[str, str], Loaded]
    train_prints: dict[str, str]  # training set's label -> fingerprint
    test_prints: dict[str, str]  # protocol's name -> fingerprint of its faces


def make_plan(suite: Suite, data: str | Path | None) -> Plan:
    """Loads the annotations and names every run. Raises the first one's error when no training set can be loaded."""
    protocols = [get_protocol(name) for name in suite.protocols]
    train = {spec.label: _load_train(spec, data) for spec in suite.train}
    if all(loaded.faces is None for loaded in train.values()):
        raise next(iter(train.values())).error
    test = {place: _load(*place, data) for place in dict.fromkeys((p.dataset, p.split) for p in protocols)}
    train_prints = {label: _fingerprint(loaded.faces) for label, loaded in train.items()}
    # Who belongs together decides validation parts and folds; the fingerprint does not hold it.
    groups = {label: "" if loaded.faces is None else loaded.faces.groups_fingerprint for label, loaded in train.items()}
    test_prints = {p.name: _test_fingerprint(p, test[p.dataset, p.split].faces) for p in protocols}
    jobs = []
    for train_spec in suite.train:
        for spec in suite.methods:
            for seed in _seeds_for(spec, suite.seeds):
                method = make_method(spec.name, **spec.params, **({} if seed is None else {"random_state": seed}))
                faces_known = [train_prints[train_spec.label], groups[train_spec.label]]
                model_key = run_key([method_facts(method, spec), *faces_known])
                members = [
                    run_key([method_facts(member, MethodSpec(name=name)), *faces_known])
                    for name, member in method.members_alone.items()
                ]
                runs = [(run_key([model_key, p.hash, test_prints[p.name]]), p) for p in protocols]
                jobs.append(Job(method, spec, train_spec, seed, model_key, runs, _targets(method, spec.name), members))
    return Plan(jobs, train, test, train_prints, test_prints)


def _seeds_for(spec: MethodSpec, seeds: list[int]) -> list[int | None]:
    """The suite's seeds for a method that draws at random, and one run without for any other."""
    draws = "random_state" in parameters_of(registry.resolve("method", spec.name))
    return list(seeds) if draws and "random_state" not in spec.params else [None]


def _targets(method: Method, name: str) -> dict[str, Any]:
    """The registry's entries of a method and of its members, as far as these are registered."""
    names = [name]
    for one in _with_members(method):
        with suppress(UnknownNameError):
            names.append(registry.method_name(type(one)))
    return {name: registry.table("method")[name] for name in names}


def _fingerprint(faces: FaceSet | None) -> str:
    return "" if faces is None else faces.fingerprint


def _test_fingerprint(protocol: Protocol, faces: FaceSet | None) -> str:
    """Of the protocol's own faces; empty where they cannot be selected, which the run will find out and record."""
    try:
        return _fingerprint(None if faces is None else protocol.select(faces))
    except DataError:
        return ""


def _load(name: str, split: str, data: str | Path | None, **options: Any) -> Loaded:
    try:
        faces = load_dataset(name, data, split, **options)
    except DataError as error:
        return Loaded(None, error=error)
    return Loaded(faces, make_dataset(name, **options).expected.get(split))


def _load_train(spec: TrainSpec, data: str | Path | None) -> Loaded:
    loaded = _load(spec.dataset, spec.split, data, **spec.options)
    if loaded.faces is None:
        return loaded
    faces = loaded.faces if spec.exclude is None else without(loaded.faces, read_excludes(spec.exclude))
    return Loaded(boxes_from(faces[: spec.faces], spec.boxes), spec.faces or loaded.n_expected)


def method_facts(method: Method, spec: MethodSpec) -> dict[str, Any]:
    """What of a method can change the numbers: name, params, version, the code of its module, files it is given."""
    everyone = list(_with_members(method))
    files = [digest for one in everyone for digest in _files(one)]
    return {
        "name": spec.name,
        "params": method.get_params(),
        "version": method.version,
        "code": "-".join(code_digest(type(one)) for one in everyone),
    } | ({"files": files} if files else {})


def _with_members(method: Method) -> Iterator[Method]:
    yield method
    for member in method.members:
        yield from _with_members(member)


def _files(method: Method) -> Iterator[str]:
    """SHA-256 of the weight files and models that a method is given; their paths alone do not say what is in them."""
    for name in ("weights", "model"):
        value = method.get_params().get(name)
        if isinstance(value, str) and Path(value).is_file():
            with open(value, "rb") as file:
                yield hashlib.file_digest(file, "sha256").hexdigest()
