"""Cell: one model to fit and the runs that wait for it; it names its data and loads them, so it runs anywhere."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from fldbench import registry
from fldbench.errors import DatasetNotFoundError, FldbenchError
from fldbench.faces import facts_of
from fldbench.method import Method, load_method, make_method
from fldbench.protocols import Protocol, boxes_from
from fldbench.records.keys import Ingredients
from fldbench.records.machine import machine_facts
from fldbench.records.record import MethodFacts, Metrics, Record, Timings
from fldbench.records.store import Store
from fldbench.run.data import SuiteData
from fldbench.run.facts import facts_of_test, facts_of_training
from fldbench.run.suite import MethodSpec, TrainSpec
from fldbench.run.timing import Clock, load_average, now, predict_timed


class Run(NamedTuple):
    """One measurement that waits for the model: its key, its key by any code, the protocol, its faces' fingerprint."""

    key: str
    like: str
    protocol: Protocol
    fingerprint: str


@dataclass(frozen=True)
class Cell:
    """One model (method, training set, seed) and its runs, with everything needed to do them.

    Attributes
    ----------
    method : MethodSpec
        Name, parameters and label.
    train : TrainSpec
        What to train on.
    seed : int or None
        None for a method without `random_state`.
    data : str or None
        The data root.
    made_of : Ingredients
        The ingredients of the model; their key is that of the fitted model in the store.
    train_fingerprint : str
        Of the training faces, as they were planned.
    runs : tuple of Run
        What is measured.
    members : tuple of str
        Keys of the models that together form this one; usually empty.
    plug_ins : dict
        (kind, name) -> registry entry that the cell needs, for processes that do not know it.
    problems : dict
        Place -> face id -> reason, for images that are known to be unreadable.
    jobs : int
        Cells that run at the same time.
    """

    method: MethodSpec
    train: TrainSpec
    seed: int | None
    data: str | None
    made_of: Ingredients
    train_fingerprint: str
    runs: tuple[Run, ...]
    members: tuple[str, ...] = ()
    plug_ins: dict[tuple[str, str], Any] = field(default_factory=dict)
    problems: dict[str, dict[str, str]] = field(default_factory=dict)
    jobs: int = 1

    @property
    def model_key(self) -> str:
        """The key of the fitted model."""
        return self.made_of.key

    @property
    def label(self) -> str:
        """The name in progress and messages."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{self.method.label} on {self.train.label}{seed}"

    def make(self) -> Method:
        """Return the unfitted method."""
        seed = {} if self.seed is None else {"random_state": self.seed}
        return make_method(self.method.name, **self.method.params, **seed)


def run_cell(cell: Cell, store: Store, data: SuiteData | None = None) -> str:
    """Fit the model unless the store has it, and write the record of every run that is not done.

    Every failure becomes a record with its reason; the other runs continue.

    Parameters
    ----------
    cell : Cell
        What to do.
    store : Store
        Where models and records go.
    data : SuiteData, optional
        Faces that are loaded already; by default the cell loads its own.

    Returns
    -------
    str
        What was done, and what went wrong, in one line.
    """
    for (kind, name), target in cell.plug_ins.items():
        registry.register(kind, name, target)
    data = data or SuiteData(cell.data, cell.problems)
    base = _base_record(cell, data)
    problems: dict[str, None] = {}
    model = _tried(_fitted, cell, data, store)
    for runs in _by_boxes(run for run in cell.runs if not store.has_record(run.key)):
        answers = model if isinstance(model, Failure) else _tried(_answers, model, runs, data)
        for run in runs:
            one = replace(base, key=run.key, like=run.like, protocol=run.protocol)
            measured = answers if isinstance(answers, Failure) else _tried(_measured, one, model, answers, run, data)
            if isinstance(measured, Failure):
                problems[measured.reason] = None
                store.write(replace(one, **measured._asdict(), ended=now()))
            else:
                store.write(*measured)
    return "; ".join([cell.label, *problems])


class Failure(NamedTuple):
    """Why there is no number: the reason in a record."""

    status: str
    reason: str
    traceback: str


class Fitted(NamedTuple):
    """A model as saved, and the facts of its fit."""

    method: Method
    facts: dict[str, Any]


class Answers(NamedTuple):
    """Predictions (n, L, 2) px of the faces with some ids, and their times."""

    row_of: dict[str, int]
    predictions: np.ndarray
    timings: dict[str, float | None]


def _tried(work: Callable[..., Any], *args: Any) -> Any:
    """Return the result of `work`, or the Failure that ended it."""
    try:
        return work(*args)
    except Exception as error:  # a method may raise anything
        status = "skipped" if isinstance(error, DatasetNotFoundError) else "failed"
        known = isinstance(error, FldbenchError)
        text = " ".join(str(error).split()) or "no message"
        trace = "" if known else "".join(traceback.format_exception(error))
        return Failure(status, text if known else f"{type(error).__name__}: {text}", trace)


def _fitted(cell: Cell, data: SuiteData, store: Store) -> Fitted:
    """Return the model as saved, so that a resumed run measures exactly the same as an uninterrupted one."""
    if not store.has_model(cell.model_key):
        method = cell.make()
        clock = Clock()
        if cell.members and all(store.has_model(key) for key in cell.members):
            method.assemble([load_method(store.model_path(key) / "model.safetensors") for key in cell.members])
            fits = [store.read_fit(key) for key in cell.members]
            timed = {"fit_seconds": round(sum(fit["fit_seconds"] for fit in fits), 3), "fit_cores": None}
        else:
            faces = data.train(cell.train).check_usable()
            facts_of(faces)  # `fit` notes them; what they cost is no part of its time
            with clock:
                method.fit(faces)
            timed = {"fit_seconds": round(clock.seconds, 3), "fit_cores": clock.cores}
        counts = {"parameters": int(method.n_parameters), "multiply_adds": method.multiply_adds}
        store.write_model(cell.model_key, method.save, timed | counts | {"device": method.device_, "jobs": cell.jobs})
    facts = store.read_fit(cell.model_key)
    return Fitted(load_method(store.model_path(cell.model_key) / "model.safetensors"), facts)


def _by_boxes(runs: Iterator[Run]) -> list[list[Run]]:
    """Group runs that can share one prediction: same test split, same boxes."""
    together: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        place = run.protocol.dataset, run.protocol.split, run.protocol.box_source
        together.setdefault(place, []).append(run)
    return list(together.values())


def _answers(model: Fitted, runs: list[Run], data: SuiteData) -> Answers:
    """Predict every face that any run needs, once."""
    loaded, protocols = data.test(runs[0].protocol), [run.protocol for run in runs]
    faces = boxes_from(loaded.check_usable(), protocols[0].box_source)
    wanted = {face for protocol in protocols for face in protocol.select(faces).ids.tolist()}
    faces = faces[np.isin(faces.ids, sorted(wanted))]
    row_of = {face: row for row, face in enumerate(faces.ids.tolist())}
    if not len(faces):
        return Answers(row_of, np.empty((0, *faces.landmarks.shape[1:])), {})
    return Answers(row_of, *predict_timed(model.method, faces))


def _measured(
    base: Record, model: Fitted, answers: Answers, run: Run, data: SuiteData
) -> tuple[Record, dict[str, np.ndarray]]:
    """Return the record of one run, and the arrays to keep beside it."""
    loaded = data.test(run.protocol)
    faces = loaded.of(run.protocol)
    predictions = answers.predictions[[answers.row_of[face] for face in faces.ids.tolist()]]
    score = run.protocol.score(predictions, faces)
    timings: dict[str, Any] = {key: model.facts.get(key) for key in ("fit_seconds", "fit_cores", "device", "jobs")}
    timings |= answers.timings
    counts = {key: model.facts[key] for key in ("parameters", "multiply_adds", "model_bytes")}
    record = replace(
        base,
        status="ok",
        method=replace(base.method, **counts),
        test=facts_of_test(run.protocol, faces, score, loaded.problems_in(run.protocol), run.fingerprint),
        metrics=Metrics(score.values),
        timings=Timings(**timings, load=load_average()),
        ended=now(),
    )
    return record, {"ids": faces.ids, "predictions": predictions} | score.evidence


def _base_record(cell: Cell, data: SuiteData) -> Record:
    """Return the record of a run that has not begun."""
    made_of, train, method = cell.made_of, data.train(cell.train), cell.make()
    return Record(
        key="",
        status="failed",
        method=MethodFacts(
            name=cell.method.name,
            label=cell.method.label,
            params=method.get_params(),
            version=method.version,
            changes_nothing=method.changes_nothing,
            code=made_of.code,
            libraries=made_of.libraries,
            files=made_of.files,
        ),
        train=facts_of_training(cell.train, train, cell.train_fingerprint),
        protocol=cell.runs[0].protocol,
        seed=cell.seed,
        machine=machine_facts(),
        started=now(),
    )
