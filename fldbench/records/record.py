"""Record: one run in typed parts."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from fldbench.attribute_metrics import AttributeFacts
from fldbench.escape import cut, html_facts, plain
from fldbench.metrics import Metric
from fldbench.protocols import Protocol
from fldbench.records.timings import Timings as Timings

OUTSIDE = "outside"  # the name of the method behind predictions of other programs
UNKNOWN, NOT_STATED = "unknown", "not stated"  # their training faces, and their boxes, if nobody says

Kept = Callable[[Sequence[str]], dict[str, np.ndarray]]


@dataclass(frozen=True)
class MethodFacts:
    """What was run.

    Attributes
    ----------
    name, label : str
        The registered name, and the name in tables.
    params : dict
        All parameters.
    version, changes_nothing
        As the class declares them.
    code, libraries, files : dict of str to str
        Module -> digest, distribution -> version, parameter -> SHA-256 of the file that it names.
    parameters, multiply_adds, model_bytes : int or None
        Number of learned parameters, multiply-adds per face, size of the model file.
    models : dict of str to str
        Path of the model's file below OUT -> its SHA-256; of each fold's model in a cross-validation.
    """

    name: str
    label: str
    params: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    changes_nothing: tuple[str, ...] = ()
    code: dict[str, str] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    parameters: int | None = None
    multiply_adds: int | None = None
    model_bytes: int | None = None
    models: dict[str, str] = field(default_factory=dict)

    @cached_property
    def code_digest(self) -> str:
        """Six hex digits for all code and libraries; empty if they are not known."""
        text = json.dumps([self.code, self.libraries], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:6] if self.code else ""


@dataclass(frozen=True)
class TrainFacts:
    """The training faces of a method; `faces` is None if that is not known.

    parts are name -> (found, expected) faces; left_out counts faces whose image cannot be decoded. overlap says in
    words what the training and the test faces share, or may share; empty if they share nothing. Such a result is
    contaminated and never ranked.

    folds is the number of models of a cross-validation: each answered the faces of its own fold and was trained on the
    faces of the others. groups is the number of groups that were dealt out to the folds, partition the digest of the
    folds, and partition_seed what they were drawn by; None and empty without folds.
    """

    label: str
    dataset: str = ""
    split: str = ""
    boxes: str = ""
    faces: int | None = None
    n_expected: int | None = None
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    left_out: int = 0
    left_out_reasons: tuple[str, ...] = ()
    fingerprint: str = ""
    overlap: str = ""
    folds: int | None = None
    groups: int | None = None
    partition: str = ""
    partition_seed: int | None = None


@dataclass(frozen=True)
class TestFacts:
    """The test faces of a method; `complete` says that these are exactly the faces of the protocol.

    absent counts the faces for which a prediction file has no answer. boxes are those that outside predictions were
    made with, as somebody states them; empty for a run of fldbench, which has the boxes of the protocol. box_iou is
    the median overlap (IoU) of the protocol's boxes with the tight boxes of the true points; None if not measured.
    """

    __test__ = False  # tells pytest that this is not a test class

    n: int = 0
    missed: int = 0
    left_out: int = 0
    left_out_reasons: tuple[str, ...] = ()
    complete: bool = False
    ids_sha256: str = ""
    fingerprint: str = ""
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    absent: int = 0
    boxes: str = ""
    box_iou: float | None = None


@dataclass(frozen=True)
class Machine:
    """The machine of a run: see `fldbench.records.machine`."""

    cpu: str = ""
    cores: int | None = None
    cores_usable: int | None = None
    memory_gb: float | None = None
    blas: str = ""
    gpu: str = ""
    platform: str = ""
    python: str = ""
    libraries: dict[str, str] = field(default_factory=dict)
    commit: str = ""


class Metrics(Mapping[str, float | None]):
    """Measured numbers in percent by their column's key, such as `nme` and `fr08`; None if no face was found.

    `values_` are the `Metric` objects behind them, which know name, threshold and rule.
    """

    def __init__(self, values: tuple[Metric, ...] = ()):
        self.values_ = tuple(values)
        self._by_key = {one.key: None if math.isnan(one.value) else one.value for one in self.values_}

    def __getitem__(self, key: str) -> float | None:
        return self._by_key[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)

    def __repr__(self) -> str:
        return f"Metrics({self._by_key})"


@dataclass(frozen=True, repr=False)
class Record:
    """One run: a fitted model, or somebody's predictions, measured under one protocol. Written once, never changed.

    Attributes
    ----------
    key : str
        Key of the run: see `fldbench.records.keys`.
    like : str
        Key of the same run by any code; empty if not known.
    status : str
        ok, failed or skipped.
    method, train, test, attributes, timings, machine
        The typed parts; attributes are empty for a method that answers landmarks alone.
    protocol : Protocol
        Everything that decides the number.
    seed : int or None
        Of the method's `random_state` and of the partition into folds; None for a run that has neither.
    metrics : Metrics
        In percent; empty unless the status is ok.
    reason, traceback : str
        Of a failure.
    started, ended : str
        UTC, to the second.
    arrays_sha256 : str
        SHA-256 of the file of faces beside the record; empty without such a file.
    edited : str
        What does not fit the record's own digest, found on reading; empty for a sound record. Edited records are never
        ranked.
    other_code : bool
        Whether the record was made by other code or libraries than this run's and was reused on request.
    kept : callable or None
        Returns those of the named arrays that are kept beside the record; they are read when they are asked for.
    """

    key: str
    status: str
    method: MethodFacts
    train: TrainFacts
    protocol: Protocol
    seed: int | None = None
    like: str = ""
    test: TestFacts = TestFacts()
    metrics: Metrics = field(default_factory=Metrics)
    attributes: AttributeFacts = field(default_factory=AttributeFacts)
    timings: Timings = field(default_factory=Timings)
    machine: Machine = Machine()
    reason: str = ""
    traceback: str = ""
    started: str = ""
    ended: str = ""
    arrays_sha256: str = ""
    edited: str = ""
    other_code: bool = False
    kept: Kept | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        seed = "" if self.seed is None else f", seed {self.seed}"
        what = f"{self.method.label} on {self.train.label} under {self.protocol.name}{seed}"
        nme = self.metrics.get("nme")
        outcome = self.edited or self.reason or ("" if nme is None else f"NME {nme:.2f} %")
        return f"Record {cut(plain(what))}: {cut(plain(', '.join(filter(None, [self.status, outcome]))))}"

    def _repr_html_(self) -> str:
        timings = {name: value for name, value in asdict(self.timings).items() if value is not None}
        facts = {
            "status": self.status,
            "reason": self.edited or self.reason,
            "method": f"{self.method.label} ({self.method.name})",
            "trained on": self.train.label,
            "contaminated": self.overlap,
            "protocol": self.protocol.name,
            "seed": self.seed,
            "faces": f"{self.test.n}, {self.test.missed} missed" if self.test.n else "",
            **{name: None if value is None else f"{value:.4g}" for name, value in self.metrics.items()},
            "timings": ", ".join(f"{name} {value}" for name, value in timings.items()),
            "machine": self.machine.cpu,
            "key": self.key,
        }
        return html_facts(facts)

    @property
    def boxes(self) -> str:
        """The boxes that the answers were made with; those of outside predictions are `not stated` by default."""
        return self.test.boxes or (NOT_STATED if self.method.name == OUTSIDE else self.protocol.box_source)

    @property
    def overlap(self) -> str:
        """What training and test faces share, in words; empty if nothing is known.

        Records of earlier versions do not say it, but that the training set is the split of the test faces.
        """
        train, rules = self.train, self.protocol
        split = f"{rules.dataset}-{rules.split}"
        same = (train.dataset, train.split) == (rules.dataset, rules.split) and train.label.partition("@")[0] == split
        if train.overlap or train.folds or rules.options or not same:
            return train.overlap
        return f"all test faces are training faces, those of {split}"
